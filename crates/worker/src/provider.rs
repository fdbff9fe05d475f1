//! Between the provider's words and ours: details become a snapshot, answers become outcomes, facts become requests.

use api_client::wire::{self, Personal, ProviderStatus, WireTime};
use api_client::{Exchange, RejectionClass};
use chrono::{DateTime, TimeDelta, TimeZone as _, Utc};
use domain::customer::{Customer, CustomerType};
use domain::observe::{SeenProduct, SeenRow, SeenStatus, Snapshot};
use domain::outcome::RefusedBy;
use domain::{Merchant, Money};
use store::queue::{AttemptEnd, AttemptOutcome};

/// Details, in our words.
#[must_use]
pub(crate) fn snapshot(details: &wire::Details, merchant: &Merchant) -> Snapshot {
    let payment = details.payment_details.clone().unwrap_or_default();
    let history = details.payment_history.clone().unwrap_or_default();
    let refunded = payment.amount_refunded.clone().unwrap_or_default();
    let time = |time: &Option<WireTime>| time.as_ref().and_then(|time| instant(time, merchant));
    let row = |row: &wire::MoneyRow| SeenRow {
        reference: row.reference.clone(),
        amount: row.amount,
        at: time(&row.at),
        text: row.additional_text.clone(),
        refunded: row.refunded,
    };
    let product = |product: &wire::ProductSeen| SeenProduct {
        id: product.id,
        name: product.name.clone().unwrap_or_default(),
        product_id: product.product_id.clone(),
        amount: product.amount.unwrap_or_default(),
        captured: product.captured.unwrap_or_default(),
    };
    let first_reserved = history.reserved.first();
    Snapshot {
        word: details.status.as_str().to_owned(),
        status: status(&details.status),
        reserved_at: time(&payment.reserved_at).or_else(|| first_reserved.and_then(|row| time(&row.at))),
        reserved: payment.reserved_amount.or(first_reserved.map(|row| row.amount)).unwrap_or_default(),
        captured: payment.captured_amount.unwrap_or_default(),
        charged: payment.charged_amount.unwrap_or_default(),
        refunded_captured: refunded.from_captured.unwrap_or_default(),
        refunded_charged: refunded.from_charge.unwrap_or_default(),
        products: details.product_list.iter().map(product).collect(),
        captures: history.captured.iter().map(row).collect(),
        charges: history.charged.iter().map(row).collect(),
    }
}

/// A time of the provider's. One without an offset is read as the earliest it can mean: the provider's zone is
/// not documented, and a window must not be overrated.
fn instant(time: &WireTime, merchant: &Merchant) -> Option<DateTime<Utc>> {
    time.at().or_else(|| {
        let civil = time.civil()?;
        let local = merchant.zone.from_local_datetime(&civil).earliest()?.with_timezone(&Utc);
        Some(local.min(civil.and_utc() - TimeDelta::hours(2)))
    })
}

fn status(status: &ProviderStatus) -> SeenStatus {
    match status {
        ProviderStatus::Sent | ProviderStatus::ReservedNotPaid => SeenStatus::Unpaid,
        ProviderStatus::Reserved
        | ProviderStatus::Captured
        | ProviderStatus::Charged
        | ProviderStatus::Paid
        | ProviderStatus::Invoiced
        | ProviderStatus::Refunded
        | ProviderStatus::PartialRefunded => SeenStatus::Paid,
        ProviderStatus::Completed => SeenStatus::Completed,
        ProviderStatus::Cancelled => SeenStatus::Cancelled,
        ProviderStatus::Expired => SeenStatus::Expired,
        other => SeenStatus::Other(other.as_str().to_owned()),
    }
}

/// How the job's history shows a request.
#[must_use]
pub(crate) fn attempt_end(outcome: AttemptOutcome, code: Option<String>, exchange: &Exchange) -> AttemptEnd {
    AttemptEnd {
        outcome,
        http_status: exchange.http_status,
        provider_message: exchange.provider_message.clone(),
        error_code: code,
        exchange: serde_json::to_value(exchange).ok(),
    }
}

/// How the provider refused, in our words.
#[must_use]
pub(crate) const fn refused_by(class: &RejectionClass) -> RefusedBy {
    match class {
        RejectionClass::Business => RefusedBy::Business,
        RejectionClass::Payload => RefusedBy::Payload,
        RejectionClass::Auth => RefusedBy::Auth,
        RejectionClass::Throttled { .. } => RefusedBy::Throttled,
        RejectionClass::NotFound => RefusedBy::NotFound,
        RejectionClass::CardNotFound => RefusedBy::CardNotFound,
        RejectionClass::WrongVerb => RefusedBy::WrongVerb,
    }
}

/// How long the provider wants to be left alone, when it says so.
pub(crate) fn retry_after(class: &RejectionClass) -> Option<TimeDelta> {
    match class {
        RejectionClass::Throttled { retry_after } => TimeDelta::from_std((*retry_after)?).ok(),
        _ => None,
    }
}

/// The customer as the provider wants him.
#[must_use]
pub(crate) fn customer(customer: &Customer, personal_number: Option<&str>) -> wire::CustomerDetails {
    wire::CustomerDetails {
        kind: match customer.kind {
            CustomerType::Private => wire::CustomerType::Private,
            CustomerType::Corporate => wire::CustomerType::Corporate,
        },
        country_code: customer.country_code.clone(),
        msisdn: Personal::from(customer.msisdn.as_str()),
        email: Personal::from(customer.email.as_str()),
        name: Personal::from(customer.name.as_str()),
        preferred_language: customer.provider_language().to_owned(),
        personal_number: personal_number.map(Personal::from),
        organization_id: customer.organization_id.clone(),
        address: address(customer),
    }
}

/// Where the customer lives, as the provider wants it.
#[must_use]
fn address(customer: &Customer) -> wire::Address {
    wire::Address {
        street: Personal::from(customer.address.street.as_str()),
        zip: customer.address.zip.clone(),
        city: customer.address.city.clone(),
        country: customer.address.country.clone(),
    }
}

/// The sums of an order whose lines are gross: the tax within, the rest, and the whole (all exact in øre).
#[must_use]
pub(crate) fn sums(lines: impl Iterator<Item = (Money, u8)>) -> wire::OrderSummary {
    let (total, tax) = lines.fold((Money::ZERO, Money::ZERO), |(total, tax), (amount, percent)| {
        (total + amount, tax + amount.tax_within(percent))
    });
    wire::OrderSummary { sub_total: total.saturating_sub(tax), total_tax: tax, grand_total: total }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn details(is_paid: &str, status: &str) -> wire::Details {
        let text = format!(
            r#"{{"reservationUuid": "RES1", "status": "{status}", "isPaid": {is_paid}, "grandTotal": 1000,
                "productList": [{{"id": 7, "name": "Cabin", "amount": 1000, "captured": 400}}],
                "paymentDetails": {{"reservedAt": 1756871400, "reservedAmount": 1000, "capturedAmount": 400}},
                "paymentHistory": {{"captured": [{{"at": 1756880000, "amount": 400, "reference": "CAP1"}}]}}}}"#
        );
        serde_json::from_str(&text).expect("details")
    }

    #[test]
    fn case_159_is_paid_tells_nothing_of_money() {
        let merchant = Merchant::new("default".parse().expect("a merchant"));
        let told = snapshot(&details("true", "CAPTURED"), &merchant);
        assert_eq!((told.captured, told.captures.len()), (Money::kroner(400), 1));
        for is_paid in ["false", "null", "\"1\"", "0"] {
            assert_eq!(snapshot(&details(is_paid, "CAPTURED"), &merchant), told, "{is_paid}");
        }
        let held = snapshot(&details("false", "RESERVED"), &merchant);
        assert_eq!((held.captured, held.status), (told.captured, told.status), "nor does the word for held");
    }
}
