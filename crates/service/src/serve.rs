//! The service as a whole: from a configuration to a running API and running workers.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use domain::{Clock, Entropy, SystemEntropy};
use secrecy::ExposeSecret as _;
use store::{OpenError, Options, Store, StoreError};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::timeout;
use url::Url;

use crate::app::App;
use crate::config::{Config, ConfigError};
use crate::http::{self, Keys};
use crate::jobs::{self, RunError};

/// Connections beyond one per running job: requests, claims, heartbeats.
const SPARE_CONNECTIONS: u32 = 8;
/// The most connections of one process, so that several fit under Postgres's usual limit of 100.
const MAX_CONNECTIONS: u32 = 32;

/// Why the service did not start, or ended without being asked to.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The configuration does not fit.
    #[error("the configuration does not fit")]
    Config(#[from] ConfigError),
    /// The database cannot be used.
    #[error("database.url = \"{url}\"")]
    Database {
        /// Its URL without the password.
        url: String,
        /// Why.
        #[source]
        source: OpenError,
    },
    /// The database failed.
    #[error("the database failed at the start")]
    Store(#[source] StoreError),
    /// The address cannot be listened on.
    #[error("server.listen = \"{address}\" cannot be listened on")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The API ended.
    #[error("the API ended")]
    Api(#[source] std::io::Error),
    /// The workers ended.
    #[error("the workers ended")]
    Workers(#[source] RunError),
}

/// Which parts of the service run in this process.
#[derive(Debug)]
pub struct Parts {
    /// The API listens here.
    pub api: Option<TcpListener>,
    /// The workers run.
    pub workers: bool,
}

/// The shared state: clients, clock, and the database, brought up to date.
///
/// # Errors
/// [`ServeError::Config`], [`ServeError::Database`], [`ServeError::Store`].
pub async fn app(config: &Config) -> Result<App, ServeError> {
    let merchants = config.handles()?;
    let clock: Arc<dyn Clock> = Arc::new(config.clock.clock());
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    let store = open(config, Arc::clone(&clock), Arc::clone(&entropy)).await?;
    let marker_key = App::load_marker_key(&store, &*entropy)
        .await
        .map_err(ServeError::Store)?;
    Ok(App {
        store,
        clock,
        entropy,
        merchants,
        marker_key,
        public_url: config.server.public_url.clone(),
    })
}

async fn open(
    config: &Config,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
) -> Result<Store, ServeError> {
    let url = config.database.url.expose_secret();
    let connections = config
        .worker
        .concurrency
        .saturating_add(SPARE_CONNECTIONS)
        .min(MAX_CONNECTIONS);
    let options = Options {
        connections,
        ..Options::default()
    };
    Store::open(url, clock, entropy, options)
        .await
        .map_err(|source| ServeError::Database {
            url: without_password(url),
            source,
        })
}

/// The URL of a database as it may be shown.
fn without_password(url: &str) -> String {
    if url.starts_with("sqlite:") {
        return url.to_owned();
    }
    let Ok(mut url) = Url::parse(url) else {
        return "…".to_owned();
    };
    // A password can also stand in the query.
    url.set_query(None);
    if url.password().is_some() && url.set_password(Some("…")).is_err() {
        return "…".to_owned();
    }
    url.to_string().replace("%E2%80%A6", "…")
}

/// A listener on the configured address.
///
/// # Errors
/// [`ServeError::Listen`].
pub async fn listen(config: &Config) -> Result<TcpListener, ServeError> {
    let address = config.server.listen;
    TcpListener::bind(address)
        .await
        .map_err(|source| ServeError::Listen { address, source })
}

/// Runs the parts until `shutdown`, then lets requests and jobs end within `worker.shutdown_grace`.
///
/// # Errors
/// [`ServeError::Api`] and [`ServeError::Workers`]: one part has failed, and the other was stopped.
pub async fn run(
    app: Arc<App>,
    config: &Config,
    parts: Parts,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), ServeError> {
    let (stop, stopping) = watch::channel(false);
    let grace = config.worker.shutdown_grace.std();
    let api = async {
        let Some(listener) = parts.api else {
            return Ok(());
        };
        let keys = Keys::new(config.server.admin_key.as_ref());
        let serving = http::serve(listener, Arc::clone(&app), keys, stopped(stopping.clone()));
        until_grace(serving, stopped(stopping.clone()), grace)
            .await
            .map_err(ServeError::Api)
    };
    let workers = async {
        if !parts.workers {
            return Ok(());
        }
        let settings = config.worker.settings();
        jobs::run(Arc::clone(&app), settings, stopped(stopping.clone()))
            .await
            .map_err(ServeError::Workers)
    };
    let signal = async {
        tokio::select! {
            () = shutdown => tracing::info!("stopping"),
            () = stopped(stopping.clone()) => {}
        }
        stop.send_replace(true);
    };
    // A part that fails takes the other one along.
    let ends = |ended: Result<(), ServeError>| {
        if ended.is_err() {
            stop.send_replace(true);
        }
        ended
    };
    let (api, workers, ()) = tokio::join!(
        async { ends(api.await) },
        async { ends(workers.await) },
        signal
    );
    app.store.close().await;
    api.and(workers)
}

async fn stopped(mut stopping: watch::Receiver<bool>) {
    // The sender outlives every part; were it gone, that would be a stop as well.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

/// Waits for the server; once it is asked to stop, no longer than the grace.
async fn until_grace(
    serving: impl Future<Output = std::io::Result<()>>,
    stopped: impl Future<Output = ()>,
    grace: Duration,
) -> std::io::Result<()> {
    let serving = std::pin::pin!(serving);
    let mut serving = serving;
    tokio::select! {
        ended = &mut serving => return ended,
        () = stopped => {}
    }
    match timeout(grace, serving).await {
        Ok(ended) => ended,
        Err(_elapsed) => {
            tracing::warn!("requests were still running when the grace was over");
            Ok(())
        }
    }
}

impl ServeError {
    /// Is it for the user to mend?
    #[must_use]
    pub const fn is_users(&self) -> bool {
        match self {
            Self::Config(_) | Self::Listen { .. } => true,
            Self::Database { source, .. } => !matches!(
                source,
                OpenError::Migration(_) | OpenError::MigrationChanged { .. }
            ),
            Self::Store(_) | Self::Api(_) | Self::Workers(_) => false,
        }
    }

    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Config(error) => return Some(error.hint()),
            Self::Listen { .. } => "is another process listening there? port 0 takes a free one",
            Self::Database { source, url } => match source {
                OpenError::UnknownScheme | OpenError::Url(_) => {
                    "write sqlite:PATH or postgres://USER:PASSWORD@HOST/NAME"
                }
                OpenError::Unreachable(_) if url.starts_with("sqlite:") => {
                    "does the file's folder exist, and may this user write there?"
                }
                OpenError::Unreachable(_) => {
                    "is the server running, and do host, user, password and name fit?"
                }
                OpenError::NotADatabase(_) => "name another file, or move this one away",
                OpenError::Newer { .. } => {
                    "run the version of holdfast that was here last, or restore a backup from before it"
                }
                OpenError::MigrationChanged { .. } | OpenError::Migration(_) => return None,
            },
            Self::Store(_) | Self::Api(_) | Self::Workers(_) => return None,
        };
        Some(hint.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown() {
        for (url, shown) in [
            ("sqlite:holdfast.db", "sqlite:holdfast.db"),
            ("postgres://kari@db/holdfast", "postgres://kari@db/holdfast"),
            (
                "postgres://kari:hush@db/holdfast",
                "postgres://kari:…@db/holdfast",
            ),
            (
                "postgres://db/holdfast?password=hush",
                "postgres://db/holdfast",
            ),
            ("postgres://kari:hush@db:port/", "…"),
        ] {
            assert_eq!(without_password(url), shown);
        }
    }
}
