//! `holdfast selftest`: plays runs, prints what they came to, and tells the first that broke a promise.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{ACT, Failure, say};
use simulation::selftest::{self, Options, Report};

/// Progress is reported each time so many runs have ended.
const TELL_EVERY: u64 = 200;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The seed of the first run; the others have the next ones
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many runs to play, 90 days each
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..))]
    runs: u64,
    /// How many to play at once [default: the number of cores]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: Option<u16>,
    /// Break the declared assumptions about the provider: every double effect must reach a person
    #[arg(long)]
    beyond: bool,
    /// Print the trace of the run, even when it keeps every promise; for one run
    #[arg(long)]
    trace: bool,
    /// Print the figures as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    if args.trace && args.runs == 1 {
        let run =
            selftest::play(args.seed, args.beyond).map_err(|error| Failure::unexpected(&error))?;
        say(&format!(
            "{}\n{}\ntrace {}",
            run.trace,
            run.broken.join("\n"),
            run.hash
        ))?;
        return Ok(if run.broken.is_empty() {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(ACT)
        });
    }
    let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut options = Options::new(args.seed, args.runs);
    options.jobs = args.jobs.map_or_else(cores, usize::from);
    options.beyond = args.beyond;
    let reported = AtomicU64::new(0);
    let progress = |done: u64| {
        if done.is_multiple_of(TELL_EVERY) && reported.fetch_max(done, Ordering::Relaxed) < done {
            // Nothing can be done about a closed terminal.
            let _ = writeln!(std::io::stderr(), "{done} of {} runs", options.runs);
        }
    };
    let report = selftest::run(&options, &progress).map_err(|error| Failure::unexpected(&error))?;
    if args.json {
        let json =
            serde_json::to_string_pretty(&report).map_err(|error| Failure::unexpected(&error))?;
        say(&json)?;
    } else {
        say(report.to_string().trim_end())?;
    }
    tell(&report);
    Ok(if report.is_kept() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(ACT)
    })
}

/// What a person needs to find the fault: the runs, how to replay them, and what happened in the first.
fn tell(report: &Report) {
    let mut err = std::io::stderr().lock();
    for (place, failure) in report.failures.iter().enumerate() {
        if place == 0 {
            // Nothing can be done about a closed terminal.
            let _ = writeln!(err, "\n{}", failure.trace);
        }
        let _ = writeln!(
            err,
            "seed {} broke a promise; replay: {}",
            failure.seed,
            report.replay(failure.seed)
        );
        for broken in &failure.broken {
            let _ = writeln!(err, "  {broken}");
        }
    }
}
