//! Somebody asks for a charge of late costs.

use domain::ReservationId;
use domain::reservation::ChargeRequest;

use super::ask::{Wish, ask};
use super::error::OperationError;
use super::locked::{Acted, Locked};
use crate::app::App;

/// Asks for a charge; the very same one, while it is open, is answered with its job unless it is another wish.
///
/// # Errors
/// See [`OperationError`].
pub async fn charge(
    app: &App,
    id: &ReservationId,
    request: &ChargeRequest,
    actor: &str,
    wish: Wish,
) -> Result<Acted, OperationError> {
    let locked = Locked::new(app, id, actor).await?;
    let r = &locked.stored.reservation;
    let decided = r.charge(request, locked.merchant, locked.now());
    ask(locked, decided, wish, |_| false).await
}
