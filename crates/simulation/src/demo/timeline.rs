//! The timeline in plain words: what each event of a reservation means to people.

use std::collections::{BTreeMap, BTreeSet};

use domain::{EventType, JobKey, Money};
use serde_json::Value;

/// How a line is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    /// It goes as planned.
    Plain,
    /// Money moved, or the books were closed.
    Good,
    /// Something is late, lost or about to end.
    Warning,
    /// A person would have to act.
    Bad,
}

/// One line of the timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Narration {
    /// How it is meant.
    pub(super) tone: Tone,
    /// What happened.
    pub(super) text: String,
}

/// An operation, as its `intent_planned` tells of it.
#[derive(Clone, Debug)]
struct Planned {
    name: String,
    amount: Money,
    channels: Vec<String>,
    is_reminder: bool,
}

/// Tells the events of one reservation, oldest first. It remembers what later events refer to.
#[derive(Clone, Debug, Default)]
pub(super) struct Narrator {
    operations: BTreeMap<String, Planned>,
    in_doubt: BTreeSet<String>,
    held: Money,
    captured: Money,
    requests: u32,
}

fn plain(text: impl Into<String>) -> Option<Narration> {
    Some(Narration {
        tone: Tone::Plain,
        text: text.into(),
    })
}

fn good(text: impl Into<String>) -> Option<Narration> {
    Some(Narration {
        tone: Tone::Good,
        text: text.into(),
    })
}

fn warning(text: impl Into<String>) -> Option<Narration> {
    Some(Narration {
        tone: Tone::Warning,
        text: text.into(),
    })
}

fn bad(text: impl Into<String>) -> Option<Narration> {
    Some(Narration {
        tone: Tone::Bad,
        text: text.into(),
    })
}

impl Narrator {
    /// How many requests to the provider the events so far tell of: calls that were sent, and reads.
    pub(super) const fn requests(&self) -> u32 {
        self.requests
    }

    /// What an event means, by the fields that docs/events.md lists; `None` when people need not hear of it.
    pub(super) fn tell(&mut self, event: EventType, data: &Value) -> Option<Narration> {
        match event {
            EventType::ReservationCreated => plain("booked"),
            EventType::PaymentLinkCreated => plain("payment link sent"),
            EventType::PaymentLinkExpired => warning("the payment link has expired"),
            EventType::HoldPlaced => {
                self.held = amount(data);
                good(format!("paid: {} is held", self.held))
            }
            EventType::HoldLapsed => bad("the hold has lapsed"),
            EventType::CaptureWindowClosed => {
                bad("the provider says that the capture window has closed")
            }
            EventType::DeliveryReported => plain(delivered(data)),
            EventType::ReminderUsed if data["sent"] == false => {
                plain("a reminder came too late to be of use")
            }
            EventType::DeadlineHandled => handled(job_key(data).as_ref()),
            EventType::LedgerRowPosted if data["row"]["origin"] == "external" => warning(format!(
                "somebody acted in the provider's portal: {}",
                row(data)
            )),
            EventType::LedgerRowPosted => bad(format!("a second {}", row(data))),
            EventType::LateEffectSeen => bad(format!("a {} appeared after all", row(data))),
            EventType::ReviewRaised | EventType::IntentEscalated => {
                bad(format!("a person must decide: {}", spoken(data)))
            }
            EventType::ReviewClosed => plain(format!("decided: {}", spoken(data))),
            EventType::ReservationClosed if data["origin"] == "external" => {
                warning(format!("{} by somebody else", text(data, "how")))
            }
            EventType::ReservationPaused => plain("paused"),
            EventType::ReservationResumed => plain("resumed"),
            EventType::AttemptSent | EventType::DetailsRead => {
                self.requests += 1;
                None
            }
            _ => self.of_intent(event, data),
        }
    }

    fn of_intent(&mut self, event: EventType, data: &Value) -> Option<Narration> {
        let id = text(data, "intent");
        if event == EventType::IntentPlanned {
            let operation = planned(data);
            let narration = asked_for(&operation, data);
            self.operations.insert(id.to_owned(), operation);
            return narration;
        }
        let operation = self.operations.get(id)?.clone();
        let name = &operation.name;
        match event {
            EventType::AttemptAccepted => self.accepted(&operation, &named(data)),
            EventType::OutcomeUnknown => {
                self.in_doubt.insert(id.to_owned());
                warning(format!(
                    "the answer is lost: it is unknown whether the {name} went through; reading again"
                ))
            }
            EventType::EffectNotSeen if self.in_doubt.contains(id) => {
                plain("no trace of it yet: it is read again later, and nothing is sent meanwhile")
            }
            EventType::IntentConfirmed => {
                let found = self.in_doubt.remove(id);
                self.confirmed(name, data, found)
            }
            EventType::EffectRuledOut => {
                self.in_doubt.remove(id);
                plain(format!(
                    "the {name} is proven not to have happened: it may be sent again"
                ))
            }
            EventType::IntentWithdrawn => {
                warning(format!("the {name} is given up: {}", text(data, "reason")))
            }
            EventType::AttemptRejected => bad(format!(
                "the provider refused the {name}: {}",
                text(data, "message")
            )),
            _ => None,
        }
    }

    fn accepted(&mut self, operation: &Planned, reference: &str) -> Option<Narration> {
        let amount = operation.amount;
        match operation.name.as_str() {
            "capture" => {
                self.captured += amount;
                good(format!("captured {amount}{reference}"))
            }
            "charge" => good(format!("charged {amount}{reference}")),
            "refund" => plain(format!("refund of {amount} accepted; it is under way")),
            "cancel" if self.held.is_zero() => plain("cancelled: the link is withdrawn"),
            "cancel" => good(format!("cancelled: the hold of {} is released", self.held)),
            "complete" => good(self.completed()),
            "resend" => plain(resent(operation)),
            _ => None,
        }
    }

    fn confirmed(&mut self, name: &str, data: &Value, found: bool) -> Option<Narration> {
        let found = if found { "found it: " } else { "" };
        let (amount, reference) = (amount(data), named(data));
        match name {
            "capture" => {
                self.captured += amount;
                good(format!("{found}captured {amount}, once{reference}"))
            }
            "charge" => good(format!("{found}charged {amount}, once{reference}")),
            "refund" => good(format!("{found}refunded {amount}")),
            "cancel" => good(format!("{found}cancelled")),
            "complete" => good(format!("{found}{}", self.completed())),
            _ => None,
        }
    }

    fn completed(&self) -> String {
        let rest = self.held.saturating_sub(self.captured);
        match rest.is_zero() {
            true => "completed: the books are closed".to_owned(),
            false => format!("completed: the books are closed, the rest of {rest} is released"),
        }
    }
}

fn text<'v>(data: &'v Value, field: &str) -> &'v str {
    data[field].as_str().unwrap_or_default()
}

/// The amount in `data`; zero when it holds none.
fn amount(data: &Value) -> Money {
    text(data, "amount").parse().unwrap_or(Money::ZERO)
}

fn named(data: &Value) -> String {
    match data["reference"].as_str() {
        Some(reference) => format!(" ({reference})"),
        None => String::new(),
    }
}

fn row(data: &Value) -> String {
    let row = &data["row"];
    format!("{} of {}", text(row, "kind"), amount(row))
}

fn planned(data: &Value) -> Planned {
    let channels = data["channels"].as_array().into_iter().flatten();
    Planned {
        name: text(data, "operation").to_owned(),
        amount: amount(data),
        channels: channels
            .filter_map(|channel| channel.as_str().map(str::to_owned))
            .collect(),
        is_reminder: data["slot"].is_number(),
    }
}

fn delivered(data: &Value) -> String {
    let lines = data["lines"].as_array().into_iter().flatten();
    let amount: Money = lines.map(amount).sum();
    let more = if data["complete"] == true {
        "that is all"
    } else {
        "more to come"
    };
    format!("delivered for {amount}: {more}")
}

/// What is asked for, where the answer alone would not say why.
fn asked_for(operation: &Planned, data: &Value) -> Option<Narration> {
    let amount = operation.amount;
    match (operation.name.as_str(), job_key(data)) {
        ("cancel", Some(JobKey::CancelExpired)) => {
            warning("not paid in time: the reservation is cancelled")
        }
        ("cancel", Some(JobKey::CancelAtDeadline)) => {
            warning("nothing delivered: the hold is released before it would lapse")
        }
        ("capture", Some(JobKey::CaptureAtDeadline)) => {
            warning("what is delivered is captured before the hold would lapse")
        }
        ("charge", _) => {
            let lines = data["charge_lines"].as_array().into_iter().flatten();
            let what: Vec<&str> = lines.map(|line| text(line, "name")).collect();
            plain(format!(
                "late charge of {amount} asked for: {}",
                what.join(", ")
            ))
        }
        ("refund", _) => plain(format!("refund of {amount} asked for")),
        _ => None,
    }
}

/// The key of the job that an event names.
fn job_key(data: &Value) -> Option<JobKey> {
    text(data, "job_key").parse().ok()
}

fn handled(key: Option<&JobKey>) -> Option<Narration> {
    match key {
        Some(JobKey::DeadlineWarn(before)) => {
            warning(format!("{before} left to capture what is held"))
        }
        _ => warning("the deadline is near: the policy acts"),
    }
}

/// The reason of a review, in words.
fn spoken(data: &Value) -> String {
    text(data, "reason").replace('_', " ")
}

fn resent(operation: &Planned) -> String {
    let channels = operation.channels.iter();
    let channels: Vec<&str> = channels
        .map(|channel| match channel.as_str() {
            "email" => "e-mail",
            "sms" => "SMS",
            other => other,
        })
        .collect();
    let what = if operation.is_reminder {
        "reminder sent"
    } else {
        "payment link sent again"
    };
    format!("{what} by {}", channels.join(" and "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    type Story = Vec<(EventType, Value)>;

    fn plan(operation: &str, key: &str, more: &Value) -> (EventType, Value) {
        let mut data = json!({"intent": "int_1", "operation": operation, "job_key": key});
        for (field, value) in more.as_object().expect("an object") {
            data[field] = value.clone();
        }
        (EventType::IntentPlanned, data)
    }

    fn capture(amount: &str) -> (EventType, Value) {
        plan("capture", "capture:auto:1", &json!({ "amount": amount }))
    }

    fn held(amount: &str) -> (EventType, Value) {
        (EventType::HoldPlaced, json!({ "amount": amount }))
    }

    fn accepted(reference: Option<&str>) -> (EventType, Value) {
        let data = json!({"intent": "int_1", "reference": reference});
        (EventType::AttemptAccepted, data)
    }

    fn confirmed(amount: &str) -> (EventType, Value) {
        let data = json!({"intent": "int_1", "reference": "CAP1", "amount": amount});
        (EventType::IntentConfirmed, data)
    }

    fn story(events: &[(EventType, Value)]) -> Vec<String> {
        let mut narrator = Narrator::default();
        events
            .iter()
            .filter_map(|(event, data)| narrator.tell(*event, data))
            .map(|shown| shown.text)
            .collect()
    }

    #[test]
    fn every_operation_is_told_in_plain_words() {
        let charge = json!({"amount": "80.00", "charge_lines": [{"name": "Scratch"}]});
        let cancel = |key| plan("cancel", key, &json!({}));
        let remind = |channel: &str, slot: Option<u32>| {
            plan(
                "resend",
                "remind:0",
                &json!({"channels": [channel], "slot": slot}),
            )
        };
        let expired = [
            "not paid in time: the reservation is cancelled",
            "cancelled: the link is withdrawn",
        ];
        let released = [
            "paid: 9.00 is held",
            "nothing delivered: the hold is released before it would lapse",
            "cancelled: the hold of 9.00 is released",
        ];
        let delivery = json!({"lines": [{"line": 1, "amount": "7.00"}], "complete": false});
        let refund = plan("refund", "intent:1", &json!({"amount": "50.00"}));
        let table: [(Story, &[&str]); 8] = [
            (
                vec![capture("10.00"), accepted(Some("CAP1"))],
                &["captured 10.00 (CAP1)"],
            ),
            (
                vec![remind("sms", Some(0)), accepted(None)],
                &["reminder sent by SMS"],
            ),
            (
                vec![remind("email", None), accepted(None)],
                &["payment link sent again by e-mail"],
            ),
            (
                vec![refund, accepted(None), confirmed("50.00")],
                &[
                    "refund of 50.00 asked for",
                    "refund of 50.00 accepted; it is under way",
                    "refunded 50.00",
                ],
            ),
            (
                vec![plan("charge", "intent:1", &charge), accepted(Some("CHA1"))],
                &[
                    "late charge of 80.00 asked for: Scratch",
                    "charged 80.00 (CHA1)",
                ],
            ),
            (vec![cancel("cancel:expiry"), accepted(None)], &expired),
            (
                vec![held("9.00"), cancel("cancel:deadline"), accepted(None)],
                &released,
            ),
            (
                vec![(EventType::DeliveryReported, delivery)],
                &["delivered for 7.00: more to come"],
            ),
        ];
        for (events, expected) in table {
            assert_eq!(story(&events), expected);
        }
    }

    #[test]
    fn a_lost_answer_is_told_until_it_is_found() {
        let unknown = json!({"intent": "int_1", "reason": "reset"});
        let missing = json!({"intent": "int_1", "counts": true});
        assert_eq!(
            story(&[
                capture("10.00"),
                (EventType::OutcomeUnknown, unknown),
                (EventType::EffectNotSeen, missing),
                confirmed("10.00"),
            ]),
            [
                "the answer is lost: it is unknown whether the capture went through; reading again",
                "no trace of it yet: it is read again later, and nothing is sent meanwhile",
                "found it: captured 10.00, once (CAP1)",
            ]
        );
    }

    #[test]
    fn completing_says_what_of_the_hold_is_released() {
        let complete = plan("complete", "complete:auto", &json!({}));
        for (taken, expected) in [
            ("10.00", "completed: the books are closed"),
            (
                "7.00",
                "completed: the books are closed, the rest of 3.00 is released",
            ),
        ] {
            let events = [
                held("10.00"),
                capture(taken),
                accepted(Some("CAP1")),
                complete.clone(),
                accepted(None),
            ];
            assert_eq!(story(&events).last().map(String::as_str), Some(expected));
        }
    }

    #[test]
    fn requests_are_calls_sent_and_reads() {
        let mut narrator = Narrator::default();
        let sent = (
            EventType::AttemptSent,
            json!({"intent": "int_1", "attempt": 1}),
        );
        let read = (EventType::DetailsRead, json!({"coherent": true}));
        for (event, data) in [capture("10.00"), sent, accepted(None), read] {
            narrator.tell(event, &data);
        }
        assert_eq!(narrator.requests(), 2);
    }

    #[test]
    fn a_row_of_ours_that_no_intent_accounts_for_is_told_as_a_second_one() {
        let row = |origin: &str| {
            let row = json!({"kind": "capture", "amount": "5.00", "origin": origin});
            (EventType::LedgerRowPosted, json!({ "row": row }))
        };
        assert_eq!(
            story(&[row("external"), row("holdfast")]),
            [
                "somebody acted in the provider's portal: capture of 5.00",
                "a second capture of 5.00"
            ]
        );
    }
}
