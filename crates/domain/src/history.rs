//! A row of the provider's history, in our words.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::job::words;
use crate::money::Money;
use crate::reference::ProviderReference;

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
        /// A customer opened the link.
        LinkOpened = "link_opened",
        /// An amount was held.
        Reserved = "reserved",
        /// A reservation was completed.
        Completed = "completed",
        /// A reservation was withdrawn.
        Cancelled = "cancelled",
        /// A reservation ended without a payment.
        Expired = "expired",
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
    /// When, to the minute: the earliest it can mean, because the zone of these times is not documented.
    pub at: Option<DateTime<Utc>>,
    /// The latest it can mean.
    pub until: Option<DateTime<Utc>>,
    /// The money of the row; `None` when the row shows none.
    pub amount: Option<Money>,
    /// The text that stands with it, in which the marker is looked for.
    pub note: Option<String>,
}

impl HistoryRow {
    /// Can the row be that of an effect with this reference? It can when it carries the same id, or none.
    #[must_use]
    pub(crate) fn names(&self, reference: Option<&ProviderReference>) -> bool {
        let carried = self.uuid.as_deref();
        carried.is_none_or(|uuid| reference.is_some_and(|reference| *reference == uuid))
    }
}
