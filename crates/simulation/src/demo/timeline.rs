//! The timeline in plain words: what each event of a reservation means to people.

use std::collections::{BTreeMap, BTreeSet};

use domain::policy::Channel;
use domain::reservation::{Closing, LineAmount, Operation, ReviewReason};
use domain::{Fact, IntentId, Money};

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

/// Tells the events of one reservation, oldest first. It remembers what later events refer to.
#[derive(Clone, Debug, Default)]
pub(super) struct Narrator {
    operations: BTreeMap<IntentId, Operation>,
    doubted: BTreeSet<IntentId>,
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

    /// What an event means; `None` when people need not hear of it.
    pub(super) fn tell(&mut self, fact: &Fact) -> Option<Narration> {
        match fact {
            Fact::AttemptSending { .. } | Fact::DetailsRead { .. } => self.requests += 1,
            Fact::Held { amount, .. } => self.held = *amount,
            _ => {}
        }
        match fact {
            Fact::Created => plain("booked"),
            Fact::LinkCreated { .. } => plain("payment link sent"),
            Fact::LinkExpired { .. } => warning("the payment link has expired"),
            Fact::Held { amount, .. } => good(format!("paid: {amount} is held")),
            Fact::HoldExpired { .. } => bad("the hold has lapsed"),
            Fact::CaptureClosed { .. } => {
                bad("the provider says that the capture window has closed")
            }
            Fact::Delivered {
                lines, complete, ..
            } => plain(delivered(lines, *complete)),
            Fact::ReminderUsed { sent: false, .. } => {
                plain("a reminder came too late to be of use")
            }
            Fact::GuardActed { key, .. } => guard(key),
            Fact::ForeignRow { row } => warning(format!(
                "somebody acted in the provider's portal: {} of {}",
                row.kind, row.amount
            )),
            Fact::LateEffect { row, .. } => bad(format!(
                "a {} of {} appeared after all",
                row.kind, row.amount
            )),
            Fact::DeskRaised { reason, .. } | Fact::IntentToDesk { reason, .. } => ask(*reason),
            Fact::DeskCleared { reason } => plain(format!("settled: {}", spoken(*reason))),
            Fact::Closed {
                how, foreign: true, ..
            } => warning(match how {
                Closing::Completed => "completed by somebody else",
                Closing::Cancelled => "cancelled by somebody else",
            }),
            Fact::Paused => plain("paused"),
            Fact::Resumed => plain("resumed"),
            _ => self.of_intent(fact),
        }
    }

    fn of_intent(&mut self, fact: &Fact) -> Option<Narration> {
        match fact {
            Fact::IntentPlanned { intent } => {
                self.operations
                    .insert(intent.id.clone(), intent.operation.clone());
                planned(&intent.operation, &intent.key)
            }
            Fact::AttemptAccepted {
                intent, reference, ..
            } => {
                let operation = self.operations.get(intent)?.clone();
                self.accepted(&operation, reference.as_deref())
            }
            Fact::AttemptUnknown { intent, .. } => {
                self.doubted.insert(intent.clone());
                let name = name(self.operations.get(intent)?);
                warning(format!(
                    "the answer is lost: nobody knows whether the {name} went through; reading again"
                ))
            }
            Fact::TraceMissing { intent, .. } if self.doubted.contains(intent) => {
                plain("no trace of it yet: it is read again later, and nothing is sent meanwhile")
            }
            Fact::IntentConfirmed {
                intent,
                reference,
                amount,
                ..
            } => {
                let operation = self.operations.get(intent)?.clone();
                let found = self.doubted.remove(intent);
                self.confirmed(&operation, reference.as_deref(), *amount, found)
            }
            Fact::IntentAbsent { intent, .. } => {
                self.doubted.remove(intent);
                let name = name(self.operations.get(intent)?);
                plain(format!(
                    "the {name} is proven not to have happened: it may be sent again"
                ))
            }
            Fact::IntentWithdrawn { intent, reason } => {
                let name = name(self.operations.get(intent)?);
                warning(format!("the {name} is given up: {reason}"))
            }
            Fact::AttemptRejected { intent, key } => {
                let name = name(self.operations.get(intent)?);
                bad(format!("the provider refused the {name}: {key}"))
            }
            _ => None,
        }
    }

    fn accepted(&mut self, operation: &Operation, reference: Option<&str>) -> Option<Narration> {
        let amount = operation.amount();
        match operation {
            Operation::Capture { .. } => {
                self.captured += amount;
                good(format!("captured {amount}{}", named(reference)))
            }
            Operation::Charge { .. } => good(format!("charged {amount}{}", named(reference))),
            Operation::Refund { .. } => {
                plain(format!("refund of {amount} accepted; it is under way"))
            }
            Operation::Cancel { .. } if self.held.is_zero() => {
                plain("cancelled: the link is withdrawn")
            }
            Operation::Cancel { .. } => {
                good(format!("cancelled: the hold of {} is released", self.held))
            }
            Operation::Complete { .. } => good(self.completed()),
            Operation::Resend { by, slot, .. } => plain(resent(by, slot.is_some())),
            Operation::Submit => None,
        }
    }

    fn confirmed(
        &mut self,
        operation: &Operation,
        reference: Option<&str>,
        amount: Money,
        found: bool,
    ) -> Option<Narration> {
        let found = if found { "found it: " } else { "" };
        match operation {
            Operation::Capture { .. } => {
                self.captured += amount;
                good(format!(
                    "{found}captured {amount}, once{}",
                    named(reference)
                ))
            }
            Operation::Charge { .. } => {
                good(format!("{found}charged {amount}, once{}", named(reference)))
            }
            Operation::Refund { .. } => good(format!("{found}refunded {amount}")),
            Operation::Cancel { .. } => good(format!("{found}cancelled")),
            Operation::Complete { .. } => good(format!("{found}{}", self.completed())),
            Operation::Resend { .. } | Operation::Submit => None,
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

fn named(reference: Option<&str>) -> String {
    reference
        .map(|reference| format!(" ({reference})"))
        .unwrap_or_default()
}

const fn name(operation: &Operation) -> &'static str {
    match operation {
        Operation::Submit => "submit",
        Operation::Capture { .. } => "capture",
        Operation::Charge { .. } => "charge",
        Operation::Refund { .. } => "refund",
        Operation::Cancel { .. } => "cancel",
        Operation::Complete { .. } => "complete",
        Operation::Resend { .. } => "resend",
    }
}

fn delivered(lines: &[LineAmount], complete: bool) -> String {
    let amount: Money = lines.iter().map(|line| line.amount).sum();
    let more = if complete {
        "that is all"
    } else {
        "more to come"
    };
    format!("delivered for {amount}: {more}")
}

/// What is asked for, where the answer alone would not say why.
fn planned(operation: &Operation, key: &str) -> Option<Narration> {
    match (operation, key) {
        (Operation::Cancel { .. }, "cancel:expiry") => {
            warning("not paid in time: the reservation is cancelled")
        }
        (Operation::Cancel { .. }, "cancel:guard") => {
            warning("nothing delivered: the hold is released before it would lapse")
        }
        (Operation::Capture { .. }, "capture:guard") => {
            warning("what is delivered is captured before the hold would lapse")
        }
        (Operation::Charge { lines, .. }, _) => {
            let what: Vec<&str> = lines.iter().map(|line| line.name.as_str()).collect();
            plain(format!(
                "late charge of {} asked for: {}",
                operation.amount(),
                what.join(", ")
            ))
        }
        (Operation::Refund { .. }, _) => {
            plain(format!("refund of {} asked for", operation.amount()))
        }
        _ => None,
    }
}

fn guard(key: &str) -> Option<Narration> {
    match key.strip_prefix("guard:warn:") {
        Some(before) => warning(format!("{before} left to capture what is held")),
        None => warning("the deadline guard steps in"),
    }
}

fn ask(reason: ReviewReason) -> Option<Narration> {
    bad(format!("a person must decide: {}", spoken(reason)))
}

fn spoken(reason: ReviewReason) -> String {
    reason.as_str().replace('_', " ")
}

fn resent(by: &[Channel], reminder: bool) -> String {
    let channel = |channel: &Channel| match channel {
        Channel::Email => "e-mail",
        Channel::Sms => "SMS",
    };
    let channels: Vec<&str> = by.iter().map(channel).collect();
    let what = if reminder {
        "reminder sent"
    } else {
        "payment link sent again"
    };
    format!("{what} by {}", channels.join(" and "))
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use domain::SeededEntropy;
    use domain::reservation::{ChargeLine, Intent, IntentState, RefundSource};

    use super::*;

    const AT: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn id() -> IntentId {
        IntentId::new(AT, &SeededEntropy::new(1))
    }

    fn plan(operation: Operation, key: &str) -> Fact {
        let intent = Intent {
            id: id(),
            operation,
            key: key.to_owned(),
            marker: "m".to_owned(),
            created_at: AT,
            created_by: "policy".to_owned(),
            policy_version: 1,
            attempts: 0,
            baseline: None,
            doubted_at: None,
            pressed: false,
            progress: IntentState::Planned,
        };
        Fact::IntentPlanned { intent }
    }

    fn lines(kroner: u32) -> Vec<LineAmount> {
        vec![LineAmount {
            line: 1,
            amount: Money::kroner(kroner),
        }]
    }

    fn capture(kroner: u32) -> Fact {
        plan(
            Operation::Capture {
                lines: lines(kroner),
                note: None,
            },
            "capture:auto:1",
        )
    }

    fn held(kroner: u32) -> Fact {
        Fact::Held {
            at: AT,
            amount: Money::kroner(kroner),
        }
    }

    fn accepted(reference: Option<&str>) -> Fact {
        Fact::AttemptAccepted {
            intent: id(),
            reference: reference.map(str::to_owned),
            at: AT,
        }
    }

    fn confirmed(kroner: u32) -> Fact {
        let reference = Some("CAP1".to_owned());
        Fact::IntentConfirmed {
            intent: id(),
            reference,
            amount: Money::kroner(kroner),
            at: AT,
        }
    }

    fn story(facts: &[Fact]) -> Vec<String> {
        let mut narrator = Narrator::default();
        facts
            .iter()
            .filter_map(|fact| narrator.tell(fact))
            .map(|narration| narration.text)
            .collect()
    }

    #[test]
    fn every_operation_is_told_in_plain_words() {
        let refund = Operation::Refund {
            source: RefundSource::Captured,
            reference: "CAP1".to_owned(),
            lines: lines(50),
        };
        let scratch = ChargeLine {
            name: "Scratch".to_owned(),
            product_id: None,
            rate: Money::kroner(80),
            tax_percent: 25,
            amount: Money::kroner(80),
        };
        let charge = Operation::Charge {
            lines: vec![scratch],
            note: None,
        };
        let cancel = || Operation::Cancel {
            note: String::new(),
        };
        let remind = |by: Channel, slot| {
            plan(
                Operation::Resend {
                    by: vec![by],
                    elsewhere: false,
                    slot,
                },
                "remind:0",
            )
        };
        let expired = [
            "not paid in time: the reservation is cancelled",
            "cancelled: the link is withdrawn",
        ];
        let guarded = [
            "paid: 9.00 is held",
            "nothing delivered: the hold is released before it would lapse",
            "cancelled: the hold of 9.00 is released",
        ];
        let table: [(Vec<Fact>, &[&str]); 8] = [
            (
                vec![capture(10), accepted(Some("CAP1"))],
                &["captured 10.00 (CAP1)"],
            ),
            (
                vec![remind(Channel::Sms, Some(0)), accepted(None)],
                &["reminder sent by SMS"],
            ),
            (
                vec![remind(Channel::Email, None), accepted(None)],
                &["payment link sent again by e-mail"],
            ),
            (
                vec![plan(refund, "intent:1"), accepted(None), confirmed(50)],
                &[
                    "refund of 50.00 asked for",
                    "refund of 50.00 accepted; it is under way",
                    "refunded 50.00",
                ],
            ),
            (
                vec![plan(charge, "intent:1"), accepted(Some("CHA1"))],
                &[
                    "late charge of 80.00 asked for: Scratch",
                    "charged 80.00 (CHA1)",
                ],
            ),
            (
                vec![plan(cancel(), "cancel:expiry"), accepted(None)],
                &expired,
            ),
            (
                vec![held(9), plan(cancel(), "cancel:guard"), accepted(None)],
                &guarded,
            ),
            (
                vec![Fact::Delivered {
                    event_id: "D".to_owned(),
                    at: AT,
                    lines: lines(7),
                    complete: false,
                }],
                &["delivered for 7.00: more to come"],
            ),
        ];
        for (facts, expected) in table {
            assert_eq!(story(&facts), expected);
        }
    }

    #[test]
    fn a_lost_answer_is_told_until_it_is_found() {
        let unknown = Fact::AttemptUnknown {
            intent: id(),
            reason: "reset".to_owned(),
        };
        let missing = Fact::TraceMissing {
            intent: id(),
            clean: true,
            at: AT,
        };
        assert_eq!(
            story(&[capture(10), unknown, missing, confirmed(10)]),
            [
                "the answer is lost: nobody knows whether the capture went through; reading again",
                "no trace of it yet: it is read again later, and nothing is sent meanwhile",
                "found it: captured 10.00, once (CAP1)",
            ]
        );
    }

    #[test]
    fn completing_says_what_of_the_hold_is_released() {
        let complete = plan(
            Operation::Complete {
                note: String::new(),
            },
            "complete:auto",
        );
        for (taken, expected) in [
            (10, "completed: the books are closed"),
            (
                7,
                "completed: the books are closed, the rest of 3.00 is released",
            ),
        ] {
            let facts = [
                held(10),
                capture(taken),
                accepted(Some("CAP1")),
                complete.clone(),
                accepted(None),
            ];
            assert_eq!(story(&facts).last().map(String::as_str), Some(expected));
        }
    }

    #[test]
    fn requests_are_calls_sent_and_reads() {
        let mut narrator = Narrator::default();
        let sending = Fact::AttemptSending {
            intent: id(),
            attempt: 1,
            at: AT,
        };
        let read = Fact::DetailsRead {
            at: AT,
            status: None,
            coherent: true,
            since: 0,
        };
        for fact in [capture(10), sending, accepted(None), read] {
            narrator.tell(&fact);
        }
        assert_eq!(narrator.requests(), 2);
    }
}
