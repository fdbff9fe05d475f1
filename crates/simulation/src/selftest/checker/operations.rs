//! The history of each operation, as the API's timeline gives it: docs/events.md describes it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::answer::{Event, ore, text, time};

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It has not.
    Open,
    /// Done.
    Done,
    /// The provider refused it.
    Rejected,
    /// It was given up.
    Withdrawn,
    /// A person is asked.
    Review,
}

/// What reads said of a request that was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resolved {
    /// It took effect.
    Found,
    /// It did not.
    Absent,
}

/// A request that was given up without knowing what became of it.
#[derive(Clone, Debug)]
pub(crate) struct UnknownOutcome {
    /// When its request was released.
    pub(crate) sent: DateTime<Utc>,
    /// When the next request of the operation was; `None` when there was none.
    pub(crate) next: Option<DateTime<Utc>>,
    /// When it was given up.
    pub(crate) since: DateTime<Utc>,
    /// Reads of ours since then that brought an answer that adds up.
    pub(crate) reads: u64,
    /// What the last of them resolved; `None` where none did.
    pub(crate) resolved: Option<Resolved>,
}

/// One operation from its decision to its end.
#[derive(Clone, Debug)]
pub(crate) struct OperationHistory {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) marker: String,
    pub(crate) amount: i64,
    /// The capture or charge that a refund is of.
    pub(crate) reference: String,
    /// Is it a reminder of the policy's?
    pub(crate) is_reminder: bool,
    /// When requests were released, and their place in the timeline.
    pub(crate) sendings: Vec<(DateTime<Utc>, usize)>,
    /// How many of them certainly did not leave, or were refused at the door.
    pub(crate) unsent: usize,
    /// Those of which nobody knew what became.
    pub(crate) unknown_outcomes: Vec<UnknownOutcome>,
    /// Was an effect of it seen after its end?
    pub(crate) late: bool,
    /// What the provider calls the rows that count as its effects; empty of one without a name.
    pub(crate) references: BTreeSet<String>,
    /// Why a person was asked last what became of its request, if one was.
    pub(crate) asked: Option<String>,
    /// When it was decided, as its job shows it too.
    pub(crate) created_at: Option<DateTime<Utc>>,
    /// Did a person say what became of it?
    pub(crate) decided: bool,
    pub(crate) end: End,
    /// Is a request out whose outcome is not known?
    in_doubt: bool,
    /// Is another request to be sent while that of the last one is not known?
    is_forced: bool,
    /// Has the provider accepted what still has to show?
    is_unshown: bool,
    /// Is the last of the unknown_outcomes still to be resolved by reads?
    is_duplicate_search_due: bool,
}

impl OperationHistory {
    fn of(planned: &Value) -> Self {
        Self {
            id: text(planned.get("intent")),
            kind: text(planned.get("operation")),
            marker: text(planned.get("marker")),
            amount: ore(&planned["amount"]),
            reference: text(planned.get("reference")),
            is_reminder: planned["slot"].is_number(),
            sendings: Vec::new(),
            unsent: 0,
            unknown_outcomes: Vec::new(),
            late: false,
            references: BTreeSet::new(),
            asked: None,
            created_at: time(&planned["created_at"]),
            decided: false,
            end: End::Open,
            in_doubt: false,
            is_forced: false,
            is_unshown: false,
            is_duplicate_search_due: false,
        }
    }

    /// Follows an event that names this operation. False when its type is none that tells of an operation.
    fn apply(&mut self, event: &Event, place: usize) -> bool {
        match event.name.as_str() {
            "attempt_sent" => self.sent(event.at, place),
            "attempt_unsent" => {
                self.unsent += usize::from(self.in_doubt);
                self.in_doubt = self.is_forced;
            }
            "attempt_accepted" => self.accepted(&event.data["reference"]),
            "attempt_rejected" => self.over(End::Rejected),
            "outcome_unknown" => self.unknown(event.at),
            "history_read" => self.read(),
            // A search for a submit, which details do not show.
            "effect_not_seen" => {
                if self.kind == "submit" {
                    self.read();
                }
            }
            "intent_confirmed" => {
                self.references.insert(text(event.data.get("reference")));
                self.resolved(Resolved::Found);
                self.over(End::Done);
            }
            "payment_link_created" => {
                self.read();
                self.resolved(Resolved::Found);
                self.over(End::Done);
            }
            "effect_ruled_out" => {
                self.resolved(Resolved::Absent);
                self.over(End::Open);
            }
            "retry_forced" => self.is_forced = true,
            "intent_escalated" => {
                self.end = End::Review;
                self.asked = event.data["reason"].as_str().map(str::to_owned);
            }
            "intent_withdrawn" => {
                self.resolved(Resolved::Absent);
                self.over(End::Withdrawn);
            }
            "late_effect_seen" | "ledger_row_posted" => {
                self.late |= event.name == "late_effect_seen";
                self.references
                    .insert(text(event.data.pointer("/row/reference")));
            }
            "ledger_row_confirmed" => {
                self.references.insert(text(event.data.get("reference")));
            }
            "review_decided" => {
                self.decided = true;
                self.is_duplicate_search_due = false;
            }
            "attempt_written" | "provider_id_suggested" | "marker_checked" => {}
            _ => return false,
        }
        true
    }

    fn sent(&mut self, at: DateTime<Utc>, place: usize) {
        self.sendings.push((at, place));
        if let Some(unknown) = self.unknown_outcomes.last_mut() {
            unknown.next = unknown.next.or(Some(at));
        }
        self.in_doubt = true;
        self.is_duplicate_search_due = false;
    }

    /// A refund and a cancel, and a capture or charge that the answer does not name, still have to show.
    fn accepted(&mut self, reference: &Value) {
        let named = reference.as_str();
        self.over(match (self.kind.as_str(), named) {
            ("refund" | "cancel", _) | ("capture" | "charge", None) => End::Open,
            _ => End::Done,
        });
        self.is_unshown = self.end == End::Open;
        self.references.extend(named.map(str::to_owned));
    }

    fn unknown(&mut self, since: DateTime<Utc>) {
        self.unknown_outcomes.push(UnknownOutcome {
            sent: self.sendings.last().map_or(since, |(sent, _)| *sent),
            next: None,
            since,
            reads: 0,
            resolved: None,
        });
        self.over(End::Open);
        self.is_duplicate_search_due = true;
        self.in_doubt = true;
    }

    /// Details were read, and add up.
    fn apply_details(&mut self) {
        if !matches!(self.kind.as_str(), "submit" | "resend") {
            self.read();
        }
    }

    fn read(&mut self) {
        if let Some(unknown) = self
            .unknown_outcomes
            .last_mut()
            .filter(|_| self.is_duplicate_search_due)
        {
            unknown.reads += 1;
        }
    }

    fn resolved(&mut self, how: Resolved) {
        if let Some(unknown) = self
            .unknown_outcomes
            .last_mut()
            .filter(|unknown| self.is_duplicate_search_due && unknown.reads > 0)
        {
            unknown.resolved = Some(how);
        }
        self.is_duplicate_search_due = false;
    }

    fn over(&mut self, end: End) {
        self.end = end;
        self.in_doubt = false;
        self.is_forced = false;
        self.is_unshown = false;
    }

    /// Is a request out whose outcome is not known, of an operation that must be alone?
    pub(crate) fn is_in_doubt(&self) -> bool {
        self.in_doubt && self.kind != "resend"
    }

    /// Is a request out whose effect is not known, or has not shown?
    pub(crate) const fn is_out(&self) -> bool {
        self.in_doubt || self.is_unshown
    }

    /// The reservation was closed by an operation of ours that had been given up.
    fn closed_late(&mut self, how: &Value) {
        let is_closing = match self.kind.as_str() {
            "cancel" => how == "cancelled",
            "complete" => how == "completed",
            _ => false,
        };
        self.late |= is_closing && matches!(self.end, End::Rejected | End::Withdrawn);
    }
}

/// The types of docs/events.md that tell nothing of an operation, or nothing that is judged by it.
const OF_NO_OPERATION: [&str; 24] = [
    "reservation_created",
    "refresh_requested",
    "callback_received",
    "lines_synced",
    "hold_placed",
    "hold_lapsed",
    "payment_link_expired",
    "capture_window_closed",
    "ledger_row_posted",
    "ledger_row_confirmed",
    "refund_seen",
    "duplicate_seen",
    "duplicates_searched",
    "delivery_reported",
    "review_raised",
    "review_closed",
    "review_decided",
    "reminder_used",
    "deadline_handled",
    "job_skipped",
    "reservation_paused",
    "reservation_resumed",
    "job_cancelled",
    "job_restored",
];

/// Tells a timeline, and shows after each event the operations so far, in the order of their decisions.
///
/// # Errors
/// The type of an event that docs/events.md does not list, or that is of an operation which was never planned.
pub(super) fn walk(
    events: &[Event],
    mut show: impl FnMut(&Event, &[OperationHistory]),
) -> Result<Vec<OperationHistory>, String> {
    let mut operations: Vec<OperationHistory> = Vec::new();
    let mut places = BTreeMap::new();
    for (place, event) in events.iter().enumerate() {
        let named = event
            .data
            .get("intent")
            .or(event.data.pointer("/row/intent"));
        let named = named.and_then(Value::as_str).unwrap_or_default();
        let operation = places.get(named).copied();
        let known = match (event.name.as_str(), operation) {
            ("intent_planned", _) => {
                let operation = OperationHistory::of(&event.data);
                places.insert(operation.id.clone(), operations.len());
                operations.push(operation);
                true
            }
            ("details_read", _) => {
                if event.data["coherent"] == true {
                    operations
                        .iter_mut()
                        .for_each(OperationHistory::apply_details);
                }
                true
            }
            ("reservation_closed", _) => {
                if event.data["origin"] == "holdfast" {
                    let how = &event.data["how"];
                    operations
                        .iter_mut()
                        .for_each(|operation| operation.closed_late(how));
                }
                true
            }
            (_, Some(index)) => operations
                .get_mut(index)
                .is_some_and(|operation: &mut OperationHistory| operation.apply(event, place)),
            (name, None) => OF_NO_OPERATION.contains(&name),
        };
        if !known {
            return Err(event.name.clone());
        }
        show(event, &operations);
    }
    Ok(operations)
}
