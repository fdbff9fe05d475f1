//! Why something that was asked for is not carried out.

use domain::reservation::Refusal;
use domain::{JobState, ReservationId, ReviewId};
use store::StoreError;

/// Why a request was not carried out. Nothing has been changed.
#[derive(Debug, thiserror::Error)]
pub enum OperationError {
    /// There is no such thing; the text names its kind, such as `job`.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// The facts of the reservation do not allow it, or fields do not fit.
    #[error("the request was refused")]
    Refused(#[source] Refusal),
    /// The job's state does not allow it.
    #[error("{message}")]
    JobState {
        /// The state that the job is in.
        state: JobState,
        /// The sentence for whoever asked.
        message: String,
    },
    /// Another run of the job would send nothing.
    #[error("nothing would be sent: {why}")]
    NothingToRetry {
        /// The state that the job is in.
        state: JobState,
        /// What became of the operation that the job carries.
        why: &'static str,
        /// The open review that decides about it, where there is one.
        review: Option<ReviewId>,
    },
    /// The merchant has a live reservation with this reference.
    #[error("the reference is taken")]
    ReferenceTaken {
        /// The reservation that has it, where the database could say.
        id: Option<ReservationId>,
    },
    /// There is no such merchant in the configuration.
    #[error("there is no such merchant in the configuration")]
    UnknownMerchant,
    /// The database failed.
    #[error("the request could not be carried out")]
    Store(#[source] StoreError),
}

impl From<StoreError> for OperationError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::ReferenceTaken { by } => Self::ReferenceTaken { id: by },
            StoreError::NoJob { .. } => Self::NotFound("job"),
            StoreError::JobState { state, .. } => Self::JobState {
                state,
                message: error.to_string(),
            },
            StoreError::KeyTaken { .. } => Self::JobState {
                state: JobState::Failed,
                message: error.to_string(),
            },
            error => Self::Store(error),
        }
    }
}

impl From<Refusal> for OperationError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}
