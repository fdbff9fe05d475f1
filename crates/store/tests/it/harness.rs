//! Fresh databases, jobs and workers for the tests of the store.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    Clock, Entropy as _, JobId, JobKey, JobKind, ManualClock, MerchantId, ReservationId,
    SystemEntropy,
};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqliteConnection};
use store::queue::{Handler, NewJob, WorkerError, WorkerOptions, run_workers};
use store::{Options, Store};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Names the maintenance database of a private cluster.
const POSTGRES: &str = "HOLDFAST_TEST_POSTGRES";

/// How long a test waits for what must happen.
const PATIENCE: Duration = Duration::from_secs(30);

/// Which database a test runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
}

/// A store on a database of its own.
pub(crate) struct Fresh {
    pub(crate) store: Store,
    /// Stands still until it is moved; not the store's clock in [`fresh_store_on`].
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) kind: Kind,
    pub(crate) url: String,
    /// Removes the file in the end. Databases of Postgres go with their cluster.
    _folder: Option<tempfile::TempDir>,
}

/// A store on a new database, on a clock that stands still.
pub(crate) async fn fresh_store(kind: Kind) -> Fresh {
    let clock = Arc::new(ManualClock::at(noon()));
    open_fresh(kind, clock.clone(), clock).await
}

/// A store on a new database, on this clock.
pub(crate) async fn fresh_store_on(kind: Kind, clock: Arc<dyn Clock>) -> Fresh {
    open_fresh(kind, clock, Arc::new(ManualClock::at(noon()))).await
}

async fn open_fresh(kind: Kind, clock: Arc<dyn Clock>, manual: Arc<ManualClock>) -> Fresh {
    let (url, folder) = match kind {
        Kind::Sqlite => {
            let folder = tempfile::tempdir().expect("a folder");
            (
                format!("sqlite:{}/test.db", folder.path().display()),
                Some(folder),
            )
        }
        Kind::Postgres => (new_postgres_database().await, None),
    };
    let store = open(&url, clock).await;
    Fresh {
        store,
        clock: manual,
        kind,
        url,
        _folder: folder,
    }
}

/// Another store on the same database.
pub(crate) async fn open(url: &str, clock: Arc<dyn Clock>) -> Store {
    Store::open(url, clock, Arc::new(SystemEntropy), Options::default())
        .await
        .expect("opens")
}

async fn new_postgres_database() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let url = std::env::var(POSTGRES).unwrap_or_else(|_| {
        panic!("{POSTGRES} is not set: run scripts/test.sh, which starts a private Postgres for the tests")
    });
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!(
        "test_{}_{number}_{:08x}",
        std::process::id(),
        SystemEntropy.up_to(0xffff_ffff)
    );
    let mut admin = PgConnection::connect(&url)
        .await
        .expect("the test cluster answers");
    let create = format!("CREATE DATABASE {name} TEMPLATE template0");
    admin
        .execute(AssertSqlSafe(create))
        .await
        .expect("a new database");
    let mut url: Vec<&str> = url.rsplitn(2, '/').collect();
    let query = url[0].find('?').map_or("", |start| &url[0][start..]);
    let last = format!("{name}{query}");
    url[0] = &last;
    format!("{}/{}", url[1], url[0])
}

impl Fresh {
    /// Runs statements behind the store's back.
    pub(crate) async fn raw(&self, sql: &str) {
        let sql = AssertSqlSafe(sql.to_owned());
        match self.kind {
            Kind::Sqlite => {
                let mut conn = SqliteConnection::connect(&self.url)
                    .await
                    .expect("connects");
                conn.execute(sql).await.expect("runs");
            }
            Kind::Postgres => {
                let mut conn = PgConnection::connect(&self.url).await.expect("connects");
                conn.execute(sql).await.expect("runs");
            }
        }
    }

    /// Asks for a number behind the store's back.
    pub(crate) async fn count(&self, sql: &str) -> i64 {
        let sql = AssertSqlSafe(sql.to_owned());
        match self.kind {
            Kind::Sqlite => {
                let mut conn = SqliteConnection::connect(&self.url)
                    .await
                    .expect("connects");
                sqlx::query_scalar(sql)
                    .fetch_one(&mut conn)
                    .await
                    .expect("answers")
            }
            Kind::Postgres => {
                let mut conn = PgConnection::connect(&self.url).await.expect("connects");
                sqlx::query_scalar(sql)
                    .fetch_one(&mut conn)
                    .await
                    .expect("answers")
            }
        }
    }

    /// Enqueues one job in a transaction of its own.
    pub(crate) async fn enqueue(&self, job: &NewJob) -> JobId {
        let mut tx = self.store.begin().await.expect("begins");
        let enqueued = tx.enqueue(job).await.expect("enqueues");
        tx.commit().await.expect("commits");
        enqueued.job
    }

    /// The job in its present state.
    pub(crate) async fn job(&self, id: &JobId) -> store::queue::Job {
        self.details(id).await.job
    }

    /// The job with its attempts.
    pub(crate) async fn details(&self, id: &JobId) -> store::queue::JobDetails {
        self.store.job(id).await.expect("reads").expect("is there")
    }

    /// Waits until the job is in this state.
    pub(crate) async fn reaches(&self, id: &JobId, state: domain::JobState) {
        let what = format!("{id} becomes {state}");
        eventually(&what, async || self.job(id).await.state == state).await;
    }
}

/// Waits until something is so, however long that takes within reason.
pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let give_up = tokio::time::Instant::now() + PATIENCE;
    let mut looks = tokio::time::interval(Duration::from_millis(5));
    loop {
        looks.tick().await;
        if holds().await {
            return;
        }
        assert!(
            tokio::time::Instant::now() < give_up,
            "waited in vain until {what}"
        );
    }
}

/// Waits for a signal, and fails the test when it does not come.
pub(crate) async fn soon<T>(what: &str, signal: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, signal)
        .await
        .unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

/// A Monday noon in winter.
pub(crate) fn noon() -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_614_400, 0).expect("a time")
}

pub(crate) fn merchant(name: &str) -> MerchantId {
    name.parse().expect("a merchant")
}

pub(crate) fn reservation() -> ReservationId {
    ReservationId::new(noon(), &SystemEntropy)
}

/// A job that is due at noon and has a day.
pub(crate) fn job(kind: JobKind) -> NewJob {
    NewJob {
        kind,
        urgency: kind.urgency(),
        merchant: merchant("default"),
        reservation: None,
        key: None,
        run_at: noon(),
        deadline: noon() + TimeDelta::days(1),
        payload: serde_json::json!({"n": 1}),
        intent: None,
        max_attempts: 3,
        created_by: "test".to_owned(),
        planned_at: None,
    }
}

/// Options that look often, for tests that move the clock.
pub(crate) fn eager() -> WorkerOptions {
    WorkerOptions {
        poll_interval: Duration::from_millis(5),
        ..WorkerOptions::default()
    }
}

/// Options that never look unless woken.
pub(crate) fn lazy() -> WorkerOptions {
    let hour = Duration::from_secs(3_600);
    WorkerOptions {
        poll_interval: hour,
        lease: hour * 3,
        ..WorkerOptions::default()
    }
}

/// A worker set in the background.
pub(crate) struct Worker {
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<Result<(), WorkerError>>,
}

impl Worker {
    pub(crate) fn start(store: &Store, options: WorkerOptions, handler: impl Handler) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let store = store.clone();
        let task = tokio::spawn(async move {
            let shutdown = async move {
                let _ = stopped.await;
            };
            run_workers(store, options, handler, shutdown).await
        });
        Self {
            stop: Some(stop),
            task,
        }
    }

    /// Tells it to stop, without waiting.
    pub(crate) fn signal(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }

    /// Stops it in order.
    pub(crate) async fn stop(mut self) {
        self.signal();
        let ended = soon("the workers to stop", &mut self.task).await;
        ended.expect("no panic").expect("no error");
    }

    /// Ends it as a crash would: nothing is finished or handed back.
    pub(crate) async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

/// Counts the turns of the queue that failed, by their log line.
#[derive(Clone, Debug, Default)]
pub(crate) struct Failures(Arc<AtomicU32>);

impl Failures {
    pub(crate) fn count(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }
}

impl tracing::Subscriber for Failures {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target() == "store::queue::producer" && *metadata.level() == tracing::Level::WARN
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, _: &tracing::Event<'_>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

/// The key of a test's job, made of a short name: the same name gives the same key.
pub(crate) fn key(name: &str) -> JobKey {
    let number = name.bytes().fold(0_u32, |number, byte| {
        number.wrapping_mul(31).wrapping_add(u32::from(byte))
    });
    JobKey::RefreshNow(number)
}
