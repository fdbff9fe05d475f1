//! Each promise, broken by a doctored ledger or view: the checker must see it.

use chrono::{DateTime, TimeDelta, Utc};
use domain::Money;
use sandbox::{By, Effect, EffectKind};
use serde_json::{Value, json};

use super::{ApiSnapshot, Asked, Evidence, Judgement, judge};

const MARKER: &str = "AAAAAAAAAA";

fn at(hours: i64) -> DateTime<Utc> {
    // A Monday, 10:00 in Oslo.
    let start: DateTime<Utc> = "2026-01-05T09:00:00Z".parse().expect("a time");
    start + TimeDelta::hours(hours)
}

fn effect(kind: EffectKind, hours: i64, kroner: u32) -> Effect {
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
struct Scene {
    ledger: Vec<Effect>,
    reservation: Value,
    events: Vec<Value>,
    jobs: Vec<Value>,
    asked: Vec<Asked>,
    beyond: bool,
    any_hours: bool,
}

fn event(hours: i64, name: &str, data: &Value) -> Value {
    json!({"at": at(hours).to_rfc3339(), "type": name, "data": data})
}

fn planned(hours: i64, id: &str, operation: &str, more: &Value) -> Value {
    let mut data = json!({"intent": id, "operation": operation, "marker": MARKER});
    for (key, value) in more.as_object().expect("an object") {
        data[key] = value.clone();
    }
    event(hours, "intent_planned", &data)
}

fn sending(hours: i64, id: &str) -> Value {
    event(hours, "attempt_sent", &json!({ "intent": id }))
}

fn accepted(hours: i64, id: &str, reference: &Value) -> Value {
    event(
        hours,
        "attempt_accepted",
        &json!({"intent": id, "reference": reference}),
    )
}

fn scene() -> Scene {
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
            "id": "rsv_1", "reference": "BOOK-1", "status": "completed", "control": "auto", "review": null,
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
            json!({"id": "job_1", "kind": "capture", "state": "succeeded", "last_error": null}),
        ],
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
    fn judged(&self) -> Judgement {
        let snapshots = [ApiSnapshot::read(
            &self.reservation,
            &self.events,
            &self.jobs,
            self.any_hours,
        )];
        judge(&Evidence {
            ledger: &self.ledger,
            snapshots: &snapshots,
            asked: &self.asked,
            beyond: self.beyond,
        })
    }

    /// The promises that are broken, each once.
    fn broken(&self) -> Vec<usize> {
        let mut broken: Vec<usize> = self
            .judged()
            .violations
            .iter()
            .map(|broken| broken.promise)
            .collect();
        broken.dedup();
        broken
    }

    fn again(&mut self, kind: EffectKind) {
        let twice = self
            .ledger
            .iter()
            .find(|effect| effect.kind == kind)
            .cloned()
            .expect("an effect");
        self.ledger.push(twice);
    }

    /// Something lies on the desk for this reason.
    fn ask(&mut self, reason: &str) {
        self.reservation["review"] = json!({ "reason": reason });
    }

    fn captured_as(&mut self, reference: &str) {
        self.again(EffectKind::Captured);
        let twice = self.ledger.last_mut().expect("an effect");
        twice.provider_reference = Some(reference.to_owned());
    }

    fn created_as(&mut self, uuid: &str) {
        self.again(EffectKind::Created);
        let twice = self.ledger.last_mut().expect("an effect");
        twice.reservation_uuid = uuid.to_owned();
    }

    /// Takes the events of an operation away, from this one on.
    fn forget(&mut self, name: &str, intent: &str) {
        self.events
            .retain(|event| event["type"] != name || event["data"]["intent"] != intent);
    }
}

/// Doctors a scene.
type Doctor = fn(&mut Scene);

#[track_caller]
fn expect(table: &[(&str, Doctor, &[usize])]) {
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

#[test]
fn a_life_without_faults_breaks_no_promise() {
    expect(&[("nothing is changed", |_| {}, &[])]);
}

#[test]
fn two_requests_in_doubt_at_once_are_seen() {
    expect(&[
        (
            "a capture is sent while a charge is unknown",
            |scene| {
                scene
                    .events
                    .insert(5, planned(20, "charge", "charge", &json!({})));
                scene.events.insert(6, sending(20, "charge"));
                scene.events.insert(
                    7,
                    event(20, "outcome_unknown", &json!({"intent": "charge"})),
                );
                scene
                    .events
                    .push(event(100, "attempt_rejected", &json!({"intent": "charge"})));
            },
            &[1],
        ),
        (
            "a charge that was refused before disturbs nobody",
            |scene| {
                scene
                    .events
                    .insert(5, planned(20, "charge", "charge", &json!({})));
                scene.events.insert(6, sending(20, "charge"));
                scene.events.insert(
                    7,
                    event(20, "attempt_rejected", &json!({"intent": "charge"})),
                );
            },
            &[],
        ),
    ]);
}

#[test]
fn an_effect_that_happens_twice_is_seen() {
    expect(&[
        (
            "captured twice",
            |scene| scene.again(EffectKind::Captured),
            &[2, 4, 5],
        ),
        (
            "refunded twice",
            |scene| scene.again(EffectKind::RefundAccepted),
            &[2],
        ),
        (
            "created twice",
            |scene| scene.again(EffectKind::Created),
            &[2],
        ),
        (
            "completed twice",
            |scene| scene.again(EffectKind::Completed),
            &[2],
        ),
    ]);
}

#[test]
fn beyond_the_assumptions_a_double_effect_has_to_reach_a_person() {
    let differs = |scene: &mut Scene| scene.ask("effect_differs");
    // An effect that happens twice, what tells somebody of something else, and what tells of this.
    let table: [(&str, Doctor, Doctor, Doctor); 4] = [
        (
            "refunded",
            |scene| scene.again(EffectKind::RefundAccepted),
            |scene| scene.ask("external_change"),
            differs,
        ),
        (
            "captured, and one row is not in the books",
            |scene| scene.captured_as("CAP2"),
            differs,
            |scene| scene.reservation["ledger"][1]["reference"] = json!("CAP2"),
        ),
        (
            "created, and one is named nowhere",
            |scene| scene.created_as("RES2"),
            differs,
            |scene| {
                let seen = json!({"reservation_uuid": "RES2"});
                scene.events.push(event(50, "duplicate_seen", &seen));
            },
        ),
        (
            "completed",
            |scene| scene.again(EffectKind::Completed),
            |scene| {
                scene
                    .events
                    .push(event(100, "review_decided", &json!({"intent": "complete"})));
            },
            |scene| {
                scene.events.push(event(
                    100,
                    "intent_escalated",
                    &json!({"intent": "complete"}),
                ));
            },
        ),
    ];
    for (name, happens, elsewhere, told) in table {
        let mut scene = scene();
        scene.beyond = true;
        happens(&mut scene);
        elsewhere(&mut scene);
        assert!(scene.broken().contains(&2), "{name}: nobody was told of it");
        told(&mut scene);
        let judgement = scene.judged();
        assert!(
            judgement
                .violations
                .iter()
                .all(|broken| broken.promise != 2),
            "{name}: {:?}",
            judgement.violations
        );
        assert_eq!(
            (judgement.doubles, judgement.doubles_reviewed),
            (1, 1),
            "{name}"
        );
    }
}

#[test]
fn an_operation_that_is_forgotten_is_seen() {
    expect(&[
        (
            "it never ended",
            |scene| scene.forget("intent_confirmed", "refund"),
            &[3],
        ),
        (
            "a person is asked",
            |scene| {
                scene.forget("intent_confirmed", "refund");
                scene.reservation["review"] = json!({"reason": "refund_unknown"});
            },
            &[],
        ),
        (
            "it waits for a person whom nobody asks",
            |scene| {
                scene.events.push(event(
                    40,
                    "intent_escalated",
                    &json!({"intent": "complete"}),
                ));
            },
            &[3],
        ),
        ("its job is gone", |scene| scene.jobs.clear(), &[3]),
        (
            "its job still waits",
            |scene| scene.jobs[0]["state"] = json!("resolving"),
            &[3],
        ),
        (
            "its job was withdrawn without a reason",
            |scene| scene.jobs[0]["state"] = json!("cancelled"),
            &[3],
        ),
        (
            "its job was withdrawn with a reason",
            |scene| {
                scene.jobs[0]["state"] = json!("cancelled");
                scene.jobs[0]["last_error"] =
                    json!({"code": "cancelled", "message": "somebody said so"});
            },
            &[],
        ),
    ]);
}

#[test]
fn an_end_that_the_provider_contradicts_is_seen() {
    expect(&[
        (
            "done, without an effect",
            |scene| {
                scene
                    .ledger
                    .retain(|effect| effect.kind != EffectKind::Completed);
            },
            &[3, 4],
        ),
        (
            "a refund in the portal that nothing tells from ours",
            |scene| scene.ledger[3].by = By::Portal,
            &[],
        ),
        (
            "a refund in the portal that was asked for before ours was sent, and carried out after it",
            |scene| {
                scene.ledger[3].by = By::Portal;
                scene.ledger[3].at = at(29);
            },
            &[],
        ),
        (
            "a refund in the portal that was carried out before ours was sent",
            |scene| {
                scene.ledger[3].by = By::Portal;
                (scene.ledger[3].at, scene.ledger[4].at) = (at(28), at(29));
            },
            &[3],
        ),
        (
            "refused, with its effect",
            |scene| {
                scene.events.push(event(
                    99,
                    "attempt_rejected",
                    &json!({"intent": "complete"}),
                ));
            },
            &[3],
        ),
    ]);
}

#[test]
fn books_that_differ_are_seen() {
    expect(&[
        (
            "a row is missing",
            |scene| {
                scene.reservation["ledger"]
                    .as_array_mut()
                    .expect("rows")
                    .remove(0);
            },
            &[4],
        ),
        (
            "an amount differs",
            |scene| scene.reservation["ledger"][0]["amount"] = json!("99.99"),
            &[4],
        ),
        (
            "a sum differs",
            |scene| scene.reservation["amounts"]["charged"] = json!("0.01"),
            &[4],
        ),
        (
            "a row is somebody else's",
            |scene| scene.reservation["ledger"][0]["origin"] = json!("external"),
            &[4],
        ),
        (
            "a portal's row is ours",
            |scene| scene.ledger[2].by = By::Portal,
            &[3, 4],
        ),
        (
            "a refund differs",
            |scene| scene.reservation["ledger"][1]["amount"] = json!("40.01"),
            &[4],
        ),
        (
            "a status differs",
            |scene| scene.reservation["status"] = json!("captured"),
            &[4],
        ),
        (
            "we do not know it",
            |scene| scene.reservation["provider"]["reservation_uuid"] = json!(null),
            &[4],
        ),
    ]);
    let mut explained = scene();
    explained.reservation["amounts"]["charged"] = json!("0.01");
    explained.reservation["review"] = json!({"reason": "effect_differs"});
    let judgement = explained.judged();
    assert_eq!(judgement.violations, []);
    assert_eq!(judgement.explained, 2);
}

#[test]
fn a_broken_limit_is_seen() {
    let remind = |scene: &mut Scene, hours: i64, place: usize| {
        scene.events.insert(
            place,
            planned(hours, "remind", "resend", &json!({"slot": 0})),
        );
        scene.events.insert(place + 1, sending(hours, "remind"));
        scene
            .events
            .insert(place + 2, accepted(hours, "remind", &Value::Null));
    };
    expect(&[
        (
            "more is captured than is held",
            |scene| {
                for effect in &mut scene.ledger {
                    if effect.kind == EffectKind::Reserved {
                        effect.amount = Money::kroner(99);
                    }
                }
                scene.reservation["amounts"]["reserved"] = json!("99.00");
            },
            &[5],
        ),
        (
            "more is given back than was taken",
            |scene| {
                scene.ledger[3].amount = Money::kroner(101);
                scene.events[8]["data"]["amount"] = json!("101.00");
            },
            &[5],
        ),
        (
            "a capture is sent too late",
            |scene| {
                scene.reservation["deadlines"]["capture_by"] = json!(at(24).to_rfc3339());
            },
            &[5],
        ),
    ]);
    for (name, hours, place, any_hours, expected) in [
        (
            "a reminder before the payment, by day",
            0,
            3,
            false,
            &[][..],
        ),
        ("a reminder at midnight", 15, 3, false, &[5][..]),
        (
            "a reminder at midnight, as the policy allows",
            15,
            3,
            true,
            &[][..],
        ),
        ("a reminder on a Sunday", 6 * 24, 3, false, &[5][..]),
        ("a reminder after the payment", 2, 4, false, &[5][..]),
    ] {
        let mut scene = scene();
        scene.any_hours = any_hours;
        remind(&mut scene, hours, place);
        assert_eq!(
            scene.broken(),
            expected,
            "{name}: {:?}",
            scene.judged().violations
        );
    }
}

#[test]
fn a_charge_that_is_sent_twice_is_seen_unless_a_person_said_so() {
    let charge = |decided: bool| {
        let mut scene = scene();
        let mut events = vec![
            planned(40, "charge", "charge", &json!({})),
            sending(40, "charge"),
            event(40, "outcome_unknown", &json!({"intent": "charge"})),
            event(64, "effect_ruled_out", &json!({"intent": "charge"})),
            sending(65, "charge"),
            event(65, "attempt_rejected", &json!({"intent": "charge"})),
        ];
        if decided {
            events.insert(3, event(63, "review_decided", &json!({"intent": "charge"})));
        }
        scene.events.extend(events);
        scene.broken()
    };
    assert_eq!(charge(false), [5]);
    assert_eq!(charge(true), [] as [usize; 0]);
}

#[test]
fn a_deadline_that_passes_in_silence_is_seen() {
    let lapse = |scene: &mut Scene| {
        scene
            .ledger
            .retain(|effect| matches!(effect.kind, EffectKind::Created | EffectKind::Reserved));
        scene.events.truncate(5);
        scene.reservation["status"] = json!("held");
        scene.reservation["ledger"] = json!([]);
        scene.reservation["amounts"] = json!({"reserved": "100.00", "captured": "0.00", "charged": "0.00", "refunded": "0.00"});
    };
    let mut silent = scene();
    lapse(&mut silent);
    assert_eq!(silent.broken(), [6], "{:?}", silent.judged().violations);
    let mut told = scene();
    lapse(&mut told);
    told.events.push(event(
        160,
        "review_raised",
        &json!({"reason": "deadline_passed"}),
    ));
    assert_eq!(told.broken(), [] as [usize; 0]);
}
