//! Request budgets and pauses.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::TimeDelta;
use domain::{Entropy as _, JobKind, JobState, SeededEntropy, WaitingFor};
use futures::FutureExt as _;
use store::queue::{ClaimedJob, Finished, JobEnd, NotBefore, WorkerOptions};
use tokio::sync::Semaphore;

use crate::harness::{Fresh, Worker, eager, eventually, job, merchant, noon};

pub(crate) async fn a_minute_never_holds_more_requests_than_the_limit(fresh: Fresh) {
    let (seed, limit) = (11, 30);
    let random = SeededEntropy::new(seed);
    let mut passed = Vec::new();
    for _ in 0..200 {
        let step = TimeDelta::milliseconds(i64::try_from(random.up_to(1_500)).expect("small"));
        fresh.clock.advance(step);
        let now = fresh.store.now();
        let mut tx = fresh.store.begin().await.expect("begins");
        match tx
            .take_request(&merchant("default"), limit)
            .await
            .expect("asks")
        {
            Ok(()) => passed.push(now),
            Err(NotBefore { at, .. }) => assert!(at > now, "seed {seed}"),
        }
        tx.commit().await.expect("commits");
    }
    for (first, start) in passed.iter().enumerate() {
        let within = passed[first..]
            .iter()
            .take_while(|at| **at <= *start + TimeDelta::seconds(60))
            .count();
        assert!(
            within <= limit as usize,
            "seed {seed}: {within} in a minute"
        );
    }
    assert!(
        passed.len() > limit as usize,
        "seed {seed}: the budget comes back"
    );
}

pub(crate) async fn no_more_is_claimed_than_the_bucket_has(fresh: Fresh) {
    // Three at once, and one more each 2.2 s or so.
    let limit = 30;
    for n in 0..10 {
        let kind = if n < 8 {
            JobKind::Refresh
        } else {
            JobKind::Deadline
        };
        fresh.enqueue(&job(kind)).await;
    }
    let (calls, notices) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (store, called, noticed) = (
        fresh.store.clone(),
        Arc::clone(&calls),
        Arc::clone(&notices),
    );
    let handler = move |job: ClaimedJob| {
        let (store, called, noticed) = (store.clone(), Arc::clone(&called), Arc::clone(&noticed));
        async move {
            if job.kind == JobKind::Deadline {
                noticed.fetch_add(1, Ordering::SeqCst);
                return Ok(Finished::done());
            }
            let mut tx = store.begin().await?;
            let taken = tx.take_request(&job.merchant, limit).await?;
            tx.commit().await?;
            assert_eq!(
                taken,
                Ok(()),
                "a claim is only made when the bucket has a token"
            );
            called.fetch_add(1, Ordering::SeqCst);
            Ok(Finished::done())
        }
        .boxed()
    };
    let limits = HashMap::from([(merchant("default"), limit)]);
    // One at a time, so that each claim sees what the one before has taken.
    let worker = Worker::start(
        &fresh.store,
        WorkerOptions {
            concurrency: 1,
            limits,
            ..eager()
        },
        handler,
    );
    eventually("the notices are sent", async || {
        notices.load(Ordering::SeqCst) == 2
    })
    .await;
    eventually("the burst is used", async || {
        calls.load(Ordering::SeqCst) == 3
    })
    .await;
    fresh.clock.advance(TimeDelta::milliseconds(2_200));
    eventually("one more is let through", async || {
        calls.load(Ordering::SeqCst) == 4
    })
    .await;
    fresh.clock.advance(TimeDelta::minutes(1));
    eventually("a full bucket again", async || {
        calls.load(Ordering::SeqCst) == 7
    })
    .await;
    worker.stop().await;
    assert_eq!(calls.load(Ordering::SeqCst), 7);
}

pub(crate) async fn a_paused_merchant_makes_no_calls_until_it_is_resumed(fresh: Fresh) {
    let paused = merchant("default");
    fresh.store.pause_merchant(&paused).await.expect("pauses");
    let held = fresh.enqueue(&job(JobKind::Capture)).await;
    let local = fresh.enqueue(&job(JobKind::Deadline)).await;
    let other = store::queue::NewJob {
        merchant: merchant("other"),
        ..job(JobKind::Capture)
    };
    let other = fresh.enqueue(&other).await;
    let gate = Arc::new(Semaphore::new(100));
    let handler = move |_| {
        let gate = Arc::clone(&gate);
        async move {
            let _pass = gate.acquire().await;
            Ok(Finished::By(JobEnd::Succeeded { result: None }))
        }
        .boxed()
    };
    let worker = Worker::start(&fresh.store, eager(), handler);
    fresh.reaches(&local, JobState::Succeeded).await;
    fresh.reaches(&other, JobState::Succeeded).await;
    assert_eq!(fresh.job(&held).await.state, JobState::Available);
    let mut tx = fresh.store.begin().await.expect("begins");
    let refused = tx.take_request(&paused, 240).await.expect("asks");
    assert_eq!(
        refused.map_err(|wait| wait.waiting_for),
        Err(WaitingFor::Pause),
        "a running job makes no further call either"
    );
    tx.rollback().await.expect("rolls back");
    assert!(
        fresh
            .store
            .merchant_limits()
            .await
            .expect("reads")
            .iter()
            .any(|limits| limits.merchant == paused && limits.paused)
    );
    fresh.store.resume_merchant(&paused).await.expect("resumes");
    fresh.reaches(&held, JobState::Succeeded).await;
    worker.stop().await;
}

pub(crate) async fn held_requests_go_on_at_their_time(fresh: Fresh) {
    let (name, until) = (merchant("default"), noon() + TimeDelta::seconds(90));
    let mut tx = fresh.store.begin().await.expect("begins");
    tx.hold_requests(&name, 240, until).await.expect("holds");
    assert_eq!(
        tx.take_request(&name, 240).await.expect("asks"),
        Err(NotBefore {
            at: until,
            waiting_for: WaitingFor::RateLimit
        })
    );
    tx.commit().await.expect("commits");
    fresh.clock.set(until);
    let mut tx = fresh.store.begin().await.expect("begins");
    assert_eq!(tx.take_request(&name, 240).await.expect("asks"), Ok(()));
    tx.commit().await.expect("commits");
}
