//! The states of a job, and what moves it from one to the other: the table that every change of a state asks.

use super::PlannedState;

words! {
    /// Where a job is.
    JobState {
        /// Waits for its `run_at`: not due yet, or put off.
        Scheduled = "scheduled",
        /// Due, and free to be claimed.
        Available = "available",
        /// Claimed by a worker that holds its lease.
        Running = "running",
        /// The outcome of its request is unknown; the next read is at `run_at`.
        Resolving = "resolving",
        /// Does not run until a person decides, or until its schedule has another time for it.
        NeedsReview = "needs_review",
        /// Done.
        Succeeded = "succeeded",
        /// Gave up: refused, out of attempts, or past its deadline. A person may retry it.
        Failed = "failed",
        /// Withdrawn before it had done what it was for.
        Cancelled = "cancelled",
    }
}

words! {
    /// What happens to a job. The statement that makes it happen asks [`JobState::after`] first.
    JobEvent {
        /// Its `run_at` has come.
        Due = "due",
        /// A worker takes it under a lease.
        Claim = "claim",
        /// Its run has done what the job is for.
        Succeed = "succeed",
        /// Its run failed and is repeated after a delay, or puts the job off.
        PutOff = "put_off",
        /// Its run leaves a request whose outcome is unknown, to be read at `run_at`.
        Resolve = "resolve",
        /// Its run needs a person's decision, or the job has crashed too often.
        AskReview = "ask_review",
        /// Its run gives it up: refused, out of attempts, or past the deadline.
        Fail = "fail",
        /// Its run finds that the job is no longer wanted.
        Withdraw = "withdraw",
        /// Its worker stops, or has vanished, and another may run it at once.
        HandBack = "hand_back",
        /// A person lets it run again, with all its attempts.
        Retry = "retry",
        /// A person lets it run now.
        RunNow = "run_now",
        /// A person gives it another `run_at`.
        Reschedule = "reschedule",
        /// A person withdraws it.
        Cancel = "cancel",
        /// A person, or another job's read, has found that what it is for has taken place.
        Confirm = "confirm",
        /// Its schedule has it at a later time.
        PlanLater = "plan_later",
        /// Its schedule has it at a time that has come.
        PlanNow = "plan_now",
        /// Its schedule has the next read of its unknown outcome at a later time.
        PlanRead = "plan_read",
        /// Its schedule leaves it to a person.
        PlanReview = "plan_review",
        /// Its schedule no longer has it.
        Drop = "drop",
        /// What it was put off for is over: its time is the schedule's again, or now.
        EndWait = "end_wait",
    }
}

/// Something that cannot happen to a job in its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{event} does not apply to a job that is {state}")]
pub struct IllegalJobEvent {
    /// The state that the job is in, and stays in.
    pub state: JobState,
    /// What was to happen to it.
    pub event: JobEvent,
}

use JobState::{
    Available, Cancelled, Failed, NeedsReview, Resolving, Running, Scheduled, Succeeded,
};

/// Live jobs that no worker holds.
const UNCLAIMED: &[JobState] = &[Scheduled, Available, Resolving, NeedsReview];

impl JobState {
    /// The states of a job that still has something to do, so that its key is taken.
    pub const LIVE: &'static [Self] = &[Scheduled, Available, Running, Resolving, NeedsReview];

    /// Does the job still have something to do, so that its key is taken?
    #[must_use]
    pub const fn is_live(self) -> bool {
        match self {
            Scheduled | Available | Running | Resolving | NeedsReview => true,
            Succeeded | Failed | Cancelled => false,
        }
    }

    /// The state that a job in this one is in once the event has happened.
    ///
    /// # Errors
    /// [`IllegalJobEvent`] when the event cannot happen to a job in this state; nothing may then be written.
    pub fn after(self, event: JobEvent) -> Result<Self, IllegalJobEvent> {
        if event.applies_to().contains(&self) {
            Ok(event.leads_to(self))
        } else {
            Err(IllegalJobEvent { state: self, event })
        }
    }

    /// The state of a new job that is to wait like this. A due one skips the wait: the cycle that its commit wakes
    /// claims it.
    #[must_use]
    pub const fn first(planned: PlannedState, is_due: bool) -> Self {
        // A new job stands where its schedule would move a waiting one.
        JobEvent::planned(planned, is_due).leads_to(Scheduled)
    }
}

impl JobEvent {
    /// The states in which this can happen to a job.
    #[must_use]
    pub const fn applies_to(self) -> &'static [JobState] {
        match self {
            Self::Due => &[Scheduled, Resolving],
            Self::Claim => &[Available],
            Self::Succeed
            | Self::PutOff
            | Self::Resolve
            | Self::AskReview
            | Self::Fail
            | Self::Withdraw
            | Self::HandBack => &[Running],
            Self::Retry => &[Scheduled, NeedsReview, Failed],
            Self::RunNow | Self::Reschedule => &[Scheduled, Available, Resolving],
            Self::Cancel
            | Self::Confirm
            | Self::PlanLater
            | Self::PlanNow
            | Self::PlanRead
            | Self::PlanReview
            | Self::Drop => UNCLAIMED,
            Self::EndWait => &[Scheduled, Resolving],
        }
    }

    /// The state that a job is in once this has happened to it in `state`, one of [`applies_to`](Self::applies_to).
    #[must_use]
    pub const fn leads_to(self, state: JobState) -> JobState {
        match self {
            Self::Claim => Running,
            Self::Succeed | Self::Confirm => Succeeded,
            Self::PutOff | Self::PlanLater => Scheduled,
            Self::Resolve | Self::PlanRead => Resolving,
            Self::AskReview | Self::PlanReview => NeedsReview,
            Self::Fail => Failed,
            Self::Withdraw | Self::Cancel | Self::Drop => Cancelled,
            Self::Due | Self::HandBack | Self::Retry | Self::RunNow | Self::PlanNow => Available,
            // A job that finds out about an unknown outcome goes on doing so at its new time.
            Self::Reschedule => match state {
                Resolving => Resolving,
                _ => Scheduled,
            },
            Self::EndWait => state,
        }
    }

    /// What happens to a job when its schedule says how it waits from now on.
    #[must_use]
    pub const fn planned(planned: PlannedState, is_due: bool) -> Self {
        match (planned, is_due) {
            (PlannedState::NeedsReview, _) => Self::PlanReview,
            (PlannedState::Scheduled | PlannedState::Resolving, true) => Self::PlanNow,
            (PlannedState::Scheduled, false) => Self::PlanLater,
            (PlannedState::Resolving, false) => Self::PlanRead,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn live_states_are_those_that_have_something_to_do() {
        let live: Vec<JobState> = JobState::ALL
            .iter()
            .copied()
            .filter(|state| state.is_live())
            .collect();
        assert_eq!(live, JobState::LIVE);
    }

    #[test]
    fn only_a_retry_brings_an_ended_job_back_and_only_a_failed_one() {
        for event in JobEvent::ALL {
            for state in event.applies_to() {
                let revives = !state.is_live();
                assert!(
                    !revives || (*event, *state) == (JobEvent::Retry, Failed),
                    "{event} of {state}"
                );
            }
        }
    }

    #[test]
    fn only_a_claim_makes_a_job_run_and_only_the_end_of_its_run_ends_that() {
        use JobEvent::{AskReview, Claim, Fail, HandBack, PutOff, Resolve, Succeed, Withdraw};
        let ends = [
            Succeed, PutOff, Resolve, AskReview, Fail, Withdraw, HandBack,
        ];
        for event in JobEvent::ALL {
            for state in event.applies_to() {
                let to = event.leads_to(*state);
                assert_eq!(to == Running, *event == Claim, "{event} of {state}");
                assert_eq!(
                    *state == Running,
                    ends.contains(event),
                    "{event} of {state}"
                );
            }
        }
    }

    #[test]
    fn an_event_that_does_not_apply_names_itself_and_the_state() {
        let refused = Succeeded
            .after(JobEvent::Retry)
            .map_err(|error| error.to_string());
        let message = "retry does not apply to a job that is succeeded".to_owned();
        assert_eq!(refused, Err(message));
        assert_eq!(Failed.after(JobEvent::Retry), Ok(Available));
        assert_eq!(Resolving.after(JobEvent::Reschedule), Ok(Resolving));
    }

    #[test]
    fn a_new_job_stands_where_its_schedule_puts_it() {
        let table = [
            (PlannedState::Scheduled, false, Scheduled),
            (PlannedState::Scheduled, true, Available),
            (PlannedState::Resolving, false, Resolving),
            (PlannedState::Resolving, true, Available),
            (PlannedState::NeedsReview, false, NeedsReview),
            (PlannedState::NeedsReview, true, NeedsReview),
        ];
        for (planned, is_due, state) in table {
            assert_eq!(JobState::first(planned, is_due), state);
        }
    }
}
