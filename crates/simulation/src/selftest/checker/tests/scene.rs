//! A life that the judge looks at, with what is changed in it, and what the judge has to find.

use chrono::{DateTime, TimeDelta, Utc};
use domain::Money;
use sandbox::{By, Effect, EffectKind};
use serde_json::{Value, json};

use crate::selftest::checker::{
    Answers, ApiSnapshot, Asked, Evidence, Judgement, Unreadable, judge,
};

pub(super) const MARKER: &str = "AAAAAAAAAA";

pub(super) fn at(hours: i64) -> DateTime<Utc> {
    // A Monday, 10:00 in Oslo.
    let start: DateTime<Utc> = "2026-01-05T09:00:00Z".parse().expect("a time");
    start + TimeDelta::hours(hours)
}

pub(super) fn effect(kind: EffectKind, hours: i64, kroner: u32) -> Effect {
    Effect {
        seq: 0,
        at: at(hours),
        shown_at: Some(at(hours)),
        kind,
        reservation_uuid: "RES1".to_owned(),
        reference: Some("BOOK-1".to_owned()),
        provider_reference: None,
        amount: Money::kroner(kroner),
        lines: Vec::new(),
        text: None,
        by: By::Api,
    }
}

/// A life without faults: created, reserved, captured, partly refunded, completed; and what the API says of it.
pub(super) struct Scene {
    pub(super) ledger: Vec<Effect>,
    pub(super) reservation: Value,
    pub(super) events: Vec<Value>,
    pub(super) jobs: Vec<Value>,
    /// Open reviews, with their evidence.
    pub(super) reviews: Vec<Value>,
    pub(super) asked: Vec<Asked>,
    pub(super) beyond: bool,
    pub(super) any_hours: bool,
}

pub(super) fn event(hours: i64, name: &str, data: &Value) -> Value {
    json!({"at": at(hours).to_rfc3339(), "type": name, "data": data})
}

pub(super) fn planned(hours: i64, id: &str, operation: &str, more: &Value) -> Value {
    let mut data = json!({"intent": id, "operation": operation, "marker": MARKER, "created_at": at(hours).to_rfc3339()});
    for (key, value) in more.as_object().expect("an object") {
        data[key] = value.clone();
    }
    event(hours, "intent_planned", &data)
}

pub(super) fn sending(hours: i64, id: &str) -> Value {
    event(hours, "attempt_sent", &json!({ "intent": id }))
}

pub(super) fn accepted(hours: i64, id: &str, reference: &Value) -> Value {
    event(
        hours,
        "attempt_accepted",
        &json!({"intent": id, "reference": reference}),
    )
}

pub(super) fn scene() -> Scene {
    let marked = |effect: Effect| Effect {
        text: Some(format!("R1 {MARKER} 01 text")),
        ..effect
    };
    let of = |effect: Effect| Effect {
        provider_reference: Some("CAP1".to_owned()),
        ..effect
    };
    let lines = json!([{"line": 1, "amount": "100.00"}]);
    Scene {
        ledger: vec![
            effect(EffectKind::Created, 0, 100),
            Effect {
                by: By::Payer,
                ..effect(EffectKind::Reserved, 1, 100)
            },
            of(marked(effect(EffectKind::Captured, 24, 100))),
            of(effect(EffectKind::RefundAccepted, 30, 40)),
            of(Effect {
                by: By::Time,
                ..effect(EffectKind::Refunded, 31, 40)
            }),
            marked(effect(EffectKind::Completed, 99, 0)),
        ],
        reservation: json!({
            "id": "rsv_1", "reference": "BOOK-1", "status": "completed", "control": "auto",
            "provider": {"reservation_uuid": "RES1"},
            "deadlines": {"capture_by": at(1 + 168).to_rfc3339()},
            "amounts": {"reserved": "100.00", "captured": "100.00", "charged": "0.00", "refunded": "40.00"},
            "ledger": [
                {"kind": "capture", "amount": "100.00", "reference": "CAP1", "origin": "holdfast"},
                {"kind": "refund", "amount": "40.00", "reference": "CAP1", "origin": "holdfast"},
            ],
        }),
        events: vec![
            planned(0, "submit", "submit", &json!({})),
            sending(0, "submit"),
            event(0, "payment_link_created", &json!({"intent": "submit"})),
            event(1, "hold_placed", &json!({})),
            event(24, "delivery_reported", &json!({"lines": lines})),
            planned(24, "capture", "capture", &json!({"amount": "100.00"})),
            sending(24, "capture"),
            accepted(24, "capture", &json!("CAP1")),
            planned(
                30,
                "refund",
                "refund",
                &json!({"amount": "40.00", "reference": "CAP1"}),
            ),
            sending(30, "refund"),
            accepted(30, "refund", &json!("CAP1")),
            event(32, "intent_confirmed", &json!({"intent": "refund"})),
            planned(99, "complete", "complete", &json!({})),
            sending(99, "complete"),
            accepted(99, "complete", &Value::Null),
        ],
        jobs: vec![
            json!({"id": "job_1", "kind": "capture", "state": "succeeded", "created_at": at(24).to_rfc3339(),
                "last_error": null}),
        ],
        reviews: Vec::new(),
        asked: vec![Asked {
            reservation: "rsv_1".to_owned(),
            what: "capture",
            job: "job_1".to_owned(),
        }],
        beyond: false,
        any_hours: false,
    }
}

impl Scene {
    pub(super) fn read(&self) -> Result<ApiSnapshot, Unreadable> {
        let answers = Answers {
            reservation: &self.reservation,
            events: &self.events,
            jobs: &self.jobs,
            reviews: &self.reviews,
        };
        ApiSnapshot::read(answers, self.any_hours)
    }

    pub(super) fn judged(&self) -> Judgement {
        let snapshots = [self.read().expect("answers that can be read")];
        judge(&Evidence {
            ledger: &self.ledger,
            snapshots: &snapshots,
            asked: &self.asked,
            beyond: self.beyond,
        })
    }

    /// The promises that are broken, each once.
    pub(super) fn broken(&self) -> Vec<usize> {
        let mut broken: Vec<usize> = self
            .judged()
            .violations
            .iter()
            .map(|broken| broken.promise)
            .collect();
        broken.dedup();
        broken
    }

    pub(super) fn again(&mut self, kind: EffectKind) {
        let twice = self
            .ledger
            .iter()
            .find(|effect| effect.kind == kind)
            .cloned()
            .expect("an effect");
        self.ledger.push(twice);
    }

    /// A review of the reservation is open for this reason.
    pub(super) fn ask(&mut self, reason: &str) {
        self.reviews
            .push(json!({"reason": reason, "freezes": false, "evidence": {"operation": null}}));
    }

    /// One that freezes it.
    pub(super) fn freeze(&mut self, reason: &str) {
        self.ask(reason);
        self.reviews.last_mut().expect("a review")["freezes"] = json!(true);
    }

    /// A review of this operation is open for this reason.
    pub(super) fn ask_of(&mut self, intent: &str, reason: &str) {
        self.ask(reason);
        self.reviews.last_mut().expect("a review")["evidence"] =
            json!({"operation": {"intent": intent}});
    }

    /// What became of the request of this operation is a person's question.
    pub(super) fn escalate(&mut self, intent: &str, reason: &str) {
        let asked = json!({"intent": intent, "reason": reason});
        self.events.push(event(100, "intent_escalated", &asked));
        self.ask_of(intent, reason);
    }

    pub(super) fn captured_as(&mut self, reference: &str) {
        self.again(EffectKind::Captured);
        let twice = self.ledger.last_mut().expect("an effect");
        twice.provider_reference = Some(reference.to_owned());
    }

    pub(super) fn created_as(&mut self, uuid: &str) {
        self.again(EffectKind::Created);
        let twice = self.ledger.last_mut().expect("an effect");
        twice.reservation_uuid = uuid.to_owned();
    }

    /// Takes the events of an operation away, from this one on.
    pub(super) fn forget(&mut self, name: &str, intent: &str) {
        self.events
            .retain(|event| event["type"] != name || event["data"]["intent"] != intent);
    }
}

/// Doctors a scene.
pub(super) type Doctor = fn(&mut Scene);

#[track_caller]
pub(super) fn expect(table: &[(&str, Doctor, &[usize])]) {
    for (name, doctor, expected) in table {
        let mut scene = scene();
        doctor(&mut scene);
        assert_eq!(
            &scene.broken(),
            expected,
            "{name}: {:?}",
            scene.judged().violations
        );
    }
}

/// A charge that is decided and not sent, after another one that is `before`.
pub(super) fn unsent_charge(scene: &mut Scene) {
    let planned = planned(40, "charge", "charge", &json!({"amount": "5.00"}));
    scene.events.push(planned);
}

pub(super) fn refuse(scene: &mut Scene, intent: &str) {
    let refused = event(99, "attempt_rejected", &json!({ "intent": intent }));
    scene.events.push(refused);
}
