//! What people do to jobs: retry, run now, reschedule, cancel, confirm.
//!
//! Each returns what it changed, so that the caller can write it to the audit in the same transaction.

use chrono::{DateTime, Utc};
use domain::{ErrorCode, JobEvent, JobId, JobKind, JobState, MerchantId, ReservationId};
use serde_json::Value;

use crate::db::{Sql, ensure_affected, execute, fetch_optional, millis, sql};
use crate::queue::enqueue::{IdRow, LIVE_BY_KEY, table_key};
use crate::queue::job::{JOB_COLUMNS, JobRow};
use crate::queue::message::{MAX_MESSAGE_BYTES, bounded};
use crate::queue::states::next_state;
use crate::{StoreError, Tx};

/// What a person changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobChanged {
    /// The changed job.
    pub job: JobId,
    /// What the job does.
    pub kind: JobKind,
    /// The merchant on whose account the job acts.
    pub merchant: MerchantId,
    /// The reservation that the job belongs to; `None` for jobs of a merchant as a whole.
    pub reservation: Option<ReservationId>,
    /// The state that the job was in.
    pub from: JobState,
    /// The state that the job is in now.
    pub to: JobState,
    /// The next run is not before this; without meaning once the job has ended.
    pub run_at: DateTime<Utc>,
}

const ONE: &str = sql!("SELECT ", JOB_COLUMNS, " FROM jobs WHERE id = $1");

// Differs from SQLite because other writers may be at work between this read and the write.
const READ: Sql = Sql {
    sqlite: ONE,
    postgres: sql!(ONE, " FOR UPDATE"),
};

const CHANGE: &str = "UPDATE jobs SET state = $3, run_at = $4, finished_at = $5, waiting_for = NULL,
        last_error_code = COALESCE($6, last_error_code), last_error_message = COALESCE($7, last_error_message),
        result = COALESCE($8, result), attempts_used = CASE WHEN $9 THEN 0 ELSE attempts_used END,
        crashes = CASE WHEN $9 THEN 0 ELSE crashes END
    WHERE id = $1 AND state = $2";

/// One change that a person makes.
struct Change<'c> {
    event: JobEvent,
    /// `None` leaves the time as it is.
    run_at: Option<DateTime<Utc>>,
    /// A code and a sentence, kept with the job.
    reason: Option<(ErrorCode, String)>,
    result: Option<&'c Value>,
}

impl Change<'_> {
    const fn by(event: JobEvent) -> Self {
        Self {
            event,
            run_at: None,
            reason: None,
            result: None,
        }
    }
}

impl Tx {
    /// Has a job that failed, needs a review or waits for its time run now, with all its attempts again, since what
    /// used them up is thought to be over.
    ///
    /// # Errors
    /// [`StoreError::NoJob`], [`StoreError::JobState`], [`StoreError::KeyTaken`] when a live job has the key of the
    /// failed one.
    pub async fn retry_job(&mut self, job: &JobId) -> Result<JobChanged, StoreError> {
        let change = Change {
            run_at: Some(self.now()),
            ..Change::by(JobEvent::Retry)
        };
        self.change(job, change).await
    }

    /// Has a job that waits for its time run now.
    ///
    /// # Errors
    /// [`StoreError::NoJob`], [`StoreError::JobState`].
    pub async fn run_job_now(&mut self, job: &JobId) -> Result<JobChanged, StoreError> {
        let change = Change {
            run_at: Some(self.now()),
            ..Change::by(JobEvent::RunNow)
        };
        self.change(job, change).await
    }

    /// Withdraws a job that is live and not running.
    ///
    /// # Errors
    /// [`StoreError::NoJob`], [`StoreError::JobState`].
    pub async fn cancel_job(
        &mut self,
        job: &JobId,
        reason: &str,
    ) -> Result<JobChanged, StoreError> {
        let change = Change {
            reason: Some((ErrorCode::Cancelled, bounded(reason, MAX_MESSAGE_BYTES))),
            ..Change::by(JobEvent::Cancel)
        };
        self.change(job, change).await
    }

    /// Ends a job as done without a run: a person, or the read of another job, has found that what it was to do has
    /// taken place.
    ///
    /// # Errors
    /// [`StoreError::NoJob`], [`StoreError::JobState`].
    pub async fn confirm_job(
        &mut self,
        job: &JobId,
        result: Option<&Value>,
    ) -> Result<JobChanged, StoreError> {
        let change = Change {
            result,
            ..Change::by(JobEvent::Confirm)
        };
        self.change(job, change).await
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
        let change = Change {
            run_at: Some(run_at),
            ..Change::by(JobEvent::Reschedule)
        };
        self.change(job, change).await
    }

    async fn change(&mut self, id: &JobId, change: Change<'_>) -> Result<JobChanged, StoreError> {
        let Some(row) = fetch_optional!(self, JobRow, READ, id.as_str())? else {
            return Err(StoreError::NoJob { job: id.clone() });
        };
        let job = row.view()?;
        let to = next_state(id, job.state, change.event)?;
        let key = table_key(job.key.as_ref(), job.reservation.as_ref());
        if !job.state.is_live() && self.is_key_taken(&job.merchant, key.as_deref()).await? {
            return Err(StoreError::KeyTaken { job: job.id });
        }
        let run_at = change.run_at.unwrap_or(job.run_at);
        let finished_at = (!to.is_live()).then(|| millis(self.now()));
        let changed = execute!(
            self,
            CHANGE,
            id.as_str(),
            job.state.as_str(),
            to.as_str(),
            millis(run_at),
            finished_at,
            change.reason.as_ref().map(|(code, _)| code.as_str()),
            change.reason.as_ref().map(|(_, message)| message.as_str()),
            change.result.map(Value::to_string),
            change.event == JobEvent::Retry,
        )?;
        ensure_affected("CHANGE", 1, changed)?;
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

    /// Does a live job of the merchant have this key?
    async fn is_key_taken(
        &mut self,
        merchant: &MerchantId,
        key: Option<&str>,
    ) -> Result<bool, StoreError> {
        let Some(key) = key else { return Ok(false) };
        let live = fetch_optional!(self, IdRow, LIVE_BY_KEY, merchant.as_str(), key)?;
        Ok(live.is_some())
    }
}
