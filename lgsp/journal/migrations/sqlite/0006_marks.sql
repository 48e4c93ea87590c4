-- Systems that the hub polls: places in their feeds, and which process polls.

CREATE TABLE marks (
    agency     TEXT NOT NULL,
    name       TEXT NOT NULL,
    value      TEXT NOT NULL DEFAULT '',
    holder     TEXT NOT NULL DEFAULT '',  -- who claimed it
    held_until INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (agency, name)
) STRICT, WITHOUT ROWID;

-- What was sent of a kind in a period: accounts of the post, outboxes of document systems.
CREATE INDEX envelopes_kind ON envelopes (kind, accepted_at);
