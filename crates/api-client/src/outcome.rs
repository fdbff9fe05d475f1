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

/// What became of a call. For a call that only reads, `Unknown` means inconclusive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<T> {
    /// No byte reached the provider.
    Unsent(TransportFault),
    /// The provider said yes.
    Accepted(T),
    /// The provider said no; there was no effect.
    Rejected(Rejection),
    /// Nobody knows whether there was an effect.
    Unknown(Doubt),
}

impl<T> Outcome<T> {
    /// The accepted value.
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

/// A definite no.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// What kind of no.
    pub class: RejectionClass,
    /// The message in lower case, letters and digits only; empty when there was none.
    pub key: String,
    /// The HTTP status.
    pub http_status: u16,
    /// What the provider found wrong, a bounded number of bounded sentences without personal data.
    pub sentences: Vec<String>,
}

/// The kinds of no, by what the caller can do about them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectionClass {
    /// A documented rule of business; the state at the provider is not what the caller thought.
    Business,
    /// The payload; sending it again is useless.
    Payload,
    /// The token.
    Auth,
    /// Too many requests.
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
pub struct Doubt {
    /// The reason.
    pub reason: DoubtReason,
    /// The HTTP status, if one came.
    pub http_status: Option<u16>,
}

/// The reasons of a doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DoubtReason {
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
    /// 5xx.
    ServerError,
    /// 3xx; it was not followed.
    Redirect,
    /// No answer in time, or 408.
    Timeout,
    /// The connection broke.
    Reset,
    /// The answer is no HTTP.
    Protocol,
    /// The answer is too long to read.
    BodyTooLarge,
}

impl DoubtReason {
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
