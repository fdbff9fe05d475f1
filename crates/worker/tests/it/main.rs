//! The integration tests of the service.
#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

mod command_line;
mod config;
mod desk_commands;
mod http;
mod runs;
mod selftest;
mod support;
