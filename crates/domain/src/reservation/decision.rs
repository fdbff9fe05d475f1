//! What a person decided about something that lay on the desk.

use serde::{Deserialize, Serialize};

use crate::job::words;

words! {
    /// What a person says.
    Verdict {
        /// The effect took place.
        Applied = "applied",
        /// It did not, and is not to be tried again.
        NotApplied = "not_applied",
        /// It did not, and is to be sent once more.
        Resend = "resend",
        /// It is dealt with; nothing follows for the operation.
        Cleared = "cleared",
    }
}

/// A person's decision, as it is recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// What.
    pub verdict: Verdict,
    /// The provider's reference of the effect, when the person named one.
    pub reference: Option<String>,
    /// Why, in the person's words.
    pub note: String,
    /// The version of the evidence that it was decided on.
    pub evidence_version: i64,
}
