//! Jobs as rows, as handlers get them, and as people see them.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::{
    IntentId, JobId, JobKey, JobKind, JobState, MerchantId, ReservationId, Urgency, WaitingFor,
};
use serde_json::Value;

use crate::error::RowError;
use crate::queue::{AttemptOutcome, Lease};
use crate::row::Place;

/// The columns of [`JobRow`], for `SELECT` and `RETURNING`.
pub(crate) const JOB_COLUMNS: &str = "id, kind, state, urgency, merchant, reservation_id, key, run_at, planned_at, deadline, payload, intent_id, \
     attempts_used, max_attempts, crashes, token, waiting_for, last_error_code, last_error_message, result, \
     created_by, created_at, started_at, finished_at";

/// A row of `jobs`.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct JobRow {
    pub(crate) id: String,
    kind: String,
    state: String,
    pub(crate) urgency: i64,
    pub(crate) merchant: String,
    reservation_id: Option<String>,
    key: Option<String>,
    pub(crate) run_at: i64,
    planned_at: Option<i64>,
    pub(crate) deadline: i64,
    payload: String,
    intent_id: Option<String>,
    attempts_used: i64,
    max_attempts: i64,
    crashes: i64,
    pub(crate) token: i64,
    waiting_for: Option<String>,
    last_error_code: Option<String>,
    last_error_message: Option<String>,
    result: Option<String>,
    created_by: String,
    created_at: i64,
    started_at: Option<i64>,
    finished_at: Option<i64>,
}

/// A job as its handler gets it.
#[derive(Clone, Debug)]
pub struct ClaimedJob {
    /// Its id.
    pub id: JobId,
    /// What to do.
    pub kind: JobKind,
    /// The class it was claimed in.
    pub urgency: Urgency,
    /// Whose account it acts on.
    pub merchant: MerchantId,
    /// The reservation it belongs to.
    pub reservation: Option<ReservationId>,
    /// Its key, by which the reservation's schedule knows it; `None` for a job that may stand many times.
    pub key: Option<JobKey>,
    /// When it was due.
    pub run_at: DateTime<Utc>,
    /// Of no use at or after this.
    pub deadline: DateTime<Utc>,
    /// What it was enqueued with.
    pub payload: Value,
    /// The intent it carries.
    pub intent: Option<IntentId>,
    /// Which attempt this is, from 1; runs that used none do not count.
    pub attempt: u32,
    /// The last attempt that is made.
    pub max_attempts: u32,
    /// How often a run of it crashed.
    pub crashes: u32,
    /// Who asked for it.
    pub created_by: String,
    /// When it was enqueued.
    pub created_at: DateTime<Utc>,
    /// The proof that it is this worker's.
    pub lease: Lease,
}

/// A job as people see it.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// What it does.
    pub kind: JobKind,
    /// Where it is.
    pub state: JobState,
    /// The class it is claimed in.
    pub urgency: Urgency,
    /// Whose account it acts on.
    pub merchant: MerchantId,
    /// The reservation it belongs to.
    pub reservation: Option<ReservationId>,
    /// Names it among the live jobs of the reservation, or of the merchant when it belongs to no reservation; `None` for a
    /// job that may stand many times.
    pub key: Option<JobKey>,
    /// Not before this.
    pub run_at: DateTime<Utc>,
    /// Is it an element of its reservation's schedule?
    pub managed: bool,
    /// Of no use at or after this.
    pub deadline: DateTime<Utc>,
    /// The intent it carries.
    pub intent: Option<IntentId>,
    /// Runs that counted against `max_attempts`.
    pub attempts_used: u32,
    /// Failed runs after which it has failed for good.
    pub max_attempts: u32,
    /// Runs whose worker vanished or panicked.
    pub crashes: u32,
    /// What it waits for besides its time.
    pub waiting_for: Option<WaitingFor>,
    /// Why it last failed, was given up or withdrawn.
    pub last_error_code: Option<String>,
    /// The same for people.
    pub last_error_message: Option<String>,
    /// What it achieved.
    pub result: Option<Value>,
    /// Who asked for it.
    pub created_by: String,
    /// When it was enqueued.
    pub created_at: DateTime<Utc>,
    /// When it was last claimed.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
}

/// One run of a job, or one request of it.
#[derive(Clone, Debug, PartialEq)]
pub struct AttemptView {
    /// Counts the attempts of the job from 1.
    pub number: u32,
    /// The intent it was sent for.
    pub intent: Option<IntentId>,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When its outcome was known; `None` while it is open.
    pub finished_at: Option<DateTime<Utc>>,
    /// What became of it.
    pub outcome: AttemptOutcome,
    /// The status of the provider's answer.
    pub http_status: Option<u16>,
    /// The provider's words, redacted.
    pub provider_message: Option<String>,
    /// Our code for what went wrong.
    pub error_code: Option<String>,
    /// The redacted request and answer.
    pub exchange: Option<Value>,
}

/// A job with its attempts, oldest first.
#[derive(Clone, Debug, PartialEq)]
pub struct JobDetails {
    /// The job.
    pub job: Job,
    /// Its attempts. A job that succeeded without a request has one that is made up from its times.
    pub attempts: Vec<AttemptView>,
}

impl JobRow {
    fn place(&self) -> Place<'_> {
        Place {
            table: "jobs",
            row: &self.id,
        }
    }

    /// The job for its handler, claimed by `owner`.
    pub(crate) fn claimed(&self, owner: &Arc<str>) -> Result<ClaimedJob, RowError> {
        let view = self.view()?;
        Ok(ClaimedJob {
            lease: Lease {
                job: view.id.clone(),
                token: self.token,
                owner: Arc::clone(owner),
            },
            id: view.id,
            kind: view.kind,
            urgency: view.urgency,
            merchant: view.merchant,
            reservation: view.reservation,
            key: view.key,
            run_at: view.run_at,
            deadline: view.deadline,
            payload: self.place().json("payload", &self.payload)?,
            intent: view.intent,
            attempt: view.attempts_used.saturating_add(1),
            max_attempts: view.max_attempts,
            crashes: view.crashes,
            created_by: view.created_by,
            created_at: view.created_at,
        })
    }

    /// The job for people.
    pub(crate) fn view(&self) -> Result<Job, RowError> {
        let place = self.place();
        let reservation: Option<ReservationId> =
            place.parse_optional("reservation_id", self.reservation_id.as_deref())?;
        let key = self.key.as_deref().map(|text| {
            JobKey::from_table(text, reservation.as_ref())
                .map_err(|error| place.wrong("key", error))
        });
        let key = key.transpose()?;
        Ok(Job {
            id: place.parse("id", &self.id)?,
            kind: place.parse("kind", &self.kind)?,
            state: place.parse("state", &self.state)?,
            urgency: Urgency::from_rank(self.urgency),
            merchant: place.parse("merchant", &self.merchant)?,
            reservation,
            key,
            run_at: place.time("run_at", self.run_at)?,
            managed: self.planned_at.is_some(),
            deadline: place.time("deadline", self.deadline)?,
            intent: place.parse_optional("intent_id", self.intent_id.as_deref())?,
            attempts_used: place.count("attempts_used", self.attempts_used)?,
            max_attempts: place.count("max_attempts", self.max_attempts)?,
            crashes: place.count("crashes", self.crashes)?,
            waiting_for: place.parse_optional("waiting_for", self.waiting_for.as_deref())?,
            last_error_code: self.last_error_code.clone(),
            last_error_message: self.last_error_message.clone(),
            result: self
                .result
                .as_deref()
                .map(|text| place.json("result", text))
                .transpose()?,
            created_by: self.created_by.clone(),
            created_at: place.time("created_at", self.created_at)?,
            started_at: place.time_optional("started_at", self.started_at)?,
            finished_at: place.time_optional("finished_at", self.finished_at)?,
        })
    }
}
