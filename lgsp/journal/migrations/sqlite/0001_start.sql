-- Times are microseconds since 1970 UTC. States and modes are the numbers of lgsp.core.lifecycle and lgsp.journal.codec.
-- Sequences and delivery ids are given by the program inside the transaction: dense, in commit order.
-- Queries must repeat the WHERE of a partial index word for word, or SQLite does not use it. Open deliveries are found by
-- `ended_at IS NULL`: with `state < 10` SQLite takes the range even where an equality on state stands beside it.

CREATE TABLE envelopes (
    sequence          INTEGER PRIMARY KEY,
    sender            TEXT NOT NULL,
    message_id        TEXT NOT NULL,
    digest            TEXT NOT NULL,
    kind              TEXT NOT NULL,
    priority          INTEGER NOT NULL,
    order_key         TEXT,
    body_bytes        INTEGER NOT NULL,
    header            BLOB NOT NULL,  -- JSON: the envelope without its body
    accepted_at       INTEGER NOT NULL,
    expires_at        INTEGER NOT NULL,
    directory_version INTEGER NOT NULL,
    first_delivery_id INTEGER NOT NULL,  -- deliveries of an envelope have consecutive ids
    delivery_count    INTEGER NOT NULL,
    UNIQUE (sender, message_id)
) STRICT;

-- Apart from the header, so that rows which are read often stay small and bodies can be erased when their time has come.
CREATE TABLE bodies (
    sequence INTEGER PRIMARY KEY REFERENCES envelopes,
    body     BLOB NOT NULL
) STRICT;

CREATE TABLE deliveries (
    delivery_id  INTEGER PRIMARY KEY,
    sequence     INTEGER NOT NULL REFERENCES envelopes,
    recipient    TEXT NOT NULL,
    addressed_as TEXT NOT NULL,
    lane         INTEGER,
    shard        INTEGER NOT NULL,
    priority     INTEGER NOT NULL,
    mode         INTEGER NOT NULL,
    state        INTEGER NOT NULL,
    attempt      INTEGER NOT NULL,  -- the one to be made, the first is 1
    postponed    INTEGER NOT NULL DEFAULT 0,  -- how many of these numbers were put off and not attempted
    due_at       INTEGER,  -- of READY ones: from then on the sweeper may publish
    expires_at   INTEGER NOT NULL,
    ended_at     INTEGER,  -- NULL while it is open, that is, state < 10
    reason       TEXT NOT NULL DEFAULT '',
    detail       TEXT NOT NULL DEFAULT ''
) STRICT;

-- With the state inside, the head of a lane is found in one step however long the lane is.
CREATE INDEX deliveries_lane ON deliveries (lane, state) WHERE ended_at IS NULL AND lane IS NOT NULL;
CREATE INDEX deliveries_due ON deliveries (due_at) WHERE state = 1;
CREATE INDEX deliveries_queued ON deliveries (state) WHERE state = 2;
CREATE INDEX deliveries_mailbox ON deliveries (recipient, delivery_id) WHERE state = 3;
CREATE INDEX deliveries_expiry ON deliveries (expires_at) WHERE ended_at IS NULL;

CREATE TABLE events (
    event_id    INTEGER PRIMARY KEY,
    at          INTEGER NOT NULL,
    name        TEXT NOT NULL,
    sequence    INTEGER NOT NULL REFERENCES envelopes,
    delivery_id INTEGER,
    attempt     INTEGER,
    reason      TEXT NOT NULL DEFAULT '',
    detail      TEXT NOT NULL DEFAULT '',
    took_ms     INTEGER
) STRICT;

CREATE INDEX events_sequence ON events (sequence);

CREATE TABLE identifiers (
    key      TEXT NOT NULL,  -- contracts.text.identifier_key
    sequence INTEGER NOT NULL REFERENCES envelopes,
    PRIMARY KEY (key, sequence)
) STRICT, WITHOUT ROWID;

-- Who may read and pass on a file: it uploaded it, or an accepted envelope with it came from or goes to it.
CREATE TABLE file_access (
    digest      TEXT NOT NULL,
    agency      TEXT NOT NULL,
    size_bytes  INTEGER NOT NULL,
    uploaded_at INTEGER,  -- NULL: by an envelope
    PRIMARY KEY (digest, agency)
) STRICT, WITHOUT ROWID;

CREATE TABLE directory (
    only    INTEGER PRIMARY KEY CHECK (only = 1),
    version INTEGER NOT NULL
) STRICT;

INSERT INTO directory VALUES (1, 0);

CREATE TABLE agencies (
    code     TEXT PRIMARY KEY,
    document BLOB NOT NULL  -- JSON
) STRICT, WITHOUT ROWID;

CREATE TABLE credentials (
    client_id   TEXT PRIMARY KEY,
    agency      TEXT NOT NULL,
    secret_hash TEXT NOT NULL,
    disabled    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE certificates (
    fingerprint TEXT PRIMARY KEY,
    agency      TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Written to prove that writing works.
CREATE TABLE pulse (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    beat INTEGER NOT NULL
) STRICT;

INSERT INTO pulse VALUES (1, 0);
