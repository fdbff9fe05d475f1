//! The trace of a run: one line per thing that happened, and the hash that two runs of one seed have in common.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};

/// How many characters of the hash are shown: enough to tell runs apart.
const SHOWN: usize = 16;

/// A trace that everybody on a env writes to.
#[derive(Clone, Debug, Default)]
pub(super) struct Trace(Arc<Mutex<String>>);

impl Trace {
    /// Notes what happens.
    pub(super) fn note(&self, at: DateTime<Utc>, what: std::fmt::Arguments<'_>) {
        let mut text = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}  {what}", at.format("%F %T%.3f"));
    }

    /// Everything so far.
    pub(super) fn text(&self) -> String {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// What two runs of one seed have in common.
    pub(super) fn hash(&self) -> String {
        let digest = Sha256::digest(
            self.0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .as_bytes(),
        );
        domain::hex(&digest).chars().take(SHOWN).collect()
    }
}
