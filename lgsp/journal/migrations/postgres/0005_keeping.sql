-- What was archived, and what was erased. Everything else of an envelope stays: header, salt, verdict and evidence, route, times.

ALTER TABLE envelopes ALTER COLUMN body DROP NOT NULL; -- NULL: it was erased

-- No row: nothing of the envelope was.
CREATE TABLE keeping (
    sequence        bigint PRIMARY KEY,
    archive         bigint, -- it goes into this one, or went
    body_erased_at  bigint,
    files_erased_at bigint
);

CREATE INDEX keeping_archive ON keeping (archive) WHERE archive IS NOT NULL;

CREATE TABLE archives (
    number    bigint PRIMARY KEY,
    folder    text NOT NULL,
    envelopes integer NOT NULL,
    begun_at  bigint NOT NULL,
    previous  text,
    sha256    text, -- NULL until it was taken over
    done_at   bigint
);

-- Which envelopes refer to a file.
CREATE TABLE attached (
    digest     text NOT NULL,
    sequence   bigint NOT NULL,
    size_bytes bigint NOT NULL,
    PRIMARY KEY (digest, sequence)
);

CREATE INDEX attached_sequence ON attached (sequence);

INSERT INTO attached
SELECT file ->> 'digest', e.sequence, (file ->> 'size_bytes')::bigint
FROM envelopes e, jsonb_array_elements(coalesce(convert_from(e.header, 'UTF8')::jsonb -> 'attachments', '[]')) AS file
ON CONFLICT DO NOTHING;

ALTER TABLE file_access ADD COLUMN erased_at bigint; -- the file was erased since, and may be neither read nor passed on

-- Files that no envelope refers to any more: closed (0), being deleted (1), deleted (2).
CREATE TABLE erased_files (
    digest text PRIMARY KEY,
    stage  smallint NOT NULL,
    at     bigint NOT NULL
);

CREATE INDEX erased_files_stage ON erased_files (stage DESC, at) WHERE stage < 2;
