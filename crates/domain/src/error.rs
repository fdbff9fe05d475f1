//! How a wrong input is told: by its field.

use serde::{Deserialize, Serialize};

/// One fault of an input, named by the path of its field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{field} {message}")]
pub struct FieldError {
    /// The path: `customer.email`, `lines[0].amount`.
    pub field: String,
    /// What is wrong and what would be right, without the value itself, which may be personal.
    pub message: String,
}

impl FieldError {
    /// A fault of `field`.
    #[must_use]
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            message: message.into(),
        }
    }
}
