//! Reservations as a booking system submits them.

use serde_json::{Value, json};

/// The customer's name, e-mail address and phone number: like no other text, so that a test can look for them.
pub(crate) const CUSTOMER_NAME: &str = "Kari Leonora Testesen";
pub(crate) const CUSTOMER_EMAIL: &str = "kari.leonora@kunde-eksempel.no";
pub(crate) const CUSTOMER_PHONE: &str = "46567468";

/// A reservation that the service has taken and the provider has.
#[derive(Clone, Debug)]
pub(crate) struct Booking {
    /// `rsv_…`.
    pub(crate) id: String,
    /// The booking system's own id.
    pub(crate) reference: String,
    /// The provider's `RES…`.
    pub(crate) uuid: String,
}

/// The body of `POST /v1/reservations`: two lines, 1000.00 and 500.00 kroner, due at `due`. `changes` replaces whole
/// fields.
pub(crate) fn booking(reference: &str, due: &str, changes: &Value) -> Value {
    let mut body = json!({
        "reference": reference,
        "customer": {
            "type": "private",
            "name": CUSTOMER_NAME,
            "email": CUSTOMER_EMAIL,
            "country_code": "+47",
            "msisdn": CUSTOMER_PHONE,
            "language": "en",
            "address": {"street": "Luramyrveien 65", "zip": "4313", "city": "Sandnes", "country": "NO"},
        },
        "lines": [
            {"name": "Cabin, 2 nights", "product_id": "CAB-2", "rate": "1000.00", "tax_percent": 12,
             "amount": "1000.00"},
            {"name": "Rowing boat", "product_id": "BOAT-1", "rate": "500.00", "tax_percent": 25,
             "amount": "500.00"},
        ],
        "payment_link_due": due,
        "send": {"sms": false, "email": true},
    });
    if let (Some(fields), Some(changes)) = (body.as_object_mut(), changes.as_object()) {
        fields.extend(changes.clone());
    }
    body
}
