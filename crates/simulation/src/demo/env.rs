//! What the demo runs in: sandbox and service in this process, on loopback, with one fast clock.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use domain::{Clock as _, Entropy, MerchantId, Span, SystemClock, SystemEntropy};
use sandbox::{Options, Server, Switches, World};
use secrecy::SecretString;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use url::Url;

use super::client::{CallError, Connect};
use super::play::{Actor, Clients};
use service::app::unguessable;
use service::config::{
    ClockConfig, Config, Database, MerchantConfig, Server as ServerConfig, Worker,
};
use service::serve::{self, Parts, ServeError};

/// How many times as fast as the wall clock the demo's clock runs: fourteen days in 43 seconds.
pub(super) const SPEED: u32 = 28_000;
/// How long running requests may go on once the demo is over.
const GRACE: Span = Span::seconds(2);

/// Sandbox and service, running.
pub(super) struct DemoEnv {
    /// What the actors act on.
    pub(super) clients: Clients,
    /// The service's API.
    pub(super) api: Url,
    /// The sandbox.
    pub(super) provider: Url,
    key: String,
    stop: watch::Sender<bool>,
    sandbox: JoinHandle<std::io::Result<()>>,
    service: JoinHandle<Result<(), ServeError>>,
    /// Removed with everything in it at the end.
    folder: TempDir,
}

/// Why sandbox and service do not run.
#[derive(Debug, thiserror::Error)]
pub(super) enum EnvError {
    /// No folder for the database.
    #[error("no folder for the database could be made")]
    Folder(#[source] std::io::Error),
    /// No port of loopback could be taken.
    #[error("no port of 127.0.0.1 could be taken")]
    Port(#[source] std::io::Error),
    /// An address is no URL.
    #[error("an address on loopback is no URL")]
    Url(#[source] url::ParseError),
    /// The sandbox ended.
    #[error("the sandbox ended")]
    Sandbox(#[source] std::io::Error),
    /// The service did not start, or ended.
    #[error("the service ended")]
    Service(#[from] ServeError),
    /// No client could be made.
    #[error("no client could be made")]
    Client(#[from] CallError),
    /// A part was torn away.
    #[error("a part of the demo was torn away")]
    Torn(#[from] tokio::task::JoinError),
}

/// The secrets of one run.
struct Secrets {
    key: String,
    token: String,
    callbacks: String,
}

impl DemoEnv {
    /// Starts both.
    pub(super) async fn set_up(connect: Connect) -> Result<Self, EnvError> {
        let entropy: &dyn Entropy = &SystemEntropy;
        let [key, token, callbacks] = [(); 3].map(|()| unguessable(entropy));
        let secrets = Secrets {
            key,
            token,
            callbacks,
        };
        let folder = TempDir::with_prefix("holdfast-demo-").map_err(EnvError::Folder)?;
        let clock = ClockConfig {
            speed: SPEED,
            origin: Some(SystemClock::real().now()),
        };
        let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let world = World::new(Options {
            tokens: vec![secrets.token.clone()],
            callback_secret: secrets.callbacks.clone().into(),
            // Whether an unpaid link ends by itself is not documented; here Holdfast has to cancel it.
            switches: Switches {
                link_expiry: false,
                ..Switches::default()
            },
            ..Options::default()
        });
        let sandbox = Server::bind(any_port, world, Arc::new(clock.clock()))
            .await
            .map_err(EnvError::Port)?;
        let provider = Url::parse(&sandbox.url()).map_err(EnvError::Url)?;
        let listener = TcpListener::bind(any_port).await.map_err(EnvError::Port)?;
        let address = listener.local_addr().map_err(EnvError::Port)?;
        let api = Url::parse(&format!("http://{address}")).map_err(EnvError::Url)?;
        let config = config(&api, &provider, clock, &folder, &secrets);
        let app = Arc::new(serve::app(&config).await?);
        let clients = Clients {
            api: connect(&api, Some(secrets.key.clone().into()))?,
            sandbox: connect(&provider, None)?,
            clock: Arc::clone(&app.clock),
            start: app.clock.now(),
        };
        let (stop, stopping) = watch::channel(false);
        let parts = Parts {
            api: Some(listener),
            workers: true,
        };
        let service_stops = stopped(stopping.clone());
        Ok(Self {
            clients,
            api,
            provider,
            key: secrets.key,
            stop,
            sandbox: tokio::spawn(sandbox.run(stopped(stopping))),
            service: tokio::spawn(
                async move { serve::run(app, &config, parts, service_stops).await },
            ),
            folder,
        })
    }

    /// Stops both, and says what ended them before.
    pub(super) async fn take_down(self) -> Result<(), EnvError> {
        self.stop.send_replace(true);
        self.service.await??;
        self.sandbox.await?.map_err(EnvError::Sandbox)?;
        self.folder.close().map_err(EnvError::Folder)
    }

    /// What to try while everything runs on.
    pub(super) fn hints(&self, actors: &[Actor<'_>]) -> Vec<String> {
        let id = actors.first().map(Actor::id).unwrap_or_default();
        let lost = actors
            .last()
            .map(|actor| actor.play.reference())
            .unwrap_or_default();
        let (api, provider) = (self.api.as_str(), self.provider.as_str());
        let auth = "-H \"Authorization: Bearer $HOLDFAST_KEY\"";
        vec![
            String::new(),
            "Everything runs on. In another terminal:".to_owned(),
            format!(
                "  export HOLDFAST_URL={} HOLDFAST_KEY={}",
                api.trim_end_matches('/'),
                self.key
            ),
            format!("  curl {auth} $HOLDFAST_URL/v1/reservations"),
            format!("  curl {auth} $HOLDFAST_URL/v1/reservations/ref:{lost}/events"),
            format!("  curl {auth} \"$HOLDFAST_URL/v1/jobs?reservation={id}\""),
            format!(
                "  curl {auth} -H 'Content-Type: application/json' -d '{{\"source\":\"captured\",\"amount\":\"100.00\"}}' \\"
            ),
            format!("    $HOLDFAST_URL/v1/reservations/{id}/refund"),
            format!("  curl {provider}__sandbox/ledger"),
            format!(
                "The database: {}",
                self.folder.path().join(DATABASE).display()
            ),
            "Ctrl-C stops it and removes the database.".to_owned(),
        ]
    }
}

/// The file of the database in its folder.
const DATABASE: &str = "holdfast.db";

fn config(
    api: &Url,
    provider: &Url,
    clock: ClockConfig,
    folder: &TempDir,
    secrets: &Secrets,
) -> Config {
    let secret = |secret: &String| Some(SecretString::from(secret.clone()));
    let merchant = MerchantConfig {
        base_url: provider.clone(),
        token: secret(&secrets.token),
        callback_secret: secret(&secrets.callbacks),
        // Nobody acts in the sandbox's portal, so what only looks for that may come seldom on this clock.
        sweep_every: Span::hours(24),
        refresh_open_every: Span::hours(48),
        ..MerchantConfig::default()
    };
    let url = format!("sqlite:{}", folder.path().join(DATABASE).display());
    Config {
        server: ServerConfig {
            public_url: api.clone(),
            admin_key: secret(&secrets.key),
            ..ServerConfig::default()
        },
        database: Database { url: url.into() },
        worker: Worker {
            shutdown_grace: GRACE,
            ..Worker::default()
        },
        clock,
        merchants: [(default_merchant(), merchant)].into(),
        ..Config::default()
    }
}

#[expect(
    clippy::expect_used,
    reason = "the name is a constant, which every run of the demo parses"
)]
fn default_merchant() -> MerchantId {
    "default".parse().expect("a constant name")
}

async fn stopped(mut stopping: watch::Receiver<bool>) {
    // The sender lives as long as the demo; were it gone, that would be a stop as well.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

/// Resolves at Ctrl-C and at SIGTERM. Where signals cannot be listened to, never.
pub(super) async fn interrupted() {
    let signals = [SignalKind::interrupt(), SignalKind::terminate()].map(signal);
    let [Ok(mut interrupt), Ok(mut terminate)] = signals else {
        tracing::warn!("signals cannot be listened to");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
