//! Reservations and the durable job queue, on SQLite and Postgres with one set of statements.
//!
//! [`Store::open`] connects and brings the schema up to date. Every change goes through a [`Tx`]; what it makes due
//! starts once it commits. [`queue::run_workers`] runs the jobs.

mod db;
mod error;
mod evidence;
mod gate;
mod inbox;
mod open;
mod page;
mod payment_links;
pub mod queue;
mod reservations;
mod reviews;
mod row;
mod tx;

pub use error::{OpenError, RowError, StoreError};
pub use gate::Gate;
pub use inbox::{Idempotency, NewCallback};
pub use open::{Options, Store};
pub use page::{MAX_PAGE, Page};
pub use payment_links::{LinkEntry, PaymentLink};
pub use reservations::{Event, ReservationFilter, Stored, Submission};
pub use reviews::{Review, ReviewCursor, ReviewCursorError, ReviewEnd, ReviewFilter};
pub use tx::{Reader, Tx};
