//! The customer as a booking system gives him: personal data, kept apart from the reservation's facts.

use serde::{Deserialize, Serialize};

use crate::FieldError;
use crate::job::words;
use crate::phone::{self, is_digits};

words! {
    /// Who the customer is.
    CustomerType {
        /// A person.
        Private = "private",
        /// An organisation.
        Corporate = "corporate",
    }
}

/// Where the customer lives.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Address {
    /// Street and number.
    pub street: String,
    /// Postal code.
    pub zip: String,
    /// City.
    pub city: String,
    /// ISO 3166 alpha-2.
    pub country: String,
}

/// The customer. Has no `Debug`: it is never to be logged.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Customer {
    /// Person or organisation.
    #[serde(rename = "type")]
    pub kind: CustomerType,
    /// Full name.
    pub name: String,
    /// E-mail address.
    pub email: String,
    /// Dialling code with plus, `+47`.
    pub country_code: String,
    /// National phone number, digits.
    pub msisdn: String,
    /// Language of messages; anything but en, no, sv, da, de becomes no.
    #[serde(default = "norwegian")]
    pub language: String,
    /// Eleven digits; only with `secure_details`, and never stored with the reservation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub personal_number: Option<String>,
    /// Digits; required for organisations.
    #[serde(default)]
    pub organization_id: Option<String>,
    /// Where the customer lives.
    pub address: Address,
}

fn norwegian() -> String {
    "no".to_owned()
}

/// The languages the provider writes in (its submit page).
pub const LANGUAGES: [&str; 5] = ["en", "no", "sv", "da", "de"];

/// What a phone number is not.
pub(crate) const WRONG_NUMBER: &str =
    "is not a national phone number: 8 to 15 digits, in Norway (+47) 8";

/// The longest text of a customer's field.
const MAX_TEXT: usize = 200;

/// Is this an e-mail address as far as the text alone can show?
#[must_use]
pub fn is_email(text: &str) -> bool {
    let Some((local, host)) = text.rsplit_once('@') else {
        return false;
    };
    let plain = |part: &str| {
        !part.is_empty()
            && !part
                .chars()
                .any(|c| c.is_whitespace() || c.is_control() || "<>()[],;:\"".contains(c))
    };
    text.len() <= MAX_TEXT
        && plain(local)
        && plain(host)
        && !local.contains('@')
        && host.contains('.')
        && !host.starts_with(['.', '-'])
        && !host.ends_with(['.', '-'])
        && !host.contains("..")
}

/// Is this a dialling code, `+` and one to four digits?
#[must_use]
pub fn is_country_code(text: &str) -> bool {
    text.strip_prefix('+')
        .is_some_and(|code| is_digits(code, 1, 4))
}

/// Is it a country of two capital letters, as ISO 3166 writes it?
fn is_country(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// Is this a line of text a person could have written: not blank, not too long, without control characters?
#[must_use]
pub fn is_text(text: &str, most: usize) -> bool {
    !text.trim().is_empty() && text.chars().count() <= most && !text.chars().any(char::is_control)
}

impl Customer {
    /// The customer with phone and e-mail address in the form that the provider takes, where what was written can only mean
    /// one thing; the rest is left for [`faults`](Self::faults) to refuse.
    #[must_use]
    pub fn normalised(mut self) -> Self {
        self.country_code = phone::normalised_code(&self.country_code);
        self.msisdn = phone::normalised_number(&self.country_code, &self.msisdn);
        self.email = self.email.trim().to_owned();
        self
    }

    /// Every fault, by its field below `customer`.
    #[must_use]
    pub fn faults(&self, secure_details: bool) -> Vec<FieldError> {
        let organization = self.organization_id.as_deref().filter(|id| !id.is_empty());
        let number = self.personal_number.as_deref();
        let wrong_number = number.is_some_and(|n| !is_digits(n, 11, 11));
        let address = &self.address;
        let text = "is empty, longer than 200 characters, or holds control characters";
        let rules = [
            (!is_text(&self.name, MAX_TEXT), "name", text),
            (!is_email(&self.email), "email", "is not an e-mail address"),
            (
                !is_country_code(&self.country_code),
                "country_code",
                "is not a dialling code like \"+47\"",
            ),
            (
                !phone::is_number(&self.country_code, &self.msisdn),
                "msisdn",
                WRONG_NUMBER,
            ),
            (
                !is_text(&self.language, 10),
                "language",
                "is not a language like \"no\" or \"en\"",
            ),
            (
                number.is_some() && !secure_details,
                "personal_number",
                "is accepted only with settings.secure_details = true",
            ),
            (wrong_number, "personal_number", "is not 11 digits"),
            (
                self.kind == CustomerType::Corporate && organization.is_none(),
                "organization_id",
                "is required when type is \"corporate\"",
            ),
            (
                organization.is_some_and(|id| !is_digits(id, 1, 20)),
                "organization_id",
                "is not digits only",
            ),
            (!is_text(&address.street, MAX_TEXT), "address.street", text),
            (
                !is_text(&address.zip, 20),
                "address.zip",
                "is empty or longer than 20 characters",
            ),
            (!is_text(&address.city, MAX_TEXT), "address.city", text),
            (
                !is_country(&address.country),
                "address.country",
                "is not an ISO 3166 alpha-2 code like \"NO\"",
            ),
        ];
        rules
            .into_iter()
            .filter(|(wrong, ..)| *wrong)
            .map(|(_, field, message)| FieldError::new(format!("customer.{field}"), message))
            .collect()
    }

    /// The language that is sent to the provider: an unknown one becomes Norwegian.
    #[must_use]
    pub fn provider_language(&self) -> &'static str {
        LANGUAGES
            .into_iter()
            .find(|known| self.language.eq_ignore_ascii_case(known))
            .unwrap_or("no")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kari() -> Customer {
        Customer {
            kind: CustomerType::Private,
            name: "Kari Nordmann".into(),
            email: "kari@example.no".into(),
            country_code: "+47".into(),
            msisdn: "46567468".into(),
            language: "en".into(),
            personal_number: None,
            organization_id: None,
            address: Address {
                street: "Luramyrveien 65".into(),
                zip: "4313".into(),
                city: "Sandnes".into(),
                country: "NO".into(),
            },
        }
    }

    #[test]
    fn each_fault_names_its_field() {
        assert!(kari().faults(false).is_empty());
        type Change = fn(&mut Customer);
        let changes: [(Change, &str); 14] = [
            (|c| c.name = "  ".into(), "customer.name"),
            (|c| c.name = "x\u{0}".into(), "customer.name"),
            (|c| c.email = "kari".into(), "customer.email"),
            (|c| c.email = "kari@".into(), "customer.email"),
            (|c| c.email = "a b@example.no".into(), "customer.email"),
            (|c| c.country_code = "47".into(), "customer.country_code"),
            (|c| c.msisdn = "46 56".into(), "customer.msisdn"),
            (
                |c| c.personal_number = Some("19635464524".into()),
                "customer.personal_number",
            ),
            (
                |c| c.kind = CustomerType::Corporate,
                "customer.organization_id",
            ),
            (
                |c| c.organization_id = Some("NO 1".into()),
                "customer.organization_id",
            ),
            (
                |c| c.address.street = String::new(),
                "customer.address.street",
            ),
            (|c| c.address.zip = "x".repeat(21), "customer.address.zip"),
            (|c| c.address.city = String::new(), "customer.address.city"),
            (
                |c| c.address.country = "Norway".into(),
                "customer.address.country",
            ),
        ];
        for (change, field) in changes {
            let mut customer = kari();
            change(&mut customer);
            let fields: Vec<_> = customer
                .faults(false)
                .into_iter()
                .map(|fault| fault.field)
                .collect();
            assert_eq!(fields, [field]);
        }
    }

    #[test]
    fn case_014_a_personal_number_needs_secure_details() {
        let mut customer = kari();
        customer.personal_number = Some("19635464524".into());
        assert!(customer.faults(true).is_empty());
        assert_eq!(customer.faults(false).len(), 1);
        let shown = customer.faults(false)[0].to_string();
        assert!(!shown.contains("1963"), "{shown}");
    }

    #[test]
    fn case_013_an_unknown_language_becomes_norwegian() {
        let mut customer = kari();
        for (language, provider) in [("en", "en"), ("DE", "de"), ("fi", "no"), ("nb", "no")] {
            customer.language = language.into();
            assert_eq!(customer.provider_language(), provider);
        }
    }
}
