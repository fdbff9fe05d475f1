//! The unknown outcome: when to read next, what counts as evidence, when an effect counts as absent, whether an
//! effect without our marker is ours, and whether the provider would refuse a duplicate.
//!
//! Pure questions about one reservation. [`schedule`](crate::schedule) asks when, [`decide`](crate::decide) asks what to
//! do now, [`observe`](crate::observe) asks what a read means; none of the answers is known anywhere else.

mod absence;
mod duplicate;
mod evidence;
mod history;
mod reads;
mod search;
mod unmarked;

pub use absence::absence_outcome;
pub(crate) use absence::absent_after;
pub use duplicate::{is_duplicate_refused, is_duplicate_refused_by_lines};
pub use evidence::{Evidence, MarkerEcho, has_suggested_id, learnt};
pub use history::{duplicates_window, history_window};
pub use reads::next_read;
pub(crate) use reads::{AFTER_INCOHERENT, INCOHERENT_READS, reads_history_next};
pub(crate) use search::{WATCH, WATCH_CHARGE, WATCH_EVERY, duplicate_search_due};
pub(crate) use unmarked::{could_be_from, is_half_refunded, may_match_unmarked, unmarked_match};
