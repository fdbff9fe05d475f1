//! Plays runs, many at once, and judges each.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use chrono::TimeDelta;
use domain::{Clock as _, SystemClock};
use futures::FutureExt as _;
use serde_json::Value;

use super::checker::{Answers, ApiSnapshot, Evidence, Judgement, PROMISES, Unreadable, judge};
use super::cores::Cores;
use super::figures::Figures;
use super::plan::Plan;
use super::play::{self, Played};
use super::report::{Failure, Report};
use super::test_env::TestEnvError;

/// How many failures are printed in full.
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
    /// What judges a run; always [`judge`], but for tests of a judge that breaks down.
    judge: fn(&Evidence<'_>) -> Judgement,
}

impl Options {
    /// Runs of these seeds, within the declared assumptions, one at a time.
    #[must_use]
    pub const fn new(seed: u64, runs: u64) -> Self {
        Self {
            seed,
            runs,
            jobs: 1,
            beyond: false,
            judge,
        }
    }
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
    let options = Options {
        beyond,
        ..Options::new(seed, 1)
    };
    with_runtime(|runtime| one(runtime, &options, seed))
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
                let run = one(runtime, options, options.seed.wrapping_add(place))?;
                total
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .take(run);
                progress(done.fetch_add(1, Ordering::Relaxed) + 1);
            }
        })
    };
    let ended: Vec<std::thread::Result<Result<(), RunError>>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..options.jobs.max(1))
            .map(|place| scope.spawn(move || worker(place)))
            .collect();
        threads.into_iter().map(|thread| thread.join()).collect()
    });
    let mut panics = Vec::new();
    for end in ended {
        match end {
            Ok(end) => end?,
            Err(panic) => panics.push(message_of(&*panic)),
        }
    }
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
    let mut tally = total.into_inner().unwrap_or_else(PoisonError::into_inner);
    tally.panics = panics;
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
    panics: Vec<String>,
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
        // The lowest seeds are printed, whichever failed first.
        self.failures.sort_by_key(|failure| failure.seed);
        self.failures.truncate(MOST_TOLD);
    }

    fn report(self, options: &Options, happy_requests: u64, wall: TimeDelta) -> Report {
        Report {
            first_seed: options.seed,
            last_seed: options.seed.wrapping_add(options.runs.saturating_sub(1)),
            asked: options.runs,
            beyond: options.beyond,
            panics: self.panics,
            wall_milliseconds: u64::try_from(wall.num_milliseconds()).unwrap_or(0),
            happy_requests,
            figures: self.figures,
            failed: self.failed,
            failures: self.failures,
        }
    }
}

fn one(runtime: &tokio::runtime::Runtime, options: &Options, seed: u64) -> Result<Run, RunError> {
    let broke = |source: TestEnvError| RunError::TestEnv {
        seed,
        source: Box::new(source),
    };
    let played = AssertUnwindSafe(played(seed, options.beyond)).catch_unwind();
    let (played, snapshots) = match runtime.block_on(played) {
        Ok(played) => played.map_err(broke)?,
        Err(panic) => {
            let panic = format!("the code under test panicked: {}", message_of(&*panic));
            return Ok(Run::unjudged(seed, panic));
        }
    };
    let snapshots = match snapshots {
        Ok(snapshots) => snapshots,
        Err(error) => {
            return Ok(Run::unjudged(
                seed,
                format!("the judge cannot read: {error}"),
            ));
        }
    };
    let judged = AssertUnwindSafe(|| judged(seed, &played, &snapshots, options));
    Ok(std::panic::catch_unwind(judged).unwrap_or_else(|panic| {
        Run::unjudged(seed, format!("the judge panicked: {}", message_of(&*panic)))
    }))
}

impl Run {
    /// A run that came to no judgement. It fails, and does not count among the runs that were judged.
    fn unjudged(seed: u64, why: String) -> Self {
        Self {
            seed,
            hash: String::new(),
            trace: String::new(),
            broken: vec![why],
            figures: Figures::default(),
        }
    }
}

/// What a panic said.
fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message")
        .to_owned()
}

/// What the API says of each reservation, as far as the judge can read it.
type Snapshots = Result<Vec<ApiSnapshot>, Unreadable>;

/// Plays a run, and reads at its end what the API says.
async fn played(seed: u64, beyond: bool) -> Result<(Played, Snapshots), TestEnvError> {
    let played = play::play(Plan::draw(seed, beyond), beyond).await?;
    let snapshots = snapshots(&played).await?;
    Ok((played, snapshots))
}

fn judged(seed: u64, played: &Played, snapshots: &[ApiSnapshot], options: &Options) -> Run {
    let ledger = played.env.world.lock().ledger().to_vec();
    let judgement = (options.judge)(&Evidence {
        ledger: &ledger,
        snapshots,
        asked: &played.asked,
        beyond: options.beyond,
    });
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
    let figures = Figures::of(played, snapshots, &judgement);
    let mut trace = played.env.trace.text();
    let hash = played.env.trace.hash();
    if !broken.is_empty() {
        trace.push_str(&timelines(snapshots));
    }
    Run {
        seed,
        hash,
        trace,
        broken,
        figures,
    }
}

/// Everything that the API says of each reservation at the end.
async fn snapshots(played: &Played) -> Result<Snapshots, TestEnvError> {
    let mut snapshots = Vec::new();
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
        let mut reviews = Vec::new();
        let open = reservation["review"]["reviews"].as_array();
        for id in open.into_iter().flatten().filter_map(Value::as_str) {
            let answer = played.env.get(&format!("/v1/reviews/{id}")).await?;
            reviews.push(answer.body);
        }
        let booking = played
            .plan
            .bookings
            .iter()
            .find(|booking| reservation["reference"] == *booking.reference);
        let any_hours = booking
            .is_some_and(|booking| booking.body["policy"]["reminders"]["contact_hours"] == "any");
        let answers = Answers {
            reservation: &reservation,
            events: &events,
            jobs: &jobs,
            reviews: &reviews,
        };
        snapshots.push(ApiSnapshot::read(answers, any_hours));
    }
    Ok(snapshots.into_iter().collect())
}

/// The timelines of all reservations, for people.
fn timelines(snapshots: &[ApiSnapshot]) -> String {
    let mut text = String::new();
    for book in snapshots {
        let reviews: Vec<&str> = book.reviews.iter().map(|review| &*review.reason).collect();
        text.push_str(&format!(
            "\n{} is {} ({}), open reviews: {reviews:?}\n",
            book.reference, book.status, book.control
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_judge_that_panics_fails_its_run() {
        let options = Options {
            judge: |_| panic!("a judge broke down"),
            ..Options::new(1, 2)
        };
        let report = run(&options, &|_| {}).expect("an environment");
        assert_eq!((report.failed, report.figures.runs), (2, 0));
        assert!(!report.is_kept());
        let shown = &report.failures[0].broken;
        assert_eq!(*shown, ["the judge panicked: a judge broke down"]);
    }

    #[test]
    fn a_thread_that_panics_fails_the_selftest_although_no_run_broke_a_promise() {
        let options = Options::new(1, 3);
        let report = run(&options, &|done| assert!(done < 2, "cut short")).expect("environments");
        assert_eq!(
            (report.asked, report.figures.runs, report.failed),
            (3, 2, 0)
        );
        assert_eq!(report.panics, ["cut short"]);
        assert!(!report.is_kept());
    }

    #[test]
    fn fewer_runs_than_were_asked_for_fail_the_selftest() {
        let mut report = run(&Options::new(1, 1), &|_| {}).expect("an environment");
        assert!(report.is_kept());
        report.asked = 2;
        assert!(!report.is_kept());
        assert!(
            report
                .to_string()
                .contains("runs judged, of those asked for")
        );
    }
}
