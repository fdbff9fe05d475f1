//! The calls of the provider, a file each: how the request is made out of an intent, and what its answer brings.

mod cancel;
mod capture;
mod charge;
mod complete;
pub(super) mod details;
pub(super) mod history_search;
mod parts;
pub(super) mod payment_link;
mod refund;
mod resend;
mod submit;

use api_client::{Client, wire};
use domain::ProviderReservationId;
use domain::reservation::{Intent, Operation};
use store::Stored;
use store::queue::JobFault;

use self::parts::text;
use super::call::CallResult;
use crate::app::{App, MerchantHandle};

/// A request ready to be sent.
pub(in crate::jobs) enum Request {
    Submit(submit::Submission),
    Capture(wire::Capture),
    Charge(wire::Charge),
    Refund(wire::Refund),
    Cancel(wire::Note),
    Complete(wire::Note),
    Resend(wire::Resend),
}

/// Makes the request of an intent's attempt. Reads what it needs from the store; sends nothing.
pub(in crate::jobs) async fn prepare(
    app: &App,
    handle: &MerchantHandle,
    stored: &Stored,
    intent: &Intent,
    attempt: u32,
) -> Result<Request, JobFault> {
    let r = &stored.reservation;
    let marker = intent.marker.of_attempt(attempt);
    Ok(match &intent.operation {
        Operation::Submit => Request::Submit(submit::request(app, handle, stored).await?),
        Operation::Capture { lines, note } => {
            Request::Capture(capture::request(r, lines, &text(&marker, note.as_deref()))?)
        }
        Operation::Charge { lines, note } => Request::Charge(charge::request(
            lines,
            &marker,
            &text(&marker, note.as_deref()),
        )),
        Operation::Refund {
            source,
            reference,
            lines,
        } => Request::Refund(refund::request(r, *source, reference, lines)?),
        Operation::Cancel { note } => Request::Cancel(cancel::request(&marker, note)),
        Operation::Complete { note } => Request::Complete(complete::request(&marker, note)),
        Operation::Resend {
            by,
            other_recipient,
            ..
        } => Request::Resend(resend::request(app, r, intent, by, *other_recipient).await?),
    })
}

/// Sends a request, once. `uuid` is the provider's id of the reservation, which only a submit can do without: the client
/// lets nothing else leave.
pub(in crate::jobs) async fn send(
    client: &Client,
    uuid: Option<&ProviderReservationId>,
    request: Request,
) -> CallResult {
    let uuid = uuid.map_or("", ProviderReservationId::as_str);
    match request {
        Request::Submit(submission) => submit::send(client, submission).await,
        Request::Capture(request) => capture::result(client.capture(uuid, &request).await),
        Request::Charge(request) => charge::result(client.charge(uuid, &request).await),
        Request::Refund(request) => refund::result(client.refund(uuid, &request).await),
        Request::Cancel(note) => cancel::result(client.cancel(uuid, &note).await),
        Request::Complete(note) => complete::result(client.complete(uuid, &note).await),
        Request::Resend(request) => resend::result(client.resend(uuid, &request).await),
    }
}
