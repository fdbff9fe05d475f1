//! The codes of everything that goes wrong: of an answer of the API, of a job, of a review.

use crate::job::words;

macro_rules! codes {
    ($($variant:ident = $word:literal, $title:literal;)*) => {
        words! {
            /// What went wrong, as a stable word for programs. A person finds the page of a code, which says what happened
            /// and what to do, at `/errors/{code}` of the API and in `docs/errors`.
            ErrorCode { $(#[doc = $title] $variant = $word,)* }
        }

        impl ErrorCode {
            /// The same in a few words for people: the `title` of a problem.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }

            /// The page of this code in Markdown: what happened, and what to do. It is part of the program, so that a code
            /// without a page does not compile.
            #[must_use]
            pub const fn page(self) -> &'static str {
                match self {
                    $(Self::$variant => include_str!(concat!("../../../docs/errors/", $word, ".md")),)*
                }
            }
        }
    };
}

codes! {
    // Requests that cannot be read or are not allowed.
    BodyIncomplete = "body_incomplete", "The body ended early";
    BodyTooLarge = "body_too_large", "Body too large";
    HeadersTooLarge = "headers_too_large", "Headers too large";
    IdempotencyKeyInvalid = "idempotency_key_invalid", "The key cannot be used";
    IdempotencyKeyReused = "idempotency_key_reused", "The key has been used";
    IdempotencyKeyRunning = "idempotency_key_running", "Still running";
    MalformedJson = "malformed_json", "The body is not JSON";
    MethodNotAllowed = "method_not_allowed", "Method not allowed";
    TooDeep = "too_deep", "The body is nested too deep";
    Unauthorized = "unauthorized", "A key is required";
    UnsupportedMediaType = "unsupported_media_type", "Unsupported media type";
    UriTooLong = "uri_too_long", "URI too long";
    Validation = "validation", "Fields do not fit";

    // Requests that are not possible as things stand.
    AmbiguousReference = "ambiguous_reference", "Ambiguous reference";
    CaptureWindowClosed = "capture_window_closed", "The capture window has closed";
    ChargeWindowClosed = "charge_window_closed", "The card can no longer be charged";
    Closed = "closed", "The reservation is over";
    EvidenceChanged = "evidence_changed", "The evidence has changed";
    JobState = "job_state", "The job's state does not allow it";
    MoneyTaken = "money_taken", "Money has been taken";
    NoCard = "no_card", "No card is known";
    NoMoneyTaken = "no_money_taken", "No money has been taken";
    NoOpenLink = "no_open_link", "No payment link is open";
    NotAtProvider = "not_at_provider", "The provider does not have it";
    NotFound = "not_found", "Not found";
    NotHeld = "not_held", "Nothing is held";
    NothingCapturable = "nothing_capturable", "Nothing is left to capture";
    NothingRefundable = "nothing_refundable", "Nothing is left to refund";
    NothingToRetry = "nothing_to_retry", "Nothing would be sent";
    OperationOpen = "operation_open", "Another operation is not over";
    ReferenceNotShown = "reference_not_shown", "The provider does not show it";
    ReferenceTaken = "reference_taken", "The reference is taken";
    RetryRefused = "retry_refused", "It cannot be sent again";
    ReviewDecided = "review_decided", "The review is decided";

    // Faults of the service or of its surroundings.
    DatabaseFailed = "database_failed", "The database failed";
    Internal = "internal", "Internal error";
    NotReady = "not_ready", "Not ready";
    Timeout = "timeout", "Took too long";

    // How a run of a job ended without doing what the job is for.
    BadPaymentLink = "bad_payment_link", "The stored payment link cannot be read";
    Cancelled = "cancelled", "The job was withdrawn";
    Crashed = "crashed", "The run crashed";
    DeadlinePassed = "deadline_passed", "The deadline has passed";
    HistoryUnreadable = "history_unreadable", "The merchant's history could not be read";
    JobTimeout = "job_timeout", "The run took too long";
    LeaseLost = "lease_lost", "The job is another worker's by now";
    NoContact = "no_contact", "The recipient is gone";
    NoIntent = "no_intent", "The operation of the job is gone";
    NoKey = "no_key", "The job has no place in a schedule";
    NoPaymentLink = "no_payment_link", "The payment link is gone";
    NoProgress = "no_progress", "The run came to no action";
    NoProviderId = "no_provider_id", "The provider's id of a line is not known";
    NoReservation = "no_reservation", "The reservation of the job is gone";
    NoSubmission = "no_submission", "What was submitted is gone";
    NotWanted = "not_wanted", "The job is no longer needed";
    ProviderRefused = "provider_refused", "The provider refused";
    Undecodable = "undecodable", "The stored job cannot be read";
    UnknownMerchant = "unknown_merchant", "The merchant is not configured";
    Unsent = "unsent", "The request did not leave";

    // Why a person must decide.
    CaptureUnknown = "capture_unknown", "The outcome of a capture is unknown";
    ChargeUnknown = "charge_unknown", "The outcome of a charge is unknown";
    EffectDiffers = "effect_differs", "The effect is not what was asked for";
    ExternalChange = "external_change", "Somebody acted in the provider's portal";
    Incoherent = "incoherent", "What the provider shows does not add up";
    LateDelivery = "late_delivery", "Delivered, and no longer capturable";
    LateEffect = "late_effect", "An effect appeared late";
    MarkerBroken = "marker_broken", "The provider shows no markers";
    MissingAtProvider = "missing_at_provider", "The provider does not know the reservation";
    OutcomeUnknown = "outcome_unknown", "The outcome is unknown";
    RefundUnknown = "refund_unknown", "The outcome of a refund is unknown";
    WindowClosing = "window_closing", "The capture window is about to close";
}
