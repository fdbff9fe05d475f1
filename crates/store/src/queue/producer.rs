//! The producer: one task per worker set that finishes, renews, rescues and claims, all in one transaction per cycle.
//!
//! Nothing but the end of its workers ends it. When the database fails, it waits and repeats the cycle.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::Chain;
use tokio::sync::{mpsc, oneshot, watch};

use crate::queue::claim::Claimed;
use crate::queue::job::JobRow;
use crate::queue::lease::Fence;
use crate::queue::poll::MAX_BATCH;
use crate::queue::worker::Phase;
use crate::queue::{Claimant, JobEnd};
use crate::{Store, StoreError, Tx};

/// How long to wait after the database failed.
const FAILURE_PAUSE: Duration = Duration::from_millis(200);

/// The shortest wait between two idle cycles, for what is due but held by another transaction.
const SHORTEST_WAIT: Duration = Duration::from_millis(10);

/// How often the end of a run that the database answers with an error is written before its job is left to the rescue.
const MAX_FINISH_TRIES: u32 = 5;

/// How often a cycle is tried once the grace is over; then the leases are left to run out.
const MAX_LAST_CYCLES: u32 = 3;

/// The end of a job's run.
#[derive(Debug)]
pub(crate) struct Ack {
    pub(crate) id: String,
    pub(crate) token: i64,
    /// What to write; `None` when the handler has finished the job.
    pub(crate) end: Option<JobEnd>,
    /// Signalled once the end is durable.
    pub(crate) done: Option<oneshot::Sender<()>>,
    pub(crate) tries: u32,
}

/// What never changes about a producer.
#[derive(Debug)]
pub(crate) struct Terms {
    pub(crate) claimant: Claimant,
    pub(crate) concurrency: usize,
    pub(crate) poll_interval: Duration,
}

/// The state of the producer between cycles.
#[derive(Debug)]
pub(crate) struct Producer {
    pub(crate) store: Store,
    pub(crate) terms: Terms,
    /// Bounded by the concurrency: each running job sends one.
    pub(crate) acks: mpsc::Receiver<Ack>,
    /// Bounded by the concurrency: no more is claimed than runs.
    pub(crate) out: mpsc::Sender<JobRow>,
    pub(crate) phase: watch::Receiver<Phase>,
    pub(crate) wakes: watch::Receiver<u64>,
    /// Runs whose end the next cycle writes.
    pub(crate) pending: Vec<Ack>,
    /// Claimed and not finished.
    pub(crate) in_flight: usize,
    /// When the leases were last renewed, on the wall.
    pub(crate) renewed_at: DateTime<Utc>,
}

/// What a cycle came to.
#[derive(Debug, Default)]
struct PollCycle {
    claimed: Claimed,
    /// When there may be something to do, in business time.
    next: Option<DateTime<Utc>>,
    /// When it began, on the wall, unless it did nothing. The leases it wrote are no older.
    begun: Option<DateTime<Utc>>,
    renewed: bool,
}

/// Why a cycle failed, and which pending end it was writing.
#[derive(Debug)]
struct CycleError {
    source: StoreError,
    writing: Option<usize>,
}

impl From<StoreError> for CycleError {
    fn from(source: StoreError) -> Self {
        Self {
            source,
            writing: None,
        }
    }
}

impl Producer {
    /// Works until no handler is left to end a run.
    pub(crate) async fn run(mut self) {
        let mut failures = 0;
        loop {
            // Seen before the cycle, so that whatever is enqueued during it leads to another.
            self.wakes.borrow_and_update();
            let phase = *self.phase.borrow_and_update();
            self.drain_acks();
            match self.cycle(phase).await {
                Ok(cycle) => {
                    failures = 0;
                    let more = cycle.claimed.more;
                    let next = cycle.next;
                    self.hand_out(cycle);
                    if more {
                        tokio::task::yield_now().await;
                    } else if !self.wait(next).await {
                        break;
                    }
                }
                Err(error) => {
                    failures += 1;
                    self.record_failure(&error);
                    if phase == Phase::Abandoned && failures >= MAX_LAST_CYCLES {
                        tracing::error!(
                            jobs = self.in_flight,
                            "gave up writing the ends of runs; the leases will run out"
                        );
                        return;
                    }
                    tokio::time::sleep(FAILURE_PAUSE).await;
                }
            }
        }
    }

    /// Takes the acks that have come, up to a batch.
    fn drain_acks(&mut self) {
        while self.pending.len() < MAX_BATCH {
            let Ok(ack) = self.acks.try_recv() else { break };
            self.pending.push(ack);
        }
    }

    /// One transaction: finishes what is pending, renews, rescues and claims.
    async fn cycle(&mut self, phase: Phase) -> Result<PollCycle, CycleError> {
        let running = self.in_flight.saturating_sub(self.pending.len());
        let free = if phase == Phase::Running {
            self.terms.concurrency.saturating_sub(running)
        } else {
            0
        };
        let renew = self.in_flight > 0 && self.renewal_is_due();
        if free == 0 && !renew && self.pending.iter().all(|ack| ack.end.is_none()) {
            return Ok(PollCycle::default());
        }
        let begun = self.store.clock.wall();
        let mut tx = self.store.begin().await?;
        if free > 0 {
            tx.lock_claims().await?;
        }
        self.finish_pending(&mut tx).await?;
        if renew {
            tx.renew_leases(&self.terms.claimant.owner, self.terms.claimant.lease)
                .await?;
        }
        let mut cycle = PollCycle::default();
        if free > 0 {
            let peek = tx.peek().await?;
            (cycle.claimed, cycle.next) = tx.poll_within(&self.terms.claimant, free, peek).await?;
        }
        (cycle.begun, cycle.renewed) = (Some(begun), renew);
        tx.commit().await?;
        Ok(cycle)
    }

    fn renewal_is_due(&self) -> bool {
        let age = (self.store.clock.wall() - self.renewed_at)
            .to_std()
            .unwrap_or(Duration::MAX);
        age >= self.terms.claimant.lease / 3
    }

    /// Finishes what is pending: clean successes in one statement, the rest one by one.
    async fn finish_pending(&self, tx: &mut Tx) -> Result<(), CycleError> {
        let clean = |ack: &&Ack| matches!(ack.end, Some(JobEnd::Succeeded { result: None }));
        let done: Vec<(&str, i64)> = self
            .pending
            .iter()
            .filter(clean)
            .map(|ack| (ack.id.as_str(), ack.token))
            .collect();
        let kept = tx.succeed_all(&self.terms.claimant.owner, &done).await?;
        for (id, _) in done.iter().filter(|(id, _)| !kept.contains(*id)) {
            tracing::warn!(
                job.id = id,
                "the lease of a job was lost before its run ended"
            );
        }
        for (index, ack) in self
            .pending
            .iter()
            .enumerate()
            .filter(|(_, ack)| !clean(ack))
        {
            let Some(end) = &ack.end else {
                continue;
            };
            let fence = Fence {
                id: &ack.id,
                token: ack.token,
                owner: &self.terms.claimant.owner,
            };
            let kept = tx.finish_fenced(fence, end).await;
            let kept = kept.map_err(|source| CycleError {
                source,
                writing: Some(index),
            })?;
            if !kept {
                tracing::warn!(
                    job.id = ack.id,
                    "the lease of a job was lost before its run ended"
                );
            }
        }
        Ok(())
    }

    /// After the commit: lets finished handlers go, and the claimed jobs run.
    fn hand_out(&mut self, cycle: PollCycle) {
        for ack in self.pending.drain(..) {
            self.in_flight = self.in_flight.saturating_sub(1);
            if let Some(done) = ack.done {
                // Whoever waited may have been dropped; the end is durable all the same.
                let _ = done.send(());
            }
        }
        if let Some(begun) = cycle.begun.filter(|_| cycle.renewed || self.in_flight == 0) {
            self.renewed_at = begun;
        }
        for job in cycle.claimed.jobs {
            self.in_flight += 1;
            // The channel is closed once the workers stop.
            if let Err(
                mpsc::error::TrySendError::Closed(job) | mpsc::error::TrySendError::Full(job),
            ) = self.out.try_send(job)
            {
                self.pending.push(Ack::hand_back(&job));
            }
        }
    }

    /// Counts a failed end against its job, and leaves the job to the rescue when that cannot be helped.
    fn record_failure(&mut self, error: &CycleError) {
        tracing::warn!(error = %Chain(&error.source), "a cycle of the queue failed; it is repeated");
        let Some(index) = error.writing else { return };
        let hopeless = !matches!(&error.source, StoreError::Database(source) if source.as_database_error().is_none());
        let Some(ack) = self.pending.get_mut(index) else {
            return;
        };
        if hopeless {
            ack.tries += 1;
        }
        if ack.tries >= MAX_FINISH_TRIES {
            tracing::error!(
                job.id = ack.id,
                "the end of a run cannot be written; its lease will run out"
            );
            self.pending.remove(index);
            self.in_flight = self.in_flight.saturating_sub(1);
        }
    }

    /// Waits for something to do. Returns `false` when nothing can come any more.
    async fn wait(&mut self, next: Option<DateTime<Utc>>) -> bool {
        if !self.pending.is_empty() {
            return true;
        }
        let until_next = next.map(|next| {
            self.store
                .clock
                .wall_for(next - self.store.now())
                .max(SHORTEST_WAIT)
        });
        let idle = self.terms.poll_interval.min(self.terms.claimant.lease / 3);
        let idle = until_next.map_or(idle, |until| until.min(idle));
        tokio::select! {
            ack = self.acks.recv() => match ack {
                Some(ack) => {
                    self.pending.push(ack);
                    // Lets others that are about to end join the batch.
                    tokio::task::yield_now().await;
                }
                None => return false,
            },
            _ = self.wakes.changed() => {}
            _ = self.phase.changed() => {}
            () = tokio::time::sleep(idle) => {}
        }
        true
    }
}

impl Ack {
    /// Gives back a job that has not been started.
    pub(crate) fn hand_back(job: &JobRow) -> Self {
        Self {
            id: job.id.clone(),
            token: job.token,
            end: Some(JobEnd::HandedBack),
            done: None,
            tries: 0,
        }
    }
}
