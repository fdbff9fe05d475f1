//! `POST /v1/reservations`.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use chrono::{DateTime, Utc};
use domain::customer::Customer;
use domain::policy::PolicyPatch;
use domain::reservation::{NewLine, NewReservation, Refusal};
use domain::{FieldError, MerchantId, ReservationId, Status};
use serde::Deserialize;

use super::auth::Actor;
use super::body::Json;
use super::problem::Problem;
use super::view;
use super::wait::{self, Progress};
use crate::app::App;
use crate::operations::{self, OperationError};
use crate::payment_link::is_payer_url;
use crate::submission::{Checkout, CheckoutMethod, SubmitExtras};

/// The longest notes and terms, in characters.
const MAX_LONG_TEXT: usize = 5_000;
/// The longest reason for a capture of undelivered goods, in characters.
const MAX_LEGAL_BASIS: usize = 500;
/// The longest `charge_validity`: the 90 days that a card can be charged, in minutes.
const MAX_CHARGE_VALIDITY: u32 = 90 * 24 * 60;

/// The body.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewBody {
    reference: String,
    #[serde(default)]
    merchant: Option<MerchantId>,
    customer: Customer,
    lines: Vec<NewLine>,
    payment_link_due: DateTime<Utc>,
    #[serde(default)]
    send: Send,
    #[serde(default)]
    checkout: Option<CheckoutBody>,
    #[serde(default)]
    charge_validity: Option<u32>,
    #[serde(default)]
    notes: Option<String>,
    #[serde(default)]
    terms: Option<String>,
    #[serde(default)]
    settings: Settings,
    #[serde(default)]
    policy: PolicyPatch,
}

/// By which ways the provider sends the link; by none, the booking system does.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Send {
    sms: bool,
    email: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckoutBody {
    method: CheckoutMethod,
    #[serde(default)]
    success_url: Option<String>,
    #[serde(default)]
    failure_url: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    secure_details: bool,
    charge_partially_refundable: bool,
}

impl NewBody {
    /// What the reservation's own rules do not cover.
    fn faults(&self) -> Vec<FieldError> {
        let url = |url: Option<&str>| url.is_some_and(|url| !is_payer_url(url));
        let checkout = self.checkout.as_ref();
        let success = checkout.and_then(|checkout| checkout.success_url.as_deref());
        let failure = checkout.and_then(|checkout| checkout.failure_url.as_deref());
        let legal_basis = self
            .policy
            .capture
            .legal_basis
            .as_ref()
            .and_then(Option::as_deref);
        let wrong_url =
            "is not an https URL without credentials; plain http is for this machine only";
        let long = "is empty, longer than 5000 characters, or holds control characters";
        let rules = [
            (url(success), "checkout.success_url", wrong_url),
            (url(failure), "checkout.failure_url", wrong_url),
            (
                self.notes
                    .as_deref()
                    .is_some_and(|text| !is_long_text(text, MAX_LONG_TEXT)),
                "notes",
                long,
            ),
            (
                self.terms
                    .as_deref()
                    .is_some_and(|text| !is_long_text(text, MAX_LONG_TEXT)),
                "terms",
                long,
            ),
            (
                legal_basis.is_some_and(|text| !is_long_text(text, MAX_LEGAL_BASIS)),
                "policy.capture.legal_basis",
                "is empty, longer than 500 characters, or holds control characters",
            ),
            (
                self.charge_validity
                    .is_some_and(|unit| !(1..=MAX_CHARGE_VALIDITY).contains(&unit)),
                "charge_validity",
                "is not between 1 and 129600, which is 90 days in minutes",
            ),
        ];
        let wrong = rules.into_iter().filter(|(wrong, ..)| *wrong);
        wrong
            .map(|(_, field, message)| FieldError::new(field, message))
            .collect()
    }

    fn split(self) -> (NewReservation, SubmitExtras) {
        let new = NewReservation {
            reference: self.reference,
            customer: self.customer.normalised(),
            lines: self.lines,
            payment_link_due: self.payment_link_due,
            charge_validity: self.charge_validity,
            secure_details: self.settings.secure_details,
            charge_partially_refundable: self.settings.charge_partially_refundable,
            policy: self.policy,
        };
        let checkout = self.checkout.map(|checkout| Checkout {
            method: checkout.method,
            success_url: checkout.success_url,
            failure_url: checkout.failure_url,
        });
        let extras = SubmitExtras {
            send_sms: self.send.sms,
            send_email: self.send.email,
            checkout,
            notes: self.notes,
            terms: self.terms,
        };
        (new, extras)
    }
}

/// Lines of text a person could have written.
fn is_long_text(text: &str, most: usize) -> bool {
    let control = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    !text.trim().is_empty() && text.chars().count() <= most && !text.chars().any(control)
}

/// The merchant that is meant when none is named: the only one, else the one called default.
pub(super) fn merchant_of(app: &App, named: Option<MerchantId>) -> Result<MerchantId, Problem> {
    let only = || {
        app.merchants
            .keys()
            .next()
            .filter(|_| app.merchants.len() == 1)
            .cloned()
    };
    let merchant = named.or_else(only).or_else(|| "default".parse().ok());
    merchant
        .filter(|id| app.merchants.contains_key(id))
        .ok_or_else(|| OperationError::UnknownMerchant.into())
}

pub(super) async fn create(
    State(app): State<Arc<App>>,
    Extension(actor): Extension<Actor>,
    headers: HeaderMap,
    Json(body): Json<NewBody>,
) -> Result<Response, Problem> {
    let merchant = merchant_of(&app, body.merchant.clone())?;
    let mut faults = body.faults();
    let (new, extras) = body.split();
    if !faults.is_empty() {
        faults.extend(faults_of(&app, &merchant, &new));
        return Err(Problem::fields(faults));
    }
    let submitted = operations::create(&app, &merchant, &new, extras, actor.0).await?;
    let id = &submitted.reservation.reservation.id;
    let waited = match wait::preferred(&headers) {
        Some(limit) => Some(wait::wait_for(limit, || progress(&app, id)).await?),
        None => None,
    };
    let stored = match waited {
        Some(_) => app
            .store
            .reservation(id)
            .await?
            .unwrap_or(submitted.reservation),
        None => submitted.reservation,
    };
    Ok(wait::answer(
        waited,
        axum::Json(view::reservation(&app, &stored).await?),
    ))
}

/// The faults by the reservation's own rules, so that all of them are reported at once.
fn faults_of(app: &App, merchant: &MerchantId, new: &NewReservation) -> Vec<FieldError> {
    let now = app.clock.now();
    let built = app.merchants.get(merchant).map(|handle| {
        new.build(
            ReservationId::new(now, &*app.entropy),
            &handle.merchant,
            now,
        )
    });
    match built {
        Some(Err(Refusal::Fields(faults))) => faults,
        _ => Vec::new(),
    }
}

async fn progress(app: &App, id: &ReservationId) -> Result<Progress, Problem> {
    let stored = app.store.reservation(id).await?;
    Ok(match stored.map(|stored| stored.reservation.status()) {
        Some(Status::Submitting) => Progress::Waiting,
        Some(Status::Failed) | None => Progress::Stopped,
        Some(_) => Progress::There,
    })
}
