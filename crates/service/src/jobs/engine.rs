//! One run of a reservation's job: decide under the lock, send at most one request, record what was learnt.
//!
//! Every commit before the request says what is about to happen, so that a crash at any point leaves either
//! "nothing was sent" or "it may have been sent", and it is always known which of the two.

use chrono::{DateTime, TimeDelta, Utc};
use domain::decide::{Step, decide};
use domain::observe::{Reading, observe};
use domain::outcome::{Outcome, RefusedBy, outcome};
use domain::reservation::{IntentState, Operation, ReviewReason};
use domain::resolve::Evidence;
use domain::{
    Case, ErrorCode, Fact, IntentFact, IntentId, JobKey, PlannedState, ProviderFact, Reservation,
    ReservationId, ReviewFact, WaitingFor,
};
use store::queue::{ClaimedJob, FaultClass, Finished, JobEnd, JobFault, NotBefore};
use store::{StoreError, Stored, Tx};

use super::call::{ReadError, not_sent};
use super::evidence;
use super::next_state::{again_after_fault, next_job_state, wait_for_budget};
use super::requests::{self, Request};
use super::stop_requests::stop_requests;
use crate::app::{App, MerchantHandle};

/// Decisions without a request that one run may take.
pub(super) const MAX_TURNS: u32 = 8;
/// A request that has not left so long after its release, on the wall, does not leave at all.
const LEAVES_WITHIN: TimeDelta = TimeDelta::seconds(30);
/// From this limit on the budget, a tenth of which may be used at once, has two requests at a time.
const TWO_AT_A_TIME: u32 = 20;

struct Run<'a> {
    app: &'a App,
    job: &'a ClaimedJob,
    handle: &'a MerchantHandle,
    id: &'a ReservationId,
    key: &'a JobKey,
}

pub(super) async fn run(app: &App, job: &ClaimedJob) -> Result<Finished, JobFault> {
    let internal = |code, message| JobFault::new(FaultClass::Internal, code, message);
    let id = job
        .reservation
        .as_ref()
        .ok_or_else(|| internal(ErrorCode::NoReservation, "the job names no reservation"))?;
    let key = job
        .key
        .as_ref()
        .ok_or_else(|| internal(ErrorCode::NoKey, "the job has no key of a schedule"))?;
    let handle = app.merchants.get(&job.merchant).ok_or_else(|| {
        internal(
            ErrorCode::UnknownMerchant,
            "its merchant is not in the configuration; add it and retry",
        )
    })?;
    Run {
        app,
        job,
        handle,
        id,
        key,
    }
    .turns()
    .await
}

impl Run<'_> {
    async fn turns(&self) -> Result<Finished, JobFault> {
        let mut prepared: Option<(u32, Request)> = None;
        for _ in 0..MAX_TURNS {
            let (tx, mut stored) = self.lock().await?;
            let now = tx.now();
            let r = &mut stored.reservation;
            let planner = self.app.planner();
            match decide(Case::new(r, &self.handle.merchant, now), self.key, &planner) {
                Step::Done => return self.finish(tx, r).await,
                Step::Wait { until, waiting_for } => {
                    return self.wait(tx, r, until, waiting_for).await;
                }
                Step::Record(facts) => self.record(tx, r, &facts).await?,
                Step::Read => return self.read(tx, stored).await,
                Step::Search(intent) => return self.search(tx, stored, &intent).await,
                Step::Send(intent) => match prepared.take() {
                    None => match self.write(tx, stored, &intent).await? {
                        Some(ready) => prepared = Some(ready),
                        None => return Ok(Finished::Already),
                    },
                    Some((number, request)) => {
                        let released = self.release(tx, r, &intent, number).await?;
                        return self.send(stored, &intent, &released, request).await;
                    }
                },
            }
        }
        Err(JobFault::new(
            FaultClass::Internal,
            ErrorCode::NoProgress,
            "it decided again and again without acting",
        ))
    }

    async fn lock(&self) -> Result<(Tx, Stored), JobFault> {
        let mut tx = self.app.store.begin().await?;
        let stored = tx.lock_reservation(self.id).await?.ok_or_else(|| {
            JobFault::new(
                FaultClass::Internal,
                ErrorCode::NoReservation,
                "its reservation is gone",
            )
        })?;
        Ok((tx, stored))
    }

    /// Finishes the job by the schedule, in the transaction of the facts that led here. If the job is another's by now,
    /// nothing of it is kept.
    async fn finish(&self, mut tx: Tx, r: &Reservation) -> Result<Finished, JobFault> {
        let end = next_job_state(r, &self.handle.merchant, self.job);
        tx.finish_job(&self.job.lease, end).await?;
        tx.commit().await?;
        Ok(Finished::Already)
    }

    async fn wait(
        &self,
        mut tx: Tx,
        r: &Reservation,
        until: DateTime<Utc>,
        waiting_for: Option<WaitingFor>,
    ) -> Result<Finished, JobFault> {
        let end = JobEnd::Snooze {
            until,
            waiting_for,
            state: self.waiting_state(r),
        };
        tx.finish_job(&self.job.lease, end).await?;
        tx.commit().await?;
        Ok(Finished::Already)
    }

    /// A job whose request is in doubt waits as resolving, so that people see it.
    fn waiting_state(&self, r: &Reservation) -> PlannedState {
        match r.intent_of_key(self.key).map(|intent| &intent.progress) {
            Some(IntentState::Unknown(_) | IntentState::Accepted { .. }) => PlannedState::Resolving,
            _ => PlannedState::Scheduled,
        }
    }

    async fn record(
        &self,
        mut tx: Tx,
        r: &mut Reservation,
        facts: &[Fact],
    ) -> Result<(), JobFault> {
        tx.check_lease(&self.job.lease).await?;
        self.note(&mut tx, r, facts, "worker").await?;
        tx.commit().await?;
        Ok(())
    }

    /// The reservation as it is after a request, locked, with what is known of the merchant's view of the provider.
    async fn after_request(&self) -> Result<(Tx, Stored, Evidence), JobFault> {
        let (mut tx, stored) = self.lock().await?;
        let known = tx.evidence(&self.job.merchant).await?;
        Ok((tx, stored, known))
    }

    /// Records what a request taught of the reservation, and of the merchant's view of the provider.
    async fn learn(
        &self,
        tx: &mut Tx,
        r: &mut Reservation,
        known: &Evidence,
        facts: &[Fact],
    ) -> Result<(), StoreError> {
        evidence::learn(tx, known, r, facts).await?;
        self.note(tx, r, facts, "provider").await
    }

    async fn note(
        &self,
        tx: &mut Tx,
        r: &mut Reservation,
        facts: &[Fact],
        actor: &str,
    ) -> Result<(), StoreError> {
        for fact in facts {
            if let Fact::Planned(intent) = fact
                && intent.key == *self.key
            {
                tx.carry_intent(&self.job.id, &intent.id).await?;
            }
        }
        tx.record(r, facts, &self.handle.merchant, actor, Some(&self.job.id))
            .await
    }

    /// One request of the merchant's budget, or the time to come again.
    async fn budget(&self, tx: &mut Tx) -> Result<Result<(), NotBefore>, StoreError> {
        tx.take_request(&self.job.merchant, self.handle.rate_limit_per_minute)
            .await
    }

    async fn over_budget(
        &self,
        tx: Tx,
        r: &Reservation,
        wait: NotBefore,
    ) -> Result<Finished, JobFault> {
        self.wait(tx, r, wait.at, Some(wait.waiting_for)).await
    }

    async fn read(&self, mut tx: Tx, mut stored: Stored) -> Result<Finished, JobFault> {
        if let Err(wait) = self.budget(&mut tx).await? {
            return self.over_budget(tx, &stored.reservation, wait).await;
        }
        // What it shows is as old as the request.
        let (since, asked_at) = (stored.reservation.version, tx.now());
        tx.commit().await?;
        let read = requests::details::read_details(self.handle, &stored.reservation).await;
        let known;
        (tx, stored, known) = self.after_request().await?;
        let r = &mut stored.reservation;
        let facts = match read {
            Ok(seen) => {
                let reading = Reading {
                    seen: &seen,
                    since,
                    evidence: &known,
                };
                observe(Case::new(r, &self.handle.merchant, asked_at), reading)
            }
            Err(ReadError::NotFound) => vec![
                // Counted as a read that did not add up, so that the next one waits.
                Fact::Provider(ProviderFact::DetailsRead {
                    at: tx.now(),
                    status: None,
                    coherent: false,
                    since,
                }),
                Fact::Review(ReviewFact::Raised {
                    reason: ReviewReason::MissingAtProvider,
                    freezes: true,
                    at: tx.now(),
                }),
            ],
            Err(error) => return self.read_failed(tx, r, error).await,
        };
        self.learn(&mut tx, r, &known, &facts).await?;
        self.finish(tx, r).await
    }

    /// Looks for the trace of a request in the history.
    async fn search(
        &self,
        mut tx: Tx,
        mut stored: Stored,
        intent: &IntentId,
    ) -> Result<Finished, JobFault> {
        if let Err(wait) = self.budget(&mut tx).await? {
            return self.over_budget(tx, &stored.reservation, wait).await;
        }
        tx.commit().await?;
        let found =
            requests::history_search::look(self.app, self.handle, &stored.reservation, intent)
                .await;
        let known;
        (tx, stored, known) = self.after_request().await?;
        let r = &mut stored.reservation;
        let facts = match found {
            Ok(found) => {
                let case = Case::new(r, &self.handle.merchant, tx.now());
                requests::history_search::facts(case, intent, &found, &known)
            }
            Err(error) => return self.read_failed(tx, r, error).await,
        };
        self.learn(&mut tx, r, &known, &facts).await?;
        self.finish(tx, r).await
    }

    /// A request that reads has failed: it is made again later.
    async fn read_failed(
        &self,
        mut tx: Tx,
        r: &Reservation,
        error: ReadError,
    ) -> Result<Finished, JobFault> {
        let (reason, faulted) = match error {
            ReadError::Refused(by, retry_after) => {
                return self.refused(tx, r, by, retry_after).await;
            }
            ReadError::NotFound => ("not found".to_owned(), false),
            ReadError::Nothing { reason, faulted } => (reason, faulted),
        };
        tracing::warn!(reservation.id = %r.id, reason, "read failed; nothing recorded");
        if faulted {
            evidence::note_fault(&mut tx, &self.job.merchant).await?;
        }
        let (merchant, state) = (&self.handle.merchant, self.waiting_state(r));
        let end = again_after_fault(&*self.app.entropy, r, merchant, self.job, tx.now(), state);
        tx.finish_job(&self.job.lease, end).await?;
        tx.commit().await?;
        Ok(Finished::Already)
    }

    /// The credentials or the rate stopped a request: it was not executed, and others of the merchant wait too.
    async fn refused(
        &self,
        mut tx: Tx,
        r: &Reservation,
        by: RefusedBy,
        retry_after: Option<TimeDelta>,
    ) -> Result<Finished, JobFault> {
        let wait = stop_requests(&mut tx, self.handle, by, retry_after)
            .await?
            .unwrap_or_else(|| NotBefore {
                at: tx.now(),
                waiting_for: WaitingFor::RateLimit,
            });
        tx.finish_job(
            &self.job.lease,
            wait_for_budget(wait, self.waiting_state(r)),
        )
        .await?;
        tx.commit().await?;
        Ok(Finished::Already)
    }

    /// How many requests an intent may come to. A cancel may find that its verb does not exist and send the other one;
    /// where the budget never has two at a time, one has to do.
    fn requests_of(&self, r: &Reservation, id: &IntentId) -> u32 {
        let cancels = r
            .intent(id)
            .is_some_and(|intent| matches!(intent.operation, Operation::Cancel { .. }));
        if cancels && self.handle.rate_limit_per_minute >= TWO_AT_A_TIME {
            2
        } else {
            1
        }
    }

    /// Puts the attempt on record. Nothing has been sent, and a crash from here on sends nothing.
    async fn write(
        &self,
        mut tx: Tx,
        mut stored: Stored,
        id: &IntentId,
    ) -> Result<Option<(u32, Request)>, JobFault> {
        let (limit, requests) = (
            self.handle.rate_limit_per_minute,
            self.requests_of(&stored.reservation, id),
        );
        if let Err(wait) = tx
            .take_requests(&self.job.merchant, limit, requests)
            .await?
        {
            self.over_budget(tx, &stored.reservation, wait).await?;
            return Ok(None);
        }
        let r = &mut stored.reservation;
        let Some(intent) = r.intent(id).cloned() else {
            return Err(no_intent());
        };
        let attempt = match &intent.progress {
            IntentState::Written { sent, .. } => sent.attempt,
            _ => intent.attempts() + 1,
        };
        let number = tx.start_attempt(&self.job.lease, Some(id)).await?;
        let written = Fact::Intent(
            id.clone(),
            IntentFact::AttemptWritten {
                attempt,
                at: tx.now(),
            },
        );
        self.note(&mut tx, r, &[written], "worker").await?;
        tx.commit().await?;
        let request = requests::prepare(self.app, self.handle, &stored, &intent, attempt).await?;
        Ok(Some((number, request)))
    }

    /// Marks the attempt as being sent, under the fence. Once this is committed the request counts as sent.
    async fn release(
        &self,
        mut tx: Tx,
        r: &mut Reservation,
        id: &IntentId,
        number: u32,
    ) -> Result<Released, JobFault> {
        let at = self.app.clock.wall();
        let attempt = match r.intent(id).map(|intent| &intent.progress) {
            Some(IntentState::Written { sent, .. }) => sent.attempt,
            _ => return Err(no_intent()),
        };
        tx.mark_sending(&self.job.lease, number).await?;
        let sending = Fact::Intent(
            id.clone(),
            IntentFact::AttemptSent {
                attempt,
                at: tx.now(),
            },
        );
        self.note(&mut tx, r, &[sending], "worker").await?;
        tx.commit().await?;
        Ok(Released {
            attempt,
            number,
            at,
        })
    }

    async fn send(
        &self,
        stored: Stored,
        id: &IntentId,
        released: &Released,
        request: Request,
    ) -> Result<Finished, JobFault> {
        let uuid = stored.reservation.provider.reservation_uuid.clone();
        let sent = if may_leave(self.app, released.at) {
            requests::send(&self.handle.client, uuid.as_ref(), request).await
        } else {
            not_sent()
        };
        let (mut tx, mut stored, known) = self.after_request().await?;
        let r = &mut stored.reservation;
        let Some(intent) = r.intent(id).cloned() else {
            return Err(no_intent());
        };
        if sent.faulted {
            evidence::note_fault(&mut tx, &self.job.merchant).await?;
        }
        tx.finish_attempt(&self.job.lease, released.number, &sent.end)
            .await?;
        if !matches!(&intent.progress, IntentState::Sending { sent, .. } if sent.attempt == released.attempt)
        {
            // Another worker took this one for dead: it resolves the request by reading, or has sent the next.
            tx.commit().await?;
            return Ok(Finished::Already);
        }
        let facts = outcome(&intent, &sent.outcome, tx.now());
        self.learn(&mut tx, r, &known, &facts).await?;
        if let Err(StoreError::LeaseLost { .. }) = tx.check_lease(&self.job.lease).await {
            // What was learnt is true whoever holds the job by now; what becomes of the job is the other's.
            tx.commit().await?;
            return Ok(Finished::Already);
        }
        match &sent.outcome {
            Outcome::Unsent { reason } => self.unsent(tx, reason).await,
            Outcome::Rejected {
                by: by @ (RefusedBy::Auth | RefusedBy::Throttled),
                ..
            } => self.refused(tx, r, *by, sent.retry_after).await,
            _ => self.finish(tx, r).await,
        }
    }

    /// Nothing left this machine, so the same attempt may be made again, later each time.
    async fn unsent(&self, mut tx: Tx, reason: &str) -> Result<Finished, JobFault> {
        let error = JobFault::new(FaultClass::Transport, ErrorCode::Unsent, reason);
        tx.finish_job(&self.job.lease, JobEnd::Retry { error })
            .await?;
        tx.commit().await?;
        Ok(Finished::Already)
    }
}

/// An attempt whose request may leave.
struct Released {
    /// Its number among those of the intent.
    attempt: u32,
    /// Its number among those of the job.
    number: u32,
    /// When, on the wall, at the latest.
    at: DateTime<Utc>,
}

/// May a request leave that was released at this time on the wall? Absence is counted from the release: one that
/// leaves long after it could be sent a second time.
pub(super) fn may_leave(app: &App, released_at: DateTime<Utc>) -> bool {
    app.clock.wall() < released_at + LEAVES_WITHIN
}

fn no_intent() -> JobFault {
    JobFault::new(
        FaultClass::Internal,
        ErrorCode::NoIntent,
        "the intent it carries is not where it should be",
    )
}
