-- What was archived, and what was erased. Everything else of an envelope stays: header, salt, verdict and evidence, route, times.

-- No row: nothing of the envelope was.
CREATE TABLE keeping (
    sequence        INTEGER PRIMARY KEY REFERENCES envelopes,
    archive         INTEGER,  -- it goes into this one, or went
    body_erased_at  INTEGER,
    files_erased_at INTEGER
) STRICT;

CREATE INDEX keeping_archive ON keeping (archive) WHERE archive IS NOT NULL;

CREATE TABLE archives (
    number    INTEGER PRIMARY KEY,
    folder    TEXT NOT NULL,
    envelopes INTEGER NOT NULL,
    begun_at  INTEGER NOT NULL,
    previous  TEXT,
    sha256    TEXT,  -- NULL until it was taken over
    done_at   INTEGER
) STRICT;

-- Which envelopes refer to a file.
CREATE TABLE attached (
    digest     TEXT NOT NULL,
    sequence   INTEGER NOT NULL REFERENCES envelopes,
    size_bytes INTEGER NOT NULL,
    PRIMARY KEY (digest, sequence)
) STRICT, WITHOUT ROWID;

CREATE INDEX attached_sequence ON attached (sequence);

INSERT OR IGNORE INTO attached
SELECT file.value ->> 'digest', e.sequence, file.value ->> 'size_bytes'
FROM envelopes e, json_each(CAST(e.header AS TEXT), '$.attachments') AS file;

ALTER TABLE file_access ADD COLUMN erased_at INTEGER;  -- the file was erased since, and may be neither read nor passed on

-- Files that no envelope refers to any more: closed (0), being deleted (1), deleted (2).
CREATE TABLE erased_files (
    digest TEXT PRIMARY KEY,
    stage  INTEGER NOT NULL,
    at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX erased_files_stage ON erased_files (stage DESC, at) WHERE stage < 2;
