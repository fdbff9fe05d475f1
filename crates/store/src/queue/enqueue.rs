//! Enqueues jobs in the transaction of their cause.

use chrono::{DateTime, Utc};
use domain::{
    IntentId, JobId, JobKey, JobKind, JobState, MerchantId, PlannedState, ReservationId, Urgency,
};
use serde::Serialize;
use serde_json::Value;
use std::collections::HashSet;

use crate::RowError;
use crate::db::{Sql, execute, fetch_all, fetch_optional, millis, sql};
use crate::queue::states::LIVE;
use crate::row::Place;
use crate::{StoreError, Tx};

/// The most bytes of a job's payload as JSON.
pub const MAX_PAYLOAD_BYTES: usize = 64 * 1024;

/// How many jobs one statement inserts.
const BATCH: usize = 1_000;

/// How often an insert that met a live job of the same key, which then ended, is tried again.
const MAX_TRIES: u32 = 3;

/// A job to be enqueued.
#[derive(Clone, Debug, PartialEq)]
pub struct NewJob {
    /// What it does.
    pub kind: JobKind,
    /// The class it is claimed in; usually [`JobKind::urgency`].
    pub urgency: Urgency,
    /// Whose account it acts on.
    pub merchant: MerchantId,
    /// The reservation it belongs to. At most one job of a reservation runs at a time.
    pub reservation: Option<ReservationId>,
    /// Names it among the live jobs of the reservation, or of the merchant when it belongs to no reservation; a second one
    /// with the same key is not enqueued.
    pub key: Option<JobKey>,
    /// Not before this.
    pub run_at: DateTime<Utc>,
    /// Of no use at or after this: no retry is planned for then.
    pub deadline: DateTime<Utc>,
    /// For the handler; at most [`MAX_PAYLOAD_BYTES`], and no secret or personal data.
    pub payload: Value,
    /// The intent it carries.
    pub intent: Option<IntentId>,
    /// Failed runs after which it has failed for good. At least 1.
    pub max_attempts: u32,
    /// Who asks for it.
    pub created_by: String,
    /// The time its reservation's schedule says, for a job that is an element of it.
    pub planned_at: Option<DateTime<Utc>>,
}

/// The job that answers an enqueue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enqueued {
    /// The new job, or the live one that has the key already.
    pub job: JobId,
    /// Was it there already?
    pub existing: bool,
}

/// A job as the insert reads it from JSON.
#[derive(Serialize)]
struct Row<'j> {
    id: &'j JobId,
    kind: &'j str,
    state: &'j str,
    urgency: i64,
    merchant: &'j str,
    reservation_id: Option<&'j str>,
    key: Option<String>,
    run_at: i64,
    planned_at: Option<i64>,
    planned_state: Option<&'j str>,
    deadline: i64,
    payload: String,
    intent_id: Option<&'j str>,
    max_attempts: u32,
    created_by: &'j str,
    created_at: i64,
}

const COLUMNS: &str =
    "id, kind, state, urgency, merchant, reservation_id, key, run_at, planned_at, planned_state,
    deadline, payload, intent_id, max_attempts, created_by, created_at";

const BEFORE_SOURCE: &str = sql!(
    "INSERT INTO jobs (",
    COLUMNS,
    ") SELECT ",
    COLUMNS,
    " FROM "
);

const BEHIND_SOURCE: &str = sql!(
    " WHERE true ON CONFLICT (merchant, key) WHERE key IS NOT NULL AND state",
    LIVE,
    " DO NOTHING RETURNING id"
);

// Differs from Postgres because each has its own way of reading rows from JSON.
const INSERT: Sql = Sql {
    sqlite: sql!(
        BEFORE_SOURCE,
        "(SELECT value ->> 'id' AS id, value ->> 'kind' AS kind, value ->> 'state' AS state,
            value ->> 'urgency' AS urgency, value ->> 'merchant' AS merchant,
            value ->> 'reservation_id' AS reservation_id, value ->> 'key' AS key, value ->> 'run_at' AS run_at,
            value ->> 'planned_at' AS planned_at, value ->> 'planned_state' AS planned_state,
            value ->> 'deadline' AS deadline, value ->> 'payload' AS payload, value ->> 'intent_id' AS intent_id,
            value ->> 'max_attempts' AS max_attempts, value ->> 'created_by' AS created_by,
            value ->> 'created_at' AS created_at
        FROM json_each($1))",
        BEHIND_SOURCE
    ),
    postgres: sql!(
        BEFORE_SOURCE,
        "json_to_recordset($1::json) AS new (id TEXT, kind TEXT, state TEXT, urgency BIGINT, merchant TEXT,
            reservation_id TEXT, key TEXT, run_at BIGINT, planned_at BIGINT, planned_state TEXT, deadline BIGINT,
            payload TEXT, intent_id TEXT, max_attempts BIGINT, created_by TEXT, created_at BIGINT)",
        BEHIND_SOURCE
    ),
};

/// The live job that has a key.
pub(crate) const LIVE_BY_KEY: &str = sql!(
    "SELECT id FROM jobs WHERE merchant = $1 AND key = $2 AND key IS NOT NULL AND state",
    LIVE
);

#[derive(sqlx::FromRow)]
pub(crate) struct IdRow {
    pub(crate) id: String,
}

impl IdRow {
    /// The id of the job.
    pub(crate) fn job(&self) -> Result<JobId, RowError> {
        let place = Place {
            table: "jobs",
            row: &self.id,
        };
        place.parse("id", &self.id)
    }
}

impl Tx {
    /// Enqueues a job. It exists, and starts if it is due, once the transaction commits.
    ///
    /// A live job of the same merchant and key is returned instead of enqueueing another.
    ///
    /// # Errors
    /// [`StoreError::TooLong`] for a payload beyond [`MAX_PAYLOAD_BYTES`]; else when the database fails.
    pub async fn enqueue(&mut self, job: &NewJob) -> Result<Enqueued, StoreError> {
        let mut all = self.enqueue_all(std::slice::from_ref(job)).await?;
        // One job in is one answer out.
        all.pop()
            .ok_or_else(|| StoreError::Database(sqlx::Error::RowNotFound))
    }

    /// Enqueues many jobs, with an answer for each in the same order.
    ///
    /// # Errors
    /// As [`enqueue`](Self::enqueue).
    pub async fn enqueue_all(&mut self, jobs: &[NewJob]) -> Result<Vec<Enqueued>, StoreError> {
        self.enqueue_as(jobs, |_| PlannedState::Scheduled).await
    }

    /// Enqueues jobs that wait in the state that their schedule says.
    pub(crate) async fn enqueue_as(
        &mut self,
        jobs: &[NewJob],
        state: impl Fn(usize) -> PlannedState,
    ) -> Result<Vec<Enqueued>, StoreError> {
        let now = self.now();
        let ids: Vec<JobId> = jobs
            .iter()
            .map(|_| JobId::new(now, self.entropy()))
            .collect();
        let rows = jobs.iter().zip(&ids).enumerate();
        let rows: Vec<Row<'_>> = rows
            .map(|(index, (job, id))| row(job, id, state(index), now))
            .collect::<Result<_, _>>()?;
        let mut all = Vec::with_capacity(jobs.len());
        for (rows, ids) in rows.chunks(BATCH).zip(ids.chunks(BATCH)) {
            all.extend(self.insert(rows, ids).await?);
        }
        if all.iter().any(|enqueued| !enqueued.existing) {
            self.wake_on_commit();
        }
        Ok(all)
    }

    async fn insert(
        &mut self,
        rows: &[Row<'_>],
        ids: &[JobId],
    ) -> Result<Vec<Enqueued>, StoreError> {
        let json = json(rows)?;
        let inserted: HashSet<String> = fetch_all!(self, IdRow, INSERT, json)?
            .into_iter()
            .map(|row| row.id)
            .collect();
        let mut all = Vec::with_capacity(rows.len());
        for (row, id) in rows.iter().zip(ids) {
            all.push(if inserted.contains(id.as_str()) {
                Enqueued {
                    job: id.clone(),
                    existing: false,
                }
            } else {
                self.existing_or_insert(row, id).await?
            });
        }
        Ok(all)
    }

    /// The live job that kept this row out. It may have ended since, and then the row goes in after all.
    async fn existing_or_insert(
        &mut self,
        row: &Row<'_>,
        id: &JobId,
    ) -> Result<Enqueued, StoreError> {
        for _ in 0..MAX_TRIES {
            if let Some(live) =
                fetch_optional!(self, IdRow, LIVE_BY_KEY, row.merchant, row.key.as_deref())?
            {
                return Ok(Enqueued {
                    job: live.job()?,
                    existing: true,
                });
            }
            if execute!(self, INSERT, json(&[row])?)? == 1 {
                return Ok(Enqueued {
                    job: id.clone(),
                    existing: false,
                });
            }
        }
        Err(StoreError::KeyTaken { job: id.clone() })
    }
}

/// The jobs as the statement reads them.
fn json<T: Serialize>(rows: &[T]) -> Result<String, StoreError> {
    serde_json::to_string(rows)
        .map_err(|error| StoreError::Database(sqlx::Error::Encode(error.into())))
}

/// The text in the column `key`.
pub(crate) fn table_key(
    key: Option<&JobKey>,
    reservation: Option<&ReservationId>,
) -> Option<String> {
    key.map(|key| key.in_table(reservation))
}

fn row<'j>(
    job: &'j NewJob,
    id: &'j JobId,
    state: PlannedState,
    now: DateTime<Utc>,
) -> Result<Row<'j>, StoreError> {
    let payload = job.payload.to_string();
    if payload.len() > MAX_PAYLOAD_BYTES {
        return Err(StoreError::TooLong {
            what: "the job's payload",
            limit: MAX_PAYLOAD_BYTES,
        });
    }
    Ok(Row {
        id,
        kind: job.kind.as_str(),
        state: JobState::first(state, job.run_at <= now).as_str(),
        urgency: job.urgency.rank(),
        merchant: job.merchant.as_str(),
        reservation_id: job.reservation.as_ref().map(ReservationId::as_str),
        key: table_key(job.key.as_ref(), job.reservation.as_ref()),
        run_at: millis(job.run_at),
        planned_at: job.planned_at.map(millis),
        planned_state: job.planned_at.map(|_| state.as_str()),
        deadline: millis(job.deadline),
        payload,
        intent_id: job.intent.as_ref().map(IntentId::as_str),
        max_attempts: job.max_attempts.max(1),
        created_by: &job.created_by,
        created_at: millis(now),
    })
}
