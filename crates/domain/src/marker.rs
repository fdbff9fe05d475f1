//! The marker: a short token of an intent that travels in the text of a money call and is found again in details.
//!
//! `R1 7QK2M9XDPA 01 …human text…`: a version, ten letters and digits that belong to the intent, and the
//! number of the attempt. The provider has no idempotency keys; this is how an effect is attributed.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::id::IntentId;
use crate::text::text_type;

/// RFC 4648's upper-case alphabet, which survives a change of case.
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const VERSION: &str = "R1";
const BASE_LENGTH: usize = 10;
/// The block of SHA-256, in bytes: the longest key that HMAC takes as it is.
const BLOCK: usize = 64;

/// What stands in a text from this many characters on cannot be another intent's marker.
const SHORTEST_MATCH: usize = 14;

/// The marker of an intent, without the number of an attempt: ten upper-case letters and digits. It is made when the
/// intent is decided and never changes. An empty one, which every text would carry, cannot be made or read.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Marker(String);

/// A text that is no marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a marker: 10 of A-Z and 0-9")]
pub struct MarkerError;

/// The marker as the text of one attempt's request begins with it: `R1 7QK2M9XDPA 01`.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(into = "String")]
pub struct AttemptMarker(String);

impl Marker {
    /// The marker of an intent: nobody without `key` can guess it, and it holds no personal data.
    #[must_use]
    pub fn new(key: &[u8], intent: &IntentId) -> Self {
        let mut mac = Hmac::<Sha256>::new(&block(key).into());
        mac.update(intent.as_str().as_bytes());
        let digest = mac.finalize().into_bytes();
        Self(
            digest
                .iter()
                .take(BASE_LENGTH)
                .map(|byte| char::from(ALPHABET[usize::from(byte & 31)]))
                .collect(),
        )
    }

    /// The marker of the attempt with this number, from 1.
    #[must_use]
    pub fn of_attempt(&self, attempt: u32) -> AttemptMarker {
        AttemptMarker(format!("{VERSION} {self} {attempt:02}"))
    }

    /// Does this text carry the marker, of whichever attempt?
    ///
    /// Case, spaces and HTML entities do not matter, and the text may be cut off after fourteen characters.
    #[must_use]
    pub fn is_in(&self, text: &str) -> bool {
        let fold = |text: &str| -> String {
            let text = text
                .replace("&nbsp;", " ")
                .replace("&#32;", " ")
                .replace("&#x20;", " ");
            text.chars()
                .filter(char::is_ascii_alphanumeric)
                .map(|c| c.to_ascii_uppercase())
                .collect()
        };
        let (text, wanted) = (fold(text), fold(&format!("{VERSION}{self}")));
        // Two spaces stand inside the shortest match that counts.
        let shortest = SHORTEST_MATCH - 2;
        text.contains(&wanted) || (text.len() >= shortest && wanted.starts_with(&text))
    }
}

/// The key as HMAC uses it, RFC 2104: zeros behind a short one, the digest of a long one. A whole block is a key that
/// cannot be refused.
fn block(key: &[u8]) -> [u8; BLOCK] {
    let digest;
    let key = if key.len() > BLOCK {
        digest = Sha256::digest(key);
        digest.as_slice()
    } else {
        key
    };
    let mut block = [0; BLOCK];
    block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    block
}

fn is_marker(text: &str) -> bool {
    text.len() == BASE_LENGTH
        && text
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

text_type!(Marker, is_marker, MarkerError);

impl fmt::Debug for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AttemptMarker {
    /// The text that a request carries.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<AttemptMarker> for String {
    fn from(marker: AttemptMarker) -> Self {
        marker.0
    }
}

impl fmt::Debug for AttemptMarker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for AttemptMarker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::SeededEntropy;

    fn intent(seed: u64) -> IntentId {
        IntentId::new(DateTime::UNIX_EPOCH, &SeededEntropy::new(seed))
    }

    #[test]
    fn a_marker_belongs_to_its_intent_and_key() {
        let marker = Marker::new(b"key", &intent(1));
        assert_eq!(marker.as_str().len(), BASE_LENGTH);
        assert_eq!(marker, Marker::new(b"key", &intent(1)));
        assert_ne!(marker, Marker::new(b"key", &intent(2)));
        assert_ne!(marker, Marker::new(b"another key", &intent(1)));
    }

    #[test]
    fn a_key_of_any_length_makes_the_marker_that_hmac_makes_and_never_an_empty_one() {
        for length in [0, 1, 32, 63, 64, 65, 200] {
            let key = vec![7; length];
            let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("a key");
            mac.update(intent(1).as_str().as_bytes());
            let digest = mac.finalize().into_bytes();
            let expected: String = digest[..BASE_LENGTH]
                .iter()
                .map(|byte| char::from(ALPHABET[usize::from(byte & 31)]))
                .collect();
            let marker = Marker::new(&key, &intent(1));
            assert_eq!(marker.as_str(), expected, "{length}");
            assert_eq!(marker.as_str().parse(), Ok(marker), "{length}");
        }
    }

    #[test]
    fn only_ten_letters_and_digits_are_a_marker_also_in_json() {
        for (text, fits) in [
            ("7QK2M9XDPA", true),
            ("ABCDEFGHIJ", true),
            ("", false),
            (" ", false),
            ("          ", false),
            ("7QK2M9XDP", false),
            ("7QK2M9XDPAA", false),
            ("7qk2m9xdpa", false),
            ("7QK2M9XDP-", false),
            ("7QK2M9XDÆ", false),
        ] {
            assert_eq!(text.parse::<Marker>().is_ok(), fits, "{text:?}");
            let json = serde_json::Value::from(text);
            let read = serde_json::from_value::<Marker>(json.clone());
            assert_eq!(read.is_ok(), fits, "{text:?}");
            if let Ok(marker) = read {
                assert_eq!(serde_json::to_value(marker).expect("JSON"), json);
            }
        }
    }

    #[test]
    fn matching_survives_case_spaces_entities_and_truncation() {
        let marker: Marker = "7QK2M9XDPA".parse().expect("a marker");
        for text in [
            "R1 7QK2M9XDPA 01 Cabin, 2 nights",
            "r1 7qk2m9xdpa 01",
            "R1&nbsp;7QK2M9XDPA&nbsp;02 text",
            "R17QK2M9XDPA01",
            "  R1   7QK2M9XDPA  ",
            "R1 7QK2M9XDPA ",
            "R1 7QK2M9XDPA",
            "note: R1 7QK2M9XDPA 01",
        ] {
            assert!(marker.is_in(text), "{text}");
        }
        for text in [
            "",
            "R1",
            "R1 7QK2M9X",
            "R1 7QK2M9XDPB 01",
            "Cabin, 2 nights",
            "7QK2M9XDPA",
            "anything",
        ] {
            assert!(!marker.is_in(text), "{text}");
        }
    }

    #[test]
    fn the_attempt_stands_behind_the_base() {
        let marker: Marker = "7QK2M9XDPA".parse().expect("a marker");
        assert_eq!(marker.of_attempt(1).as_str(), "R1 7QK2M9XDPA 01");
    }
}
