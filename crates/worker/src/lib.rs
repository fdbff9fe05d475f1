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
#[cfg(test)]
mod stage;
pub mod submission;
