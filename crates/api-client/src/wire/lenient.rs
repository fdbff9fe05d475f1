//! Scalars as the provider sends them: a number for a string, a string for a number, 1 for true.

use serde::{Deserialize as _, Deserializer, de};
use serde_json::Value;
use serde_json::value::RawValue;

use super::oddity::Found;

/// The text of a scalar; nothing for null, a list or an object.
pub(crate) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A whole number, also as `12.0` or `12.00`.
pub(crate) fn whole_of(text: &str) -> Option<i64> {
    let (whole, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    if fraction.bytes().any(|byte| byte != b'0') {
        return None;
    }
    whole.parse().ok()
}

/// Text that may be null, missing or a number.
pub(crate) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(text_of(&Value::deserialize(deserializer)?))
}

/// A flag, also as 0 or 1.
pub(crate) fn flag_of(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

/// A flag that may be null, missing, 0 or 1, or a string.
pub(crate) fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    let text = text_of(&Value::deserialize(deserializer)?);
    Ok(text.and_then(|text| flag_of(&text)))
}

/// A whole number that may be null, missing, a string, or something else, which is read as nothing.
pub(crate) fn whole<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<i64>,
{
    let text = text_of(&Value::deserialize(deserializer)?);
    let whole = text.and_then(|text| whole_of(&text));
    Ok(whole.and_then(|whole| T::try_from(whole).ok()))
}

/// A whole number that has to be there, as a number or a string.
pub(crate) fn required_whole<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<i64>,
{
    whole(deserializer)?.ok_or_else(|| de::Error::custom("is not a whole number in range"))
}

/// The text of a scalar; a number as it stands there, without an exponent.
pub(crate) fn scalar(raw: &RawValue) -> Option<String> {
    match Found::of(raw) {
        Found::Text => serde_json::from_str(raw.get()).ok(),
        Found::Number if raw.get().contains(['e', 'E']) => {
            let number: serde_json::Number = serde_json::from_str(raw.get()).ok()?;
            Some(number.to_string())
        }
        Found::Number | Found::Flag => Some(raw.get().to_owned()),
        _ => None,
    }
}
