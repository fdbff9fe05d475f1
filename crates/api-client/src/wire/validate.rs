//! The provider's rules for whole requests, checked before anything is sent.

use std::collections::HashSet;

use domain::Money;

use super::countries::is_country;
use super::rules::{
    self, LANGUAGES, MAX_LONG_TEXT, MAX_NAME, MAX_PRODUCT_ID, MAX_PRODUCTS, MAX_TEXT,
};
use super::{
    Address, CallbackUrls, Capture, Charge, CreateSession, CustomerDetails, CustomerType,
    LineAmount, Note, OrderCustomer, OrderSums, PaymentVia, Product, Refund, Resend, SubmitOrder,
    SubmitReservation, WireTime,
};
use crate::FieldError;

/// The faults found so far.
#[derive(Default)]
struct Faults(Vec<FieldError>);

impl Faults {
    fn require(&mut self, holds: bool, field: impl AsRef<str>, message: &str) {
        if !holds {
            self.0.push(FieldError::new(field.as_ref(), message));
        }
    }

    fn text(&mut self, text: &str, field: impl AsRef<str>, longest: usize) {
        let length = text.chars().count();
        self.require(!text.trim().is_empty(), field.as_ref(), "is required");
        self.require(
            length <= longest,
            field,
            &format!("has more than {longest} characters"),
        );
    }

    fn optional_text(&mut self, text: Option<&str>, field: &str, longest: usize) {
        let fits = text.is_none_or(|text| text.chars().count() <= longest);
        self.require(fits, field, &format!("has more than {longest} characters"));
    }

    fn positive(&mut self, amount: Money, field: impl AsRef<str>) {
        self.require(!amount.is_zero(), field, "must be more than zero");
    }

    fn sum(&mut self, parts: Money, whole: Money, field: &str, of: &str) {
        self.require(parts == whole, field, &format!("is not the sum of {of}"));
    }

    fn count(&mut self, products: usize) {
        self.require(products > 0, "products", "is required");
        self.require(
            products <= MAX_PRODUCTS,
            "products",
            &format!("has more than {MAX_PRODUCTS} lines"),
        );
    }

    fn done(self) -> Result<(), Vec<FieldError>> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(self.0)
        }
    }
}

impl SubmitReservation {
    /// Checks the request against the provider's rules; `taxes` are the merchant's tax rates in percent.
    ///
    /// # Errors
    /// Every fault, named by the provider's own field path.
    pub fn validate(&self, taxes: &[u8]) -> Result<(), Vec<FieldError>> {
        let mut faults = Faults::default();
        self.check(taxes, &mut faults);
        faults.done()
    }

    fn check(&self, taxes: &[u8], faults: &mut Faults) {
        customer(&self.customer_details, faults);
        faults.require(self.order_date.at().is_some(), "orderDate", "is not a date");
        due_date(&self.due_date_for_payment_link, faults);
        faults.optional_text(self.reference_no.as_deref(), "referenceNo", MAX_NAME);
        faults.optional_text(
            self.customer_reference.as_deref(),
            "customerReference",
            MAX_NAME,
        );
        faults.optional_text(
            self.customer_notes.as_deref(),
            "customerNotes",
            MAX_LONG_TEXT,
        );
        faults.optional_text(self.tnc.as_deref(), "tnc", MAX_LONG_TEXT);
        products(&self.products, taxes, faults);
        let sums = &self.order_summary;
        let lines: Money = self.products.iter().map(|product| product.amount).sum();
        faults.positive(sums.grand_total, "orderSummary.grandTotal");
        faults.sum(
            lines,
            sums.grand_total,
            "orderSummary.grandTotal",
            "products.*.amount",
        );
        let (net, tax) = (sums.sub_total, sums.total_tax);
        faults.sum(
            net + tax,
            sums.grand_total,
            "orderSummary.grandTotal",
            "subTotal and totalTax",
        );
        if let Some(validity) = &self.charge_validity {
            let fits = rules::digits(validity) && validity.len() <= 9;
            faults.require(fits, "chargeValidity", "must be 1 to 9 digits");
        }
        if let Some(urls) = &self.callback {
            callback_urls(urls, faults);
        }
    }
}

impl CreateSession {
    /// Checks the request against the provider's rules; `taxes` are the merchant's tax rates in percent.
    ///
    /// # Errors
    /// Every fault, named by the provider's own field path.
    pub fn validate(&self, taxes: &[u8]) -> Result<(), Vec<FieldError>> {
        let mut faults = Faults::default();
        self.reservation.check(taxes, &mut faults);
        let card = matches!(
            self.submit_payment.via,
            PaymentVia::Visa | PaymentVia::Mastercard | PaymentVia::VisaDankort
        );
        faults.require(card, "submitPayment.via", "must be visa or mastercard");
        faults.done()
    }
}

impl Capture {
    /// Checks the request against the provider's rules.
    ///
    /// # Errors
    /// Every fault, named by the provider's own field path.
    pub fn validate(&self) -> Result<(), Vec<FieldError>> {
        let mut faults = Faults::default();
        line_amounts(&self.products, self.grand_total, &mut faults);
        faults.optional_text(self.additional_text.as_deref(), "additionalText", MAX_TEXT);
        faults.done()
    }
}

impl Charge {
    /// Checks the request against the provider's rules; `taxes` are the merchant's tax rates in percent.
    ///
    /// # Errors
    /// Every fault, named by the provider's own field path.
    pub fn validate(&self, taxes: &[u8]) -> Result<(), Vec<FieldError>> {
        let mut faults = Faults::default();
        products(&self.products, taxes, &mut faults);
        let lines = self.products.iter().map(|product| product.amount).sum();
        faults.positive(self.grand_total, "grandTotal");
        faults.sum(lines, self.grand_total, "grandTotal", "products.*.amount");
        faults.optional_text(self.additional_text.as_deref(), "additionalText", MAX_TEXT);
        faults.done()
    }
}

impl Note {
    /// Checks the request against the provider's rules.
    ///
    /// # Errors
    /// Every fault, named by the provider's own field path.
    pub fn validate(&self) -> Result<(), Vec<FieldError>> {
        let mut faults = Faults::default();
        faults.text(&self.note, "note", MAX_TEXT);
        faults.done()
    }
}

impl Resend {
    /// Checks the request against the provider's rules: at least one whole channel.
    ///
    /// # Errors
    /// Every fault, named by the provider's own field path.
    pub fn validate(&self) -> Result<(), Vec<FieldError>> {
        let mut faults = Faults::default();
        let some = self.msisdn.is_some() || self.email.is_some();
        faults.require(some, "email", "or countryCode and msisdn are required");
        let pair = self.country_code.is_some() == self.msisdn.is_some();
        faults.require(pair, "countryCode", "and msisdn go together");
        contact(
            self.country_code.as_deref(),
            self.msisdn.as_deref(),
            self.email.as_deref(),
            "",
            &mut faults,
        );
        faults.done()
    }
}

impl Refund {
    /// Checks the request against the provider's rules.
    ///
    /// # Errors
    /// Every fault, named by the provider's own field path.
    pub fn validate(&self) -> Result<(), Vec<FieldError>> {
        let mut faults = Faults::default();
        line_amounts(&self.products, self.grand_total, &mut faults);
        faults.require(
            rules::is_identifier(&self.reference),
            "reference",
            "is not a capture's or charge's uuid",
        );
        faults.done()
    }
}

impl SubmitOrder {
    /// Checks the request against the provider's rules; `taxes` are the merchant's tax rates in percent.
    ///
    /// # Errors
    /// Every fault, named by the provider's own field path.
    pub fn validate(&self, taxes: &[u8]) -> Result<(), Vec<FieldError>> {
        let mut faults = Faults::default();
        faults.count(self.products.len());
        for (place, product) in self.products.iter().enumerate() {
            product_line(
                place,
                &product.name,
                product.product_id.as_deref(),
                product.tax,
                taxes,
                &mut faults,
            );
            faults.require(
                product.quantity > 0,
                format!("products.{place}.quantity"),
                "must be more than zero",
            );
        }
        let lines = self.products.iter().map(|product| product.amount).sum();
        order_sums(&self.order_summary, lines, &mut faults);
        faults.require(self.order_date.at().is_some(), "orderDate", "is not a date");
        if let Some(due) = &self.due_date_for_payment_link {
            due_date(due, &mut faults);
        }
        faults.require(
            !self.with_customer || self.customer_details.is_some(),
            "customerDetails",
            "is required",
        );
        if let Some(customer) = &self.customer_details {
            order_customer(customer, &mut faults);
        }
        faults.require(
            self.callback.success.is_some(),
            "callback.success",
            "is required",
        );
        faults.require(
            self.callback.failure.is_some(),
            "callback.failure",
            "is required",
        );
        callback_urls(&self.callback, &mut faults);
        faults.done()
    }
}

fn customer(customer: &CustomerDetails, faults: &mut Faults) {
    let path = "customerDetails.";
    let (code, msisdn, email) = (&customer.country_code, &customer.msisdn, &customer.email);
    contact(Some(code), Some(msisdn), Some(email), path, faults);
    faults.text(&customer.name, "customerDetails.name", MAX_NAME);
    identity(
        Some(customer.kind),
        customer.personal_number.as_deref(),
        customer.organization_id.as_deref(),
        faults,
    );
    language(&customer.preferred_language, faults);
    address(&customer.address, faults);
}

fn order_customer(customer: &OrderCustomer, faults: &mut Faults) {
    let (code, msisdn, email) = (&customer.country_code, &customer.msisdn, &customer.email);
    contact(
        code.as_deref(),
        msisdn.as_deref(),
        email.as_deref(),
        "customerDetails.",
        faults,
    );
    faults.text(&customer.name, "customerDetails.name", MAX_NAME);
    identity(
        customer.kind,
        customer.personal_number.as_deref(),
        customer.organization_id.as_deref(),
        faults,
    );
    language(&customer.preferred_language, faults);
    address(&customer.address, faults);
}

fn contact(
    code: Option<&str>,
    msisdn: Option<&str>,
    email: Option<&str>,
    path: &str,
    faults: &mut Faults,
) {
    let fits = code.is_none_or(rules::is_country_code);
    faults.require(
        fits,
        format!("{path}countryCode"),
        "must be a dialling code like \"+47\"",
    );
    let fits = msisdn.is_none_or(rules::is_msisdn);
    faults.require(
        fits,
        format!("{path}msisdn"),
        "must be 4 to 15 digits, without the country code",
    );
    let fits = email.is_none_or(rules::is_email);
    faults.require(
        fits,
        format!("{path}email"),
        "must be a valid email address",
    );
}

fn identity(
    kind: Option<CustomerType>,
    personal: Option<&str>,
    organization: Option<&str>,
    faults: &mut Faults,
) {
    let eleven = |number: &str| number.len() == 11 && rules::digits(number);
    faults.require(
        personal.is_none_or(eleven),
        "customerDetails.personalNumber",
        "must be 11 digits",
    );
    let corporate = kind == Some(CustomerType::Corporate);
    let both = corporate && personal.is_some();
    faults.require(
        !both,
        "customerDetails.personalNumber",
        "is for a private customer only",
    );
    let field = "customerDetails.organizationId";
    faults.require(
        !corporate || organization.is_some(),
        field,
        "is required of a corporate customer",
    );
    let fits = organization.is_none_or(|id| rules::digits(id) && id.len() <= 20);
    faults.require(fits, field, "must be 1 to 20 digits");
}

fn language(language: &str, faults: &mut Faults) {
    let known = LANGUAGES.contains(&language);
    faults.require(
        known,
        "customerDetails.preferredLanguage",
        "must be one of en, no, sv, da, de",
    );
}

fn address(address: &Address, faults: &mut Faults) {
    faults.text(&address.street, "customerDetails.address.street", MAX_NAME);
    faults.text(&address.zip, "customerDetails.address.zip", MAX_NAME);
    faults.text(&address.city, "customerDetails.address.city", MAX_NAME);
    let fits = is_country(&address.country);
    faults.require(
        fits,
        "customerDetails.address.country",
        "must be an ISO alpha-2 code like \"NO\"",
    );
}

fn due_date(due: &WireTime, faults: &mut Faults) {
    faults.require(
        due.is_unix(),
        "dueDateForPaymentLink",
        "must be Unix seconds",
    );
}

fn products(products: &[Product], taxes: &[u8], faults: &mut Faults) {
    faults.count(products.len());
    for (place, product) in products.iter().enumerate() {
        product_line(
            place,
            &product.name,
            product.product_id.as_deref(),
            product.tax,
            taxes,
            faults,
        );
    }
}

fn product_line(
    place: usize,
    name: &str,
    id: Option<&str>,
    tax: u8,
    taxes: &[u8],
    faults: &mut Faults,
) {
    faults.text(name, format!("products.{place}.name"), MAX_NAME);
    faults.optional_text(id, &format!("products.{place}.productId"), MAX_PRODUCT_ID);
    faults.require(
        taxes.contains(&tax),
        format!("products.{place}.tax"),
        "is none of the merchant's tax rates",
    );
}

fn line_amounts(lines: &[LineAmount], total: Money, faults: &mut Faults) {
    faults.count(lines.len());
    let mut seen = HashSet::new();
    for (place, line) in lines.iter().enumerate() {
        faults.require(
            line.id > 0,
            format!("products.{place}.id"),
            "is not a product id",
        );
        faults.require(
            seen.insert(line.id),
            format!("products.{place}.id"),
            "is named twice",
        );
        faults.positive(line.amount, format!("products.{place}.amount"));
    }
    faults.positive(total, "grandTotal");
    faults.sum(
        lines.iter().map(|line| line.amount).sum(),
        total,
        "grandTotal",
        "products.*.amount",
    );
}

fn order_sums(sums: &OrderSums, lines: Money, faults: &mut Faults) {
    let field = "orderSummary.grandTotal";
    faults.positive(sums.grand_total, field);
    let parts = sums.sub_total + sums.total_tax + sums.shipping_cost;
    faults.sum(
        parts,
        sums.grand_total + sums.total_discount,
        field,
        "the other totals",
    );
    // Whether a line's amount is before or after its discount is not documented.
    if sums.total_discount.is_zero() {
        faults.sum(
            lines + sums.shipping_cost,
            sums.grand_total,
            field,
            "products.*.amount and shippingCost",
        );
    }
}

fn callback_urls(urls: &CallbackUrls, faults: &mut Faults) {
    let fields = [
        ("callbackUrl", &urls.callback_url),
        ("success", &urls.success),
        ("failure", &urls.failure),
    ];
    for (name, url) in fields {
        let fits = url.as_deref().is_none_or(rules::is_web_url);
        faults.require(
            fits,
            format!("callback.{name}"),
            "must be an http or https URL",
        );
    }
}
