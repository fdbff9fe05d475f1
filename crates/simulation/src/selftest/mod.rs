//! `holdfast selftest`: a deterministic simulation of the whole service, judged by a checker of its own.
//!
//! A seed draws a history of ninety days: merchants, bookings, payers, people in the provider's portal, what goes wrong
//! on the way, and where processes die. The service is the real one, on a database in memory and with the sandbox as its
//! provider, in one thread and by a clock that stands still until it is moved. The same seed gives the same trace.

mod checker;
mod core;
mod dice;
mod drive;
mod figures;
mod history;
mod operator;
mod plan;
mod points;
mod report;
mod run;
mod stage;
mod trace;
mod weather;

pub use figures::{Figures, FoundBy};
pub use report::{Failure, Report};
pub use run::{History, Options, RunError, play, run};
