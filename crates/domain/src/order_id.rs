//! The provider's id of an order, which is what a payment link is there.

use std::fmt;
use std::str::FromStr;

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
