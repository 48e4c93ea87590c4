-- The evidence log: a Merkle tree (RFC 6962) whose leaves tell what the journal did, in the transaction that did it.

-- lgsp.core.log.record; the first leaf is 0. Never changed, never erased.
CREATE TABLE log_leaves (
    leaf_index bigint PRIMARY KEY,
    leaf       bytea NOT NULL
) WITH (autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02);
ALTER TABLE log_leaves ALTER COLUMN leaf SET STORAGE EXTERNAL;

-- Hashes of complete subtrees of 256^level leaves, level 1 and up (those of level 0 are hashed from the leaves): C2SP tlog-tiles.
CREATE TABLE log_hashes (
    hash_index bigint NOT NULL,
    level      smallint NOT NULL,
    hash       bytea NOT NULL,
    PRIMARY KEY (level, hash_index)
);

-- The tree as it stands: lgsp.core.log.frontier. `log_origin`: the name under which its heads are signed; empty: not yet.
ALTER TABLE counters ADD COLUMN log_size bigint NOT NULL DEFAULT 0;
ALTER TABLE counters ADD COLUMN log_frontier bytea NOT NULL DEFAULT '';
ALTER TABLE counters ADD COLUMN log_origin text NOT NULL DEFAULT '';

-- Signed notes (C2SP tlog-checkpoint) that were published, with the co-signatures of witnesses.
CREATE TABLE log_checkpoints (
    size         bigint PRIMARY KEY,
    published_at bigint NOT NULL,
    note         bytea NOT NULL
);

-- Time-stamps (RFC 3161) over such notes, of each authority.
CREATE TABLE log_stamps (
    size       bigint NOT NULL,
    stamped_at bigint NOT NULL,
    authority  text NOT NULL,
    token      bytea NOT NULL,
    PRIMARY KEY (size, authority)
);

-- How many deliveries there were from this sender to this recipient.
CREATE TABLE pairs (
    last_number bigint NOT NULL,
    sender      text NOT NULL,
    recipient   text NOT NULL,
    PRIMARY KEY (sender, recipient)
) WITH (fillfactor = 70, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0.02);

-- NULL in what was written before there was a log.
ALTER TABLE envelopes ADD COLUMN salt bytea;
ALTER TABLE envelopes ADD COLUMN leaf_index bigint;
ALTER TABLE envelopes ADD COLUMN tree_size bigint; -- of the tree after the transaction that accepted it: its receipt's
ALTER TABLE deliveries ADD COLUMN number bigint; -- of the pair of its sender and recipient
ALTER TABLE events ADD COLUMN leaf_index bigint;
ALTER TABLE events ADD COLUMN salt bytea; -- of the detail
ALTER TABLE occurrences ADD COLUMN leaf_index bigint;
ALTER TABLE occurrences ADD COLUMN salt bytea;
ALTER TABLE file_access ADD COLUMN salt bytea;
