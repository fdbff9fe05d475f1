//! Somebody asks for a refund.

use domain::ReservationId;
use domain::reservation::RefundRequest;

use super::ask::{Wish, ask};
use super::error::OperationError;
use super::locked::{Acted, Locked};
use crate::app::App;

/// Asks for a refund; a second click is answered with the first one's job unless it is another wish.
///
/// # Errors
/// See [`OperationError`].
pub async fn refund(
    app: &App,
    id: &ReservationId,
    request: &RefundRequest,
    actor: &str,
    wish: Wish,
) -> Result<Acted, OperationError> {
    let locked = Locked::new(app, id, actor).await?;
    let decided = locked.stored.reservation.refund(request);
    ask(locked, decided, wish, |open| request.is_done_by(open)).await
}
