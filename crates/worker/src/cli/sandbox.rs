//! `holdfast sandbox`: a stand-in for the provider until SIGTERM or SIGINT.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;

use ::sandbox::{Options, Server, World};
use chrono::{DateTime, SecondsFormat, Utc};
use domain::{Clock as _, SystemClock};
use secrecy::ExposeSecret as _;

use super::{ACT, Failure, say, serve};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The address and port to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// Where every random number comes from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many times as fast as the wall clock its time runs
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    speed: u32,
    /// When both clocks agree [default: now]
    #[arg(long, value_name = "TIME")]
    origin: Option<DateTime<Utc>>,
}

pub(super) async fn run(args: Args) -> Result<(), Failure> {
    let stop = serve::signals()?;
    let origin = args.origin.unwrap_or_else(|| SystemClock::real().now());
    let clock = if args.speed > 1 {
        SystemClock::fast(origin, args.speed)
    } else {
        SystemClock::real()
    };
    let options = Options {
        seed: args.seed,
        ..Options::default()
    };
    let secret = options.callback_secret.clone();
    let server = Server::bind(args.listen, World::new(options), Arc::new(clock))
        .await
        .map_err(|error| Failure {
            code: ACT,
            message: format!("--listen {} cannot be listened on: {error}", args.listen),
            hint: Some("is another process listening there? port 0 takes a free one".to_owned()),
        })?;
    say(&format!("sandbox listening on {}", server.url()))?;
    let clock = if args.speed > 1 {
        let origin = origin.to_rfc3339_opts(SecondsFormat::Millis, true);
        format!("[clock]\nspeed = {}\norigin = \"{origin}\"\n", args.speed)
    } else {
        String::new()
    };
    let (url, secret) = (server.url(), secret.expose_secret());
    // For people, so beside the data. The secret is the sandbox's own, and protects nothing.
    let _ = writeln!(
        std::io::stderr(),
        "# holdfast.toml for this sandbox:\n{clock}[merchants.default]\nbase_url = \"{url}\"\n\
         callback_secret = \"{secret}\""
    );
    server
        .run(stop)
        .await
        .map_err(|error| Failure::unexpected(&error))
}
