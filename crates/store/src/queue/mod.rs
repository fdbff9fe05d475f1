//! The durable job queue: a table of jobs, claimed under a lease, finished under a fence.
//!
//! A job is enqueued in the transaction of its cause, claimed in batches by [`run_workers`], and finished in the
//! transaction of what its handler learnt. Every write after the claim names the claim's token.

mod apalis;
mod attempt;
pub mod backoff;
mod claim;
mod end;
pub(crate) mod enqueue;
mod finish;
mod intents;
mod job;
mod lease;
pub mod limits;
mod listen;
mod message;
mod ops;
mod poll;
mod producer;
mod read;
mod statements;
mod states;
mod sync;
mod worker;

pub use self::apalis::run_workers;
pub use attempt::{AttemptEnd, MAX_EXCHANGE_BYTES};
pub use backoff::FaultClass;
pub use domain::AttemptOutcome;
pub use end::{Finished, JobEnd, JobFault, MAX_CRASHES, OUTCOME_UNKNOWN};
pub use enqueue::{Enqueued, MAX_PAYLOAD_BYTES, NewJob};
pub use job::{AttemptView, ClaimedJob, Job, JobDetails};
pub use lease::Lease;
pub use limits::{MerchantLimits, NotBefore};
pub use ops::JobChanged;
pub use poll::{Claimant, PollCycle};
pub use read::JobFilter;
#[doc(hidden)]
pub use statements::{Statement, statements_of_a_cycle};
pub use sync::{DEFAULT_MAX_ATTEMPTS, ScheduleChange};
pub use worker::{Handler, WorkerError, WorkerOptions};
