//! An intent: a decided operation with exact lines and amounts, and what became of the requests sent for it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{ReviewReason, RowKind};
use crate::history::HistoryRow;
use crate::id::IntentId;
use crate::job::{JobKey, JobKind, words};
use crate::marker::Marker;
use crate::money::Money;
use crate::policy::Channel;
use crate::reference::ProviderReference;

/// An amount on a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LineAmount {
    /// The line's number.
    pub line: u32,
    /// How much of it.
    pub amount: Money,
}

/// A new line of a charge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChargeLine {
    /// What is charged for.
    pub name: String,
    /// The booking system's product id.
    pub product_id: Option<String>,
    /// Gross price of one unit.
    pub rate: Money,
    /// Tax within the price, in percent.
    pub tax_percent: u8,
    /// Gross amount.
    pub amount: Money,
}

words! {
    /// What a refund gives back from.
    RefundSource {
        /// A capture.
        Captured = "captured",
        /// A charge.
        Charged = "charged",
    }
}

/// What is to be done, exactly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "operation", rename_all = "snake_case")]
pub enum Operation {
    /// Create the reservation at the provider.
    Submit,
    /// Take these amounts from the hold.
    Capture {
        /// On these lines.
        lines: Vec<LineAmount>,
        /// Human text behind the marker.
        note: Option<String>,
    },
    /// Debit the card for these lines.
    Charge {
        /// What for.
        lines: Vec<ChargeLine>,
        /// Human text behind the marker.
        note: Option<String>,
    },
    /// Give back from one capture or charge.
    Refund {
        /// From which of the two.
        source: RefundSource,
        /// The row's reference.
        reference: ProviderReference,
        /// On these lines; of a charge, its own lines numbered from 1.
        lines: Vec<LineAmount>,
    },
    /// Release the hold or withdraw the link.
    Cancel {
        /// Human text behind the marker.
        note: String,
    },
    /// Close the books.
    Complete {
        /// Human text behind the marker.
        note: String,
    },
    /// Send the link again.
    Resend {
        /// By which channels.
        by: Vec<Channel>,
        /// To another contact than the customer's, which stands beside the reservation with his data.
        other_recipient: bool,
        /// The reminder slot it uses, when it is a reminder.
        slot: Option<u32>,
    },
}

impl Operation {
    /// The kind of the job that carries it.
    #[must_use]
    pub const fn job_kind(&self) -> JobKind {
        match self {
            Self::Submit => JobKind::Submit,
            Self::Capture { .. } => JobKind::Capture,
            Self::Charge { .. } => JobKind::Charge,
            Self::Refund { .. } => JobKind::Refund,
            Self::Cancel { .. } => JobKind::Cancel,
            Self::Complete { .. } => JobKind::Complete,
            Self::Resend { slot: None, .. } => JobKind::Resend,
            Self::Resend { slot: Some(_), .. } => JobKind::Remind,
        }
    }

    /// The kind of ledger row it makes.
    #[must_use]
    pub const fn row_kind(&self) -> Option<RowKind> {
        match self {
            Self::Capture { .. } => Some(RowKind::Capture),
            Self::Charge { .. } => Some(RowKind::Charge),
            Self::Refund { .. } => Some(RowKind::Refund),
            Self::Submit | Self::Cancel { .. } | Self::Complete { .. } | Self::Resend { .. } => {
                None
            }
        }
    }

    /// The money it moves.
    #[must_use]
    pub fn amount(&self) -> Money {
        match self {
            Self::Capture { lines, .. } | Self::Refund { lines, .. } => {
                lines.iter().map(|line| line.amount).sum()
            }
            Self::Charge { lines, .. } => lines.iter().map(|line| line.amount).sum(),
            Self::Submit | Self::Cancel { .. } | Self::Complete { .. } | Self::Resend { .. } => {
                Money::ZERO
            }
        }
    }

    /// Does its request carry a text in which details show its marker?
    #[must_use]
    pub const fn has_marker(&self) -> bool {
        matches!(self, Self::Capture { .. } | Self::Charge { .. })
    }

    /// Why a person must decide when its outcome stays unknown.
    #[must_use]
    pub const fn review_reason(&self) -> ReviewReason {
        match self {
            Self::Capture { .. } => ReviewReason::CaptureUnknown,
            Self::Charge { .. } => ReviewReason::ChargeUnknown,
            Self::Refund { .. } => ReviewReason::RefundUnknown,
            Self::Submit | Self::Cancel { .. } | Self::Complete { .. } | Self::Resend { .. } => {
                ReviewReason::OutcomeUnknown
            }
        }
    }

    /// Does an unknown outcome of this one forbid every other operation on the reservation?
    #[must_use]
    pub const fn is_exclusive(&self) -> bool {
        !matches!(self, Self::Resend { .. })
    }
}

/// A request: which attempt, and since when it may have its effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// The attempt's number, from 1.
    pub attempt: u32,
    /// When its release was committed, before any byte left; of an attempt on record only, when it was written.
    pub at: DateTime<Utc>,
}

/// A request whose effect neither its answer nor any later read has shown, and what was done to find out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnknownOutcome {
    /// The request.
    pub sent: Sent,
    /// What kept the answer back.
    pub reason: String,
    /// How many reads of details, or searches of a submit, have looked for the effect.
    pub reads: u32,
    /// How many of the latest, one after the other, count towards absence.
    pub clean_reads: u32,
    /// When the latest of them took place.
    pub last_read_at: Option<DateTime<Utc>>,
    /// When the history last showed no trace.
    pub history_silent_at: Option<DateTime<Utc>>,
    /// When the history was last read.
    pub history_read_at: Option<DateTime<Utc>>,
    /// The row of the history that can stand for the effect, as of the last look.
    pub history_row: Option<HistoryRow>,
}

impl UnknownOutcome {
    /// One that has not been looked for yet.
    #[must_use]
    pub fn new(sent: Sent, reason: &str) -> Self {
        Self {
            sent,
            reason: reason.to_owned(),
            reads: 0,
            clean_reads: 0,
            last_read_at: None,
            history_silent_at: None,
            history_read_at: None,
            history_row: None,
        }
    }
}

/// What the ledger said when a request was put on record: what is there now beyond it came later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    /// When details were last read before.
    pub read_at: Option<DateTime<Utc>>,
    /// The provider's status word as of then.
    pub status: Option<String>,
    /// The held amount.
    pub reserved: Money,
    /// The sum of captures.
    pub captured: Money,
    /// The sum of charges.
    pub charged: Money,
    /// The sum given back.
    pub refunded: Money,
    /// The references of captures and charges.
    pub references: Vec<ProviderReference>,
}

words! {
    /// The name of an [`IntentState`].
    StateName {
        /// [`IntentState::Planned`]
        Planned = "planned",
        /// [`IntentState::Written`]
        Written = "written",
        /// [`IntentState::Sending`]
        Sending = "sending",
        /// [`IntentState::Accepted`]
        Accepted = "accepted",
        /// [`IntentState::Unknown`]
        Unknown = "unknown",
        /// [`IntentState::NeedsReview`]
        NeedsReview = "needs_review",
        /// [`IntentState::Done`]
        Done = "done",
        /// [`IntentState::Rejected`]
        Rejected = "rejected",
        /// [`IntentState::Withdrawn`]
        Withdrawn = "withdrawn",
    }
}

/// Where an intent is, with what is known of its requests.
///
/// The first three states carry `in_doubt`: the request behind which another one is to be sent before its outcome is
/// known, because its absence could not be proven in time and the provider refuses a duplicate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum IntentState {
    /// The next attempt has not been put on record; a crash here sends nothing.
    Planned {
        /// How many attempts were sent before, each without effect unless it is in doubt.
        attempts: u32,
        /// The request before, when its outcome is not known.
        in_doubt: Option<Sent>,
    },
    /// An attempt is on record, and its request has not been released.
    Written {
        /// The attempt.
        sent: Sent,
        /// The request before, when its outcome is not known.
        in_doubt: Option<Sent>,
    },
    /// The request may have left.
    Sending {
        /// The request.
        sent: Sent,
        /// The request before, when its outcome is not known.
        in_doubt: Option<Sent>,
    },
    /// The provider said yes; details have to show it before it counts as done.
    Accepted {
        /// The request.
        sent: Sent,
        /// The provider's reference, when the answer named one.
        reference: Option<ProviderReference>,
        /// How many reads have looked for the effect.
        reads: u32,
    },
    /// The request was sent, and nothing shows its effect yet: reads go on.
    Unknown(UnknownOutcome),
    /// Reads could not tell what became of the request: a person must.
    NeedsReview(UnknownOutcome),
    /// The operation took effect.
    Done {
        /// How many attempts were put on record.
        attempts: u32,
        /// The provider's reference, when there is one.
        reference: Option<ProviderReference>,
    },
    /// The provider refused it; it had no effect.
    Rejected {
        /// How many attempts were put on record.
        attempts: u32,
        /// The provider's message, normalised.
        key: String,
    },
    /// It was never sent, or proven absent and not to be sent again.
    Withdrawn {
        /// How many attempts were sent.
        attempts: u32,
        /// Why it was given up.
        reason: String,
    },
}

impl IntentState {
    /// The state of an intent that has just been decided.
    pub const NEW: Self = Self::Planned {
        attempts: 0,
        in_doubt: None,
    };

    /// The state's name, without what it carries.
    #[must_use]
    pub const fn kind(&self) -> StateName {
        match self {
            Self::Planned { .. } => StateName::Planned,
            Self::Written { .. } => StateName::Written,
            Self::Sending { .. } => StateName::Sending,
            Self::Accepted { .. } => StateName::Accepted,
            Self::Unknown(_) => StateName::Unknown,
            Self::NeedsReview(_) => StateName::NeedsReview,
            Self::Done { .. } => StateName::Done,
            Self::Rejected { .. } => StateName::Rejected,
            Self::Withdrawn { .. } => StateName::Withdrawn,
        }
    }

    /// The state's name in tables, API and logs.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.kind().as_str()
    }

    /// How many attempts were put on record, without those of which it is certain that nothing left this machine.
    #[must_use]
    pub const fn attempts(&self) -> u32 {
        match self {
            Self::Planned { attempts, .. }
            | Self::Done { attempts, .. }
            | Self::Rejected { attempts, .. }
            | Self::Withdrawn { attempts, .. } => *attempts,
            Self::Written { sent, .. }
            | Self::Sending { sent, .. }
            | Self::Accepted { sent, .. } => sent.attempt,
            Self::Unknown(unknown) | Self::NeedsReview(unknown) => unknown.sent.attempt,
        }
    }
}

/// A decided operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// The intent's id, `int_…`.
    pub id: IntentId,
    /// What is to be done.
    #[serde(flatten)]
    pub operation: Operation,
    /// The key of the job that carries it.
    pub key: JobKey,
    /// The base marker: what every attempt's text begins with, but for the attempt's number.
    pub marker: Marker,
    /// When it was decided.
    pub created_at: DateTime<Utc>,
    /// Who decided it: `policy`, or the key of the API that asked.
    pub created_by: String,
    /// The version of the policy it was decided under.
    pub policy_version: u32,
    /// What the ledger said when the latest attempt was put on record; `None` before the first. Also of an intent that is
    /// over: it tells which of two equal rows came later.
    pub baseline: Option<Baseline>,
    /// When the last request was sent whose outcome was unknown for a time; `None` when none ever was. Also of an intent
    /// that is over: its effect may still appear, or a second time.
    pub last_unknown_at: Option<DateTime<Utc>>,
    /// Where it is.
    pub progress: IntentState,
}

impl Intent {
    /// How many attempts were put on record, without those of which it is certain that nothing left this machine.
    #[must_use]
    pub const fn attempts(&self) -> u32 {
        self.progress.attempts()
    }

    /// May it still have an effect that is not in the ledger?
    #[must_use]
    pub const fn is_open(&self) -> bool {
        !matches!(
            self.progress,
            IntentState::Done { .. } | IntentState::Rejected { .. } | IntentState::Withdrawn { .. }
        )
    }

    /// Was a request sent whose outcome is not known for certain?
    #[must_use]
    pub const fn is_unresolved(&self) -> bool {
        self.sent().is_some()
    }

    /// The request in doubt behind which another one was to be sent at once, while that has not been released.
    #[must_use]
    pub const fn forced_behind(&self) -> Option<Sent> {
        match self.progress {
            IntentState::Planned { in_doubt, .. } | IntentState::Written { in_doubt, .. } => {
                in_doubt
            }
            _ => None,
        }
    }

    /// May a request of it have reached the provider at any time?
    #[must_use]
    pub const fn was_sent(&self) -> bool {
        let on_record_only = matches!(self.progress, IntentState::Written { .. });
        self.attempts() > if on_record_only { 1 } else { 0 }
    }

    /// Was a row with this reference in the ledger when the latest attempt was put on record?
    #[must_use]
    pub fn knew(&self, reference: Option<&ProviderReference>) -> bool {
        let known = self
            .baseline
            .iter()
            .flat_map(|baseline| &baseline.references);
        known.into_iter().any(|known| Some(known) == reference)
    }

    /// The request that was sent last, while its outcome is not known for certain.
    #[must_use]
    pub const fn sent(&self) -> Option<Sent> {
        match &self.progress {
            IntentState::Planned { in_doubt, .. } | IntentState::Written { in_doubt, .. } => {
                *in_doubt
            }
            IntentState::Sending { sent, .. } | IntentState::Accepted { sent, .. } => Some(*sent),
            IntentState::Unknown(unknown) | IntentState::NeedsReview(unknown) => Some(unknown.sent),
            IntentState::Done { .. }
            | IntentState::Rejected { .. }
            | IntentState::Withdrawn { .. } => None,
        }
    }
}
