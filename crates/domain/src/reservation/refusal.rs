//! Why a request to a reservation is refused.

use crate::FieldError;
use crate::code::ErrorCode;

/// Why a request is not taken. Nothing has been recorded or sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The input is wrong, by field.
    #[error("the request has faults")]
    Fields(Vec<FieldError>),
    /// The reservation is not in a state for it.
    #[error("{message}")]
    State {
        /// A stable code.
        code: ErrorCode,
        /// What is the matter and what can be done.
        message: String,
    },
}

impl Refusal {
    pub(super) fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Fields(vec![FieldError::new(field, message)])
    }

    pub(super) fn state(code: ErrorCode, message: impl Into<String>) -> Self {
        Self::State {
            code,
            message: message.into(),
        }
    }
}
