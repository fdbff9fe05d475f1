//! `submit`: creates the reservation at the provider, and finds one again whose answer was lost.

use api_client::wire::{self, Personal, WireTime};
use api_client::{Answer, Outcome as Answered, RejectionClass};
use chrono::{DateTime, TimeDelta, Utc};
use domain::observe::verdict;
use domain::outcome::{NewLink, Outcome};
use domain::reservation::{Intent, IntentState};
use domain::{Fact, IntentId, Merchant, Reservation, ReservationId};
use store::Stored;
use store::queue::{FaultClass, JobFault};

use super::{Request, Sent, told};
use crate::app::{App, MerchantHandle};
use crate::provider;
use crate::submission::{CheckoutMethod, SubmissionRecord};

/// The history is searched from this long before the submit was sent; its times have minute precision.
const SEARCH_BEFORE: TimeDelta = TimeDelta::minutes(2);
/// How many candidates one search reads: each costs a request.
const MAX_CANDIDATES: usize = 5;

/// What was submitted to us, with the personal number while the provider does not have it yet.
pub(super) async fn submission(
    app: &App,
    id: &ReservationId,
) -> Result<(SubmissionRecord, Option<String>), JobFault> {
    let gone = || JobFault::new(FaultClass::Internal, "no_submission", "what was submitted cannot be read");
    let submission = app.store.submission(id).await?.ok_or_else(gone)?;
    let record = serde_json::from_value(submission.request).map_err(|_| gone())?;
    Ok((record, submission.personal_number))
}

pub(super) async fn request(
    app: &App,
    handle: &MerchantHandle,
    stored: &Stored,
) -> Result<Request, JobFault> {
    let r = &stored.reservation;
    let (record, personal_number) = submission(app, &r.id).await?;
    let mut callback = wire::CallbackUrls {
        callback_url: Some(app.callback_url(&stored.callback_token)),
        success: None,
        failure: None,
    };
    if let Some(checkout) = &record.checkout {
        callback.success.clone_from(&checkout.success_url);
        callback.failure.clone_from(&checkout.failure_url);
    }
    if !record.customer.language.eq_ignore_ascii_case(record.customer.provider_language()) {
        tracing::warn!(reservation = %r.id, "the provider does not speak the customer's language; it writes Norwegian");
    }
    let product = |line: &domain::reservation::Line| wire::Product {
        name: line.name.clone(),
        product_id: line.product_id.clone(),
        rate: line.rate,
        tax: line.tax_percent,
        amount: line.amount,
    };
    let reservation = wire::SubmitReservation {
        customer_details: provider::customer(&record.customer, personal_number.as_deref()),
        order_date: WireTime::unix(app.clock.now()),
        due_date_for_payment_link: WireTime::unix(r.payment_link_due),
        reference_no: Some(r.reference.clone()),
        customer_reference: Some(handle.merchant.id.to_string()),
        send_order_by: wire::SendOrderBy { sms: record.send_sms, email: record.send_email },
        products: r.lines.iter().map(product).collect(),
        order_summary: provider::sums(r.lines.iter().map(|line| (line.amount, line.tax_percent))),
        charge_validity: r.charge_validity.map(|validity| validity.to_string()),
        customer_notes: record.notes.as_deref().map(Personal::from),
        tnc: record.terms.clone(),
        settings: Some(wire::ReservationSettings {
            secure_details: record.secure_details,
            is_charge_partially_refundable: r.charge_partially_refundable,
        }),
        callback: Some(callback),
    };
    Ok(match record.checkout {
        None => Request::Submit(Box::new(reservation)),
        Some(checkout) => {
            let via = match checkout.method {
                CheckoutMethod::Visa => wire::PaymentVia::Visa,
                CheckoutMethod::Mastercard => wire::PaymentVia::Mastercard,
            };
            let submit_payment = wire::SubmitPayment { via };
            Request::Session(Box::new(wire::CreateSession { reservation, submit_payment }))
        }
    })
}

pub(super) fn sent(answer: Answer<wire::Submitted>) -> Sent {
    told(answer, |submitted| Outcome::Accepted {
        reference: None,
        link: Some(NewLink {
            reservation_uuid: submitted.reservation_uuid,
            customer_uuid: submitted.customer_uuid,
            url: submitted.url,
        }),
    })
}

/// What a search for a lost submit found.
pub(crate) struct Found {
    /// The reservations at the provider that carry our reference.
    ours: Vec<String>,
    /// Was every reservation looked at that may be ours? Only then does silence prove anything.
    whole: bool,
}

/// Looks for the reservation that a submit may have made: the one that a callback has named, and unless that is it,
/// those in the history since it was sent. `None` when nothing could be learnt.
pub(crate) async fn search(
    app: &App,
    handle: &MerchantHandle,
    r: &Reservation,
    intent: &IntentId,
) -> Option<Found> {
    let known = r.intent(intent)?;
    let sent_at = known.sent()?.at;
    // The first request of a search was counted when it began.
    if let Some(uuid) = &r.provider.hinted_uuid {
        if is_ours(handle, r, uuid).await? {
            return Some(Found { ours: vec![uuid.clone()], whole: true });
        }
        // A hint at something else says nothing of where ours is.
        if !count_request(app, handle).await {
            return None;
        }
    }
    let mut candidates = candidates(app, handle, sent_at).await?;
    let whole = candidates.len() <= MAX_CANDIDATES;
    if !whole {
        // Each search looks at others, so that one that others' reservations crowd out is found all the same.
        let searches = usize::try_from(searches(known)).unwrap_or(0);
        let middle = searches.wrapping_mul(MAX_CANDIDATES) % candidates.len();
        candidates.rotate_left(middle);
        candidates.truncate(MAX_CANDIDATES);
    }
    let mut ours = Vec::new();
    for uuid in candidates {
        if !count_request(app, handle).await {
            return None;
        }
        if is_ours(handle, r, &uuid).await? {
            ours.push(uuid);
        }
    }
    Some(Found { ours, whole })
}

/// Does the reservation with this id carry our reference and amount? `None` when it could not be read: it may be ours.
async fn is_ours(handle: &MerchantHandle, r: &Reservation, uuid: &str) -> Option<bool> {
    match handle.client.details(uuid).await.outcome {
        Answered::Accepted(details) => {
            let same = details.reference_number.as_deref() == Some(r.reference.as_str());
            Some(same && details.grand_total.is_none_or(|total| total == r.total()))
        }
        Answered::Rejected(rejection) if matches!(rejection.class, RejectionClass::NotFound) => Some(false),
        Answered::Rejected(_) | Answered::Unsent(_) | Answered::Unknown(_) => None,
    }
}

/// Counts one more request of the merchant's budget; false when there is none to be had.
async fn count_request(app: &App, handle: &MerchantHandle) -> bool {
    let Ok(mut tx) = app.store.begin().await else { return false };
    let taken = tx.take_request(&handle.merchant.id, handle.rate_limit_per_minute).await;
    matches!(taken, Ok(Ok(()))) && tx.commit().await.is_ok()
}

/// How often an intent's outcome has been looked for.
const fn searches(intent: &Intent) -> u32 {
    match &intent.progress {
        IntentState::Unknown(doubt) => doubt.reads,
        _ => 0,
    }
}

/// The uuids in the history that nobody has claimed yet.
async fn candidates(app: &App, handle: &MerchantHandle, sent_at: DateTime<Utc>) -> Option<Vec<String>> {
    let to = app.clock.now() + TimeDelta::minutes(1);
    let rows = handle.client.history(sent_at - SEARCH_BEFORE, to).await.outcome.accepted()?;
    let mut uuids: Vec<String> =
        rows.into_iter().filter_map(|row| row.uuid).filter(|uuid| uuid.starts_with("RES")).collect();
    uuids.sort_unstable();
    uuids.dedup();
    let mut unclaimed = Vec::new();
    for uuid in uuids {
        if app.store.reservation_by_uuid(&handle.merchant.id, &uuid).await.ok()?.is_none() {
            unclaimed.push(uuid);
        }
    }
    Some(unclaimed)
}

/// What a search means: found, still missing, absent, or for a person when there are several.
pub(crate) fn searched(
    r: &Reservation,
    intent: &IntentId,
    found: &Found,
    merchant: &Merchant,
    now: DateTime<Utc>,
) -> Vec<Fact> {
    let Some(known) = r.intent(intent).filter(|intent| intent.is_unresolved()) else { return Vec::new() };
    if let [uuid] = found.ours.as_slice() {
        return vec![
            Fact::LinkCreated {
                intent: intent.clone(),
                reservation_uuid: uuid.clone(),
                customer_uuid: None,
                // The answer that held the link is lost; a resend delivers it.
                url: None,
                at: now,
            },
            Fact::ReadWanted,
        ];
    }
    let clean = found.whole && found.ours.is_empty();
    let missing = Fact::TraceMissing { intent: intent.clone(), clean, at: now };
    if !found.ours.is_empty() {
        let reason = domain::reservation::DeskReason::OutcomeUnknown;
        return vec![missing, Fact::IntentToDesk { intent: intent.clone(), reason, at: now }];
    }
    std::iter::once(missing).chain(verdict(r, known, clean, merchant, now)).collect()
}
