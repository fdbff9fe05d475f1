//! What the provider calls a reservation, its customer and its effects: a type each, so that none stands for another.
//!
//! They come from answers, callbacks and people, and are read where they come in.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::customer::is_text;
use crate::payment_link::OrderId;

/// The longest text that can name something at the provider, in characters: as long as the longest id of an order.
const MAX_NAME: usize = 128;

/// A text that can name nothing at the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is empty, longer than 128 characters, or holds control characters")]
pub struct NameError;

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The text, as the provider writes it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                text.to_owned().try_into()
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                if is_text(&text, MAX_NAME) {
                    Ok(Self(text))
                } else {
                    Err(NameError)
                }
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
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
    ProviderReference;
    /// The provider's id of a reservation, `RES…`. 1 to 128 characters. Set by the answer to a submit or a search, and
    /// suggested by callbacks and people.
    ProviderReservationId;
    /// The provider's id of a customer, `CSRT…`. 1 to 128 characters. Set by the answer to a submit.
    ProviderCustomerId;
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
    fn the_effect_of_a_submit_or_link_is_called_as_what_it_made() {
        let reservation: ProviderReservationId = "RES1".parse().expect("an id");
        let effect = ProviderReference::from(reservation.clone());
        assert_eq!(effect, "RES1");
        assert_eq!(ProviderReservationId::from(effect), reservation);
        let order: OrderId = "ODR1".parse().expect("an order");
        assert_eq!(ProviderReference::from(order), "ODR1");
    }
}
