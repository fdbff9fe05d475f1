//! A gate before and behind every commit, so that a simulation can end or halt a process there.

use std::fmt;

use futures::future::BoxFuture;

/// Stands before and behind every commit of a [`Store`](crate::Store) that has one; a service has none.
///
/// A future that never ends is a process that has died there: its caller is dropped while it waits.
pub trait Gate: Send + Sync + fmt::Debug {
    /// Everything is written, nothing is durable.
    fn before_commit(&self) -> BoxFuture<'_, ()>;

    /// Everything is durable, and no caller has its answer yet.
    fn after_commit(&self) -> BoxFuture<'_, ()>;
}
