//! The log: to stderr, as text or as JSON.

use tracing_subscriber::EnvFilter;

use super::{ACT, Failure};

/// Starts the log as `HOLDFAST_LOG`, else `RUST_LOG`, else `default` says; as JSON with `HOLDFAST_LOG_FORMAT=json`.
pub(super) fn init(default: &str) -> Result<(), Failure> {
    let named = ["HOLDFAST_LOG", "RUST_LOG"].into_iter().find_map(|name| {
        std::env::var(name)
            .ok()
            .filter(|value| !value.is_empty())
            .map(|value| (name, value))
    });
    let filter = match named {
        None => EnvFilter::new(default),
        Some((name, value)) => EnvFilter::try_new(&value).map_err(|error| Failure {
            code: ACT,
            message: format!(
                "the environment variable {name} = \"{value}\" is no log filter: {error}"
            ),
            hint: Some(
                "write a level such as info, or targets such as service=debug,info".to_owned(),
            ),
        })?,
    };
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    if std::env::var("HOLDFAST_LOG_FORMAT").is_ok_and(|format| format == "json") {
        log.json().init();
    } else {
        log.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
            .init();
    }
    Ok(())
}
