-- Reservations, their journal, and what arrives from outside. Times are milliseconds since 1970 UTC. JSON is text.

CREATE TABLE reservations (
    id               TEXT    NOT NULL PRIMARY KEY, -- rsv_…; sorts by the time of its making
    merchant         TEXT    NOT NULL,             -- whose account it is on
    reference        TEXT    NOT NULL,             -- the booking system's own id
    status           TEXT    NOT NULL,             -- derived; for lists
    needs_review     BOOLEAN NOT NULL,             -- does a person have to decide something? for lists
    capture_by       BIGINT,                       -- derived, while something is held; for lists
    reservation_uuid TEXT,                         -- the provider's id of it
    callback_token   TEXT    NOT NULL,             -- the unguessable end of its callback path
    version          BIGINT  NOT NULL,             -- facts folded in; every save names the one it read
    state            TEXT    NOT NULL,             -- JSON, the fold of its events; no personal data
    submission       TEXT    NOT NULL,             -- JSON, what only the provider needs: customer, texts, checkout
    personal_number  TEXT,                         -- until the submit is confirmed, then null
    created_at       BIGINT  NOT NULL,             -- when it was submitted
    updated_at       BIGINT  NOT NULL,             -- when its last event was recorded
    CONSTRAINT reference_is_unique_per_merchant UNIQUE (merchant, reference),
    CONSTRAINT callback_token_is_unique UNIQUE (callback_token)
);

CREATE INDEX reservations_by_status ON reservations (status, id);
CREATE INDEX reservations_by_capture_by ON reservations (capture_by, id) WHERE capture_by IS NOT NULL;
CREATE INDEX reservations_for_people ON reservations (id) WHERE needs_review;
CREATE INDEX reservations_by_uuid ON reservations (reservation_uuid) WHERE reservation_uuid IS NOT NULL;

-- The append-only journal: what happened, in order, and who did it.
CREATE TABLE events (
    reservation_id TEXT   NOT NULL, -- whose
    seq            BIGINT NOT NULL, -- from 1 without gaps: the version it made
    at             BIGINT NOT NULL, -- when it was recorded
    actor          TEXT   NOT NULL, -- who did it: policy, provider, worker, or a key of the API
    name           TEXT   NOT NULL, -- which fact
    fact           TEXT   NOT NULL, -- JSON, the fact; no personal data
    CONSTRAINT event_number_is_unique PRIMARY KEY (reservation_id, seq),
    CONSTRAINT event_belongs_to_a_reservation FOREIGN KEY (reservation_id) REFERENCES reservations (id)
);

-- What a person must decide or has decided: a row for each, which follows the facts.
CREATE TABLE reviews (
    id                 TEXT    NOT NULL PRIMARY KEY, -- rvw_…; sorts by the time of its making
    merchant           TEXT    NOT NULL,             -- on whose account
    reservation_id     TEXT,                         -- the reservation it is about
    reference          TEXT,                         -- that reservation's own reference
    intent_id          TEXT,                         -- the intent whose request has an unknown outcome, if it is about one
    job_id             TEXT,                         -- the job of the operation it is about
    reason             TEXT    NOT NULL,             -- why a person must decide
    amount             BIGINT  NOT NULL,             -- what goes wrong at worst while nobody decides, in øre
    raised_at          BIGINT  NOT NULL,             -- when it was raised
    act_before         BIGINT  NOT NULL,             -- from then on it is too late; the end of time: nothing runs out
    freezes            BOOLEAN NOT NULL,             -- is nothing sent for the reservation while it is open?
    message            TEXT    NOT NULL,             -- what is to be found out or decided
    evidence_version   BIGINT  NOT NULL,             -- in force; of a decided one: that which it was decided on
    status             TEXT    NOT NULL,             -- open, decided
    decided_at         BIGINT,                       -- when it ended
    decision           TEXT,                         -- of a person; null: what happened answered it
    decision_reference TEXT,                         -- the provider's name of the effect that the person confirmed
    note               TEXT,                         -- why, in the person's words
    actor              TEXT,                         -- who decided, or who saw what answered it
    CONSTRAINT review_belongs_to_a_reservation FOREIGN KEY (reservation_id) REFERENCES reservations (id),
    CONSTRAINT review_status_is_known CHECK (status IN ('open', 'decided')),
    CONSTRAINT review_decision_is_known
        CHECK (decision IS NULL OR decision IN ('confirm', 'reject', 'retry', 'dismiss')),
    CONSTRAINT decided_review_has_its_end
        CHECK ((status = 'decided') = (decided_at IS NOT NULL) AND (status = 'decided') = (actor IS NOT NULL)),
    CONSTRAINT decision_has_its_note CHECK ((decision IS NULL) = (note IS NULL))
);

-- One open review for each request in doubt, and for each reason that none stands behind.
CREATE UNIQUE INDEX reviews_open_once ON reviews (reservation_id, reason, COALESCE(intent_id, ''))
    WHERE status = 'open';
-- By countdown: what is open, and everything.
CREATE INDEX reviews_open_by_countdown ON reviews (act_before, id) WHERE status = 'open';
CREATE INDEX reviews_by_countdown ON reviews (act_before, id);
-- The reviews about the operation of a job.
CREATE INDEX reviews_by_job ON reviews (job_id, id) WHERE job_id IS NOT NULL;

-- Where a link is to be sent, when it is not the customer's own contact.
CREATE TABLE contacts (
    intent_id      TEXT NOT NULL PRIMARY KEY, -- the resend
    reservation_id TEXT NOT NULL,             -- whose
    contact        TEXT NOT NULL,             -- JSON; personal
    CONSTRAINT contact_belongs_to_a_reservation FOREIGN KEY (reservation_id) REFERENCES reservations (id)
);

-- Genuine callbacks as they came in, for proof; nothing is booked from them.
CREATE TABLE callbacks (
    reservation_id TEXT   NOT NULL, -- whose path was called
    digest         TEXT   NOT NULL, -- SHA-256 of the query; a repeated one is no news
    query          TEXT   NOT NULL, -- the raw query
    formula        TEXT   NOT NULL, -- the checksum formula that fitted
    received_at    BIGINT NOT NULL, -- when
    CONSTRAINT callback_is_news_once PRIMARY KEY (reservation_id, digest),
    CONSTRAINT callback_belongs_to_a_reservation FOREIGN KEY (reservation_id) REFERENCES reservations (id)
);

CREATE INDEX callbacks_by_age ON callbacks (received_at);

-- One-time payment links.
CREATE TABLE payment_links (
    id         TEXT   NOT NULL PRIMARY KEY, -- lnk_…; sorts by the time of its making
    merchant   TEXT   NOT NULL,             -- whose account it is on
    job_id     TEXT   NOT NULL,             -- the job that carries it
    status     TEXT   NOT NULL,             -- the word of its state; for lists
    order_id   TEXT,                        -- the provider's id of the order that it is
    version    BIGINT NOT NULL,             -- events folded in; every save names the one it read
    state      TEXT   NOT NULL,             -- JSON, the fold of its events; no personal data
    request    TEXT   NOT NULL,             -- JSON, what was asked for; personal
    created_at BIGINT NOT NULL,             -- when it was asked for
    updated_at BIGINT NOT NULL,             -- when its last event was recorded
    CONSTRAINT payment_link_status_is_known
        CHECK (status IN ('planned', 'written', 'sending', 'unknown', 'needs_review', 'made', 'rejected',
            'withdrawn')),
    CONSTRAINT job_carries_one_payment_link UNIQUE (job_id),
    CONSTRAINT order_is_one_payment_link UNIQUE (merchant, order_id)
);

-- The append-only journal of payment links: what happened, in order, and who did it.
CREATE TABLE payment_link_events (
    payment_link_id TEXT   NOT NULL, -- whose
    seq             BIGINT NOT NULL, -- from 1 without gaps: the version it made
    at              BIGINT NOT NULL, -- when it was recorded
    actor           TEXT   NOT NULL, -- who did it: provider, worker, or a key of the API
    name            TEXT   NOT NULL, -- which event
    event           TEXT   NOT NULL, -- JSON, the event; no personal data
    CONSTRAINT payment_link_event_number_is_unique PRIMARY KEY (payment_link_id, seq),
    CONSTRAINT event_belongs_to_a_payment_link FOREIGN KEY (payment_link_id) REFERENCES payment_links (id)
);

-- Answers to requests with an Idempotency-Key.
CREATE TABLE idempotency_keys (
    actor      TEXT   NOT NULL, -- whose key it is
    key        TEXT   NOT NULL, -- as sent
    request    TEXT   NOT NULL, -- SHA-256 of method, path and body
    status     BIGINT,          -- of the answer; null while it is being made
    answer     TEXT,            -- the body of the answer
    created_at BIGINT NOT NULL, -- when it was first sent
    CONSTRAINT idempotency_key_is_unique PRIMARY KEY (actor, key)
);

CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

-- How far each merchant's history has been read.
CREATE TABLE sweeps (
    merchant  TEXT   NOT NULL PRIMARY KEY, -- whose
    watermark BIGINT NOT NULL              -- everything before has been seen
);

-- What this installation made up once and keeps.
CREATE TABLE settings (
    name  TEXT NOT NULL PRIMARY KEY, -- which
    value TEXT NOT NULL              -- what
);

-- The jobs and attempts of an intent.
CREATE INDEX jobs_by_intent ON jobs (intent_id, id) WHERE intent_id IS NOT NULL;
CREATE INDEX attempts_by_intent ON attempts (intent_id, number) WHERE intent_id IS NOT NULL;
