//! `resend` and `remind`: sends the payment link again.

use api_client::Answer;
use api_client::wire::{self, Personal};
use domain::Reservation;
use domain::policy::Channel;
use domain::reservation::{Contact, Intent};
use store::queue::{FaultClass, JobFault};

use super::submit::submission;
use crate::app::App;
use crate::jobs::call::{CallResult, accepted_without_reference, to_call_result};

pub(super) async fn request(
    app: &App,
    r: &Reservation,
    intent: &Intent,
    by: &[Channel],
    elsewhere: bool,
) -> Result<wire::Resend, JobFault> {
    if elsewhere {
        let contact = app.store.contact(&intent.id).await?;
        let contact: Option<Contact> =
            contact.and_then(|contact| serde_json::from_value(contact).ok());
        let contact = contact.ok_or_else(|| {
            JobFault::new(
                FaultClass::Internal,
                "no_contact",
                "the contact to send to is gone",
            )
        })?;
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
