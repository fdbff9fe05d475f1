//! The table follows a reservation's schedule.

use chrono::{DateTime, TimeDelta, Utc};
use domain::{JobId, JobKind, JobState, Planned, PlannedState, ReservationId, Urgency};
use futures::FutureExt as _;
use store::queue::{Finished, Job, JobEnd, JobFilter, ScheduleChange};
use tokio::sync::mpsc;

use crate::harness::{Fresh, Worker, eager, merchant, noon, reservation, soon};

/// A live job by key, with the hours until it runs and its state.
type Live = (domain::JobKey, i64, JobState);

/// How many jobs a sync added, moved and cancelled.
type Counts = (usize, usize, usize);

pub(crate) fn at(hours: i64) -> DateTime<Utc> {
    noon() + TimeDelta::hours(hours)
}

pub(crate) fn plan(key: &str, hours: i64) -> Planned {
    Planned {
        key: crate::harness::key(key),
        kind: JobKind::Deadline,
        run_at: at(hours),
        deadline: at(100),
        urgency: Urgency::Money,
        state: PlannedState::Scheduled,
        intent: None,
    }
}

pub(crate) async fn sync(fresh: &Fresh, of: &ReservationId, planned: &[Planned]) -> ScheduleChange {
    sync_beside(fresh, of, planned, None).await
}

async fn sync_beside(
    fresh: &Fresh,
    of: &ReservationId,
    planned: &[Planned],
    running: Option<&JobId>,
) -> ScheduleChange {
    let mut tx = fresh.store.begin().await.expect("begins");
    let change = tx
        .sync_schedule(&merchant("default"), of, planned, running, "schedule")
        .await
        .expect("syncs");
    tx.commit().await.expect("commits");
    change
}

/// The live jobs of the reservation by key, with when they run and their state.
async fn live(fresh: &Fresh, of: &ReservationId) -> Vec<Live> {
    let mut live: Vec<_> = jobs(fresh, of)
        .await
        .into_iter()
        .filter(|job| job.state.is_live())
        .map(as_live)
        .collect();
    live.sort();
    live
}

async fn jobs(fresh: &Fresh, of: &ReservationId) -> Vec<Job> {
    let filter = JobFilter {
        reservation: Some(of.clone()),
        ..JobFilter::default()
    };
    fresh
        .store
        .jobs(&filter, 200, None)
        .await
        .expect("reads")
        .items
}

fn as_live(job: Job) -> Live {
    (
        job.key.expect("a key"),
        (job.run_at - noon()).num_hours(),
        job.state,
    )
}

fn entry(key: &str, hours: i64, state: JobState) -> Live {
    (crate::harness::key(key), hours, state)
}

fn counts(change: &ScheduleChange) -> Counts {
    (
        change.added.len(),
        change.moved.len(),
        change.cancelled.len(),
    )
}

pub(crate) async fn the_table_follows_the_plan(fresh: Fresh) {
    use JobState::{Available, NeedsReview, Resolving, Scheduled};
    let rsv = reservation();
    let resolving = |key, hours| Planned {
        state: PlannedState::Resolving,
        ..plan(key, hours)
    };
    let review = |key, hours| Planned {
        state: PlannedState::NeedsReview,
        ..plan(key, hours)
    };
    let soon = |key, hours| Planned {
        deadline: at(50),
        ..plan(key, hours)
    };
    // Each step: the plan, what it changes (added, moved, cancelled), and what is live after it.
    let steps: Vec<(Vec<Planned>, Counts, Vec<Live>)> = vec![
        (
            vec![plan("a", 1), plan("b", 2)],
            (2, 0, 0),
            vec![entry("a", 1, Scheduled), entry("b", 2, Scheduled)],
        ),
        (
            vec![plan("a", 1), plan("b", 2)],
            (0, 0, 0),
            vec![entry("a", 1, Scheduled), entry("b", 2, Scheduled)],
        ),
        (
            vec![plan("a", 5), plan("c", 3)],
            (1, 1, 1),
            vec![entry("a", 5, Scheduled), entry("c", 3, Scheduled)],
        ),
        (
            vec![soon("a", 5), plan("c", 3)],
            (0, 1, 0),
            vec![entry("a", 5, Scheduled), entry("c", 3, Scheduled)],
        ),
        (
            vec![resolving("a", 5), plan("c", 0)],
            (0, 2, 0),
            vec![entry("a", 5, Resolving), entry("c", 0, Available)],
        ),
        (
            vec![review("a", 5), plan("c", 0)],
            (0, 1, 0),
            vec![entry("a", 5, NeedsReview), entry("c", 0, Available)],
        ),
        (
            vec![review("a", 5), plan("b", 2)],
            (1, 0, 1),
            vec![entry("a", 5, NeedsReview), entry("b", 2, Scheduled)],
        ),
        (vec![], (0, 0, 2), vec![]),
    ];
    for (step, (planned, changed, expected)) in steps.into_iter().enumerate() {
        let change = sync(&fresh, &rsv, &planned).await;
        assert_eq!(counts(&change), changed, "step {step}");
        assert_eq!(live(&fresh, &rsv).await, expected, "step {step}");
        let in_review = jobs(&fresh, &rsv)
            .await
            .into_iter()
            .filter(|job| job.state == NeedsReview);
        let why: Vec<_> = in_review.map(|job| job.last_error_code).collect();
        assert!(
            why.iter()
                .all(|why| why.as_deref() == Some("outcome_unknown")),
            "step {step}: {why:?}"
        );
    }
    let other = reservation();
    sync(&fresh, &other, &[plan("a", 1)]).await;
    sync(&fresh, &rsv, &[]).await;
    assert_eq!(
        live(&fresh, &other).await,
        [entry("a", 1, Scheduled)],
        "another reservation is not touched"
    );
}

pub(crate) async fn a_backoff_or_a_reschedule_stays_until_the_plan_changes(fresh: Fresh) {
    let rsv = reservation();
    let id = sync(&fresh, &rsv, &[plan("a", 1)]).await.added.remove(0);
    let mut tx = fresh.store.begin().await.expect("begins");
    tx.reschedule_job(&id, at(9)).await.expect("moves");
    tx.commit().await.expect("commits");
    assert!(sync(&fresh, &rsv, &[plan("a", 1)]).await.is_empty());
    let later = Planned {
        deadline: at(99),
        ..plan("a", 1)
    };
    sync(&fresh, &rsv, &[later]).await;
    assert_eq!(
        live(&fresh, &rsv).await,
        [entry("a", 9, JobState::Scheduled)],
        "a new deadline moves no time"
    );
    sync(&fresh, &rsv, &[plan("a", 2)]).await;
    assert_eq!(
        live(&fresh, &rsv).await,
        [entry("a", 2, JobState::Scheduled)]
    );

    let mut tx = fresh.store.begin().await.expect("begins");
    tx.cancel_job(&id, "not this one").await.expect("cancels");
    tx.commit().await.expect("commits");
    assert!(
        sync(&fresh, &rsv, &[plan("a", 2)]).await.is_empty(),
        "a person's cancel stays"
    );
    assert_eq!(
        counts(&sync(&fresh, &rsv, &[plan("a", 3)]).await),
        (1, 0, 0)
    );
}

pub(crate) async fn sync_revives_needs_review_and_failed_only_on_a_new_run_at(fresh: Fresh) {
    let code = || (domain::ErrorCode::Unsent, "because".to_owned());
    let ends = [
        JobEnd::NeedsReview {
            code: code().0,
            message: code().1,
        },
        JobEnd::Failed {
            code: code().0,
            message: code().1,
        },
    ];
    for (end, back) in ends.into_iter().zip([(0, 1, 0), (1, 0, 0)]) {
        let rsv = reservation();
        let id = sync(&fresh, &rsv, &[plan("a", 0)]).await.added.remove(0);
        let handler = move |_| {
            let end = end.clone();
            async move { Ok(Finished::By(end)) }.boxed()
        };
        let worker = Worker::start(&fresh.store, eager(), handler);
        crate::harness::eventually("it has run", async || {
            fresh.job(&id).await.last_error_code.is_some()
        })
        .await;
        worker.stop().await;
        assert!(sync(&fresh, &rsv, &[plan("a", 0)]).await.is_empty());
        assert_eq!(counts(&sync(&fresh, &rsv, &[plan("a", 4)]).await), back);
        assert_eq!(
            live(&fresh, &rsv).await,
            [entry("a", 4, JobState::Scheduled)]
        );
    }
}

pub(crate) async fn a_running_job_is_left_to_its_end(fresh: Fresh) {
    let rsv = reservation();
    let id = sync(&fresh, &rsv, &[plan("a", 0)]).await.added.remove(0);
    let (sender, mut leases) = mpsc::unbounded_channel();
    let handler = move |job: store::queue::ClaimedJob| {
        assert_eq!(job.key, Some(crate::harness::key("a")));
        let _ = sender.send(job.lease);
        std::future::pending().boxed()
    };
    let worker = Worker::start(&fresh.store, eager(), handler);
    let lease = soon("the claim", leases.recv()).await.expect("a lease");
    assert!(sync_beside(&fresh, &rsv, &[], Some(&id)).await.is_empty());
    assert!(
        sync(&fresh, &rsv, &[plan("a", 7)]).await.is_empty(),
        "its key is taken while it runs"
    );

    // In one transaction: the outcome is unknown, and the plan says to read at another time.
    let mut tx = fresh.store.begin().await.expect("begins");
    let snooze = JobEnd::Snooze {
        until: at(1),
        waiting_for: None,
        state: PlannedState::Resolving,
    };
    tx.finish_job(&lease, snooze).await.expect("ends");
    let change = tx
        .sync_schedule(&merchant("default"), &rsv, &[plan("a", 7)], Some(&id), "it")
        .await;
    assert!(change.expect("syncs").is_empty());
    tx.commit().await.expect("commits");
    assert_eq!(
        live(&fresh, &rsv).await,
        [entry("a", 1, JobState::Resolving)]
    );
    worker.kill().await;
}
