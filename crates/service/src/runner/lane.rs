//! Stopping a merchant's lane: others of the merchant wait too when the credentials or the rate stopped a request.

use chrono::{DateTime, TimeDelta, Utc};
use domain::outcome::RefusedBy;
use store::{StoreError, Tx};

use crate::app::MerchantHandle;

/// How long a job waits when the provider refuses the credentials: the lane is paused, so nothing is lost, and whoever
/// lets it go on makes what waits for it due.
const AFTER_AUTH: TimeDelta = TimeDelta::minutes(5);
/// How long the provider's rate window lasts when it does not say.
const RATE_WINDOW: TimeDelta = TimeDelta::seconds(60);

/// Stops the lane for a refusal that concerns all of the merchant's requests, and says when to come again; `None` for
/// any other refusal.
pub(crate) async fn stop_lane(
    tx: &mut Tx,
    handle: &MerchantHandle,
    by: RefusedBy,
    retry_after: Option<TimeDelta>,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    let merchant = &handle.merchant.id;
    match by {
        RefusedBy::Auth => {
            tracing::error!(merchant.id = %merchant, "the provider refuses the credentials; merchant paused");
            tx.set_paused(merchant, true).await?;
            Ok(Some(tx.now() + AFTER_AUTH))
        }
        RefusedBy::Throttled => {
            let until = tx.now() + retry_after.unwrap_or(RATE_WINDOW);
            tracing::warn!(merchant.id = %merchant, %until, "the provider throttles; requests of the merchant wait");
            tx.hold_lane(merchant, handle.rate_limit_per_minute, until)
                .await?;
            Ok(Some(until))
        }
        _ => Ok(None),
    }
}
