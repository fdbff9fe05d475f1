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

/// What reads said of a request that was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    /// It took effect.
    Found,
    /// It did not.
    Absent,
}

/// A request that was given up without knowing what became of it.
#[derive(Clone, Debug)]
pub(crate) struct Doubt {
    /// Which attempt it was, from 1.
    pub(crate) attempt: u64,
    /// When it was given up.
    pub(crate) since: DateTime<Utc>,
    /// Reads of ours since then that brought an answer that adds up.
    pub(crate) reads: u64,
    /// What the last of them settled; `None` where none did.
    pub(crate) settled: Option<Settled>,
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
    /// Those of which nobody knew what became.
    pub(crate) doubts: Vec<Doubt>,
    /// Was an effect seen after its end?
    pub(crate) late: bool,
    /// Did a person say what became of it?
    pub(crate) decided: bool,
    pub(crate) end: End,
    /// Is a request out whose outcome is not known?
    in_doubt: bool,
    /// Is the last of the doubts still to be settled by reads?
    is_sought: bool,
    /// The attempt that was sent last.
    attempt: u64,
}

impl Tale {
    fn of(planned: &Value) -> Self {
        let intent = &planned["intent"];
        Self {
            id: text(intent.get("id")),
            operation: text(intent.get("operation")),
            marker: text(intent.get("marker")),
            amount: list(&intent["lines"])
                .iter()
                .map(|line| ore(&line["amount"]))
                .sum(),
            reference: text(intent.get("reference")),
            is_reminder: intent["slot"].is_number(),
            sendings: Vec::new(),
            unsent: 0,
            doubts: Vec::new(),
            late: false,
            decided: false,
            end: End::Open,
            in_doubt: false,
            is_sought: false,
            attempt: 0,
        }
    }

    fn hear(&mut self, event: &Event, place: usize) {
        match event.name.as_str() {
            "attempt_sending" => {
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
                self.end = if certain && self.operation != "refund" {
                    End::Done
                } else {
                    End::Open
                };
            }
            "attempt_rejected" => self.over(End::Rejected),
            "attempt_unknown" => {
                let (attempt, since) = (self.attempt, event.at);
                self.doubts.push(Doubt {
                    attempt,
                    since,
                    reads: 0,
                    settled: None,
                });
                self.is_sought = true;
                self.in_doubt = true;
                self.end = End::Open;
            }
            "history_read" => self.read(),
            // A search for a submit, which details do not show.
            "trace_missing" if self.operation == "submit" => self.read(),
            "intent_confirmed" => {
                self.settled(Settled::Found);
                self.over(End::Done);
            }
            "link_created" => {
                self.read();
                self.settled(Settled::Found);
                self.over(End::Done);
            }
            "intent_absent" => {
                self.settled(Settled::Absent);
                self.over(End::Open);
            }
            "intent_to_desk" => self.end = End::Desk,
            "intent_withdrawn" => {
                self.settled(Settled::Absent);
                self.over(End::Withdrawn);
            }
            "late_effect" => self.late = true,
            "decided" => {
                self.decided = true;
                self.is_sought = false;
            }
            _ => {}
        }
    }

    /// Details were read, and add up.
    fn hear_details(&mut self) {
        if !matches!(self.operation.as_str(), "submit" | "resend") {
            self.read();
        }
    }

    fn read(&mut self) {
        if let Some(doubt) = self.doubts.last_mut().filter(|_| self.is_sought) {
            doubt.reads += 1;
        }
    }

    fn settled(&mut self, how: Settled) {
        if let Some(doubt) = self
            .doubts
            .last_mut()
            .filter(|doubt| self.is_sought && doubt.reads > 0)
        {
            doubt.settled = Some(how);
        }
        self.is_sought = false;
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
        } else if event.name == "details_read" {
            if event.data["coherent"] == true {
                tales.iter_mut().for_each(Tale::hear_details);
            }
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
