//! The history of a job's runs: what was sent under which claim, and what became of it.

use domain::{AttemptOutcome, IntentId, JobId};
use serde_json::Value;

use crate::db::{execute, fetch_optional, millis};
use crate::error::RowError;
use crate::queue::lease::Fence;
use crate::queue::message::{MAX_MESSAGE_BYTES, bounded};
use crate::queue::{AttemptView, Lease};
use crate::row::Place;
use crate::{StoreError, Tx};

/// The most bytes of a redacted exchange that are kept with an attempt.
pub const MAX_EXCHANGE_BYTES: usize = 64 * 1024;

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq)]
pub struct AttemptEnd {
    /// What became of it; not `Sending`.
    pub outcome: AttemptOutcome,
    /// The status of the provider's answer.
    pub http_status: Option<u16>,
    /// The provider's words, redacted. Cut to 1 KiB.
    pub provider_message: Option<String>,
    /// Our code for what went wrong.
    pub error_code: Option<String>,
    /// The redacted request and answer; dropped when it is longer than [`MAX_EXCHANGE_BYTES`].
    pub exchange: Option<Value>,
}

impl AttemptEnd {
    /// An end with nothing to add to the outcome.
    #[must_use]
    pub const fn plain(outcome: AttemptOutcome) -> Self {
        Self {
            outcome,
            http_status: None,
            provider_message: None,
            error_code: None,
            exchange: None,
        }
    }
}

#[derive(sqlx::FromRow)]
struct Number {
    number: i64,
}

const START_ATTEMPT: &str = "INSERT INTO attempts (job_id, number, token, intent_id, started_at, outcome)
    VALUES ($1, (SELECT COALESCE(MAX(number), 0) + 1 FROM attempts WHERE job_id = $1), $2, $3, $4, 'unsent')
    RETURNING number";

const MARK_SENDING: &str = "UPDATE attempts SET outcome = 'sending'
    WHERE job_id = $1 AND number = $2 AND token = $3 AND finished_at IS NULL";

const FINISH_ATTEMPT: &str =
    "UPDATE attempts SET outcome = $4, finished_at = $5, http_status = $6, provider_message = $7,
        error_code = $8, exchange = $9
    WHERE job_id = $1 AND number = $2 AND token = $3";

const CONFIRM_ATTEMPTS: &str = "UPDATE attempts SET outcome = 'confirmed'
    WHERE intent_id = $1 AND outcome IN ('accepted', 'unknown') AND number =
        (SELECT MAX(number) FROM attempts AS latest WHERE latest.intent_id = $1)";

/// Reads leave rows as well, and no read is accepted or unknown.
const CONFIRM_LAST: &str = "UPDATE attempts SET outcome = 'confirmed'
    WHERE job_id = $1 AND number = (SELECT MAX(number) FROM attempts AS latest
        WHERE latest.job_id = $1 AND latest.outcome IN ('accepted', 'unknown'))";

/// What is left open when the run ends: a request that may have gone out is unknown, the rest was not sent.
const CLOSE_OPEN: &str =
    "UPDATE attempts SET finished_at = $3, error_code = COALESCE(error_code, $4),
        outcome = CASE outcome WHEN 'sending' THEN 'unknown' ELSE $5 END
    WHERE job_id = $1 AND token = $2 AND finished_at IS NULL";

/// A row for a run that left none of its own.
const RECORD: &str =
    "INSERT INTO attempts (job_id, number, token, intent_id, started_at, finished_at, outcome, error_code)
    SELECT id, (SELECT COALESCE(MAX(number), 0) + 1 FROM attempts WHERE job_id = $1), token, intent_id,
        COALESCE(started_at, $3), $3, $5, $4
    FROM jobs
    WHERE id = $1 AND token = $2 AND NOT EXISTS (SELECT 1 FROM attempts WHERE job_id = $1 AND token = $2)";

impl Tx {
    /// Writes down that a request is about to be made, and returns the attempt's number. Checks the lease.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] when the job is another's by now.
    pub async fn start_attempt(
        &mut self,
        lease: &Lease,
        intent: Option<&IntentId>,
    ) -> Result<u32, StoreError> {
        self.check_lease(lease).await?;
        let now = millis(self.now());
        let intent = intent.map(IntentId::as_str);
        let row = fetch_optional!(
            self,
            Number,
            START_ATTEMPT,
            lease.job.as_str(),
            lease.token,
            intent,
            now
        )?;
        Ok(row.map_or(1, |row| u32::try_from(row.number).unwrap_or(u32::MAX)))
    }

    /// Marks an open attempt as being sent. Once this commits, the request counts as sent until proven otherwise.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] when the job is another's by now, or the attempt is not open.
    pub async fn mark_sending(&mut self, lease: &Lease, number: u32) -> Result<(), StoreError> {
        self.check_lease(lease).await?;
        let rows = execute!(
            self,
            MARK_SENDING,
            lease.job.as_str(),
            i64::from(number),
            lease.token
        )?;
        if rows == 1 { Ok(()) } else { Err(lease.lost()) }
    }

    /// Writes down how an attempt ended.
    ///
    /// Does not ask for the lease: what was learnt of a request is true whoever holds the job by now.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] when there is no such attempt under this claim.
    pub async fn finish_attempt(
        &mut self,
        lease: &Lease,
        number: u32,
        end: &AttemptEnd,
    ) -> Result<(), StoreError> {
        let now = millis(self.now());
        let message = end
            .provider_message
            .as_deref()
            .map(|text| bounded(text, MAX_MESSAGE_BYTES));
        let exchange = end.exchange.as_ref().map(Value::to_string);
        let exchange = exchange.filter(|text| text.len() <= MAX_EXCHANGE_BYTES);
        let rows = execute!(
            self,
            FINISH_ATTEMPT,
            lease.job.as_str(),
            i64::from(number),
            lease.token,
            end.outcome.as_str(),
            now,
            end.http_status.map(i64::from),
            message,
            end.error_code.as_deref(),
            exchange,
        )?;
        if rows == 1 { Ok(()) } else { Err(lease.lost()) }
    }

    /// Records in the history of its job that an intent's effect has been seen.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn confirm_attempts(&mut self, intent: &IntentId) -> Result<(), StoreError> {
        // None when the latest attempt says so already, or was rejected.
        execute!(self, CONFIRM_ATTEMPTS, intent.as_str())?;
        Ok(())
    }

    /// Records in the history of a job that the effect of its last request has been seen. Changes nothing when no
    /// request of the job waits for that.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn confirm_last_attempt(&mut self, job: &JobId) -> Result<(), StoreError> {
        // None when no request of the job waits for that.
        execute!(self, CONFIRM_LAST, job.as_str())?;
        Ok(())
    }
}

/// Closes what the run left open and, when it left nothing and `record` says so, writes a row for it.
pub(crate) async fn close(
    tx: &mut Tx,
    fence: Fence<'_>,
    code: Option<&str>,
    outcome: AttemptOutcome,
    record: bool,
) -> Result<(), StoreError> {
    let now = millis(tx.now());
    // A run may have left none open, and one is not recorded twice: any number of rows is right.
    execute!(
        tx,
        CLOSE_OPEN,
        fence.id,
        fence.token,
        now,
        code,
        outcome.as_str()
    )?;
    if record {
        execute!(
            tx,
            RECORD,
            fence.id,
            fence.token,
            now,
            code,
            outcome.as_str()
        )?;
    }
    Ok(())
}

/// A row of `attempts`.
#[derive(sqlx::FromRow)]
pub(crate) struct AttemptRow {
    job_id: String,
    number: i64,
    intent_id: Option<String>,
    started_at: i64,
    finished_at: Option<i64>,
    outcome: String,
    http_status: Option<i64>,
    provider_message: Option<String>,
    error_code: Option<String>,
    exchange: Option<String>,
}

/// The attempts of one job, oldest first.
pub(crate) const ATTEMPTS_OF: &str =
    "SELECT job_id, number, intent_id, started_at, finished_at, outcome, http_status,
        provider_message, error_code, exchange
    FROM attempts WHERE job_id = $1 ORDER BY number LIMIT CAST($2 AS BIGINT)";

impl AttemptRow {
    pub(crate) fn view(self) -> Result<AttemptView, RowError> {
        let place = Place {
            table: "attempts",
            row: &self.job_id,
        };
        Ok(AttemptView {
            number: place.count("number", self.number)?,
            intent: place.parse_optional("intent_id", self.intent_id.as_deref())?,
            started_at: place.time("started_at", self.started_at)?,
            finished_at: place.time_optional("finished_at", self.finished_at)?,
            outcome: place.parse("outcome", &self.outcome)?,
            http_status: self
                .http_status
                .map(|status| place.count("http_status", status))
                .transpose()?,
            exchange: self
                .exchange
                .as_deref()
                .map(|text| place.json("exchange", text))
                .transpose()?,
            provider_message: self.provider_message,
            error_code: self.error_code,
        })
    }
}
