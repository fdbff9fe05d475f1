//! The service: what a running Holdfast is. Configuration, operations, HTTP API and workers.

pub mod app;
pub mod config;
mod decode;
pub mod http;
pub mod jobs;
pub mod operations;
pub mod payment_link;
mod provider;
pub mod serve;
pub mod submission;
#[cfg(test)]
mod test_env;
