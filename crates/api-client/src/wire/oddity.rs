//! What a field of an answer held instead of what it should: the field's name and the kind of value, never the value.

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A field of an answer that could not be read. It was left out and decided nothing, unless the answer as a whole could
/// not be read because of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Oddity {
    /// Where it stands below the data, without places in lists: `paymentHistory.captured[].at`.
    pub field: String,
    /// What was there.
    pub found: Found,
}

/// The kind of value that stood where another should.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// No value, or null, where one has to be.
    Nothing,
    /// `true` or `false`.
    Flag,
    /// A number, of the wrong size or form.
    Number,
    /// A text, of the wrong form.
    Text,
    /// A list.
    List,
    /// An object.
    Object,
    /// The same key more than once; which of them is meant cannot be told.
    Twice,
}

impl Found {
    /// The kind of this JSON.
    pub(crate) fn of(raw: &RawValue) -> Self {
        match raw.get().as_bytes().first() {
            Some(b'{') => Self::Object,
            Some(b'[') => Self::List,
            Some(b'"') => Self::Text,
            Some(b't' | b'f') => Self::Flag,
            Some(b'n') | None => Self::Nothing,
            Some(_) => Self::Number,
        }
    }
}

/// The oddities of one answer, each named once. Their number is bounded by the fields that are looked at.
#[derive(Debug, Default)]
pub struct Oddities(RefCell<BTreeSet<Oddity>>);

impl Oddities {
    pub(crate) fn note(&self, field: String, found: Found) {
        self.0.borrow_mut().insert(Oddity { field, found });
    }

    /// The oddities, by field.
    #[must_use]
    pub fn into_vec(self) -> Vec<Oddity> {
        self.0.into_inner().into_iter().collect()
    }
}
