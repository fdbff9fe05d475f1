//! The durable job queue: a table of jobs, claimed under a lease, settled under a fence.
//!
//! A job is enqueued in the transaction of its cause, claimed in batches by [`run_workers`], and settled in the
//! transaction of what its handler learnt. Every write after the claim names the claim's token.

mod apalis;
mod attempt;
pub mod backoff;
mod claim;
mod enqueue;
mod finish;
mod job;
mod lease;
pub mod limits;
mod listen;
mod ops;
#[cfg(test)]
mod plans;
mod poll;
mod producer;
mod read;
mod sync;
mod worker;

pub use self::apalis::run_workers;
pub use attempt::{AttemptEnd, AttemptOutcome, MAX_EXCHANGE_BYTES};
pub use backoff::FaultClass;
pub(crate) use claim::json_list;
pub use enqueue::{Enqueued, MAX_PAYLOAD_BYTES, NewJob};
pub use finish::{JobEnd, JobFault, MAX_CRASHES, OUTCOME_UNKNOWN};
pub use job::{AttemptView, ClaimedJob, Job, JobDetails};
pub use lease::Lease;
pub use limits::{MerchantLimits, NotBefore};
pub use ops::JobChanged;
pub use poll::{Claimant, PollCycle};
pub use read::{JobFilter, MAX_PAGE, Page};
pub use sync::{DEFAULT_MAX_ATTEMPTS, ScheduleChange};
pub use worker::{Finished, Handler, WorkerError, WorkerOptions};
