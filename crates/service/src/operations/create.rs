//! A booking system submits a reservation.

use domain::reservation::{NewReservation, Operation};
use domain::{Case, Fact, JobKey, MerchantId, ReservationId};
use store::{StoreError, Stored, Submission};

use super::error::OperationError;
use super::locked::{Acted, merchant_of};
use crate::app::{App, unguessable};
use crate::submission::{SubmissionRecord, SubmitExtras};

/// Takes a reservation: it is durable, and its submit is due, once this returns.
///
/// # Errors
/// See [`OperationError`].
pub async fn create(
    app: &App,
    merchant: &MerchantId,
    new: &NewReservation,
    extras: SubmitExtras,
    actor: &str,
) -> Result<Acted, OperationError> {
    let merchant = &merchant_of(app, merchant)?.merchant;
    let now = app.clock.now();
    let mut r = new.build(ReservationId::new(now, &*app.entropy), merchant, now)?;
    let mut customer = new.customer.clone();
    let personal_number = customer.personal_number.take();
    let record = SubmissionRecord {
        customer,
        send_sms: extras.send_sms,
        send_email: extras.send_email,
        checkout: extras.checkout,
        notes: extras.notes,
        terms: extras.terms,
        secure_details: new.secure_details,
    };
    let request = serde_json::to_value(&record).map_err(StoreError::Encode)?;
    let submission = Submission {
        request,
        personal_number,
    };
    let intent = app.planner().intent(
        Case::new(&r, merchant, now),
        Operation::Submit,
        Some(JobKey::Submit),
        actor,
    );
    let token = unguessable(&*app.entropy);
    let mut tx = app.store.begin().await?;
    tx.create_reservation(&r, &submission, &token).await?;
    let id = intent.id.clone();
    tx.record(
        &mut r,
        &[Fact::Created, Fact::Planned(Box::new(intent))],
        merchant,
        actor,
        None,
    )
    .await?;
    let job = tx.job_of_intent(&id).await?;
    let updated_at = tx.now();
    tx.commit().await?;
    Ok(Acted {
        reservation: Stored {
            reservation: r,
            callback_token: token,
            updated_at,
        },
        job,
        is_repeated: false,
    })
}
