//! Callbacks: `GET` requests of the provider that announce a change of status.
//!
//! A verified callback is a hint to read details, never a source of amounts: the checksum joins the values without
//! separators, and nothing in it is unique.

mod checksum;
mod policy;
mod query;

use chrono::{DateTime, Utc};
use domain::Money;
use secrecy::SecretString;

pub use checksum::{Formula, sign};
pub use policy::{Legacy, Refused};
pub use query::{MAX_PARAMS, MAX_QUERY};

use crate::wire::{ProviderStatus, WireTime, is_identifier};
use query::Params;

/// A callback whose checksum is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The formula it was made by.
    pub formula: Formula,
    /// Which of the secrets it was made with.
    pub secret_index: usize,
    /// What the callback says, once its checksum is right.
    pub callback: Callback,
}

/// The parameters of a callback that are read. All of them are hints: none is taken for money or for a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callback {
    /// The uuid of the reservation or order.
    pub order_uuid: String,
    /// The status that the callback announces; details may show another one by now.
    pub status: ProviderStatus,
    /// The payer's method, such as `Visa`, at most 40 characters.
    pub payment_method: Option<String>,
    /// Perhaps the order's total, perhaps the part: the provider does not say.
    pub amount: Option<Money>,
    /// When the order was made; never when the event happened.
    pub created_at: Option<DateTime<Utc>>,
    /// When the callback was sent.
    pub timestamp: Option<DateTime<Utc>>,
}

/// Checks the raw query of a callback, as it was received, against the merchant's secrets.
///
/// # Errors
/// See [`Refused`].
pub fn verify(
    raw_query: &str,
    secrets: &[SecretString],
    policy: Legacy,
) -> Result<Verified, Refused> {
    let params = query::parse(raw_query)?;
    let claimed = checksum::claimed(&params)?;
    let (formula, secret_index) = checksum::matching(&params, &claimed, secrets, policy)?;
    Ok(Verified {
        formula,
        secret_index,
        callback: read(&params)?,
    })
}

fn read(params: &Params) -> Result<Callback, Refused> {
    let time = |name| {
        params
            .text(name)
            .and_then(|text| WireTime::from_text(text).at())
    };
    let order_uuid = params
        .text("orderUuid")
        .filter(|uuid| is_identifier(uuid))
        .ok_or(Refused::Incomplete)?;
    let status = params.text("status").ok_or(Refused::Incomplete)?;
    Ok(Callback {
        order_uuid,
        status: ProviderStatus::from_word(&status),
        payment_method: params
            .text("paymentMethod")
            .map(|method| method.chars().take(40).collect()),
        amount: params.text("amount").and_then(|amount| amount.parse().ok()),
        created_at: time("createdAt"),
        timestamp: time("timestamp"),
    })
}
