//! The integration tests of the service.

mod command_line;
mod config;
mod http;
mod support;
