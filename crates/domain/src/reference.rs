//! What we call a reservation, and what the provider calls it, its customer and its effects: a type each, so that none
//! stands for another.
//!
//! They come from booking systems, answers, callbacks and people, and are read where they come in.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::customer::is_text;
use crate::order_id::OrderId;
use crate::text::text_type;

/// The longest text that can name something at the provider, in characters: as long as the longest id of an order.
const MAX_NAME: usize = 128;

/// A text that can name nothing at the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is empty, longer than 128 characters, or holds control characters")]
pub struct NameError;

/// The longest reference of a booking system, in characters.
const MAX_REFERENCE: usize = 64;

/// A text that cannot be a booking system's reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is empty, longer than 64 characters, or has spaces at its ends")]
pub struct ReferenceError;

fn is_name(text: &str) -> bool {
    is_text(text, MAX_NAME)
}

fn is_reference(text: &str) -> bool {
    is_text(text, MAX_REFERENCE) && text.trim() == text
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident if $fits:ident else $error:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        text_type!($name, $fits, $error);

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, text: &str) -> bool {
                self.0 == text
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, text: &&str) -> bool {
                self.0 == *text
            }
        }
    )*};
}

names! {
    /// What the provider calls the effect of an operation: `CAP…` of a capture, `CHA…` of a charge, of a refund the row
    /// that it gives back from, of a submit `RES…`, of a payment link `ODR…`. 1 to 128 characters. Set by answers and
    /// details, and by a person who confirms an effect.
    ProviderReference if is_name else NameError;
    /// The provider's id of a reservation, `RES…`. 1 to 128 characters. Set by the answer to a submit or a search, and
    /// suggested by callbacks and people.
    ProviderReservationId if is_name else NameError;
    /// The provider's id of a customer, `CSRT…`. 1 to 128 characters. Set by the answer to a submit.
    ProviderCustomerId if is_name else NameError;
    /// The booking system's own name of a reservation, unique per merchant: 1 to 64 characters without control characters
    /// and without spaces at its ends. Set when the reservation is submitted; sent to the provider, which shows it again.
    Reference if is_reference else ReferenceError;
}

/// A reservation is the effect of its submit.
impl From<ProviderReservationId> for ProviderReference {
    fn from(id: ProviderReservationId) -> Self {
        Self(id.0)
    }
}

/// What a person names as the effect of a submit; whether there is such a reservation only a read tells.
impl From<ProviderReference> for ProviderReservationId {
    fn from(reference: ProviderReference) -> Self {
        Self(reference.0)
    }
}

/// An order is the effect of its payment link.
impl From<OrderId> for ProviderReference {
    fn from(order: OrderId) -> Self {
        Self(order.into())
    }
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use serde::de::DeserializeOwned;

    use super::*;

    /// Reads each text as this type, also from JSON, and writes it again as it was.
    fn read_all<T>()
    where
        T: FromStr<Err = NameError> + Serialize + DeserializeOwned + fmt::Display + fmt::Debug,
    {
        let longest = "x".repeat(MAX_NAME);
        let too_long = "x".repeat(MAX_NAME + 1);
        for (text, fits) in [
            ("RES4161996022", true),
            ("CAP1", true),
            ("Ørn 7", true),
            (longest.as_str(), true),
            (too_long.as_str(), false),
            ("", false),
            (" ", false),
            ("CAP\n1", false),
            ("CAP\u{0}", false),
        ] {
            let read = text.parse::<T>();
            assert_eq!(read.is_ok(), fits, "{text:?}");
            let json = serde_json::Value::from(text);
            let of_json = serde_json::from_value::<T>(json.clone());
            assert_eq!(of_json.is_ok(), fits, "{text:?}");
            if let (Ok(read), Ok(of_json)) = (read, of_json) {
                assert_eq!(read.to_string(), text);
                assert_eq!(format!("{read:?}"), format!("{text:?}"));
                assert_eq!(serde_json::to_value(of_json).expect("JSON"), json);
            }
        }
    }

    #[test]
    fn a_name_is_a_short_line_of_text_and_the_same_in_json() {
        read_all::<ProviderReference>();
        read_all::<ProviderReservationId>();
        read_all::<ProviderCustomerId>();
    }

    #[test]
    fn our_reference_is_a_shorter_line_without_spaces_at_its_ends() {
        let (longest, too_long) = ("x".repeat(64), "x".repeat(65));
        for (text, fits) in [
            ("BOOK-1001", true),
            ("Hytte 7", true),
            (longest.as_str(), true),
            (too_long.as_str(), false),
            ("", false),
            (" ", false),
            (" BOOK-1", false),
            ("BOOK-1 ", false),
            ("BOOK\n1", false),
        ] {
            assert_eq!(text.parse::<Reference>().is_ok(), fits, "{text:?}");
            let json = serde_json::Value::from(text);
            let read = serde_json::from_value::<Reference>(json.clone());
            assert_eq!(read.is_ok(), fits, "{text:?}");
            if let Ok(read) = read {
                assert_eq!(serde_json::to_value(read).expect("JSON"), json);
            }
        }
    }

    #[test]
    fn the_effect_of_a_submit_or_link_is_called_as_what_it_made() {
        let reservation: ProviderReservationId = "RES1".parse().expect("an id");
        let effect = ProviderReference::from(reservation.clone());
        assert_eq!(effect, "RES1");
        assert_eq!(ProviderReservationId::from(effect), reservation);
        let order: OrderId = "ODR1".parse().expect("an order");
        assert_eq!(ProviderReference::from(order), "ODR1");
    }
}
