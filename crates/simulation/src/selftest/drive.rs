//! The workers of a history: they take turns at the queue, run what they claim, halt, die, and start again.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use chrono::{DateTime, TimeDelta, Utc};
use store::queue::{Claimant, ClaimedJob, Handler, JobEnd, JobFault, WorkerOptions};

use super::dice::Dice;
use super::points::Fate;
use super::stage::{Stage, StageError};
use service::runner::{self, WorkerSettings};

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
    Halted(Fate),
}

/// The workers of a history.
pub(super) struct Crew {
    workers: Vec<Worker>,
    options: WorkerOptions,
    handler: Arc<dyn Handler>,
    dice: Dice,
    /// How many processes were ever started, for their names.
    started: u64,
    /// May there be something to claim?
    stirred: bool,
    /// When something is due, as the last turn saw it.
    next_due: Option<DateTime<Utc>>,
    /// When leases of the dead and the frozen run out.
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

impl Crew {
    pub(super) fn new(stage: &Stage, dice: Dice) -> Self {
        let settings = WorkerSettings {
            concurrency: SLOTS,
            lease: LEASE.to_std().unwrap_or_default(),
            poll_interval: LEASE.to_std().unwrap_or_default(),
            shutdown_grace: LEASE.to_std().unwrap_or_default(),
        };
        let mut crew = Self {
            workers: Vec::new(),
            options: runner::options(&stage.app, settings),
            handler: Arc::new(runner::handler(stage.app.clone())),
            dice,
            started: 0,
            stirred: true,
            next_due: None,
            rescues: Vec::new(),
            runs: 0,
            hour: (stage.now(), 0),
            is_endless: false,
            crashes: 0,
            faults: Vec::new(),
        };
        for _ in 0..WORKERS {
            let worker = crew.process();
            crew.workers.push(worker);
        }
        crew
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
    pub(super) fn stir(&mut self) {
        self.stirred = true;
    }

    /// When there is something to do next.
    pub(super) fn next(&self) -> Option<DateTime<Utc>> {
        let halted = self
            .workers
            .iter()
            .flat_map(|worker| worker.runs.iter().map(|run| run.goes_on));
        let thaws = self.workers.iter().filter_map(|worker| worker.frozen_until);
        halted
            .chain(thaws)
            .chain(self.rescues.iter().copied())
            .chain(self.next_due)
            .min()
    }

    /// Lets the workers do all that can be done now.
    pub(super) async fn work(&mut self, stage: &Stage) -> Result<(), StageError> {
        let now = stage.now();
        let before = self.rescues.len();
        self.rescues.retain(|at| *at > now);
        self.stirred |= self.rescues.len() < before || self.next_due.is_some_and(|due| due <= now);
        for place in 0..WORKERS {
            self.thaw(stage, place).await;
        }
        while self.stirred && !self.is_endless {
            self.stirred = false;
            let first = self.dice.between(0, 1);
            for turn in 0..2 {
                let place = usize::from((first + turn) % 2 == 1);
                // What one finds nothing in, the other need not search.
                if self.turn(stage, place).await? == Some(0) {
                    break;
                }
            }
        }
        Ok(())
    }

    /// One process claims what it has room for, and runs it. Says how many jobs that were; `None` if it has no room.
    async fn turn(&mut self, stage: &Stage, place: usize) -> Result<Option<usize>, StageError> {
        let Some(worker) = self.workers.get(place) else {
            return Ok(None);
        };
        let free = SLOTS.saturating_sub(worker.runs.len());
        if worker.frozen_until.is_some() || free == 0 {
            return Ok(None);
        }
        let cycle = stage.app.store.poll(&worker.claimant, free).await?;
        self.next_due = cycle.next;
        let claimed = cycle.jobs.len();
        for job in cycle.jobs {
            self.stirred = true;
            self.runs += 1;
            let run = self.begin(stage, job);
            self.count(stage, &run.name);
            self.go_on(stage, place, run).await;
        }
        Ok(Some(claimed))
    }

    /// Counts a run; one that comes again and again within an hour is a fault.
    fn count(&mut self, stage: &Stage, name: &str) {
        let now = stage.now();
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

    fn begin(&self, stage: &Stage, job: ClaimedJob) -> Run {
        let name = format!("{} {} attempt {}", job.kind, job.id, job.attempt);
        let (handler, app) = (Arc::clone(&self.handler), Arc::clone(&stage.app));
        let future = Box::pin(async move {
            let lease = job.lease.clone();
            match JobEnd::after(handler.run(job).await) {
                None => Ok(()),
                Some(settle) => {
                    let told = match &settle {
                        JobEnd::Retry { error } => Err(error.clone()),
                        _ => Ok(()),
                    };
                    let mut tx = app.store.begin().await?;
                    tx.finish_job(&lease, settle).await?;
                    tx.commit().await?;
                    told
                }
            }
        });
        stage.entropy.begin();
        Run {
            number: self.runs,
            name,
            future,
            goes_on: stage.now(),
        }
    }

    /// Lets what has halted go on, if it is time.
    async fn thaw(&mut self, stage: &Stage, place: usize) {
        let now = stage.now();
        let Some(worker) = self.workers.get_mut(place) else {
            return;
        };
        if worker.frozen_until.is_some_and(|until| until > now) {
            return;
        }
        self.stirred |= worker.frozen_until.take().is_some();
        let (due, waiting) = std::mem::take(&mut worker.runs)
            .into_iter()
            .partition(|run| run.goes_on <= now);
        worker.runs = waiting;
        let due: Vec<Run> = due;
        let name = self.name(place);
        for run in due {
            // An earlier one may have died, and its whole process with it.
            if self.name(place) != name {
                stage.points.release(run.number);
                continue;
            }
            self.stirred = true;
            stage.entropy.begin();
            stage.points.release(run.number);
            stage.note(format_args!("{name} goes on with {}", run.name));
            self.go_on(stage, place, run).await;
        }
    }

    fn name(&self, place: usize) -> String {
        self.workers
            .get(place)
            .map_or_else(String::new, |worker| worker.claimant.owner().to_owned())
    }

    /// Drives a run to its end, or to where it halts.
    async fn go_on(&mut self, stage: &Stage, place: usize, mut run: Run) {
        let reached = std::future::poll_fn(|cx| {
            stage.points.enter(run.number);
            let polled = run.future.as_mut().poll(cx);
            match stage.points.leave() {
                Some(fate) => Poll::Ready(Reached::Halted(fate)),
                None => polled.map(Reached::Ended),
            }
        })
        .await;
        let now = stage.now();
        let name = self.name(place);
        match reached {
            Reached::Ended(ended) => self.ended(stage, &run.name, ended),
            Reached::Halted(Fate::Waits(span)) => {
                run.goes_on = now + span;
                self.keep(place, run);
            }
            Reached::Halted(Fate::Freezes(point, span)) => {
                stage.note(format_args!(
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
            Reached::Halted(Fate::Dies(point)) => {
                stage.note(format_args!("{name} dies {} of {}", point.word(), run.name));
                stage.points.release(run.number);
                drop(run);
                self.restart(stage, place);
            }
        }
    }

    fn keep(&mut self, place: usize, run: Run) {
        if let Some(worker) = self.workers.get_mut(place) {
            worker.runs.push(run);
        }
    }

    /// All that a dead process was doing is gone, and another one starts.
    fn restart(&mut self, stage: &Stage, place: usize) {
        self.crashes += 1;
        self.stirred = true;
        self.rescues
            .push(stage.now() + LEASE + TimeDelta::milliseconds(1));
        let fresh = self.process();
        if let Some(worker) = self.workers.get_mut(place) {
            for run in std::mem::replace(worker, fresh).runs {
                stage.points.release(run.number);
            }
        }
    }

    fn ended(&mut self, stage: &Stage, name: &str, ended: Result<(), JobFault>) {
        let Err(fault) = ended else { return };
        stage.note(format_args!("{name} fails: {fault}"));
        // The others are a lost lease, and a provider that cannot be reached.
        if matches!(
            fault.code.as_ref(),
            "store" | "no_progress" | "no_intent" | "no_handler" | "timeout"
        ) {
            self.faults.push(format!("{name}: {fault}"));
        }
    }
}
