//! What became of a call.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Exchange, TransportFault};

/// An outcome, and the trace of the exchange that led to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer<T> {
    /// What became of the call.
    pub outcome: Outcome<T>,
    /// What went over the wire, without secrets and personal data.
    pub exchange: Exchange,
}

/// What one request proves about its effect. For a call that only reads, `Unknown` means that nothing was learnt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<T> {
    /// No byte reached the provider: there was no effect.
    Unsent(TransportFault),
    /// The provider accepted it; status, body, message and data all say so.
    Accepted(T),
    /// The provider refused it before doing anything: there was no effect.
    Rejected(Rejection),
    /// Outcome unknown: the request was sent, and its answer does not show whether it had an effect.
    Unknown(UnknownOutcome),
}

impl<T> Outcome<T> {
    /// The value of an accepted call; `None` for every other outcome.
    pub fn accepted(self) -> Option<T> {
        match self {
            Self::Accepted(value) => Some(value),
            _ => None,
        }
    }

    /// `unsent`, `accepted`, `rejected` or `unknown`.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Unsent(_) => "unsent",
            Self::Accepted(_) => "accepted",
            Self::Rejected(_) => "rejected",
            Self::Unknown(_) => "unknown",
        }
    }
}

/// A refusal that proves that there was no effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// What the caller can do about the refusal.
    pub class: RejectionClass,
    /// The message in lower case, letters and digits only; empty when there was none.
    pub key: String,
    /// The HTTP status, always of the 4xx.
    pub http_status: u16,
    /// What the provider found wrong, a bounded number of bounded sentences without personal data.
    pub sentences: Vec<String>,
}

/// The kinds of refusals, by what the caller can do about them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectionClass {
    /// A documented rule of business; the state at the provider is not what the caller thought.
    Business,
    /// The provider's validation of the payload; sending the same again is useless.
    Payload,
    /// 401 or 403: the token is missing, wrong or not allowed to do this.
    Auth,
    /// 429: the account's budget of requests is used up.
    Throttled {
        /// How long the provider wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// The object, or the path, is not there.
    NotFound,
    /// The payer left no card to charge.
    CardNotFound,
    /// The other verb is wanted.
    WrongVerb,
}

/// Why an outcome is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnknownOutcome {
    /// What about the answer, or the lack of one, proves nothing.
    pub reason: UnknownReason,
    /// The HTTP status, if one came.
    pub http_status: Option<u16>,
}

/// Why an outcome is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownReason {
    /// 400 with a message that is not documented.
    UnknownBusinessMessage,
    /// 2xx with a message that is not the expected one.
    UnexpectedMessage,
    /// Another status in the 4xx, or one that nobody expects.
    UnexpectedStatus,
    /// 2xx with a page instead of JSON.
    Html,
    /// The body ends early.
    Truncated,
    /// The body says something else than the status, or tells of another reservation.
    Contradicting,
    /// 2xx without a body.
    Empty,
    /// 2xx with something that is not JSON, not an envelope, or lacks what has to be there.
    Malformed,
    /// 2xx without the uuid that names what was made, or with one of the wrong form.
    MissingReference,
    /// 5xx: the provider failed, before or after the effect.
    ServerError,
    /// 3xx; it was not followed.
    Redirect,
    /// No answer in time, or 408.
    Timeout,
    /// The connection broke after some of the request was sent.
    Reset,
    /// The answer is no HTTP.
    Protocol,
    /// The answer is too long to read.
    BodyTooLarge,
}

impl UnknownReason {
    /// The word for records and logs: `server_error`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnknownBusinessMessage => "unknown_business_message",
            Self::UnexpectedMessage => "unexpected_message",
            Self::UnexpectedStatus => "unexpected_status",
            Self::Html => "html",
            Self::Truncated => "truncated",
            Self::Contradicting => "contradicting",
            Self::Empty => "empty",
            Self::Malformed => "malformed",
            Self::MissingReference => "missing_reference",
            Self::ServerError => "server_error",
            Self::Redirect => "redirect",
            Self::Timeout => "timeout",
            Self::Reset => "reset",
            Self::Protocol => "protocol",
            Self::BodyTooLarge => "body_too_large",
        }
    }
}
