//! The operation of one decided operation, told by the API's timeline.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::snapshot::{Event, ore, text};

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
    /// Which attempt it was, from 1.
    pub(crate) attempt: u64,
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
    /// Was an effect seen after its end?
    pub(crate) late: bool,
    /// Did a person say what became of it?
    pub(crate) decided: bool,
    pub(crate) end: End,
    /// Is a request out whose outcome is not known?
    in_doubt: bool,
    /// Is the last of the unknown_outcomes still to be resolved by reads?
    is_sought: bool,
    /// The attempt that was sent last.
    attempt: u64,
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
            decided: false,
            end: End::Open,
            in_doubt: false,
            is_sought: false,
            attempt: 0,
        }
    }

    fn apply(&mut self, event: &Event, place: usize) {
        match event.name.as_str() {
            "attempt_sent" => {
                self.sendings.push((event.at, place));
                self.attempt = event.data["attempt"].as_u64().unwrap_or(0);
                self.in_doubt = true;
                self.is_sought = false;
            }
            "attempt_unsent" => {
                self.unsent += usize::from(self.in_doubt);
                self.in_doubt = false;
            }
            "attempt_accepted" => {
                self.in_doubt = false;
                let certain = !event.data["reference"].is_null() || self.moves_no_money();
                self.end = if certain && self.kind != "refund" {
                    End::Done
                } else {
                    End::Open
                };
            }
            "attempt_rejected" => self.over(End::Rejected),
            "outcome_unknown" => {
                let (attempt, since) = (self.attempt, event.at);
                self.unknown_outcomes.push(UnknownOutcome {
                    attempt,
                    since,
                    reads: 0,
                    resolved: None,
                });
                self.is_sought = true;
                self.in_doubt = true;
                self.end = End::Open;
            }
            "history_read" => self.read(),
            // A search for a submit, which details do not show.
            "effect_not_seen" if self.kind == "submit" => self.read(),
            "intent_confirmed" => {
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
            "intent_escalated" => self.end = End::Review,
            "intent_withdrawn" => {
                self.resolved(Resolved::Absent);
                self.over(End::Withdrawn);
            }
            "late_effect_seen" => self.late = true,
            "review_decided" => {
                self.decided = true;
                self.is_sought = false;
            }
            _ => {}
        }
    }

    /// Details were read, and add up.
    fn apply_details(&mut self) {
        if !matches!(self.kind.as_str(), "submit" | "resend") {
            self.read();
        }
    }

    fn read(&mut self) {
        if let Some(unknown) = self.unknown_outcomes.last_mut().filter(|_| self.is_sought) {
            unknown.reads += 1;
        }
    }

    fn resolved(&mut self, how: Resolved) {
        if let Some(unknown) = self
            .unknown_outcomes
            .last_mut()
            .filter(|unknown| self.is_sought && unknown.reads > 0)
        {
            unknown.resolved = Some(how);
        }
        self.is_sought = false;
    }

    fn over(&mut self, end: End) {
        self.end = end;
        self.in_doubt = false;
    }

    fn moves_no_money(&self) -> bool {
        !matches!(self.kind.as_str(), "capture" | "charge" | "refund")
    }

    /// Is a request out whose outcome is not known, of an operation that must be alone?
    pub(crate) const fn is_in_doubt(&self) -> bool {
        self.in_doubt
    }
}

/// The operations of a timeline, in the order of their decisions.
pub(super) fn operations(events: &[Event]) -> Vec<OperationHistory> {
    let mut operations: Vec<OperationHistory> = Vec::new();
    let mut places = BTreeMap::new();
    walk(events, &mut operations, &mut places, |_| {});
    operations
}

/// Tells a timeline, and after each event shows all that was told so far.
pub(super) fn walk(
    events: &[Event],
    operations: &mut Vec<OperationHistory>,
    places: &mut BTreeMap<String, usize>,
    mut show: impl FnMut(&[OperationHistory]),
) {
    for (place, event) in events.iter().enumerate() {
        if event.name == "intent_planned" {
            let operation = OperationHistory::of(&event.data);
            places.insert(operation.id.clone(), operations.len());
            operations.push(operation);
        } else if event.name == "details_read" {
            if event.data["coherent"] == true {
                operations
                    .iter_mut()
                    .for_each(OperationHistory::apply_details);
            }
        } else if let Some(operation) = event.data["intent"]
            .as_str()
            .and_then(|id| places.get(id))
            .and_then(|place| operations.get_mut(*place))
        {
            operation.apply(event, place);
        }
        show(operations);
    }
}
