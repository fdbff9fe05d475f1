//! The measurements of the queue: drain, latency, and drain beside a backlog.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use domain::{JobKind, JobState, MerchantId, ReservationId, SystemEntropy};
use futures::FutureExt as _;
use store::Store;
use store::queue::{ClaimedJob, Finished, JobFilter, NewJob, WorkerOptions, run_workers};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::Instant;

use crate::place::Place;

/// Runs of each measurement; the median counts.
const RUNS: usize = 3;

/// Jobs of a drain.
const DRAINED: usize = 20_000;

/// Jobs of a drain beside a backlog.
const DRAINED_BESIDE: usize = 5_000;

/// Enqueues of a latency run.
const ENQUEUES: usize = 200;

/// Time between two enqueues of a latency run.
const GAP: Duration = Duration::from_millis(20);

/// Jobs of one transaction while the table is filled.
const FILL: usize = 20_000;

/// Jobs that do nothing cost no more than their place in a batch, so many may be under way.
const CONCURRENCY: usize = 2_000;

fn merchant() -> MerchantId {
    "default".parse().expect("a merchant")
}

fn job(store: &Store, wait: TimeDelta) -> NewJob {
    let now = store.now();
    NewJob {
        kind: JobKind::Refresh,
        urgency: JobKind::Refresh.urgency(),
        merchant: merchant(),
        reservation: Some(ReservationId::new(now, &SystemEntropy)),
        key: None,
        run_at: now + wait,
        deadline: now + wait + TimeDelta::days(1),
        payload: serde_json::json!({}),
        intent: None,
        max_attempts: 3,
        created_by: "bench".to_owned(),
        planned_at: None,
    }
}

async fn fill(store: &Store, count: usize, wait: TimeDelta) {
    let mut left = count;
    while left > 0 {
        let jobs: Vec<NewJob> = (0..left.min(FILL)).map(|_| job(store, wait)).collect();
        left -= jobs.len();
        let mut tx = store.begin().await.expect("begins");
        tx.enqueue_all(&jobs).await.expect("enqueues");
        tx.commit().await.expect("commits");
    }
}

/// Runs `count` due jobs, from the start of the workers until all are finished. Returns jobs per second.
async fn drain_once(store: &Store, count: usize) -> u64 {
    let (done, ran) = (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
    let all = Arc::clone(&done);
    let handler = move |_: ClaimedJob| {
        if ran.fetch_add(1, Ordering::Relaxed) + 1 == count {
            all.notify_one();
        }
        futures::future::ready(Ok(Finished::done())).boxed()
    };
    let options = WorkerOptions {
        concurrency: CONCURRENCY,
        ..WorkerOptions::default()
    };
    let started = Instant::now();
    run_workers(store.clone(), options, handler, async move {
        done.notified().await;
    })
    .await
    .expect("runs");
    let elapsed = started.elapsed();
    for state in [JobState::Available, JobState::Running] {
        let filter = JobFilter {
            state: Some(state),
            ..JobFilter::default()
        };
        let left = store.jobs(&filter, 1, None).await.expect("reads").items;
        assert!(left.is_empty(), "every job has finished");
    }
    per_second(count, elapsed)
}

fn per_second(count: usize, elapsed: Duration) -> u64 {
    let micros = elapsed.as_micros().max(1);
    u64::try_from(u128::try_from(count).unwrap_or(0) * 1_000_000 / micros).unwrap_or(u64::MAX)
}

fn median(figures: &mut [u64]) -> u64 {
    figures.sort_unstable();
    figures.get(figures.len() / 2).copied().unwrap_or(0)
}

/// Prints the drain of jobs that do nothing.
pub(crate) async fn drain(place: &Place) {
    let mut rates = Vec::new();
    for _ in 0..RUNS {
        let fresh = place.fresh().await;
        fill(&fresh.store, DRAINED, TimeDelta::zero()).await;
        rates.push(drain_once(&fresh.store, DRAINED).await);
        fresh.store.close().await;
    }
    let median = median(&mut rates);
    println!(
        "queue    {}  {median:>7} jobs/s  (runs {rates:?}; {DRAINED} jobs; aim 15000)",
        place.name()
    );
}

/// Prints how long after its enqueue a job starts.
pub(crate) async fn latency(place: &Place) {
    let (mut medians, mut tails) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let fresh = place.fresh().await;
        let mut micros = latency_once(&fresh.store).await;
        micros.sort_unstable();
        medians.push(micros.get(ENQUEUES / 2).copied().unwrap_or(0));
        tails.push(micros.get(ENQUEUES * 99 / 100).copied().unwrap_or(0));
        fresh.store.close().await;
    }
    let (p50, p99) = (median(&mut medians), median(&mut tails));
    println!(
        "latency  {}  p50 {p50:>5} us, p99 {p99:>5} us  (p50 {medians:?}, p99 {tails:?}; aim 3000, 10000)",
        place.name()
    );
}

async fn latency_once(store: &Store) -> Vec<u64> {
    let (sender, mut starts) = mpsc::unbounded_channel();
    let handler = move |_: ClaimedJob| {
        let _ = sender.send(Instant::now());
        futures::future::ready(Ok(Finished::done())).boxed()
    };
    let (stop, stopped) = oneshot::channel::<()>();
    let shutdown = async move {
        let _ = stopped.await;
    };
    let worker = tokio::spawn(run_workers(
        store.clone(),
        WorkerOptions::default(),
        handler,
        shutdown,
    ));
    let mut micros = Vec::with_capacity(ENQUEUES);
    for _ in 0..ENQUEUES {
        tokio::time::sleep(GAP).await;
        let job = job(store, TimeDelta::zero());
        let enqueued = Instant::now();
        let mut tx = store.begin().await.expect("begins");
        tx.enqueue(&job).await.expect("enqueues");
        tx.commit().await.expect("commits");
        let started = starts.recv().await.expect("the worker runs");
        micros
            .push(u64::try_from(started.duration_since(enqueued).as_micros()).unwrap_or(u64::MAX));
    }
    let _ = stop.send(());
    worker.await.expect("no panic").expect("no error");
    micros
}

/// Prints how much a table full of future jobs slows a drain down.
pub(crate) async fn backlog(place: &Place, future_jobs: usize) {
    let mut rates = [Vec::new(), Vec::new()];
    for (rates, backlog) in rates.iter_mut().zip([0, future_jobs]) {
        let fresh = place.fresh().await;
        fill(&fresh.store, backlog, TimeDelta::days(3_650)).await;
        fresh.analyze();
        for _ in 0..RUNS {
            fill(&fresh.store, DRAINED_BESIDE, TimeDelta::zero()).await;
            rates.push(drain_once(&fresh.store, DRAINED_BESIDE).await);
        }
        fresh.store.close().await;
    }
    let [alone, beside] = &mut rates;
    let (without, with) = (median(alone), median(beside));
    let share = with * 100 / without.max(1);
    println!(
        "backlog  {}  {share:>3} % kept  ({with} jobs/s {beside:?} with {future_jobs} future jobs, \
         {without} jobs/s {alone:?} without; {DRAINED_BESIDE} jobs; aim 80)",
        place.name()
    );
}
