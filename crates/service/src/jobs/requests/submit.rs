//! `submit`: creates the reservation at the provider.

use api_client::wire::{self, Personal, WireTime};
use api_client::{Answer, Client};
use domain::outcome::{NewLink, Outcome};
use domain::{ErrorCode, ReservationId};
use store::Stored;
use store::queue::{FaultClass, JobFault};

use crate::app::{App, MerchantHandle};
use crate::jobs::call::{CallResult, to_call_result};
use crate::provider::{self, named};
use crate::submission::{CheckoutMethod, SubmissionRecord, read_stored};

/// A submit, by how the payer comes to the page.
pub(in crate::jobs) enum Submission {
    /// Through a link that is sent.
    Link(Box<wire::SubmitReservation>),
    /// Through a checkout session.
    Session(Box<wire::CreateSession>),
}

/// What was submitted to us, with the personal number while the provider does not have it yet.
pub(super) async fn submission(
    app: &App,
    id: &ReservationId,
) -> Result<(SubmissionRecord, Option<String>), JobFault> {
    let gone = || {
        JobFault::new(
            FaultClass::Internal,
            ErrorCode::NoSubmission,
            "what was submitted cannot be read",
        )
    };
    let submission = app.store.submission(id).await?.ok_or_else(gone)?;
    let record = read_stored(submission.request).map_err(|error| gone().caused_by(error))?;
    Ok((record, submission.personal_number))
}

pub(super) async fn request(
    app: &App,
    handle: &MerchantHandle,
    stored: &Stored,
) -> Result<Submission, JobFault> {
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
        reference_no: Some(r.reference.to_string()),
        customer_reference: Some(handle.merchant.id.to_string()),
        send_order_by: wire::SendOrderBy {
            sms: record.send_sms,
            email: record.send_email,
        },
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
        None => Submission::Link(Box::new(reservation)),
        Some(checkout) => {
            let via = match checkout.method {
                CheckoutMethod::Visa => wire::PaymentVia::Visa,
                CheckoutMethod::Mastercard => wire::PaymentVia::Mastercard,
            };
            let submit_payment = wire::SubmitPayment { via };
            Submission::Session(Box::new(wire::CreateSession {
                reservation,
                submit_payment,
            }))
        }
    })
}

pub(super) async fn send(client: &Client, submission: Submission) -> CallResult {
    match submission {
        Submission::Link(request) => result(client.submit(&request).await),
        Submission::Session(request) => result(client.create_session(&request).await),
    }
}

fn result(answer: Answer<wire::Submitted>) -> CallResult {
    to_call_result(answer, |submitted| {
        let customer_uuid = named(submitted.customer_uuid.as_deref());
        match submitted.reservation_uuid.parse() {
            Ok(reservation_uuid) => Outcome::Accepted {
                reference: None,
                link: Some(NewLink {
                    reservation_uuid,
                    customer_uuid,
                    url: submitted.url,
                }),
            },
            Err(error) => Outcome::Unknown {
                reason: format!("the id of the reservation that the answer names {error}"),
            },
        }
    })
}
