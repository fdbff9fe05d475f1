//! One type per kind of id, so that a job's id never stands where a reservation's is meant.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::Entropy;
use crate::text::text_type;

/// Crockford's base 32: no `I`, `L`, `O`, `U`, so that an id can be read aloud.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A text that is no id of the kind asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not an id like \"{prefix}01J8Z3…\": {prefix} and 26 letters and digits")]
pub struct IdError {
    prefix: &'static str,
}

/// 48 bits of milliseconds and 80 random bits, so that ids sort by the time of their making (the ULID layout).
fn ulid(at: DateTime<Utc>, entropy: &dyn Entropy) -> String {
    let millis = u128::try_from(at.timestamp_millis()).unwrap_or(0) & 0xffff_ffff_ffff;
    let random =
        (u128::from(entropy.next_u64()) << 64 | u128::from(entropy.next_u64())) & ((1 << 80) - 1);
    let value = millis << 80 | random;
    (0..26)
        .rev()
        .map(|place| char::from(ALPHABET[(value >> (place * 5) & 31) as usize]))
        .collect()
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// What every id of this kind begins with.
            pub const PREFIX: &'static str = $prefix;

            /// A new id, made at `at`.
            #[must_use]
            pub fn new(at: DateTime<Utc>, entropy: &dyn Entropy) -> Self {
                Self(format!("{}{}", Self::PREFIX, ulid(at, entropy)))
            }

            /// The id as text, prefix included.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                let wrong = IdError { prefix: Self::PREFIX };
                let rest = text.strip_prefix(Self::PREFIX).ok_or_else(|| wrong.clone())?;
                let fits = rest.len() == 26 && rest.bytes().all(|byte| ALPHABET.contains(&byte));
                fits.then(|| Self(text.to_owned())).ok_or(wrong)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    )*};
}

ids! {
    /// The id of a reservation, `rsv_…`.
    ReservationId = "rsv_";
    /// The id of a job, `job_…`.
    JobId = "job_";
    /// The id of an intent, `int_…`.
    IntentId = "int_";
    /// The id of a review, `rvw_…`: something that a person must decide.
    ReviewId = "rvw_";
    /// The id of a one-time payment link, `lnk_…`.
    PaymentLinkId = "lnk_";
}

/// The name of a merchant in the configuration, `[merchants.NAME]`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MerchantId(String);

/// A text that cannot name a merchant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a merchant's name: 1 to 40 of a-z, 0-9, - and _")]
pub struct MerchantIdError;

fn is_merchant_id(text: &str) -> bool {
    (1..=40).contains(&text.len())
        && text
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
}

text_type!(MerchantId, is_merchant_id, MerchantIdError);

impl fmt::Debug for MerchantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SeededEntropy;

    #[test]
    fn ids_sort_by_time_and_survive_their_text() {
        let entropy = SeededEntropy::new(7);
        let at = |millis| DateTime::from_timestamp_millis(millis).expect("time");
        let early = JobId::new(at(1_700_000_000_000), &entropy);
        let late = JobId::new(at(1_700_000_000_001), &entropy);
        assert!(early < late);
        assert_eq!(early.as_str().parse(), Ok(early.clone()));
        assert!(early.as_str().starts_with("job_01HF"));
    }

    #[test]
    fn an_id_of_another_kind_is_refused() {
        let entropy = SeededEntropy::new(7);
        let job = JobId::new(DateTime::UNIX_EPOCH, &entropy);
        assert!(job.as_str().parse::<ReservationId>().is_err());
        assert!("rsv_01J".parse::<ReservationId>().is_err());
        assert!(
            "rsv_01j8z3aaaaaaaaaaaaaaaaaaaa"
                .parse::<ReservationId>()
                .is_err()
        );
    }

    #[test]
    fn a_merchant_has_a_short_plain_name() {
        assert!("default".parse::<MerchantId>().is_ok());
        for wrong in ["", "Fjord Cabins", "a/b", "æ", &"x".repeat(41)] {
            assert!(wrong.parse::<MerchantId>().is_err(), "{wrong}");
        }
    }
}
