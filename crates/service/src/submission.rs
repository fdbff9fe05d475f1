//! What only the provider needs to know of a reservation, as it is kept beside the facts. Personal.

use domain::customer::Customer;
use serde::{Deserialize, Serialize};

/// How the payer pays when the session endpoint is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkout {
    /// The preselected method; the payer may choose another.
    pub method: CheckoutMethod,
    /// Where the payer goes after paying.
    #[serde(default)]
    pub success_url: Option<String>,
    /// Where the payer goes otherwise.
    #[serde(default)]
    pub failure_url: Option<String>,
}

/// The methods of a reservation's session (the provider's session page).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckoutMethod {
    /// Visa.
    Visa,
    /// Mastercard.
    Mastercard,
}

/// What a submit says besides the reservation itself.
#[derive(Clone, Default)]
pub struct SubmitExtras {
    /// The provider sends the link by SMS.
    pub send_sms: bool,
    /// The provider sends the link by e-mail.
    pub send_email: bool,
    /// Use the session endpoint.
    pub checkout: Option<Checkout>,
    /// Notes to the customer.
    pub notes: Option<String>,
    /// Terms and conditions.
    pub terms: Option<String>,
}

/// The record that a submit is built from, also after a restart.
#[derive(Clone, Serialize, Deserialize)]
pub struct SubmissionRecord {
    /// The customer, without the personal number.
    pub customer: Customer,
    /// The provider sends the link by SMS.
    pub send_sms: bool,
    /// The provider sends the link by e-mail.
    pub send_email: bool,
    /// Use the session endpoint.
    pub checkout: Option<Checkout>,
    /// Notes to the customer.
    pub notes: Option<String>,
    /// Terms and conditions.
    pub terms: Option<String>,
    /// Hide details until the payer has proven who he is.
    pub secure_details: bool,
}
