//! The integration tests of the service.
#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

mod config;
mod http;
mod runs;
