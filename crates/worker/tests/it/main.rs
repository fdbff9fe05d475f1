//! The integration tests of the binary: its commands, run as processes.
#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

mod command_line;
mod review_commands;
mod selftest;
