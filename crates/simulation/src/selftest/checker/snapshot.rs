//! What the API says of one reservation, read from its JSON alone.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::operations::{OperationHistory, operations};

/// A row of the API's ledger, in øre.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) kind: String,
    pub(crate) amount: i64,
    pub(crate) reference: String,
    pub(crate) external: bool,
}

/// One event of the API's timeline.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) at: DateTime<Utc>,
    pub(crate) name: String,
    pub(crate) data: Value,
}

/// A job of the API's list.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) id: String,
    pub(crate) kind: String,
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

/// Everything that the API says of a reservation.
#[derive(Clone, Debug)]
pub(crate) struct ApiSnapshot {
    pub(crate) id: String,
    pub(crate) reference: String,
    pub(crate) uuid: String,
    pub(crate) status: String,
    pub(crate) control: String,
    /// Why a person is asked, if one is.
    pub(crate) review: Option<String>,
    pub(crate) capture_by: Option<DateTime<Utc>>,
    pub(crate) sums: Sums,
    pub(crate) rows: Vec<Row>,
    pub(crate) events: Vec<Event>,
    pub(crate) jobs: Vec<Job>,
    pub(crate) operations: Vec<OperationHistory>,
    /// May messages go out at any hour?
    pub(crate) any_hours: bool,
}

impl ApiSnapshot {
    /// Reads the answers of the API.
    pub(crate) fn read(
        reservation: &Value,
        events: &[Value],
        jobs: &[Value],
        any_hours: bool,
    ) -> Self {
        let text = |pointer: &str| text(reservation.pointer(pointer));
        let sum = |name: &str| ore(&reservation["amounts"][name]);
        let events: Vec<Event> = events.iter().filter_map(event).collect();
        Self {
            id: text("/id"),
            reference: text("/reference"),
            uuid: text("/provider/reservation_uuid"),
            status: text("/status"),
            control: text("/control"),
            review: reservation["review"]["reason"].as_str().map(str::to_owned),
            capture_by: time(&reservation["deadlines"]["capture_by"]),
            sums: Sums {
                reserved: sum("reserved"),
                captured: sum("captured"),
                charged: sum("charged"),
                refunded: sum("refunded"),
            },
            rows: list(&reservation["ledger"]).iter().map(row).collect(),
            operations: operations(&events),
            events,
            jobs: jobs.iter().map(job).collect(),
            any_hours,
        }
    }

    /// Was a person ever asked about it?
    pub(crate) fn asked_somebody(&self) -> bool {
        let asks = |event: &Event| {
            matches!(
                event.name.as_str(),
                "review_raised" | "intent_escalated" | "late_effect_seen"
            )
        };
        self.review.is_some() || self.events.iter().any(asks)
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

fn event(event: &Value) -> Option<Event> {
    Some(Event {
        at: time(&event["at"])?,
        name: text(event.get("type")),
        data: event["data"].clone(),
    })
}

fn job(job: &Value) -> Job {
    let reason = text(job.pointer("/last_error/message"));
    Job {
        id: text(job.get("id")),
        kind: text(job.get("kind")),
        state: text(job.get("state")),
        reason: if reason.is_empty() {
            text(job.pointer("/last_error/code"))
        } else {
            reason
        },
    }
}

pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

pub(super) fn text(value: Option<&Value>) -> String {
    value.and_then(Value::as_str).unwrap_or_default().to_owned()
}

pub(super) fn time(value: &Value) -> Option<DateTime<Utc>> {
    value.as_str()?.parse().ok()
}

/// An amount such as `"1000.00"` in øre.
pub(super) fn ore(value: &Value) -> i64 {
    value
        .as_str()
        .and_then(|amount| amount.replace('.', "").parse().ok())
        .unwrap_or(0)
}
