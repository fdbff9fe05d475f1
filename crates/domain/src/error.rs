//! How what is wrong is said: an input by its field, an error with its causes.

use std::error::Error;
use std::fmt;

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

/// An error with its causes, outermost first, for one line of a log or of a terminal.
#[derive(Clone, Copy, Debug)]
pub struct Chain<'e>(
    /// The outermost error.
    pub &'e dyn Error,
);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the outer one failed")]
    struct Outer(#[source] FieldError);

    #[test]
    fn an_error_is_printed_with_each_of_its_causes_once() {
        let inner = FieldError::new("lines", "is empty");
        assert_eq!(
            Chain(&Outer(inner.clone())).to_string(),
            "the outer one failed: lines is empty"
        );
        assert_eq!(Chain(&inner).to_string(), "lines is empty");
    }
}
