//! Helpers for tests of the whole program: the built binary, processes, a database, HTTP, and bounded waiting.
//!
//! Everything here is for tests, so a helper that cannot do its work panics and says why, at the caller's line.

mod binary;
mod http;
pub mod modules;
mod postgres;
mod process;
pub mod source;
mod wait;

use std::net::{Ipv4Addr, TcpListener};

pub use binary::{holdfast_binary, workspace_root};
pub use http::{Http, Reply};
pub use postgres::{TestDatabase, TestPostgres};
pub use process::{Process, Program};
pub use wait::{holds_within, wait_until};

/// A TCP port of 127.0.0.1 that nobody listens on at the moment of the call. Another process may take it before the
/// caller does, so a program that can report the port it chose by itself is asked for port 0 instead.
#[must_use]
#[track_caller]
pub fn free_port() -> u16 {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    match listener {
        Ok(address) => address.port(),
        Err(error) => panic!("no port of 127.0.0.1 is free: {error}"),
    }
}
