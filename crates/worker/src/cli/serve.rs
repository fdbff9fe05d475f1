//! `holdfast serve`: the service until SIGTERM or SIGINT.

use std::future::Future;
use std::sync::Arc;

use clap::ValueEnum;
use tokio::signal::unix::{SignalKind, signal};

use super::{Failure, say};
use service::config::Config;
use service::serve::{self, Parts, ServeError};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What runs in this process
    #[arg(long, value_enum, value_delimiter = ',', default_values = ["api", "worker"])]
    roles: Vec<Role>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Role {
    /// The HTTP API, and the path of the provider's callbacks
    Api,
    /// The workers
    Worker,
}

pub(super) async fn run(config: &Config, args: &Args) -> Result<(), Failure> {
    let stop = signals()?;
    let app = Arc::new(serve::app(config).await?);
    if config.server.admin_key.is_none() {
        tracing::warn!("no key is configured, so the API refuses every call; set server.admin_key");
    }
    let api = if args.roles.contains(&Role::Api) {
        Some(serve::listen(config).await?)
    } else {
        None
    };
    match &api {
        Some(listener) => {
            let address = listener
                .local_addr()
                .map_err(|error| Failure::from(ServeError::Api(error)))?;
            say(&format!("holdfast listening on http://{address}"))?;
        }
        None => say("holdfast working")?,
    }
    let parts = Parts {
        api,
        workers: args.roles.contains(&Role::Worker),
    };
    Ok(serve::run(app, config, parts, stop).await?)
}

/// Resolves at the first SIGTERM or SIGINT.
pub(super) fn signals() -> Result<impl Future<Output = ()> + Send, Failure> {
    let listen = |kind| signal(kind).map_err(|error| Failure::unexpected(&error));
    let (mut terminate, mut interrupt) = (
        listen(SignalKind::terminate())?,
        listen(SignalKind::interrupt())?,
    );
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
