//! The ledger: what really took place, in order. Tests judge by it.

use chrono::{DateTime, Utc};
use domain::Money;
use serde::{Deserialize, Serialize};

/// The kind of an effect. `Order…` are those of a one-time payment link; `LinkSent` is one message to one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum EffectKind {
    Created,
    LinkSent,
    LinkOpened,
    PaymentFailed,
    Reserved,
    Captured,
    Charged,
    RefundAccepted,
    Refunded,
    RefundApprovalRequested,
    Cancelled,
    Completed,
    LinkExpired,
    HoldExpired,
    Released,
    OrderCreated,
    OrderPaid,
    OrderCancelled,
    OrderExpired,
    OrderRefunded,
}

/// Whose doing an effect is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// A call of the merchant's API.
    Api,
    /// A person in the provider's portal: an external change.
    Portal,
    /// The payer, on the payment page.
    Payer,
    /// The provider itself, when a link, a hold or a delay ran out.
    Time,
}

/// An amount on a numbered product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineSum {
    /// The product's numeric id.
    pub id: i64,
    /// The part of the effect's amount that falls on this product.
    pub amount: Money,
}

/// One entry of the ledger: something that took place at the provider, whether or not anybody got an answer about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// Its place in the ledger, from 1, without gaps.
    pub seq: u64,
    /// When it took place, by the world's clock.
    pub at: DateTime<Utc>,
    /// From when on details show it; missing while they are stale for a number of reads rather than for a time.
    pub shown_at: Option<DateTime<Utc>>,
    /// What took place.
    pub kind: EffectKind,
    /// The uuid of the reservation (`RES…`) or order (`ODR…`).
    pub reservation_uuid: String,
    /// The booking's own `referenceNo`.
    pub reference: Option<String>,
    /// The capture or charge that was made or paid back, `CAP…` or `CHA…`; missing for every other kind.
    pub provider_reference: Option<String>,
    /// The money that was held, taken, paid back or released; zero for kinds that move none.
    pub amount: Money,
    /// How the amount is spread over the products; empty where the kind has no lines.
    pub lines: Vec<LineSum>,
    /// `additionalText` or `note` of the call, whole.
    pub text: Option<String>,
    /// Whose doing it is.
    pub by: By,
}
