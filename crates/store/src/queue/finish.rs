//! Ends a run: what becomes of the job, decided purely and written under the fence.

use std::borrow::Cow;

use chrono::{DateTime, TimeDelta, Utc};
use domain::{Entropy, JobState, PlannedState, WaitingFor};
use serde_json::Value;

use crate::db::{execute, millis};
use crate::queue::lease::{Fence, LeaseState, lease_state};
use crate::queue::{AttemptOutcome, FaultClass, Finished, Lease, attempt, backoff};
use crate::{StoreError, Tx};

/// The crashes of one job after which a person must look at it.
pub const MAX_CRASHES: u32 = 3;

/// What a job says that waits for a person because of an unknown outcome.
pub const OUTCOME_UNKNOWN: &str = "outcome unknown: the request was sent, and neither its answer nor any later read shows its effect";

/// The most bytes of an error message that are kept.
pub(crate) const MAX_MESSAGE_BYTES: usize = 1_024;

/// Why a run failed; it is tried again after a delay. What must not be tried again is [`JobEnd::Failed`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct JobFault {
    /// What kind of failure, which sets the pace of the retries.
    pub class: FaultClass,
    /// A stable word for programs.
    pub code: Cow<'static, str>,
    /// The same for people; no secret or personal data. Cut to 1 KiB.
    pub message: String,
    /// Not before this, if somebody said so.
    pub not_before: Option<DateTime<Utc>>,
}

impl JobFault {
    /// A fault whose retry waits for its backoff alone.
    #[must_use]
    pub fn new(class: FaultClass, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            class,
            code: code.into(),
            message: message.into(),
            not_before: None,
        }
    }
}

impl From<StoreError> for JobFault {
    fn from(error: StoreError) -> Self {
        let code = if matches!(error, StoreError::LeaseLost { .. }) {
            "lease_lost"
        } else {
            "store"
        };
        Self::new(FaultClass::Internal, code, error.to_string())
    }
}

/// What becomes of a job whose run ends.
#[derive(Clone, Debug, PartialEq)]
pub enum JobEnd {
    /// It is done.
    Succeeded {
        /// What it achieved.
        result: Option<Value>,
    },
    /// It failed, and runs again after a delay: unless its attempts are used up, or the delay ends at or after its
    /// deadline. Then it is dead.
    Retry {
        /// Why it failed.
        error: JobFault,
    },
    /// It runs again at a given time and uses no attempt. A scheduled one that would come at or after its deadline is
    /// dead; one that finds out about an unknown outcome has no deadline.
    Snooze {
        /// When.
        until: DateTime<Utc>,
        /// What it waits for.
        waiting_for: Option<WaitingFor>,
        /// How it waits.
        state: PlannedState,
    },
    /// A person must decide.
    NeedsReview {
        /// Why, for programs.
        code: Cow<'static, str>,
        /// Why, for people.
        message: String,
    },
    /// It is given up.
    Failed {
        /// Why, for programs.
        code: Cow<'static, str>,
        /// Why, for people.
        message: String,
    },
    /// It is no longer wanted.
    Cancelled {
        /// Why.
        reason: String,
    },
    /// The run crashed. It runs again, until it has crashed [`MAX_CRASHES`] times
    /// without coming to a good end in between; then a person must look.
    Crashed {
        /// How.
        message: String,
        /// Without a delay, because the worker vanished and the job may not be to record_failure.
        at_once: bool,
    },
    /// The worker stops and gives the job back as if it had not been claimed.
    HandedBack,
}

impl JobEnd {
    /// What becomes of a job whose handler ended like this; `None` when the handler has settled it.
    #[must_use]
    pub fn after(ended: Result<Finished, JobFault>) -> Option<Self> {
        match ended {
            Ok(Finished::Already) => None,
            Ok(Finished::By(settle)) => Some(settle),
            Err(error) => Some(Self::Retry { error }),
        }
    }
}

/// What a settle writes.
#[derive(Debug, PartialEq)]
struct Change {
    state: JobState,
    run_at: Option<DateTime<Utc>>,
    waiting_for: Option<WaitingFor>,
    code: Option<Cow<'static, str>>,
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

    fn to(state: JobState) -> Self {
        Self {
            state,
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

    fn because(self, code: impl Into<Cow<'static, str>>, message: &str) -> Self {
        Self {
            code: Some(code.into()),
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

/// What a settle of a job with this lease_state comes to.
fn decide(
    settle: JobEnd,
    lease_state: LeaseState,
    now: DateTime<Utc>,
    entropy: &dyn Entropy,
) -> Change {
    match settle {
        JobEnd::Succeeded { result } => Change {
            result: result.as_ref().map(Value::to_string),
            used: true,
            ..Change::to(JobState::Succeeded)
        },
        JobEnd::Retry { error } => retry(&error, lease_state, now, entropy),
        JobEnd::Snooze {
            until,
            waiting_for,
            state,
        } => snooze(until, waiting_for, state, lease_state),
        JobEnd::NeedsReview { code, message } => Change {
            used: true,
            ..Change::to(JobState::NeedsReview)
        }
        .because(code, &message),
        JobEnd::Failed { code, message } => Change::to(JobState::Failed)
            .failed()
            .because(code, &message),
        JobEnd::Cancelled { reason } => {
            Change::to(JobState::Cancelled).because("cancelled", &reason)
        }
        JobEnd::Crashed { message, at_once } => {
            crashed(&message, at_once, lease_state, now, entropy)
        }
        JobEnd::HandedBack => Change::to(JobState::Available),
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
        ..Change::to(JobState::Scheduled)
    };
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
        Change::to(JobState::Failed)
            .failed()
            .because(error.code.clone(), &error.message)
    } else if millis(run_at) >= lease_state.deadline {
        past_deadline(run_at).failed()
    } else if throttled {
        Change {
            waiting_for: Some(WaitingFor::RateLimit),
            ..again(run_at)
        }
        .because(error.code.clone(), &error.message)
    } else {
        again(run_at)
            .failed()
            .because(error.code.clone(), &error.message)
    }
}

fn snooze(
    until: DateTime<Utc>,
    waiting_for: Option<WaitingFor>,
    state: PlannedState,
    lease_state: LeaseState,
) -> Change {
    let outcome = AttemptOutcome::Snoozed;
    let waits = |state| Change {
        run_at: Some(until),
        waiting_for,
        outcome,
        ..Change::to(state)
    };
    match state {
        PlannedState::Scheduled if millis(until) >= lease_state.deadline => past_deadline(until),
        PlannedState::Scheduled => waits(JobState::Scheduled),
        PlannedState::Resolving => waits(JobState::Resolving),
        PlannedState::NeedsReview => waits(JobState::NeedsReview),
    }
}

fn past_deadline(run_at: DateTime<Utc>) -> Change {
    let message = format!(
        "the next run, at {}, would be past the deadline",
        run_at.format("%FT%TZ")
    );
    Change::to(JobState::Failed).because("deadline", &message)
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
        Change::to(JobState::NeedsReview)
    } else if at_once {
        Change::to(JobState::Available)
    } else {
        let run_at = now.checked_add_signed(delay).unwrap_or(now);
        Change {
            run_at: Some(run_at),
            ..Change::to(JobState::Scheduled)
        }
    };
    Change {
        crashed: true,
        outcome: AttemptOutcome::Crashed,
        record: true,
        ..next
    }
    .because("crashed", message)
}

pub(crate) const FINISH: &str = "UPDATE jobs SET state = $4, run_at = COALESCE($5, run_at), waiting_for = $6,
        last_error_code = COALESCE($7, last_error_code), last_error_message = COALESCE($8, last_error_message),
        result = $9, attempts_used = attempts_used + $10, crashes = $11, finished_at = $12,
        owner = NULL, lease_until = NULL
    WHERE id = $1 AND token = $2 AND owner = $3";

impl Tx {
    /// Ends the run that holds this lease. What it makes due wakes the workers when the transaction commits.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] when the job is another's by now; the transaction must then be dropped.
    pub async fn finish_job(&mut self, lease: &Lease, end: JobEnd) -> Result<(), StoreError> {
        let kept = self.finish_fenced(lease.fence(), end).await?;
        self.wake_on_commit();
        if kept { Ok(()) } else { Err(lease.lost()) }
    }

    /// As [`settle`](Self::settle), without waking anybody. Returns whether the lease held.
    pub(crate) async fn finish_fenced(
        &mut self,
        fence: Fence<'_>,
        settle: JobEnd,
    ) -> Result<bool, StoreError> {
        let Some(lease_state) = lease_state(self, fence).await? else {
            return Ok(false);
        };
        let change = decide(settle, lease_state, self.now(), self.entropy());
        let finished_at = (!change.state.is_live()).then(|| millis(self.now()));
        if lease_state.attempting || change.record {
            attempt::close(
                self,
                fence,
                change.code.as_deref(),
                change.outcome,
                change.record,
            )
            .await?;
        }
        let rows = execute!(
            self,
            FINISH,
            fence.id,
            fence.token,
            fence.owner,
            change.state.as_str(),
            change.run_at.map(millis),
            change.waiting_for.map(WaitingFor::as_str),
            change.code.as_deref(),
            change.message.as_deref(),
            change.result.as_deref(),
            i64::from(change.used),
            change.crashes(lease_state.crashes),
            finished_at,
        )?;
        Ok(rows == 1)
    }
}

/// A text cut to a number of bytes, without the NUL that Postgres does not take.
pub(crate) fn bounded(text: &str, limit: usize) -> String {
    let end = text.floor_char_boundary(limit);
    text[..end].replace('\0', "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::SeededEntropy;

    const DEADLINE: i64 = 1_000_000_000;

    fn at(millis: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(millis).expect("a time")
    }

    fn after(attempts_used: i64, crashes: i64) -> LeaseState {
        LeaseState {
            attempts_used,
            max_attempts: 3,
            crashes,
            deadline: DEADLINE,
            attempting: false,
        }
    }

    fn settled(
        settle: JobEnd,
        lease_state: LeaseState,
        now: i64,
    ) -> (JobState, Option<String>, bool, bool) {
        let change = decide(settle, lease_state, at(now), &SeededEntropy::new(1));
        (
            change.state,
            change.code.map(Cow::into_owned),
            change.used,
            change.crashed,
        )
    }

    #[test]
    fn each_settle_leads_to_its_state_and_counts_what_it_uses() {
        let fault = |class| JobEnd::Retry {
            error: JobFault::new(class, "why", "because"),
        };
        let snooze = |until, state| JobEnd::Snooze {
            until: at(until),
            waiting_for: None,
            state,
        };
        let crash = |at_once| JobEnd::Crashed {
            message: "gone".into(),
            at_once,
        };
        let why = || Some("why".to_owned());
        let (scheduled, resolving) = (PlannedState::Scheduled, PlannedState::Resolving);
        let late = DEADLINE - 1;
        let table = [
            (
                JobEnd::Succeeded { result: None },
                after(0, 0),
                0,
                (JobState::Succeeded, None, true, false),
            ),
            (
                fault(FaultClass::Transport),
                after(0, 0),
                0,
                (JobState::Scheduled, why(), true, false),
            ),
            (
                fault(FaultClass::Transport),
                after(2, 0),
                0,
                (JobState::Failed, why(), true, false),
            ),
            (
                fault(FaultClass::Throttled),
                after(2, 0),
                0,
                (JobState::Scheduled, why(), false, false),
            ),
            (
                fault(FaultClass::Transport),
                after(0, 0),
                late,
                (JobState::Failed, Some("deadline".into()), true, false),
            ),
            (
                snooze(5, scheduled),
                after(2, 0),
                0,
                (JobState::Scheduled, None, false, false),
            ),
            (
                snooze(DEADLINE, scheduled),
                after(0, 0),
                0,
                (JobState::Failed, Some("deadline".into()), false, false),
            ),
            (
                snooze(DEADLINE, resolving),
                after(0, 0),
                0,
                (JobState::Resolving, None, false, false),
            ),
            (
                crash(true),
                after(0, 0),
                0,
                (JobState::Available, Some("crashed".into()), false, true),
            ),
            (
                crash(false),
                after(0, 1),
                0,
                (JobState::Scheduled, Some("crashed".into()), false, true),
            ),
            (
                crash(true),
                after(0, 2),
                0,
                (JobState::NeedsReview, Some("crashed".into()), false, true),
            ),
            (
                JobEnd::HandedBack,
                after(1, 0),
                0,
                (JobState::Available, None, false, false),
            ),
        ];
        for (settle, lease_state, now, expected) in table {
            let name = format!("{settle:?} after {lease_state:?}");
            assert_eq!(settled(settle, lease_state, now), expected, "{name}");
        }
    }

    #[test]
    fn crashes_count_until_a_run_puts_its_job_off() {
        let crashes = |settle: JobEnd| {
            let lease_state = after(0, 2);
            decide(settle, lease_state, at(0), &SeededEntropy::new(1)).crashes(lease_state.crashes)
        };
        let state = PlannedState::Scheduled;
        assert_eq!(
            crashes(JobEnd::Snooze {
                until: at(5),
                waiting_for: None,
                state
            }),
            0
        );
        assert_eq!(
            crashes(JobEnd::Crashed {
                message: String::new(),
                at_once: true
            }),
            3
        );
        assert_eq!(crashes(JobEnd::HandedBack), 2);
    }

    #[test]
    fn a_retry_waits_at_least_as_long_as_it_was_told() {
        let error = JobFault {
            not_before: Some(at(60_000)),
            ..JobFault::new(FaultClass::Throttled, "rate", "come later")
        };
        let change = decide(
            JobEnd::Retry { error },
            after(0, 0),
            at(0),
            &SeededEntropy::new(1),
        );
        assert_eq!(
            (change.run_at, change.waiting_for),
            (Some(at(60_000)), Some(WaitingFor::RateLimit))
        );
    }

    #[test]
    fn messages_are_cut_between_characters_and_lose_their_nul() {
        assert_eq!(bounded("a\0b", 10), "ab");
        assert_eq!(bounded("ææ", 3), "æ");
    }
}
