-- What speaks for or against an effect besides the details of its reservation. Times are milliseconds since 1970 UTC.

-- What is known of each merchant's view of the provider.
CREATE TABLE evidence (
    merchant    TEXT   NOT NULL PRIMARY KEY, -- whose
    marker_echo TEXT   NOT NULL,             -- do details show our texts?
    shown_until BIGINT,                      -- when the newest effect took place that has been shown; never goes back
    faulted_at  BIGINT,                      -- when a request last failed on the way, or by a fault of the provider
    CONSTRAINT marker_echo_is_known CHECK (marker_echo IN ('unverified', 'verified', 'broken'))
);

-- Whose each capture and charge is: rows of the provider's history name them, and no reservation.
CREATE TABLE money_references (
    merchant       TEXT NOT NULL, -- on whose account
    reference      TEXT NOT NULL, -- the provider's id of a capture or charge
    reservation_id TEXT NOT NULL, -- whose ledger it stands in
    CONSTRAINT reference_belongs_to_one_reservation PRIMARY KEY (merchant, reference),
    CONSTRAINT reference_belongs_to_a_reservation FOREIGN KEY (reservation_id) REFERENCES reservations (id)
);
