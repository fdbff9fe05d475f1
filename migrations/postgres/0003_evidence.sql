-- What speaks for or against an effect besides the details of its reservation. Times are milliseconds since 1970 UTC.

-- What is known of each merchant's view of the provider.
CREATE TABLE evidence (
    merchant    TEXT   NOT NULL PRIMARY KEY,
    marker_echo TEXT   NOT NULL,
    shown_until BIGINT,
    faulted_at  BIGINT,
    CONSTRAINT marker_echo_is_known CHECK (marker_echo IN ('unverified', 'verified', 'broken'))
);
COMMENT ON COLUMN evidence.merchant IS 'whose';
COMMENT ON COLUMN evidence.marker_echo IS 'do details show our texts?';
COMMENT ON COLUMN evidence.shown_until IS 'when the newest effect took place that has been shown; never goes back';
COMMENT ON COLUMN evidence.faulted_at IS 'when a request last failed on the way, or by a fault of the provider';

-- Whose each capture and charge is: rows of the provider's history name them, and no reservation.
CREATE TABLE money_references (
    merchant       TEXT NOT NULL,
    reference      TEXT NOT NULL,
    reservation_id TEXT NOT NULL,
    CONSTRAINT reference_belongs_to_one_reservation PRIMARY KEY (merchant, reference),
    CONSTRAINT reference_belongs_to_a_reservation FOREIGN KEY (reservation_id) REFERENCES reservations (id)
);
COMMENT ON COLUMN money_references.merchant IS 'on whose account';
COMMENT ON COLUMN money_references.reference IS 'the provider''s id of a capture or charge';
COMMENT ON COLUMN money_references.reservation_id IS 'whose ledger it stands in';
