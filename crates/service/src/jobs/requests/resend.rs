//! `resend` and `remind`: sends the payment link again.

use api_client::Answer;
use api_client::wire::{self, Personal};
use domain::policy::Channel;
use domain::reservation::{Contact, Intent};
use domain::{ErrorCode, Reservation};
use store::queue::{FaultClass, JobFault};

use super::submit::submission;
use crate::app::App;
use crate::jobs::call::{CallResult, accepted_without_reference, to_call_result};
use crate::submission::read_stored;

pub(super) async fn request(
    app: &App,
    r: &Reservation,
    intent: &Intent,
    by: &[Channel],
    other_recipient: bool,
) -> Result<wire::Resend, JobFault> {
    if other_recipient {
        let contact = app.store.contact(&intent.id).await?;
        let gone = || {
            let message = "the contact to send to cannot be read";
            JobFault::new(FaultClass::Internal, ErrorCode::NoContact, message)
        };
        let contact = contact.ok_or_else(gone)?;
        let contact: Contact = read_stored(contact).map_err(|error| gone().caused_by(error))?;
        return Ok(wire::Resend {
            country_code: contact.country_code,
            msisdn: contact.msisdn.map(Personal::from),
            email: contact.email.map(Personal::from),
        });
    }
    let (record, _) = submission(app, &r.id).await?;
    let customer = record.customer;
    let sms = by.contains(&Channel::Sms);
    Ok(wire::Resend {
        country_code: sms.then(|| customer.country_code.clone()),
        msisdn: sms.then(|| Personal::from(customer.msisdn.as_str())),
        email: by
            .contains(&Channel::Email)
            .then(|| Personal::from(customer.email.as_str())),
    })
}

pub(super) fn result(answer: Answer<()>) -> CallResult {
    to_call_result(answer, accepted_without_reference)
}
