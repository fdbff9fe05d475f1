//! From configured merchants to the handles that the service works with.

use std::collections::BTreeMap;

use api_client::Client;
use api_client::callback::Legacy;
use domain::{Merchant, MerchantId};

use super::{Config, ConfigError, MerchantConfig};
use crate::app::MerchantHandle;

impl Config {
    /// What decisions about a merchant depend on; `None` when it is not configured.
    #[must_use]
    pub fn merchant(&self, id: &MerchantId) -> Option<Merchant> {
        self.merchants
            .get(id)
            .map(|merchant| merchant.merchant(id.clone(), self.clock.speed))
    }

    /// Every merchant with a client of its provider.
    ///
    /// # Errors
    /// [`ConfigError::Client`] when a client refuses its settings.
    pub fn handles(&self) -> Result<BTreeMap<MerchantId, MerchantHandle>, ConfigError> {
        let handle = |(id, merchant): (&MerchantId, &MerchantConfig)| {
            let handle = merchant.handle(id, self.clock.speed)?;
            Ok((id.clone(), handle))
        };
        self.merchants.iter().map(handle).collect()
    }
}

impl MerchantConfig {
    fn handle(&self, id: &MerchantId, speed: u32) -> Result<MerchantHandle, ConfigError> {
        let client = Client::new(self.settings())
            .map_err(|source| ConfigError::Client {
                merchant: id.clone(),
                source,
            })?
            .with_tax_percents(self.tax_percents.clone());
        let secrets = [&self.callback_secret, &self.previous_callback_secret];
        Ok(MerchantHandle {
            merchant: self.merchant(id.clone(), speed),
            client,
            rate_limit_per_minute: self.rate_limit_per_minute,
            callback_secrets: secrets.into_iter().flatten().cloned().collect(),
            legacy_callbacks: if self.legacy_callbacks {
                Legacy::Accept
            } else {
                Legacy::Refuse
            },
            sweep_every: self.sweep_every,
        })
    }
}
