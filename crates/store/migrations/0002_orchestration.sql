-- Orchestration: what a scheduler asks of all runs at once, and the projects that people hold back.

-- The state of the run's issue as it was seen last, normalised, so that slots can be kept apart by state.
ALTER TABLE runs ADD COLUMN issue_state {text} NOT NULL DEFAULT '';
-- What the agent reported over the attempts that ended: tokens, and milliseconds.
ALTER TABLE runs ADD COLUMN tokens_in {int} NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN tokens_out {int} NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN ran_ms {int} NOT NULL DEFAULT 0;

-- When people held a project back, and let it go on: it starts no work while one row has no end.
CREATE TABLE pauses (
    seq {serial},
    project {text} NOT NULL,
    reason {text} NOT NULL,
    actor {text} NOT NULL,
    at {int} NOT NULL,
    ended_by {text},
    ended_at {int}
) {strict};
CREATE UNIQUE INDEX pauses_in_force ON pauses (project) WHERE ended_at IS NULL;
