//! Somebody asks for a capture.

use domain::ReservationId;
use domain::reservation::CaptureRequest;

use super::ask::{Wish, ask};
use super::error::OperationError;
use super::locked::{Acted, Locked};
use crate::app::App;

/// Asks for a capture; a second click is answered with the first one's job unless it is another wish.
///
/// # Errors
/// See [`OperationError`].
pub async fn capture(
    app: &App,
    id: &ReservationId,
    request: &CaptureRequest,
    actor: &str,
    wish: Wish,
) -> Result<Acted, OperationError> {
    let locked = Locked::new(app, id, actor).await?;
    let r = &locked.stored.reservation;
    let decided = r.capture(request, locked.merchant, locked.now());
    ask(locked, decided, wish, |open| request.is_done_by(open)).await
}
