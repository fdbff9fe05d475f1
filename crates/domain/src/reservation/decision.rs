//! What a person decides about a review, and how the timeline keeps it.

use serde::{Deserialize, Serialize};

use crate::error::FieldError;
use crate::reference::{NameError, ProviderReference};

/// What is wrong with a reference that a person cannot mean.
pub(crate) const WRONG_REFERENCE: &str =
    "is empty, longer than 64 characters, or holds control characters";

/// What a person decides about a review. Waiting is no decision: it records nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "decision", rename_all = "snake_case")]
pub enum Decision {
    /// The request took effect. Only for a request whose outcome is unknown.
    Confirm {
        /// The provider's name of the effect: `CAP…`, `CHA…`, of a refund the row that it gives back from, of a submit
        /// `RES…`. `None` books the effect on the person's word, and details have to show it afterwards.
        reference: Option<ProviderReference>,
    },
    /// The request had no effect, and the operation is given up. Only for a request whose outcome is unknown.
    Reject,
    /// The request had no effect, and the operation is sent once more. Only for a request whose outcome is unknown.
    Retry,
    /// What the review asks about has been dealt with. Only for a review without a request whose outcome is unknown.
    Dismiss,
}

impl Decision {
    /// The words that a decision is asked for by, in the order of the documentation.
    pub const WORDS: [&'static str; 4] = ["confirm", "reject", "retry", "dismiss"];

    /// The decision that a word asks for; `reference` belongs to a `confirm` alone.
    ///
    /// # Errors
    /// The word is none of [`WORDS`](Self::WORDS), a reference stands beside another word than `confirm`, or it can name
    /// nothing at the provider.
    pub fn parse(word: &str, reference: Option<String>) -> Result<Self, FieldError> {
        let decision = match word {
            "confirm" => {
                let reference = reference.map(ProviderReference::try_from).transpose();
                return reference
                    .map(|reference| Self::Confirm { reference })
                    .map_err(|NameError| FieldError::new("reference", WRONG_REFERENCE));
            }
            "reject" => Self::Reject,
            "retry" => Self::Retry,
            "dismiss" => Self::Dismiss,
            "wait" => {
                let message = "is not recorded when it is \"wait\": leave the review as it is";
                return Err(FieldError::new("decision", message));
            }
            _ => {
                let message = format!("is not one of {}", Self::WORDS.join(", "));
                return Err(FieldError::new("decision", message));
            }
        };
        match reference {
            Some(_) => Err(FieldError::new("reference", "belongs to \"confirm\" alone")),
            None => Ok(decision),
        }
    }

    /// The word in API, tables and logs.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Confirm { .. } => "confirm",
            Self::Reject => "reject",
            Self::Retry => "retry",
            Self::Dismiss => "dismiss",
        }
    }

    /// The provider's name of the effect, which a `confirm` may carry.
    #[must_use]
    pub fn reference(&self) -> Option<&ProviderReference> {
        match self {
            Self::Confirm { reference } => reference.as_ref(),
            Self::Reject | Self::Retry | Self::Dismiss => None,
        }
    }
}

/// A decision as the timeline keeps it. Who made it and when stands in the event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionRecord {
    /// What was decided.
    #[serde(flatten)]
    pub decision: Decision,
    /// Why, in the person's words: 1 to 500 characters.
    pub note: String,
    /// The version of the evidence that the person had read, which was the one in force.
    pub evidence_version: i64,
}
