//! The states of jobs as SQL, made at compile time of the domain's table, so that a statement and the table cannot
//! differ.
//!
//! Each constant follows the word `state` and begins with a blank: ` = 'running'`, or ` IN ('scheduled', 'resolving')`.
//! The planners of both databases find a partial index only by the same words in the same order as the migration has
//! them, which a test compares.

use domain::{JobEvent, JobId, JobState};

use crate::StoreError;

/// What may follow the word `state` to compare it with, or set it to, one of these states.
macro_rules! one_of {
    ($states:expr) => {{
        const STATES: &[domain::JobState] = $states;
        const BYTES: [u8; $crate::queue::states::length(STATES)] =
            $crate::queue::states::bytes(STATES);
        $crate::db::utf8(&BYTES)
    }};
}

/// A key is taken, and the job is live.
pub(crate) const LIVE: &str = one_of!(JobState::LIVE);
/// Live, and going on without a person.
pub(crate) const UNATTENDED: &str = one_of!(&[
    JobState::Scheduled,
    JobState::Available,
    JobState::Running,
    JobState::Resolving
]);
/// Waits for its time.
pub(crate) const DUE_LATER: &str = one_of!(JobEvent::Due.applies_to());
/// May be claimed.
pub(crate) const CLAIMABLE: &str = one_of!(JobEvent::Claim.applies_to());
/// What it waits for may end.
pub(crate) const PUT_OFF: &str = one_of!(JobEvent::EndWait.applies_to());
/// May be found to have taken effect.
pub(crate) const CONFIRMABLE: &str = one_of!(JobEvent::Confirm.applies_to());
/// May be moved, adjusted and dropped by its schedule.
pub(crate) const PLANNABLE: &str = one_of!(JobEvent::Drop.applies_to());

/// Due, and free to be claimed.
pub(crate) const AVAILABLE: &str = one_of!(&[JobEvent::Due.leads_to(JobState::Scheduled)]);
/// Held by a worker.
pub(crate) const RUNNING: &str = one_of!(&[JobEvent::Claim.leads_to(JobState::Available)]);
/// Waits for its time and for nothing unknown.
pub(crate) const SCHEDULED: &str = one_of!(&[JobEvent::PutOff.leads_to(JobState::Running)]);
/// Waits for a person.
pub(crate) const NEEDS_REVIEW: &str = one_of!(&[JobEvent::AskReview.leads_to(JobState::Running)]);
/// Done.
pub(crate) const SUCCEEDED: &str = one_of!(&[JobEvent::Succeed.leads_to(JobState::Running)]);
/// Given up.
pub(crate) const FAILED: &str = one_of!(&[JobEvent::Fail.leads_to(JobState::Running)]);
/// Withdrawn.
pub(crate) const CANCELLED: &str = one_of!(&[JobEvent::Drop.leads_to(JobState::Scheduled)]);

/// The state that a job is in once the event has happened to it.
///
/// # Errors
/// [`StoreError::JobState`] when the event does not apply to a job in `state`; nothing may then be written.
pub(crate) fn next_state(
    job: &JobId,
    state: JobState,
    event: JobEvent,
) -> Result<JobState, StoreError> {
    state.after(event).map_err(|illegal| StoreError::JobState {
        job: job.clone(),
        state: illegal.state,
        event: illegal.event,
    })
}

const fn frame(count: usize) -> (&'static [u8], &'static [u8]) {
    if count == 1 {
        (b" = ", b"")
    } else {
        (b" IN (", b")")
    }
}

/// The length of the text of these states.
pub(crate) const fn length(states: &[JobState]) -> usize {
    let (before, behind) = frame(states.len());
    let mut length = before.len() + behind.len();
    let mut index = 0;
    while index < states.len() {
        let comma = if index == 0 { 0 } else { ", ".len() };
        length += comma + "''".len() + states[index].as_str().len();
        index += 1;
    }
    length
}

/// The text of these states.
pub(crate) const fn bytes<const N: usize>(states: &[JobState]) -> [u8; N] {
    let (before, behind) = frame(states.len());
    let (mut text, mut at) = crate::db::put([0; N], 0, before);
    let mut index = 0;
    while index < states.len() {
        let opening: &[u8] = if index == 0 { b"'" } else { b", '" };
        (text, at) = crate::db::put(text, at, opening);
        (text, at) = crate::db::put(text, at, states[index].as_str().as_bytes());
        (text, at) = crate::db::put(text, at, b"'");
        index += 1;
    }
    crate::db::put(text, at, behind).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_written_as_sql() {
        assert_eq!(RUNNING, " = 'running'");
        assert_eq!(DUE_LATER, " IN ('scheduled', 'resolving')");
        assert_eq!(
            LIVE,
            " IN ('scheduled', 'available', 'running', 'resolving', 'needs_review')"
        );
    }

    #[test]
    fn the_migrations_have_the_states_of_the_table() {
        let ended: Vec<JobState> = JobState::ALL
            .iter()
            .copied()
            .filter(|state| !state.is_live())
            .collect();
        let listed = |states: &[JobState]| {
            let words: Vec<String> = states.iter().map(|state| format!("'{state}'")).collect();
            format!("state IN ({})", words.join(", "))
        };
        for sql in [
            include_str!("../../../../migrations/sqlite/0001_jobs.sql"),
            include_str!("../../../../migrations/postgres/0001_jobs.sql"),
        ] {
            let one_line = sql.split_whitespace().collect::<Vec<_>>().join(" ");
            for expected in [
                listed(JobState::ALL),
                listed(&ended),
                format!("state{LIVE}"),
                format!("state{DUE_LATER}"),
                format!("state{CLAIMABLE}"),
                format!("state{RUNNING}"),
            ] {
                assert!(one_line.contains(&expected), "{expected}");
            }
        }
    }
}
