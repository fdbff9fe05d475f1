//! Enqueueing, lists, attempts, and what people do to jobs.

use chrono::TimeDelta;
use domain::{ErrorCode, JobId, JobKind, JobState, SystemEntropy};
use futures::FutureExt as _;
use store::StoreError;
use store::queue::{
    AttemptEnd, AttemptOutcome, Finished, JobEnd, JobFilter, MAX_PAYLOAD_BYTES, NewJob,
    WorkerOptions,
};

use crate::harness::{Fresh, Worker, eager, eventually, job, merchant, noon, reservation};

fn keyed(key: &str) -> NewJob {
    NewJob {
        key: Some(crate::harness::key(key)),
        ..job(JobKind::Refresh)
    }
}

/// Runs these jobs, which all end like this.
async fn run_all(fresh: &Fresh, ids: &[&JobId], end: JobEnd) {
    let handler = move |_| {
        let end = end.clone();
        async move { Ok(Finished::By(end)) }.boxed()
    };
    let worker = Worker::start(
        &fresh.store,
        WorkerOptions {
            concurrency: 4,
            ..eager()
        },
        handler,
    );
    for id in ids {
        let ran = async || {
            !matches!(
                fresh.job(id).await.state,
                JobState::Available | JobState::Running
            )
        };
        eventually("the job has run", ran).await;
    }
    worker.stop().await;
}

pub(crate) async fn what_is_enqueued_exists_once_its_transaction_commits(fresh: Fresh) {
    let mut tx = fresh.store.begin().await.expect("begins");
    let gone = tx.enqueue(&keyed("a")).await.expect("enqueues").job;
    tx.rollback().await.expect("rolls back");
    assert!(fresh.store.job(&gone).await.expect("reads").is_none());

    let id = fresh.enqueue(&keyed("a")).await;
    let later = NewJob {
        run_at: noon() + TimeDelta::hours(1),
        ..keyed("b")
    };
    let later = fresh.enqueue(&later).await;
    assert_eq!(fresh.job(&id).await.state, JobState::Available);
    assert_eq!(fresh.job(&later).await.state, JobState::Scheduled);
}

pub(crate) async fn a_live_key_returns_the_job_that_has_it(fresh: Fresh) {
    let first = fresh.enqueue(&keyed("a")).await;
    let mut tx = fresh.store.begin().await.expect("begins");
    let again = tx.enqueue(&keyed("a")).await.expect("enqueues");
    assert_eq!((again.job, again.existing), (first.clone(), true));
    let other_job = NewJob {
        merchant: merchant("other"),
        ..keyed("a")
    };
    assert!(
        !tx.enqueue(&other_job).await.expect("enqueues").existing,
        "the key is the merchant's own"
    );
    tx.cancel_job(&first, "no").await.expect("cancels");
    let next = tx.enqueue(&keyed("a")).await.expect("enqueues");
    assert!(
        !next.existing && next.job != first,
        "a key is free again once its job has ended"
    );
    tx.commit()
        .await
        .expect("the duplicate did not spoil the transaction");
}

pub(crate) async fn a_bulk_enqueue_answers_in_order_and_spots_its_own_duplicates(fresh: Fresh) {
    let jobs: Vec<NewJob> = (0..2_500)
        .map(|n| keyed(&format!("k{}", n % 2_400)))
        .collect();
    let mut tx = fresh.store.begin().await.expect("begins");
    let all = tx.enqueue_all(&jobs).await.expect("enqueues");
    tx.commit().await.expect("commits");
    assert_eq!(all.len(), jobs.len());
    assert_eq!(all.iter().filter(|enqueued| enqueued.existing).count(), 100);
    assert_eq!(all[0].job, all[2_400].job);
    assert_eq!(
        fresh.job(&all[7].job).await.key,
        Some(crate::harness::key("k7"))
    );
}

pub(crate) async fn a_payload_beyond_the_bound_is_refused(fresh: Fresh) {
    let mut tx = fresh.store.begin().await.expect("begins");
    let long = NewJob {
        payload: "x".repeat(MAX_PAYLOAD_BYTES).into(),
        ..keyed("a")
    };
    assert!(matches!(
        tx.enqueue(&long).await,
        Err(StoreError::TooLong { .. })
    ));
    let odd = NewJob {
        payload: serde_json::json!({"nul": "\u{0}", "quote": "\"'\\"}),
        ..keyed("a")
    };
    assert!(!tx.enqueue(&odd).await.expect("enqueues").existing);
}

pub(crate) async fn people_change_jobs_only_in_the_states_that_allow_it(fresh: Fresh) {
    let (done, waits) = (
        fresh.enqueue(&keyed("done")).await,
        NewJob {
            run_at: noon() + TimeDelta::hours(1),
            ..keyed("waits")
        },
    );
    run_all(&fresh, &[&done], JobEnd::Succeeded { result: None }).await;
    let waits = fresh.enqueue(&waits).await;
    let mut tx = fresh.store.begin().await.expect("begins");
    for refused in [
        tx.retry_job(&done).await,
        tx.run_job_now(&done).await,
        tx.cancel_job(&done, "no").await,
        tx.reschedule_job(&done, noon()).await,
    ] {
        assert!(
            matches!(
                refused,
                Err(StoreError::JobState {
                    state: JobState::Succeeded,
                    ..
                })
            ),
            "{refused:?}"
        );
    }
    let nobody = JobId::new(noon(), &SystemEntropy);
    assert!(matches!(
        tx.retry_job(&nobody).await,
        Err(StoreError::NoJob { .. })
    ));
    let later = noon() + TimeDelta::hours(3);
    let moved = tx.reschedule_job(&waits, later).await.expect("moves");
    assert_eq!(
        (moved.from, moved.to, moved.run_at),
        (JobState::Scheduled, JobState::Scheduled, later)
    );
    let now = tx.run_job_now(&waits).await.expect("runs");
    assert_eq!((now.to, now.run_at), (JobState::Available, noon()));
    let cancelled = tx.cancel_job(&waits, "not needed").await.expect("cancels");
    assert_eq!(
        (cancelled.from, cancelled.to),
        (JobState::Available, JobState::Cancelled)
    );
    tx.commit().await.expect("commits");
    let job = fresh.job(&waits).await;
    assert_eq!(job.last_error_code.as_deref(), Some("cancelled"));
    assert_eq!(job.finished_at, Some(noon()));
}

pub(crate) async fn a_retry_starts_with_all_attempts_unless_its_key_is_taken(fresh: Fresh) {
    let id = fresh.enqueue(&keyed("a")).await;
    run_all(
        &fresh,
        &[&id],
        JobEnd::Failed {
            code: ErrorCode::Unsent,
            message: "because".into(),
        },
    )
    .await;
    assert_eq!(fresh.job(&id).await.attempts_used, 1);
    let other = fresh.enqueue(&keyed("a")).await;
    let mut tx = fresh.store.begin().await.expect("begins");
    assert!(matches!(
        tx.retry_job(&id).await,
        Err(StoreError::KeyTaken { .. })
    ));
    tx.cancel_job(&other, "in the way").await.expect("cancels");
    tx.retry_job(&id).await.expect("retries");
    tx.commit().await.expect("commits");
    let job = fresh.job(&id).await;
    assert_eq!(
        (job.state, job.attempts_used, job.finished_at),
        (JobState::Available, 0, None)
    );
}

pub(crate) async fn lists_go_page_by_page_and_filter(fresh: Fresh) {
    let rsv = reservation();
    let mut ids = Vec::new();
    for n in 0..7 {
        fresh.clock.advance(TimeDelta::milliseconds(1));
        let kind = if n % 2 == 0 {
            JobKind::Refresh
        } else {
            JobKind::Sweep
        };
        let reservation = (n < 3).then(|| rsv.clone());
        ids.push(
            fresh
                .enqueue(&NewJob {
                    reservation,
                    ..job(kind)
                })
                .await,
        );
    }
    ids.reverse();
    let (mut seen, mut cursor) = (Vec::new(), None);
    for _ in 0..4 {
        let page = fresh
            .store
            .jobs(&JobFilter::default(), 2, cursor.as_ref())
            .await
            .expect("reads");
        seen.extend(page.items.into_iter().map(|job| job.id));
        cursor = page.next;
    }
    assert_eq!(
        (seen, cursor),
        (ids.clone(), None),
        "newest first, and an end"
    );

    let count = async |filter: JobFilter| {
        fresh
            .store
            .jobs(&filter, 200, None)
            .await
            .expect("reads")
            .items
            .len()
    };
    let all = JobFilter::default();
    assert_eq!(
        count(JobFilter {
            kind: Some(JobKind::Sweep),
            ..all.clone()
        })
        .await,
        3
    );
    assert_eq!(
        count(JobFilter {
            reservation: Some(rsv.clone()),
            ..all.clone()
        })
        .await,
        3
    );
    assert_eq!(
        count(JobFilter {
            merchant: Some(merchant("other")),
            ..all.clone()
        })
        .await,
        0
    );
    assert_eq!(
        count(JobFilter {
            state: Some(JobState::Available),
            ..all.clone()
        })
        .await,
        7
    );
    run_all(
        &fresh,
        &[&ids[0]],
        JobEnd::NeedsReview {
            code: ErrorCode::OutcomeUnknown,
            message: "m".into(),
        },
    )
    .await;
    let in_review = JobFilter {
        state: Some(JobState::NeedsReview),
        ..all.clone()
    };
    assert!(count(in_review.clone()).await > 0);
    assert_eq!(
        count(JobFilter {
            state: Some(JobState::Failed),
            ..all.clone()
        })
        .await,
        0
    );
    let both = JobFilter {
        reservation: Some(rsv),
        kind: Some(JobKind::Sweep),
        ..all
    };
    assert_eq!(count(both).await, 1);
}

pub(crate) async fn attempts_are_kept_with_their_outcomes(fresh: Fresh) {
    let id = fresh.enqueue(&job(JobKind::Capture)).await;
    let store = fresh.store.clone();
    let handler = move |job: store::queue::ClaimedJob| {
        let store = store.clone();
        async move {
            let mut tx = store.begin().await?;
            let number = tx.start_attempt(&job.lease, None).await?;
            tx.mark_sending(&job.lease, number).await?;
            tx.commit().await?;
            if job.attempt == 1 {
                let error = store::queue::JobFault::new(
                    store::queue::FaultClass::Transport,
                    domain::ErrorCode::Unsent,
                    "reset",
                );
                return Err(error);
            }
            let mut tx = store.begin().await?;
            let end = AttemptEnd {
                http_status: Some(201),
                provider_message: Some("captured".to_owned()),
                exchange: Some(serde_json::json!({"request": "POST"})),
                ..AttemptEnd::plain(AttemptOutcome::Confirmed)
            };
            tx.finish_attempt(&job.lease, number, &end).await?;
            tx.finish_job(
                &job.lease,
                JobEnd::Succeeded {
                    result: Some(serde_json::json!({"reference": "CAP1"})),
                },
            )
            .await?;
            tx.commit().await?;
            Ok(Finished::Already)
        }
        .boxed()
    };
    let worker = Worker::start(&fresh.store, eager(), handler);
    fresh.reaches(&id, JobState::Scheduled).await;
    fresh.clock.advance(TimeDelta::minutes(10));
    fresh.reaches(&id, JobState::Succeeded).await;
    worker.stop().await;
    let details = fresh.details(&id).await;
    let shown: Vec<_> = details
        .attempts
        .iter()
        .map(|a| (a.number, a.outcome, a.http_status))
        .collect();
    assert_eq!(
        shown,
        [
            (1, AttemptOutcome::Unknown, None),
            (2, AttemptOutcome::Confirmed, Some(201))
        ]
    );
    assert_eq!(details.attempts[0].error_code.as_deref(), Some("unsent"));
    assert_eq!(
        details.job.result,
        Some(serde_json::json!({"reference": "CAP1"}))
    );

    let plain = fresh.enqueue(&job(JobKind::Deadline)).await;
    run_all(&fresh, &[&plain], JobEnd::Succeeded { result: None }).await;
    let shown: Vec<_> = fresh
        .details(&plain)
        .await
        .attempts
        .iter()
        .map(|a| (a.number, a.outcome))
        .collect();
    assert_eq!(
        shown,
        [(1, AttemptOutcome::Confirmed)],
        "made up from the job's times"
    );
}

pub(crate) async fn a_confirmed_job_succeeds_with_its_result(fresh: Fresh) {
    let asked = fresh.enqueue(&keyed("asked")).await;
    run_all(
        &fresh,
        &[&asked],
        JobEnd::NeedsReview {
            code: ErrorCode::OutcomeUnknown,
            message: "who knows".into(),
        },
    )
    .await;
    let result = serde_json::json!({"reference": "CAP1"});
    let mut tx = fresh.store.begin().await.expect("begins");
    let changed = tx
        .confirm_job(&asked, Some(&result))
        .await
        .expect("concludes");
    assert_eq!(
        (changed.from, changed.to),
        (JobState::NeedsReview, JobState::Succeeded)
    );
    let again = tx.confirm_job(&asked, None).await;
    assert!(matches!(
        again,
        Err(StoreError::JobState {
            state: JobState::Succeeded,
            ..
        })
    ));
    tx.commit()
        .await
        .expect("a refusal does not spoil the transaction");
    let job = fresh.job(&asked).await;
    assert_eq!((job.state, job.result), (JobState::Succeeded, Some(result)));
    assert!(job.finished_at.is_some());
}
