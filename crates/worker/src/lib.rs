//! The binary `holdfast`: the command line, and the client of the API behind its commands for operators.

pub mod cli;
pub mod client;
