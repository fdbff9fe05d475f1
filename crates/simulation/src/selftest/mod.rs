//! `holdfast selftest`: a deterministic simulation of the whole service, judged by a checker of its own.
//!
//! A seed draws a run of ninety days: merchants, bookings, payers, people in the provider's portal, what goes wrong
//! on the way, and where processes die. The service is the real one, on a database in memory and with the sandbox as its
//! provider, in one thread and by a clock that stands still until it is moved. The same seed gives the same trace.

mod checker;
mod cores;
mod dice;
mod failpoints;
mod faults;
mod figures;
mod operator;
mod plan;
mod play;
mod report;
mod run;
mod test_env;
mod trace;
mod workers;

pub use figures::{Figures, FoundBy};
pub use report::{Failure, Report};
pub use run::{Options, Run, RunError, play, run};
