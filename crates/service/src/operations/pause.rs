//! Somebody stops a reservation, or lets it go on.

use domain::{ControlFact, Fact, ReservationId};

use super::error::OperationError;
use super::locked::{Acted, Locked};
use crate::app::App;

/// Stops everything of a reservation that is not a read. Nothing happens where it is paused already.
///
/// # Errors
/// See [`OperationError`].
pub async fn pause(app: &App, id: &ReservationId, actor: &str) -> Result<Acted, OperationError> {
    set(app, id, true, actor).await
}

/// Lets a paused reservation go on. Nothing happens where it is not paused.
///
/// # Errors
/// See [`OperationError`].
pub async fn resume(app: &App, id: &ReservationId, actor: &str) -> Result<Acted, OperationError> {
    set(app, id, false, actor).await
}

async fn set(
    app: &App,
    id: &ReservationId,
    paused: bool,
    actor: &str,
) -> Result<Acted, OperationError> {
    let mut locked = Locked::new(app, id, actor).await?;
    if locked.stored.reservation.control.paused != paused {
        let fact = if paused {
            Fact::Control(ControlFact::Paused)
        } else {
            Fact::Control(ControlFact::Resumed)
        };
        locked.record(&[fact]).await?;
    }
    locked.commit(None).await
}
