//! Open reviews: every reason has its evidence, its options with what they cost at worst, and its remedies.

use domain::history::{Event, HistoryRow};
use domain::reservation::{Decision, DecisionRecord, LedgerRow, Operation, ReviewReason, RowKind};
use domain::review::{
    Evidence, OpenReview, PastDecision, Remedy, ReviewOption, Risk, SignKind, Speaks, evidence,
    in_doubt, open_reviews, options, remedies, subjects,
};
use domain::{
    Case, Fact, IntentFact, IntentId, Money, ProviderFact, ProviderReference, ReviewFact,
};
use serde_json::json;
use testkit::named;

use crate::booking::{
    Booking, cancel, capture, charge, delivered, hours, kr, minutes, on, refund, row,
};

/// Puts an operation whose outcome is unknown into review.
pub(crate) fn asked(booking: &mut Booking, operation: Operation) -> IntentId {
    let id = booking.lost(operation);
    to_review(booking, &id);
    id
}

pub(crate) fn to_review(booking: &mut Booking, id: &IntentId) {
    let reason = booking.intent(id).operation.review_reason();
    booking.fold(&[Fact::Intent(
        id.clone(),
        IntentFact::Escalated {
            reason,
            at: booking.now,
        },
    )]);
}

/// Coherent reads without a trace, the last of them when absence means something.
fn silent(booking: &mut Booking, id: &IntentId, until: i64) {
    for step in [1, until / 2, until] {
        let at = booking.now + minutes(step);
        booking.fold(&[Fact::Intent(
            id.clone(),
            IntentFact::EffectNotSeen { clean: true, at },
        )]);
    }
    booking.now += minutes(until);
}

pub(crate) fn external(
    reference: &str,
    kind: RowKind,
    kroner: u32,
    booking: &Booking,
) -> LedgerRow {
    LedgerRow {
        kind,
        amount: kr(kroner),
        lines: Vec::new(),
        reference: Some(named(reference)),
        alias: None,
        at: booking.now,
        intent: None,
        confirmed: true,
        refunded_seen: Money::ZERO,
    }
}

/// What one review shows: its evidence, its options, its remedies, and its row.
pub(crate) struct Pack {
    pub(crate) evidence: Evidence,
    pub(crate) options: Vec<ReviewOption>,
    pub(crate) remedies: Vec<Remedy>,
    pub(crate) row: OpenReview,
}

impl Pack {
    /// The option with this word.
    pub(crate) fn option(&self, word: &str) -> &ReviewOption {
        let mut fitting = self.options.iter().filter(|option| option.word() == word);
        fitting.next().expect("an option")
    }
}

/// The one open review that has this reason.
pub(crate) fn pack(booking: &Booking, reason: ReviewReason, decided: &[PastDecision]) -> Pack {
    let (r, merchant) = (&booking.r, &booking.merchant);
    let case = Case::new(r, merchant, booking.now);
    let all = subjects(r);
    let about = all.iter().find(|subject| subject.reason == reason);
    let about = about.unwrap_or_else(|| panic!("{reason} is not among {all:?}"));
    let row = open_reviews(r, merchant)
        .into_iter()
        .find(|row| row.reason == reason);
    Pack {
        evidence: evidence(case, about, decided),
        options: options(case, about),
        remedies: remedies(case, about),
        row: row.expect("a row for each subject"),
    }
}

/// The word of the one option that is recommended.
pub(crate) fn recommended(pack: &Pack) -> &'static str {
    let mut best = pack.options.iter().filter(|option| option.recommended);
    let (one, none) = (best.next().expect("a recommendation"), best.next());
    assert!(none.is_none() && one.why.is_some(), "{:?}", pack.options);
    one.word()
}

/// A reservation with an open review of this reason, as it comes about in life.
pub(crate) fn with(reason: ReviewReason) -> Booking {
    let mut booking = Booking::new(&[1000]).held();
    let raise = |booking: &mut Booking, freezes| {
        booking.fold(&[Fact::Review(ReviewFact::Raised {
            reason,
            freezes,
            at: booking.now,
        })]);
    };
    match reason {
        ReviewReason::CaptureUnknown => drop(asked(&mut booking, capture(&[on(1, 400)]))),
        ReviewReason::ChargeUnknown => drop(asked(&mut booking, charge(400))),
        ReviewReason::RefundUnknown => {
            booking = Booking::new(&[1000]).captured(1000);
            asked(&mut booking, refund("CAP1", &[on(1, 300)]));
        }
        ReviewReason::OutcomeUnknown => drop(asked(&mut booking, cancel())),
        ReviewReason::EffectDiffers => {
            let before = booking.seen();
            let id = booking.lost(capture(&[on(1, 400)]));
            let mut seen = before;
            seen.captures
                .push(row("CAP1", 500, Some(booking.text_of(&id))));
            seen.captured = kr(500);
            booking.read(&seen);
        }
        ReviewReason::LateEffect => {
            let id = asked(&mut booking, capture(&[on(1, 400)]));
            booking.fold(&[Fact::Intent(
                id.clone(),
                IntentFact::Withdrawn {
                    reason: "given up".into(),
                },
            )]);
            let row = LedgerRow {
                intent: Some(id.clone()),
                ..external("CAP1", RowKind::Capture, 400, &booking)
            };
            booking.fold(&[Fact::Intent(id, IntentFact::LateEffectSeen { row })]);
        }
        ReviewReason::ExternalChange => {
            let row = external("CAP7", RowKind::Capture, 250, &booking);
            booking.fold(&[Fact::Provider(ProviderFact::RowPosted { row })]);
            raise(&mut booking, false);
        }
        ReviewReason::LateDelivery => {
            booking.now += hours(24 * 8);
            booking.fold(&[delivered("D-1", booking.now, &[on(1, 600)], false)]);
            raise(&mut booking, false);
        }
        ReviewReason::DeadlinePassed => {
            booking.fold(&[delivered("D-1", booking.now, &[on(1, 700)], false)]);
            booking.now += hours(24 * 8);
            raise(&mut booking, false);
        }
        ReviewReason::MissingAtProvider
        | ReviewReason::Incoherent
        | ReviewReason::ProviderRefused => {
            raise(&mut booking, true);
        }
        ReviewReason::WindowClosing | ReviewReason::MarkerBroken => raise(&mut booking, false),
    }
    booking
}

#[test]
fn every_reason_has_a_pack_with_a_recommendation_and_what_each_option_costs_at_worst() {
    use ReviewReason as R;
    type Row = (
        ReviewReason,
        &'static str,
        &'static [(&'static str, Risk, u32)],
    );
    #[rustfmt::skip]
    let table: [Row; 14] = [
        (R::CaptureUnknown, "wait", &[
            ("retry", Risk::DoubleCapture, 400),
            ("reject", Risk::LateCapture, 400),
            ("confirm", Risk::NotCaptured, 400),
        ]),
        (R::ChargeUnknown, "wait", &[
            ("retry", Risk::DoubleCharge, 400),
            ("reject", Risk::LateCharge, 400),
            ("wait", Risk::NotCharged, 400),
        ]),
        (R::RefundUnknown, "wait", &[
            ("retry", Risk::DoubleRefund, 300),
            ("reject", Risk::LateRefund, 300),
            ("wait", Risk::NotRefunded, 300),
        ]),
        (R::OutcomeUnknown, "wait", &[
            ("retry", Risk::Nothing, 0),
            ("confirm", Risk::HoldKept, 1000),
        ]),
        (R::EffectDiffers, "dismiss", &[
            ("wait", Risk::DoubleCapture, 100),
            ("dismiss", Risk::DoubleCapture, 100),
        ]),
        (R::LateEffect, "dismiss", &[("dismiss", Risk::LateCapture, 400)]),
        (R::ExternalChange, "dismiss", &[("dismiss", Risk::LateCapture, 250)]),
        (R::LateDelivery, "dismiss", &[("dismiss", Risk::NotCaptured, 600)]),
        (R::DeadlinePassed, "dismiss", &[("dismiss", Risk::NotCaptured, 700)]),
        (R::MissingAtProvider, "wait", &[
            ("wait", Risk::NotCaptured, 1000),
            ("dismiss", Risk::Nothing, 0),
        ]),
        (R::Incoherent, "dismiss", &[
            ("wait", Risk::NotCaptured, 1000),
            ("dismiss", Risk::Nothing, 0),
        ]),
        (R::ProviderRefused, "dismiss", &[("wait", Risk::NotCaptured, 1000)]),
        (R::WindowClosing, "dismiss", &[
            ("wait", Risk::NotCaptured, 1000),
            ("dismiss", Risk::NotCaptured, 1000),
        ]),
        (R::MarkerBroken, "dismiss", &[("dismiss", Risk::Nothing, 0)]),
    ];
    for reason in ReviewReason::ALL {
        let (_, best, costs) = table
            .iter()
            .find(|(row, ..)| row == reason)
            .expect("a row for each reason");
        let pack = pack(&with(*reason), *reason, &[]);
        assert_eq!(recommended(&pack), *best, "{reason}");
        for (word, risk, kroner) in *costs {
            let worst = pack.option(word).worst_case;
            assert_eq!(
                (worst.risk, worst.amount),
                (*risk, kr(*kroner)),
                "{reason} {word}"
            );
        }
        let waiting = pack.option("wait").worst_case.amount;
        assert_eq!(pack.row.amount, waiting, "{reason}: what is at stake");
        let until = pack.evidence.countdown.map(|countdown| countdown.until);
        assert_eq!(pack.row.act_before, until, "{reason}");
    }
}

#[test]
fn evidence_is_json_with_decimal_amounts_and_rfc_3339_times() {
    let mut booking = Booking::new(&[1000]).held();
    asked(&mut booking, capture(&[on(1, 400)]));
    let pack = pack(&booking, ReviewReason::CaptureUnknown, &[]);
    let words: Vec<&str> = pack.options.iter().map(ReviewOption::word).collect();
    assert_eq!(words, ["wait", "confirm", "reject", "retry"]);
    assert_eq!(pack.options[0].decision, None, "waiting records nothing");
    let evidence = serde_json::to_value(&pack.evidence).expect("JSON");
    assert_eq!(evidence["operation"]["operation"], "capture");
    assert_eq!(
        evidence["operation"]["lines"],
        json!([{"line": 1, "amount": "400.00"}])
    );
    assert_eq!(
        (
            &evidence["operation"]["amount"],
            &evidence["operation"]["attempts"]
        ),
        (&json!("400.00"), &json!(1))
    );
    assert_eq!(evidence["operation"]["sent_at"], "2026-11-16T12:00:00Z");
    assert_eq!(evidence["operation"]["cause"], "timeout");
    assert_eq!(evidence["baseline"]["reserved"], "1000.00");
    assert_eq!(evidence["exposure"]["capturable"]["unknown"], "400.00");
    assert_eq!(evidence["countdown"]["until"], "2026-11-23T06:00:00Z");
    let marker = evidence["operation"]["marker"].as_str().expect("a marker");
    assert!(booking.r.intents[1].marker.is_in(marker), "{marker}");
}

#[test]
fn the_difference_names_what_has_changed_since_the_request_was_put_on_record() {
    let mut booking = Booking::new(&[1000]).captured(100);
    asked(&mut booking, capture(&[on(1, 400)]));
    let row = external("CAP9", RowKind::Capture, 300, &booking);
    booking.fold(&[Fact::Provider(ProviderFact::RowPosted { row })]);
    let evidence = pack(&booking, ReviewReason::CaptureUnknown, &[]).evidence;
    let (before, difference) = (
        evidence.baseline.expect("a baseline"),
        evidence.difference.expect("a difference"),
    );
    assert_eq!((before.captured, evidence.now.captured), (kr(100), kr(400)));
    assert_eq!(
        (before.references, evidence.now.references),
        (vec![named("CAP1")], vec![named("CAP1"), named("CAP9")])
    );
    let changed: Vec<_> = difference
        .changed
        .iter()
        .map(|c| (c.what, c.before.as_str(), c.now.as_str()))
        .collect();
    assert_eq!(changed, [("captured", "100.00", "400.00")]);
    assert_eq!(
        (difference.appeared, difference.vanished),
        (vec![named("CAP9")], vec![])
    );
}

pub(crate) fn says(pack: &Pack) -> Vec<(SignKind, Speaks)> {
    pack.evidence
        .signs
        .iter()
        .map(|sign| (sign.kind, sign.speaks))
        .collect()
}

#[test]
fn every_sign_says_what_it_speaks_for() {
    let mut booking = Booking::new(&[1000]).held();
    let id = booking.lost(capture(&[on(1, 400)]));
    booking.now += minutes(5);
    let (equal, other) = (
        external("CAP8", RowKind::Capture, 400, &booking),
        external("CAP9", RowKind::Capture, 50, &booking),
    );
    let at = booking.now;
    let history = HistoryRow {
        event: Event::Captured,
        uuid: Some("CAP8".into()),
        at: Some(at),
        until: Some(at),
        amount: Some(kr(400)),
        note: None,
    };
    booking.fold(&[
        Fact::Provider(ProviderFact::RowPosted { row: equal }),
        Fact::Provider(ProviderFact::RowPosted { row: other }),
        Fact::Provider(ProviderFact::CallbackReceived {
            event_type: "Captured".into(),
            at,
        }),
        Fact::Intent(id.clone(), IntentFact::HistoryRead { row: None, at }),
        Fact::Intent(
            id.clone(),
            IntentFact::HistoryRead {
                row: Some(history),
                at,
            },
        ),
        Fact::Intent(id.clone(), IntentFact::EffectNotSeen { clean: true, at }),
        Fact::Provider(ProviderFact::DetailsRead {
            at,
            status: Some("RESERVED".into()),
            coherent: false,
            since: 0,
        }),
    ]);
    to_review(&mut booking, &id);
    let pack = pack(&booking, ReviewReason::CaptureUnknown, &[]);
    assert_eq!(
        says(&pack),
        [
            (SignKind::UnownedRow, Speaks::For),
            (SignKind::UnownedRow, Speaks::Neither),
            (SignKind::HistoryRow, Speaks::For),
            (SignKind::HistorySilent, Speaks::Against),
            (SignKind::CleanReads, Speaks::Against),
            (SignKind::Silence, Speaks::Neither),
            (SignKind::Callback, Speaks::For),
            (SignKind::IncoherentReads, Speaks::Neither),
            (SignKind::LastRead, Speaks::Neither),
        ]
    );
    assert_eq!(
        pack.evidence.signs[5].text,
        "it is 5 minutes since the request was sent"
    );
    // One row of the very amount that is nobody's is what to look at first.
    assert_eq!(recommended(&pack), "confirm");
    let confirm = pack.option("confirm");
    let named = confirm.decision.as_ref().and_then(Decision::reference);
    assert_eq!(
        (
            named.map(ProviderReference::as_str),
            confirm.worst_case.risk
        ),
        (Some("CAP8"), Risk::Nothing)
    );
}

#[test]
fn what_was_there_before_the_request_is_no_sign_and_a_callback_from_before_neither() {
    let mut booking = Booking::new(&[1000]).held();
    let row = external("CAP8", RowKind::Capture, 400, &booking);
    let called = Fact::Provider(ProviderFact::CallbackReceived {
        event_type: "Captured".into(),
        at: booking.now,
    });
    booking.fold(&[Fact::Provider(ProviderFact::RowPosted { row }), called]);
    booking.now += minutes(1);
    asked(&mut booking, capture(&[on(1, 400)]));
    let pack = pack(&booking, ReviewReason::CaptureUnknown, &[]);
    assert_eq!(
        says(&pack),
        [
            (SignKind::Silence, Speaks::Neither),
            (SignKind::LastRead, Speaks::Neither)
        ]
    );
    assert_eq!(recommended(&pack), "wait");
}

#[test]
fn once_silence_means_something_the_recommendation_depends_on_what_a_second_one_would_do() {
    // Silence after the request, in minutes, that is long enough for each.
    type Row = (
        &'static str,
        fn(&mut Booking) -> IntentId,
        i64,
        &'static str,
    );
    let table: [Row; 8] = [
        (
            "part of the hold",
            |b| asked(b, capture(&[on(1, 400)])),
            31,
            "retry",
        ),
        (
            "most of the hold",
            |b| asked(b, capture(&[on(1, 900)])),
            31,
            "retry",
        ),
        ("too soon", |b| asked(b, capture(&[on(1, 900)])), 29, "wait"),
        ("a charge", |b| asked(b, charge(400)), 24 * 60 + 1, "reject"),
        (
            "a charge, too soon",
            |b| asked(b, charge(400)),
            23 * 60,
            "wait",
        ),
        ("a cancel", |b| asked(b, cancel()), 11, "retry"),
        (
            "after the deadline",
            |b| asked(b, capture(&[on(1, 400)])),
            7 * 24 * 60,
            "reject",
        ),
        (
            "sent twice",
            |b| {
                let id = b.lost(capture(&[on(1, 400)]));
                b.fold(&[Fact::Intent(
                    id.clone(),
                    IntentFact::EffectRuledOut { at: b.now },
                )]);
                b.lose(&id);
                to_review(b, &id);
                id
            },
            31,
            "wait",
        ),
    ];
    for (what, lay, minutes, best) in table {
        let mut booking = Booking::new(&[1000]).held();
        let id = lay(&mut booking);
        silent(&mut booking, &id, minutes);
        let reason = booking.intent(&id).operation.review_reason();
        assert_eq!(recommended(&pack(&booking, reason, &[])), best, "{what}");
    }
    // Beyond half of what is left a second one would exceed the rest, and yet a queued one can race the check: only a
    // refund of all that is left counts as refused a second time.
    for (kroner, best) in [(300, "wait"), (600, "wait"), (999, "wait"), (1000, "retry")] {
        let mut booking = Booking::new(&[1000]).captured(1000);
        let id = asked(&mut booking, refund("CAP1", &[on(1, kroner)]));
        silent(&mut booking, &id, 73 * 60);
        assert_eq!(
            recommended(&pack(&booking, ReviewReason::RefundUnknown, &[])),
            best,
            "{kroner}"
        );
    }
}

#[test]
fn a_single_read_after_a_long_time_is_no_silence() {
    let mut booking = Booking::new(&[1000]).held();
    let id = asked(&mut booking, capture(&[on(1, 400)]));
    booking.now += hours(3);
    booking.fold(&[Fact::Intent(
        id,
        IntentFact::EffectNotSeen {
            clean: true,
            at: booking.now,
        },
    )]);
    assert_eq!(
        recommended(&pack(&booking, ReviewReason::CaptureUnknown, &[])),
        "wait"
    );
}

#[test]
fn what_cannot_be_sent_any_more_says_so_in_its_option() {
    let mut booking = Booking::new(&[1000]).held();
    asked(&mut booking, capture(&[on(1, 400)]));
    booking.now += hours(24 * 7);
    let pack = pack(&booking, ReviewReason::CaptureUnknown, &[]);
    assert_eq!(
        pack.option("retry").refused.as_deref(),
        Some("it could not be sent before its deadline")
    );
    assert_eq!(
        pack.evidence.countdown.expect("a countdown").seconds_left,
        0
    );
}

#[test]
fn head_rooms_add_up_and_what_is_unknown_counts_as_spent() {
    let mut booking = Booking::new(&[1000, 500]).captured(200);
    booking.capture(&[on(1, 100)], "CAP2");
    booking.r.policy.capture.mandate_ceiling = Some(kr(600));
    asked(&mut booking, charge(150));
    booking.plan(capture(&[on(2, 50)]));
    booking.plan(refund("CAP1", &[on(1, 30)]));
    let exposure = pack(&booking, ReviewReason::ChargeUnknown, &[])
        .evidence
        .exposure;
    let room = |room: domain::review::HeadRoom| {
        [
            room.limit,
            room.confirmed,
            room.accepted,
            room.unknown,
            room.planned,
            room.left,
        ]
        .map(|m| m.minor() / 100)
    };
    assert_eq!(room(exposure.capturable), [1500, 200, 100, 0, 50, 1150]);
    assert_eq!(exposure.capturable.left, booking.r.capturable());
    assert_eq!(
        room(exposure.chargeable.expect("a ceiling")),
        [600, 0, 0, 150, 0, 450]
    );
    assert_eq!(exposure.refundable[0].reference, "CAP1");
    assert_eq!(room(exposure.refundable[0].room), [200, 0, 0, 0, 30, 170]);
}

#[test]
fn several_reviews_of_a_reservation_stand_beside_each_other_the_oldest_first() {
    let mut booking = with(ReviewReason::ExternalChange);
    booking.now += minutes(1);
    let id = asked(&mut booking, capture(&[on(1, 400)]));
    let reasons: Vec<_> = subjects(&booking.r)
        .iter()
        .map(|subject| subject.reason)
        .collect();
    assert_eq!(
        reasons,
        [ReviewReason::ExternalChange, ReviewReason::CaptureUnknown]
    );
    assert_eq!(
        in_doubt(&booking.r, booking.intent(&id)).map(|subject| subject.since),
        Some(booking.now)
    );
    let lost = booking.r.intents[0].clone();
    assert!(
        in_doubt(&booking.r, &lost).is_none(),
        "what is resolved asks nobody"
    );
}

#[test]
fn earlier_decisions_stand_in_the_pack_they_bear_on() {
    let booking = with(ReviewReason::LateEffect);
    let late = booking.r.intents[1].id.clone();
    let decided = |intent: Option<IntentId>, reason, seq| PastDecision {
        seq,
        at: booking.now,
        actor: "key:admin".into(),
        intent,
        reason,
        record: DecisionRecord {
            decision: Decision::Reject,
            note: "Not in the portal".into(),
            evidence_version: 3,
        },
    };
    let past = [
        decided(Some(late), ReviewReason::CaptureUnknown, 1),
        decided(
            Some(booking.r.intents[0].id.clone()),
            ReviewReason::OutcomeUnknown,
            2,
        ),
        decided(None, ReviewReason::LateEffect, 3),
        decided(None, ReviewReason::ProviderRefused, 4),
    ];
    let pack = pack(&booking, ReviewReason::LateEffect, &past);
    assert_eq!(
        pack.evidence
            .decisions
            .iter()
            .map(|past| past.seq)
            .collect::<Vec<_>>(),
        [1, 3]
    );
    let shown = serde_json::to_value(&pack.evidence.decisions[0]).expect("JSON");
    assert_eq!(
        (&shown["decision"], &shown["note"], &shown["actor"]),
        (
            &json!("reject"),
            &json!("Not in the portal"),
            &json!("key:admin")
        )
    );
}

#[test]
fn an_accepted_row_that_never_shows_is_shown_as_what_it_is() {
    let mut booking = Booking::new(&[1000]).held();
    booking.capture(&[on(1, 400)], "CAP1");
    booking.fold(&[Fact::Review(ReviewFact::Raised {
        reason: ReviewReason::CaptureUnknown,
        freezes: false,
        at: booking.now,
    })]);
    let pack = pack(&booking, ReviewReason::CaptureUnknown, &[]);
    assert_eq!(says(&pack)[0], (SignKind::UnshownRow, Speaks::Neither));
    assert_eq!(recommended(&pack), "wait");
    assert_eq!(pack.option("dismiss").worst_case.amount, kr(400));
}
