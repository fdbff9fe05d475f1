//! A one-time payment link as a booking system asks for it.

use domain::customer::{Customer, is_text};
use domain::reservation::MAX_LINES;
use domain::{FieldError, MAX_AMOUNT, Merchant, Money};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::submission::CheckoutMethod;

/// A line of a payment link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaymentLinkLine {
    /// What it is.
    pub name: String,
    /// The booking system's product id, at most 25 characters.
    #[serde(default)]
    pub product_id: Option<String>,
    /// How many.
    #[serde(default = "one")]
    pub quantity: u32,
    /// Gross price of one unit.
    pub rate: Money,
    /// Tax within the price, in percent.
    pub tax_percent: u8,
    /// Gross amount of the line.
    pub amount: Money,
}

const fn one() -> u32 {
    1
}

/// A one-time payment link (the provider's page of that name).
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaymentLinkRequest {
    /// The booking system's own id.
    pub reference: String,
    /// The customer.
    pub customer: Customer,
    /// What is paid for.
    pub lines: Vec<PaymentLinkLine>,
    /// The preselected method.
    #[serde(default = "visa")]
    pub method: CheckoutMethod,
    /// Where the payer goes after paying.
    pub success_url: String,
    /// Where the payer goes otherwise.
    pub failure_url: String,
}

const fn visa() -> CheckoutMethod {
    CheckoutMethod::Visa
}

/// The longest URL that is passed on.
const MAX_URL: usize = 2_000;

/// Is this a URL a payer may be sent to: https, or http on this machine, without credentials?
#[must_use]
pub fn is_payer_url(text: &str) -> bool {
    let Ok(url) = Url::parse(text) else {
        return false;
    };
    let loopback = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => return false,
    };
    let scheme = url.scheme() == "https" || (url.scheme() == "http" && loopback);
    text.len() <= MAX_URL && scheme && url.username().is_empty() && url.password().is_none()
}

impl PaymentLinkRequest {
    /// Every fault, by field.
    #[must_use]
    pub fn faults(&self, merchant: &Merchant) -> Vec<FieldError> {
        let mut faults = self.customer.faults(false);
        let mut rule = |wrong: bool, field: String, message: &str| {
            if wrong {
                faults.push(FieldError::new(field, message));
            }
        };
        rule(
            !is_text(&self.reference, 64),
            "reference".to_owned(),
            "is empty or longer than 64 characters",
        );
        rule(self.lines.is_empty(), "lines".to_owned(), "is empty");
        rule(
            self.lines.len() > MAX_LINES,
            "lines".to_owned(),
            "has more than 500 entries",
        );
        let total: Money = self.lines.iter().map(|line| line.amount).sum();
        rule(
            total > MAX_AMOUNT,
            "lines".to_owned(),
            "add up to more than 1000000000.00",
        );
        let url = "is not an https URL (http is for this machine only)";
        rule(
            !is_payer_url(&self.success_url),
            "success_url".to_owned(),
            url,
        );
        rule(
            !is_payer_url(&self.failure_url),
            "failure_url".to_owned(),
            url,
        );
        for (index, line) in self.lines.iter().enumerate() {
            line_faults(index, line, merchant, &mut rule);
        }
        faults
    }
}

/// What is wrong with one line of an order.
fn line_faults(
    index: usize,
    line: &PaymentLinkLine,
    merchant: &Merchant,
    rule: &mut impl FnMut(bool, String, &str),
) {
    let at = |field: &str| format!("lines[{index}].{field}");
    rule(
        !is_text(&line.name, 200),
        at("name"),
        "is empty or longer than 200 characters",
    );
    let id = line.product_id.as_deref();
    rule(
        id.is_some_and(|id| !is_text(id, 25)),
        at("product_id"),
        "is empty or longer than 25 characters",
    );
    rule(
        !(1..=10_000).contains(&line.quantity),
        at("quantity"),
        "is not between 1 and 10000",
    );
    rule(line.amount.is_zero(), at("amount"), "is zero");
    let expected = line.rate.minor().checked_mul(i64::from(line.quantity));
    rule(
        expected != Some(line.amount.minor()),
        at("amount"),
        "is not rate times quantity",
    );
    rule(
        !merchant.tax_percents.contains(&line.tax_percent),
        at("tax_percent"),
        "is not one of the merchant's rates",
    );
}
