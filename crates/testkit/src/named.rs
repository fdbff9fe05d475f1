//! Typed texts of tests.

use std::fmt::Debug;
use std::str::FromStr;

/// The id or name that this text is.
///
/// # Panics
/// When the text is none of this type.
#[track_caller]
#[must_use]
pub fn named<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().expect("an id or a name")
}
