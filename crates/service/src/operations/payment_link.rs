//! A booking system asks for a one-time payment link.

use domain::reservation::Refusal;
use domain::{JobId, JobKey, JobKind, MerchantId, PaymentLinkId};
use serde_json::json;
use store::StoreError;
use store::queue::NewJob;

use super::error::OperationError;
use super::locked::merchant_of;
use crate::app::App;
use crate::payment_link::PaymentLinkRequest;

/// Takes a one-time payment link: it is durable, and its job is due, once this returns.
///
/// # Errors
/// See [`OperationError`].
pub async fn create_payment_link(
    app: &App,
    merchant: &MerchantId,
    request: &PaymentLinkRequest,
    actor: &str,
) -> Result<JobId, OperationError> {
    let merchant = &merchant_of(app, merchant)?.merchant;
    let faults = request.faults(merchant);
    if !faults.is_empty() {
        return Err(Refusal::Fields(faults).into());
    }
    let now = app.clock.now();
    let id = PaymentLinkId::new(now, &*app.entropy);
    let record = serde_json::to_value(request).map_err(StoreError::Encode)?;
    let mut tx = app.store.begin().await?;
    let job = tx
        .enqueue(&NewJob {
            kind: JobKind::PaymentLink,
            urgency: JobKind::PaymentLink.urgency(),
            merchant: merchant.id.clone(),
            reservation: None,
            key: Some(JobKey::PaymentLink(id.clone())),
            run_at: now,
            deadline: now + chrono::TimeDelta::days(1),
            payload: json!({}),
            intent: None,
            max_attempts: 20,
            created_by: actor.to_owned(),
            planned_at: None,
        })
        .await?;
    tx.create_payment_link(&id, &merchant.id, &job.job, &record)
        .await?;
    tx.commit().await?;
    Ok(job.job)
}
