//! Somebody asks for the hold to be released, or the unpaid link to be withdrawn.

use domain::ReservationId;

use super::ask::{Wish, ask};
use super::error::OperationError;
use super::locked::{Acted, Locked};
use crate::app::App;

/// Asks for a cancel. The note says why; the provider keeps it.
///
/// # Errors
/// See [`OperationError`].
pub async fn cancel(
    app: &App,
    id: &ReservationId,
    note: &str,
    actor: &str,
) -> Result<Acted, OperationError> {
    let locked = Locked::new(app, id, actor).await?;
    let decided = locked.stored.reservation.cancel(note);
    ask(locked, decided, Wish::Same, |_| false).await
}
