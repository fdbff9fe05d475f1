//! One request to the provider and what came of it, in our words.

use api_client::{Answer, FaultKind, Outcome as Answered, Phase, RejectionClass, TransportFault};
use chrono::TimeDelta;
use domain::Chain;
use domain::outcome::{Outcome, RefusedBy};
use store::StoreError;
use store::queue::{AttemptEnd, AttemptOutcome};

use crate::provider;

/// What came of a request, with what the job's history shows of it.
pub(crate) struct CallResult {
    /// What it means for the intent.
    pub(crate) outcome: Outcome,
    /// What the history shows.
    pub(crate) end: AttemptEnd,
    /// How long the provider wants to be left alone.
    pub(crate) retry_after: Option<TimeDelta>,
    /// Did it fail on the way, or by a fault of the provider?
    pub(crate) faulted: bool,
}

/// What comes of a request that was released and did not leave in time.
pub(crate) fn not_sent() -> CallResult {
    let reason = TransportFault::new(Phase::BeforeSend, FaultKind::NotSent).to_string();
    let end = AttemptEnd {
        outcome: AttemptOutcome::Unsent,
        http_status: None,
        provider_message: None,
        error_code: Some("not_sent".to_owned()),
        exchange: None,
    };
    CallResult {
        outcome: Outcome::Unsent { reason },
        end,
        retry_after: None,
        faulted: false,
    }
}

/// An answer, in our words.
pub(super) fn to_call_result<T>(
    answer: Answer<T>,
    accepted: impl FnOnce(T) -> Outcome,
) -> CallResult {
    let Answer { outcome, exchange } = answer;
    let faulted = provider::is_fault(&outcome);
    let mut retry_after = None;
    let (outcome, end, code) = match outcome {
        // Our own validation refused it: as final as the provider's.
        Answered::Unsent(fault) if matches!(fault.kind, FaultKind::InvalidRequest(_)) => {
            let outcome = Outcome::Rejected {
                by: RefusedBy::Payload,
                key: fault.to_string(),
            };
            (
                outcome,
                AttemptOutcome::Unsent,
                Some("invalid_request".to_owned()),
            )
        }
        Answered::Unsent(fault) => {
            let reason = fault.to_string();
            (
                Outcome::Unsent { reason },
                AttemptOutcome::Unsent,
                Some("unsent".to_owned()),
            )
        }
        Answered::Accepted(data) => (accepted(data), AttemptOutcome::Accepted, None),
        Answered::Rejected(rejection) => {
            retry_after = provider::retry_after(&rejection.class);
            let by = provider::refused_by(&rejection.class);
            let code = Some(rejection.key.clone());
            (
                Outcome::Rejected {
                    by,
                    key: rejection.key,
                },
                AttemptOutcome::Rejected,
                code,
            )
        }
        Answered::Unknown(unknown) => {
            let reason = unknown.reason.as_str().to_owned();
            (
                Outcome::Unknown {
                    reason: reason.clone(),
                },
                AttemptOutcome::Unknown,
                Some(reason),
            )
        }
    };
    CallResult {
        outcome,
        end: provider::attempt_end(end, code, &exchange),
        retry_after,
        faulted,
    }
}

/// Why a request that only reads brought nothing.
pub(crate) enum ReadError {
    /// The provider does not know what was asked for.
    NotFound,
    /// The credentials or the rate stopped it.
    Refused(RefusedBy, Option<TimeDelta>),
    /// The request was not sent, was lost, or its answer cannot be read.
    Nothing {
        /// Why.
        reason: String,
        /// Did it fail on the way, or by a fault of the provider?
        faulted: bool,
    },
}

impl ReadError {
    /// There is nothing to read, or no way to.
    pub(super) fn nothing(reason: &str) -> Self {
        Self::Nothing {
            reason: reason.to_owned(),
            faulted: false,
        }
    }
}

impl From<StoreError> for ReadError {
    fn from(error: StoreError) -> Self {
        Self::Nothing {
            reason: Chain(&error).to_string(),
            faulted: false,
        }
    }
}

/// What a request brought that only reads.
pub(super) fn read<T>(answer: Answer<T>) -> Result<T, ReadError> {
    let faulted = provider::is_fault(&answer.outcome);
    let nothing = |reason: String| Err(ReadError::Nothing { reason, faulted });
    match answer.outcome {
        Answered::Accepted(value) => Ok(value),
        Answered::Rejected(rejection) => match rejection.class {
            RejectionClass::NotFound => Err(ReadError::NotFound),
            class @ (RejectionClass::Auth | RejectionClass::Throttled { .. }) => Err(
                ReadError::Refused(provider::refused_by(&class), provider::retry_after(&class)),
            ),
            _ => nothing(format!(
                "refused with status {}: {}",
                rejection.http_status, rejection.key
            )),
        },
        Answered::Unsent(fault) => nothing(fault.to_string()),
        Answered::Unknown(unknown) => nothing(unknown.reason.as_str().to_owned()),
    }
}

/// An acceptance that carries nothing to keep.
pub(super) fn accepted_without_reference(_: ()) -> Outcome {
    Outcome::Accepted {
        reference: None,
        link: None,
    }
}
