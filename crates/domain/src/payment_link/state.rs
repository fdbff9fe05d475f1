//! What is known of a payment link: one state at a time, with what belongs to it.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// The most characters of a provider's id of an order.
const MAX_ORDER_ID: usize = 128;

/// The provider's id of an order: `ODR` and digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OrderId(String);

/// A text that is not the provider's id of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not an order's id of the provider: ODR and digits")]
pub struct OrderIdError;

impl OrderId {
    /// What every order's id begins with; those of reservations, captures and charges begin otherwise.
    pub const PREFIX: &'static str = "ODR";

    /// The id as text, prefix included.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for OrderId {
    type Err = OrderIdError;

    fn from_str(text: &str) -> Result<Self, OrderIdError> {
        let digits = text.strip_prefix(Self::PREFIX).ok_or(OrderIdError)?;
        let fits = !digits.is_empty()
            && text.len() <= MAX_ORDER_ID
            && digits.bytes().all(|byte| byte.is_ascii_digit());
        fits.then(|| Self(text.to_owned())).ok_or(OrderIdError)
    }
}

impl TryFrom<String> for OrderId {
    type Error = OrderIdError;

    fn try_from(text: String) -> Result<Self, OrderIdError> {
        text.parse()
    }
}

impl From<OrderId> for String {
    fn from(id: OrderId) -> Self {
        id.0
    }
}

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
