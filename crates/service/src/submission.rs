//! What only the provider needs to know of a reservation, as it is kept beside the facts. Personal.

use domain::customer::Customer;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

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

/// A stored request that this version cannot read. Names the field alone, since its value may be personal.
#[derive(Debug, thiserror::Error)]
#[error("{field} of what is stored does not fit")]
pub(crate) struct StoredFault {
    field: String,
}

/// What is stored of a request, typed.
pub(crate) fn read_stored<T: DeserializeOwned>(stored: Value) -> Result<T, StoredFault> {
    serde_path_to_error::deserialize(stored).map_err(|error| StoredFault {
        field: error.path().to_string(),
    })
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn what_does_not_fit_is_named_by_its_field_and_never_by_its_value() {
        let stored = serde_json::json!({"country_code": {"name": "Kari"}});
        let fault = read_stored::<domain::reservation::Contact>(stored).expect_err("does not fit");
        assert_eq!(
            fault.to_string(),
            "country_code of what is stored does not fit"
        );
        assert!(fault.source().is_none());
    }
}
