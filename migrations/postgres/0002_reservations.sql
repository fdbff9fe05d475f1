-- Reservations, their journal, and what arrives from outside. Times are milliseconds since 1970 UTC. JSON is text.

CREATE TABLE reservations (
    id               TEXT    NOT NULL PRIMARY KEY,
    merchant         TEXT    NOT NULL,
    reference        TEXT    NOT NULL,
    status           TEXT    NOT NULL,
    needs_review     BOOLEAN NOT NULL,
    capture_by       BIGINT,
    reservation_uuid TEXT,
    callback_token   TEXT    NOT NULL,
    version          BIGINT  NOT NULL,
    state            TEXT    NOT NULL,
    submission       TEXT    NOT NULL,
    personal_number  TEXT,
    created_at       BIGINT  NOT NULL,
    updated_at       BIGINT  NOT NULL,
    CONSTRAINT reference_is_unique_per_merchant UNIQUE (merchant, reference),
    CONSTRAINT callback_token_is_unique UNIQUE (callback_token)
);
COMMENT ON COLUMN reservations.id IS 'rsv_…; sorts by the time of its making';
COMMENT ON COLUMN reservations.merchant IS 'whose account it is on';
COMMENT ON COLUMN reservations.reference IS 'the booking system''s own id';
COMMENT ON COLUMN reservations.status IS 'derived; for lists';
COMMENT ON COLUMN reservations.needs_review IS 'does a person have to decide something? for lists';
COMMENT ON COLUMN reservations.capture_by IS 'derived, while something is held; for lists';
COMMENT ON COLUMN reservations.reservation_uuid IS 'the provider''s id of it';
COMMENT ON COLUMN reservations.callback_token IS 'the unguessable end of its callback path';
COMMENT ON COLUMN reservations.version IS 'facts folded in; every save names the one it read';
COMMENT ON COLUMN reservations.state IS 'JSON, the fold of its events; no personal data';
COMMENT ON COLUMN reservations.submission IS 'JSON, what only the provider needs: customer, texts, checkout';
COMMENT ON COLUMN reservations.personal_number IS 'until the submit is confirmed, then null';
COMMENT ON COLUMN reservations.created_at IS 'when it was submitted';
COMMENT ON COLUMN reservations.updated_at IS 'when its last event was recorded';

CREATE INDEX reservations_by_status ON reservations (status, id);
CREATE INDEX reservations_by_capture_by ON reservations (capture_by, id) WHERE capture_by IS NOT NULL;
CREATE INDEX reservations_for_people ON reservations (id) WHERE needs_review;
CREATE INDEX reservations_by_uuid ON reservations (reservation_uuid) WHERE reservation_uuid IS NOT NULL;

-- The append-only journal: what happened, in order, and who did it.
CREATE TABLE events (
    reservation_id TEXT   NOT NULL,
    seq            BIGINT NOT NULL,
    at             BIGINT NOT NULL,
    actor          TEXT   NOT NULL,
    name           TEXT   NOT NULL,
    fact           TEXT   NOT NULL,
    CONSTRAINT event_number_is_unique PRIMARY KEY (reservation_id, seq),
    CONSTRAINT event_belongs_to_a_reservation FOREIGN KEY (reservation_id) REFERENCES reservations (id)
);
COMMENT ON COLUMN events.reservation_id IS 'whose';
COMMENT ON COLUMN events.seq IS 'from 1 without gaps: the version it made';
COMMENT ON COLUMN events.at IS 'when it was recorded';
COMMENT ON COLUMN events.actor IS 'who did it: policy, provider, worker, or a key of the API';
COMMENT ON COLUMN events.name IS 'which fact';
COMMENT ON COLUMN events.fact IS 'JSON, the fact; no personal data';

-- What a person must decide or has decided: a row for each, which follows the facts.
CREATE TABLE reviews (
    id TEXT NOT NULL PRIMARY KEY,
    merchant TEXT NOT NULL,
    reservation_id TEXT,
    reference TEXT,
    intent_id TEXT,
    job_id TEXT,
    reason TEXT NOT NULL,
    amount BIGINT NOT NULL,
    raised_at BIGINT NOT NULL,
    act_before BIGINT NOT NULL,
    freezes BOOLEAN NOT NULL,
    message TEXT NOT NULL,
    evidence_version BIGINT NOT NULL,
    status TEXT NOT NULL,
    decided_at BIGINT,
    decision TEXT,
    decision_reference TEXT,
    note TEXT,
    actor TEXT,
    CONSTRAINT review_belongs_to_a_reservation FOREIGN KEY (reservation_id) REFERENCES reservations (id),
    CONSTRAINT review_status_is_known CHECK (status IN ('open', 'decided')),
    CONSTRAINT review_decision_is_known
        CHECK (decision IS NULL OR decision IN ('confirm', 'reject', 'retry', 'dismiss')),
    CONSTRAINT decided_review_has_its_end
        CHECK ((status = 'decided') = (decided_at IS NOT NULL) AND (status = 'decided') = (actor IS NOT NULL)),
    CONSTRAINT decision_has_its_note CHECK ((decision IS NULL) = (note IS NULL))
);
COMMENT ON COLUMN reviews.id IS 'rvw_…; sorts by the time of its making';
COMMENT ON COLUMN reviews.merchant IS 'on whose account';
COMMENT ON COLUMN reviews.reservation_id IS 'the reservation it is about';
COMMENT ON COLUMN reviews.reference IS 'that reservation''s own reference';
COMMENT ON COLUMN reviews.intent_id IS 'the intent whose request has an unknown outcome, if it is about one';
COMMENT ON COLUMN reviews.job_id IS 'the job of the operation it is about';
COMMENT ON COLUMN reviews.reason IS 'why a person must decide';
COMMENT ON COLUMN reviews.amount IS 'what goes wrong at worst while nobody decides, in øre';
COMMENT ON COLUMN reviews.raised_at IS 'when it was raised';
COMMENT ON COLUMN reviews.act_before IS 'from then on it is too late; the end of time: nothing runs out';
COMMENT ON COLUMN reviews.freezes IS 'is nothing sent for the reservation while it is open?';
COMMENT ON COLUMN reviews.message IS 'what is to be found out or decided';
COMMENT ON COLUMN reviews.evidence_version IS 'in force; of a decided one: that which it was decided on';
COMMENT ON COLUMN reviews.status IS 'open, decided';
COMMENT ON COLUMN reviews.decided_at IS 'when it ended';
COMMENT ON COLUMN reviews.decision IS 'of a person; null: what happened answered it';
COMMENT ON COLUMN reviews.decision_reference IS 'the provider''s name of the effect that the person confirmed';
COMMENT ON COLUMN reviews.note IS 'why, in the person''s words';
COMMENT ON COLUMN reviews.actor IS 'who decided, or who saw what answered it';

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
    intent_id      TEXT NOT NULL PRIMARY KEY,
    reservation_id TEXT NOT NULL,
    contact        TEXT NOT NULL,
    CONSTRAINT contact_belongs_to_a_reservation FOREIGN KEY (reservation_id) REFERENCES reservations (id)
);
COMMENT ON COLUMN contacts.intent_id IS 'the resend';
COMMENT ON COLUMN contacts.reservation_id IS 'whose';
COMMENT ON COLUMN contacts.contact IS 'JSON; personal';

-- Genuine callbacks as they came in, for proof; nothing is booked from them.
CREATE TABLE callbacks (
    reservation_id TEXT   NOT NULL,
    digest         TEXT   NOT NULL,
    query          TEXT   NOT NULL,
    formula        TEXT   NOT NULL,
    received_at    BIGINT NOT NULL,
    CONSTRAINT callback_is_news_once PRIMARY KEY (reservation_id, digest),
    CONSTRAINT callback_belongs_to_a_reservation FOREIGN KEY (reservation_id) REFERENCES reservations (id)
);
COMMENT ON COLUMN callbacks.reservation_id IS 'whose path was called';
COMMENT ON COLUMN callbacks.digest IS 'SHA-256 of the query; a repeated one is no news';
COMMENT ON COLUMN callbacks.query IS 'the raw query';
COMMENT ON COLUMN callbacks.formula IS 'the checksum formula that fitted';
COMMENT ON COLUMN callbacks.received_at IS 'when';

CREATE INDEX callbacks_by_age ON callbacks (received_at);

-- One-time payment links.
CREATE TABLE payment_links (
    id         TEXT   NOT NULL PRIMARY KEY,
    merchant   TEXT   NOT NULL,
    job_id     TEXT   NOT NULL,
    status     TEXT   NOT NULL,
    order_id   TEXT,
    version    BIGINT NOT NULL,
    state      TEXT   NOT NULL,
    request    TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    CONSTRAINT payment_link_status_is_known
        CHECK (status IN ('planned', 'written', 'sending', 'unknown', 'needs_review', 'made', 'rejected',
            'withdrawn')),
    CONSTRAINT job_carries_one_payment_link UNIQUE (job_id),
    CONSTRAINT order_is_one_payment_link UNIQUE (merchant, order_id)
);
COMMENT ON COLUMN payment_links.id IS 'lnk_…; sorts by the time of its making';
COMMENT ON COLUMN payment_links.merchant IS 'whose account it is on';
COMMENT ON COLUMN payment_links.job_id IS 'the job that carries it';
COMMENT ON COLUMN payment_links.status IS 'the word of its state; for lists';
COMMENT ON COLUMN payment_links.order_id IS 'the provider''s id of the order that it is';
COMMENT ON COLUMN payment_links.version IS 'events folded in; every save names the one it read';
COMMENT ON COLUMN payment_links.state IS 'JSON, the fold of its events; no personal data';
COMMENT ON COLUMN payment_links.request IS 'JSON, what was asked for; personal';
COMMENT ON COLUMN payment_links.created_at IS 'when it was asked for';
COMMENT ON COLUMN payment_links.updated_at IS 'when its last event was recorded';

-- The append-only journal of payment links: what happened, in order, and who did it.
CREATE TABLE payment_link_events (
    payment_link_id TEXT   NOT NULL,
    seq             BIGINT NOT NULL,
    at              BIGINT NOT NULL,
    actor           TEXT   NOT NULL,
    name            TEXT   NOT NULL,
    event           TEXT   NOT NULL,
    CONSTRAINT payment_link_event_number_is_unique PRIMARY KEY (payment_link_id, seq),
    CONSTRAINT event_belongs_to_a_payment_link FOREIGN KEY (payment_link_id) REFERENCES payment_links (id)
);
COMMENT ON COLUMN payment_link_events.payment_link_id IS 'whose';
COMMENT ON COLUMN payment_link_events.seq IS 'from 1 without gaps: the version it made';
COMMENT ON COLUMN payment_link_events.at IS 'when it was recorded';
COMMENT ON COLUMN payment_link_events.actor IS 'who did it: provider, worker, or a key of the API';
COMMENT ON COLUMN payment_link_events.name IS 'which event';
COMMENT ON COLUMN payment_link_events.event IS 'JSON, the event; no personal data';

-- Answers to requests with an Idempotency-Key.
CREATE TABLE idempotency_keys (
    actor      TEXT   NOT NULL,
    key        TEXT   NOT NULL,
    request    TEXT   NOT NULL,
    status     BIGINT,
    answer     TEXT,
    created_at BIGINT NOT NULL,
    CONSTRAINT idempotency_key_is_unique PRIMARY KEY (actor, key)
);
COMMENT ON COLUMN idempotency_keys.actor IS 'whose key it is';
COMMENT ON COLUMN idempotency_keys.key IS 'as sent';
COMMENT ON COLUMN idempotency_keys.request IS 'SHA-256 of method, path and body';
COMMENT ON COLUMN idempotency_keys.status IS 'of the answer; null while it is being made';
COMMENT ON COLUMN idempotency_keys.answer IS 'the body of the answer';
COMMENT ON COLUMN idempotency_keys.created_at IS 'when it was first sent';

CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

-- How far each merchant's history has been read.
CREATE TABLE sweeps (
    merchant  TEXT   NOT NULL PRIMARY KEY,
    watermark BIGINT NOT NULL
);
COMMENT ON COLUMN sweeps.merchant IS 'whose';
COMMENT ON COLUMN sweeps.watermark IS 'everything before has been seen';

-- What this installation made up once and keeps.
CREATE TABLE settings (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);
COMMENT ON COLUMN settings.name IS 'which';
COMMENT ON COLUMN settings.value IS 'what';

-- The jobs and attempts of an intent.
CREATE INDEX jobs_by_intent ON jobs (intent_id, id) WHERE intent_id IS NOT NULL;
CREATE INDEX attempts_by_intent ON attempts (intent_id, number) WHERE intent_id IS NOT NULL;
