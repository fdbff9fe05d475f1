//! The pieces that the API's answers are made of, as the judge reads them.

use chrono::{DateTime, Utc};
use serde_json::Value;

/// One event of the API's timeline.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) at: DateTime<Utc>,
    pub(crate) name: String,
    pub(crate) data: Value,
}

pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

pub(super) fn text(value: Option<&Value>) -> String {
    value.and_then(Value::as_str).unwrap_or_default().to_owned()
}

pub(super) fn time(value: &Value) -> Option<DateTime<Utc>> {
    value.as_str()?.parse().ok()
}

/// An amount such as `"1000.00"` in øre.
pub(super) fn ore(value: &Value) -> i64 {
    value
        .as_str()
        .and_then(|amount| amount.replace('.', "").parse().ok())
        .unwrap_or(0)
}
