//! Orders: what a one-time payment link is for.

use api_client::wire::{CallbackUrls, ProviderStatus};
use chrono::{DateTime, Utc};
use domain::Money;
use serde_json::Value;

use super::NewLine;

/// A line of an order.
#[derive(Clone)]
pub(crate) struct OrderLine {
    pub(crate) id: i64,
    pub(crate) new: NewLine,
    pub(crate) refunded: Money,
}

/// The order of one one-time payment link.
#[derive(Clone)]
pub(crate) struct Order {
    pub(crate) uuid: String,
    pub(crate) customer_uuid: Option<String>,
    /// Whose it is: the place of the token in the options.
    pub(crate) account: usize,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) status: ProviderStatus,
    /// `customerDetails` without the personal number.
    pub(crate) customer: Value,
    /// `orderSummary`, as it came.
    pub(crate) summary: Value,
    pub(crate) order_date: String,
    pub(crate) due: Option<DateTime<Utc>>,
    pub(crate) reference: Option<String>,
    pub(crate) callbacks: CallbackUrls,
    pub(crate) method: String,
    pub(crate) total: Money,
    pub(crate) lines: Vec<OrderLine>,
    pub(crate) refunded: Money,
    pub(crate) approval_requested: bool,
}
