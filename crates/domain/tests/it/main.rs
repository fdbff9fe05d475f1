//! The domain as a whole: facts, schedule, decisions, and what reads and answers mean, without any I/O.
#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

mod booking;
mod callbacks;
mod cases_amounts;
mod cases_head_room;
mod cases_races;
mod cases_refusals;
mod cases_reminders;
mod cases_windows;
mod deciding;
mod duplicate_rule;
mod figures;
mod model;
mod observing_captures;
mod observing_others;
mod outcomes;
mod payment_links;
mod properties;
mod provider;
mod resolving_absence;
mod resolving_captures;
mod resolving_charges;
mod resolving_echo;
mod resolving_refunds;
mod resolving_resends;
mod resolving_status;
mod resolving_submits;
mod resolving_watch;
mod review_decisions;
mod review_packs;
mod review_remedies;
mod scheduling;
mod transitions;
mod world;
