//! The provider's id of an order, which is what a payment link is there.

use serde::{Deserialize, Serialize};

use crate::text::text_type;

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

    fn fits(text: &str) -> bool {
        text.len() <= MAX_ORDER_ID
            && text.strip_prefix(Self::PREFIX).is_some_and(|digits| {
                !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
            })
    }
}

text_type!(OrderId, OrderId::fits, OrderIdError);
