//! What every part of the service shares: the store, the clock, and the merchants with their clients.

use std::collections::BTreeMap;
use std::sync::Arc;

use api_client::Client;
use api_client::callback::Legacy;
use domain::decide::Planner;
use domain::{Clock, Entropy, Merchant, MerchantId};
use secrecy::SecretString;
use store::{Store, StoreError};
use url::Url;

/// One merchant: what decisions need, and how its provider is reached.
#[derive(Debug)]
pub struct MerchantHandle {
    /// What decisions depend on.
    pub merchant: Merchant,
    /// The provider's API, with this merchant's token.
    pub client: Client,
    /// How many requests a minute the provider takes.
    pub rate_limit_per_minute: u32,
    /// The secrets that callbacks may be signed with: the current one, and the previous one while it overlaps.
    pub callback_secrets: Vec<SecretString>,
    /// Are checksums by the older formulas accepted?
    pub legacy_callbacks: Legacy,
    /// How often the merchant's history is swept.
    pub sweep_every: domain::Span,
}

/// The service's shared state.
#[derive(Debug)]
pub struct App {
    /// The database. What only reads may use it directly; what changes something is an operation or a job.
    pub store: Store,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The merchants by name.
    pub merchants: BTreeMap<MerchantId, MerchantHandle>,
    /// The key of the markers; made once and kept in the database.
    pub marker_key: Vec<u8>,
    /// Where the provider reaches us.
    pub public_url: Url,
}

impl App {
    /// Makes intents.
    #[must_use]
    pub fn planner(&self) -> Planner<'_> {
        Planner {
            entropy: &*self.entropy,
            marker_key: &self.marker_key,
        }
    }

    /// The address that the provider is to call about the reservation with this token. Without a query of ours, because
    /// the provider's checksum covers every parameter.
    #[must_use]
    pub fn callback_url(&self, token: &str) -> String {
        format!(
            "{}/callbacks/{token}",
            self.public_url.as_str().trim_end_matches('/')
        )
    }

    /// The key of the markers out of the database, made on first use.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn load_marker_key(
        store: &Store,
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, StoreError> {
        let fresh = unguessable(entropy);
        let mut tx = store.begin().await?;
        let key = tx.setting("marker_key", &fresh).await?;
        tx.commit().await?;
        Ok(key.into_bytes())
    }
}

/// 256 random bits as hexadecimal digits.
#[must_use]
pub fn unguessable(entropy: &dyn Entropy) -> String {
    (0..4)
        .map(|_| format!("{:016x}", entropy.next_u64()))
        .collect()
}
