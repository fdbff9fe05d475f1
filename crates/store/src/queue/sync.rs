//! Makes the job table equal to a reservation's schedule.

use std::collections::HashMap;

use domain::reservation::ReviewReason;
use domain::{
    IntentId, JobId, JobState, MerchantId, Planned, PlannedState, ReservationId, WaitingFor,
};
use serde_json::Value;

use crate::db::{execute, fetch_all, millis};
use crate::queue::enqueue::first_state;
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
    key: Option<String>,
    state: String,
    planned_at: Option<i64>,
    planned_state: Option<String>,
    deadline: i64,
    urgency: i64,
    intent_id: Option<String>,
}

/// A person's cancel, and a death, count as present: the plan alone does not bring such a job back.
const OF_RESERVATION: &str =
    "SELECT id, key, state, planned_at, planned_state, deadline, urgency, intent_id FROM jobs
    WHERE reservation_id = $1 AND planned_at IS NOT NULL
        AND (state IN ('scheduled', 'available', 'running', 'resolving', 'needs_review', 'failed')
            OR (state = 'cancelled' AND last_error_code = 'cancelled'))
    ORDER BY id DESC LIMIT CAST($2 AS BIGINT)";

/// A job that another one's read has sent to the desk says why, whatever went wrong with it before.
const MOVE: &str = "UPDATE jobs SET state = $2, run_at = $3, planned_at = $3, planned_state = $4, deadline = $5, urgency = $6,
        intent_id = $7, waiting_for = $8,
        last_error_code = COALESCE($9, last_error_code), last_error_message = COALESCE($10, last_error_message)
    WHERE id = $1 AND state IN ('scheduled', 'available', 'resolving', 'needs_review')";

/// Changes what does not concern the time, so that a backoff or a person's reschedule stays.
const ADJUST: &str = "UPDATE jobs SET deadline = $2, urgency = $3, intent_id = $4
    WHERE id = $1 AND state IN ('scheduled', 'available', 'resolving', 'needs_review')";

const CANCEL: &str = "UPDATE jobs SET state = 'cancelled', finished_at = $2, waiting_for = NULL,
        last_error_code = 'not_wanted', last_error_message = 'the schedule no longer has it'
    WHERE id = $1 AND state IN ('scheduled', 'available', 'resolving', 'needs_review')";

/// What becomes of a row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Keep,
    Adjust,
    Move,
    /// It is over, and the plan has changed since: a new job takes its place.
    Replace,
    /// It is no longer wanted.
    Cancel,
}

/// The key in the table of a job of a reservation's schedule.
fn full_key(reservation: &ReservationId, key: &str) -> String {
    format!("{reservation}/{key}")
}

fn judge(row: &Row, state: JobState, planned: &Planned) -> Verdict {
    let same_time = row.planned_at == Some(millis(planned.run_at));
    let same_plan = same_time && row.planned_state.as_deref() == Some(planned.state.as_str());
    let same_rest = row.deadline == millis(planned.deadline)
        && row.urgency == planned.urgency.rank()
        && row.intent_id.as_deref() == planned.intent.as_ref().map(IntentId::as_str);
    let runs = planned.state != PlannedState::NeedsReview;
    match state {
        JobState::Running | JobState::Succeeded => Verdict::Keep,
        JobState::Failed | JobState::Cancelled if runs && !same_time => Verdict::Replace,
        JobState::Failed | JobState::Cancelled => Verdict::Keep,
        // A person is to decide, whatever the plan said before; only a new time takes the job away from the desk.
        JobState::NeedsReview if runs && !same_time => Verdict::Move,
        JobState::Scheduled | JobState::Available | JobState::Resolving if !same_plan => {
            Verdict::Move
        }
        _ if same_rest => Verdict::Keep,
        _ => Verdict::Adjust,
    }
}

impl Tx {
    /// Makes the live jobs of the reservation's schedule equal to `planned`, by key.
    ///
    /// Missing ones are added, those whose plan changed are moved, those no longer wanted are cancelled. The plan is
    /// compared with what it last said, so that a backoff or a person's reschedule stays as long as the plan does. A dead
    /// job, or one that a person cancelled, is replaced only when the plan's time changed.
    ///
    /// A running job counts as present and is left to its settle; so is `running`, the caller's own, even when this
    /// transaction has settled it already. A handler whose schedule has its own key again at a later time settles first
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
        let mut missing: HashMap<String, &Planned> = planned
            .iter()
            .map(|planned| (full_key(reservation, &planned.key), planned))
            .collect();
        let mut change = ScheduleChange::default();
        let now = millis(self.now());
        for (row, id, state) in self.managed(reservation).await? {
            let key = row.key.as_deref().unwrap_or_default();
            let verdict = match missing.get(key) {
                _ if running == Some(&id) => Verdict::Keep,
                Some(planned) => judge(&row, state, planned),
                None if state.is_live() && state != JobState::Running => Verdict::Cancel,
                None => Verdict::Keep,
            };
            let planned = if verdict == Verdict::Replace {
                None
            } else {
                missing.remove(key)
            };
            match (verdict, planned) {
                (Verdict::Move, Some(planned)) => {
                    self.move_to(&id, planned).await?;
                    change.moved.push(id);
                }
                (Verdict::Adjust, Some(planned)) => {
                    self.adjust(&id, planned).await?;
                    change.moved.push(id);
                }
                (Verdict::Cancel, _) => {
                    execute!(self, CANCEL, id.as_str(), now)?;
                    change.cancelled.push(id);
                }
                _ => {}
            }
        }
        let add = planned
            .iter()
            .filter(|planned| missing.contains_key(&full_key(reservation, &planned.key)));
        change.added = self.add_planned(merchant, reservation, add, actor).await?;
        if !change.is_empty() {
            self.wake_on_commit();
        }
        Ok(change)
    }

    /// The jobs of the reservation's schedule, the live ones first: they have the say about their key.
    async fn managed(
        &mut self,
        reservation: &ReservationId,
    ) -> Result<Vec<(Row, JobId, JobState)>, StoreError> {
        let rows = fetch_all!(self, Row, OF_RESERVATION, reservation.as_str(), MAX_ROWS)?;
        let mut managed = Vec::with_capacity(rows.len());
        for row in rows {
            let place = Place {
                table: "jobs",
                row: &row.id,
            };
            let (id, state): (JobId, JobState) = (
                place.parse("id", &row.id)?,
                place.parse("state", &row.state)?,
            );
            managed.push((row, id, state));
        }
        managed.sort_by_key(|(_, _, state)| !state.is_live());
        Ok(managed)
    }

    async fn move_to(&mut self, id: &JobId, planned: &Planned) -> Result<(), StoreError> {
        let state = first_state(planned.state, planned.run_at, self.now());
        let desk = state == JobState::NeedsReview;
        execute!(
            self,
            MOVE,
            id.as_str(),
            state.as_str(),
            millis(planned.run_at),
            planned.state.as_str(),
            millis(planned.deadline),
            planned.urgency.rank(),
            planned.intent.as_ref().map(IntentId::as_str),
            (planned.state == PlannedState::Resolving).then(|| WaitingFor::Resolution.as_str()),
            desk.then(|| ReviewReason::OutcomeUnknown.as_str()),
            desk.then_some(OUTCOME_UNKNOWN),
        )?;
        Ok(())
    }

    async fn adjust(&mut self, id: &JobId, planned: &Planned) -> Result<(), StoreError> {
        let (deadline, rank) = (millis(planned.deadline), planned.urgency.rank());
        let intent = planned.intent.as_ref().map(IntentId::as_str);
        execute!(self, ADJUST, id.as_str(), deadline, rank, intent)?;
        Ok(())
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
        key: Some(full_key(reservation, &planned.key)),
        run_at: planned.run_at,
        deadline: planned.deadline,
        payload: Value::Null,
        intent: planned.intent.clone(),
        max_attempts: DEFAULT_MAX_ATTEMPTS,
        created_by: actor.to_owned(),
        planned_at: Some(planned.run_at),
    }
}
