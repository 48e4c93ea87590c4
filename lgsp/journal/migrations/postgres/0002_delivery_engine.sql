-- Holds, recalls, copies for subscribers, dead letters that are replayed or resolved.

ALTER TABLE deliveries
    ADD COLUMN copy        boolean NOT NULL DEFAULT false, -- for a subscriber, not on the sender's list
    ADD COLUMN ready_at    bigint, -- since when it is tried: it was its turn, or it was replayed
    ADD COLUMN fetched_at  bigint, -- first, from the mailbox
    ADD COLUMN recall      smallint NOT NULL DEFAULT 0, -- lgsp.core.recall.Recall
    ADD COLUMN replays     integer NOT NULL DEFAULT 0, -- how often it was a dead letter and put back on its way
    ADD COLUMN resolved_at bigint; -- of a dead letter: somebody has seen to it

UPDATE deliveries d SET ready_at = e.accepted_at FROM envelopes e WHERE e.sequence = d.sequence AND d.state IN (1, 2);
-- `due_at` of QUEUED: by then the broker must have lost it; of PARKED: given up then.
UPDATE deliveries SET due_at = 0 WHERE state = 2;

-- The most urgent first, among equals the oldest due.
DROP INDEX deliveries_due;
CREATE INDEX deliveries_due ON deliveries (priority, due_at, delivery_id) WHERE state = 1;
DROP INDEX deliveries_queued;
CREATE INDEX deliveries_queued ON deliveries (due_at, delivery_id) WHERE state = 2;
CREATE INDEX deliveries_parked ON deliveries (recipient, priority DESC, delivery_id) WHERE state = 4;
CREATE INDEX deliveries_probe ON deliveries (recipient, attempt, delivery_id) WHERE state = 4;
CREATE INDEX deliveries_given_up ON deliveries (due_at, delivery_id) WHERE state = 4;
CREATE INDEX deliveries_dead ON deliveries (delivery_id) WHERE state = 12;

-- Recipients whose deliveries are parked, and why: lgsp.core.hold. No row: nothing holds them.
CREATE TABLE holds (
    recipient text PRIMARY KEY,
    cause     smallint NOT NULL,
    since     bigint NOT NULL,
    due_at    bigint,
    step      integer NOT NULL,
    probe     bigint,
    ageless   boolean NOT NULL,
    reason    text NOT NULL,
    detail    text NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0);

CREATE INDEX holds_due ON holds (due_at) WHERE due_at IS NOT NULL;

-- What happened to recipients: failing, recovered, maintenance_begun, maintenance_ended. Append only.
CREATE TABLE occurrences (
    occurrence_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at            bigint NOT NULL,
    name          text NOT NULL,
    recipient     text NOT NULL,
    reason        text NOT NULL,
    detail        text NOT NULL
);

CREATE INDEX occurrences_recipient ON occurrences (recipient, occurrence_id);

-- Jobs that put dead letters back on their way.
CREATE TABLE replays (
    replay_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    state     text NOT NULL,
    document  bytea NOT NULL -- JSON of lgsp.core.replay.Replay
);

CREATE INDEX replays_running ON replays (replay_id) WHERE state = 'running';
