//! The types of the events that the API shows: one for each thing that can happen.

use super::{ControlFact, DeliveryFact, Fact, IntentFact, ProviderFact, ReviewFact};
use crate::job::words;

words! {
    /// The type of an event: its subject, then what happened to it. docs/events.md has a page on each.
    EventType {
        /// The booking system submitted the reservation.
        ReservationCreated = "reservation_created",
        /// An operation was decided.
        IntentPlanned = "intent_planned",
        /// An attempt was put on record.
        AttemptWritten = "attempt_written",
        /// An attempt's request was released.
        AttemptSent = "attempt_sent",
        /// Nothing of an attempt left this machine.
        AttemptUnsent = "attempt_unsent",
        /// The provider said yes.
        AttemptAccepted = "attempt_accepted",
        /// The provider said no.
        AttemptRejected = "attempt_rejected",
        /// The answer was lost, or does not say what became of the request.
        OutcomeUnknown = "outcome_unknown",
        /// The provider has the reservation.
        PaymentLinkCreated = "payment_link_created",
        /// A callback or a person named an id that the reservation may have at the provider.
        ProviderIdSuggested = "provider_id_suggested",
        /// A read showed no trace of an effect.
        EffectNotSeen = "effect_not_seen",
        /// The provider's history was read for a trace of an effect.
        HistoryRead = "history_read",
        /// A row showed whether the provider gives our marker back.
        MarkerChecked = "marker_checked",
        /// The effect of an operation was seen.
        IntentConfirmed = "intent_confirmed",
        /// The effect of a request was proven absent.
        EffectRuledOut = "effect_ruled_out",
        /// An operation is sent again although its last request is in doubt.
        RetryForced = "retry_forced",
        /// The outcome of a request was handed to a person.
        IntentEscalated = "intent_escalated",
        /// An operation was given up.
        IntentWithdrawn = "intent_withdrawn",
        /// The effect of an operation appeared after it had been given up.
        LateEffectSeen = "late_effect_seen",
        /// The reservation's details were read.
        DetailsRead = "details_read",
        /// A read was asked for.
        RefreshRequested = "refresh_requested",
        /// A genuine callback came.
        CallbackReceived = "callback_received",
        /// Lines were matched with the provider's products.
        LinesSynced = "lines_synced",
        /// The payer has paid.
        HoldPlaced = "hold_placed",
        /// The hold ended unused.
        HoldLapsed = "hold_lapsed",
        /// The payment link ended unpaid.
        PaymentLinkExpired = "payment_link_expired",
        /// The provider said that the capture window is over.
        CaptureWindowClosed = "capture_window_closed",
        /// A row that no open intent accounts for was posted to the ledger.
        LedgerRowPosted = "ledger_row_posted",
        /// A posted row was seen in details.
        LedgerRowConfirmed = "ledger_row_confirmed",
        /// Details showed how much of a row was given back.
        RefundSeen = "refund_seen",
        /// Another reservation with our reference was seen.
        DuplicateSeen = "duplicate_seen",
        /// The history was searched for other reservations with our reference.
        DuplicatesSearched = "duplicates_searched",
        /// The reservation was closed at the provider.
        ReservationClosed = "reservation_closed",
        /// The booking system reported something delivered.
        DeliveryReported = "delivery_reported",
        /// A question to a person was raised.
        ReviewRaised = "review_raised",
        /// A question to a person is no longer open.
        ReviewClosed = "review_closed",
        /// A person has decided.
        ReviewDecided = "review_decided",
        /// A reminder slot is used up.
        ReminderUsed = "reminder_used",
        /// A job that watches a deadline did its work.
        DeadlineHandled = "deadline_handled",
        /// A scheduled job came too late to send anything.
        JobSkipped = "job_skipped",
        /// A person has paused the reservation.
        ReservationPaused = "reservation_paused",
        /// A person has resumed the reservation.
        ReservationResumed = "reservation_resumed",
        /// A person has cancelled a scheduled job.
        JobCancelled = "job_cancelled",
        /// A person wants a cancelled job after all.
        JobRestored = "job_restored",
    }
}

impl Fact {
    /// The type of the event that the API shows of this fact, which is also its name in the journal and in logs.
    #[must_use]
    pub const fn event_type(&self) -> EventType {
        match self {
            Self::Created => EventType::ReservationCreated,
            Self::Planned(_) => EventType::IntentPlanned,
            Self::Intent(_, fact) => fact.event_type(),
            Self::Provider(fact) => fact.event_type(),
            Self::Delivery(DeliveryFact::Reported { .. }) => EventType::DeliveryReported,
            Self::Review(ReviewFact::Raised { .. }) => EventType::ReviewRaised,
            Self::Review(ReviewFact::Closed { .. }) => EventType::ReviewClosed,
            Self::Review(ReviewFact::Decided { .. }) => EventType::ReviewDecided,
            Self::Control(fact) => fact.event_type(),
        }
    }

    /// [`Fact::event_type`] as text.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.event_type().as_str()
    }
}

impl IntentFact {
    /// See [`Fact::event_type`].
    pub(super) const fn event_type(&self) -> EventType {
        match self {
            Self::AttemptWritten { .. } => EventType::AttemptWritten,
            Self::AttemptSent { .. } => EventType::AttemptSent,
            Self::AttemptUnsent { .. } => EventType::AttemptUnsent,
            Self::AttemptAccepted { .. } => EventType::AttemptAccepted,
            Self::AttemptRejected { .. } => EventType::AttemptRejected,
            Self::OutcomeUnknown { .. } => EventType::OutcomeUnknown,
            Self::LinkCreated { .. } => EventType::PaymentLinkCreated,
            Self::ProviderIdSuggested { .. } => EventType::ProviderIdSuggested,
            Self::EffectNotSeen { .. } => EventType::EffectNotSeen,
            Self::HistoryRead { .. } => EventType::HistoryRead,
            Self::MarkerChecked { .. } => EventType::MarkerChecked,
            Self::Confirmed { .. } => EventType::IntentConfirmed,
            Self::EffectRuledOut { .. } => EventType::EffectRuledOut,
            Self::RetryForced { .. } => EventType::RetryForced,
            Self::Escalated { .. } => EventType::IntentEscalated,
            Self::Withdrawn { .. } => EventType::IntentWithdrawn,
            Self::LateEffectSeen { .. } => EventType::LateEffectSeen,
        }
    }
}

impl ProviderFact {
    /// See [`Fact::event_type`].
    pub(super) const fn event_type(&self) -> EventType {
        match self {
            Self::DetailsRead { .. } => EventType::DetailsRead,
            Self::RefreshRequested => EventType::RefreshRequested,
            Self::CallbackReceived { .. } => EventType::CallbackReceived,
            Self::LinesSynced { .. } => EventType::LinesSynced,
            Self::HoldPlaced { .. } => EventType::HoldPlaced,
            Self::HoldLapsed { .. } => EventType::HoldLapsed,
            Self::LinkExpired { .. } => EventType::PaymentLinkExpired,
            Self::CaptureWindowClosed { .. } => EventType::CaptureWindowClosed,
            Self::RowPosted { .. } => EventType::LedgerRowPosted,
            Self::RowConfirmed { .. } => EventType::LedgerRowConfirmed,
            Self::RefundSeen { .. } => EventType::RefundSeen,
            Self::DuplicateSeen { .. } => EventType::DuplicateSeen,
            Self::DuplicatesSearched { .. } => EventType::DuplicatesSearched,
            Self::Closed { .. } => EventType::ReservationClosed,
        }
    }
}

impl ControlFact {
    const fn event_type(&self) -> EventType {
        match self {
            Self::ReminderUsed { .. } => EventType::ReminderUsed,
            Self::DeadlineHandled { .. } => EventType::DeadlineHandled,
            Self::JobSkipped { .. } => EventType::JobSkipped,
            Self::Paused => EventType::ReservationPaused,
            Self::Resumed => EventType::ReservationResumed,
            Self::JobCancelled { .. } => EventType::JobCancelled,
            Self::JobRestored { .. } => EventType::JobRestored,
        }
    }
}
