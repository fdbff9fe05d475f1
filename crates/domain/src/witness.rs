//! What speaks for or against an effect besides the details of its reservation.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::job::words;
use crate::money::Money;

words! {
    /// Do details show the text that a capture or charge was sent with? Learnt from the first one that is confirmed,
    /// and looked at again with every one.
    MarkerEcho {
        /// Nobody has found out.
        Unverified = "unverified",
        /// They do: an effect without our marker is hardly ours.
        Verified = "verified",
        /// They do not: our own effects come without a marker.
        Broken = "broken",
    }
}

/// What is known of a merchant's view of the provider when one of its reservations is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Witnesses {
    /// Whether markers come back.
    pub marker_echo: MarkerEcho,
    /// When the newest effect took place that this merchant's details or history have shown: what happened earlier
    /// would show by now, unless it lags on its own.
    pub shown_until: Option<DateTime<Utc>>,
    /// When a request of this merchant last failed on the way, or by a fault of the provider.
    pub faulted_at: Option<DateTime<Utc>>,
}

impl Default for Witnesses {
    fn default() -> Self {
        Self { marker_echo: MarkerEcho::Unverified, shown_until: None, faulted_at: None }
    }
}

words! {
    /// What a row of the provider's history tells.
    Event {
        /// An amount was taken from a hold.
        Captured = "captured",
        /// A card was debited.
        Charged = "charged",
        /// Money was given back from a capture.
        CaptureRefunded = "capture_refunded",
        /// Money was given back from a charge.
        ChargeRefunded = "charge_refunded",
        /// A link was sent to a customer.
        LinkSent = "link_sent",
        /// An amount was held.
        Reserved = "reserved",
        /// A reservation was completed.
        Completed = "completed",
        /// A reservation was withdrawn.
        Cancelled = "cancelled",
        /// Anything else.
        Other = "other",
    }
}

/// One row of the provider's history, in our words. Without personal data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryRow {
    /// What happened.
    pub event: Event,
    /// The id the row carries: the reservation's, or that of a capture or charge.
    pub uuid: Option<String>,
    /// When, to the minute: the earliest it can mean.
    pub at: Option<DateTime<Utc>>,
    /// How much.
    pub amount: Option<Money>,
    /// The text that stands with it, in which the marker is looked for.
    pub note: Option<String>,
}
