//! The jobs that carry the intents of a reservation.

use domain::{IntentId, JobId, JobKind, ProviderReference, Reservation, ReservationId};
use serde_json::json;

use crate::db::{ensure_affected, execute, fetch_all, fetch_optional, sql};
use crate::queue::enqueue::IdRow;
use crate::queue::states::{CONFIRMABLE, SCHEDULED, UNATTENDED};
use crate::{Store, StoreError, Tx};

const JOB_OF_INTENT: &str = "SELECT id FROM jobs WHERE intent_id = $1 ORDER BY id DESC LIMIT 1";

const CARRY_INTENT: &str = "UPDATE jobs SET intent_id = $2 WHERE id = $1";

const UNATTENDED_JOB: &str = sql!(
    "SELECT id FROM jobs WHERE reservation_id = $1 AND kind = $2 AND state",
    UNATTENDED,
    " ORDER BY id DESC LIMIT 1"
);

const CONFIRM_JOBS_OF: &str = sql!(
    "SELECT id FROM jobs WHERE intent_id = $1 AND id <> $2 AND state",
    CONFIRMABLE
);

/// Only a scheduled job waits for something other than its own outcome; the words are those that a decision ends.
const END_WAITS: &str = sql!(
    "UPDATE jobs SET run_at = planned_at, waiting_for = NULL
    WHERE reservation_id = $1 AND id <> $2 AND state",
    SCHEDULED,
    " AND run_at > planned_at
        AND (waiting_for IS NULL OR waiting_for IN ('resolution', 'review'))"
);

impl Tx {
    /// The newest job that carries this intent; `None` before its first job has been planned.
    ///
    /// # Errors
    /// When the database fails or the row cannot be read.
    pub async fn job_of_intent(&mut self, intent: &IntentId) -> Result<Option<JobId>, StoreError> {
        let row = fetch_optional!(self, IdRow, JOB_OF_INTENT, intent.as_str())?;
        Ok(row.map(|row| row.job()).transpose()?)
    }

    /// Records that a job carries the intent that it has decided.
    ///
    /// # Errors
    /// [`StoreError::RowsAffected`] when there is no such job.
    pub async fn carry_intent(&mut self, job: &JobId, intent: &IntentId) -> Result<(), StoreError> {
        let changed = execute!(self, CARRY_INTENT, job.as_str(), intent.as_str())?;
        ensure_affected("CARRY_INTENT", 1, changed)
    }

    /// The newest job of this kind of a reservation that goes on without a person.
    ///
    /// # Errors
    /// When the database fails or the row cannot be read.
    pub async fn unattended_job(
        &mut self,
        reservation: &ReservationId,
        kind: JobKind,
    ) -> Result<Option<JobId>, StoreError> {
        let row = fetch_optional!(
            self,
            IdRow,
            UNATTENDED_JOB,
            reservation.as_str(),
            kind.as_str()
        )?;
        Ok(row.map(|row| row.job()).transpose()?)
    }

    /// Ends the jobs of an intent as done whose effect another job has found, before the schedule drops them as not
    /// wanted. `running` is the caller's own job, whose end is left to it.
    pub(crate) async fn confirm_jobs_of(
        &mut self,
        intent: &IntentId,
        reference: Option<&ProviderReference>,
        running: Option<&JobId>,
    ) -> Result<(), StoreError> {
        let running = running.map_or("", JobId::as_str);
        let result = reference.map(|reference| json!({"reference": reference}));
        for row in fetch_all!(self, IdRow, CONFIRM_JOBS_OF, intent.as_str(), running)? {
            self.confirm_job(&row.job()?, result.as_ref()).await?;
        }
        Ok(())
    }

    /// Lets the jobs of the schedule go on that were put off for something that has been decided.
    pub(crate) async fn end_waits(
        &mut self,
        r: &Reservation,
        running: Option<&JobId>,
    ) -> Result<(), StoreError> {
        let running = running.map_or("", JobId::as_str);
        // As many as were put off, which may be none.
        execute!(self, END_WAITS, r.id.as_str(), running)?;
        self.wake_on_commit();
        Ok(())
    }
}

impl Store {
    /// As [`Tx::job_of_intent`], of what is committed.
    ///
    /// # Errors
    /// When the database fails or the row cannot be read.
    pub async fn job_of_intent(&self, intent: &IntentId) -> Result<Option<JobId>, StoreError> {
        let mut reader = self.reader().await?;
        let row = fetch_optional!(reader, IdRow, JOB_OF_INTENT, intent.as_str())?;
        Ok(row.map(|row| row.job()).transpose()?)
    }
}
