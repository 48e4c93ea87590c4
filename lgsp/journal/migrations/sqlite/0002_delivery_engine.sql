-- Holds, recalls, copies for subscribers, dead letters that are replayed or resolved.

ALTER TABLE deliveries ADD COLUMN copy INTEGER NOT NULL DEFAULT 0;  -- 1: for a subscriber, not on the sender's list
ALTER TABLE deliveries ADD COLUMN ready_at INTEGER;  -- since when it is tried: it was its turn, or it was replayed
ALTER TABLE deliveries ADD COLUMN fetched_at INTEGER;  -- first, from the mailbox
ALTER TABLE deliveries ADD COLUMN recall INTEGER NOT NULL DEFAULT 0;  -- lgsp.core.recall.Recall
ALTER TABLE deliveries ADD COLUMN replays INTEGER NOT NULL DEFAULT 0;  -- how often it was a dead letter and put back on its way
ALTER TABLE deliveries ADD COLUMN resolved_at INTEGER;  -- of a dead letter: somebody has seen to it

UPDATE deliveries SET ready_at = (SELECT accepted_at FROM envelopes e WHERE e.sequence = deliveries.sequence)
WHERE state IN (1, 2);
-- `due_at` of QUEUED: by then the broker must have lost it; of PARKED: given up then.
UPDATE deliveries SET due_at = 0 WHERE state = 2;

-- The most urgent first, among equals the oldest due.
DROP INDEX deliveries_due;
CREATE INDEX deliveries_due ON deliveries (priority, due_at) WHERE state = 1;
DROP INDEX deliveries_queued;
CREATE INDEX deliveries_queued ON deliveries (due_at) WHERE state = 2;
CREATE INDEX deliveries_parked ON deliveries (recipient, priority DESC, delivery_id) WHERE state = 4;
CREATE INDEX deliveries_probe ON deliveries (recipient, attempt, delivery_id) WHERE state = 4;
CREATE INDEX deliveries_given_up ON deliveries (due_at) WHERE state = 4;
CREATE INDEX deliveries_dead ON deliveries (delivery_id) WHERE state = 12;

-- Recipients whose deliveries are parked, and why: lgsp.core.hold. No row: nothing holds them.
CREATE TABLE holds (
    recipient TEXT PRIMARY KEY,
    cause     INTEGER NOT NULL,
    since     INTEGER NOT NULL,
    due_at    INTEGER,
    step      INTEGER NOT NULL,
    probe     INTEGER,
    ageless   INTEGER NOT NULL,
    reason    TEXT NOT NULL,
    detail    TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX holds_due ON holds (due_at) WHERE due_at IS NOT NULL;

-- What happened to recipients: failing, recovered, maintenance_begun, maintenance_ended. Append only.
CREATE TABLE occurrences (
    occurrence_id INTEGER PRIMARY KEY,
    at            INTEGER NOT NULL,
    name          TEXT NOT NULL,
    recipient     TEXT NOT NULL,
    reason        TEXT NOT NULL,
    detail        TEXT NOT NULL
) STRICT;

CREATE INDEX occurrences_recipient ON occurrences (recipient, occurrence_id);

-- Jobs that put dead letters back on their way.
CREATE TABLE replays (
    replay_id INTEGER PRIMARY KEY,
    state     TEXT NOT NULL,
    document  BLOB NOT NULL  -- JSON of lgsp.core.replay.Replay
) STRICT;

CREATE INDEX replays_running ON replays (replay_id) WHERE state = 'running';
