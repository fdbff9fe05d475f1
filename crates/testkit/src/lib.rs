//! What the tests of several crates share: a customer, a time to begin at, and, with the feature `service`, a service
//! without workers, and one with workers before a provider whose answers can be changed.
//!
//! Everything here is for tests, so a helper that cannot do its work panics at the caller's line.
#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

#[cfg(feature = "service")]
pub mod case;
pub mod clock;
pub mod customer;
#[cfg(feature = "service")]
pub mod env;
#[cfg(feature = "service")]
pub mod faulty;
mod named;
#[cfg(feature = "service")]
pub mod service;

pub use named::named;
