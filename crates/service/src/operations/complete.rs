//! Somebody asks for the books to be closed at the provider.

use domain::ReservationId;

use super::ask::{Wish, ask};
use super::error::OperationError;
use super::locked::{Acted, Locked};
use crate::app::App;

/// Asks for a complete. The note says why; the provider keeps it.
///
/// # Errors
/// See [`OperationError`].
pub async fn complete(
    app: &App,
    id: &ReservationId,
    note: &str,
    actor: &str,
) -> Result<Acted, OperationError> {
    let locked = Locked::new(app, id, actor).await?;
    let decided = locked.stored.reservation.complete(note);
    ask(locked, decided, Wish::Same, |_| false).await
}
