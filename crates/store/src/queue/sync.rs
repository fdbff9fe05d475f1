//! Makes the job table equal to a reservation's schedule.

use std::collections::HashMap;

use domain::reservation::ReviewReason;
use domain::{
    ErrorCode, IntentId, JobEvent, JobId, JobKey, JobState, MerchantId, Planned, PlannedState,
    ReservationId, WaitingFor,
};
use serde_json::Value;

use crate::db::{execute, fetch_all, millis, sql};
use crate::queue::states::{CANCELLED, FAILED, LIVE, PLANNABLE, next_state};
use crate::queue::{NewJob, OUTCOME_UNKNOWN};
use crate::row::Place;
use crate::{StoreError, Tx};

/// How often a job of a schedule may fail; its deadline usually ends it before.
pub const DEFAULT_MAX_ATTEMPTS: u32 = 25;

/// The most rows of one reservation that are compared; a schedule has at most some dozens of jobs.
const MAX_ROWS: i64 = 1_000;

/// What a sync changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScheduleChange {
    /// The jobs that were missing.
    pub added: Vec<JobId>,
    /// The jobs whose plan had changed.
    pub moved: Vec<JobId>,
    /// The jobs that are no longer wanted.
    pub cancelled: Vec<JobId>,
}

impl ScheduleChange {
    /// Was the table equal to the schedule already?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.moved.is_empty() && self.cancelled.is_empty()
    }
}

/// A job of the schedule as it stands in the table.
#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    key: String,
    state: String,
    planned_at: Option<i64>,
    planned_state: Option<String>,
    deadline: i64,
    urgency: i64,
    intent_id: Option<String>,
}

/// A job of the schedule, read.
struct Managed {
    row: Row,
    id: JobId,
    key: JobKey,
    state: JobState,
}

/// What failed, and what a person cancelled, count as present: the plan alone does not bring such a job back.
const MANAGED: &str = sql!(
    "SELECT id, key, state, planned_at, planned_state, deadline, urgency, intent_id FROM jobs
    WHERE reservation_id = $1 AND planned_at IS NOT NULL AND key IS NOT NULL
        AND (state",
    LIVE,
    " OR state",
    FAILED,
    " OR (state",
    CANCELLED,
    " AND last_error_code = 'cancelled'))
    ORDER BY id DESC LIMIT CAST($2 AS BIGINT)"
);

/// A job that the read of another one leaves to a person says why, whatever went wrong with it before.
const MOVE_TO: &str = sql!(
    "UPDATE jobs SET state = $2, run_at = $3, planned_at = $3, planned_state = $4, deadline = $5, urgency = $6,
        intent_id = $7, waiting_for = $8,
        last_error_code = COALESCE($9, last_error_code), last_error_message = COALESCE($10, last_error_message)
    WHERE id = $1 AND state",
    PLANNABLE
);

/// Changes what does not concern the time, so that a backoff or a person's reschedule stays.
const ADJUST: &str = sql!(
    "UPDATE jobs SET deadline = $2, urgency = $3, intent_id = $4 WHERE id = $1 AND state",
    PLANNABLE
);

const DROP: &str = sql!(
    "UPDATE jobs SET state",
    CANCELLED,
    ", finished_at = $2, waiting_for = NULL,
        last_error_code = $3, last_error_message = 'the schedule no longer has it'
    WHERE id = $1 AND state",
    PLANNABLE
);

/// What becomes of a row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SyncAction {
    Keep,
    Adjust,
    /// To where the plan has it now.
    Move,
    /// It is over, and the plan has changed since: a new job takes its place.
    Replace,
    /// The plan no longer has it.
    Drop,
}

fn action_for(row: &Row, state: JobState, planned: &Planned) -> SyncAction {
    let same_time = row.planned_at == Some(millis(planned.run_at));
    let same_plan = same_time && row.planned_state.as_deref() == Some(planned.state.as_str());
    let same_rest = row.deadline == millis(planned.deadline)
        && row.urgency == planned.urgency.rank()
        && row.intent_id.as_deref() == planned.intent.as_ref().map(IntentId::as_str);
    let runs = planned.state != PlannedState::NeedsReview;
    match state {
        JobState::Running | JobState::Succeeded => SyncAction::Keep,
        JobState::Failed | JobState::Cancelled if runs && !same_time => SyncAction::Replace,
        JobState::Failed | JobState::Cancelled => SyncAction::Keep,
        // A person is to decide, whatever the plan said before; only a new time takes the job out of the review.
        JobState::NeedsReview if runs && !same_time => SyncAction::Move,
        JobState::Scheduled | JobState::Available | JobState::Resolving if !same_plan => {
            SyncAction::Move
        }
        _ if same_rest => SyncAction::Keep,
        _ => SyncAction::Adjust,
    }
}

impl Tx {
    /// Makes the live jobs of the reservation's schedule equal to `planned`, by key.
    ///
    /// Missing ones are added, those whose plan changed are moved, those no longer wanted are cancelled. The plan is
    /// compared with what it last said, so that a backoff or a person's reschedule stays as long as the plan does. A failed
    /// job, or one that a person cancelled, is replaced only when the plan's time changed.
    ///
    /// A running job counts as present and is left to its end; so is `running`, the caller's own, even when this
    /// transaction has finished it already. A handler whose schedule has its own key again at a later time finishes first
    /// and passes `None`, or snoozes.
    ///
    /// # Errors
    /// When the database fails, or a row cannot be read.
    pub async fn sync_schedule(
        &mut self,
        merchant: &MerchantId,
        reservation: &ReservationId,
        planned: &[Planned],
        running: Option<&JobId>,
        actor: &str,
    ) -> Result<ScheduleChange, StoreError> {
        let mut missing: HashMap<&JobKey, &Planned> = planned
            .iter()
            .map(|planned| (&planned.key, planned))
            .collect();
        let mut change = ScheduleChange::default();
        for managed in self.managed(reservation).await? {
            let Managed {
                row,
                id,
                key,
                state,
            } = managed;
            let action = match missing.get(&key) {
                _ if running == Some(&id) => SyncAction::Keep,
                Some(planned) => action_for(&row, state, planned),
                None if state.is_live() && state != JobState::Running => SyncAction::Drop,
                None => SyncAction::Keep,
            };
            let planned = if action == SyncAction::Replace {
                None
            } else {
                missing.remove(&key)
            };
            let written = match (action, planned) {
                (SyncAction::Move, Some(planned)) => self
                    .move_to(&id, state, planned)
                    .await?
                    .then_some(&mut change.moved),
                (SyncAction::Adjust, Some(planned)) => self
                    .adjust(&id, planned)
                    .await?
                    .then_some(&mut change.moved),
                (SyncAction::Drop, _) => self
                    .drop_planned(&id, state)
                    .await?
                    .then_some(&mut change.cancelled),
                _ => None,
            };
            if let Some(written) = written {
                written.push(id);
            }
        }
        let add = planned
            .iter()
            .filter(|planned| missing.contains_key(&planned.key));
        change.added = self.add_planned(merchant, reservation, add, actor).await?;
        if !change.is_empty() {
            self.wake_on_commit();
        }
        Ok(change)
    }

    /// The jobs of the reservation's schedule, the live ones first: they have the say about their key.
    async fn managed(&mut self, reservation: &ReservationId) -> Result<Vec<Managed>, StoreError> {
        let rows = fetch_all!(self, Row, MANAGED, reservation.as_str(), MAX_ROWS)?;
        let mut managed = Vec::with_capacity(rows.len());
        for row in rows {
            let place = Place {
                table: "jobs",
                row: &row.id,
            };
            let (id, state) = (
                place.parse("id", &row.id)?,
                place.parse("state", &row.state)?,
            );
            let key = JobKey::from_table(&row.key, Some(reservation))
                .map_err(|error| place.wrong("key", error))?;
            managed.push(Managed {
                row,
                id,
                key,
                state,
            });
        }
        managed.sort_by_key(|managed| !managed.state.is_live());
        Ok(managed)
    }

    /// Returns whether the job was still unclaimed. One that a worker has claimed since it was read is running by now,
    /// and left to its end like any other.
    async fn move_to(
        &mut self,
        id: &JobId,
        from: JobState,
        planned: &Planned,
    ) -> Result<bool, StoreError> {
        let event = JobEvent::planned(planned.state, planned.run_at <= self.now());
        let state = next_state(id, from, event)?;
        let in_review = state == JobState::NeedsReview;
        let waiting_for = match planned.state {
            PlannedState::Scheduled => None,
            PlannedState::Resolving => Some(WaitingFor::Resolution),
            PlannedState::NeedsReview => Some(WaitingFor::Review),
        };
        let moved = execute!(
            self,
            MOVE_TO,
            id.as_str(),
            state.as_str(),
            millis(planned.run_at),
            planned.state.as_str(),
            millis(planned.deadline),
            planned.urgency.rank(),
            planned.intent.as_ref().map(IntentId::as_str),
            waiting_for.map(WaitingFor::as_str),
            in_review.then(|| ReviewReason::OutcomeUnknown.as_str()),
            in_review.then_some(OUTCOME_UNKNOWN),
        )?;
        Ok(moved == 1)
    }

    /// As [`move_to`](Self::move_to), without its time and state.
    async fn adjust(&mut self, id: &JobId, planned: &Planned) -> Result<bool, StoreError> {
        let (deadline, rank) = (millis(planned.deadline), planned.urgency.rank());
        let intent = planned.intent.as_ref().map(IntentId::as_str);
        let adjusted = execute!(self, ADJUST, id.as_str(), deadline, rank, intent)?;
        Ok(adjusted == 1)
    }

    /// Withdraws a job that the plan no longer has. Returns whether it was still unclaimed, as
    /// [`move_to`](Self::move_to).
    async fn drop_planned(&mut self, id: &JobId, from: JobState) -> Result<bool, StoreError> {
        // The statement writes the state that the table names; this asks whether it may.
        next_state(id, from, JobEvent::Drop)?;
        let now = millis(self.now());
        let code = ErrorCode::NotWanted.as_str();
        Ok(execute!(self, DROP, id.as_str(), now, code)? == 1)
    }

    async fn add_planned<'p>(
        &mut self,
        merchant: &MerchantId,
        reservation: &ReservationId,
        planned: impl Iterator<Item = &'p Planned>,
        actor: &str,
    ) -> Result<Vec<JobId>, StoreError> {
        let (jobs, states): (Vec<NewJob>, Vec<PlannedState>) = planned
            .map(|planned| {
                (
                    new_job(merchant, reservation, planned, actor),
                    planned.state,
                )
            })
            .unzip();
        let state = |index: usize| {
            states
                .get(index)
                .copied()
                .unwrap_or(PlannedState::Scheduled)
        };
        let added = self.enqueue_as(&jobs, state).await?;
        Ok(added
            .into_iter()
            .filter(|added| !added.existing)
            .map(|added| added.job)
            .collect())
    }
}

fn new_job(
    merchant: &MerchantId,
    reservation: &ReservationId,
    planned: &Planned,
    actor: &str,
) -> NewJob {
    NewJob {
        kind: planned.kind,
        urgency: planned.urgency,
        merchant: merchant.clone(),
        reservation: Some(reservation.clone()),
        key: Some(planned.key.clone()),
        run_at: planned.run_at,
        deadline: planned.deadline,
        payload: Value::Null,
        intent: planned.intent.clone(),
        max_attempts: DEFAULT_MAX_ATTEMPTS,
        created_by: actor.to_owned(),
        planned_at: Some(planned.run_at),
    }
}
