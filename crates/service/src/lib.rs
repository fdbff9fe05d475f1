//! The service: what a running Holdfast is. Configuration, operations, HTTP API and workers.

pub mod app;
pub mod config;
mod decode;
pub mod desk;
mod handlers;
pub mod http;
pub mod payment_link;
mod provider;
pub mod runner;
pub mod serve;
pub mod service;
#[cfg(test)]
mod stage;
pub mod submission;
