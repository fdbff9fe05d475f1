//! Each promise, broken by a doctored ledger or view: the checker must see it.

mod differences;
mod scene;

use domain::Money;
use sandbox::{By, EffectKind};
use serde_json::{Value, json};

use super::Unreadable;
use scene::{
    Doctor, Scene, accepted, at, event, expect, planned, refuse, scene, sending, unsent_charge,
};

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
            |scene| {
                let row = json!({"kind": "capture", "amount": "100.00", "reference": "CAP2", "origin": "holdfast"});
                let posted = json!({"row": {"intent": "capture", "reference": "CAP2"}});
                scene.events.push(event(50, "ledger_row_posted", &posted));
                scene.reservation["ledger"]
                    .as_array_mut()
                    .expect("rows")
                    .push(row);
            },
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
            |scene| scene.escalate("complete", "outcome_unknown"),
        ),
    ];
    for (name, happens, other_subject, reviewed) in table {
        let mut scene = scene();
        scene.beyond = true;
        happens(&mut scene);
        other_subject(&mut scene);
        assert!(scene.broken().contains(&2), "{name}: nobody was told of it");
        reviewed(&mut scene);
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
            "a person is asked about it",
            |scene| {
                scene.forget("intent_confirmed", "refund");
                scene.ask_of("refund", "refund_unknown");
            },
            &[],
        ),
        (
            "a person is asked about something else",
            |scene| {
                scene.forget("intent_confirmed", "refund");
                scene.ask_of("capture", "capture_unknown");
                scene.freeze("external_change");
            },
            &[3],
        ),
        (
            "it is out, and the reservation is paused",
            |scene| {
                scene.forget("intent_confirmed", "refund");
                scene.reservation["control"] = json!("paused");
            },
            &[3],
        ),
        (
            "it waits for a person who is asked",
            |scene| scene.escalate("complete", "outcome_unknown"),
            &[],
        ),
        (
            "it waits for a person who is asked for another reason",
            |scene| {
                scene.escalate("complete", "outcome_unknown");
                scene.reviews[0]["reason"] = json!("effect_differs");
            },
            &[3],
        ),
        (
            "it waits for a person who is asked about another operation",
            |scene| {
                scene.escalate("complete", "outcome_unknown");
                scene.reviews[0]["evidence"]["operation"]["intent"] = json!("capture");
            },
            &[3],
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
fn an_operation_that_was_never_sent_waits_for_a_pause_a_freeze_or_what_is_before_it() {
    expect(&[
        ("for nothing", unsent_charge, &[3]),
        (
            "for a pause",
            |scene| {
                unsent_charge(scene);
                scene.reservation["control"] = json!("paused");
            },
            &[],
        ),
        (
            "for a review that freezes",
            |scene| {
                unsent_charge(scene);
                scene.freeze("external_change");
            },
            &[],
        ),
        (
            "beside a review that does not",
            |scene| {
                unsent_charge(scene);
                scene.ask("external_change");
            },
            &[3],
        ),
        (
            "for an operation in doubt that a person is asked about",
            |scene| {
                unsent_charge(scene);
                scene
                    .events
                    .push(event(99, "outcome_unknown", &json!({"intent": "complete"})));
                scene.escalate("complete", "outcome_unknown");
            },
            &[],
        ),
        (
            "for nothing, since it is sent again in a hurry",
            |scene| {
                unsent_charge(scene);
                let of_it = json!({"intent": "charge"});
                scene.events.push(sending(41, "charge"));
                for name in ["outcome_unknown", "retry_forced"] {
                    scene.events.push(event(42, name, &of_it));
                }
                scene.events.push(sending(43, "charge"));
                scene.events.push(event(43, "attempt_unsent", &of_it));
                scene.reservation["control"] = json!("paused");
            },
            &[3],
        ),
    ]);
}

#[test]
fn a_job_that_still_lives_waits_for_what_its_operation_waits_for() {
    let lives: Doctor = |scene| {
        unsent_charge(scene);
        scene.jobs[0]["kind"] = json!("charge");
        scene.jobs[0]["created_at"] = json!(at(40).to_rfc3339());
        scene.jobs[0]["state"] = json!("scheduled");
    };
    let broken = |doctor: Doctor| {
        let mut scene = scene();
        lives(&mut scene);
        doctor(&mut scene);
        scene.judged().violations.len()
    };
    // The operation, and its job.
    assert_eq!(broken(|_| {}), 2);
    assert_eq!(broken(|scene| scene.ask("late_delivery")), 2);
    assert_eq!(broken(|scene| scene.freeze("late_effect")), 0);
    assert_eq!(
        broken(|scene| {
            scene.freeze("late_effect");
            scene.jobs[0]["created_at"] = json!(at(41).to_rfc3339());
        }),
        1,
        "a job that no operation belongs to"
    );
    assert_eq!(
        broken(|scene| {
            scene.freeze("late_effect");
            scene.jobs[0]["state"] = json!("pondering");
        }),
        1,
        "a state that is not known"
    );
}

#[test]
fn an_accepted_cancel_has_to_show_before_it_counts_as_done() {
    expect(&[(
        "it has not",
        |scene| {
            scene
                .events
                .push(planned(100, "cancel", "cancel", &json!({})));
            scene.events.push(sending(100, "cancel"));
            scene.events.push(accepted(100, "cancel", &Value::Null));
            scene.reservation["control"] = json!("paused");
        },
        &[3],
    )]);
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
            |scene| refuse(scene, "complete"),
            &[3],
        ),
        (
            "refused, with its effect, while a person is asked about something else",
            |scene| {
                refuse(scene, "complete");
                scene.freeze("external_change");
                scene.reservation["control"] = json!("paused");
            },
            &[3],
        ),
        (
            "refused, with its effect, which was seen late",
            |scene| {
                refuse(scene, "complete");
                let closed = json!({"how": "completed", "origin": "holdfast"});
                scene.events.push(event(101, "reservation_closed", &closed));
            },
            &[],
        ),
        (
            "refused, with its effect, which was taken for somebody else's",
            |scene| {
                refuse(scene, "complete");
                let closed = json!({"how": "completed", "origin": "external"});
                scene.events.push(event(101, "reservation_closed", &closed));
            },
            &[3],
        ),
        (
            "refused, with its effect, while another one was seen late",
            |scene| {
                refuse(scene, "complete");
                let seen =
                    json!({"intent": "capture", "row": {"intent": "capture", "reference": "CAP1"}});
                scene.events.push(event(101, "late_effect_seen", &seen));
            },
            &[3],
        ),
    ]);
}

#[test]
fn an_event_that_is_not_known_stops_the_judge() {
    let read = |name: &str, data: &Value| {
        let mut scene = scene();
        scene.events.push(event(200, name, data));
        scene.read().map(drop)
    };
    let unknown = |name: &str| {
        Err(Unreadable::EventType {
            reference: "BOOK-1".to_owned(),
            event_type: name.to_owned(),
        })
    };
    let of_it = json!({"intent": "capture"});
    assert_eq!(read("moon_seen", &json!({})), unknown("moon_seen"));
    assert_eq!(read("moon_seen", &of_it), unknown("moon_seen"));
    let never_planned = json!({"intent": "never planned"});
    assert_eq!(
        read("attempt_sent", &never_planned),
        unknown("attempt_sent")
    );
    let mut scene = scene();
    scene.events[0]["at"] = json!("yesterday");
    assert!(matches!(scene.read(), Err(Unreadable::Field { .. })));
}

/// The judge reads the documentation and not the code: every example of it can be read, and none else is needed.
#[test]
fn every_documented_event_is_known() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/events.md");
    let docs = std::fs::read_to_string(path).expect("docs/events.md");
    let examples: Vec<Value> = docs
        .split("```json\n")
        .skip(1)
        .filter_map(|block| block.split("```").next())
        .map(|example| serde_json::from_str(example).expect("an example"))
        .collect();
    let headings = docs.lines().filter(|line| line.starts_with("## ")).count();
    assert_eq!(examples.len(), headings);
    let mut scene = scene();
    let planned = examples
        .iter()
        .filter(|event| event["type"] == "intent_planned");
    scene.events = planned.chain(&examples).cloned().collect();
    assert_eq!(scene.read().map(drop), Ok(()));
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
    let asked = |doctor: Doctor| {
        let mut scene = scene();
        lapse(&mut scene);
        doctor(&mut scene);
        scene.broken()
    };
    fn raised(hours: i64, reason: &str) -> Value {
        event(hours, "review_raised", &json!({ "reason": reason }))
    }
    let nothing: [usize; 0] = [];
    let reviewed = asked(|scene| scene.events.push(raised(160, "deadline_passed")));
    assert_eq!(reviewed, nothing);
    let open = asked(|scene| scene.ask("late_delivery"));
    assert_eq!(open, nothing);
    let other_subject = asked(|scene| {
        scene.events.push(raised(160, "marker_broken"));
        scene.ask("refund_unknown");
    });
    assert_eq!(other_subject, [6], "that is about something else");
    let before = asked(|scene| scene.events.insert(4, raised(20, "window_closing")));
    assert_eq!(before, nothing, "the question was open at the delivery");
    let answered = asked(|scene| {
        scene.events.insert(4, raised(20, "window_closing"));
        let closed = json!({"reason": "window_closing"});
        scene.events.insert(5, event(21, "review_closed", &closed));
    });
    assert_eq!(
        answered,
        [6],
        "the question was answered before the delivery"
    );
    fn frozen_at_20() -> Value {
        let freeze = json!({"reason": "provider_refused", "freezes": true});
        event(20, "review_raised", &freeze)
    }
    let frozen = asked(|scene| scene.events.insert(4, frozen_at_20()));
    assert_eq!(
        frozen, nothing,
        "nothing may be sent until a person answers"
    );
    let answered_in_time = asked(|scene| {
        scene.events.insert(4, frozen_at_20());
        let closed = json!({"reason": "provider_refused"});
        scene.events.push(event(100, "review_closed", &closed));
    });
    assert_eq!(
        answered_in_time,
        [6],
        "nothing was in the way when the window closed"
    );
}
