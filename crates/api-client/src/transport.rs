//! The seam between the client and the network: one request out, one response or fault back.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};

use crate::{CallClass, FieldError};

/// The most bytes of a response body that are read: 1 MiB.
pub const MAX_BODY: usize = 1024 * 1024;

/// The most fields that the sentence about an invalid request names.
const MAX_FIELDS: usize = 5;

/// A boxed future, as the `futures` crate has it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Sends one request exactly once: no retry, no redirect, no cache.
pub trait Transport: Send + Sync + fmt::Debug {
    /// Sends the request and reads the whole response, at most [`MAX_BODY`] bytes of it.
    fn send(&self, request: WireRequest) -> BoxFuture<'_, Result<WireResponse, TransportFault>>;
}

/// A request, ready to be sent.
#[derive(Clone)]
pub struct WireRequest {
    /// The HTTP method. A GET may have a body.
    pub method: Method,
    /// The path below the base, such as `connect/reservations/submit`; no leading slash, no query.
    pub path: String,
    /// The query, encoded and without its question mark.
    pub query: Option<String>,
    /// Every header, the authorisation (marked as sensitive) included.
    pub headers: HeaderMap,
    /// The JSON body; empty for most GETs.
    pub body: Bytes,
    /// How long the whole call may take.
    pub timeout: Duration,
    /// How much the call can do.
    pub class: CallClass,
}

/// A response, as far as it came.
#[derive(Clone)]
pub struct WireResponse {
    /// The HTTP status, whatever class it is of.
    pub status: u16,
    /// The response's headers, of which the rate limit, `Retry-After` and `Date` are read.
    pub headers: HeaderMap,
    /// The body as far as it came, at most [`MAX_BODY`].
    pub body: Bytes,
    /// The body ended before its announced end.
    pub truncated: bool,
}

impl fmt::Debug for WireRequest {
    /// Bodies, queries and headers hold personal data and the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} ({} bytes)",
            self.method,
            self.path,
            self.body.len()
        )
    }
}

impl fmt::Debug for WireResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.status, self.body.len())
    }
}

/// How far a request had come when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// No byte has reached the provider: the same request may be sent again.
    BeforeSend,
    /// Some byte may have reached the provider: the request may have been executed.
    AfterSend,
}

/// What kept a request from being answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The request breaks the provider's rules; the faults by field.
    InvalidRequest(Vec<FieldError>),
    /// The host's name was not found.
    Dns,
    /// The host is there, but nothing listens on the port.
    Refused,
    /// The other side is not who it should be, or speaks no TLS.
    Tls,
    /// No connection in time.
    ConnectTimeout,
    /// No connection for another reason.
    Connect,
    /// No whole answer in time.
    Timeout,
    /// The connection broke before the answer was complete.
    Reset,
    /// The answer is no HTTP.
    Protocol,
    /// The body is longer than [`MAX_BODY`].
    BodyTooLarge,
    /// The caller decided at the last moment not to send: a deadline, a circuit breaker, a rate limit.
    NotSent,
}

/// A request without a response.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TransportFault {
    /// Whether the request can have reached the provider.
    pub phase: Phase,
    /// What kept the request from being answered.
    pub kind: FaultKind,
    /// A sentence for people, without secrets and personal data.
    pub message: String,
}

impl TransportFault {
    /// A fault of this kind, with its usual sentence.
    #[must_use]
    pub fn new(phase: Phase, kind: FaultKind) -> Self {
        let message = match &kind {
            FaultKind::InvalidRequest(faults) => return Self::invalid(faults.clone()),
            FaultKind::Dns => "the provider's host name was not found",
            FaultKind::Refused => "the provider refused the connection",
            FaultKind::Tls => "no trusted TLS connection to the provider",
            FaultKind::ConnectTimeout => "no connection to the provider in time",
            FaultKind::Connect => "no connection to the provider",
            FaultKind::Timeout => "no answer from the provider in time",
            FaultKind::Reset => "the connection broke before the answer was complete",
            FaultKind::Protocol => "the provider's answer is not HTTP",
            FaultKind::BodyTooLarge => "the provider's answer is longer than 1 MiB",
            FaultKind::NotSent => "the request was not sent",
        };
        Self {
            phase,
            message: message.to_owned(),
            kind,
        }
    }

    /// A request that is not sent, because it breaks the provider's rules.
    #[must_use]
    pub fn invalid(faults: Vec<FieldError>) -> Self {
        let fields: Vec<&str> = faults
            .iter()
            .take(MAX_FIELDS)
            .map(|fault| fault.field.as_str())
            .collect();
        Self {
            phase: Phase::BeforeSend,
            message: format!("the request is invalid: {}", fields.join(", ")),
            kind: FaultKind::InvalidRequest(faults),
        }
    }
}
