//! An intent: a decided operation with exact lines and amounts, and what became of the requests sent for it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{ReviewReason, RowKind};
use crate::history::HistoryRow;
use crate::id::IntentId;
use crate::job::{JobKind, words};
use crate::money::Money;
use crate::policy::Channel;

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
        reference: String,
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
        elsewhere: bool,
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
    pub const fn doubt_reason(&self) -> ReviewReason {
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

/// When a request was sent, as which attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// The attempt's number, from 1.
    pub attempt: u32,
    /// When SENDING was committed, before any byte left.
    pub at: DateTime<Utc>,
}

/// What was done to find out what became of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doubt {
    /// The request in doubt.
    pub sent: Sent,
    /// Why nobody knows.
    pub reason: String,
    /// Reads so far.
    pub reads: u32,
    /// Coherent reads without a trace, one after the other.
    pub clean_reads: u32,
    /// When the last read took place.
    pub last_read_at: Option<DateTime<Utc>>,
    /// When the history was last read without a trace.
    pub history_silent_at: Option<DateTime<Utc>>,
    /// When the history was last read.
    pub history_read_at: Option<DateTime<Utc>>,
    /// The row of the history that can stand for the effect, as of the last look.
    pub history_row: Option<HistoryRow>,
}

impl Doubt {
    /// A request in doubt that nobody has looked for yet.
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

/// What the books said when a request was put on record: what is there now beyond it came later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    /// When details were last read before.
    pub read_at: Option<DateTime<Utc>>,
    /// The provider's status word.
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
    pub references: Vec<String>,
}

/// Where an intent is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum IntentState {
    /// Decided, nothing sent; a crash here sends nothing.
    Planned,
    /// The attempt is on record, its request has not been released yet.
    Written(Sent),
    /// The request may have left.
    Sending(Sent),
    /// The provider said yes; details have to show it before it counts as done.
    Accepted {
        /// The request.
        sent: Sent,
        /// The provider's reference.
        reference: Option<String>,
        /// Reads so far.
        reads: u32,
    },
    /// Nobody knows what became of the request.
    Unknown(Doubt),
    /// A person must decide what became of the request.
    Desk(Doubt),
    /// Done.
    Done {
        /// The provider's reference.
        reference: Option<String>,
    },
    /// The provider refused it; it had no effect.
    Rejected {
        /// The provider's message, normalised.
        key: String,
    },
    /// It was never sent, or proven absent and not to be sent again.
    Withdrawn {
        /// Why.
        reason: String,
    },
}

impl IntentState {
    /// The state's name in tables, API and logs.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Written(_) => "written",
            Self::Sending(_) => "sending",
            Self::Accepted { .. } => "accepted",
            Self::Unknown(_) => "unknown",
            Self::Desk(_) => "desk",
            Self::Done { .. } => "done",
            Self::Rejected { .. } => "rejected",
            Self::Withdrawn { .. } => "withdrawn",
        }
    }
}

/// A decided operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// Its id.
    pub id: IntentId,
    /// What is to be done.
    #[serde(flatten)]
    pub operation: Operation,
    /// The key of the job that carries it.
    pub key: String,
    /// The base marker.
    pub marker: String,
    /// When it was decided.
    pub created_at: DateTime<Utc>,
    /// Who decided it: `policy`, or the key of the API that asked.
    pub created_by: String,
    /// The version of the policy it was decided under.
    pub policy_version: u32,
    /// How many attempts were written.
    pub attempts: u32,
    /// What the books said when the latest attempt was put on record.
    pub baseline: Option<Baseline>,
    /// When the last request was sent whose outcome nobody knew.
    pub doubted_at: Option<DateTime<Utc>>,
    /// Was it to be sent again before the absence of the last request's effect was proven?
    pub pressed: bool,
    /// Where it is.
    pub progress: IntentState,
}

impl Intent {
    /// May it still have an effect?
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
        (self.pressed && self.is_open())
            || matches!(
                self.progress,
                IntentState::Sending(_)
                    | IntentState::Accepted { .. }
                    | IntentState::Unknown(_)
                    | IntentState::Desk(_)
            )
    }

    /// The request in doubt behind which another one was to be sent at once, while that has not been released.
    #[must_use]
    pub fn pressed_behind(&self) -> Option<Sent> {
        let attempt = match self.progress {
            IntentState::Planned => self.attempts,
            IntentState::Written(_) => self.attempts.saturating_sub(1),
            _ => return None,
        };
        self.doubted_at
            .filter(|_| self.pressed)
            .map(|at| Sent { attempt, at })
    }

    /// May a request of it have reached the provider at any time?
    #[must_use]
    pub const fn was_sent(&self) -> bool {
        let on_record_only = matches!(self.progress, IntentState::Written(_));
        self.attempts > if on_record_only { 1 } else { 0 }
    }

    /// Was a row with this reference in the books when the latest attempt was put on record?
    #[must_use]
    pub fn knew(&self, reference: Option<&str>) -> bool {
        let known = self
            .baseline
            .iter()
            .flat_map(|baseline| &baseline.references);
        known
            .into_iter()
            .any(|known| Some(known.as_str()) == reference)
    }

    /// The request that was sent last, while it is not settled.
    #[must_use]
    pub const fn sent(&self) -> Option<Sent> {
        match &self.progress {
            IntentState::Written(sent)
            | IntentState::Sending(sent)
            | IntentState::Accepted { sent, .. } => Some(*sent),
            IntentState::Unknown(doubt) | IntentState::Desk(doubt) => Some(doubt.sent),
            _ => None,
        }
    }
}
