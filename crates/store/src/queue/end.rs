//! What a run leaves behind: how its job ends or goes on, and why it failed.

use std::error::Error;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::{Chain, ErrorCode, PlannedState, WaitingFor};
use serde_json::Value;

use crate::StoreError;
use crate::queue::FaultClass;

/// The crashes of one job after which a person must look at it.
pub const MAX_CRASHES: u32 = 3;

/// The message of a job that waits for a person because of an unknown outcome.
pub const OUTCOME_UNKNOWN: &str = "outcome unknown: the request was sent, and neither its answer nor any later read shows its effect";

/// Why a run failed. Its job is tried again after a delay; what must not be tried again is [`JobEnd::Failed`].
#[derive(Clone, Debug, thiserror::Error)]
#[error("{code}: {message}")]
pub struct JobFault {
    /// The kind of failure, which sets the pace of the retries.
    pub class: FaultClass,
    /// What went wrong, for programs: the job's `last_error.code`, whose page says what to do.
    pub code: ErrorCode,
    /// One sentence for people, without secrets or personal data. What is kept of it and of the causes is cut to 1 KiB.
    pub message: String,
    /// The provider's word on when to come again; `None` leaves the time to the backoff.
    pub not_before: Option<DateTime<Utc>>,
    /// What led to it; `None` where the fault was found here.
    #[source]
    pub source: Option<Arc<dyn Error + Send + Sync>>,
}

impl JobFault {
    /// A fault without a cause, whose retry waits for its backoff alone.
    #[must_use]
    pub fn new(class: FaultClass, code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            class,
            code,
            message: message.into(),
            not_before: None,
            source: None,
        }
    }

    /// The same fault with what led to it.
    #[must_use]
    pub fn caused_by(self, source: impl Error + Send + Sync + 'static) -> Self {
        Self {
            source: Some(Arc::new(source)),
            ..self
        }
    }

    /// The message with each of its causes once: what a job keeps of its fault.
    #[must_use]
    pub fn with_causes(&self) -> String {
        match &self.source {
            Some(source) => format!("{}: {}", self.message, Chain(&**source)),
            None => self.message.clone(),
        }
    }
}

impl From<StoreError> for JobFault {
    fn from(error: StoreError) -> Self {
        let (code, message) = match &error {
            StoreError::LeaseLost { .. } => (ErrorCode::LeaseLost, "the run was overtaken"),
            _ => (
                ErrorCode::DatabaseFailed,
                "the run could not use the database",
            ),
        };
        Self::new(FaultClass::Internal, code, message).caused_by(error)
    }
}

/// What becomes of a job whose run ends.
#[derive(Clone, Debug)]
pub enum JobEnd {
    /// It is done.
    Succeeded {
        /// What it achieved, for the API; `None` when there is nothing to show.
        result: Option<Value>,
    },
    /// It failed, and runs again after a delay: unless its attempts are used up, or the delay ends at or after its
    /// deadline. Then it has failed for good.
    Retry {
        /// Why it failed.
        error: JobFault,
    },
    /// It runs again at a given time and uses no attempt. A scheduled one that would come at or after its deadline has
    /// failed; one that finds out about an unknown outcome has no deadline.
    Snooze {
        /// The next run is not before this.
        until: DateTime<Utc>,
        /// What it waits for besides that time.
        waiting_for: Option<WaitingFor>,
        /// How it waits.
        state: PlannedState,
    },
    /// A person must decide.
    NeedsReview {
        /// The reason as a word for programs.
        code: ErrorCode,
        /// The reason as a sentence for people.
        message: String,
    },
    /// It is given up.
    Failed {
        /// The reason as a word for programs.
        code: ErrorCode,
        /// The reason as a sentence for people.
        message: String,
    },
    /// It is no longer wanted.
    Cancelled {
        /// The reason as a sentence for people.
        reason: String,
    },
    /// The run crashed. The job runs again, until it has crashed [`MAX_CRASHES`] times
    /// without coming to a good end in between; then a person must look.
    Crashed {
        /// What is known of the crash.
        message: String,
        /// Without a delay, because the worker vanished and the job may not be to blame.
        at_once: bool,
    },
    /// The worker stops and gives the job back as if it had not been claimed.
    HandedBack,
}

impl JobEnd {
    /// What becomes of a job whose handler ended like this; `None` when the handler has finished the job itself.
    #[must_use]
    pub fn after(ended: Result<Finished, JobFault>) -> Option<Self> {
        match ended {
            Ok(Finished::Already) => None,
            Ok(Finished::By(end)) => Some(end),
            Err(error) => Some(Self::Retry { error }),
        }
    }
}

/// What a handler leaves to be written about its job.
#[derive(Clone, Debug)]
pub enum Finished {
    /// Nothing: it finished the job in a transaction of its own.
    Already,
    /// This, after it returns.
    By(JobEnd),
}

impl Finished {
    /// The job is done and there is nothing to say about it.
    #[must_use]
    pub const fn done() -> Self {
        Self::By(JobEnd::Succeeded { result: None })
    }

    /// The job is done, with a result for the API.
    #[must_use]
    pub const fn with(result: Value) -> Self {
        Self::By(JobEnd::Succeeded {
            result: Some(result),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_keeps_its_causes_and_prints_each_once() {
        let fault = JobFault::from(StoreError::from(sqlx::Error::PoolTimedOut));
        assert_eq!(
            fault.to_string(),
            "database_failed: the run could not use the database"
        );
        let chain = Chain(&fault).to_string();
        assert_eq!(chain.matches("the database failed").count(), 1, "{chain}");
        let text = fault.with_causes();
        assert_eq!(text.matches("the database failed").count(), 1, "{text}");
        assert!(text.contains("timed out"), "{text}");
        let own = JobFault::new(FaultClass::Internal, ErrorCode::Unsent, "because");
        assert_eq!(own.with_causes(), "because");
    }
}
