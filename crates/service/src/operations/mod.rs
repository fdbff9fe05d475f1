//! What somebody can ask for, a file each. Each is a function over the service's shared state, and one transaction.
//!
//! The HTTP API reads through [`App::store`](crate::app::App::store), and changes something through these alone.

mod ask;
mod callback;
mod cancel;
mod capture;
mod charge;
mod complete;
mod create;
mod decide;
mod deliver;
mod error;
mod job;
mod locked;
mod merchant;
mod pause;
mod payment_link;
mod refresh;
mod refund;
mod resend;
mod review;

pub use ask::Wish;
pub use callback::{CallbackOutcome, take_callback};
pub use cancel::cancel;
pub use capture::capture;
pub use charge::charge;
pub use complete::complete;
pub use create::create;
pub use decide::{ReviewError, decide};
pub use deliver::deliver;
pub use error::OperationError;
pub use job::{cancel_job, reschedule_job, retry_job, run_job_now};
pub use locked::Acted;
pub use merchant::{pause_merchant, resume_merchant};
pub use pause::{pause, resume};
pub use payment_link::create_payment_link;
pub use refresh::refresh;
pub use refund::refund;
pub use resend::resend;
pub use review::{Dossier, dossier};
