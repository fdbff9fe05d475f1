//! The service against the sandbox: the demo for people, and the selftest that judges every promise.

pub mod demo;
pub mod selftest;
