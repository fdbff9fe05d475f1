//! A booking system reports a delivery.

use domain::late_delivery::late_delivery;
use domain::reservation::DeliveryRequest;
use domain::{Case, Fact, ReservationId};

use super::error::OperationError;
use super::locked::{Acted, Locked};
use crate::app::App;

/// Reports a delivery. A repeated `event_id` changes nothing.
///
/// # Errors
/// See [`OperationError`].
pub async fn deliver(
    app: &App,
    id: &ReservationId,
    request: &DeliveryRequest,
    actor: &str,
) -> Result<Acted, OperationError> {
    let mut locked = Locked::new(app, id, actor).await?;
    let (r, now) = (&locked.stored.reservation, locked.now());
    if let Some(fact) = r.deliver(request, now)? {
        let late = late_delivery(Case::new(r, locked.merchant, now));
        let facts: Vec<Fact> = std::iter::once(fact).chain(late).collect();
        locked.record(&facts).await?;
    }
    locked.commit(None).await
}
