//! A typed client of the Front Payment merchant API: wire types, one request per call, classified answers, and
//! the verification of callbacks. It decides nothing about business.
//!
//! A call is sent once and never again by any layer below; what became of it is an [`Outcome`]. Only
//! [`Outcome::Unsent`] and [`Outcome::Rejected`] prove that there was no effect.

pub mod callback;
mod classify;
mod client;
mod exchange;
#[doc(hidden)]
pub mod fuzzing;
mod http;
mod operation;
mod outcome;
mod payload;
mod redact;
mod settings;
mod transport;
pub mod wire;

pub use classify::{Payload, classify};
pub use client::Client;
pub use domain::FieldError;
pub use exchange::{Exchange, RateHeaders};
pub use operation::{CallClass, Operation};
pub use outcome::{Answer, Outcome, Rejection, RejectionClass, UnknownOutcome, UnknownReason};
pub use redact::normalise;
pub use settings::{CancelVerb, OrderDateFormat, Settings, SettingsError, Timeouts};
pub use transport::{
    BoxFuture, FaultKind, MAX_BODY, Phase, Transport, TransportFault, WireRequest, WireResponse,
};
