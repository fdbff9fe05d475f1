//! The integration tests of the service.

mod config;
mod http;
mod support;
