//! The seam to apalis, and the only module that names it: a `Backend` fed by the producer, and the layer that finishes jobs.
//!
//! apalis drives the handlers, the layers around them and the shutdown. What is durable is the producer's.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use apalis::layers::WorkerBuilderExt as _;
use apalis::layers::tracing::TraceLayer;
use apalis::prelude::{
    AbortError, Backend, BoxDynError, Monitor, ParallelizeExt as _, Task, TaskBuilder, TaskId,
    WorkerBuilder, WorkerContext,
};
use apalis_core::backend::BackendConfig;
use apalis_core::backend::finalize::Ephemeral;
use apalis_core::layers::{Layer, Service};
use domain::{Chain, ErrorCode};
use futures::future::BoxFuture;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::Store;
use crate::queue::job::JobRow;
use crate::queue::listen::keep_listening;
use crate::queue::producer::{Ack, Producer, Terms};
use crate::queue::worker::Phase;
use crate::queue::{
    Claimant, ClaimedJob, FaultClass, Finished, Handler, JobEnd, JobFault, Lease, WorkerError,
    WorkerOptions,
};

/// How often the worker of a set is started anew after a panic of the machinery around its handlers.
const MAX_RESTARTS: usize = 10;

/// Claims and runs jobs until `shutdown` resolves and what was running has ended or was handed back.
///
/// Handlers run in parallel, each on a task of its own. Several worker sets may run in one process and on one database.
///
/// # Errors
/// When the machinery around the handlers fails. Neither a handler nor the database can end it.
pub async fn run_workers(
    store: Store,
    options: WorkerOptions,
    handler: impl Handler,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), WorkerError> {
    let concurrency = options.concurrency.max(1);
    let owner: Arc<str> = format!(
        "{:016x}{:016x}",
        store.entropy.next_u64(),
        store.entropy.next_u64()
    )
    .into();
    let (phase, phases) = watch::channel(Phase::Running);
    let (ack_sender, acks) = mpsc::channel(concurrency);
    let (out, jobs) = mpsc::channel(concurrency);
    let producer = Producer {
        terms: terms(&options, concurrency, Arc::clone(&owner)),
        acks,
        out,
        phase: phases.clone(),
        wakes: store.wakes.subscribe(),
        pending: Vec::new(),
        in_flight: 0,
        renewed_at: store.clock.wall(),
        store: store.clone(),
    };
    let mut producer = Owned(tokio::spawn(producer.run()));
    let _listener = Owned(tokio::spawn(keep_listening(store)));
    let jobs = Jobs {
        owner,
        jobs: Arc::new(Mutex::new(jobs)),
        acks: ack_sender,
    };
    let monitor = monitor(jobs, &options, Arc::new(handler), phases);
    let context = monitor.context();
    let stop = async {
        shutdown.await;
        phase.send_replace(Phase::Stopping);
        // Never fails in apalis 1.0.0; were it to, the workers would go on and the next signal would try again.
        let _ = context.shutdown();
        tokio::time::sleep(options.shutdown_grace).await;
        phase.send_replace(Phase::Abandoned);
        std::future::pending::<()>().await;
    };
    tokio::select! {
        ended = monitor.run() => ended.map_err(|error| WorkerError::Workers(error.into()))?,
        ended = &mut producer.0 => return ended.map_err(WorkerError::Producer),
        () = stop => {}
    }
    // No handler is left to end a run, so the producer ends after its last cycle, which it no longer tries for ever.
    phase.send_replace(Phase::Abandoned);
    (&mut producer.0).await.map_err(WorkerError::Producer)
}

fn terms(options: &WorkerOptions, concurrency: usize, owner: Arc<str>) -> Terms {
    Terms {
        claimant: Claimant::new(owner, options),
        concurrency,
        poll_interval: options.poll_interval,
    }
}

/// The worker with its layers, from the outside: finish, own task, timeout, span, panics, handler.
fn monitor(
    jobs: Jobs,
    options: &WorkerOptions,
    handler: Arc<impl Handler>,
    phases: watch::Receiver<Phase>,
) -> Monitor {
    let timeout = options.job_timeout;
    Monitor::new()
        .register(move |_restarts| {
            let (handler, phases) = (Arc::clone(&handler), phases.clone());
            WorkerBuilder::new(format!("holdfast-{}", jobs.owner))
                .backend(jobs.clone())
                .parallelize(tokio::spawn)
                .timeout(timeout)
                .layer(TraceLayer::new().make_span_with(span).on_failure(()))
                .catch_panic()
                .build(move |job: ClaimedJob| run(Arc::clone(&handler), job, phases.clone()))
        })
        .should_restart(|worker, _error| worker.restarts() < MAX_RESTARTS)
}

/// The span of a run. Names the job and never shows what is in it.
fn span(task: &Task<ClaimedJob>) -> tracing::Span {
    let job = &task.args;
    tracing::info_span!(
        "job",
        job.id = %job.id,
        job.kind = %job.kind,
        attempt = job.attempt,
        reservation.id = job.reservation.as_ref().map(tracing::field::display),
    )
}

/// Runs the handler until it ends or the grace is over.
async fn run(
    handler: Arc<impl Handler>,
    job: ClaimedJob,
    mut phases: watch::Receiver<Phase>,
) -> Result<Finished, BoxDynError> {
    tokio::select! {
        ended = handler.run(job) => ended.map_err(BoxDynError::from),
        _ = phases.wait_for(|phase| *phase == Phase::Abandoned) => Err(Abandoned.into()),
    }
}

/// The grace was over before the handler was done.
#[derive(Debug, thiserror::Error)]
#[error("the worker stopped before the job was done")]
struct Abandoned;

/// What becomes of a job whose run ended like this; `None` when its handler has finished it.
fn end_of(ended: Result<Finished, BoxDynError>) -> Option<JobEnd> {
    let error = match ended {
        Ok(finished) => return JobEnd::after(Ok(finished)),
        Err(error) => error,
    };
    if error.is::<Abandoned>() {
        return Some(JobEnd::HandedBack);
    }
    if error.is::<AbortError>() || error.is::<tokio::task::JoinError>() {
        // What the panic says may be personal; the panic hook has printed it.
        return Some(JobEnd::Crashed {
            message: "the handler panicked".to_owned(),
            at_once: false,
        });
    }
    let error = match error.downcast::<JobFault>() {
        Ok(fault) => *fault,
        Err(other) if other.is::<tower::timeout::error::Elapsed>() => JobFault::new(
            FaultClass::Internal,
            ErrorCode::JobTimeout,
            "the run took too long",
        ),
        Err(other) => JobFault {
            source: Some(other.into()),
            ..JobFault::new(FaultClass::Internal, ErrorCode::Internal, "the run failed")
        },
    };
    JobEnd::after(Err(error))
}

/// What the producer has claimed, as apalis polls it.
#[derive(Clone)]
struct Jobs {
    owner: Arc<str>,
    jobs: Arc<Mutex<mpsc::Receiver<JobRow>>>,
    acks: mpsc::Sender<Ack>,
}

/// The backend never fails: what goes wrong with the database stays with the producer.
type Never = std::convert::Infallible;

impl Backend for Jobs {
    type Task = Task<ClaimedJob>;
    type Error = Never;

    fn poll_ready(&mut self, _: &mut Context<'_>, _: &WorkerContext) -> Poll<Result<(), Never>> {
        Poll::Ready(Ok(()))
    }

    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        _: &WorkerContext,
    ) -> Poll<Option<Result<Self::Task, Never>>> {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let Some(row) = std::task::ready!(jobs.poll_recv(cx)) else {
                return Poll::Pending;
            };
            match row.claimed(&self.owner) {
                Ok(job) => {
                    let id = TaskId::from_string(job.id.as_str());
                    return Poll::Ready(Some(Ok(TaskBuilder::new(job).task_id(id).build())));
                }
                Err(error) => {
                    tracing::error!(job.id = row.id, %error, "stored job cannot be read; job failed");
                    let message = Chain(&error).to_string();
                    let end = Some(JobEnd::Failed {
                        code: ErrorCode::Undecodable,
                        message,
                    });
                    self.send(Ack {
                        end,
                        ..Ack::hand_back(&row)
                    });
                }
            }
        }
    }

    /// Gives back what was claimed and not begun.
    fn poll_close(&mut self, _: &mut Context<'_>, _: &WorkerContext) -> Poll<Result<(), Never>> {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.close();
        while let Ok(row) = jobs.try_recv() {
            self.send(Ack::hand_back(&row));
        }
        Poll::Ready(Ok(()))
    }
}

impl Jobs {
    /// There is room for one ack of each running job, and nobody to tell once the producer is gone.
    fn send(&self, ack: Ack) {
        let _ = self.acks.try_send(ack);
    }
}

impl BackendConfig for Jobs {
    type Args = ClaimedJob;
    type Id = String;
    type Kind = Ephemeral;
    type Config = ();
    type Layer = FinishLayer;

    fn config(&self) -> &() {
        &()
    }

    fn middleware(&mut self, _: &mut WorkerContext) -> FinishLayer {
        FinishLayer(self.acks.clone())
    }
}

/// Finishes a job by how its run ended; apalis counts the run as over once that is durable.
#[derive(Clone)]
struct FinishLayer(mpsc::Sender<Ack>);

impl<S> Layer<S> for FinishLayer {
    type Service = Finishing<S>;

    fn layer(&self, inner: S) -> Finishing<S> {
        Finishing {
            inner,
            acks: self.0.clone(),
        }
    }
}

struct Finishing<S> {
    inner: S,
    acks: mpsc::Sender<Ack>,
}

impl<S> Service<Task<ClaimedJob>> for Finishing<S>
where
    S: Service<
            Task<ClaimedJob>,
            Response = Finished,
            Error: Into<BoxDynError>,
            Future: Send + 'static,
        >,
{
    type Response = ();
    type Error = BoxDynError;
    type Future = BoxFuture<'static, Result<(), BoxDynError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxDynError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, task: Task<ClaimedJob>) -> Self::Future {
        let mut open = Open {
            lease: Some(task.args.lease.clone()),
            acks: self.acks.clone(),
        };
        let run = self.inner.call(task);
        Box::pin(async move {
            let ended = run.await.map_err(Into::into);
            let (sender, durable) = oneshot::channel();
            open.close(end_of(ended), Some(sender));
            // An error says that the producer is gone, and then the lease runs out.
            let _ = durable.await;
            Ok(())
        })
    }
}

/// A run whose end has not been sent; dropped, it hands the job back.
struct Open {
    lease: Option<Lease>,
    acks: mpsc::Sender<Ack>,
}

impl Open {
    fn close(&mut self, end: Option<JobEnd>, done: Option<oneshot::Sender<()>>) {
        let Some(lease) = self.lease.take() else {
            return;
        };
        let ack = Ack {
            id: lease.job.into(),
            token: lease.token,
            end,
            done,
            tries: 0,
        };
        let _ = self.acks.try_send(ack);
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.close(Some(JobEnd::HandedBack), None);
    }
}

/// A task that ends with its owner.
struct Owned<T>(JoinHandle<T>);

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
