//! One file per kind of job: how its request is made, sent, and read back into our words.

pub(crate) mod cancel;
pub(crate) mod capture;
pub(crate) mod charge;
pub(crate) mod complete;
pub(crate) mod payment_link;
pub(crate) mod refresh;
pub(crate) mod refund;
pub(crate) mod resend;
pub(crate) mod search;
pub(crate) mod submit;
pub(crate) mod sweep;

use api_client::{
    Answer, Client, FaultKind, Outcome as Answered, Phase, RejectionClass, TransportFault, wire,
};
use chrono::TimeDelta;
use domain::outcome::{Outcome, RefusedBy};
use domain::reservation::{Intent, Operation};
use domain::{Chain, Reservation, marker};
use store::queue::{AttemptEnd, AttemptOutcome, FaultClass, JobFault};
use store::{StoreError, Stored};

use crate::app::{App, MerchantHandle};
use crate::provider;
use crate::runner::Sent;

/// A request ready to be sent.
pub(crate) enum Request {
    Submit(Box<wire::SubmitReservation>),
    Session(Box<wire::CreateSession>),
    Capture(wire::Capture),
    Charge(wire::Charge),
    Refund(wire::Refund),
    Cancel(wire::Note),
    Complete(wire::Note),
    Resend(wire::Resend),
}

/// Makes the request of an intent's attempt. Reads what it needs from the store; sends nothing.
pub(crate) async fn prepare(
    app: &App,
    handle: &MerchantHandle,
    stored: &Stored,
    intent: &Intent,
    attempt: u32,
) -> Result<Request, JobFault> {
    let r = &stored.reservation;
    let marker = marker::of_attempt(&intent.marker, attempt);
    Ok(match &intent.operation {
        Operation::Submit => submit::request(app, handle, stored).await?,
        Operation::Capture { lines, note } => {
            Request::Capture(capture::request(r, lines, &text(&marker, note.as_deref()))?)
        }
        Operation::Charge { lines, note } => Request::Charge(charge::request(
            lines,
            &marker,
            &text(&marker, note.as_deref()),
        )),
        Operation::Refund {
            source,
            reference,
            lines,
        } => Request::Refund(refund::request(r, *source, reference, lines)?),
        Operation::Cancel { note } => Request::Cancel(wire::Note {
            note: text(&marker, Some(note)),
        }),
        Operation::Complete { note } => Request::Complete(wire::Note {
            note: text(&marker, Some(note)),
        }),
        Operation::Resend { by, elsewhere, .. } => {
            Request::Resend(resend::request(app, r, intent, by, *elsewhere).await?)
        }
    })
}

/// Sends a request, once.
pub(crate) async fn send(client: &Client, uuid: &str, request: Request) -> Sent {
    match request {
        Request::Submit(request) => submit::sent(client.submit(&request).await),
        Request::Session(request) => submit::sent(client.create_session(&request).await),
        Request::Capture(request) => capture::sent(client.capture(uuid, &request).await),
        Request::Charge(request) => charge::sent(client.charge(uuid, &request).await),
        Request::Refund(request) => refund::sent(client.refund(uuid, &request).await),
        Request::Cancel(note) => cancel::sent(client.cancel(uuid, &note).await),
        Request::Complete(note) => complete::sent(client.complete(uuid, &note).await),
        Request::Resend(request) => resend::sent(client.resend(uuid, &request).await),
    }
}

/// What comes of a request that was released and did not leave in time.
pub(crate) fn kept_back() -> Sent {
    let reason = TransportFault::new(Phase::BeforeSend, FaultKind::NotSent).to_string();
    let end = AttemptEnd {
        outcome: AttemptOutcome::Unsent,
        http_status: None,
        provider_message: None,
        error_code: Some("kept_back".to_owned()),
        exchange: None,
    };
    Sent {
        outcome: Outcome::Unsent { reason },
        end,
        retry_after: None,
        faulted: false,
    }
}

/// The longest text that is sent along with a money call; details may cut longer ones.
const MAX_TEXT: usize = 200;

/// The marker and behind it, for people, the note.
fn text(marker: &str, note: Option<&str>) -> String {
    let text = match note {
        Some(note) => format!("{marker} {note}"),
        None => marker.to_owned(),
    };
    text.chars().take(MAX_TEXT).collect()
}

/// An answer, in our words.
fn told<T>(answer: Answer<T>, accepted: impl FnOnce(T) -> Outcome) -> Sent {
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
        Answered::Unknown(doubt) => {
            let reason = doubt.reason.as_str().to_owned();
            (
                Outcome::Unknown {
                    reason: reason.clone(),
                },
                AttemptOutcome::Unknown,
                Some(reason),
            )
        }
    };
    Sent {
        outcome,
        end: provider::attempt_end(end, code, &exchange),
        retry_after,
        faulted,
    }
}

/// Why a request that only reads brought nothing.
pub(crate) enum Unread {
    /// The provider does not know what was asked for.
    NotFound,
    /// The credentials or the rate stopped it.
    Refused(RefusedBy, Option<TimeDelta>),
    /// It was kept back, got lost, or told nothing.
    Nothing {
        /// Why.
        reason: String,
        /// Did it fail on the way, or by a fault of the provider?
        faulted: bool,
    },
}

impl Unread {
    /// There is nothing to read, or no way to.
    fn nothing(reason: &str) -> Self {
        Self::Nothing {
            reason: reason.to_owned(),
            faulted: false,
        }
    }
}

impl From<StoreError> for Unread {
    fn from(error: StoreError) -> Self {
        Self::Nothing {
            reason: Chain(&error).to_string(),
            faulted: false,
        }
    }
}

/// What a request brought that only reads.
fn read<T>(answer: Answer<T>) -> Result<T, Unread> {
    let faulted = provider::is_fault(&answer.outcome);
    let nothing = |reason: String| Err(Unread::Nothing { reason, faulted });
    match answer.outcome {
        Answered::Accepted(value) => Ok(value),
        Answered::Rejected(rejection) => match rejection.class {
            RejectionClass::NotFound => Err(Unread::NotFound),
            class @ (RejectionClass::Auth | RejectionClass::Throttled { .. }) => Err(
                Unread::Refused(provider::refused_by(&class), provider::retry_after(&class)),
            ),
            _ => nothing(format!(
                "refused with status {}: {}",
                rejection.http_status, rejection.key
            )),
        },
        Answered::Unsent(fault) => nothing(fault.to_string()),
        Answered::Unknown(doubt) => nothing(doubt.reason.as_str().to_owned()),
    }
}

/// An acceptance that carries nothing to keep.
fn plainly(_: ()) -> Outcome {
    Outcome::Accepted {
        reference: None,
        link: None,
    }
}

/// The provider's id of a line, which details have to have shown.
fn provider_id(r: &Reservation, line: u32) -> Result<i64, JobFault> {
    r.line(line)
        .and_then(|line| line.provider_id)
        .ok_or_else(|| {
            let message =
                format!("the provider's id of line {line} is not known; details have not shown it");
            JobFault::new(FaultClass::Internal, "no_provider_id", message)
        })
}
