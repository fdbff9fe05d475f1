//! The durable job queue: a table of jobs, claimed under a lease, settled under a fence.
//!
//! A job is enqueued in the transaction of its cause, claimed in batches by [`run_workers`], and settled in the
//! transaction of what its handler learnt. Every write after the claim names the claim's token.

mod apalis;
mod attempt;
pub mod backoff;
mod claim;
mod enqueue;
mod job;
pub mod lanes;
mod lease;
mod listen;
mod ops;
#[cfg(test)]
mod plans;
mod pump;
mod read;
mod settle;
mod sync;
mod turn;
mod worker;

pub use self::apalis::run_workers;
pub use attempt::{AttemptEnd, AttemptOutcome, MAX_EXCHANGE_BYTES};
pub use backoff::FaultClass;
pub use enqueue::{Enqueued, MAX_PAYLOAD_BYTES, NewJob};
pub use job::{AttemptView, ClaimedJob, JobDetails, JobView};
pub use lanes::{LaneView, NotBefore};
pub use lease::Lease;
pub use ops::JobChanged;
pub use read::{JobFilter, MAX_PAGE, Page};
pub use settle::{JobFault, MAX_CRASHES, NOBODY_KNOWS, Settle};
pub use sync::{DEFAULT_MAX_ATTEMPTS, ScheduleChange};
pub use turn::{Claimant, Turn};
pub use worker::{Handler, Settled, WorkerError, WorkerOptions};
