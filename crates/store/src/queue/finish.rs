//! Ends a run: what becomes of the job is decided purely, by the table of the domain, and written under the fence.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use domain::{Entropy, ErrorCode, JobEvent, JobState, PlannedState, WaitingFor};
use serde_json::Value;

use crate::db::{Sql, ensure_affected, execute, fetch_all, json_list, millis, sql};
use crate::queue::enqueue::IdRow;
use crate::queue::lease::{Fence, LeaseState, lease_state};
use crate::queue::message::{MAX_MESSAGE_BYTES, bounded};
use crate::queue::states::SUCCEEDED;
use crate::queue::{
    AttemptOutcome, FaultClass, JobEnd, JobFault, Lease, MAX_CRASHES, attempt, backoff,
};
use crate::{StoreError, Tx};

/// What the end of a run writes.
#[derive(Debug)]
struct Change {
    /// What happens to the job, which is running.
    event: JobEvent,
    run_at: Option<DateTime<Utc>>,
    waiting_for: Option<WaitingFor>,
    code: Option<ErrorCode>,
    message: Option<String>,
    result: Option<String>,
    used: bool,
    crashed: bool,
    /// What becomes of an attempt that was left open.
    outcome: AttemptOutcome,
    /// Does the run get an attempt row even if it left none?
    record: bool,
}

impl Change {
    /// How many crashes count from now on, after `before`. A run that put its job off has come to a good end: a job
    /// that runs for ever must not be given up for crashes that are months apart.
    const fn crashes(&self, before: i64) -> i64 {
        match self.outcome {
            _ if self.crashed => before.saturating_add(1),
            AttemptOutcome::Snoozed => 0,
            _ => before,
        }
    }

    fn by(event: JobEvent) -> Self {
        Self {
            event,
            run_at: None,
            waiting_for: None,
            code: None,
            message: None,
            result: None,
            used: false,
            crashed: false,
            outcome: AttemptOutcome::Unsent,
            record: false,
        }
    }

    /// Leaves the job to a person.
    fn for_review() -> Self {
        Self {
            waiting_for: Some(WaitingFor::Review),
            ..Self::by(JobEvent::AskReview)
        }
    }

    fn because(self, code: ErrorCode, message: &str) -> Self {
        Self {
            code: Some(code),
            message: Some(bounded(message, MAX_MESSAGE_BYTES)),
            ..self
        }
    }

    fn failed(self) -> Self {
        Self {
            used: true,
            outcome: AttemptOutcome::Failed,
            record: true,
            ..self
        }
    }
}

/// What the end of a run comes to, for a job that is held under this lease.
fn decide(
    end: &JobEnd,
    lease_state: LeaseState,
    now: DateTime<Utc>,
    entropy: &dyn Entropy,
) -> Change {
    match end {
        JobEnd::Succeeded { result } => Change {
            result: result.as_ref().map(Value::to_string),
            used: true,
            ..Change::by(JobEvent::Succeed)
        },
        JobEnd::Retry { error } => retry(error, lease_state, now, entropy),
        JobEnd::Snooze {
            until,
            waiting_for,
            state,
        } => snooze(*until, *waiting_for, *state, lease_state),
        JobEnd::NeedsReview { code, message } => Change {
            used: true,
            ..Change::for_review()
        }
        .because(*code, message),
        JobEnd::Failed { code, message } => {
            Change::by(JobEvent::Fail).failed().because(*code, message)
        }
        JobEnd::Cancelled { reason } => {
            Change::by(JobEvent::Withdraw).because(ErrorCode::Cancelled, reason)
        }
        JobEnd::Crashed { message, at_once } => {
            crashed(message, *at_once, lease_state, now, entropy)
        }
        JobEnd::HandedBack => Change::by(JobEvent::HandBack),
    }
}

fn retry(
    error: &JobFault,
    lease_state: LeaseState,
    now: DateTime<Utc>,
    entropy: &dyn Entropy,
) -> Change {
    let throttled = error.class == FaultClass::Throttled;
    let attempt = lease_state.attempts_used.saturating_add(1);
    let again = |run_at| Change {
        run_at: Some(run_at),
        ..Change::by(JobEvent::PutOff)
    };
    let message = error.with_causes();
    let delay = backoff::delay(
        error.class,
        u32::try_from(attempt).unwrap_or(u32::MAX),
        entropy,
    );
    let run_at = now
        .checked_add_signed(delay)
        .unwrap_or(now)
        .max(error.not_before.unwrap_or(now));
    if !throttled && attempt >= lease_state.max_attempts {
        Change::by(JobEvent::Fail)
            .failed()
            .because(error.code, &message)
    } else if millis(run_at) >= lease_state.deadline {
        past_deadline(run_at).failed()
    } else if throttled {
        Change {
            waiting_for: Some(WaitingFor::RateLimit),
            ..again(run_at)
        }
        .because(error.code, &message)
    } else {
        again(run_at).failed().because(error.code, &message)
    }
}

fn snooze(
    until: DateTime<Utc>,
    waiting_for: Option<WaitingFor>,
    state: PlannedState,
    lease_state: LeaseState,
) -> Change {
    let outcome = AttemptOutcome::Snoozed;
    let waits = |event, waiting_for| Change {
        run_at: Some(until),
        waiting_for,
        outcome,
        ..Change::by(event)
    };
    match state {
        PlannedState::Scheduled if millis(until) >= lease_state.deadline => past_deadline(until),
        PlannedState::Scheduled => waits(JobEvent::PutOff, waiting_for),
        PlannedState::Resolving => waits(JobEvent::Resolve, waiting_for),
        PlannedState::NeedsReview => waits(JobEvent::AskReview, Some(WaitingFor::Review)),
    }
}

fn past_deadline(run_at: DateTime<Utc>) -> Change {
    let message = format!(
        "the next run, at {}, would be past the deadline",
        run_at.format("%FT%TZ")
    );
    Change::by(JobEvent::Fail).because(ErrorCode::DeadlinePassed, &message)
}

fn crashed(
    message: &str,
    at_once: bool,
    lease_state: LeaseState,
    now: DateTime<Utc>,
    entropy: &dyn Entropy,
) -> Change {
    let crashes = u32::try_from(lease_state.crashes.saturating_add(1)).unwrap_or(u32::MAX);
    let delay = if at_once {
        TimeDelta::zero()
    } else {
        backoff::delay(FaultClass::Internal, crashes, entropy)
    };
    let next = if crashes >= MAX_CRASHES {
        Change::for_review()
    } else if at_once {
        Change::by(JobEvent::HandBack)
    } else {
        let run_at = now.checked_add_signed(delay).unwrap_or(now);
        Change {
            run_at: Some(run_at),
            ..Change::by(JobEvent::PutOff)
        }
    };
    Change {
        crashed: true,
        outcome: AttemptOutcome::Crashed,
        record: true,
        ..next
    }
    .because(ErrorCode::Crashed, message)
}

// As for the state, see `LEASE_STATE`.
pub(crate) const FINISH_JOB: &str = "UPDATE jobs SET state = $4, run_at = COALESCE($5, run_at), waiting_for = $6,
        last_error_code = COALESCE($7, last_error_code), last_error_message = COALESCE($8, last_error_message),
        result = $9, attempts_used = attempts_used + $10, crashes = $11, finished_at = $12,
        owner = NULL, lease_until = NULL
    WHERE id = $1 AND token = $2 AND owner = $3";

// Differs from Postgres because each has its own way of reading rows from JSON, and because Postgres has to be led to the
// primary key by a list. As for the state, see `LEASE_STATE`.
pub(crate) const SUCCEED_ALL: Sql = Sql {
    sqlite: sql!(
        "UPDATE jobs SET state",
        SUCCEEDED,
        ", attempts_used = attempts_used + 1, finished_at = $3, waiting_for = NULL, owner = NULL, lease_until = NULL
        FROM (SELECT value ->> 0 AS job_id, value ->> 1 AS fence FROM json_each($1)) AS done
        WHERE jobs.id = done.job_id AND jobs.token = done.fence AND jobs.owner = $2
        RETURNING id"
    ),
    postgres: sql!(
        "UPDATE jobs SET state",
        SUCCEEDED,
        ", attempts_used = attempts_used + 1, finished_at = $3, waiting_for = NULL, owner = NULL, lease_until = NULL
        FROM (SELECT pair ->> 0 AS job_id, CAST(pair ->> 1 AS BIGINT) AS fence
            FROM json_array_elements(CAST($1 AS JSON)) AS pair) AS done
        WHERE jobs.id = ANY(ARRAY(SELECT pair ->> 0 FROM json_array_elements(CAST($1 AS JSON)) AS pair))
            AND jobs.id = done.job_id AND jobs.token = done.fence AND jobs.owner = $2
        RETURNING id"
    ),
};

impl Tx {
    /// Ends the run that holds this lease. What it makes due wakes the workers when the transaction commits.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] when the job is another's by now; the transaction must then be dropped.
    pub async fn finish_job(&mut self, lease: &Lease, end: JobEnd) -> Result<(), StoreError> {
        let kept = self.finish_fenced(lease.fence(), &end).await?;
        self.wake_on_commit();
        if kept { Ok(()) } else { Err(lease.lost()) }
    }

    /// As [`finish_job`](Self::finish_job), without waking anybody. Returns whether the lease held.
    pub(crate) async fn finish_fenced(
        &mut self,
        fence: Fence<'_>,
        end: &JobEnd,
    ) -> Result<bool, StoreError> {
        let Some(lease_state) = lease_state(self, fence).await? else {
            return Ok(false);
        };
        let change = decide(end, lease_state, self.now(), self.entropy());
        let state = JobState::Running
            .after(change.event)
            .map_err(StoreError::JobEnd)?;
        let finished_at = (!state.is_live()).then(|| millis(self.now()));
        if lease_state.attempting || change.record {
            attempt::close(
                self,
                fence,
                change.code.map(ErrorCode::as_str),
                change.outcome,
                change.record,
            )
            .await?;
        }
        let rows = execute!(
            self,
            FINISH_JOB,
            fence.id,
            fence.token,
            fence.owner,
            state.as_str(),
            change.run_at.map(millis),
            change.waiting_for.map(WaitingFor::as_str),
            change.code.map(ErrorCode::as_str),
            change.message.as_deref(),
            change.result.as_deref(),
            i64::from(change.used),
            change.crashes(lease_state.crashes),
            finished_at,
        )?;
        ensure_affected("FINISH_JOB", 1, rows)?;
        Ok(true)
    }

    /// Ends many runs of one owner at once, all done and with nothing to say. Returns the ids of those whose lease held.
    pub(crate) async fn succeed_all(
        &mut self,
        owner: &str,
        done: &[(&str, i64)],
    ) -> Result<HashSet<String>, StoreError> {
        if done.is_empty() {
            return Ok(HashSet::new());
        }
        let now = millis(self.now());
        let rows = fetch_all!(self, IdRow, SUCCEED_ALL, json_list(done), owner, now)?;
        // Fewer rows than runs are leases that were lost, which the caller logs.
        Ok(rows.into_iter().map(|row| row.id).collect())
    }
}

#[cfg(test)]
mod tests;
