//! The provider's status words.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest unknown word that is kept.
const MAX_WORD: usize = 64;

macro_rules! statuses {
    ($($(#[$doc:meta])* $name:ident = $word:literal $(| $other:literal)*;)*) => {
        /// What the provider calls the state of a reservation or an order. A hint: amounts and rows are the truth.
        ///
        /// Case, spaces, underscores and hyphens do not matter.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ProviderStatus {
            $($(#[$doc])* $name,)*
            /// A word that is not documented, at most 64 characters of it.
            Unknown(String),
        }

        impl ProviderStatus {
            /// Every documented status, those of orders included.
            pub const KNOWN: &[Self] = &[$(Self::$name),*];

            /// The word as the provider writes it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$name => $word,)*
                    Self::Unknown(word) => word,
                }
            }

            /// The status that a word means.
            #[must_use]
            pub fn from_word(word: &str) -> Self {
                let folded: String =
                    word.chars().filter(|c| !matches!(c, ' ' | '_' | '-')).flat_map(char::to_uppercase).collect();
                $(
                    let same = |known: &str| known.bytes().filter(|byte| *byte != b' ').eq(folded.bytes());
                    if same($word) $(|| same($other))* {
                        return Self::$name;
                    }
                )*
                Self::Unknown(word.chars().take(MAX_WORD).collect())
            }
        }
    };
}

statuses! {
    /// Made; the payer has not paid. Some answers say `pending` before the payer acts.
    Sent = "SENT" | "PENDING";
    /// The amount is held and nothing is taken of it.
    ReservedNotPaid = "RESERVED NOT PAID";
    /// The amount is held. Callbacks spell it `RESEVRED`.
    Reserved = "RESERVED" | "RESEVRED";
    /// At least one capture.
    Captured = "CAPTURED";
    /// At least one charge.
    Charged = "CHARGED";
    /// Closed by the merchant.
    Completed = "COMPLETED";
    /// Withdrawn by the merchant.
    Cancelled = "CANCELLED" | "CANCELED";
    /// The link's due date passed unpaid, or the authorisation lapsed.
    Expired = "EXPIRED";
    /// An order that was paid back.
    Refunded = "REFUNDED";
    /// An order that was paid back in part.
    PartialRefunded = "PARTIAL REFUNDED" | "PARTIALLY REFUNDED";
    /// An order that is paid.
    Paid = "PAID";
    /// An order that is invoiced.
    Invoiced = "INVOICED";
}

impl fmt::Display for ProviderStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for ProviderStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ProviderStatus {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|word| Self::from_word(&word))
    }
}

#[cfg(test)]
mod tests {
    use super::ProviderStatus::{self, *};

    #[test]
    fn words_are_folded_before_they_are_compared() {
        for (word, status) in [
            ("SENT", Sent),
            ("pending", Sent),
            ("Reserved", Reserved),
            ("RESEVRED", Reserved),
            ("reserved_not-paid", ReservedNotPaid),
            ("RESERVED NOT PAID", ReservedNotPaid),
            ("Partial Refunded", PartialRefunded),
            ("canceled", Cancelled),
            ("success", Unknown("success".to_owned())),
            ("", Unknown(String::new())),
        ] {
            assert_eq!(ProviderStatus::from_word(word), status, "{word}");
        }
    }

    #[test]
    fn every_known_status_survives_its_word() {
        for status in ProviderStatus::KNOWN {
            assert_eq!(&ProviderStatus::from_word(status.as_str()), status);
        }
    }

    #[test]
    fn an_unknown_word_is_kept_but_not_all_of_a_long_one() {
        let Unknown(word) = ProviderStatus::from_word(&"ø".repeat(500)) else {
            panic!("known")
        };
        assert_eq!(word.chars().count(), super::MAX_WORD);
    }
}
