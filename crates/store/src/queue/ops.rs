//! What people do to jobs: retry, run now, reschedule, cancel, conclude.
//!
//! Each returns what it changed, so that the caller can write it to the audit in the same transaction.

use chrono::{DateTime, Utc};
use domain::{JobId, JobKind, JobState, MerchantId, ReservationId};
use serde_json::Value;

use crate::db::{Sql, execute, fetch_optional, millis};
use crate::queue::enqueue::{IdRow, LIVE_BY_KEY};
use crate::queue::finish::{MAX_MESSAGE_BYTES, bounded};
use crate::queue::job::{JobRow, job_columns};
use crate::{StoreError, Tx};

/// What a person changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobChanged {
    /// The job.
    pub job: JobId,
    /// What it does.
    pub kind: JobKind,
    /// Whose account it acts on.
    pub merchant: MerchantId,
    /// The reservation it belongs to.
    pub reservation: Option<ReservationId>,
    /// The state it was in.
    pub from: JobState,
    /// The state it is in now.
    pub to: JobState,
    /// When it runs.
    pub run_at: DateTime<Utc>,
}

// Differs from SQLite because other writers may be at work between this read and the write.
const READ: Sql = Sql {
    sqlite: concat!("SELECT ", job_columns!(), " FROM jobs WHERE id = $1"),
    postgres: concat!(
        "SELECT ",
        job_columns!(),
        " FROM jobs WHERE id = $1 FOR UPDATE"
    ),
};

const CHANGE: &str = "UPDATE jobs SET state = $3, run_at = $4, finished_at = $5, waiting_for = NULL,
        last_error_code = COALESCE($6, last_error_code), last_error_message = COALESCE($7, last_error_message)
    WHERE id = $1 AND state = $2";

/// A retry starts with all its attempts, since what used them up is thought to be over.
const FRESH: &str = "UPDATE jobs SET attempts_used = 0, crashes = 0 WHERE id = $1";

const RESULT: &str = "UPDATE jobs SET result = $2 WHERE id = $1";

/// One change that a person may make.
struct Action {
    name: &'static str,
    from: &'static [JobState],
    to: JobState,
    run_at: Option<DateTime<Utc>>,
    reason: Option<(&'static str, String)>,
}

impl Tx {
    /// Has a dead job, one at the desk or one that waits run now, with all its attempts again.
    ///
    /// # Errors
    /// [`StoreError::NoJob`], [`StoreError::JobState`], [`StoreError::KeyTaken`] when a live job has the dead one's key.
    pub async fn retry_job(&mut self, job: &JobId) -> Result<JobChanged, StoreError> {
        let action = Action {
            name: "be retried",
            from: &[JobState::Failed, JobState::NeedsReview, JobState::Scheduled],
            to: JobState::Available,
            run_at: Some(self.now()),
            reason: None,
        };
        let changed = self.act(job, action).await?;
        execute!(self, FRESH, job.as_str())?;
        Ok(changed)
    }

    /// Has a job that waits run now.
    ///
    /// # Errors
    /// [`StoreError::NoJob`], [`StoreError::JobState`].
    pub async fn run_job_now(&mut self, job: &JobId) -> Result<JobChanged, StoreError> {
        let action = Action {
            name: "run now",
            from: &[
                JobState::Scheduled,
                JobState::Resolving,
                JobState::Available,
            ],
            to: JobState::Available,
            run_at: Some(self.now()),
            reason: None,
        };
        self.act(job, action).await
    }

    /// Withdraws a job that is not running.
    ///
    /// # Errors
    /// [`StoreError::NoJob`], [`StoreError::JobState`].
    pub async fn cancel_job(
        &mut self,
        job: &JobId,
        reason: &str,
    ) -> Result<JobChanged, StoreError> {
        let action = Action {
            name: "be cancelled",
            from: &[
                JobState::Scheduled,
                JobState::Available,
                JobState::Resolving,
                JobState::NeedsReview,
            ],
            to: JobState::Cancelled,
            run_at: None,
            reason: Some(("cancelled", bounded(reason, MAX_MESSAGE_BYTES))),
        };
        self.act(job, action).await
    }

    /// Ends a job as done without a run: a person has found that what it was to do has taken place.
    ///
    /// # Errors
    /// [`StoreError::NoJob`], [`StoreError::JobState`].
    pub async fn confirm_job(
        &mut self,
        job: &JobId,
        result: Option<&Value>,
    ) -> Result<JobChanged, StoreError> {
        let action = Action {
            name: "be concluded",
            from: &[
                JobState::NeedsReview,
                JobState::Resolving,
                JobState::Scheduled,
                JobState::Available,
            ],
            to: JobState::Succeeded,
            run_at: None,
            reason: None,
        };
        let changed = self.act(job, action).await?;
        execute!(self, RESULT, job.as_str(), result.map(Value::to_string))?;
        Ok(changed)
    }

    /// Has a job that waits run at another time. It stays there until its reservation's plan changes.
    ///
    /// # Errors
    /// [`StoreError::NoJob`], [`StoreError::JobState`].
    pub async fn reschedule_job(
        &mut self,
        job: &JobId,
        run_at: DateTime<Utc>,
    ) -> Result<JobChanged, StoreError> {
        let action = Action {
            name: "be rescheduled",
            from: &[
                JobState::Scheduled,
                JobState::Resolving,
                JobState::Available,
            ],
            to: JobState::Scheduled,
            run_at: Some(run_at),
            reason: None,
        };
        self.act(job, action).await
    }

    async fn act(&mut self, id: &JobId, action: Action) -> Result<JobChanged, StoreError> {
        let Some(row) = fetch_optional!(self, JobRow, READ, id.as_str())? else {
            return Err(StoreError::NoJob { job: id.clone() });
        };
        let job = row.view()?;
        if !action.from.contains(&job.state) {
            return Err(StoreError::JobState {
                job: job.id,
                state: job.state,
                action: action.name,
            });
        }
        if !job.state.is_live()
            && job.key.is_some()
            && fetch_optional!(
                self,
                IdRow,
                LIVE_BY_KEY,
                job.merchant.as_str(),
                job.key.as_deref()
            )?
            .is_some()
        {
            return Err(StoreError::KeyTaken { job: job.id });
        }
        // A job that finds out about an unknown outcome goes on doing so when it is moved.
        let resolving = job.state == JobState::Resolving && action.to == JobState::Scheduled;
        let to = if resolving {
            JobState::Resolving
        } else {
            action.to
        };
        let run_at = action.run_at.unwrap_or(job.run_at);
        let finished_at = (!to.is_live()).then(|| millis(self.now()));
        execute!(
            self,
            CHANGE,
            id.as_str(),
            job.state.as_str(),
            to.as_str(),
            millis(run_at),
            finished_at,
            action.reason.as_ref().map(|(code, _)| *code),
            action.reason.as_ref().map(|(_, message)| message.as_str()),
        )?;
        self.wake_on_commit();
        Ok(JobChanged {
            job: job.id,
            kind: job.kind,
            merchant: job.merchant,
            reservation: job.reservation,
            from: job.state,
            to,
            run_at,
        })
    }
}
