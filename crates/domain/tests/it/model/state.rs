//! A state of the model: what the store holds, where each worker is, what is on the way, and what may still go wrong.

use std::fmt;

use chrono::{DateTime, Utc};
use domain::ProviderReference;
use domain::outcome::{Outcome, RefusedBy};

/// A value that the machine keeps once, by its number.
pub(super) type Number = usize;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct State {
    pub(super) now: DateTime<Utc>,
    /// The reservation as the store has it.
    pub(super) r: Number,
    /// What really happened at the provider.
    pub(super) provider: Number,
    pub(super) workers: [Worker; 2],
    /// Requests that have left and have neither been carried out nor got lost.
    pub(super) wires: Vec<Wire>,
    /// Until when each job is put off.
    pub(super) snoozed: [Option<DateTime<Utc>>; 2],
    /// How many faults of network and provider may still happen.
    pub(super) faults: u8,
    /// How many workers may still die, or be taken for dead.
    pub(super) losses: u8,
    /// How much of both may still happen together.
    pub(super) mishaps: u8,
}

/// The two jobs of the reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Job {
    /// The one that carries the intent.
    Intent,
    /// The read that was asked for, or is due by itself.
    Refresh,
}

/// A worker, and whether the lease it claimed is still its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Worker {
    pub(super) at: At,
    pub(super) holds: bool,
}

/// Between which two steps a worker is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum At {
    Idle,
    /// It is about to decide; `written` once the attempt is on record and its request ready.
    Deciding {
        job: Job,
        written: bool,
    },
    /// It has read these details, and has not recorded what they mean.
    Reading {
        seen: Number,
    },
    /// It has read these rows of the history, and has not recorded what they mean.
    Searching {
        rows: Number,
    },
    /// The attempt is released, the request has not left.
    Released(Request),
    /// The request has left.
    Waiting(Request),
    /// It knows what came of the request, and has not recorded it.
    Answered {
        request: Request,
        answer: Answer,
    },
}

/// A released request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Request {
    pub(super) attempt: u32,
    /// When it was released.
    pub(super) at: DateTime<Utc>,
}

/// A request on its way, and the worker that waits for its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Wire {
    pub(super) request: Request,
    pub(super) worker: Option<usize>,
}

/// The answer to a worker's request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Answer {
    Unsent,
    Accepted {
        reference: Option<ProviderReference>,
    },
    Refused {
        by: RefusedBy,
        key: &'static str,
    },
    Unknown,
}

impl Answer {
    pub(super) fn outcome(&self) -> Outcome {
        match self {
            Self::Unsent => Outcome::Unsent {
                reason: "unsent".into(),
            },
            Self::Accepted { reference } => Outcome::Accepted {
                reference: reference.clone(),
                link: None,
            },
            Self::Refused { by, key } => Outcome::Rejected {
                by: *by,
                key: (*key).to_owned(),
            },
            // The word of a worker that is found dead, so that it makes no difference which of the two it was.
            Self::Unknown => Outcome::Unknown {
                reason: "interrupted".into(),
            },
        }
    }

    /// Was the request turned away before it could have any effect, so that the job is tried again later?
    pub(super) const fn is_put_off(&self) -> bool {
        matches!(
            self,
            Self::Unsent
                | Self::Refused {
                    by: RefusedBy::Throttled | RefusedBy::Auth,
                    ..
                }
        )
    }
}

impl Worker {
    pub(super) const IDLE: Self = Self {
        at: At::Idle,
        holds: false,
    };

    pub(super) fn is_idle(&self) -> bool {
        self.at == At::Idle
    }
}

/// One step, as a path names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// The worker that took it; nobody for the provider, the network and time.
    pub(super) worker: Option<usize>,
    pub(super) what: &'static str,
}

impl Step {
    pub(super) const fn of(worker: usize, what: &'static str) -> Self {
        Self {
            worker: Some(worker),
            what,
        }
    }

    pub(super) const fn outside(what: &'static str) -> Self {
        Self { worker: None, what }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.worker {
            Some(worker) => write!(f, "{} {}", ["A", "B"][worker], self.what),
            None => f.write_str(self.what),
        }
    }
}
