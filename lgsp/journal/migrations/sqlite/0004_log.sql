-- The evidence log: a Merkle tree (RFC 6962) whose leaves tell what the journal did, in the transaction that did it.

-- lgsp.core.log.record; the first leaf is 0. Never changed, never erased.
CREATE TABLE log_leaves (
    leaf_index INTEGER PRIMARY KEY,
    leaf       BLOB NOT NULL
) STRICT;

-- Hashes of complete subtrees of 256^level leaves, level 1 and up (those of level 0 are hashed from the leaves): C2SP tlog-tiles.
CREATE TABLE log_hashes (
    level      INTEGER NOT NULL,
    hash_index INTEGER NOT NULL,
    hash       BLOB NOT NULL,
    PRIMARY KEY (level, hash_index)
) STRICT, WITHOUT ROWID;

-- The tree as it stands: lgsp.core.log.frontier. `origin`: the name under which its heads are signed; empty: not yet.
CREATE TABLE log_head (
    only     INTEGER PRIMARY KEY CHECK (only = 1),
    size     INTEGER NOT NULL,
    frontier BLOB NOT NULL,
    origin   TEXT NOT NULL
) STRICT;

INSERT INTO log_head VALUES (1, 0, x'', '');

-- Signed notes (C2SP tlog-checkpoint) that were published, with the co-signatures of witnesses.
CREATE TABLE log_checkpoints (
    size         INTEGER PRIMARY KEY,
    note         BLOB NOT NULL,
    published_at INTEGER NOT NULL
) STRICT;

-- Time-stamps (RFC 3161) over such notes, of each authority.
CREATE TABLE log_stamps (
    size       INTEGER NOT NULL REFERENCES log_checkpoints,
    authority  TEXT NOT NULL,
    token      BLOB NOT NULL,
    stamped_at INTEGER NOT NULL,
    PRIMARY KEY (size, authority)
) STRICT, WITHOUT ROWID;

-- How many deliveries there were from this sender to this recipient.
CREATE TABLE pairs (
    sender      TEXT NOT NULL,
    recipient   TEXT NOT NULL,
    last_number INTEGER NOT NULL,
    PRIMARY KEY (sender, recipient)
) STRICT, WITHOUT ROWID;

-- NULL in what was written before there was a log.
ALTER TABLE envelopes ADD COLUMN salt BLOB;
ALTER TABLE envelopes ADD COLUMN leaf_index INTEGER;
ALTER TABLE envelopes ADD COLUMN tree_size INTEGER;  -- of the tree after the transaction that accepted it: its receipt's
ALTER TABLE deliveries ADD COLUMN number INTEGER;  -- of the pair of its sender and recipient
ALTER TABLE events ADD COLUMN leaf_index INTEGER;
ALTER TABLE events ADD COLUMN salt BLOB;  -- of the detail
ALTER TABLE occurrences ADD COLUMN leaf_index INTEGER;
ALTER TABLE occurrences ADD COLUMN salt BLOB;
ALTER TABLE file_access ADD COLUMN salt BLOB;
