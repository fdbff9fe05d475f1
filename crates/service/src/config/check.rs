//! The bounds of every key, and what has to fit together.

use chrono::TimeDelta;
use domain::{MerchantId, Span};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::merchant::is_loopback;
use super::{Config, Fault, MerchantConfig};

/// The shortest and the longest key of the API.
const KEY_LENGTH: std::ops::RangeInclusive<usize> = 16..=256;
/// The most entries of a list in the configuration.
const MAX_ENTRIES: usize = 20;

const fn seconds(seconds: u32) -> Span {
    Span::seconds(seconds)
}
fn millis(millis: u32) -> Span {
    format!("{millis}ms").parse().unwrap_or(seconds(1))
}
const MINUTE: u32 = 60;
const HOUR: u32 = 60 * MINUTE;
const DAY: u32 = 24 * HOUR;

/// Everything that does not fit.
pub(super) fn faults(config: &Config) -> Vec<Fault> {
    let mut faults = Vec::new();
    server(config, &mut faults);
    workers(config, &mut faults);
    clock(config, &mut faults);
    if config.merchants.is_empty() {
        let message = "is empty: there has to be one merchant at least, such as [merchants.default] with a token";
        faults.push(Fault::without_value("merchants", message));
    }
    for (id, merchant) in &config.merchants {
        Merchant {
            id,
            merchant,
            faults: &mut faults,
        }
        .check();
    }
    faults
}

fn between(key: &str, value: u32, least: u32, most: u32, faults: &mut Vec<Fault>) {
    if !(least..=most).contains(&value) {
        faults.push(Fault::new(
            key,
            value,
            format!("is not between {least} and {most}"),
        ));
    }
}

fn spans(prefix: &str, bounds: &[(&str, Span, Span, Span)], faults: &mut Vec<Fault>) {
    for (key, value, least, most) in bounds {
        if value < least || value > most {
            let message = format!("is not between {least} and {most}");
            faults.push(Fault::new(
                format!("{prefix}.{key}"),
                format!("\"{value}\""),
                message,
            ));
        }
    }
}

fn server(config: &Config, faults: &mut Vec<Fault>) {
    let server = &config.server;
    let url = &server.public_url;
    if !is_plain(url) || !matches!(url.scheme(), "http" | "https") {
        let message = "is not an http or https URL without user, query and fragment";
        faults.push(Fault::without_value("server.public_url", message));
    }
    let fits = |key: &SecretString| {
        let key = key.expose_secret();
        KEY_LENGTH.contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
    };
    if server.admin_key.as_ref().is_some_and(|key| !fits(key)) {
        let message =
            "is not 16 to 256 visible ASCII characters; make one with: openssl rand -hex 32";
        faults.push(Fault::without_value("server.admin_key", message));
    }
    let url = config.database.url.expose_secret();
    if !["sqlite:", "postgres:", "postgresql:"]
        .iter()
        .any(|kind| url.starts_with(kind))
    {
        let message = "begins with none of \"sqlite:\", \"postgres:\" and \"postgresql:\"";
        faults.push(Fault::without_value("database.url", message));
    }
}

fn workers(config: &Config, faults: &mut Vec<Fault>) {
    let (worker, keep) = (&config.worker, &config.retention);
    between("worker.concurrency", worker.concurrency, 1, 1024, faults);
    spans(
        "worker",
        &[
            ("lease", worker.lease, seconds(5), seconds(HOUR)),
            (
                "poll_interval",
                worker.poll_interval,
                millis(10),
                seconds(MINUTE),
            ),
            (
                "shutdown_grace",
                worker.shutdown_grace,
                seconds(0),
                seconds(10 * MINUTE),
            ),
        ],
        faults,
    );
    spans(
        "retention",
        &[
            ("jobs", keep.jobs, seconds(DAY), seconds(3_650 * DAY)),
            (
                "callbacks",
                keep.callbacks,
                seconds(DAY),
                seconds(3_650 * DAY),
            ),
        ],
        faults,
    );
}

fn clock(config: &Config, faults: &mut Vec<Fault>) {
    let clock = &config.clock;
    between("clock.speed", clock.speed, 1, 100_000, faults);
    if clock.speed <= 1 {
        return;
    }
    if clock.origin.is_none() {
        let message =
            "is missing: a clock that is faster than 1 needs the time from which on it is";
        faults.push(Fault::without_value("clock.origin", message));
    }
    let outside = config
        .merchants
        .iter()
        .find(|(_, merchant)| !is_loopback(&merchant.base_url));
    if let Some((id, merchant)) = outside {
        let message = format!(
            "is more than 1, which is for a provider on this machine only, and merchants.{id}.base_url is {}; \
             set speed = 1, or let base_url name a sandbox on 127.0.0.1",
            merchant.base_url.origin().ascii_serialization()
        );
        faults.push(Fault::new("clock.speed", clock.speed, message));
    }
}

/// Is this a URL with a host and nothing but a path?
fn is_plain(url: &Url) -> bool {
    let bare = url.username().is_empty() && url.password().is_none();
    bare && url.has_host() && url.query().is_none() && url.fragment().is_none()
}

/// Is this https, or http on this machine?
fn is_safe(url: &Url) -> bool {
    url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url))
}

struct Merchant<'c> {
    id: &'c MerchantId,
    merchant: &'c MerchantConfig,
    faults: &'c mut Vec<Fault>,
}

impl Merchant<'_> {
    fn key(&self, name: &str) -> String {
        format!("merchants.{}.{name}", self.id)
    }

    fn wrong(&mut self, name: &str, message: impl Into<String>) {
        let key = self.key(name);
        self.faults.push(Fault::without_value(key, message));
    }

    fn check(&mut self) {
        self.access();
        self.numbers();
        self.times();
        self.resolution();
        self.webhooks();
        self.policy();
    }

    fn access(&mut self) {
        let base = &self.merchant.base_url;
        if !is_plain(base) {
            self.wrong("base_url", "is not a URL without user, query and fragment");
        } else if !is_safe(base) {
            let fault = Fault::new(
                self.key("base_url"),
                format!("\"{base}\""),
                "is not https; plain http is for a provider on this machine only",
            );
            self.faults.push(fault);
        }
        if is_loopback(base) {
            return;
        }
        if self.merchant.token.is_none() {
            self.wrong(
                "token",
                "is missing: the bearer token that Front Payment gave you, or token_file",
            );
        }
        if self.merchant.callback_secret.is_none() {
            let message = "is missing: the secret of callback checksums, or callback_secret_file";
            self.wrong("callback_secret", message);
        }
    }

    fn numbers(&mut self) {
        let (key, m) = (self.key("rate_limit_per_minute"), self.merchant);
        between(&key, m.rate_limit_per_minute, 1, 10_000, self.faults);
        let taxes = &m.tax_percents;
        if taxes.is_empty()
            || taxes.len() > MAX_ENTRIES
            || taxes.iter().any(|percent| *percent > 100)
        {
            let message =
                "is not a list of 1 to 20 whole percents from 0 to 100 like [0, 12, 15, 25]";
            let fault = Fault::new(self.key("tax_percents"), format!("{taxes:?}"), message);
            self.faults.push(fault);
        }
    }

    fn times(&mut self) {
        let m = self.merchant;
        spans(
            &format!("merchants.{}", self.id),
            &[
                (
                    "timeouts.connect",
                    m.timeouts.connect,
                    millis(100),
                    seconds(MINUTE),
                ),
                (
                    "timeouts.read",
                    m.timeouts.read,
                    seconds(1),
                    seconds(2 * MINUTE),
                ),
                (
                    "timeouts.money",
                    m.timeouts.money,
                    seconds(1),
                    seconds(2 * MINUTE),
                ),
                ("sweep_every", m.sweep_every, seconds(MINUTE), seconds(DAY)),
                (
                    "refresh_open_every",
                    m.refresh_open_every,
                    seconds(5 * MINUTE),
                    seconds(7 * DAY),
                ),
            ],
            self.faults,
        );
    }

    fn resolution(&mut self) {
        let resolution = &self.merchant.resolution;
        let reads = &resolution.reads;
        let rising = reads.windows(2).all(|pair| pair[0] < pair[1]);
        if reads.is_empty() || reads.len() > MAX_ENTRIES || !rising {
            self.wrong(
                "resolution.reads",
                "is not a list of 1 to 20 durations, each longer than the one before",
            );
        }
        if reads
            .iter()
            .any(|read| read.delta() < TimeDelta::seconds(1) || read.delta() > TimeDelta::days(7))
        {
            self.wrong(
                "resolution.reads",
                "has an entry that is not between 1s and 7d",
            );
        }
        let (key, after) = (
            self.key("resolution.absent_reads"),
            &resolution.absent_after,
        );
        between(&key, resolution.absent_reads, 1, 20, self.faults);
        let (least, most) = (seconds(MINUTE), seconds(30 * DAY));
        let stale_view_timeout = (
            "stale_view_timeout",
            resolution.stale_view_timeout,
            least,
            most,
        );
        spans(&self.key("resolution"), &[stale_view_timeout], self.faults);
        spans(
            &format!("merchants.{}.resolution.absent_after", self.id),
            &[
                ("capture", after.capture, least, most),
                ("cancel", after.cancel, least, most),
                ("complete", after.complete, least, most),
                ("submit", after.submit, least, most),
                ("charge", after.charge, least, most),
                ("refund", after.refund, least, most),
            ],
            self.faults,
        );
    }

    fn webhooks(&mut self) {
        let webhooks = &self.merchant.webhooks;
        if webhooks.len() > MAX_ENTRIES {
            self.wrong("webhooks", "has more than 20 entries");
        }
        for (index, webhook) in webhooks.iter().enumerate() {
            if !is_safe(&webhook.url) || !webhook.url.has_host() || webhook.url.password().is_some()
            {
                let message =
                    "is not an https URL without credentials; plain http is for this machine only";
                self.wrong(&format!("webhooks[{index}].url"), message);
            }
            let fits = |secret: &SecretString| {
                let secret = secret
                    .expose_secret()
                    .strip_prefix("whsec_")
                    .unwrap_or_default();
                let base64 =
                    |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
                // 24 random bytes are 32 characters, and the least that the standard takes.
                (32..=128).contains(&secret.len()) && secret.bytes().all(base64)
            };
            if !webhook.secret.as_ref().is_some_and(fits) {
                let message = "is not \"whsec_\" and 24 to 96 random bytes in base 64";
                self.wrong(&format!("webhooks[{index}].secret"), message);
            }
        }
    }

    fn policy(&mut self) {
        for fault in self.merchant.policy().err().unwrap_or_default() {
            self.wrong(&fault.field, fault.message);
        }
    }
}
