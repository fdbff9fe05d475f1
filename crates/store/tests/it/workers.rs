//! Workers: order, parallel runs, wake-ups, failures, shutdown.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::TimeDelta;
use domain::{ErrorCode, JobId, JobKind, JobState, PlannedState, SystemClock, Urgency, WaitingFor};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use store::queue::{ClaimedJob, FaultClass, Finished, JobEnd, JobFault, NewJob, WorkerOptions};
use tokio::sync::{Notify, Semaphore, mpsc};

use crate::harness::{
    self, Fresh, Worker, eager, eventually, fresh_store_on, job, lazy, noon, open, reservation,
    soon,
};

type Run = BoxFuture<'static, Result<Finished, JobFault>>;

fn keyed(key: impl AsRef<str>) -> NewJob {
    NewJob {
        key: Some(crate::harness::key(key.as_ref())),
        ..job(JobKind::Refresh)
    }
}

/// A handler that tells which job it runs, and is done.
fn telling() -> (
    impl Fn(ClaimedJob) -> Run + Send + Sync + 'static,
    mpsc::UnboundedReceiver<ClaimedJob>,
) {
    let (sender, runs) = mpsc::unbounded_channel();
    let handler = move |job: ClaimedJob| {
        let _ = sender.send(job);
        async { Ok(Finished::done()) }.boxed()
    };
    (handler, runs)
}

/// A handler that always fails like this.
fn failing(class: FaultClass) -> impl Fn(ClaimedJob) -> Run + Send + Sync + 'static {
    move |_| async move { Err(JobFault::new(class, ErrorCode::Unsent, "because")) }.boxed()
}

pub(crate) async fn jobs_run_by_urgency_then_deadline_then_time(fresh: Fresh) {
    let minutes = |n| noon() + TimeDelta::minutes(n);
    let order = [
        ("resolve", Urgency::Resolve, 900, 0),
        ("money soon", Urgency::Money, 10, 0),
        ("money earlier due", Urgency::Money, 20, -9),
        ("money later due", Urgency::Money, 20, -3),
        ("normal", Urgency::Normal, 5, 0),
        ("remind", Urgency::Remind, 1, 0),
    ];
    for (key, urgency, deadline, run_at) in order.iter().rev() {
        let job = NewJob {
            urgency: *urgency,
            deadline: minutes(*deadline),
            run_at: minutes(*run_at),
            ..keyed(*key)
        };
        fresh.enqueue(&job).await;
    }
    let (handler, mut runs) = telling();
    let worker = Worker::start(
        &fresh.store,
        WorkerOptions {
            concurrency: 1,
            ..eager()
        },
        handler,
    );
    for (key, ..) in order {
        assert_eq!(
            soon(key, runs.recv()).await.expect("a run").key,
            Some(crate::harness::key(key))
        );
    }
    worker.stop().await;
}

pub(crate) async fn one_job_of_a_reservation_runs_at_a_time(fresh: Fresh) {
    let reservations = [reservation(), reservation()];
    let mut ids = Vec::new();
    for n in 0..12 {
        let reservation = Some(reservations[n % 2].clone());
        ids.push(
            fresh
                .enqueue(&NewJob {
                    reservation,
                    ..job(JobKind::Capture)
                })
                .await,
        );
    }
    let running: Arc<Mutex<HashMap<String, usize>>> = Arc::default();
    let both = Arc::new(Semaphore::new(0));
    let (shared, gate) = (Arc::clone(&running), Arc::clone(&both));
    let handler = move |job: ClaimedJob| {
        let (running, gate) = (Arc::clone(&shared), Arc::clone(&gate));
        async move {
            let reservation = job.reservation.expect("a reservation").to_string();
            let now = {
                let mut running = running.lock().expect("no panic");
                *running
                    .entry(reservation.clone())
                    .and_modify(|n| *n += 1)
                    .or_insert(1)
            };
            assert_eq!(now, 1);
            gate.acquire().await.expect("open").forget();
            *running
                .lock()
                .expect("no panic")
                .get_mut(&reservation)
                .expect("runs") -= 1;
            Ok(Finished::done())
        }
        .boxed()
    };
    let worker = Worker::start(&fresh.store, eager(), handler);
    let all_run = async || running.lock().expect("no panic").values().sum::<usize>() == 2;
    eventually("one of each runs", all_run).await;
    both.add_permits(ids.len());
    for id in &ids {
        fresh.reaches(id, JobState::Succeeded).await;
    }
    worker.stop().await;
}

pub(crate) async fn concurrent_claimers_run_each_job_once(fresh: Fresh) {
    let shared = [reservation(), reservation(), reservation()];
    let jobs: Vec<NewJob> = (0..400)
        .map(|n| NewJob {
            reservation: shared.get(n % 20).cloned(),
            ..keyed(format!("k{n}"))
        })
        .collect();
    let mut tx = fresh.store.begin().await.expect("begins");
    tx.enqueue_all(&jobs).await.expect("enqueues");
    tx.commit().await.expect("commits");
    let (runs, total) = (
        Arc::new(Mutex::new(HashMap::<JobId, usize>::new())),
        jobs.len(),
    );
    let mut workers = Vec::new();
    for _ in 0..4 {
        let (store, runs) = (
            open(&fresh.url, fresh.clock.clone()).await,
            Arc::clone(&runs),
        );
        let handler = move |job: ClaimedJob| {
            *runs.lock().expect("no panic").entry(job.id).or_default() += 1;
            async { Ok(Finished::done()) }.boxed()
        };
        workers.push(Worker::start(
            &store,
            WorkerOptions {
                concurrency: 7,
                ..eager()
            },
            handler,
        ));
    }
    eventually("all have run", async || {
        runs.lock().expect("no panic").len() == total
    })
    .await;
    for worker in workers {
        worker.stop().await;
    }
    assert!(
        runs.lock()
            .expect("no panic")
            .values()
            .all(|count| *count == 1)
    );
    assert_eq!(
        fresh
            .count("SELECT COUNT(*) FROM jobs WHERE state = 'succeeded'")
            .await,
        400
    );
}

pub(crate) async fn a_new_job_starts_at_once(fresh: Fresh) {
    let (handler, mut runs) = telling();
    let worker = Worker::start(&fresh.store, lazy(), handler);
    for n in 0..20 {
        let id = fresh.enqueue(&keyed(format!("k{n}"))).await;
        assert_eq!(soon("the run", runs.recv()).await.expect("a run").id, id);
    }
    worker.stop().await;
}

pub(crate) async fn another_store_on_the_same_database_wakes_the_worker(fresh: Fresh) {
    let other_process = open(&fresh.url, fresh.clock.clone()).await;
    let (handler, mut runs) = telling();
    // SQLite has nobody to tell other processes, so there the polling has to find it.
    let options = if fresh.kind == harness::Kind::Sqlite {
        eager()
    } else {
        lazy()
    };
    let worker = Worker::start(&fresh.store, options, handler);
    for n in 0..3 {
        let mut tx = other_process.begin().await.expect("begins");
        let id = tx
            .enqueue(&keyed(format!("k{n}")))
            .await
            .expect("enqueues")
            .job;
        tx.commit().await.expect("commits");
        assert_eq!(soon("the run", runs.recv()).await.expect("a run").id, id);
    }
    worker.stop().await;
}

pub(crate) async fn a_job_starts_when_it_becomes_due(fresh: Fresh) {
    let real = SystemClock::real();
    let fresh = fresh_store_on(fresh.kind, Arc::new(real)).await;
    let (handler, mut runs) = telling();
    let worker = Worker::start(&fresh.store, lazy(), handler);
    let now = fresh.store.now();
    let run_at = now + TimeDelta::milliseconds(80);
    let soon_due = NewJob {
        run_at,
        deadline: now + TimeDelta::days(1),
        ..keyed("soon")
    };
    fresh.enqueue(&soon_due).await;
    soon("the run", runs.recv()).await.expect("a run");
    assert!(fresh.store.now() >= run_at, "never early");
    worker.stop().await;
}

pub(crate) async fn a_failed_run_waits_and_the_wait_is_durable(fresh: Fresh) {
    let id = fresh.enqueue(&keyed("a")).await;
    let worker = Worker::start(&fresh.store, eager(), failing(FaultClass::ProviderError));
    fresh.reaches(&id, JobState::Scheduled).await;
    worker.stop().await;
    let again = open(&fresh.url, fresh.clock.clone()).await;
    let details = again.job(&id).await.expect("reads").expect("is there");
    assert_eq!(
        (
            details.job.attempts_used,
            details.job.last_error_code.as_deref()
        ),
        (1, Some("unsent"))
    );
    assert_eq!(details.job.last_error_message.as_deref(), Some("because"));
    assert_eq!(details.attempts.len(), 1);
    let wait = details.job.run_at - noon();
    assert!(
        wait >= TimeDelta::zero() && wait <= TimeDelta::seconds(5),
        "{wait}"
    );
    fresh.clock.set(details.job.run_at);
    let (handler, mut runs) = telling();
    let worker = Worker::start(&again, eager(), handler);
    assert_eq!(
        soon("the retry", runs.recv()).await.expect("a run").attempt,
        2
    );
    worker.stop().await;
}

pub(crate) async fn attempts_end_and_throttling_uses_none(fresh: Fresh) {
    let id = fresh.enqueue(&keyed("a")).await;
    let worker = Worker::start(&fresh.store, eager(), failing(FaultClass::Transport));
    // Each step is longer than the backoff of three attempts.
    eventually("the attempts are used up", async || {
        fresh.clock.advance(TimeDelta::seconds(10));
        fresh.job(&id).await.state == JobState::Failed
    })
    .await;
    worker.stop().await;
    let details = fresh.details(&id).await;
    assert_eq!((details.job.attempts_used, details.attempts.len()), (3, 3));
    assert_eq!(details.job.last_error_code.as_deref(), Some("unsent"));

    let throttled = NewJob {
        run_at: fresh.store.now(),
        max_attempts: 1,
        ..keyed("b")
    };
    let id = fresh.enqueue(&throttled).await;
    let worker = Worker::start(&fresh.store, eager(), failing(FaultClass::Throttled));
    fresh.reaches(&id, JobState::Scheduled).await;
    worker.stop().await;
    let details = fresh.details(&id).await;
    assert_eq!((details.job.attempts_used, details.attempts.len()), (0, 0));
    assert_eq!(details.job.waiting_for, Some(WaitingFor::RateLimit));
}

pub(crate) async fn a_retry_past_the_deadline_has_failed(fresh: Fresh) {
    let id = fresh
        .enqueue(&NewJob {
            deadline: noon(),
            ..keyed("a")
        })
        .await;
    let worker = Worker::start(&fresh.store, eager(), failing(FaultClass::Transport));
    fresh.reaches(&id, JobState::Failed).await;
    worker.stop().await;
    assert_eq!(
        fresh.job(&id).await.last_error_code.as_deref(),
        Some("deadline_passed")
    );
}

pub(crate) async fn a_snooze_uses_no_attempt(fresh: Fresh) {
    let id = fresh.enqueue(&keyed("a")).await;
    let until = noon() + TimeDelta::hours(2);
    let handler = move |_| {
        let waiting_for = Some(WaitingFor::ContactHours);
        async move {
            Ok(Finished::By(JobEnd::Snooze {
                until,
                waiting_for,
                state: PlannedState::Scheduled,
            }))
        }
        .boxed()
    };
    let worker = Worker::start(&fresh.store, eager(), handler);
    fresh.reaches(&id, JobState::Scheduled).await;
    worker.stop().await;
    let details = fresh.details(&id).await;
    assert_eq!((details.job.run_at, details.job.attempts_used), (until, 0));
    assert_eq!(
        (details.job.waiting_for, details.attempts.len()),
        (Some(WaitingFor::ContactHours), 0)
    );
}

pub(crate) async fn a_panic_counts_as_a_crash(fresh: Fresh) {
    let id = fresh.enqueue(&keyed("a")).await;
    let (sender, mut hits) = mpsc::unbounded_channel();
    let handler = move |_| -> Run {
        let _ = sender.send(());
        async { panic!("a handler of the test panics, as it should") }.boxed()
    };
    let worker = Worker::start(&fresh.store, eager(), handler);
    for _ in 0..3 {
        soon("the run", hits.recv()).await.expect("a run");
        eventually("its end is written", async || {
            fresh.job(&id).await.state != JobState::Running
        })
        .await;
        fresh.clock.advance(TimeDelta::minutes(1));
    }
    fresh.reaches(&id, JobState::NeedsReview).await;
    worker.stop().await;
    let details = fresh.details(&id).await;
    assert_eq!((details.job.crashes, details.job.attempts_used), (3, 0));
    assert_eq!(details.job.last_error_code.as_deref(), Some("crashed"));
}

pub(crate) async fn a_run_that_takes_too_long_is_a_failure(fresh: Fresh) {
    let id = fresh.enqueue(&keyed("a")).await;
    let options = WorkerOptions {
        job_timeout: Duration::from_millis(20),
        ..eager()
    };
    let worker = Worker::start(&fresh.store, options, |_| std::future::pending().boxed());
    fresh.reaches(&id, JobState::Scheduled).await;
    worker.stop().await;
    let job = fresh.job(&id).await;
    assert_eq!(
        (job.attempts_used, job.last_error_code.as_deref()),
        (1, Some("job_timeout"))
    );
}

pub(crate) async fn a_handler_finishes_its_job_with_its_facts(fresh: Fresh) {
    let id = fresh.enqueue(&keyed("a")).await;
    let store = fresh.store.clone();
    let handler = move |job: ClaimedJob| {
        let store = store.clone();
        async move {
            let mut tx = store.begin().await?;
            tx.finish_job(&job.lease, JobEnd::Succeeded { result: None })
                .await?;
            tx.enqueue(&keyed("next")).await?;
            tx.commit().await?;
            Ok(Finished::Already)
        }
        .boxed()
    };
    let only = WorkerOptions {
        concurrency: 1,
        ..lazy()
    };
    let worker = Worker::start(&fresh.store, only, handler);
    fresh.reaches(&id, JobState::Succeeded).await;
    let next = format!(
        "SELECT COUNT(*) FROM jobs WHERE key = '{}' AND state = 'succeeded'",
        crate::harness::key("next")
    );
    eventually("the next has run, in the slot of the first", async || {
        fresh.count(&next).await >= 1
    })
    .await;
    worker.kill().await;
}

pub(crate) async fn running_jobs_may_end_during_the_grace(fresh: Fresh) {
    let id = fresh.enqueue(&keyed("a")).await;
    let (started, may_end) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (begin, end) = (Arc::clone(&started), Arc::clone(&may_end));
    let handler = move |_| {
        let (begin, end) = (Arc::clone(&begin), Arc::clone(&end));
        async move {
            begin.notify_one();
            end.notified().await;
            Ok(Finished::done())
        }
        .boxed()
    };
    let mut worker = Worker::start(&fresh.store, eager(), handler);
    soon("the run", started.notified()).await;
    worker.signal();
    let late = fresh.enqueue(&keyed("late")).await;
    may_end.notify_one();
    worker.stop().await;
    assert_eq!(fresh.job(&id).await.state, JobState::Succeeded);
    let state = fresh.job(&late).await.state;
    assert!(
        matches!(state, JobState::Available | JobState::Succeeded),
        "{state}"
    );
}

pub(crate) async fn jobs_over_the_grace_period_are_handed_back(fresh: Fresh) {
    let ids = [
        fresh.enqueue(&keyed("a")).await,
        fresh.enqueue(&keyed("b")).await,
        fresh.enqueue(&keyed("c")).await,
    ];
    let (sender, mut runs) = mpsc::unbounded_channel();
    let handler = move |_| {
        let _ = sender.send(());
        std::future::pending().boxed()
    };
    let options = WorkerOptions {
        concurrency: 2,
        shutdown_grace: Duration::from_millis(20),
        ..eager()
    };
    let worker = Worker::start(&fresh.store, options, handler);
    soon("the first run", runs.recv()).await;
    soon("the second run", runs.recv()).await;
    worker.stop().await;
    for id in &ids {
        let details = fresh.details(id).await;
        let job = details.job;
        assert_eq!(
            (job.state, job.attempts_used, job.crashes),
            (JobState::Available, 0, 0)
        );
        assert!(details.attempts.is_empty());
    }
}

pub(crate) async fn a_failing_database_does_not_end_the_worker(fresh: Fresh) {
    let failures = harness::Failures::default();
    let _listening = tracing::subscriber::set_default(failures.clone());
    let (id, (started, broken)) = (
        fresh.enqueue(&keyed("a")).await,
        (Arc::new(Notify::new()), Arc::new(Notify::new())),
    );
    let (begin, end) = (Arc::clone(&started), Arc::clone(&broken));
    let first = AtomicBool::new(true);
    let handler = move |_| {
        let (begin, end, first) = (
            Arc::clone(&begin),
            Arc::clone(&end),
            first.swap(false, Ordering::SeqCst),
        );
        async move {
            if first {
                begin.notify_one();
                end.notified().await;
            }
            Ok(Finished::done())
        }
        .boxed()
    };
    let worker = Worker::start(&fresh.store, eager(), handler);
    soon("the run", started.notified()).await;
    fresh.raw("ALTER TABLE jobs RENAME TO elsewhere").await;
    broken.notify_one();
    eventually("a turn fails", async || failures.count() > 0).await;
    fresh.raw("ALTER TABLE elsewhere RENAME TO jobs").await;
    fresh.reaches(&id, JobState::Succeeded).await;
    let next = fresh.enqueue(&keyed("b")).await;
    fresh.reaches(&next, JobState::Succeeded).await;
    worker.stop().await;
    assert_eq!(
        fresh.job(&id).await.crashes,
        0,
        "the end was kept until the database was back"
    );
}

pub(crate) async fn an_unreadable_job_fails_and_the_worker_goes_on(fresh: Fresh) {
    let bad = fresh.enqueue(&keyed("bad")).await;
    fresh
        .raw(&format!(
            "UPDATE jobs SET payload = '{{' WHERE id = '{bad}'"
        ))
        .await;
    let good = fresh.enqueue(&keyed("good")).await;
    let (handler, _runs) = telling();
    let worker = Worker::start(
        &fresh.store,
        WorkerOptions {
            concurrency: 1,
            ..eager()
        },
        handler,
    );
    fresh.reaches(&bad, JobState::Failed).await;
    fresh.reaches(&good, JobState::Succeeded).await;
    worker.stop().await;
    assert_eq!(
        fresh.job(&bad).await.last_error_code.as_deref(),
        Some("undecodable")
    );
}

pub(crate) async fn only_the_named_kinds_are_claimed(fresh: Fresh) {
    let other = fresh.enqueue(&job(JobKind::Capture)).await;
    let ours = fresh.enqueue(&job(JobKind::Deadline)).await;
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let handler = move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        async { Ok(Finished::done()) }.boxed()
    };
    let worker = Worker::start(
        &fresh.store,
        WorkerOptions {
            kinds: vec![JobKind::Deadline],
            ..eager()
        },
        handler,
    );
    fresh.reaches(&ours, JobState::Succeeded).await;
    worker.stop().await;
    assert_eq!(fresh.job(&other).await.state, JobState::Available);
    assert_eq!(count.load(Ordering::SeqCst), 1);
}
