//! Money on the wire: written as a JSON number with at most two decimals, read from numbers and numeric strings.

use domain::Money;
use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer, de, ser};
use serde_json::{Number, Value};

/// The JSON number of an amount: `1000`, `1000.5`, `4017.86`.
///
/// # Errors
/// Never for an amount within [`domain::MAX_AMOUNT`], whose fifteen digits a JSON number holds exactly.
fn number(amount: Money) -> Result<Number, serde_json::Error> {
    match amount.minor() % 100 {
        0 => Ok(Number::from(amount.minor() / 100)),
        _ => amount.to_string().parse(),
    }
}

/// The amount that a JSON value holds; `None` for null and for an empty string.
fn read<E: de::Error>(value: &Value) -> Result<Option<Money>, E> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) if text.trim().is_empty() => Ok(None),
        Value::String(text) => text.trim().parse().map(Some).map_err(E::custom),
        other => Money::deserialize(other).map(Some).map_err(E::custom),
    }
}

/// Writes an amount as a JSON number.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<S: Serializer>(amount: &Money, serializer: S) -> Result<S::Ok, S::Error> {
    number(*amount)
        .map_err(ser::Error::custom)?
        .serialize(serializer)
}

/// Reads an amount from a number or a numeric string.
///
/// # Errors
/// When it is no amount: negative, a third decimal, not a number.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Money, D::Error> {
    let value = Value::deserialize(deserializer)?;
    read(&value)?.ok_or_else(|| de::Error::custom("is not an amount"))
}

/// The same for an amount that may be null or missing.
pub mod option {
    use super::{Deserializer, Money, Serializer, Value, de, read};
    use serde::Deserialize as _;

    /// Writes an amount as a JSON number, nothing as null.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(
        amount: &Option<Money>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match amount {
            Some(amount) => super::serialize(amount, serializer),
            None => serializer.serialize_none(),
        }
    }

    /// Reads an amount, null and the empty string as nothing.
    ///
    /// # Errors
    /// When something is there that is no amount.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Money>, D::Error> {
        read(&Value::deserialize(deserializer)?)
    }

    /// Reads an amount that is only shown; what is no amount is read as nothing.
    pub(crate) fn or_nothing<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Money>, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Ok(read::<de::value::Error>(&value).ok().flatten())
    }
}
