//! Somebody asks for a refund.

use domain::ReservationId;
use domain::reservation::RefundRequest;

use super::ask::ask;
use super::error::OperationError;
use super::locked::{Acted, Locked};
use crate::app::App;

/// Asks for a refund; a second click is answered with the first one's job.
///
/// # Errors
/// See [`OperationError`].
pub async fn refund(
    app: &App,
    id: &ReservationId,
    request: &RefundRequest,
    actor: &str,
) -> Result<Acted, OperationError> {
    let locked = Locked::new(app, id, actor).await?;
    let decided = locked.stored.reservation.refund(request);
    ask(locked, decided, |open| request.is_done_by(open)).await
}
