//! The envelope around every answer, in all the forms it comes in.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::lenient;

/// `status_code`, `status_message`, `message`, and one or both of the pairs `is_data`/`data`, `is_error`/`errors`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
pub struct Envelope<T> {
    /// The HTTP status, repeated; the two may differ.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::whole"
    )]
    pub status_code: Option<u16>,
    /// `OK`, `Not Found`, `Client Error`, `Conflict of Business Logic`, …; it does not follow the code.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::text"
    )]
    pub status_message: Option<String>,
    /// A sentence or a key in camel case; compare it only after [`normalise`](crate::normalise).
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::text"
    )]
    pub message: Option<String>,
    /// Whether there are data. Wrong often enough that nothing depends on it.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::flag"
    )]
    pub is_data: Option<bool>,
    /// The data; the outer level says whether the field was there.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    pub data: Option<Option<T>>,
    /// Whether it is an error. Only `true` means something.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::flag"
    )]
    pub is_error: Option<bool>,
    /// What is wrong, in one of four shapes.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present_errors"
    )]
    pub errors: Option<Errors>,
}

/// The field `errors` of a refusal, in whatever shape it came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Errors {
    /// `null`, or the field is missing.
    Null,
    /// Sentences, of a refused payload.
    Sentences(Vec<String>),
    /// A single sentence, or the placeholder `"Array"` of the provider's pages.
    Sentence(String),
    /// Fields, such as `happenedAt` and `internalErrorDetails`.
    Object(Map<String, Value>),
    /// Any other JSON; it is kept and not read.
    Other(Value),
}

impl Errors {
    /// Every text in it, at most `limit` of them; names of fields are left out.
    #[must_use]
    pub fn sentences(&self, limit: usize) -> Vec<&str> {
        match self {
            Self::Null => Vec::new(),
            Self::Sentences(sentences) => {
                sentences.iter().take(limit).map(String::as_str).collect()
            }
            Self::Sentence(sentence) => vec![sentence],
            Self::Object(fields) => texts(fields.values(), limit),
            Self::Other(value) => texts(std::iter::once(value), limit),
        }
    }
}

/// The texts of some values and of the lists among them, one level deep.
fn texts<'a>(values: impl Iterator<Item = &'a Value>, limit: usize) -> Vec<&'a str> {
    let flat = values.flat_map(|value| match value {
        Value::Array(items) => items.as_slice(),
        other => std::slice::from_ref(other),
    });
    flat.filter_map(Value::as_str).take(limit).collect()
}

impl<T> Envelope<T> {
    /// `is_data: true` with data, or `is_data: false` with null.
    #[must_use]
    pub fn of_data(status_code: u16, status_message: &str, message: &str, data: Option<T>) -> Self {
        Self {
            status_code: Some(status_code),
            status_message: Some(status_message.to_owned()),
            message: Some(message.to_owned()),
            is_data: Some(data.is_some()),
            data: Some(data),
            is_error: None,
            errors: None,
        }
    }

    /// The error form: `is_error` and `errors`.
    #[must_use]
    pub fn of_errors(
        status_code: u16,
        status_message: &str,
        message: &str,
        is_error: bool,
        errors: Errors,
    ) -> Self {
        Self {
            status_code: Some(status_code),
            status_message: Some(status_message.to_owned()),
            message: Some(message.to_owned()),
            is_data: None,
            data: None,
            is_error: Some(is_error),
            errors: Some(errors),
        }
    }
}

/// Tells a null field from a missing one.
fn present<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Some)
}

fn present_errors<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Errors>, D::Error> {
    Errors::deserialize(deserializer).map(Some)
}
