//! Somebody asks for the payment link to be sent again.

use domain::ReservationId;
use domain::reservation::{Contact, Operation};
use serde_json::json;

use super::error::OperationError;
use super::locked::{Acted, Locked};
use crate::app::App;

/// Asks for the link to be sent again: to the customer, or to the contact that is named. Each request is a message
/// of its own.
///
/// # Errors
/// See [`OperationError`].
pub async fn resend(
    app: &App,
    id: &ReservationId,
    contact: &Contact,
    actor: &str,
) -> Result<Acted, OperationError> {
    let mut locked = Locked::new(app, id, actor).await?;
    let operation = locked.stored.reservation.resend(contact)?;
    let other_recipient = matches!(
        operation,
        Operation::Resend {
            other_recipient: true,
            ..
        }
    );
    let intent = locked.plan(operation).await?;
    if other_recipient {
        locked.tx.save_contact(id, &intent, &json!(contact)).await?;
    }
    let job = locked.tx.job_of_intent(&intent).await?;
    locked.commit(job).await
}
