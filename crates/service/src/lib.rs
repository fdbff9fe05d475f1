//! The service: what a running Holdfast is. Configuration, operations, HTTP API and workers.

pub mod app;
pub mod config;
mod decode;
pub mod http;
pub mod jobs;
pub mod operations;
pub mod payment_link;
mod provider;
pub mod reviews;
pub mod serve;
#[cfg(test)]
mod stage;
pub mod submission;
