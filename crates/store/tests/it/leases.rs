//! Leases and fences: what happens to the jobs of a worker that is gone, and to its late writes.

use std::time::Duration;

use chrono::TimeDelta;
use domain::{Clock as _, JobKind, JobState};
use futures::FutureExt as _;
use store::StoreError;
use store::queue::{AttemptOutcome, ClaimedJob, Finished, JobEnd, Lease, WorkerOptions};
use tokio::sync::mpsc;

use crate::harness::{Fresh, Worker, eager, eventually, job, soon};

/// Longer than the lease.
const PAST_LEASE: TimeDelta = TimeDelta::seconds(31);

/// A worker whose handler shows its lease and never ends.
fn hanging(fresh: &Fresh) -> (Worker, mpsc::UnboundedReceiver<Lease>) {
    let (sender, leases) = mpsc::unbounded_channel();
    let handler = move |job: ClaimedJob| {
        let _ = sender.send(job.lease);
        std::future::pending().boxed()
    };
    let options = WorkerOptions {
        concurrency: 1,
        lease: Duration::from_secs(30),
        ..eager()
    };
    (Worker::start(&fresh.store, options, handler), leases)
}

fn working(fresh: &Fresh) -> Worker {
    Worker::start(&fresh.store, eager(), |_| {
        async { Ok(Finished::done()) }.boxed()
    })
}

pub(crate) async fn a_vanished_worker_s_job_runs_again_once_its_lease_ends(fresh: Fresh) {
    let id = fresh.enqueue(&job(JobKind::Refresh)).await;
    let (vanished, mut leases) = hanging(&fresh);
    soon("the claim", leases.recv()).await.expect("a lease");
    vanished.kill().await;
    assert_eq!(fresh.job(&id).await.state, JobState::Running);
    fresh.clock.advance(PAST_LEASE);
    let worker = working(&fresh);
    fresh.reaches(&id, JobState::Succeeded).await;
    worker.stop().await;
    let details = fresh.details(&id).await;
    assert_eq!((details.job.crashes, details.job.attempts_used), (1, 1));
    assert_eq!(details.attempts[0].outcome, AttemptOutcome::Crashed);
}

pub(crate) async fn three_crashes_leave_a_job_to_a_review(fresh: Fresh) {
    let id = fresh.enqueue(&job(JobKind::Refresh)).await;
    for _ in 0..3 {
        let (vanished, mut leases) = hanging(&fresh);
        soon("the claim", leases.recv()).await.expect("a lease");
        vanished.kill().await;
        fresh.clock.advance(PAST_LEASE);
    }
    let worker = working(&fresh);
    fresh.reaches(&id, JobState::NeedsReview).await;
    worker.stop().await;
    let details = fresh.details(&id).await;
    assert_eq!(details.job.last_error_code.as_deref(), Some("crashed"));
    assert_eq!((details.job.crashes, details.attempts.len()), (3, 3));
}

pub(crate) async fn a_stale_worker_can_neither_finish_nor_send(fresh: Fresh) {
    let id = fresh.enqueue(&job(JobKind::Capture)).await;
    let (vanished, mut leases) = hanging(&fresh);
    let stale = soon("the claim", leases.recv()).await.expect("a lease");
    vanished.kill().await;
    fresh.clock.advance(PAST_LEASE);
    let (second, mut leases) = hanging(&fresh);
    let current = soon("the second claim", leases.recv())
        .await
        .expect("a lease");
    assert_eq!(current.token, stale.token + 1);

    let mut tx = fresh.store.begin().await.expect("begins");
    assert!(matches!(
        tx.check_lease(&stale).await,
        Err(StoreError::LeaseLost { .. })
    ));
    assert!(matches!(
        tx.start_attempt(&stale, None).await,
        Err(StoreError::LeaseLost { .. })
    ));
    let finished = tx
        .finish_job(&stale, JobEnd::Succeeded { result: None })
        .await;
    assert!(matches!(finished, Err(StoreError::LeaseLost { .. })));
    let impostor = Lease {
        owner: "somebody".into(),
        ..current.clone()
    };
    assert!(matches!(
        tx.check_lease(&impostor).await,
        Err(StoreError::LeaseLost { .. })
    ));
    tx.check_lease(&current)
        .await
        .expect("the second claim holds");
    tx.rollback().await.expect("rolls back");
    assert_eq!(fresh.job(&id).await.state, JobState::Running);
    second.kill().await;
}

pub(crate) async fn case_072_a_worker_taken_for_dead_is_stopped_before_its_request(fresh: Fresh) {
    let id = fresh.enqueue(&job(JobKind::Capture)).await;
    let (slow, mut leases) = hanging(&fresh);
    let stale = soon("the claim", leases.recv()).await.expect("a lease");
    let mut tx = fresh.store.begin().await.expect("begins");
    let number = tx
        .start_attempt(&stale, None)
        .await
        .expect("it is on record");
    tx.commit().await.expect("commits");
    // It sleeps past its lease with the attempt on record, and another worker takes the job.
    slow.kill().await;
    fresh.clock.advance(PAST_LEASE);
    let (second, mut leases) = hanging(&fresh);
    let current = soon("the second claim", leases.recv())
        .await
        .expect("a lease");

    let mut tx = fresh.store.begin().await.expect("begins");
    assert!(matches!(
        tx.mark_sending(&stale, number).await,
        Err(StoreError::LeaseLost { .. })
    ));
    let next = tx
        .start_attempt(&current, None)
        .await
        .expect("an attempt of its own");
    assert_eq!(next, number + 1);
    tx.mark_sending(&current, next)
        .await
        .expect("the second claim may send");
    tx.commit().await.expect("commits");
    let outcomes: Vec<_> = fresh
        .details(&id)
        .await
        .attempts
        .iter()
        .map(|attempt| attempt.outcome)
        .collect();
    assert_eq!(
        outcomes,
        [AttemptOutcome::Crashed, AttemptOutcome::Sending],
        "what was on record was not sent"
    );
    second.kill().await;
}

pub(crate) async fn a_live_worker_keeps_its_lease(fresh: Fresh) {
    let id = fresh.enqueue(&job(JobKind::Refresh)).await;
    let (worker, mut leases) = hanging(&fresh);
    soon("the claim", leases.recv()).await.expect("a lease");
    let rival = working(&fresh);
    for _ in 0..6 {
        // Two thirds of the lease, which the heartbeat has to make up for before the next step.
        fresh.clock.advance(TimeDelta::seconds(20));
        let renewed = (fresh.clock.now() + TimeDelta::seconds(20)).timestamp_millis();
        let sql =
            format!("SELECT COUNT(*) FROM jobs WHERE id = '{id}' AND lease_until > {renewed}");
        eventually("the lease is renewed", async || {
            fresh.count(&sql).await == 1
        })
        .await;
    }
    assert_eq!(fresh.job(&id).await.crashes, 0);
    rival.stop().await;
    worker.kill().await;
}
