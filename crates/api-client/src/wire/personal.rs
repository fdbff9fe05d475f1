//! Text about a person, which a log or an error never shows.

use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::Value;

use super::lenient;

/// A name, a phone number, an e-mail address, …: written in full on the wire, and as `[personal]` when debugged.
#[derive(Clone, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Personal(String);

impl Personal {
    /// The text, in the clear; for the wire and for encryption alone.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for Personal {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Personal {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl Deref for Personal {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Personal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[personal]")
    }
}

impl<'de> Deserialize<'de> for Personal {
    /// A phone number also comes as a JSON number.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        lenient::text_of(&value)
            .map(Self)
            .ok_or_else(|| de::Error::custom("is not a text"))
    }
}
