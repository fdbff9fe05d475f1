//! What stops all requests of a merchant: refused credentials pause it, and throttling holds its rate limit.

use chrono::TimeDelta;
use domain::WaitingFor;
use domain::outcome::RefusedBy;
use store::queue::NotBefore;
use store::{StoreError, Tx};

use crate::app::MerchantHandle;

/// How long a job waits when the provider refuses the credentials. The merchant is paused, so nothing is lost, and
/// resuming the merchant makes due what waits for the pause.
const AFTER_AUTH: TimeDelta = TimeDelta::minutes(5);
/// How long the provider's rate window lasts when it does not say.
const RATE_WINDOW: TimeDelta = TimeDelta::seconds(60);

/// Stops all requests of the merchant for a refusal that concerns them all, and says how the job waits; `None` for any
/// other refusal.
pub(super) async fn stop_requests(
    tx: &mut Tx,
    handle: &MerchantHandle,
    by: RefusedBy,
    retry_after: Option<TimeDelta>,
) -> Result<Option<NotBefore>, StoreError> {
    let merchant = &handle.merchant.id;
    match by {
        RefusedBy::Auth => {
            tracing::error!(merchant.id = %merchant, "the provider refuses the credentials; merchant paused");
            tx.set_paused(merchant, true).await?;
            Ok(Some(NotBefore {
                at: tx.now() + AFTER_AUTH,
                waiting_for: WaitingFor::Pause,
            }))
        }
        RefusedBy::Throttled => {
            let until = tx.now() + retry_after.unwrap_or(RATE_WINDOW);
            tracing::warn!(merchant.id = %merchant, %until, "the provider throttles; requests of the merchant wait");
            tx.hold_requests(merchant, handle.rate_limit_per_minute, until)
                .await?;
            Ok(Some(NotBefore {
                at: until,
                waiting_for: WaitingFor::RateLimit,
            }))
        }
        _ => Ok(None),
    }
}
