//! Books that differ, and what excuses a difference.

use sandbox::{By, EffectKind};
use serde_json::json;

use super::scene::{Doctor, MARKER, Scene, accepted, event, expect, scene, sending, unsent_charge};

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
}

/// Our books lack the capture, and its sum with it.
fn lose_the_capture(scene: &mut Scene) {
    let rows = scene.reservation["ledger"].as_array_mut().expect("rows");
    rows.remove(0);
    scene.reservation["amounts"]["captured"] = json!("0.00");
}

#[test]
fn a_difference_is_excused_by_the_review_of_its_own_operation() {
    expect(&[
        ("by none", lose_the_capture, &[4]),
        (
            "by that of the capture",
            |scene| {
                lose_the_capture(scene);
                scene.ask_of("capture", "capture_unknown");
            },
            &[],
        ),
        (
            "not by that of the refund",
            |scene| {
                lose_the_capture(scene);
                scene.ask_of("refund", "refund_unknown");
            },
            &[4],
        ),
        (
            "not by any of the reservation",
            |scene| {
                lose_the_capture(scene);
                scene.freeze("external_change");
                scene.reservation["control"] = json!("paused");
            },
            &[4],
        ),
        (
            "by one that says that nothing adds up",
            |scene| {
                lose_the_capture(scene);
                scene.freeze("incoherent");
            },
            &[],
        ),
        (
            "not when a sum differs by something else",
            |scene| {
                lose_the_capture(scene);
                scene.reservation["amounts"]["captured"] = json!("0.01");
                scene.ask_of("capture", "capture_unknown");
            },
            &[4],
        ),
        (
            "not when our sums are not those of our rows",
            |scene| {
                scene.reservation["amounts"]["charged"] = json!("0.01");
                scene.freeze("incoherent");
            },
            &[4],
        ),
        (
            "a row too many by that of the operation which it counts as made by",
            |scene| {
                scene.reservation["ledger"][1]["reference"] = json!("CHA1");
                scene.reservation["ledger"][1]["kind"] = json!("charge");
                scene.reservation["amounts"]["charged"] = json!("40.00");
                scene.reservation["amounts"]["refunded"] = json!("0.00");
                unsent_charge(scene);
                scene.events.push(sending(41, "charge"));
                scene.events.push(accepted(41, "charge", &json!("CHA1")));
                scene.ask_of("charge", "charge_unknown");
                scene.ask_of("refund", "refund_unknown");
            },
            &[3],
        ),
        (
            "a status by that of the complete",
            |scene| {
                scene.reservation["status"] = json!("captured");
                scene.ask_of("complete", "outcome_unknown");
            },
            &[],
        ),
        (
            "a status not by that of the capture",
            |scene| {
                scene.reservation["status"] = json!("captured");
                scene.ask_of("capture", "capture_unknown");
            },
            &[4],
        ),
        (
            "an unknown reservation by that of the submit",
            |scene| {
                scene.reservation["provider"]["reservation_uuid"] = json!(null);
                scene.ask_of("submit", "outcome_unknown");
            },
            &[],
        ),
        (
            "an unknown reservation not by that of the capture",
            |scene| {
                scene.reservation["provider"]["reservation_uuid"] = json!(null);
                scene.ask_of("capture", "capture_unknown");
            },
            &[4],
        ),
    ]);
    let mut excused = scene();
    lose_the_capture(&mut excused);
    excused.ask_of("capture", "capture_unknown");
    let excuses: Vec<_> = excused.judged().excuses.into_iter().collect();
    let named = "difference: capture_unknown of the operation".to_owned();
    assert_eq!(excuses, [(named, 1)]);
}

#[test]
fn money_on_a_duplicate_is_excused_by_the_review_that_names_it() {
    let paid: Doctor = |scene| {
        scene.beyond = true;
        scene.created_as("RES2");
        scene.again(EffectKind::Reserved);
        let there = scene.ledger.last_mut().expect("an effect");
        there.reservation_uuid = "RES2".to_owned();
        scene.events.push(event(
            50,
            "review_raised",
            &json!({"reason": "effect_differs"}),
        ));
    };
    let seen = |scene: &mut Scene, uuid: &str| {
        let seen = json!({ "reservation_uuid": uuid });
        scene.events.push(event(50, "duplicate_seen", &seen));
    };
    let broken = |uuid: &str, open: bool| {
        let mut scene = scene();
        paid(&mut scene);
        seen(&mut scene, "RES2");
        if uuid != "RES2" {
            scene.events.pop();
            seen(&mut scene, uuid);
        }
        if open {
            scene.freeze("effect_differs");
        }
        scene.broken()
    };
    assert_eq!(broken("RES2", true), [] as [usize; 0]);
    assert_eq!(broken("RES2", false), [4], "nobody is asked any more");
    assert_eq!(broken("RES3", true), [2, 4], "another one is named");
}

#[test]
fn an_effect_of_ours_that_carries_no_known_marker_is_seen() {
    expect(&[
        (
            "a completion with the marker of nobody",
            |scene| {
                scene.ledger[5].text = Some("BBBBBBBBBB 01 text".to_owned());
                scene.freeze("incoherent");
            },
            &[4],
        ),
        (
            "a marker in whatever it is wrapped",
            |scene| scene.ledger[5].text = Some(format!("<{MARKER}/7>")),
            &[],
        ),
        (
            "an operation without a marker owns nothing",
            |scene| {
                for event in &mut scene.events {
                    if event["data"]["operation"] == "complete" {
                        event["data"]["marker"] = json!("");
                    }
                }
            },
            &[4],
        ),
    ]);
}
