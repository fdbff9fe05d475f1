//! What the tests of several crates share: a service without workers, and what is submitted to it.
//!
//! Everything here is for tests, so a helper that cannot do its work panics at the caller's line.
#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

pub mod case;
pub mod service;
