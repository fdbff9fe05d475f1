-- The durable queue: jobs, what became of each run, and the request budget of each merchant.
-- Times are milliseconds since 1970 UTC. JSON is text.

CREATE TABLE jobs (
    id                 TEXT   NOT NULL PRIMARY KEY,
    kind               TEXT   NOT NULL,
    state              TEXT   NOT NULL,
    urgency            BIGINT NOT NULL,
    merchant           TEXT   NOT NULL,
    reservation_id     TEXT,
    key                TEXT,
    run_at             BIGINT NOT NULL,
    planned_at         BIGINT,
    planned_state      TEXT,
    deadline           BIGINT NOT NULL,
    payload            TEXT   NOT NULL,
    intent_id          TEXT,
    attempts_used      BIGINT NOT NULL DEFAULT 0,
    max_attempts       BIGINT NOT NULL,
    crashes            BIGINT NOT NULL DEFAULT 0,
    token              BIGINT NOT NULL DEFAULT 0,
    owner              TEXT,
    lease_until        BIGINT,
    waiting_for        TEXT,
    last_error_code    TEXT,
    last_error_message TEXT,
    result             TEXT,
    created_by         TEXT   NOT NULL,
    created_at         BIGINT NOT NULL,
    started_at         BIGINT,
    finished_at        BIGINT,
    CONSTRAINT job_state_is_known CHECK (state IN ('scheduled', 'available', 'running', 'resolving',
        'needs_review', 'succeeded', 'failed', 'cancelled')),
    CONSTRAINT running_job_has_owner_and_lease
        CHECK ((state = 'running') = (owner IS NOT NULL) AND (state = 'running') = (lease_until IS NOT NULL)),
    CONSTRAINT ended_job_has_its_end
        CHECK ((state IN ('succeeded', 'failed', 'cancelled')) = (finished_at IS NOT NULL)),
    CONSTRAINT managed_job_has_a_planned_state CHECK ((planned_at IS NULL) = (planned_state IS NULL))
);

COMMENT ON COLUMN jobs.id IS 'job_…; sorts by the time of its making';
COMMENT ON COLUMN jobs.kind IS 'what it does: submit, capture, …';
COMMENT ON COLUMN jobs.state IS 'scheduled, available, running, …';
COMMENT ON COLUMN jobs.urgency IS 'class it is claimed in, 0 first';
COMMENT ON COLUMN jobs.merchant IS 'whose account it acts on';
COMMENT ON COLUMN jobs.reservation_id IS 'the reservation it belongs to, if any';
COMMENT ON COLUMN jobs.key IS 'names it among the merchant''s live jobs';
COMMENT ON COLUMN jobs.run_at IS 'not before this';
COMMENT ON COLUMN jobs.planned_at IS 'run_at as the schedule last said; null: not of a schedule';
COMMENT ON COLUMN jobs.planned_state IS 'state as the schedule last said';
COMMENT ON COLUMN jobs.deadline IS 'of no use at or after this';
COMMENT ON COLUMN jobs.payload IS 'JSON, for the handler of its kind';
COMMENT ON COLUMN jobs.intent_id IS 'the intent it carries';
COMMENT ON COLUMN jobs.attempts_used IS 'runs that count against max_attempts';
COMMENT ON COLUMN jobs.max_attempts IS 'failed runs before it has failed';
COMMENT ON COLUMN jobs.crashes IS 'runs whose worker vanished or panicked';
COMMENT ON COLUMN jobs.token IS 'fence: one more with each claim';
COMMENT ON COLUMN jobs.owner IS 'the worker set that holds the lease';
COMMENT ON COLUMN jobs.lease_until IS 'when the lease ends, by the wall clock';
COMMENT ON COLUMN jobs.waiting_for IS 'what it waits for besides its time';
COMMENT ON COLUMN jobs.last_error_code IS 'why it last failed, was given up or withdrawn';
COMMENT ON COLUMN jobs.last_error_message IS 'the same for people';
COMMENT ON COLUMN jobs.result IS 'JSON, what it achieved';
COMMENT ON COLUMN jobs.created_by IS 'who asked for it';
COMMENT ON COLUMN jobs.created_at IS 'when it was enqueued';
COMMENT ON COLUMN jobs.started_at IS 'when it was last claimed';
COMMENT ON COLUMN jobs.finished_at IS 'when it ended';

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
    job_id           TEXT   NOT NULL,
    number           BIGINT NOT NULL,
    token            BIGINT NOT NULL,
    intent_id        TEXT,
    started_at       BIGINT NOT NULL,
    finished_at      BIGINT,
    outcome          TEXT   NOT NULL,
    http_status      BIGINT,
    provider_message TEXT,
    error_code       TEXT,
    exchange         TEXT,
    CONSTRAINT attempt_number_is_unique PRIMARY KEY (job_id, number),
    CONSTRAINT attempt_belongs_to_a_job FOREIGN KEY (job_id) REFERENCES jobs (id) ON DELETE CASCADE,
    CONSTRAINT attempt_outcome_is_known CHECK (outcome IN ('unsent', 'sending', 'rejected', 'accepted', 'confirmed',
        'unknown', 'failed', 'crashed', 'snoozed')),
    CONSTRAINT sending_attempt_is_open CHECK (outcome <> 'sending' OR finished_at IS NULL)
);

COMMENT ON COLUMN attempts.job_id IS 'the job that ran';
COMMENT ON COLUMN attempts.number IS 'counts the attempts of the job from 1';
COMMENT ON COLUMN attempts.token IS 'the claim it ran under';
COMMENT ON COLUMN attempts.intent_id IS 'the intent it was sent for';
COMMENT ON COLUMN attempts.started_at IS 'when it began';
COMMENT ON COLUMN attempts.finished_at IS 'when its outcome was known; null: open';
COMMENT ON COLUMN attempts.outcome IS 'unsent and sending while open; then what became of it';
COMMENT ON COLUMN attempts.http_status IS 'of the provider''s answer';
COMMENT ON COLUMN attempts.provider_message IS 'the provider''s words, redacted';
COMMENT ON COLUMN attempts.error_code IS 'our code for what went wrong';
COMMENT ON COLUMN attempts.exchange IS 'JSON, the redacted request and answer';

CREATE TABLE merchant_limits (
    merchant TEXT    NOT NULL PRIMARY KEY,
    tat      BIGINT  NOT NULL DEFAULT 0,
    paused   BOOLEAN NOT NULL DEFAULT FALSE
);

COMMENT ON COLUMN merchant_limits.merchant IS 'whose budget';
COMMENT ON COLUMN merchant_limits.tat IS 'theoretical arrival time of the next request, microseconds';
COMMENT ON COLUMN merchant_limits.paused IS 'nothing that calls the provider is claimed';
