//! The domain as a whole: facts, schedule, decisions, and what reads and answers mean, without any I/O.
#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

mod booking;
mod cases_amounts;
mod cases_races;
mod cases_reminders;
mod cases_windows;
mod deciding;
mod model;
mod observing_captures;
mod observing_others;
mod outcomes;
mod properties;
mod provider;
mod scheduling;
mod transitions;
mod world;
