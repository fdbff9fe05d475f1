//! What a worker set needs: its options, and the handler that runs the jobs.

use std::collections::HashMap;
use std::time::Duration;

use domain::{JobKind, MerchantId};
use futures::future::BoxFuture;

use crate::queue::{ClaimedJob, Finished, JobFault};

/// Runs jobs. One handler serves all kinds that its worker set claims.
pub trait Handler: Send + Sync + 'static {
    /// Runs one job to its end.
    ///
    /// The future is dropped when it exceeds the timeout, and when the worker stops and the grace is over. It may be
    /// dropped at any `await`, so what must not be lost is committed before. An error is a retry; a panic is a crash.
    fn run(&self, job: ClaimedJob) -> BoxFuture<'static, Result<Finished, JobFault>>;
}

impl<F> Handler for F
where
    F: Fn(ClaimedJob) -> BoxFuture<'static, Result<Finished, JobFault>> + Send + Sync + 'static,
{
    fn run(&self, job: ClaimedJob) -> BoxFuture<'static, Result<Finished, JobFault>> {
        self(job)
    }
}

/// How a worker set works.
#[derive(Clone, Debug)]
pub struct WorkerOptions {
    /// How many jobs run at once. At least 1.
    pub concurrency: usize,
    /// How long a claim holds without being renewed. A killed worker's jobs run again after it.
    pub lease: Duration,
    /// How often to look for jobs when nothing else wakes; no longer than a third of the lease is used.
    pub poll_interval: Duration,
    /// How long running jobs may take to end once the worker set is asked to stop.
    pub shutdown_grace: Duration,
    /// How long one run may take.
    pub job_timeout: Duration,
    /// The kinds that are claimed.
    pub kinds: Vec<JobKind>,
    /// Requests per minute of each merchant that has a limit. See [`take_request`](crate::Tx::take_request).
    pub limits: HashMap<MerchantId, u32>,
}

impl Default for WorkerOptions {
    fn default() -> Self {
        Self {
            concurrency: 16,
            lease: Duration::from_secs(30),
            poll_interval: Duration::from_secs(1),
            shutdown_grace: Duration::from_secs(30),
            job_timeout: Duration::from_secs(300),
            kinds: JobKind::ALL.to_vec(),
            limits: HashMap::new(),
        }
    }
}

/// Why a worker set ended without being asked to stop. Its jobs run again once their leases end.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The runtime that drives the handlers gave up.
    #[error("the workers gave up")]
    Workers(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The task that claims and finishes jobs panicked.
    #[error("the task that claims jobs ended")]
    Producer(#[source] tokio::task::JoinError),
}

/// How far a worker set is on its way to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// It claims.
    Running,
    /// It claims no more, and running jobs end.
    Stopping,
    /// The grace is over: running jobs are dropped and handed back.
    Abandoned,
}
