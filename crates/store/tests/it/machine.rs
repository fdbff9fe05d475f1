//! Every event tried on a job in every state, through the store's own methods, against the table of the domain.

use std::time::Duration;

use domain::{
    IllegalJobEvent, JobEvent, JobId, JobKind, JobState, Planned, PlannedState, ReservationId,
    WaitingFor,
};
use store::StoreError;
use store::queue::{Claimant, JobEnd, Lease, WorkerOptions};

use crate::harness::{Fresh, merchant, noon, reservation};
use crate::schedule::{at, plan, sync};

/// The hours of the plan that puts a job into its first state.
const LATER: i64 = 1;

/// A job in one of the states.
struct Subject {
    id: JobId,
    reservation: ReservationId,
    /// Of its last claim; made up when it was never claimed.
    lease: Lease,
}

/// A worker set that claims these kinds and keeps its leases for longer than any test.
fn claimant(kinds: &[JobKind]) -> Claimant {
    let options = WorkerOptions {
        kinds: kinds.to_vec(),
        lease: Duration::from_secs(1_000_000),
        ..WorkerOptions::default()
    };
    Claimant::new("worker", &options)
}

async fn claim(fresh: &Fresh) -> Option<Lease> {
    let cycle = fresh.store.poll(&claimant(JobKind::ALL), 10).await;
    cycle.expect("polls").jobs.pop().map(|job| job.lease)
}

async fn finish(fresh: &Fresh, lease: &Lease, end: JobEnd) -> Result<(), StoreError> {
    let mut tx = fresh.store.begin().await.expect("begins");
    let finished = tx.finish_job(lease, end).await;
    match finished {
        Ok(()) => tx.commit().await.expect("commits"),
        Err(_) => tx.rollback().await.expect("rolls back"),
    }
    finished
}

fn snooze(state: PlannedState) -> JobEnd {
    JobEnd::Snooze {
        until: at(LATER),
        waiting_for: Some(WaitingFor::Pause),
        state,
    }
}

/// How a run ends that makes this happen to its job; `None` for what does not happen in a run.
fn end_for(event: JobEvent) -> Option<JobEnd> {
    let (code, message) = (domain::ErrorCode::Unsent, "because".to_owned());
    Some(match event {
        JobEvent::Succeed => JobEnd::Succeeded { result: None },
        JobEvent::PutOff => snooze(PlannedState::Scheduled),
        JobEvent::Resolve => snooze(PlannedState::Resolving),
        JobEvent::AskReview => JobEnd::NeedsReview { code, message },
        JobEvent::Fail => JobEnd::Failed { code, message },
        JobEvent::Withdraw => JobEnd::Cancelled { reason: message },
        JobEvent::HandBack => JobEnd::HandedBack,
        _ => return None,
    })
}

/// A job of a schedule, brought into the state by what the store offers.
async fn job_in(fresh: &Fresh, state: JobState) -> Subject {
    let rsv = reservation();
    let hours = if state == JobState::Scheduled {
        LATER
    } else {
        0
    };
    let id = sync(fresh, &rsv, &[plan("a", hours)]).await.added.remove(0);
    let claims = !matches!(state, JobState::Scheduled | JobState::Available);
    let lease = if claims { claim(fresh).await } else { None };
    let subject = Subject {
        lease: lease.unwrap_or_else(|| Lease {
            job: id.clone(),
            token: 0,
            owner: "worker".into(),
        }),
        reservation: rsv,
        id,
    };
    let by = match state {
        JobState::Resolving => Some(JobEvent::Resolve),
        JobState::NeedsReview => Some(JobEvent::AskReview),
        JobState::Succeeded => Some(JobEvent::Succeed),
        JobState::Failed => Some(JobEvent::Fail),
        JobState::Cancelled => Some(JobEvent::Withdraw),
        JobState::Scheduled | JobState::Available | JobState::Running => None,
    };
    if let Some(end) = by.and_then(end_for) {
        finish(fresh, &subject.lease, end).await.expect("ends");
    }
    assert_eq!(fresh.job(&subject.id).await.state, state);
    subject
}

/// What a person does.
async fn act(fresh: &Fresh, subject: &Subject, event: JobEvent) -> Result<(), StoreError> {
    let mut tx = fresh.store.begin().await.expect("begins");
    let changed = match event {
        JobEvent::Retry => tx.retry_job(&subject.id).await,
        JobEvent::RunNow => tx.run_job_now(&subject.id).await,
        JobEvent::Reschedule => tx.reschedule_job(&subject.id, at(9)).await,
        JobEvent::Cancel => tx.cancel_job(&subject.id, "not needed").await,
        _ => tx.confirm_job(&subject.id, None).await,
    };
    tx.commit()
        .await
        .expect("a refusal does not spoil the transaction");
    changed.map(|_| ())
}

/// Gives the reservation a schedule that makes this happen to its job.
async fn replan(fresh: &Fresh, subject: &Subject, event: JobEvent) {
    let planned = |hours, state| Planned {
        state,
        ..plan("a", hours)
    };
    let plan = match event {
        JobEvent::PlanLater => vec![planned(7, PlannedState::Scheduled)],
        JobEvent::PlanNow => vec![planned(-1, PlannedState::Scheduled)],
        JobEvent::PlanRead => vec![planned(7, PlannedState::Resolving)],
        JobEvent::PlanReview => vec![planned(7, PlannedState::NeedsReview)],
        _ => vec![],
    };
    sync(fresh, &subject.reservation, &plan).await;
}

/// Makes the event happen, or tries to. `Err` when the store refused it in words.
async fn happen(fresh: &Fresh, subject: &Subject, event: JobEvent) -> Result<(), StoreError> {
    match event {
        JobEvent::Due => {
            fresh.clock.set(at(LATER));
            let cycle = fresh.store.poll(&claimant(&[]), 10).await.expect("polls");
            assert!(cycle.jobs.is_empty(), "no kind is claimed");
        }
        JobEvent::Claim => {
            claim(fresh).await;
        }
        JobEvent::Succeed
        | JobEvent::PutOff
        | JobEvent::Resolve
        | JobEvent::AskReview
        | JobEvent::Fail
        | JobEvent::Withdraw
        | JobEvent::HandBack => {
            let end = end_for(event).expect("the end of a run");
            return finish(fresh, &subject.lease, end).await;
        }
        JobEvent::Retry
        | JobEvent::RunNow
        | JobEvent::Reschedule
        | JobEvent::Cancel
        | JobEvent::Confirm => return act(fresh, subject, event).await,
        JobEvent::PlanLater
        | JobEvent::PlanNow
        | JobEvent::PlanRead
        | JobEvent::PlanReview
        | JobEvent::Drop => replan(fresh, subject, event).await,
        JobEvent::EndWait => fresh
            .store
            .resume_merchant(&merchant("default"))
            .await
            .expect("resumes"),
    }
    Ok(())
}

pub(crate) async fn every_event_in_every_state_does_what_the_table_says(fresh: Fresh) {
    for state in JobState::ALL.iter().copied() {
        for event in JobEvent::ALL.iter().copied() {
            let subject = job_in(&fresh, state).await;
            let answer = happen(&fresh, &subject, event).await;
            let found = fresh.job(&subject.id).await.state;
            let name = format!("{event} of a job that is {state}");
            match state.after(event) {
                Ok(to) => {
                    assert!(answer.is_ok(), "{name}: {answer:?}");
                    assert_eq!(found, to, "{name}");
                }
                Err(IllegalJobEvent { .. }) => {
                    assert_eq!(found, state, "{name} changes nothing");
                    let in_words = matches!(
                        &answer,
                        Err(StoreError::JobState { state: shown, event: what, .. })
                            if (*shown, *what) == (state, event)
                    );
                    let fenced = matches!(&answer, Err(StoreError::LeaseLost { .. }));
                    assert!(in_words || fenced || answer.is_ok(), "{name}: {answer:?}");
                }
            }
            fresh.raw("DELETE FROM attempts").await;
            fresh.raw("DELETE FROM jobs").await;
            fresh.clock.set(noon());
        }
    }
}

pub(crate) async fn a_wait_for_the_pause_ends_when_the_merchant_is_resumed(fresh: Fresh) {
    for state in [PlannedState::Scheduled, PlannedState::Resolving] {
        let subject = job_in(&fresh, JobState::Running).await;
        finish(&fresh, &subject.lease, snooze(state))
            .await
            .expect("ends");
        happen(&fresh, &subject, JobEvent::EndWait)
            .await
            .expect("resumes");
        let job = fresh.job(&subject.id).await;
        assert_eq!((job.run_at, job.waiting_for), (noon(), None), "{state}");
        fresh.raw("DELETE FROM jobs").await;
    }
}
