//! The tale of one decided operation, told by the API's timeline.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::book::{Event, list, ore, text};

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
    Desk,
}

/// One operation from its decision to its end.
#[derive(Clone, Debug)]
pub(crate) struct Tale {
    pub(crate) id: String,
    pub(crate) operation: String,
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
    /// Did nobody know what became of one?
    pub(crate) was_unknown: bool,
    /// Reads that showed no trace, since the last request.
    pub(crate) silent_reads: u64,
    /// Did a read show its effect after a doubt?
    pub(crate) found: bool,
    /// Did a read prove its absence after a doubt?
    pub(crate) absent: bool,
    /// Reads that showed no trace, up to the proof of absence.
    pub(crate) silent_reads_to_absence: u64,
    /// Was an effect seen after its end?
    pub(crate) late: bool,
    /// Did a person say what became of it?
    pub(crate) decided: bool,
    pub(crate) end: End,
    /// Is a request out whose outcome is not known?
    in_doubt: bool,
}

impl Tale {
    fn of(planned: &Value) -> Self {
        let intent = &planned["intent"];
        Self {
            id: text(intent.get("id")),
            operation: text(intent.get("operation")),
            marker: text(intent.get("marker")),
            amount: list(&intent["lines"]).iter().map(|line| ore(&line["amount"])).sum(),
            reference: text(intent.get("reference")),
            is_reminder: intent["slot"].is_number(),
            sendings: Vec::new(),
            unsent: 0,
            was_unknown: false,
            silent_reads: 0,
            found: false,
            absent: false,
            silent_reads_to_absence: 0,
            late: false,
            decided: false,
            end: End::Open,
            in_doubt: false,
        }
    }

    fn hear(&mut self, event: &Event, place: usize) {
        match event.name.as_str() {
            "attempt_sending" => {
                self.sendings.push((event.at, place));
                self.silent_reads = 0;
                self.in_doubt = true;
            }
            "attempt_unsent" => {
                self.unsent += usize::from(self.in_doubt);
                self.in_doubt = false;
            }
            "attempt_accepted" => {
                self.in_doubt = false;
                let certain = !event.data["reference"].is_null() || self.moves_no_money();
                self.end = if certain && self.operation != "refund" { End::Done } else { End::Open };
            }
            "attempt_rejected" => self.over(End::Rejected),
            "attempt_unknown" => {
                self.was_unknown = true;
                self.in_doubt = true;
                self.end = End::Open;
            }
            "trace_missing" => self.silent_reads += 1,
            "intent_confirmed" | "link_created" => {
                self.found |= self.was_unknown && self.in_doubt;
                self.over(End::Done);
            }
            "intent_absent" => {
                self.absent = true;
                self.silent_reads_to_absence = self.silent_reads;
                self.over(End::Open);
            }
            "intent_to_desk" => self.end = End::Desk,
            "intent_withdrawn" => self.over(End::Withdrawn),
            "late_effect" => self.late = true,
            "decided" => self.decided = true,
            _ => {}
        }
    }

    fn over(&mut self, end: End) {
        self.end = end;
        self.in_doubt = false;
    }

    fn moves_no_money(&self) -> bool {
        !matches!(self.operation.as_str(), "capture" | "charge" | "refund")
    }

    /// Is a request out whose outcome is not known, of an operation that must be alone?
    pub(crate) const fn is_in_doubt(&self) -> bool {
        self.in_doubt
    }
}

/// The tales of a timeline, in the order of their decisions.
pub(super) fn tales(events: &[Event]) -> Vec<Tale> {
    let mut tales: Vec<Tale> = Vec::new();
    let mut places = BTreeMap::new();
    walk(events, &mut tales, &mut places, |_| {});
    tales
}

/// Tells a timeline, and after each event shows all that was told so far.
pub(super) fn walk(
    events: &[Event],
    tales: &mut Vec<Tale>,
    places: &mut BTreeMap<String, usize>,
    mut show: impl FnMut(&[Tale]),
) {
    for (place, event) in events.iter().enumerate() {
        if event.name == "intent_planned" {
            let tale = Tale::of(&event.data);
            places.insert(tale.id.clone(), tales.len());
            tales.push(tale);
        } else if let Some(tale) = event.data["intent"]
            .as_str()
            .and_then(|id| places.get(id))
            .and_then(|place| tales.get_mut(*place))
        {
            tale.hear(event, place);
        }
        show(tales);
    }
}
