//! The customer of the tests.

use domain::customer::{Address, Customer, CustomerType};

/// The full name.
pub const NAME: &str = "Kari Nordmann";
/// The e-mail address.
pub const EMAIL: &str = "kari@example.no";
/// The country code of the phone number.
pub const COUNTRY_CODE: &str = "+47";
/// The phone number without its country code.
pub const MSISDN: &str = "46567468";
/// Street, zip code, city and country.
pub const ADDRESS: [&str; 4] = ["Luramyrveien 65", "4313", "Sandnes", "NO"];

/// A private customer with every field that has to be there, and no personal number.
#[must_use]
pub fn customer() -> Customer {
    let [street, zip, city, country] = ADDRESS.map(str::to_owned);
    Customer {
        kind: CustomerType::Private,
        name: NAME.to_owned(),
        email: EMAIL.to_owned(),
        country_code: COUNTRY_CODE.to_owned(),
        msisdn: MSISDN.to_owned(),
        language: "en".to_owned(),
        personal_number: None,
        organization_id: None,
        address: Address {
            street,
            zip,
            city,
            country,
        },
    }
}
