//! One-time payment links: an order at the provider with a page where it is paid at once.
//!
//! The same protocol as for a reservation's intents: an attempt is written, marked as being sent, sent once, and its
//! outcome recorded. The provider takes no idempotency key here either, and a second order can be paid a second time.
//! So what may have been sent is looked for, and is sent again only when a person says so.

mod decide;
mod event;
mod person;
mod search;
mod state;

pub use crate::order_id::{OrderId, OrderIdError};
pub use decide::{NEEDS_REVIEW, Step, after_search, after_silence, answered, decide, due_date};
pub use event::{IllegalTransition, LinkEvent};
pub use person::{NotAllowed, rerun, review, withdraw};
pub use search::{Found, SeenOrder, Trace, Wish, search_window};
pub use state::{Attempt, LinkState, Order};
