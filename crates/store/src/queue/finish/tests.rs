//! What each end of a run makes of its job.

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

fn ended(
    end: &JobEnd,
    lease_state: LeaseState,
    now: i64,
) -> (JobState, Option<ErrorCode>, bool, bool) {
    let change = decide(end, lease_state, at(now), &SeededEntropy::new(1));
    (
        JobState::Running.after(change.event).expect("applies"),
        change.code,
        change.used,
        change.crashed,
    )
}

#[test]
fn each_end_leads_to_its_state_and_counts_what_it_uses() {
    let fault = |class| JobEnd::Retry {
        error: JobFault::new(class, ErrorCode::Unsent, "because"),
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
    let why = || Some(ErrorCode::Unsent);
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
            (
                JobState::Failed,
                Some(ErrorCode::DeadlinePassed),
                true,
                false,
            ),
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
            (
                JobState::Failed,
                Some(ErrorCode::DeadlinePassed),
                false,
                false,
            ),
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
            (JobState::Available, Some(ErrorCode::Crashed), false, true),
        ),
        (
            crash(false),
            after(0, 1),
            0,
            (JobState::Scheduled, Some(ErrorCode::Crashed), false, true),
        ),
        (
            crash(true),
            after(0, 2),
            0,
            (JobState::NeedsReview, Some(ErrorCode::Crashed), false, true),
        ),
        (
            JobEnd::HandedBack,
            after(1, 0),
            0,
            (JobState::Available, None, false, false),
        ),
    ];
    for (end, lease_state, now, expected) in table {
        let name = format!("{end:?} after {lease_state:?}");
        assert_eq!(ended(&end, lease_state, now), expected, "{name}");
    }
}

#[test]
fn crashes_count_until_a_run_puts_its_job_off() {
    let crashes = |end: JobEnd| {
        let lease_state = after(0, 2);
        decide(&end, lease_state, at(0), &SeededEntropy::new(1)).crashes(lease_state.crashes)
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
        ..JobFault::new(FaultClass::Throttled, ErrorCode::Unsent, "come later")
    };
    let change = decide(
        &JobEnd::Retry { error },
        after(0, 0),
        at(0),
        &SeededEntropy::new(1),
    );
    assert_eq!(
        (change.run_at, change.waiting_for),
        (Some(at(60_000)), Some(WaitingFor::RateLimit))
    );
}
