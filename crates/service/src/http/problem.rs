//! Errors as RFC 9457 problems, each with a stable code.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::reservation::Refusal;
use domain::{Chain, ErrorCode, FieldError, JobState, ReservationId};
use serde::Serialize;
use serde_json::{Map, Value};
use store::StoreError;

use crate::operations::OperationError;

/// The media type of a problem.
pub(super) const PROBLEM_JSON: &str = "application/problem+json";
/// The most faults of one answer.
const MAX_FAULTS: usize = 50;

/// Why a request is not carried out. Nothing has been changed, except with a status of 500 and above.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    code: ErrorCode,
    detail: String,
    errors: Vec<FieldError>,
    /// Of `job_state`.
    state: Option<JobState>,
    /// Of `reference_taken`.
    reservation: Option<ReservationId>,
    /// What else a code tells, by name.
    more: Box<Map<String, Value>>,
}

/// A problem as it is written.
#[derive(Serialize)]
struct Written<'p> {
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    status: u16,
    detail: &'p str,
    code: ErrorCode,
    #[serde(skip_serializing_if = "<[FieldError]>::is_empty")]
    errors: &'p [FieldError],
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<JobState>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reservation: Option<&'p ReservationId>,
    #[serde(flatten)]
    more: &'p Map<String, Value>,
}

impl Problem {
    pub(super) fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            errors: Vec::new(),
            state: None,
            reservation: None,
            more: Box::default(),
        }
    }

    /// The same problem, telling one thing more.
    pub(super) fn with(mut self, name: &str, value: Value) -> Self {
        self.more.insert(name.to_owned(), value);
        self
    }

    /// Fields that do not fit.
    pub(super) fn fields(mut errors: Vec<FieldError>) -> Self {
        errors.truncate(MAX_FAULTS);
        let detail = match errors.as_slice() {
            [one] => one.to_string(),
            many => format!("{} fields do not fit; see errors", many.len()),
        };
        Self {
            errors,
            ..Self::new(ErrorCode::Validation, detail)
        }
    }

    pub(super) fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::fields(vec![FieldError::new(field, message)])
    }

    pub(super) fn not_found(what: &str) -> Self {
        Self::new(ErrorCode::NotFound, format!("there is no such {what}"))
    }

    pub(super) fn method_not_allowed() -> Self {
        let detail = "this path takes other methods; Allow names them";
        Self::new(ErrorCode::MethodNotAllowed, detail)
    }

    /// A fault of ours or of the database; its cause is in the log.
    pub(super) fn internal() -> Self {
        let detail =
            "the request could not be carried out; try it again, with the same Idempotency-Key";
        Self::new(ErrorCode::Internal, detail)
    }
}

/// The HTTP status of an answer with this code.
pub(super) const fn status(code: ErrorCode) -> StatusCode {
    use ErrorCode as E;
    match code {
        E::BodyIncomplete | E::IdempotencyKeyInvalid | E::MalformedJson | E::TooDeep => {
            StatusCode::BAD_REQUEST
        }
        E::Unauthorized => StatusCode::UNAUTHORIZED,
        E::NotFound => StatusCode::NOT_FOUND,
        E::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        E::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        E::UriTooLong => StatusCode::URI_TOO_LONG,
        E::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        E::IdempotencyKeyReused | E::ReferenceNotShown | E::Validation => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        E::HeadersTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        E::NotReady | E::Timeout => StatusCode::SERVICE_UNAVAILABLE,
        E::AmbiguousReference
        | E::CaptureWindowClosed
        | E::ChargeWindowClosed
        | E::Closed
        | E::EvidenceChanged
        | E::IdempotencyKeyRunning
        | E::JobState
        | E::MoneyTaken
        | E::NoCard
        | E::NoMoneyTaken
        | E::NoOpenLink
        | E::NotAtProvider
        | E::NotHeld
        | E::NothingCapturable
        | E::NothingRefundable
        | E::NothingToRetry
        | E::OperationOpen
        | E::ReferenceTaken
        | E::RetryRefused
        | E::ReviewDecided => StatusCode::CONFLICT,
        // `internal`, and what only jobs and reviews have; the pages say which, and a test holds them to it.
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let problem = Self::internal();
        tracing::error!(error.code = %problem.code, error = %Chain(&error), "request failed");
        problem
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Fields(errors) => Self::fields(errors),
            Refusal::State { code, message } => Self::new(code, message),
        }
    }
}

impl From<OperationError> for Problem {
    fn from(error: OperationError) -> Self {
        match error {
            OperationError::NotFound(what) => Self::not_found(what),
            OperationError::Refused(refusal) => refusal.into(),
            OperationError::JobState { state, message } => Self {
                state: Some(state),
                ..Self::new(ErrorCode::JobState, message)
            },
            OperationError::NothingToRetry { state, why, review } => {
                let what = match review {
                    Some(id) => format!("decide about it: POST /v1/reviews/{id}/decide"),
                    None => "ask for it anew where it is still wanted".to_owned(),
                };
                let detail = format!("nothing would be sent: {why}; {what}");
                Self {
                    state: Some(state),
                    ..Self::new(ErrorCode::NothingToRetry, detail)
                }
            }
            OperationError::ReferenceTaken { id } => {
                let detail = "the merchant has another reservation with this reference";
                Self {
                    reservation: id,
                    ..Self::new(ErrorCode::ReferenceTaken, detail)
                }
            }
            OperationError::UnknownMerchant => {
                Self::field("merchant", "is not a merchant of the configuration")
            }
            OperationError::Store(error) => error.into(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = status(self.code);
        let written = Written {
            kind: format!("/errors/{}", self.code),
            title: self.code.title(),
            status: status.as_u16(),
            detail: &self.detail,
            code: self.code,
            errors: &self.errors,
            state: self.state,
            reservation: self.reservation.as_ref(),
            more: &self.more,
        };
        let body = serde_json::to_string(&written).unwrap_or_default();
        let mut response = (status, body).into_response();
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        response
    }
}
