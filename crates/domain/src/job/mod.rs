//! The words of the queue: kinds, states and events, urgency, why a job waits, and what became of its attempts.

mod key;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::id::IntentId;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[doc = $vdoc:literal])+ $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ::serde::Serialize, ::serde::Deserialize)]
        pub enum $name { $($(#[doc = $vdoc])+ #[serde(rename = $word)] $variant,)* }

        impl $name {
            /// Every value, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word in tables, API and logs.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// What the word means, in a sentence for people.
            #[must_use]
            pub const fn describe(self) -> &'static str {
                match self { $(Self::$variant => concat!($($vdoc),+).trim_ascii(),)* }
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::job::UnknownWord;
            fn from_str(text: &str) -> Result<Self, $crate::job::UnknownWord> {
                match text {
                    $($word => Ok(Self::$variant),)*
                    _ => Err($crate::job::UnknownWord { word: text.chars().take(40).collect(), allowed: &[$($word,)*] }),
                }
            }
        }
    };
}
pub use key::{JobKey, JobKeyError};
pub(crate) use words;

mod state;
pub use state::{IllegalJobEvent, JobEvent, JobState};

/// A word that is not one of those allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{word}\" is not one of {}", allowed.join(", "))]
pub struct UnknownWord {
    /// What was written, cut to 40 characters.
    pub word: String,
    /// What may be written.
    pub allowed: &'static [&'static str],
}

words! {
    /// What a job does. One handler each.
    JobKind {
        /// Create the reservation at the provider.
        Submit = "submit",
        /// Send the payment link again because it is time to remind.
        Remind = "remind",
        /// Send the payment link again because somebody asked.
        Resend = "resend",
        /// Take part or all of the hold.
        Capture = "capture",
        /// Debit the stored card for late costs.
        Charge = "charge",
        /// Give captured or charged money back.
        Refund = "refund",
        /// Release the hold, or withdraw the link.
        Cancel = "cancel",
        /// Close the books of the reservation.
        Complete = "complete",
        /// Create a one-time payment link.
        PaymentLink = "payment_link",
        /// Read the reservation's details.
        Refresh = "refresh",
        /// Read a window of the merchant's history.
        Sweep = "sweep",
        /// Act before the capture window closes, or warn that it will.
        Deadline = "deadline",
    }
}

words! {
    /// Which of the due jobs go first. Declared most urgent first; the order is that of claiming.
    Urgency {
        /// Find out what became of a request.
        Resolve = "resolve",
        /// Captures and releases, by deadline.
        Money = "money",
        /// Everything else.
        Normal = "normal",
        /// Reminders.
        Remind = "remind",
    }
}

impl Urgency {
    /// The number in the claim's index: lower is claimed earlier.
    #[must_use]
    pub const fn rank(self) -> i64 {
        match self {
            Self::Resolve => 0,
            Self::Money => 1,
            Self::Normal => 2,
            Self::Remind => 3,
        }
    }

    /// The class whose [`rank`](Self::rank) this is; anything else counts as normal.
    #[must_use]
    pub const fn from_rank(rank: i64) -> Self {
        match rank {
            0 => Self::Resolve,
            1 => Self::Money,
            3 => Self::Remind,
            _ => Self::Normal,
        }
    }
}

impl JobKind {
    /// The class a job of this kind is claimed in while nothing about it is unknown.
    #[must_use]
    pub const fn urgency(self) -> Urgency {
        match self {
            Self::Capture | Self::Cancel | Self::Deadline => Urgency::Money,
            Self::Remind => Urgency::Remind,
            Self::Submit
            | Self::Resend
            | Self::Charge
            | Self::Refund
            | Self::Complete
            | Self::PaymentLink
            | Self::Refresh
            | Self::Sweep => Urgency::Normal,
        }
    }

    /// Does a run of this kind send a request to the provider, and so count against its rate?
    #[must_use]
    pub const fn calls_provider(self) -> bool {
        !matches!(self, Self::Deadline)
    }
}

words! {
    /// What became of one request of a job, or of a run without one.
    AttemptOutcome {
        /// Nothing has been sent; what an attempt begins as.
        Unsent = "unsent",
        /// The request is about to be sent, or on its way. Only while the attempt is open.
        Sending = "sending",
        /// The provider refused.
        Rejected = "rejected",
        /// The provider took it, and its effect has not been seen.
        Accepted = "accepted",
        /// Its effect has been seen.
        Confirmed = "confirmed",
        /// The request was sent, and its answer does not tell whether it took effect.
        Unknown = "unknown",
        /// The run failed without an answer that counts.
        Failed = "failed",
        /// The worker vanished or panicked.
        Crashed = "crashed",
        /// The run put the job off.
        Snoozed = "snoozed",
    }
}

words! {
    /// What a job that is not running waits for, besides its time. Set by the run that put it off.
    WaitingFor {
        /// The merchant's request budget has no request left, or the provider said to come later.
        RateLimit = "rate_limit",
        /// The merchant is paused: by a person, or because the provider refused the credentials.
        Pause = "pause",
        /// An operation of the same reservation that was decided earlier.
        AnotherOperation = "another_operation",
        /// An unknown outcome, its own or that of another operation, is being resolved by reading.
        Resolution = "resolution",
        /// A person's decision.
        Review = "review",
        /// The hours in which the customer may be contacted.
        ContactHours = "contact_hours",
    }
}

/// One job that a reservation should have now: an element of its schedule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Planned {
    /// Names this occurrence among the jobs of the reservation.
    pub key: JobKey,
    /// What it does.
    pub kind: JobKind,
    /// Not before this.
    pub run_at: DateTime<Utc>,
    /// Of no use at or after this.
    pub deadline: DateTime<Utc>,
    /// The class it is claimed in.
    pub urgency: Urgency,
    /// How it waits: scheduled, resolving, or for a review.
    pub state: PlannedState,
    /// The intent it carries, when one has been decided.
    pub intent: Option<IntentId>,
}

words! {
    /// How a planned job stands in the table until it is due.
    PlannedState {
        /// It runs at its time.
        Scheduled = "scheduled",
        /// Its outcome is unknown and the next read is at its time.
        Resolving = "resolving",
        /// It waits for a person and does not run.
        NeedsReview = "needs_review",
    }
}
