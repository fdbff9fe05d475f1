//! The configuration: a TOML file under environment variables, checked as a whole before anything starts.

mod check;
mod connect;
mod error;
mod merchant;
mod overlay;
mod read;
mod secrets;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use domain::{MerchantId, Span, SystemClock};
use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

pub use error::{ConfigError, Fault};
pub use merchant::{CancelVerb, MerchantConfig, Timeouts, Webhook};

use crate::jobs::WorkerSettings;

/// The whole configuration. Its keys, units, bounds and defaults are explained in `config/default.toml`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The HTTP server.
    pub server: Server,
    /// The database.
    pub database: Database,
    /// The workers.
    pub worker: Worker,
    /// Business time.
    pub clock: ClockConfig,
    /// How long things are kept.
    pub retention: Retention,
    /// The merchants by name; at least one.
    pub merchants: BTreeMap<MerchantId, MerchantConfig>,
}

/// The HTTP server.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    /// The address and port to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where the provider reaches this server.
    pub public_url: Url,
    /// The first key of the API, with the role ops.
    pub admin_key: Option<SecretString>,
    /// The file that holds it.
    pub admin_key_file: Option<PathBuf>,
}

impl Default for Server {
    #[expect(
        clippy::expect_used,
        reason = "the URL is a constant, which a test parses"
    )]
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            public_url: Url::parse("http://127.0.0.1:8080").expect("a constant URL"),
            admin_key: None,
            admin_key_file: None,
        }
    }
}

/// The database.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Database {
    /// `sqlite:PATH` or `postgres://…`; may hold a password.
    pub url: SecretString,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            url: "sqlite:holdfast.db".into(),
        }
    }
}

/// The workers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Worker {
    /// Jobs at a time, 1 to 1024.
    pub concurrency: u32,
    /// How long a claim holds without a heartbeat, 5s to 1h.
    pub lease: Span,
    /// How often the queue is looked at when nothing wakes the workers, 10ms to 1m.
    pub poll_interval: Span,
    /// How long running jobs and requests may go on after a stop, at most 10m.
    pub shutdown_grace: Span,
}

impl Default for Worker {
    fn default() -> Self {
        Self {
            concurrency: 16,
            lease: Span::seconds(30),
            poll_interval: Span::seconds(1),
            shutdown_grace: Span::seconds(30),
        }
    }
}

impl Worker {
    /// The settings of the workers.
    #[must_use]
    pub fn settings(&self) -> WorkerSettings {
        WorkerSettings {
            concurrency: usize::try_from(self.concurrency).unwrap_or(usize::MAX),
            lease: self.lease.std(),
            poll_interval: self.poll_interval.std(),
            shutdown_grace: self.shutdown_grace.std(),
        }
    }
}

/// Business time: `origin + speed × (wall − origin)`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClockConfig {
    /// How many times as fast as the wall clock, 1 to 100000; more than 1 only against loopback.
    pub speed: u32,
    /// When both clocks agree; required when `speed` is more than 1.
    pub origin: Option<DateTime<Utc>>,
}

impl Default for ClockConfig {
    fn default() -> Self {
        Self {
            speed: 1,
            origin: None,
        }
    }
}

impl ClockConfig {
    /// The clock.
    #[must_use]
    pub const fn clock(&self) -> SystemClock {
        match self.origin {
            Some(origin) if self.speed > 1 => SystemClock::fast(origin, self.speed),
            _ => SystemClock::real(),
        }
    }
}

/// How long things are kept.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retention {
    /// Jobs that are over, at least 1d.
    pub jobs: Span,
    /// Callbacks, at least 1d.
    pub callbacks: Span,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            jobs: Span::hours(90 * 24),
            callbacks: Span::hours(30 * 24),
        }
    }
}

/// The file that is taken when nobody names one and it is there.
const DEFAULT_FILE: &str = "holdfast.toml";
/// The variable that names the file.
const FILE_VARIABLE: &str = "HOLDFAST_CONFIG";

impl Config {
    /// Reads the configuration: the file named by `path`, else by `HOLDFAST_CONFIG`, else `./holdfast.toml` if it
    /// is there, under the variables `HOLDFAST__SECTION__KEY`.
    ///
    /// # Errors
    /// See [`ConfigError`]. All faults are reported at once, as far as it can be read.
    pub fn load(
        path: Option<&Path>,
        env: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let env: BTreeMap<String, String> = env.collect();
        let named = path
            .map(Path::to_owned)
            .or_else(|| env.get(FILE_VARIABLE).map(PathBuf::from));
        let file = named.or_else(|| Some(PathBuf::from(DEFAULT_FILE)).filter(|file| file.exists()));
        let text = file
            .as_deref()
            .map(read::text)
            .transpose()?
            .unwrap_or_default();
        let table = read::table(&text, file.as_deref())?;
        let merged = overlay::overlay(table, &env)?;
        let origin = overlay::Origin {
            file,
            variables: merged.variables,
        };
        let mut config: Self = read::typed(merged.table, &origin)?;
        let mut faults = secrets::resolve(&mut config)?;
        faults.extend(check::faults(&config));
        if faults.is_empty() {
            Ok(config)
        } else {
            Err(origin.invalid(faults))
        }
    }
}
