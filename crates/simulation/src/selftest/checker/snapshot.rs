//! What the API says of one reservation, read from its JSON alone.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::answer::{Event, list, ore, text, time};
use super::operations::{OperationHistory, walk};

/// A row of the API's ledger, in øre.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) kind: String,
    pub(crate) amount: i64,
    pub(crate) reference: String,
    pub(crate) external: bool,
}

/// What keeps the judge from reading what the API says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unreadable {
    /// An event has a type that docs/events.md does not list, or is of an operation that was never planned.
    #[error("{reference} has an event {event_type:?} that is unknown, or of an unknown operation")]
    EventType {
        reference: String,
        event_type: String,
    },
    /// A field that every answer has is missing, or holds something else.
    #[error("of {reference} the API does not show {what}: {shown}")]
    Field {
        reference: String,
        what: &'static str,
        shown: Value,
    },
}

/// A review that is open, with what its evidence names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Review {
    pub(crate) reason: String,
    /// The operation that it is about, by its intent; `None` when it is about the reservation.
    pub(crate) intent: Option<String>,
    /// Is nothing sent while it is open?
    pub(crate) freezes: bool,
}

/// A job of the API's list.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) created_at: Option<DateTime<Utc>>,
    pub(crate) state: String,
    /// Why it failed, was withdrawn or waits for a person.
    pub(crate) reason: String,
}

/// Sums, in øre.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) reserved: i64,
    pub(crate) captured: i64,
    pub(crate) charged: i64,
    pub(crate) refunded: i64,
}

impl Sums {
    /// Both together.
    pub(super) const fn plus(self, other: Self) -> Self {
        Self {
            reserved: self.reserved + other.reserved,
            captured: self.captured + other.captured,
            charged: self.charged + other.charged,
            refunded: self.refunded + other.refunded,
        }
    }
}

/// Everything that the API says of a reservation.
#[derive(Clone, Debug)]
pub(crate) struct ApiSnapshot {
    pub(crate) id: String,
    pub(crate) reference: String,
    pub(crate) uuid: String,
    pub(crate) status: String,
    pub(crate) control: String,
    /// What a person is asked about at the end.
    pub(crate) reviews: Vec<Review>,
    pub(crate) capture_by: Option<DateTime<Utc>>,
    pub(crate) sums: Sums,
    pub(crate) rows: Vec<Row>,
    pub(crate) events: Vec<Event>,
    pub(crate) jobs: Vec<Job>,
    pub(crate) operations: Vec<OperationHistory>,
    /// May messages go out at any hour?
    pub(crate) any_hours: bool,
}

/// The answers of the API about one reservation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answers<'a> {
    pub(crate) reservation: &'a Value,
    /// Oldest first.
    pub(crate) events: &'a [Value],
    pub(crate) jobs: &'a [Value],
    /// The open reviews, each with its evidence.
    pub(crate) reviews: &'a [Value],
}

impl ApiSnapshot {
    /// Reads the answers of the API.
    ///
    /// # Errors
    /// The judge cannot read one of them, and so cannot judge.
    pub(crate) fn read(answers: Answers<'_>, any_hours: bool) -> Result<Self, Unreadable> {
        let reservation = answers.reservation;
        let text = |pointer: &str| text(reservation.pointer(pointer));
        let sum = |name: &str| ore(&reservation["amounts"][name]);
        let reference = text("/reference");
        let events = answers.events.iter().map(|value| event(&reference, value));
        let events: Vec<Event> = events.collect::<Result<_, _>>()?;
        let unknown = |event_type| Unreadable::EventType {
            reference: reference.clone(),
            event_type,
        };
        Ok(Self {
            id: text("/id"),
            uuid: text("/provider/reservation_uuid"),
            status: text("/status"),
            control: text("/control"),
            reviews: answers.reviews.iter().map(review).collect(),
            capture_by: time(&reservation["deadlines"]["capture_by"]),
            sums: Sums {
                reserved: sum("reserved"),
                captured: sum("captured"),
                charged: sum("charged"),
                refunded: sum("refunded"),
            },
            rows: list(&reservation["ledger"]).iter().map(row).collect(),
            operations: walk(&events, |_, _| {}).map_err(unknown)?,
            events,
            jobs: answers.jobs.iter().map(job).collect(),
            any_hours,
            reference,
        })
    }

    /// Has this reservation at the provider been seen beside the one in the books?
    pub(crate) fn has_seen_duplicate(&self, uuid: &str) -> bool {
        self.events
            .iter()
            .any(|event| event.name == "duplicate_seen" && event.data["reservation_uuid"] == *uuid)
    }

    /// The sum of the rows of a kind.
    pub(crate) fn booked(&self, kind: &str) -> i64 {
        self.rows
            .iter()
            .filter(|row| row.kind == kind)
            .map(|row| row.amount)
            .sum()
    }
}

fn row(row: &Value) -> Row {
    Row {
        kind: text(row.get("kind")),
        amount: ore(&row["amount"]),
        reference: text(row.get("reference")),
        external: row["origin"] == "external",
    }
}

fn event(reference: &str, event: &Value) -> Result<Event, Unreadable> {
    Ok(Event {
        at: time(&event["at"]).ok_or_else(|| Unreadable::Field {
            reference: reference.to_owned(),
            what: "the time of an event",
            shown: event.clone(),
        })?,
        name: text(event.get("type")),
        data: event["data"].clone(),
    })
}

fn review(review: &Value) -> Review {
    let intent = review.pointer("/evidence/operation/intent");
    Review {
        reason: text(review.get("reason")),
        intent: intent.and_then(Value::as_str).map(str::to_owned),
        freezes: review["freezes"] == true,
    }
}

fn job(job: &Value) -> Job {
    let reason = text(job.pointer("/last_error/message"));
    Job {
        id: text(job.get("id")),
        kind: text(job.get("kind")),
        created_at: time(&job["created_at"]),
        state: text(job.get("state")),
        reason: if reason.is_empty() {
            text(job.pointer("/last_error/code"))
        } else {
            reason
        },
    }
}
