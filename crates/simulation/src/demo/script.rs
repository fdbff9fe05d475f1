//! The script of the demo: which reservations are booked, what is played with them, and how they must end.

use chrono::{DateTime, TimeDelta, Utc};
use domain::{Money, Span, Status};
use serde::Deserialize;
use serde_json::Value;

/// The most reservations of a script: one page of the API's list.
const MAX_RESERVATIONS: usize = 200;

/// The script that comes with the program.
const BUILT_IN: &str = include_str!("../../../../config/demo.json");

/// The whole script.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Script {
    /// The reservations, in the order of the table.
    pub(super) reservations: Vec<Play>,
}

/// One reservation and what happens to it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Play {
    /// What it shows.
    pub(super) title: String,
    /// When it is booked, from the start.
    book_at: Offset,
    /// The body of `POST /v1/reservations`, in which `payment_link_due` is an offset from the booking.
    pub(super) reservation: Value,
    /// What people do, in order.
    #[serde(default)]
    pub(super) steps: Vec<Step>,
    /// How it must end.
    pub(super) expect: Expect,
}

/// What somebody does.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    /// Not before this long after the booking.
    pub(super) at: Offset,
    /// What is done.
    #[serde(rename = "do")]
    pub(super) kind: StepKind,
    /// The body of the call of the API, where the step is one.
    #[serde(default)]
    pub(super) body: Value,
}

/// What people can do in a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum StepKind {
    /// The payer pays.
    Pay,
    /// The booking system reports a delivery.
    Deliver,
    /// The booking system asks for a charge.
    Charge,
    /// The booking system asks for a refund.
    Refund,
    /// The network loses the answer to the next capture, which has its effect.
    LoseCaptureAnswer,
}

impl StepKind {
    /// Its word in the script.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Pay => "pay",
            Self::Deliver => "deliver",
            Self::Charge => "charge",
            Self::Refund => "refund",
            Self::LoseCaptureAnswer => "lose_capture_answer",
        }
    }

    /// The status the reservation has to have first: nobody delivers what is not paid.
    pub(super) const fn needs(self) -> Status {
        match self {
            Self::Pay => Status::AwaitingPayment,
            Self::Deliver | Self::LoseCaptureAnswer => Status::Held,
            Self::Charge | Self::Refund => Status::Captured,
        }
    }
}

/// How a reservation must end.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expect {
    /// The status.
    pub(super) status: Status,
    /// The amounts.
    pub(super) amounts: Amounts,
}

/// The amounts of a reservation, as each side's books have them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Amounts {
    /// The sum of the lines.
    pub(super) total: Money,
    /// What was held.
    #[serde(default)]
    pub(super) reserved: Money,
    /// What was taken from the hold.
    #[serde(default)]
    pub(super) captured: Money,
    /// What was debited besides.
    #[serde(default)]
    pub(super) charged: Money,
    /// What was given back.
    #[serde(default)]
    pub(super) refunded: Money,
    /// What of the hold was let go.
    #[serde(default)]
    pub(super) released: Money,
}

impl Amounts {
    /// The amounts by name, in the order of the table.
    pub(super) const fn named(&self) -> [(&'static str, Money); 6] {
        [
            ("total", self.total),
            ("reserved", self.reserved),
            ("captured", self.captured),
            ("charged", self.charged),
            ("refunded", self.refunded),
            ("released", self.released),
        ]
    }
}

/// So long after: `"+2d"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Offset(TimeDelta);

impl Offset {
    /// The time that lies so long after `from`.
    pub(super) fn after(self, from: DateTime<Utc>) -> DateTime<Utc> {
        from + self.0
    }
}

impl TryFrom<String> for Offset {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let span = text
            .strip_prefix('+')
            .and_then(|span| span.parse::<Span>().ok());
        span.map(|span| Self(span.delta()))
            .ok_or("is no offset like \"+2d\" or \"+90m\"")
    }
}

/// Why a script cannot be played.
#[derive(Debug, thiserror::Error)]
pub(super) enum ScriptError {
    /// It is not JSON of this form.
    #[error("the script cannot be read")]
    Form(#[source] serde_json::Error),
    /// It is longer than anybody watches.
    #[error("the script has more than 200 reservations")]
    TooLong,
    /// A reservation has no reference, or an unusable due date.
    #[error("the script's reservation {number} has no \"{field}\" that can be used")]
    Field {
        /// Which one, from 1.
        number: usize,
        /// What it lacks.
        field: &'static str,
    },
    /// Two reservations have the same reference.
    #[error("the script has two reservations \"{reference}\"")]
    Twice {
        /// The reference.
        reference: String,
    },
}

impl Script {
    /// The script that comes with the program.
    pub(super) fn built_in() -> Result<Self, ScriptError> {
        Self::parse(BUILT_IN)
    }

    fn parse(text: &str) -> Result<Self, ScriptError> {
        let script: Self = serde_json::from_str(text).map_err(ScriptError::Form)?;
        if script.reservations.len() > MAX_RESERVATIONS {
            return Err(ScriptError::TooLong);
        }
        let mut seen = std::collections::BTreeSet::new();
        for (number, play) in (1..).zip(&script.reservations) {
            let unusable = |field| ScriptError::Field { number, field };
            play.due().ok_or_else(|| unusable("payment_link_due"))?;
            match play.reference() {
                "" => return Err(unusable("reference")),
                reference if !seen.insert(reference) => {
                    return Err(ScriptError::Twice {
                        reference: reference.to_owned(),
                    });
                }
                _ => {}
            }
        }
        Ok(script)
    }
}

impl Play {
    /// The booking system's own id of the reservation.
    pub(super) fn reference(&self) -> &str {
        self.reservation["reference"].as_str().unwrap_or_default()
    }

    /// When it is booked, in a play that begins at `start`.
    pub(super) fn booked_at(&self, start: DateTime<Utc>) -> DateTime<Utc> {
        self.book_at.after(start)
    }

    fn due(&self) -> Option<Offset> {
        self.reservation["payment_link_due"]
            .as_str()?
            .to_owned()
            .try_into()
            .ok()
    }

    /// The body of the booking, with times in place of offsets.
    pub(super) fn body(&self, booked_at: DateTime<Utc>) -> Value {
        let mut body = self.reservation.clone();
        if let Some(due) = self.due() {
            body["payment_link_due"] = due.after(booked_at).to_rfc3339().into();
        }
        body
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn script(play: &Value) -> Result<Script, String> {
        let text = json!({"reservations": [play]}).to_string();
        Script::parse(&text).map_err(|error| domain::Chain(&error).to_string())
    }

    fn play() -> Value {
        json!({"title": "t", "book_at": "+1d", "reservation": {"reference": "A", "payment_link_due": "+2d"},
               "steps": [{"at": "+2h", "do": "pay"}],
               "expect": {"status": "held", "amounts": {"total": "10.00"}}})
    }

    #[test]
    fn the_built_in_script_adds_up() {
        let script = Script::built_in().expect("script");
        assert!(script.reservations.len() >= 7);
        for play in &script.reservations {
            let lines = play.reservation["lines"].as_array().expect("lines").iter();
            let amounts = lines.map(|line| {
                serde_json::from_value::<Money>(line["amount"].clone()).expect("amount")
            });
            let expected = &play.expect.amounts;
            assert_eq!(
                amounts.sum::<Money>(),
                expected.total,
                "{}",
                play.reference()
            );
            assert_eq!(
                expected.reserved,
                expected.captured + expected.released,
                "{}",
                play.reference()
            );
        }
        let kinds: Vec<StepKind> = script
            .reservations
            .iter()
            .flat_map(|play| &play.steps)
            .map(|step| step.kind)
            .collect();
        for kind in [
            StepKind::Pay,
            StepKind::Deliver,
            StepKind::Charge,
            StepKind::Refund,
            StepKind::LoseCaptureAnswer,
        ] {
            assert!(kinds.contains(&kind), "{kind:?}");
        }
    }

    #[test]
    fn offsets_become_times() {
        let script = script(&play()).expect("script");
        let play = &script.reservations[0];
        let start = DateTime::UNIX_EPOCH;
        let booked_at = play.booked_at(start);
        assert_eq!(booked_at, start + TimeDelta::days(1));
        assert_eq!(
            play.body(booked_at)["payment_link_due"],
            "1970-01-04T00:00:00+00:00"
        );
        assert_eq!(
            play.steps[0].at.after(booked_at),
            booked_at + TimeDelta::hours(2)
        );
    }

    #[test]
    fn what_cannot_be_played_is_refused() {
        let changed = |pointer: &str, value: Value| {
            let mut play = play();
            *play.pointer_mut(pointer).expect("there") = value;
            script(&play).expect_err(pointer)
        };
        for (pointer, value, said) in [
            ("/book_at", json!("1d"), "is no offset"),
            ("/reservation/reference", json!(""), "no \"reference\""),
            (
                "/reservation/payment_link_due",
                json!("2026-01-01T00:00:00Z"),
                "no \"payment_link_due\"",
            ),
            ("/steps/0/do", json!("dance"), "unknown variant"),
            ("/expect/status", json!("happy"), "happy"),
            (
                "/expect/amounts/total",
                json!("1.005"),
                "more than two decimals",
            ),
        ] {
            let message = changed(pointer, value);
            assert!(message.contains(said), "{pointer}: {message}");
        }
    }
}
