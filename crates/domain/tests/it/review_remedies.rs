//! The remedies of reviews: the exact request that puts a wrong effect right.

use domain::reservation::ReviewReason;
use domain::review::{Remedy, RemedyAct, SignKind, Speaks};
use domain::{Fact, IntentFact, ProviderFact};
use serde_json::{Value, json};
use testkit::named;

use crate::booking::{Booking, capture, kr, on, row};
use crate::review_packs::{Pack, pack, says, with};

/// What a pack drafts: the operation and what it asks for.
fn drafts(pack: &Pack) -> Vec<(&'static str, Value)> {
    let draft = |remedy: &Remedy| {
        let body = |request: Result<Value, _>| request.expect("JSON");
        Some(match &remedy.act {
            RemedyAct::Capture(request) => ("capture", body(serde_json::to_value(request))),
            RemedyAct::Charge(request) => ("charge", body(serde_json::to_value(request))),
            RemedyAct::Refund(request) => ("refund", body(serde_json::to_value(request))),
            RemedyAct::Cancel { note } => ("cancel", json!({ "note": note })),
            RemedyAct::InPortal => return None,
        })
    };
    pack.remedies.iter().filter_map(draft).collect()
}

#[test]
fn a_remedy_is_the_exact_request_that_puts_the_effect_right() {
    let table: [(ReviewReason, Vec<(&str, Value)>); 6] = [
        (
            ReviewReason::LateEffect,
            vec![(
                "refund",
                json!({"source": "captured", "reference": "CAP1", "amount": "400.00"}),
            )],
        ),
        (
            ReviewReason::EffectDiffers,
            vec![(
                "refund",
                json!({"source": "captured", "reference": "CAP1", "amount": "100.00"}),
            )],
        ),
        (
            ReviewReason::WindowClosing,
            vec![
                ("capture", json!({})),
                (
                    "cancel",
                    json!({"note": "Released before the hold would have lapsed."}),
                ),
            ],
        ),
        (
            ReviewReason::LateDelivery,
            vec![(
                "charge",
                json!({"lines": [{"name": "Line 1", "product_id": null, "rate": "600.00", "tax_percent": 0, "amount": "600.00"}]}),
            )],
        ),
        (ReviewReason::ExternalChange, vec![]),
        (ReviewReason::CaptureUnknown, vec![]),
    ];
    for (reason, expected) in table {
        let booking = with(reason);
        let pack = pack(&booking, reason, &[]);
        assert_eq!(drafts(&pack), expected, "{reason}");
    }
}

#[test]
fn case_107_a_duplicate_is_shown_with_both_rows_and_the_refund_of_the_second_is_drafted() {
    let mut booking = Booking::new(&[1000]).held();
    let before = booking.seen();
    let id = booking.lost(capture(&[on(1, 400)]));
    booking.fold(&[Fact::Intent(
        id.clone(),
        IntentFact::EffectRuledOut { at: booking.now },
    )]);
    booking.lose(&id);
    let mut seen = before;
    for reference in ["CAP1", "CAP2"] {
        seen.captures
            .push(row(reference, 400, Some(booking.text_of(&id))));
    }
    seen.captured = kr(800);
    booking.read(&seen);
    let pack = pack(&booking, ReviewReason::EffectDiffers, &[]);
    assert_eq!(
        pack.evidence
            .operation
            .as_ref()
            .map(|operation| &operation.intent),
        Some(&id)
    );
    assert_eq!(
        says(&pack)[..2],
        [
            (SignKind::OwnRow, Speaks::For),
            (SignKind::OwnRow, Speaks::For)
        ]
    );
    let body = json!({"source": "captured", "reference": "CAP2", "amount": "400.00"});
    assert_eq!(drafts(&pack), [("refund", body)]);
    assert!(pack.row.freezes);
}

#[test]
fn too_little_is_put_right_by_a_capture_of_the_rest() {
    let mut booking = Booking::new(&[1000]).held();
    let mut seen = booking.seen();
    let id = booking.lost(capture(&[on(1, 400)]));
    seen.captures
        .push(row("CAP1", 300, Some(booking.text_of(&id))));
    seen.captured = kr(300);
    booking.read(&seen);
    let pack = pack(&booking, ReviewReason::EffectDiffers, &[]);
    assert_eq!(drafts(&pack), [("capture", json!({"amount": "100.00"}))]);
}

#[test]
fn what_was_given_back_already_is_not_drafted_again() {
    let mut booking = with(ReviewReason::LateEffect);
    booking.fold(&[Fact::Provider(ProviderFact::RefundSeen {
        reference: named("CAP1"),
        refunded: kr(150),
    })]);
    let partly = pack(&booking, ReviewReason::LateEffect, &[]);
    assert_eq!(partly.remedies[0].amount, kr(250));
    booking.fold(&[Fact::Provider(ProviderFact::RefundSeen {
        reference: named("CAP1"),
        refunded: kr(400),
    })]);
    assert!(
        pack(&booking, ReviewReason::LateEffect, &[])
            .remedies
            .is_empty()
    );
}
