//! The marker: a short token of an intent that travels in the text of a money call and is found again in details.
//!
//! `R1 7QK2M9XDPA 01 …human text…`: a version, ten letters and digits that belong to the intent, and the
//! number of the attempt. The provider has no idempotency keys; this is how an effect is attributed.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::id::IntentId;

/// RFC 4648's upper-case alphabet, which survives a change of case.
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const VERSION: &str = "R1";
const BASE_LENGTH: usize = 10;

/// What stands in a text from this many characters on cannot be another intent's marker.
const SHORTEST_MATCH: usize = 14;

/// The base marker of an intent: nobody without `key` can guess it, and it holds no personal data.
#[must_use]
pub fn base(key: &[u8], intent: &IntentId) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return String::new();
    };
    mac.update(intent.as_str().as_bytes());
    let digest = mac.finalize().into_bytes();
    digest
        .iter()
        .take(BASE_LENGTH)
        .map(|byte| char::from(ALPHABET[usize::from(byte & 31)]))
        .collect()
}

/// The marker of one attempt, as it stands at the start of the text.
#[must_use]
pub fn of_attempt(base: &str, attempt: u32) -> String {
    format!("{VERSION} {base} {attempt:02}")
}

/// Does this text carry the marker of the intent with `base`?
///
/// Case, spaces and HTML entities do not matter, and the text may be cut off after fourteen characters.
#[must_use]
pub fn is_in(text: &str, base: &str) -> bool {
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
    let (text, wanted) = (fold(text), fold(&format!("{VERSION}{base}")));
    // Two spaces stand inside the shortest match that counts.
    let shortest = SHORTEST_MATCH - 2;
    !base.is_empty()
        && (text.contains(&wanted) || (text.len() >= shortest && wanted.starts_with(&text)))
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
        let marker = base(b"key", &intent(1));
        assert_eq!(marker.len(), BASE_LENGTH);
        assert_eq!(marker, base(b"key", &intent(1)));
        assert_ne!(marker, base(b"key", &intent(2)));
        assert_ne!(marker, base(b"another key", &intent(1)));
    }

    #[test]
    fn matching_survives_case_spaces_entities_and_truncation() {
        let base = "7QK2M9XDPA";
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
            assert!(is_in(text, base), "{text}");
        }
        for text in [
            "",
            "R1",
            "R1 7QK2M9X",
            "R1 7QK2M9XDPB 01",
            "Cabin, 2 nights",
            "7QK2M9XDPA",
        ] {
            assert!(!is_in(text, base), "{text}");
        }
        assert!(!is_in("anything", ""));
    }

    #[test]
    fn the_attempt_stands_behind_the_base() {
        assert_eq!(of_attempt("7QK2M9XDPA", 1), "R1 7QK2M9XDPA 01");
    }
}
