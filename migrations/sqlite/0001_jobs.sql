-- The durable queue: jobs, what became of each run, and the request budget of each merchant.
-- Times are milliseconds since 1970 UTC. JSON is text.

CREATE TABLE jobs (
    id                 TEXT   NOT NULL PRIMARY KEY, -- job_…; sorts by the time of its making
    kind               TEXT   NOT NULL,             -- what it does: submit, capture, …
    state              TEXT   NOT NULL,             -- scheduled, available, running, …
    urgency            BIGINT NOT NULL,             -- class it is claimed in, 0 first
    merchant           TEXT   NOT NULL,             -- whose account it acts on
    reservation_id     TEXT,                        -- the reservation it belongs to, if any
    key                TEXT,                        -- names it among the merchant's live jobs
    run_at             BIGINT NOT NULL,             -- not before this
    planned_at         BIGINT,                      -- run_at as the schedule last said; null: not of a schedule
    planned_state      TEXT,                        -- state as the schedule last said
    deadline           BIGINT NOT NULL,             -- of no use at or after this
    payload            TEXT   NOT NULL,             -- JSON, for the handler of its kind
    intent_id          TEXT,                        -- the intent it carries
    attempts_used      BIGINT NOT NULL DEFAULT 0,   -- runs that count against max_attempts
    max_attempts       BIGINT NOT NULL,             -- failed runs before it has failed
    crashes            BIGINT NOT NULL DEFAULT 0,   -- runs whose worker vanished or panicked
    token              BIGINT NOT NULL DEFAULT 0,   -- fence: one more with each claim
    owner              TEXT,                        -- the worker set that holds the lease
    lease_until        BIGINT,                      -- when the lease ends, by the wall clock
    waiting_for        TEXT,                        -- what it waits for besides its time
    last_error_code    TEXT,                        -- why it last failed, was given up or withdrawn
    last_error_message TEXT,                        -- the same for people
    result             TEXT,                        -- JSON, what it achieved
    created_by         TEXT   NOT NULL,             -- who asked for it
    created_at         BIGINT NOT NULL,             -- when it was enqueued
    started_at         BIGINT,                      -- when it was last claimed
    finished_at        BIGINT,                      -- when it ended
    CONSTRAINT job_state_is_known CHECK (state IN ('scheduled', 'available', 'running', 'resolving',
        'needs_review', 'succeeded', 'failed', 'cancelled')),
    CONSTRAINT running_job_has_owner_and_lease
        CHECK ((state = 'running') = (owner IS NOT NULL) AND (state = 'running') = (lease_until IS NOT NULL)),
    CONSTRAINT ended_job_has_its_end
        CHECK ((state IN ('succeeded', 'failed', 'cancelled')) = (finished_at IS NOT NULL)),
    CONSTRAINT managed_job_has_a_planned_state CHECK ((planned_at IS NULL) = (planned_state IS NULL))
);

-- What may be claimed, in the order of claiming.
CREATE INDEX jobs_available ON jobs (urgency, deadline, run_at, id) WHERE state = 'available';
-- What becomes due, apart from what is due, so that a claim never walks past future jobs.
CREATE INDEX jobs_due ON jobs (run_at) WHERE state IN ('scheduled', 'resolving');
-- Leases that may have run out.
CREATE INDEX jobs_running ON jobs (lease_until) WHERE state = 'running';
-- At most one running job per reservation.
CREATE UNIQUE INDEX jobs_one_running_per_reservation ON jobs (reservation_id) WHERE state = 'running';
-- A key names one live job of its merchant.
CREATE UNIQUE INDEX jobs_live_key ON jobs (merchant, key)
    WHERE key IS NOT NULL AND state IN ('scheduled', 'available', 'running', 'resolving', 'needs_review');
-- The jobs of one reservation. Lists of all jobs go by id, which sorts by time.
CREATE INDEX jobs_by_reservation ON jobs (reservation_id, id) WHERE reservation_id IS NOT NULL;
-- What waits for a person.
CREATE INDEX jobs_for_people ON jobs (state, id) WHERE state IN ('needs_review', 'failed');

CREATE TABLE attempts (
    job_id           TEXT   NOT NULL,  -- the job that ran
    number           BIGINT NOT NULL,  -- counts the attempts of the job from 1
    token            BIGINT NOT NULL,  -- the claim it ran under
    intent_id        TEXT,             -- the intent it was sent for
    started_at       BIGINT NOT NULL,  -- when it began
    finished_at      BIGINT,           -- when its outcome was known; null: open
    outcome          TEXT   NOT NULL,  -- unsent and sending while open; then what became of it
    http_status      BIGINT,           -- of the provider's answer
    provider_message TEXT,             -- the provider's words, redacted
    error_code       TEXT,             -- our code for what went wrong
    exchange         TEXT,             -- JSON, the redacted request and answer
    CONSTRAINT attempt_number_is_unique PRIMARY KEY (job_id, number),
    CONSTRAINT attempt_belongs_to_a_job FOREIGN KEY (job_id) REFERENCES jobs (id) ON DELETE CASCADE,
    CONSTRAINT attempt_outcome_is_known CHECK (outcome IN ('unsent', 'sending', 'rejected', 'accepted', 'confirmed',
        'unknown', 'failed', 'crashed', 'snoozed')),
    CONSTRAINT sending_attempt_is_open CHECK (outcome <> 'sending' OR finished_at IS NULL)
);

CREATE TABLE merchant_limits (
    merchant TEXT    NOT NULL PRIMARY KEY,  -- whose budget
    tat      BIGINT  NOT NULL DEFAULT 0,    -- theoretical arrival time of the next request, microseconds
    paused   BOOLEAN NOT NULL DEFAULT FALSE -- nothing that calls the provider is claimed
);
