//! The service: configuration, HTTP API, workers, and the commands of the binary `holdfast`.

pub mod app;
pub mod cli;
pub mod client;
pub mod config;
mod decode;
pub mod demo;
pub mod desk;
mod handlers;
pub mod http;
pub mod payment_link;
mod provider;
pub mod runner;
pub mod selftest;
pub mod serve;
pub mod service;
pub mod submission;

#[cfg(test)]
#[expect(dead_code, reason = "shared with the integration tests, which use all of it")]
#[path = "../tests/it/stage.rs"]
mod stage;

#[cfg(test)]
extern crate self as worker;
