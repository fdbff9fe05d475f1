//! What is known of a payment link: one state at a time, with what belongs to it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::order_id::OrderId;

/// The order that a payment link is at the provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The provider's id of the order.
    pub id: OrderId,
    /// Where the payer pays; `None` when only the history or a person has named the order, and neither names the page.
    pub url: Option<String>,
}

/// One request for a payment link, from when it was put on record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Counts the link's attempts from 1. One that was never sent is written anew under its number.
    pub number: u32,
    /// Until when the order can be paid, in whole seconds: sent along, and by it the order is distinguished from others.
    pub due: DateTime<Utc>,
    /// When the attempt was written; once it is being sent, when it was released.
    pub at: DateTime<Utc>,
}

/// How far a payment link has come. Made by [`LinkState::next`] alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum LinkState {
    /// It was asked for, and nothing of it is on its way.
    Planned {
        /// How many attempts have been sent, none of which made the link, as far as that is proven or a person said so.
        attempts: u32,
    },
    /// An attempt is on record and has not been sent.
    Written {
        /// That attempt.
        attempt: Attempt,
    },
    /// The attempt may be on its way. It counts as sent until the opposite is proven.
    Sending {
        /// That attempt.
        attempt: Attempt,
    },
    /// The outcome of the attempt is unknown, and it is looked for at the provider.
    Unknown {
        /// The attempt that was sent.
        attempt: Attempt,
        /// Why its outcome is unknown, for people.
        reason: String,
        /// How many searches were carried out and found nothing.
        searches: u32,
        /// When the last of them was; `None` before the first.
        searched_at: Option<DateTime<Utc>>,
    },
    /// The search has come to its end without proof; a person decides.
    NeedsReview {
        /// The attempt that was sent.
        attempt: Attempt,
        /// Why its outcome is unknown, for people.
        reason: String,
        /// Orders that may be this link's, as far as the search shows.
        candidates: Vec<OrderId>,
    },
    /// The provider has the order.
    Made {
        /// How many attempts were sent.
        attempts: u32,
        /// That order.
        order: Order,
    },
    /// The provider refused it.
    Rejected {
        /// How many attempts were sent.
        attempts: u32,
        /// The provider's message, normalised.
        key: String,
    },
    /// It is no longer wanted, or a person found that it was not made.
    Withdrawn {
        /// How many attempts were sent.
        attempts: u32,
        /// Why, for people.
        reason: String,
    },
}

impl LinkState {
    /// What a link begins as.
    pub const NEW: Self = Self::Planned { attempts: 0 };

    /// The word of the state in tables and logs.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Planned { .. } => "planned",
            Self::Written { .. } => "written",
            Self::Sending { .. } => "sending",
            Self::Unknown { .. } => "unknown",
            Self::NeedsReview { .. } => "needs_review",
            Self::Made { .. } => "made",
            Self::Rejected { .. } => "rejected",
            Self::Withdrawn { .. } => "withdrawn",
        }
    }

    /// How many attempts have been sent, the one that is on its way included.
    #[must_use]
    pub const fn attempts(&self) -> u32 {
        match self {
            Self::Planned { attempts }
            | Self::Made { attempts, .. }
            | Self::Rejected { attempts, .. }
            | Self::Withdrawn { attempts, .. } => *attempts,
            Self::Written { attempt } => attempt.number.saturating_sub(1),
            Self::Sending { attempt }
            | Self::Unknown { attempt, .. }
            | Self::NeedsReview { attempt, .. } => attempt.number,
        }
    }

    /// The order that the link is at the provider, once that is known.
    #[must_use]
    pub const fn order(&self) -> Option<&Order> {
        match self {
            Self::Made { order, .. } => Some(order),
            Self::Planned { .. }
            | Self::Written { .. }
            | Self::Sending { .. }
            | Self::Unknown { .. }
            | Self::NeedsReview { .. }
            | Self::Rejected { .. }
            | Self::Withdrawn { .. } => None,
        }
    }
}
