//! Measures the queue and the service by hand: `cargo run --release -p bench -- [queue|latency|backlog|captures|idle]…`
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark prints its figures"
)]
#![expect(
    clippy::expect_used,
    reason = "a benchmark that cannot go on has nothing to hand on"
)]

mod captures;
mod idle;
mod place;
mod queue;

use clap::{Parser, ValueEnum};

use crate::place::Place;

/// Measures the job queue on SQLite (synchronous=FULL) and on Postgres.
#[derive(Debug, Parser)]
struct Arguments {
    /// What to measure; everything unless said otherwise.
    what: Vec<Measurement>,
    /// A maintenance database of a server to measure, instead of a private one that is started for it.
    #[arg(long, value_name = "URL", env = "HOLDFAST_TEST_POSTGRES")]
    postgres: Option<String>,
    /// The folder for SQLite's files; the system's temporary one unless said otherwise.
    #[arg(long, value_name = "DIR")]
    sqlite: Option<std::path::PathBuf>,
    /// Only this database.
    #[arg(long)]
    only: Option<Database>,
    /// How many jobs wait for the future in `backlog`.
    #[arg(long, default_value_t = 1_000_000)]
    future_jobs: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Measurement {
    /// Drains 20,000 jobs that do nothing, each of a reservation of its own.
    Queue,
    /// From before the enqueue to the first line of the handler, on an idle worker.
    Latency,
    /// Drains 5,000 jobs, with and without a million future ones in the table.
    Backlog,
    /// Captures 1,000 reservations against a sandbox that answers in 5 ms.
    Captures,
    /// Memory and processor time of an idle `holdfast serve`; on SQLite, Linux only.
    Idle,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Database {
    Sqlite,
    Postgres,
}

fn main() -> std::process::ExitCode {
    let arguments = Arguments::parse();
    let wants = |database| arguments.only.is_none_or(|only| only == database);
    if wants(Database::Postgres) && arguments.postgres.is_none() {
        return place::again_with_postgres();
    }
    let mut places = Vec::new();
    if wants(Database::Sqlite) {
        places.push(Place::Sqlite(
            arguments.sqlite.clone().unwrap_or_else(std::env::temp_dir),
        ));
    }
    if let Some(url) = arguments
        .postgres
        .clone()
        .filter(|_| wants(Database::Postgres))
    {
        places.push(Place::Postgres(url));
    }
    let what = if arguments.what.is_empty() {
        Measurement::value_variants().to_vec()
    } else {
        arguments.what
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    for measurement in what {
        if measurement == Measurement::Idle {
            runtime.block_on(idle::idle());
            continue;
        }
        for place in &places {
            match measurement {
                Measurement::Queue => runtime.block_on(queue::drain(place)),
                Measurement::Latency => runtime.block_on(queue::latency(place)),
                Measurement::Backlog => {
                    runtime.block_on(queue::backlog(place, arguments.future_jobs));
                }
                Measurement::Captures => runtime.block_on(captures::captures(place)),
                Measurement::Idle => {}
            }
        }
    }
    std::process::ExitCode::SUCCESS
}
