//! Between the provider's words and ours: details become a snapshot, answers become outcomes, facts become requests.

#[cfg(test)]
mod tests;

use std::str::FromStr;

use api_client::wire::{self, Personal, ProviderStatus, WireTime};
use api_client::{Exchange, FaultKind, Outcome, RejectionClass, UnknownReason};
use chrono::{DateTime, TimeDelta, TimeZone as _, Utc};
use domain::customer::{Customer, CustomerType};
use domain::history::{Event, HistoryRow};
use domain::observe::{SeenProduct, SeenRefund, SeenRow, SeenStatus, Snapshot};
use domain::outcome::RefusedBy;
use domain::{Merchant, Money, Reservation};
use store::queue::{AttemptEnd, AttemptOutcome};

/// Details, in our words.
#[must_use]
pub(crate) fn snapshot(details: &wire::Details, merchant: &Merchant) -> Snapshot {
    let payment = details.payment_details.clone().unwrap_or_default();
    let history = details.payment_history.clone().unwrap_or_default();
    let refunded = payment.amount_refunded.clone().unwrap_or_default();
    let time = |time: &Option<WireTime>| time.as_ref().and_then(|time| instant(time, merchant));
    let row = |row: &wire::MoneyRow| SeenRow {
        reference: named(row.reference.as_deref()),
        amount: row.amount,
        at: time(&row.at),
        text: row.additional_text.clone(),
        refunded: row.refunded,
    };
    let refund = |row: &wire::RefundRow| SeenRefund {
        reference: named(row.reference.as_deref()),
        amount: row.amount,
        at: time(&row.at),
    };
    let product = |product: &wire::ProductSeen| SeenProduct {
        id: product.id,
        name: product.name.clone(),
        product_id: product.product_id.clone(),
        amount: product.amount,
        captured: product.captured,
    };
    // Revisions without sums have rows.
    let sum = |rows: &[wire::MoneyRow]| rows.iter().map(|row| row.amount).sum::<Money>();
    let given_back =
        |rows: &[wire::MoneyRow]| rows.iter().filter_map(|row| row.refunded).sum::<Money>();
    let first_reserved = history.reserved.first();
    Snapshot {
        word: details.status.as_str().to_owned(),
        status: status(&details.status),
        reserved_at: time(&payment.reserved_at)
            .or_else(|| first_reserved.and_then(|row| time(&row.at))),
        reserved: payment
            .reserved_amount
            .or(first_reserved.map(|row| row.amount))
            .unwrap_or_default(),
        captured: payment
            .captured_amount
            .unwrap_or_else(|| sum(&history.captured)),
        charged: payment
            .charged_amount
            .unwrap_or_else(|| sum(&history.charged)),
        refunded_captured: refunded
            .from_captured
            .unwrap_or_else(|| given_back(&history.captured)),
        refunded_charged: refunded
            .from_charge
            .unwrap_or_else(|| given_back(&history.charged)),
        products: details.product_list.iter().map(product).collect(),
        captures: history.captured.iter().map(row).collect(),
        charges: history.charged.iter().map(row).collect(),
        refunds: history.refunded.iter().map(refund).collect(),
    }
}

/// A name of the provider's; what can be none is as if it were missing.
pub(crate) fn named<T: FromStr>(text: Option<&str>) -> Option<T> {
    text.and_then(|text| text.parse().ok())
}

/// A time of the provider's. One without an offset is read as the earliest it can mean: the provider's zone is
/// not documented, and a window must not be overrated.
fn instant(time: &WireTime, merchant: &Merchant) -> Option<DateTime<Utc>> {
    let Some(civil) = time.civil() else {
        return time.at();
    };
    let earliest = civil.and_utc() - TimeDelta::hours(2);
    // An hour that the zone's clock leaves out is no time of that zone.
    let local = merchant.zone.from_local_datetime(&civil).earliest();
    Some(local.map_or(earliest, |local| earliest.min(local.with_timezone(&Utc))))
}

/// The latest that a time of the provider's can mean, when it is to the minute.
fn latest(time: &WireTime, merchant: &Merchant) -> Option<DateTime<Utc>> {
    let Some(civil) = time.civil() else {
        return time.at();
    };
    let latest = civil.and_utc() + TimeDelta::minutes(1);
    let local = merchant.zone.from_local_datetime(&civil).latest();
    Some(local.map_or(latest, |local| {
        latest.max(local.with_timezone(&Utc) + TimeDelta::minutes(1))
    }))
}

fn status(status: &ProviderStatus) -> SeenStatus {
    match status {
        ProviderStatus::Sent => SeenStatus::Unpaid,
        ProviderStatus::Reserved
        | ProviderStatus::ReservedNotPaid
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

/// The longest id of the provider's that is kept, and the longest note: both come from outside.
const MAX_UUID: usize = 40;
const MAX_NOTE: usize = 200;

/// A row of the history, in our words, as far as it is evidence about this reservation.
///
/// Whoever got a message or acted in the portal is left out, and so are people's notes: a note is of use only with a
/// marker of this reservation's in it.
#[must_use]
pub(crate) fn history_row(
    row: &wire::HistoryRow,
    r: &Reservation,
    merchant: &Merchant,
) -> HistoryRow {
    let bounded = |text: &String, most: usize| text.chars().take(most).collect::<String>();
    let ours = |note: &&String| r.intents.iter().any(|intent| intent.marker.is_in(note));
    HistoryRow {
        event: event(row),
        uuid: row.uuid.as_ref().map(|uuid| bounded(uuid, MAX_UUID)),
        at: row
            .datetime
            .as_ref()
            .and_then(|time| instant(time, merchant)),
        until: row
            .datetime
            .as_ref()
            .and_then(|time| latest(time, merchant)),
        amount: row.amount,
        note: row
            .note
            .as_ref()
            .filter(ours)
            .map(|note| bounded(note, MAX_NOTE)),
    }
}

/// What a row of the history tells: the one place that knows the provider's slugs.
pub(crate) fn event(row: &wire::HistoryRow) -> Event {
    let of = |prefix: &str| {
        row.uuid
            .as_deref()
            .is_some_and(|uuid| uuid.starts_with(prefix))
    };
    match row.title.as_deref().unwrap_or_default() {
        "amount-captured-from-reservation" => Event::Captured,
        "amount-charged-from-card" => Event::Charged,
        "refund-sent-from-captured" => Event::CaptureRefunded,
        "refund-sent-from-charged" => Event::ChargeRefunded,
        // This slug has been seen with the id of the row that the money came from.
        "refund-sent" if of("CAP") => Event::CaptureRefunded,
        "refund-sent" if of("CHA") => Event::ChargeRefunded,
        "payment-link-sent-to-customer" => Event::LinkSent,
        "payment-link-opened" => Event::LinkOpened,
        "amount-reserved" => Event::Reserved,
        "reservation-completed" => Event::Completed,
        "reservation-cancelled" => Event::Cancelled,
        "reservation-expired" => Event::Expired,
        _ => Event::Other,
    }
}

/// Did a request fail on the way, or by a fault of the provider? What the provider shows, or does not show, counts
/// for less for a while.
#[must_use]
pub(crate) const fn is_fault<T>(outcome: &Outcome<T>) -> bool {
    match outcome {
        Outcome::Accepted(_) | Outcome::Rejected(_) => false,
        Outcome::Unsent(fault) => !matches!(
            fault.kind,
            FaultKind::InvalidRequest(_) | FaultKind::NotSent
        ),
        Outcome::Unknown(unknown) => !matches!(
            unknown.reason,
            // The provider works, and says what nobody expects.
            UnknownReason::UnknownBusinessMessage
                | UnknownReason::UnexpectedMessage
                | UnknownReason::UnexpectedStatus
                | UnknownReason::MissingReference
        ),
    }
}

/// How the job's history shows a request.
#[must_use]
pub(crate) fn attempt_end(
    outcome: AttemptOutcome,
    code: Option<String>,
    exchange: &Exchange,
) -> AttemptEnd {
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
pub(crate) fn customer(
    customer: &Customer,
    personal_number: Option<&str>,
) -> wire::CustomerDetails {
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
    let (total, tax) = lines.fold(
        (Money::ZERO, Money::ZERO),
        |(total, tax), (amount, percent)| (total + amount, tax + amount.tax_within(percent)),
    );
    wire::OrderSummary {
        sub_total: total.saturating_sub(tax),
        total_tax: tax,
        grand_total: total,
    }
}
