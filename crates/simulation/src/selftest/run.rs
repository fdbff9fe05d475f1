//! Plays runs, many at once, and judges each.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use chrono::TimeDelta;
use domain::{Clock as _, SystemClock};
use futures::FutureExt as _;
use serde_json::Value;

use super::checker::{ApiSnapshot, Evidence, PROMISES, judge};
use super::cores::Cores;
use super::figures::Figures;
use super::plan::Plan;
use super::play::{self, Played};
use super::report::{Failure, Report};
use super::test_env::TestEnvError;

/// How many failures are told in full.
const MOST_TOLD: usize = 3;

/// What to play.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The seed of the first run; each of the others has the next one.
    pub seed: u64,
    /// How many runs.
    pub runs: u64,
    /// How many at once. The result does not depend on it.
    pub jobs: usize,
    /// Break the declared assumptions: details may lag behind for days.
    pub beyond: bool,
}

/// Why nothing can be said; never the fault of what is tested.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// No runtime could be started.
    #[error("the runtime of a run could not be started")]
    Runtime(#[source] std::io::Error),
    /// A test environment broke down.
    #[error("the test environment of the run with seed {seed} broke down")]
    TestEnv {
        /// Whose.
        seed: u64,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// One run that was played and judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Its seed.
    pub seed: u64,
    /// What two runs of the seed have in common.
    pub hash: String,
    /// Everything that happened, a line each.
    pub trace: String,
    /// Every promise that it broke, in words.
    pub broken: Vec<String>,
    /// Its numbers.
    pub figures: Figures,
}

/// Plays the run of one seed, and judges it.
///
/// # Errors
/// See [`RunError`].
pub fn play(seed: u64, beyond: bool) -> Result<Run, RunError> {
    with_runtime(|runtime| one(runtime, seed, beyond))
}

/// Plays runs and judges them all. `progress` hears how many are done, now and then.
///
/// # Errors
/// See [`RunError`].
pub fn run(options: &Options, progress: &(dyn Fn(u64) + Sync)) -> Result<Report, RunError> {
    let clock = SystemClock::real();
    let began = clock.wall();
    let (next, done) = (AtomicU64::new(0), AtomicU64::new(0));
    let total = Mutex::new(Tally::default());
    let cores = Cores::allowed();
    let worker = |place| {
        cores.bind(place);
        with_runtime(|runtime| {
            loop {
                let place = next.fetch_add(1, Ordering::Relaxed);
                if place >= options.runs {
                    return Ok(());
                }
                let run = one(runtime, options.seed.wrapping_add(place), options.beyond)?;
                total
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .take(run);
                progress(done.fetch_add(1, Ordering::Relaxed) + 1);
            }
        })
    };
    let ended: Vec<Result<(), RunError>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..options.jobs.max(1))
            .map(|place| scope.spawn(move || worker(place)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or(Ok(())))
            .collect()
    });
    ended.into_iter().collect::<Result<(), RunError>>()?;
    let happy_requests = with_runtime(|runtime| {
        let env = |source: TestEnvError| RunError::TestEnv {
            seed: 0,
            source: Box::new(source),
        };
        let played = runtime
            .block_on(play::play(Plan::happy_life(), false))
            .map_err(env)?;
        let requests = played.env.world.lock().requests().clone();
        let sweeps = requests
            .operations
            .get(&sandbox::Operation::History)
            .copied()
            .unwrap_or(0);
        Ok(requests.total - sweeps)
    })?;
    let tally = total.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(tally.report(options, happy_requests, clock.wall() - began))
}

fn with_runtime<T>(
    act: impl FnOnce(&tokio::runtime::Runtime) -> Result<T, RunError>,
) -> Result<T, RunError> {
    // There are no sockets, and without them a thread is woken for less.
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    act(&runtime.enable_time().build().map_err(RunError::Runtime)?)
}

/// What many runs came to, in whatever order they ended.
#[derive(Default)]
struct Tally {
    figures: Figures,
    failed: u64,
    failures: Vec<Failure>,
}

impl Tally {
    fn take(&mut self, run: Run) {
        self.figures.add(&run.figures);
        if run.broken.is_empty() {
            return;
        }
        self.failed += 1;
        self.failures.push(Failure {
            seed: run.seed,
            broken: run.broken,
            trace: run.trace,
        });
        // The lowest seeds are told, whoever came first.
        self.failures.sort_by_key(|failure| failure.seed);
        self.failures.truncate(MOST_TOLD);
    }

    fn report(self, options: &Options, happy_requests: u64, wall: TimeDelta) -> Report {
        Report {
            first_seed: options.seed,
            last_seed: options.seed.wrapping_add(options.runs.saturating_sub(1)),
            beyond: options.beyond,
            wall_milliseconds: u64::try_from(wall.num_milliseconds()).unwrap_or(0),
            happy_requests,
            figures: self.figures,
            failed: self.failed,
            failures: self.failures,
        }
    }
}

fn one(runtime: &tokio::runtime::Runtime, seed: u64, beyond: bool) -> Result<Run, RunError> {
    let broke = |source| RunError::TestEnv { seed, source };
    let played = AssertUnwindSafe(judged(seed, beyond)).catch_unwind();
    match runtime.block_on(played) {
        Ok(Ok(run)) => Ok(run),
        Ok(Err(error)) => Err(broke(Box::new(error))),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text
                .or_else(|| panic.downcast_ref::<&str>().copied())
                .unwrap_or("no message");
            let broken = vec![format!("the code under test panicked: {text}")];
            let figures = Figures {
                runs: 1,
                ..Figures::default()
            };
            Ok(Run {
                seed,
                hash: String::new(),
                trace: String::new(),
                broken,
                figures,
            })
        }
    }
}

async fn judged(seed: u64, beyond: bool) -> Result<Run, TestEnvError> {
    let played = play::play(Plan::draw(seed, beyond), beyond).await?;
    let books = books(&played).await?;
    let ledger = played.env.world.lock().ledger().to_vec();
    let evidence = Evidence {
        ledger: &ledger,
        books: &books,
        asked: &played.asked,
        beyond,
    };
    let judgement = judge(&evidence);
    let promise = |number: usize| {
        PROMISES
            .get(number.wrapping_sub(1))
            .copied()
            .unwrap_or_default()
    };
    let mut broken: Vec<String> = judgement
        .violations
        .iter()
        .map(|broken| {
            format!(
                "{}: {} ({})",
                broken.reference,
                broken.message,
                promise(broken.promise)
            )
        })
        .collect();
    broken.extend(
        played
            .workers
            .faults
            .iter()
            .map(|fault| format!("a worker failed: {fault}")),
    );
    let figures = Figures::of(&played, &books, &judgement);
    let mut trace = played.env.trace.text();
    let hash = played.env.trace.hash();
    if !broken.is_empty() {
        trace.push_str(&timelines(&books));
    }
    Ok(Run {
        seed,
        hash,
        trace,
        broken,
        figures,
    })
}

/// Everything that the API says of each reservation at the end.
async fn books(played: &Played) -> Result<Vec<ApiSnapshot>, TestEnvError> {
    let mut books = Vec::new();
    for reservation in played.env.list("/v1/reservations").await? {
        let id = reservation["id"].as_str().unwrap_or_default();
        let events = played
            .env
            .list(&format!("/v1/reservations/{id}/events"))
            .await?;
        let jobs = played
            .env
            .list(&format!("/v1/jobs?reservation={id}"))
            .await?;
        let booking = played
            .plan
            .bookings
            .iter()
            .find(|booking| reservation["reference"] == *booking.reference);
        let any_hours = booking
            .is_some_and(|booking| booking.body["policy"]["reminders"]["contact_hours"] == "any");
        books.push(ApiSnapshot::read(&reservation, &events, &jobs, any_hours));
    }
    Ok(books)
}

/// The timelines of all reservations, for people.
fn timelines(books: &[ApiSnapshot]) -> String {
    let mut text = String::new();
    for book in books {
        let attention = book.review.as_deref().unwrap_or("nothing");
        text.push_str(&format!(
            "\n{} is {}, on the desk: {attention}\n",
            book.reference, book.status
        ));
        for event in &book.events {
            let data = match &event.data {
                Value::Null => String::new(),
                data => data.to_string(),
            };
            text.push_str(&format!(
                "{}  {} {data}\n",
                event.at.format("%F %T%.3f"),
                event.name
            ));
        }
    }
    text
}
