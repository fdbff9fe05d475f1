//! One run of a payment link's job: the engine's steps for what belongs to no reservation.
//!
//! As there, every commit before the request says what is about to happen, so that a crash at any point leaves either
//! "nothing was sent" or "it may have been sent", and it is always known which of the two.

#[cfg(test)]
mod tests;

use api_client::wire::SubmitOrder;
use chrono::{DateTime, TimeDelta, Utc};
use domain::deadlines::NO_DEADLINE;
use domain::outcome::{Outcome, RefusedBy};
use domain::payment_link::{
    Attempt, LinkEvent, LinkState, NEEDS_REVIEW, Step, after_search, after_silence, answered,
    decide, due_date,
};
use domain::{ErrorCode, PlannedState, WaitingFor};
use serde_json::json;
use store::queue::{ClaimedJob, FaultClass, Finished, JobEnd, JobFault, NotBefore};
use store::{PaymentLink, StoreError, Tx};

use crate::app::{App, MerchantHandle};
use crate::jobs::call::{ReadError, not_sent};
use crate::jobs::engine::{MAX_TURNS, may_leave};
use crate::jobs::evidence;
use crate::jobs::next_state::{after_failed_read, read_later, wait_for_budget};
use crate::jobs::requests::payment_link as calls;
use crate::jobs::stop_requests::stop_requests;
use crate::payment_link::PaymentLinkRequest;
use crate::submission::read_stored;

struct Run<'a> {
    app: &'a App,
    job: &'a ClaimedJob,
    handle: &'a MerchantHandle,
}

/// An attempt that is on record, with its request.
struct Prepared {
    /// Its number among those of the job.
    number: u32,
    attempt: Attempt,
    order: SubmitOrder,
}

pub(in crate::jobs) async fn run(app: &App, job: &ClaimedJob) -> Result<Finished, JobFault> {
    let handle = app.merchants.get(&job.merchant).ok_or_else(|| {
        internal(
            ErrorCode::UnknownMerchant,
            "its merchant is not in the configuration; add it and retry",
        )
    })?;
    Run { app, job, handle }.turns().await
}

fn internal(code: ErrorCode, message: &str) -> JobFault {
    JobFault::new(FaultClass::Internal, code, message)
}

impl Run<'_> {
    async fn turns(&self) -> Result<Finished, JobFault> {
        let mut prepared: Option<Prepared> = None;
        for _ in 0..MAX_TURNS {
            let (mut tx, mut link) = self.lock().await?;
            match decide(&link.state, &self.handle.merchant, tx.now()) {
                Step::Record(event) => {
                    tx.check_lease(&self.job.lease).await?;
                    tx.record_link(&mut link, &event, "worker").await?;
                    tx.commit().await?;
                }
                Step::Search(attempt) => return self.search(tx, link, &attempt).await,
                Step::Send => match prepared.take() {
                    None => match self.write(tx, link).await? {
                        Some(ready) => prepared = Some(ready),
                        None => return Ok(Finished::Already),
                    },
                    Some(ready) => {
                        let released_at = self.release(tx, link, &ready).await?;
                        return self.send(&ready, released_at).await;
                    }
                },
                step @ (Step::Wait { .. }
                | Step::Review
                | Step::Made(_)
                | Step::Rejected(_)
                | Step::Withdrawn(_)) => return self.finish(tx, end_of(step)).await,
            }
        }
        Err(internal(
            ErrorCode::NoProgress,
            "it decided again and again without acting",
        ))
    }

    async fn lock(&self) -> Result<(Tx, PaymentLink), JobFault> {
        let mut tx = self.app.store.begin().await?;
        let link = tx.lock_payment_link(&self.job.id).await?;
        let link =
            link.ok_or_else(|| internal(ErrorCode::NoPaymentLink, "the payment link is gone"))?;
        Ok((tx, link))
    }

    /// Ends the run, in the transaction of what led here. If the job is another's by now, nothing of it is kept.
    async fn finish(&self, mut tx: Tx, end: JobEnd) -> Result<Finished, JobFault> {
        tx.finish_job(&self.job.lease, end).await?;
        tx.commit().await?;
        Ok(Finished::Already)
    }

    /// What becomes of the job by the state that the link is in now.
    fn end(&self, link: &PaymentLink, now: DateTime<Utc>) -> JobEnd {
        end_of(decide(&link.state, &self.handle.merchant, now))
    }

    fn request(link: &PaymentLink) -> Result<PaymentLinkRequest, JobFault> {
        read_stored(link.request.clone()).map_err(|error| {
            let message = "what was asked for cannot be read";
            internal(ErrorCode::BadPaymentLink, message).caused_by(error)
        })
    }

    /// Puts the attempt on record. Nothing has been sent, and a crash from here on sends nothing.
    async fn write(&self, mut tx: Tx, mut link: PaymentLink) -> Result<Option<Prepared>, JobFault> {
        let limit = self.handle.rate_limit_per_minute;
        if let Err(wait) = tx.take_request(&self.job.merchant, limit).await? {
            self.finish(tx, wait_for_budget(wait, PlannedState::Scheduled))
                .await?;
            return Ok(None);
        }
        let now = tx.now();
        let attempt = Attempt {
            number: link.state.attempts().saturating_add(1),
            due: due_date(now, &*self.app.entropy),
            at: now,
        };
        let order = calls::order(&Self::request(&link)?, &attempt);
        let number = tx.start_attempt(&self.job.lease, None).await?;
        let written = LinkEvent::AttemptWritten {
            attempt: attempt.clone(),
        };
        tx.record_link(&mut link, &written, "worker").await?;
        tx.commit().await?;
        Ok(Some(Prepared {
            number,
            attempt,
            order,
        }))
    }

    /// Marks the attempt as being sent, under the fence. Once this is committed the request counts as sent.
    async fn release(
        &self,
        mut tx: Tx,
        mut link: PaymentLink,
        ready: &Prepared,
    ) -> Result<DateTime<Utc>, JobFault> {
        let released_at = self.app.clock.wall();
        tx.mark_sending(&self.job.lease, ready.number).await?;
        let released = LinkEvent::AttemptReleased {
            number: ready.attempt.number,
            at: tx.now(),
        };
        tx.record_link(&mut link, &released, "worker").await?;
        tx.commit().await?;
        Ok(released_at)
    }

    /// Sends the request, once, and records what came of it.
    async fn send(
        &self,
        ready: &Prepared,
        released_at: DateTime<Utc>,
    ) -> Result<Finished, JobFault> {
        let (sent, order) = if may_leave(self.app, released_at) {
            calls::send(&self.handle.client, &ready.order).await
        } else {
            (not_sent(), None)
        };
        let (mut tx, mut link) = self.lock().await?;
        if sent.faulted {
            evidence::note_fault(&mut tx, &self.job.merchant).await?;
        }
        tx.finish_attempt(&self.job.lease, ready.number, &sent.end)
            .await?;
        let event = answered(ready.attempt.number, &sent.outcome, order);
        match tx.record_link(&mut link, &event, "provider").await {
            Ok(()) => {}
            // Another worker took this one for dead, and the link has gone on: the attempt alone tells of the answer.
            Err(StoreError::IllegalLinkEvent(_)) => {
                tx.commit().await?;
                return Ok(Finished::Already);
            }
            Err(error) => return Err(error.into()),
        }
        if let Err(StoreError::LeaseLost { .. }) = tx.check_lease(&self.job.lease).await {
            return self.learnt_late(tx).await;
        }
        let end = match &sent.outcome {
            Outcome::Unsent { reason } => JobEnd::Retry {
                error: JobFault::new(FaultClass::Transport, ErrorCode::Unsent, reason),
            },
            Outcome::Rejected {
                by: by @ (RefusedBy::Auth | RefusedBy::Throttled),
                ..
            } => {
                let wait = self.stop(&mut tx, *by, sent.retry_after).await?;
                wait_for_budget(wait, PlannedState::Scheduled)
            }
            Outcome::Rejected { .. } | Outcome::Accepted { .. } | Outcome::Unknown { .. } => {
                self.end(&link, tx.now())
            }
        };
        self.finish(tx, end).await
    }

    /// The job is another's by now, or waits for a person. What was learnt is true all the same, and the job's next run
    /// acts on it.
    async fn learnt_late(&self, mut tx: Tx) -> Result<Finished, JobFault> {
        match tx.retry_job(&self.job.id).await {
            Ok(_) | Err(StoreError::JobState { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        tx.commit().await?;
        Ok(Finished::Already)
    }

    /// Stops the merchant's requests for a refusal that concerns all of them, and says how the job waits.
    async fn stop(
        &self,
        tx: &mut Tx,
        by: RefusedBy,
        retry_after: Option<TimeDelta>,
    ) -> Result<NotBefore, StoreError> {
        let wait = stop_requests(tx, self.handle, by, retry_after).await?;
        Ok(wait.unwrap_or_else(|| NotBefore {
            at: tx.now(),
            waiting_for: WaitingFor::RateLimit,
        }))
    }

    /// Looks for the order that an attempt may have made.
    async fn search(
        &self,
        mut tx: Tx,
        mut link: PaymentLink,
        attempt: &Attempt,
    ) -> Result<Finished, JobFault> {
        let limit = self.handle.rate_limit_per_minute;
        if let Err(wait) = tx.take_request(&self.job.merchant, limit).await? {
            return self
                .finish(tx, wait_for_budget(wait, PlannedState::Resolving))
                .await;
        }
        tx.commit().await?;
        let wish = calls::wish(&Self::request(&link)?);
        let found = calls::search(self.app, self.handle, &link, attempt).await;
        (tx, link) = self.lock().await?;
        tx.check_lease(&self.job.lease).await?;
        let (merchant, now) = (&self.handle.merchant, tx.now());
        let (event, otherwise) = match found {
            Ok(found) => (
                after_search(&link.state, &wish, &found, merchant, now),
                None,
            ),
            Err(error) => {
                let wait = self.read_failed(&mut tx, attempt, error).await?;
                (after_silence(&link.state, merchant, now), Some(wait))
            }
        };
        if let Some(event) = &event {
            tx.record_link(&mut link, event, "provider").await?;
        }
        if let LinkState::Made { .. } = link.state {
            tx.confirm_last_attempt(&self.job.id).await?;
        }
        let end = match (event, otherwise) {
            (None, Some(wait)) => wait,
            (Some(_), _) | (None, None) => self.end(&link, now),
        };
        self.finish(tx, end).await
    }

    /// When to search again after a search that failed.
    async fn read_failed(
        &self,
        tx: &mut Tx,
        attempt: &Attempt,
        error: ReadError,
    ) -> Result<JobEnd, StoreError> {
        let (reason, faulted) = match error {
            ReadError::Refused(by, retry_after) => {
                let wait = self.stop(tx, by, retry_after).await?;
                return Ok(wait_for_budget(wait, PlannedState::Resolving));
            }
            ReadError::NotFound => ("not found".to_owned(), false),
            ReadError::Nothing { reason, faulted } => (reason, faulted),
        };
        tracing::warn!(job.id = %self.job.id, reason, "read failed; nothing recorded");
        if faulted {
            evidence::note_fault(tx, &self.job.merchant).await?;
        }
        let wait = after_failed_read(attempt.at, NO_DEADLINE, tx.now());
        let state = PlannedState::Resolving;
        Ok(read_later(&*self.app.entropy, wait, tx.now(), state))
    }
}

/// What becomes of a job that has nothing to do but this. What it would do is left to its next run.
fn end_of(step: Step) -> JobEnd {
    match step {
        Step::Wait { until } => JobEnd::Snooze {
            until,
            waiting_for: Some(WaitingFor::Resolution),
            state: PlannedState::Resolving,
        },
        Step::Review => JobEnd::NeedsReview {
            code: ErrorCode::OutcomeUnknown,
            message: NEEDS_REVIEW.to_owned(),
        },
        Step::Made(order) => JobEnd::Succeeded {
            result: Some(json!({"reference": order.id, "payment_url": order.url})),
        },
        Step::Rejected(key) => JobEnd::Failed {
            code: ErrorCode::ProviderRefused,
            message: format!("the provider refused it: {key}"),
        },
        Step::Withdrawn(reason) => JobEnd::Cancelled { reason },
        Step::Send | Step::Record(_) | Step::Search(_) => JobEnd::HandedBack,
    }
}
