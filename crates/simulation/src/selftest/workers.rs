//! The workers of a run: they take turns at the queue, run what they claim, halt, die, and start again.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use chrono::{DateTime, TimeDelta, Utc};
use domain::ErrorCode;
use store::queue::{Claimant, ClaimedJob, Handler, JobEnd, JobFault, WorkerOptions};

use super::dice::Dice;
use super::failpoints::CrashOutcome;
use super::test_env::{TestEnv, TestEnvError};
use service::jobs::{self, WorkerSettings};

/// Worker processes on one database.
const WORKERS: usize = 2;
/// Jobs at a time of each.
const SLOTS: usize = 3;
/// How long a claim holds.
const LEASE: TimeDelta = TimeDelta::seconds(30);
/// Runs of jobs within an hour after which they are taken for ones that never end. What waits for a person looks again
/// every few minutes, which is far less.
const MOST_RUNS_AN_HOUR: u64 = 2_000;

type Running = Pin<Box<dyn Future<Output = Result<(), JobFault>> + Send>>;

/// A claimed job on its way.
struct Run {
    number: u64,
    name: String,
    future: Running,
    /// When it goes on, if it has halted.
    goes_on: DateTime<Utc>,
}

struct Worker {
    claimant: Claimant,
    runs: Vec<Run>,
    frozen_until: Option<DateTime<Utc>>,
}

/// How far a run has come.
enum Reached {
    Ended(Result<(), JobFault>),
    Halted(CrashOutcome),
}

/// The workers of a run.
pub(super) struct Workers {
    workers: Vec<Worker>,
    options: WorkerOptions,
    handler: Arc<dyn Handler>,
    dice: Dice,
    /// How many processes were ever started, for their names.
    started: u64,
    /// May there be something to claim?
    woken: bool,
    /// When something is due, as the last turn saw it.
    next_due: Option<DateTime<Utc>>,
    /// When leases of dead and frozen workers run out.
    rescues: Vec<DateTime<Utc>>,
    pub(super) runs: u64,
    /// When the hour began that runs are counted in, and how many there had been.
    hour: (DateTime<Utc>, u64),
    /// Do jobs run again and again without an end?
    pub(super) is_endless: bool,
    pub(super) crashes: u64,
    /// Faults of the code under test that only a bug or a broken database explains.
    pub(super) faults: Vec<String>,
}

impl Workers {
    pub(super) fn new(env: &TestEnv, dice: Dice) -> Self {
        let settings = WorkerSettings {
            concurrency: SLOTS,
            lease: LEASE.to_std().unwrap_or_default(),
            poll_interval: LEASE.to_std().unwrap_or_default(),
            shutdown_grace: LEASE.to_std().unwrap_or_default(),
        };
        let mut workers = Self {
            workers: Vec::new(),
            options: jobs::options(&env.app, settings),
            handler: Arc::new(jobs::handler(env.app.clone())),
            dice,
            started: 0,
            woken: true,
            next_due: None,
            rescues: Vec::new(),
            runs: 0,
            hour: (env.now(), 0),
            is_endless: false,
            crashes: 0,
            faults: Vec::new(),
        };
        for _ in 0..WORKERS {
            let worker = workers.process();
            workers.workers.push(worker);
        }
        workers
    }

    /// A process that has just started.
    fn process(&mut self) -> Worker {
        self.started += 1;
        let claimant = Claimant::new(format!("worker-{}", self.started), &self.options);
        Worker {
            claimant,
            runs: Vec::new(),
            frozen_until: None,
        }
    }

    /// Somebody has made jobs due, perhaps.
    pub(super) fn wake(&mut self) {
        self.woken = true;
    }

    /// When there is something to do next.
    pub(super) fn next(&self) -> Option<DateTime<Utc>> {
        let halted = self
            .workers
            .iter()
            .flat_map(|worker| worker.runs.iter().map(|run| run.goes_on));
        let resumes = self.workers.iter().filter_map(|worker| worker.frozen_until);
        halted
            .chain(resumes)
            .chain(self.rescues.iter().copied())
            .chain(self.next_due)
            .min()
    }

    /// Lets the workers do all that can be done now.
    pub(super) async fn work(&mut self, env: &TestEnv) -> Result<(), TestEnvError> {
        let now = env.now();
        let before = self.rescues.len();
        self.rescues.retain(|at| *at > now);
        self.woken |= self.rescues.len() < before || self.next_due.is_some_and(|due| due <= now);
        for place in 0..WORKERS {
            self.resume(env, place).await;
        }
        while self.woken && !self.is_endless {
            self.woken = false;
            let first = self.dice.between(0, 1);
            for turn in 0..2 {
                let place = usize::from((first + turn) % 2 == 1);
                // What one finds nothing in, the other need not search.
                if self.turn(env, place).await? == Some(0) {
                    break;
                }
            }
        }
        Ok(())
    }

    /// One process claims what it has room for, and runs it. Says how many jobs that were; `None` if it has no room.
    async fn turn(&mut self, env: &TestEnv, place: usize) -> Result<Option<usize>, TestEnvError> {
        let Some(worker) = self.workers.get(place) else {
            return Ok(None);
        };
        let free = SLOTS.saturating_sub(worker.runs.len());
        if worker.frozen_until.is_some() || free == 0 {
            return Ok(None);
        }
        let cycle = env.app.store.poll(&worker.claimant, free).await?;
        self.next_due = cycle.next;
        let claimed = cycle.jobs.len();
        for job in cycle.jobs {
            self.woken = true;
            self.runs += 1;
            let run = self.begin(env, job);
            self.count(env, &run.name);
            self.go_on(env, place, run).await;
        }
        Ok(Some(claimed))
    }

    /// Counts a run; one that comes again and again within an hour is a fault.
    fn count(&mut self, env: &TestEnv, name: &str) {
        let now = env.now();
        if now - self.hour.0 >= TimeDelta::hours(1) {
            self.hour = (now, self.runs);
        }
        if self.runs - self.hour.1 > MOST_RUNS_AN_HOUR && !self.is_endless {
            self.is_endless = true;
            self.faults.push(format!(
                "jobs run again and again at {now}, the last was {name}"
            ));
        }
    }

    fn begin(&self, env: &TestEnv, job: ClaimedJob) -> Run {
        let name = format!("{} {} attempt {}", job.kind, job.id, job.attempt);
        let (handler, app) = (Arc::clone(&self.handler), Arc::clone(&env.app));
        let future = Box::pin(async move {
            let lease = job.lease.clone();
            match JobEnd::after(handler.run(job).await) {
                None => Ok(()),
                Some(end) => {
                    let ended = match &end {
                        JobEnd::Retry { error } => Err(error.clone()),
                        _ => Ok(()),
                    };
                    let mut tx = app.store.begin().await?;
                    tx.finish_job(&lease, end).await?;
                    tx.commit().await?;
                    ended
                }
            }
        });
        env.entropy.begin();
        Run {
            number: self.runs,
            name,
            future,
            goes_on: env.now(),
        }
    }

    /// Lets what has halted go on, if it is time.
    async fn resume(&mut self, env: &TestEnv, place: usize) {
        let now = env.now();
        let Some(worker) = self.workers.get_mut(place) else {
            return;
        };
        if worker.frozen_until.is_some_and(|until| until > now) {
            return;
        }
        self.woken |= worker.frozen_until.take().is_some();
        let (due, waiting) = std::mem::take(&mut worker.runs)
            .into_iter()
            .partition(|run| run.goes_on <= now);
        worker.runs = waiting;
        let due: Vec<Run> = due;
        let name = self.name(place);
        for run in due {
            // An earlier one may have died, and its whole process with it.
            if self.name(place) != name {
                env.failpoints.release(run.number);
                continue;
            }
            self.woken = true;
            env.entropy.begin();
            env.failpoints.release(run.number);
            env.note(format_args!("{name} goes on with {}", run.name));
            self.go_on(env, place, run).await;
        }
    }

    fn name(&self, place: usize) -> String {
        self.workers
            .get(place)
            .map_or_else(String::new, |worker| worker.claimant.owner().to_owned())
    }

    /// Drives a run to its end, or to where it halts.
    async fn go_on(&mut self, env: &TestEnv, place: usize, mut run: Run) {
        let reached = std::future::poll_fn(|cx| {
            env.failpoints.enter(run.number);
            let polled = run.future.as_mut().poll(cx);
            match env.failpoints.leave() {
                Some(outcome) => Poll::Ready(Reached::Halted(outcome)),
                None => polled.map(Reached::Ended),
            }
        })
        .await;
        let now = env.now();
        let name = self.name(place);
        match reached {
            Reached::Ended(ended) => self.ended(env, &run.name, ended),
            Reached::Halted(CrashOutcome::Waits(span)) => {
                run.goes_on = now + span;
                self.keep(place, run);
            }
            Reached::Halted(CrashOutcome::Freezes(point, span)) => {
                env.note(format_args!(
                    "{name} freezes for {span} {} of {}",
                    point.word(),
                    run.name
                ));
                self.rescues.push(now + LEASE + TimeDelta::milliseconds(1));
                run.goes_on = now + span;
                if let Some(worker) = self.workers.get_mut(place) {
                    worker.frozen_until = Some(now + span);
                }
                self.keep(place, run);
            }
            Reached::Halted(CrashOutcome::Dies(point)) => {
                env.note(format_args!("{name} dies {} of {}", point.word(), run.name));
                env.failpoints.release(run.number);
                drop(run);
                self.restart(env, place);
            }
        }
    }

    fn keep(&mut self, place: usize, run: Run) {
        if let Some(worker) = self.workers.get_mut(place) {
            worker.runs.push(run);
        }
    }

    /// All that a dead process was doing is gone, and another one starts.
    fn restart(&mut self, env: &TestEnv, place: usize) {
        self.crashes += 1;
        self.woken = true;
        self.rescues
            .push(env.now() + LEASE + TimeDelta::milliseconds(1));
        let fresh = self.process();
        if let Some(worker) = self.workers.get_mut(place) {
            for run in std::mem::replace(worker, fresh).runs {
                env.failpoints.release(run.number);
            }
        }
    }

    fn ended(&mut self, env: &TestEnv, name: &str, ended: Result<(), JobFault>) {
        let Err(fault) = ended else { return };
        env.note(format_args!("{name} fails: {fault}"));
        // The others are a lost lease, and a provider that cannot be reached.
        if matches!(
            fault.code,
            ErrorCode::DatabaseFailed
                | ErrorCode::NoProgress
                | ErrorCode::NoIntent
                | ErrorCode::JobTimeout
        ) {
            self.faults.push(format!("{name}: {fault}"));
        }
    }
}
