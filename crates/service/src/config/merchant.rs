//! One merchant's section, and what the domain and the client make of it.

use std::path::PathBuf;
use std::time::Duration;

use api_client::Settings;
use chrono::TimeDelta;
use chrono_tz::Tz;
use domain::capabilities::{LineRunway, MultiCapture};
use domain::merchant::Resolution;
use domain::policy::{Policy, PolicyPatch};
use domain::windows::{CaptureWindow, ChargeValidityUnit};
use domain::{FieldError, Merchant, MerchantId, Span};
use secrecy::SecretString;
use serde::{Deserialize, Deserializer, de};
use url::{Host, Url};

/// How old details may be when a call relies on them, by the wall clock.
const BASELINE_SECONDS: i64 = 30;
/// What is sent as token to a provider on this machine when none is configured.
const LOOPBACK_TOKEN: &str = "loopback";

/// One merchant: an account at the provider.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MerchantConfig {
    /// The provider; https, or http on this machine.
    pub base_url: Url,
    /// The bearer token.
    pub token: Option<SecretString>,
    /// The file that holds it.
    pub token_file: Option<PathBuf>,
    /// The secret of the callbacks' checksums.
    pub callback_secret: Option<SecretString>,
    /// The file that holds it.
    pub callback_secret_file: Option<PathBuf>,
    /// The secret before the current one, while both are in use.
    pub previous_callback_secret: Option<SecretString>,
    /// The file that holds it.
    pub previous_callback_secret_file: Option<PathBuf>,
    /// Are checksums by the provider's older formulas accepted?
    pub legacy_callbacks: bool,
    /// The zone of civil times.
    #[serde(deserialize_with = "zone")]
    pub time_zone: Tz,
    /// How long holds can be captured, 7d to 31d.
    pub capture_window: CaptureWindow,
    /// The unit of `charge_validity`.
    pub charge_validity_unit: ChargeValidityUnit,
    /// Whether a hold can be captured more than once.
    pub multi_capture: MultiCapture,
    /// Does the provider refuse what exceeds a line's rest?
    pub line_runway: LineRunway,
    /// How to cancel.
    pub cancel_verb: CancelVerb,
    /// Requests a minute, 1 to 10000.
    pub rate_limit_per_minute: u32,
    /// The tax rates that lines may have, in percent.
    pub tax_percents: Vec<u8>,
    /// How long to wait for the provider.
    pub timeouts: Timeouts,
    /// How often the merchant's history is swept.
    pub sweep_every: Span,
    /// How often a reservation with something open is read.
    pub refresh_open_every: Span,
    /// How unknown outcomes are resolved.
    pub resolution: Resolution,
    /// Changes to the built-in policy.
    pub policy: PolicyPatch,
    /// Whom to tell. Checked, and kept for the sending of webhooks.
    pub webhooks: Vec<Webhook>,
}

impl Default for MerchantConfig {
    #[expect(
        clippy::expect_used,
        reason = "the URL is a constant, which a test parses"
    )]
    fn default() -> Self {
        Self {
            base_url: Url::parse("https://demo-api.frontpayment.no").expect("a constant URL"),
            token: None,
            token_file: None,
            callback_secret: None,
            callback_secret_file: None,
            previous_callback_secret: None,
            previous_callback_secret_file: None,
            legacy_callbacks: false,
            time_zone: Tz::Europe__Oslo,
            capture_window: CaptureWindow::SHORTEST,
            charge_validity_unit: ChargeValidityUnit::Unknown,
            multi_capture: MultiCapture::Unknown,
            line_runway: LineRunway::Unknown,
            cancel_verb: CancelVerb::Auto,
            rate_limit_per_minute: 240,
            tax_percents: vec![0, 12, 15, 25],
            timeouts: Timeouts::default(),
            sweep_every: Span::seconds(600),
            refresh_open_every: Span::hours(6),
            resolution: Resolution::default(),
            policy: PolicyPatch::default(),
            webhooks: Vec::new(),
        }
    }
}

fn zone<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Tz, D::Error> {
    String::deserialize(deserializer)?
        .parse()
        .map_err(|_| de::Error::custom("is not a zone of the IANA database"))
}

/// The verb of a cancel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CancelVerb {
    /// POST first; on 405 the other one.
    #[default]
    Auto,
    /// POST only.
    Post,
    /// GET only.
    Get,
}

/// How long to wait for the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Timeouts {
    /// For a connection, 100ms to 1m.
    pub connect: Span,
    /// For a call that reads, 1s to 2m.
    pub read: Span,
    /// For a call that may move money, 1s to 2m.
    pub money: Span,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Span::seconds(5),
            read: Span::seconds(15),
            money: Span::seconds(60),
        }
    }
}

/// Where a booking system is notified of what happens.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Where to send; https, or http on this machine.
    pub url: Url,
    /// The secret that signs, `whsec_…`.
    #[serde(default)]
    pub secret: Option<SecretString>,
    /// The file that holds it.
    #[serde(default)]
    pub secret_file: Option<PathBuf>,
}

impl MerchantConfig {
    /// The policy: the built-in one with this merchant's changes.
    pub(super) fn policy(&self) -> Result<Policy, Vec<FieldError>> {
        Policy::default().with(&self.policy, self.multi_capture)
    }

    /// What decisions depend on. `speed` is the clock's: a baseline is so old by the wall clock, because it guards
    /// against other people's requests, which are as fast as ever.
    #[must_use]
    pub fn merchant(&self, id: MerchantId, speed: u32) -> Merchant {
        let policy = self.policy().unwrap_or_default();
        Merchant {
            zone: self.time_zone,
            capture_window: self.capture_window,
            charge_validity_unit: self.charge_validity_unit,
            multi_capture: self.multi_capture,
            line_runway: self.line_runway,
            tax_percents: self.tax_percents.clone(),
            refresh_open_every: self.refresh_open_every,
            baseline_max_age: TimeDelta::seconds(BASELINE_SECONDS * i64::from(speed)),
            resolution: self.resolution.clone(),
            policy,
            ..Merchant::new(id)
        }
    }

    /// How its provider is reached.
    #[must_use]
    pub fn settings(&self) -> Settings {
        let placeholder = is_loopback(&self.base_url).then(|| SecretString::from(LOOPBACK_TOKEN));
        let token = self.token.clone().or(placeholder).unwrap_or_default();
        let std = |span: Span| -> Duration { span.std() };
        let Timeouts {
            connect,
            read,
            money,
        } = self.timeouts;
        Settings {
            timeouts: api_client::Timeouts {
                connect: std(connect),
                read: std(read),
                money: std(money),
            },
            cancel_verb: match self.cancel_verb {
                CancelVerb::Auto => api_client::CancelVerb::Auto,
                CancelVerb::Post => api_client::CancelVerb::Post,
                CancelVerb::Get => api_client::CancelVerb::Get,
            },
            ..Settings::new(self.base_url.clone(), token)
        }
    }
}

/// Is this a URL of this machine?
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
