//! The provider calls back about a reservation.

use api_client::callback;
use domain::callback::fact_of_callback;
use domain::{Chain, ProviderReservationId};
use sha2::{Digest as _, Sha256};
use store::{NewCallback, StoreError};

use crate::app::App;

/// What became of a callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallbackOutcome {
    /// It is genuine.
    Accepted,
    /// Its checksum is wrong, or it speaks of another reservation.
    Refused,
    /// There is no such path.
    NotFound,
    /// It could not be stored; the provider may try again, and the sweep covers it.
    Unavailable,
}

/// Takes a callback: verified, kept, and turned into at most one read. Nothing is booked from it.
pub async fn take_callback(app: &App, token: &str, raw_query: &str) -> CallbackOutcome {
    match verify_and_keep(app, token, raw_query).await {
        Ok(outcome) => outcome,
        Err(error) => {
            tracing::error!(error = %Chain(&error), "callback not stored");
            CallbackOutcome::Unavailable
        }
    }
}

async fn verify_and_keep(
    app: &App,
    token: &str,
    raw_query: &str,
) -> Result<CallbackOutcome, StoreError> {
    let Some(stored) = app.store.reservation_by_callback(token).await? else {
        return Ok(CallbackOutcome::NotFound);
    };
    let id = stored.reservation.id.clone();
    let Some(handle) = app.merchants.get(&stored.reservation.merchant) else {
        return Ok(CallbackOutcome::NotFound);
    };
    let verified =
        match callback::verify(raw_query, &handle.callback_secrets, handle.legacy_callbacks) {
            Ok(verified) => verified,
            Err(refused) => {
                tracing::warn!(reservation.id = %id, reason = %refused, "callback refused");
                return Ok(CallbackOutcome::Refused);
            }
        };
    let Ok(uuid) = verified
        .callback
        .order_uuid
        .parse::<ProviderReservationId>()
    else {
        return Ok(CallbackOutcome::Refused);
    };
    let known = stored.reservation.provider.reservation_uuid.as_ref();
    let another = known.is_some_and(|known| *known != uuid);
    // A submit that was sent twice may have made both.
    if another && !stored.reservation.may_be_there_twice() {
        tracing::error!(reservation.id = %id, "callback refused: it names another reservation than its path");
        return Ok(CallbackOutcome::Refused);
    }
    let digest = domain::hex(&Sha256::digest(raw_query.as_bytes()));
    let formula = format!("{:?}", verified.formula);
    let mut tx = app.store.begin().await?;
    let callback = NewCallback {
        reservation: &id,
        digest: &digest,
        query: raw_query,
        formula: &formula,
    };
    let news = tx.save_callback(callback).await?;
    if news && let Some(mut stored) = tx.lock_reservation(&id).await? {
        let r = &mut stored.reservation;
        if let Some(fact) = fact_of_callback(r, &uuid, verified.callback.status.as_str(), tx.now())
        {
            tx.record(r, &[fact], &handle.merchant, "provider", None)
                .await?;
        }
    }
    tx.commit().await?;
    Ok(CallbackOutcome::Accepted)
}
