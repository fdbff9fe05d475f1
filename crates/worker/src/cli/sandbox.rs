//! `holdfast sandbox`: a stand-in for the provider, until SIGTERM or SIGINT.

use std::net::SocketAddr;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::{Clock as _, SystemClock};
use sandbox::{Options, Server, World};

use super::serve::signals;
use super::{ACT, Failure, say};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where to listen; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:8090", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Where every random number comes from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many times as fast as the wall its clock runs, 1 to 100000
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    speed: u32,
    /// When its clock meets the wall; the start unless said otherwise. A service with the same speed and origin
    /// has the same time
    #[arg(long, value_name = "TIME")]
    origin: Option<DateTime<Utc>>,
    /// What the checksums of its callbacks are made with
    #[arg(long, default_value = "sandbox-secret", env = "HOLDFAST_SANDBOX_SECRET", hide_env_values = true)]
    callback_secret: String,
    /// Take this bearer token only; any token unless said otherwise
    #[arg(long, env = "HOLDFAST_SANDBOX_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

pub(super) async fn run(args: Args) -> Result<(), Failure> {
    let stop = signals()?;
    let origin = args.origin.unwrap_or_else(|| SystemClock::real().wall());
    let clock = Arc::new(if args.speed == 1 { SystemClock::real() } else { SystemClock::fast(origin, args.speed) });
    let options = Options {
        seed: args.seed,
        tokens: args.token.into_iter().collect(),
        callback_secret: args.callback_secret.into(),
        ..Options::default()
    };
    let server = Server::bind(args.listen, World::new(options), clock).await.map_err(|error| Failure {
        code: ACT,
        message: format!("--listen {}: {error}", args.listen),
        hint: Some("choose another address, or port 0 for a free one".to_owned()),
    })?;
    say(&format!("sandbox listening on {}", server.url()))?;
    server.run(stop).await.map_err(|error| Failure::unexpected(&error))
}
