//! Ports for services that have to come back under the same address after a kill.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};

/// The ports lie below those that systems give to outgoing connections, so that none takes one in between.
const FIRST: u16 = 22_000;
const COUNT: u16 = 10_000;

/// A port of 127.0.0.1 that nobody listens on, and that this process has not given out yet.
pub(crate) fn free_port() -> u16 {
    static NEXT: OnceLock<AtomicU16> = OnceLock::new();
    // Other test programs may run beside this one, so each begins elsewhere.
    let random = RandomState::new().build_hasher().finish() % u64::from(COUNT);
    let next = NEXT.get_or_init(|| AtomicU16::new(u16::try_from(random).unwrap_or(0)));
    (0..COUNT)
        .map(|_| FIRST + next.fetch_add(1, Ordering::Relaxed) % COUNT)
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .expect("a free port")
}
