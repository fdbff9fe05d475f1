//! What can happen to a reservation. Facts are recorded in order, in the past tense, and never changed.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{DecisionRecord, ExtraProduct, Intent, LedgerRow, LineAmount, SeenReservation};
use crate::history::HistoryRow;
use crate::id::IntentId;
use crate::job::words;
use crate::money::Money;

words! {
    /// Why a person must decide: a closed list.
    ReviewReason {
        /// A charge whose outcome stayed unknown; it is never sent again by itself.
        ChargeUnknown = "charge_unknown",
        /// A refund whose outcome stayed unknown.
        RefundUnknown = "refund_unknown",
        /// A capture whose outcome stayed unknown while a second one could go through.
        CaptureUnknown = "capture_unknown",
        /// Another operation whose outcome stayed unknown.
        OutcomeUnknown = "outcome_unknown",
        /// The provider shows the effect twice, or with another amount.
        EffectDiffers = "effect_differs",
        /// Somebody acted in the provider's portal in a way that breaks the plan.
        ExternalChange = "external_change",
        /// An effect appeared after it had been settled as absent.
        LateEffect = "late_effect",
        /// The provider does not know a reservation that it had.
        MissingAtProvider = "missing_at_provider",
        /// The window is about to close and the policy does not say what to do.
        WindowClosing = "window_closing",
        /// Something was delivered after the window closed, or without a hold.
        LateDelivery = "late_delivery",
        /// Details did not add up several times, or hold a word nobody knows.
        Incoherent = "incoherent",
        /// The provider refused an operation.
        ProviderRefused = "provider_refused",
        /// An operation could not be sent before its deadline.
        DeadlinePassed = "deadline_passed",
        /// Details no longer show the text that captures and charges are sent with.
        MarkerBroken = "marker_broken",
    }
}

impl ReviewReason {
    /// Does it ask what is to become of what was delivered and is not captured?
    pub(crate) const fn is_about_capturing(self) -> bool {
        matches!(
            self,
            Self::ExternalChange | Self::WindowClosing | Self::LateDelivery | Self::DeadlinePassed
        )
    }
}

words! {
    /// How a reservation was closed.
    Closing {
        /// With money taken.
        Completed = "completed",
        /// Withdrawn.
        Cancelled = "cancelled",
    }
}

/// A line as details show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenLine {
    /// Our number of it.
    pub line: u32,
    /// The provider's numeric id.
    pub provider_id: i64,
    /// What is captured on it.
    pub captured: Money,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
#[expect(
    missing_docs,
    reason = "the fields repeat the words of the variants they stand in"
)]
#[expect(
    clippy::large_enum_variant,
    reason = "facts are made and folded a few at a time"
)]
pub enum Fact {
    /// The reservation was submitted to us.
    Created,
    /// An operation was decided.
    IntentPlanned { intent: Intent },
    /// An attempt was put on record; nothing has been sent.
    AttemptWritten {
        intent: IntentId,
        attempt: u32,
        at: DateTime<Utc>,
    },
    /// The attempt's request was released; from here on it may have had its effect.
    AttemptSending {
        intent: IntentId,
        attempt: u32,
        at: DateTime<Utc>,
    },
    /// Nothing left this machine; the attempt's number is free again.
    AttemptUnsent { intent: IntentId, reason: String },
    /// The provider said yes. A money operation with a reference counts as done and is booked.
    AttemptAccepted {
        intent: IntentId,
        reference: Option<String>,
        at: DateTime<Utc>,
    },
    /// The provider said no; there was no effect.
    AttemptRejected { intent: IntentId, key: String },
    /// Nobody knows whether there was an effect.
    AttemptUnknown { intent: IntentId, reason: String },
    /// The provider has the reservation.
    LinkCreated {
        intent: IntentId,
        reservation_uuid: String,
        customer_uuid: Option<String>,
        url: Option<String>,
        at: DateTime<Utc>,
    },
    /// The provider has another reservation with our reference than the one in the books: the submit took effect twice.
    DuplicateSeen {
        intent: IntentId,
        seen: SeenReservation,
    },
    /// The history was searched for duplicates of a submit's reservation: up to this id, or for all there may be.
    /// `missed` when details do not know yet what the history names.
    DuplicatesSought {
        intent: IntentId,
        up_to: Option<String>,
        missed: bool,
        at: DateTime<Utc>,
    },
    /// A read showed no trace of the effect. A read that did not add up does not count towards absence.
    TraceMissing {
        intent: IntentId,
        clean: bool,
        at: DateTime<Utc>,
    },
    /// Details, or a person, show the effect; a money operation is booked as shown.
    IntentConfirmed {
        intent: IntentId,
        reference: Option<String>,
        amount: Money,
        at: DateTime<Utc>,
    },
    /// The effect is proven absent, or a person says so; the operation may be sent again.
    IntentAbsent { intent: IntentId, at: DateTime<Utc> },
    /// The history was read for a trace of the effect: a row that can stand for it, or silence.
    HistoryRead {
        intent: IntentId,
        row: Option<HistoryRow>,
        at: DateTime<Utc>,
    },
    /// Absence cannot be proven before the deadline, and the provider refuses a duplicate: it may be sent again.
    IntentPressed { intent: IntentId, at: DateTime<Utc> },
    /// Details show an effect of this intent with its marker, or without.
    MarkerEchoed { intent: IntentId, echoed: bool },
    /// A person must say what became of the request.
    IntentToDesk {
        intent: IntentId,
        reason: ReviewReason,
        at: DateTime<Utc>,
    },
    /// The operation is given up; it had no effect.
    IntentWithdrawn { intent: IntentId, reason: String },
    /// An effect appeared after its intent had been settled as refused or absent.
    LateEffect { intent: IntentId, row: LedgerRow },
    /// Details were read.
    /// `since` is the version of the reservation when the read began: what was asked for later is still to be read.
    DetailsRead {
        at: DateTime<Utc>,
        status: Option<String>,
        coherent: bool,
        since: i64,
    },
    /// Somebody asked for a read.
    ReadWanted,
    /// A genuine callback told that something happened; `word` is what it calls it.
    CalledBack { word: String, at: DateTime<Utc> },
    /// A genuine callback on this reservation's own path, or a person, named the provider's id of it, or of another one
    /// that its submit may have made.
    UuidHinted { uuid: String },
    /// Details showed our lines.
    LinesSeen {
        lines: Vec<SeenLine>,
        extra: Vec<ExtraProduct>,
    },
    /// The payer has paid; the amount is held.
    Held { at: DateTime<Utc>, amount: Money },
    /// The hold is over without having been used up.
    HoldExpired { at: DateTime<Utc> },
    /// Nobody paid; the link is over.
    LinkExpired { at: DateTime<Utc> },
    /// The provider refused a capture because the window had closed.
    CaptureClosed { at: DateTime<Utc> },
    /// Details show a row that is none of ours: somebody acted in the portal.
    ForeignRow { row: LedgerRow },
    /// Details show a row that had been booked on somebody's word: the row with this reference, or the one of
    /// this intent, which takes the reference and the amount that are shown.
    RowConfirmed {
        reference: String,
        amount: Money,
        intent: Option<IntentId>,
    },
    /// Details show so much given back of a row.
    RefundSeen { reference: String, refunded: Money },
    /// Something was delivered.
    Delivered {
        event_id: String,
        at: DateTime<Utc>,
        lines: Vec<LineAmount>,
        complete: bool,
    },
    /// The reservation was closed; `foreign` when somebody else did it.
    Closed {
        how: Closing,
        at: DateTime<Utc>,
        foreign: bool,
    },
    /// A reminder slot is used up; `sent` unless its time had passed.
    ReminderUsed {
        slot: u32,
        sent: bool,
        at: DateTime<Utc>,
    },
    /// A guard or warning job did its work.
    GuardActed { key: String, at: DateTime<Utc> },
    /// A person must decide something.
    DeskRaised {
        reason: ReviewReason,
        freezes: bool,
        at: DateTime<Utc>,
    },
    /// It is decided, or has explained itself.
    DeskCleared { reason: ReviewReason },
    /// A person has decided what lies on the desk, on the evidence as it stood.
    Decided {
        intent: Option<IntentId>,
        reason: ReviewReason,
        decision: DecisionRecord,
    },
    /// A person has paused the reservation.
    Paused,
    /// A person has resumed it.
    Resumed,
    /// A person has cancelled a scheduled job.
    JobStopped { key: String },
    /// A person wants a cancelled job after all.
    JobResumed { key: String },
}

impl Fact {
    /// The fact's name in the timeline and in logs.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::IntentPlanned { .. } => "intent_planned",
            Self::AttemptWritten { .. } => "attempt_written",
            Self::AttemptSending { .. } => "attempt_sending",
            Self::AttemptUnsent { .. } => "attempt_unsent",
            Self::AttemptAccepted { .. } => "attempt_accepted",
            Self::AttemptRejected { .. } => "attempt_rejected",
            Self::AttemptUnknown { .. } => "attempt_unknown",
            Self::LinkCreated { .. } => "link_created",
            Self::DuplicateSeen { .. } => "duplicate_seen",
            Self::DuplicatesSought { .. } => "duplicates_sought",
            Self::TraceMissing { .. } => "trace_missing",
            Self::IntentConfirmed { .. } => "intent_confirmed",
            Self::IntentAbsent { .. } => "intent_absent",
            Self::HistoryRead { .. } => "history_read",
            Self::IntentPressed { .. } => "intent_pressed",
            Self::MarkerEchoed { .. } => "marker_echoed",
            Self::IntentToDesk { .. } => "intent_to_desk",
            Self::IntentWithdrawn { .. } => "intent_withdrawn",
            Self::LateEffect { .. } => "late_effect",
            Self::DetailsRead { .. } => "details_read",
            Self::ReadWanted => "read_wanted",
            Self::CalledBack { .. } => "called_back",
            Self::UuidHinted { .. } => "uuid_hinted",
            Self::LinesSeen { .. } => "lines_seen",
            Self::Held { .. } => "held",
            Self::HoldExpired { .. } => "hold_expired",
            Self::LinkExpired { .. } => "link_expired",
            Self::CaptureClosed { .. } => "capture_closed",
            Self::ForeignRow { .. } => "foreign_row",
            Self::RowConfirmed { .. } => "row_confirmed",
            Self::RefundSeen { .. } => "refund_seen",
            Self::Delivered { .. } => "delivered",
            Self::Closed { .. } => "closed",
            Self::ReminderUsed { .. } => "reminder_used",
            Self::GuardActed { .. } => "guard_acted",
            Self::DeskRaised { .. } => "desk_raised",
            Self::DeskCleared { .. } => "desk_cleared",
            Self::Decided { .. } => "decided",
            Self::Paused => "paused",
            Self::Resumed => "resumed",
            Self::JobStopped { .. } => "job_stopped",
            Self::JobResumed { .. } => "job_resumed",
        }
    }

    /// Does it let jobs go on that waited for a person, or for another operation that a person had to decide?
    #[must_use]
    pub const fn releases(&self) -> bool {
        matches!(
            self,
            Self::DeskCleared { .. }
                | Self::Resumed
                | Self::IntentConfirmed { .. }
                | Self::IntentAbsent { .. }
                | Self::IntentWithdrawn { .. }
        )
    }

    /// Does it bear on what a person decides? What was only looked for in vain does not.
    #[must_use]
    pub const fn is_evidence(&self) -> bool {
        !matches!(
            self,
            Self::DetailsRead { coherent: true, .. }
                | Self::TraceMissing { clean: true, .. }
                | Self::HistoryRead { row: None, .. }
                | Self::DuplicatesSought { .. }
                | Self::ReadWanted
                | Self::GuardActed { .. }
                | Self::ReminderUsed { .. }
                | Self::JobStopped { .. }
                | Self::JobResumed { .. }
                | Self::Paused
                | Self::Resumed
        )
    }
}
