//! The ledger: what really took place, in order. Tests judge by it.

use chrono::{DateTime, Utc};
use domain::Money;
use serde::{Deserialize, Serialize};

/// What took place.
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

/// Who did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// A call of the merchant's API.
    Api,
    /// A person in the provider's portal: a foreign act.
    Portal,
    /// The payer.
    Payer,
    /// Nobody: it became time.
    Time,
}

/// An amount on a numbered product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineSum {
    /// The product's numeric id.
    pub id: i64,
    /// How much.
    pub amount: Money,
}

/// One thing that took place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// Its number, from 1.
    pub seq: u64,
    /// When.
    pub at: DateTime<Utc>,
    /// From when on details show it; missing while they are stale for a number of reads rather than for a time.
    pub shown_at: Option<DateTime<Utc>>,
    /// What.
    pub kind: EffectKind,
    /// The reservation or order.
    pub reservation_uuid: String,
    /// The booking's own `referenceNo`.
    pub reference: Option<String>,
    /// The capture or charge: `CAP…`, `CHA…`.
    pub provider_reference: Option<String>,
    /// How much money; nothing where no money is concerned.
    pub amount: Money,
    /// How it is spread over the products.
    pub lines: Vec<LineSum>,
    /// `additionalText` or `note` of the call, whole.
    pub text: Option<String>,
    /// Who did it.
    pub by: By,
}
