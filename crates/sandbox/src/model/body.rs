//! Reading a body that the validator has passed.

use api_client::wire::CallbackUrls;
use domain::Money;
use serde::Deserialize as _;
use serde_json::Value;

use crate::effect::LineSum;
use crate::validate::{at, items};

/// A body. What is missing reads as nothing; what was validated is there.
#[derive(Clone, Copy)]
pub(crate) struct Body<'a>(pub(crate) &'a Value);

/// A product line as a request brings it.
#[derive(Clone)]
pub(crate) struct NewLine {
    pub(crate) name: String,
    pub(crate) product_id: Option<String>,
    pub(crate) quantity: u32,
    pub(crate) rate: Money,
    pub(crate) discount: Money,
    pub(crate) tax: u8,
    pub(crate) amount: Money,
}

impl Body<'_> {
    pub(crate) fn text(self, path: &str) -> Option<String> {
        match at(self.0, path)? {
            Value::String(text) if text.trim().is_empty() => None,
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    pub(crate) fn flag(self, path: &str) -> bool {
        match at(self.0, path) {
            Some(Value::Bool(flag)) => *flag,
            Some(Value::Number(number)) => number.as_u64() == Some(1),
            Some(Value::String(text)) => text == "1",
            _ => false,
        }
    }

    pub(crate) fn money(self, path: &str) -> Money {
        at(self.0, path)
            .and_then(|value| Money::deserialize(value).ok())
            .unwrap_or_default()
    }

    /// A whole number below `u32::MAX`, or nothing.
    fn whole(self, path: &str) -> Option<i64> {
        let minor = at(self.0, path)
            .and_then(|value| Money::deserialize(value).ok())?
            .minor();
        (minor % 100 == 0).then_some(minor / 100)
    }

    pub(crate) fn callbacks(self) -> CallbackUrls {
        CallbackUrls {
            callback_url: self.text("callback.callbackUrl"),
            success: self.text("callback.success"),
            failure: self.text("callback.failure"),
        }
    }

    /// `products` that are new.
    pub(crate) fn new_lines(self) -> Vec<NewLine> {
        let read = |line: Body<'_>| NewLine {
            name: line.text("name").unwrap_or_default(),
            product_id: line.text("productId"),
            quantity: line
                .whole("quantity")
                .and_then(|count| u32::try_from(count).ok())
                .unwrap_or(1),
            rate: line.money("rate"),
            discount: line.money("discount"),
            tax: line
                .whole("tax")
                .and_then(|tax| u8::try_from(tax).ok())
                .unwrap_or(0),
            amount: line.money("amount"),
        };
        items(at(self.0, "products"))
            .into_iter()
            .map(|(_, line)| read(Body(line)))
            .collect()
    }

    /// `products` named by their numeric id; what is no whole number is the id of nothing.
    pub(crate) fn line_sums(self) -> Vec<LineSum> {
        let read = |line: Body<'_>| LineSum {
            id: line.whole("id").unwrap_or(-1),
            amount: line.money("amount"),
        };
        items(at(self.0, "products"))
            .into_iter()
            .map(|(_, line)| read(Body(line)))
            .collect()
    }
}
