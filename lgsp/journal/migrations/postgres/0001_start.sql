-- Times are microseconds since 1970 UTC, exact and the same in every store: to_timestamp(accepted_at / 1e6) shows them.
-- States are lgsp.core.lifecycle.State (below 10: open), modes 0 push and 1 mailbox.

-- Last numbers given out, one row. No sequences: a rolled back transaction must not leave a gap.
CREATE TABLE counters (
    only_row          boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    last_sequence     bigint NOT NULL DEFAULT 0,
    last_delivery_id  bigint NOT NULL DEFAULT 0,
    directory_version bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 10, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0);
INSERT INTO counters DEFAULT VALUES;

CREATE TABLE envelopes (
    sequence          bigint PRIMARY KEY,
    first_delivery_id bigint NOT NULL, -- an envelope's deliveries have consecutive ids, so no index finds them
    accepted_at       bigint NOT NULL,
    expires_at        bigint NOT NULL,
    directory_version bigint NOT NULL,
    body_bytes        integer NOT NULL,
    delivery_count    integer NOT NULL,
    priority          smallint NOT NULL,
    sender            text NOT NULL,
    message_id        text NOT NULL,
    digest            text NOT NULL,
    kind              text NOT NULL,
    order_key         text,
    header            bytea NOT NULL, -- JSON of lgsp.journal.codec.Header, octet for octet
    body              bytea NOT NULL,
    UNIQUE (sender, message_id)
) WITH (autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02);
-- Bodies stand outside the row, so that listings do not read them, and uncompressed: trying costs more than it saves.
ALTER TABLE envelopes ALTER COLUMN body SET STORAGE EXTERNAL;

-- No foreign keys: one function writes an envelope's rows, in one transaction; the check would cost a look-up and a row lock each.
--
-- Every change of state touches an index below, so updates are never HOT; the room left on each page (fillfactor) still keeps
-- the new version beside the old one, whose place the next visitor reuses. Vacuum early: dead entries of the short-lived
-- partial indexes would otherwise lie in the sweeper's way.
CREATE TABLE deliveries (
    delivery_id  bigint PRIMARY KEY,
    sequence     bigint NOT NULL,
    lane         bigint,
    due_at       bigint, -- while READY
    expires_at   bigint NOT NULL,
    ended_at     bigint,
    attempt      integer NOT NULL, -- the one to be made, the first is 1
    postponed    integer NOT NULL DEFAULT 0, -- how many of these numbers were put off and not attempted
    shard        integer NOT NULL,
    priority     smallint NOT NULL,
    mode         smallint NOT NULL,
    state        smallint NOT NULL,
    recipient    text NOT NULL,
    addressed_as text NOT NULL,
    reason       text NOT NULL DEFAULT '',
    detail       text NOT NULL DEFAULT ''
) WITH (
    fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000,
    autovacuum_analyze_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05
);
CREATE INDEX deliveries_lane ON deliveries (lane, state, delivery_id) WHERE state < 10 AND lane IS NOT NULL;
CREATE INDEX deliveries_due ON deliveries (due_at, delivery_id) WHERE state = 1;
CREATE INDEX deliveries_queued ON deliveries (delivery_id) WHERE state = 2;
CREATE INDEX deliveries_mailbox ON deliveries (recipient, delivery_id) WHERE state = 3;
CREATE INDEX deliveries_expiry ON deliveries (expires_at, delivery_id) WHERE state < 10;

-- Append only. Ids grow in commit order (written under the global lock) and may have gaps.
CREATE TABLE events (
    event_id    bigint GENERATED ALWAYS AS IDENTITY,
    at          bigint NOT NULL,
    sequence    bigint NOT NULL,
    delivery_id bigint,
    attempt     integer,
    took_ms     integer,
    name        text NOT NULL,
    reason      text NOT NULL DEFAULT '',
    detail      text NOT NULL DEFAULT '',
    PRIMARY KEY (sequence, event_id)
) WITH (autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02);

CREATE TABLE identifiers (
    key      text NOT NULL, -- contracts.text.identifier_key
    sequence bigint NOT NULL,
    PRIMARY KEY (key, sequence)
);

-- Who may read and pass on a file: who uploaded it, or sent or received an accepted envelope with it.
CREATE TABLE file_access (
    size_bytes  bigint NOT NULL,
    uploaded_at bigint, -- NULL: by an envelope
    digest      text NOT NULL,
    agency      text NOT NULL,
    PRIMARY KEY (digest, agency)
);

CREATE TABLE agencies (
    code     text PRIMARY KEY,
    document jsonb NOT NULL -- lgsp.core.directory.Agency
);

CREATE TABLE credentials (
    client_id   text PRIMARY KEY,
    agency      text NOT NULL,
    secret_hash text NOT NULL,
    disabled    boolean NOT NULL
);

CREATE TABLE certificates (
    fingerprint text PRIMARY KEY, -- lower-case hex SHA-256 of the DER
    agency      text NOT NULL
);
