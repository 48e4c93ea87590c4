-- Systems that the hub polls: places in their feeds, and which process polls.

CREATE TABLE marks (
    agency     text NOT NULL,
    name       text NOT NULL,
    value      text NOT NULL DEFAULT '',
    holder     text NOT NULL DEFAULT '',  -- who claimed it
    held_until bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (agency, name)
);

-- What was sent of a kind in a period: accounts of the post, outboxes of document systems.
CREATE INDEX envelopes_kind ON envelopes (kind, accepted_at);
