//! The command line. Data goes to stdout, the rest to stderr; exit 0 done, 1 the user must act, 2 unexpected.

mod demo;
mod jobs;
mod logging;
mod migrate;
mod ops;
mod reservations;
mod review_text;
mod reviews;
mod sandbox;
mod selftest;
mod serve;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use domain::Chain;
use service::config::{Config, ConfigError};
use service::serve::ServeError;

/// The user must act.
const ACT: u8 = 1;
/// Something unexpected happened.
const UNEXPECTED: u8 = 2;

/// Runs card reservations for booking systems on the Front Payment API.
#[derive(Debug, Parser)]
#[command(name = "holdfast", version)]
struct Cli {
    /// The configuration file [default: $HOLDFAST_CONFIG, else ./holdfast.toml if it is there]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service: the HTTP API and the workers
    Serve(serve::Args),
    /// Run a stand-in for the provider, with seeded faults
    Sandbox(sandbox::Args),
    /// Play the life of a handful of reservations against the sandbox
    Demo {
        /// Leave everything running afterwards, and say what to try
        #[arg(long)]
        keep: bool,
    },
    /// List and show reservations
    #[command(subcommand)]
    Reservations(reservations::Command),
    /// List and show jobs
    #[command(subcommand)]
    Jobs(jobs::Command),
    /// List and show what a person must decide, and decide it
    #[command(subcommand)]
    Reviews(reviews::Command),
    /// Prove the promises: play runs with faults, crashes and people against the sandbox, and judge them
    Selftest(selftest::Args),
    /// Bring the database up to date
    Migrate,
    /// Print the version
    Version,
}

/// Why a command failed.
#[derive(Debug)]
struct Failure {
    code: u8,
    message: String,
    hint: Option<String>,
}

impl Failure {
    fn unexpected(error: &dyn std::error::Error) -> Self {
        Self {
            code: UNEXPECTED,
            message: Chain(error).to_string(),
            hint: None,
        }
    }
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        let code = if error.is_users() { ACT } else { UNEXPECTED };
        Self {
            code,
            message: Chain(&error).to_string(),
            hint: error.hint(),
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self {
            code: ACT,
            message: Chain(&error).to_string(),
            hint: Some(error.hint()),
        }
    }
}

/// Runs the command that the arguments name.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Nothing can be done about a closed terminal.
            let _ = error.print();
            return if error.use_stderr() {
                ExitCode::from(ACT)
            } else {
                ExitCode::SUCCESS
            };
        }
    };
    match run(cli) {
        Ok(code) => code,
        Err(failure) => {
            tell(&failure);
            ExitCode::from(failure.code)
        }
    }
}

fn run(cli: Cli) -> Result<ExitCode, Failure> {
    let level = match cli.command {
        // What is for people to read has only what is wrong between its lines.
        Command::Demo { .. }
        | Command::Reservations(_)
        | Command::Jobs(_)
        | Command::Reviews(_) => "error",
        // What goes wrong in a simulation is meant to.
        Command::Selftest(_) => "off",
        _ => "info",
    };
    logging::init(level)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::unexpected(&error))?;
    let config = || Config::load(cli.config.as_deref(), environment());
    match cli.command {
        Command::Serve(args) => runtime.block_on(serve::run(&config()?, &args))?,
        Command::Sandbox(args) => runtime.block_on(sandbox::run(args))?,
        Command::Demo { keep } => return Ok(runtime.block_on(demo::run(keep))),
        Command::Reservations(command) => runtime.block_on(reservations::run(command))?,
        Command::Jobs(command) => runtime.block_on(jobs::run(command))?,
        Command::Reviews(command) => runtime.block_on(reviews::run(command))?,
        Command::Selftest(args) => return selftest::run(&args),
        Command::Migrate => runtime.block_on(migrate::run(&config()?))?,
        Command::Version => say(&format!("holdfast {}", env!("CARGO_PKG_VERSION")))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The environment, as text.
fn environment() -> impl Iterator<Item = (String, String)> {
    let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    std::env::vars_os().map(move |(name, value)| (text(name), text(value)))
}

/// One line of data.
fn say(line: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")
        .and_then(|()| out.flush())
        .map_err(|error| Failure::unexpected(&error))
}

fn tell(failure: &Failure) {
    let mut err = std::io::stderr().lock();
    // Nothing can be done about a closed terminal.
    let _ = writeln!(err, "error: {}", failure.message);
    if let Some(hint) = &failure.hint {
        let _ = writeln!(err, "hint: {hint}");
    }
}
