//! Somebody asks for a read of the provider's details.

use domain::reservation::Refusal;
use domain::{ErrorCode, Fact, JobKind, ProviderFact, ReservationId};

use super::error::OperationError;
use super::locked::{Acted, Locked};
use crate::app::App;

/// Asks for a read of details, as soon as the merchant's budget has a request.
///
/// # Errors
/// See [`OperationError`]; refused while the provider does not have the reservation.
pub async fn refresh(app: &App, id: &ReservationId, actor: &str) -> Result<Acted, OperationError> {
    let mut locked = Locked::new(app, id, actor).await?;
    let r = &locked.stored.reservation;
    if r.provider.reservation_uuid.is_none() {
        let message = format!(
            "the provider does not have it yet: the reservation is {}",
            r.status()
        );
        return Err(OperationError::Refused(Refusal::State {
            code: ErrorCode::NotAtProvider,
            message,
        }));
    }
    locked
        .record(&[Fact::Provider(ProviderFact::RefreshRequested)])
        .await?;
    let job = locked.tx.unattended_job(id, JobKind::Refresh).await?;
    locked.commit(job).await
}
