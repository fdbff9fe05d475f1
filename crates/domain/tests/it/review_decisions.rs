//! What a person decides: what is refused and why, what follows, and what happens when the truth shows later.

use domain::reservation::{Closing, Fact, LedgerRow, Operation, ReviewReason, RowKind, Verdict};
use domain::review::{Clearing, DecisionError, PastDecision, Resolution, Ruling, clear, resolve};
use domain::{IntentId, JobKind};

use crate::booking::{
    Booking, RES, cancel, capture, charge, complete, delivered, hours, kr, names, on, refund, row,
};
use crate::review_packs::{asked, foreign, pack, to_desk};

fn saying(outcome: Ruling) -> Resolution {
    Resolution {
        outcome,
        reference: None,
        note: "Looked into the portal".into(),
        evidence_version: None,
    }
}

fn applied(reference: &str) -> Resolution {
    Resolution {
        reference: Some(reference.into()),
        ..saying(Ruling::Applied)
    }
}

fn clearing(reason: ReviewReason) -> Clearing {
    Clearing {
        reason,
        note: "Dealt with".into(),
        evidence_version: None,
    }
}

fn decided(
    booking: &Booking,
    id: &IntentId,
    resolution: &Resolution,
) -> Result<Vec<Fact>, DecisionError> {
    resolve(&booking.r, id, resolution, &booking.merchant, booking.now)
}

/// Decides, folds in what follows, and hands back the names of the facts.
fn decide(booking: &mut Booking, id: &IntentId, resolution: &Resolution) -> Vec<&'static str> {
    let facts = decided(booking, id, resolution).expect("a decision that is taken");
    booking.fold(&facts);
    names(&facts)
}

/// The same reservation at the same time, to try something else on.
fn same(booking: &Booking) -> Booking {
    let mut same = Booking::new(&[1000]);
    (same.r, same.now) = (booking.r.clone(), booking.now);
    same
}

/// The kind of error, for tables.
fn kind(error: &DecisionError) -> String {
    match error {
        DecisionError::Field(fault) => format!("field {}", fault.field),
        other => format!("{other:?}")
            .split([' ', '{'])
            .next()
            .unwrap_or_default()
            .to_owned(),
    }
}

#[test]
fn every_decision_that_cannot_be_taken_is_refused_by_name_and_changes_nothing() {
    let mut booking = Booking::new(&[1000]).captured(200);
    let row = foreign("CHA1", RowKind::Charge, 400, &booking);
    booking.fold(&[Fact::ForeignRow { row }]);
    let id = asked(&mut booking, capture(&[on(1, 400)]));
    let (settled, current) = (booking.r.intents[0].id.clone(), booking.r.evidence_version);
    let with_note = |note: &str| Resolution {
        note: note.into(),
        ..saying(Ruling::NotApplied)
    };
    let on_version = |version| Resolution {
        evidence_version: Some(version),
        ..saying(Ruling::NotApplied)
    };
    let named_for = |outcome| Resolution {
        reference: Some("CAP9".into()),
        ..saying(outcome)
    };
    let table = [
        (settled, saying(Ruling::Applied), "NotAtDesk"),
        (id.clone(), on_version(current - 1), "EvidenceChanged"),
        (id.clone(), on_version(current + 1), "EvidenceChanged"),
        (id.clone(), applied("CAP9"), "NotShown"),
        (id.clone(), applied("CHA1"), "NotShown"),
        (id.clone(), applied("CAP1"), "OfAnother"),
        (id.clone(), applied(""), "field reference"),
        (id.clone(), applied(&"9".repeat(65)), "field reference"),
        (id.clone(), named_for(Ruling::NotApplied), "field reference"),
        (id.clone(), named_for(Ruling::Resend), "field reference"),
        (id.clone(), with_note(""), "field note"),
        (id.clone(), with_note("  "), "field note"),
        (id.clone(), with_note(&"x".repeat(501)), "field note"),
        (id.clone(), with_note("one\u{7}two"), "field note"),
    ];
    for (id, resolution, expected) in table {
        let error = decided(&booking, &id, &resolution).expect_err(expected);
        assert_eq!(kind(&error), expected, "{resolution:?}: {error}");
    }
    assert!(decided(&booking, &id, &with_note(&"x".repeat(500))).is_ok());
    assert!(decided(&booking, &id, &on_version(current)).is_ok());
}

#[test]
fn only_what_is_shown_and_unclaimed_is_taken_for_the_effect() {
    let mut booking = Booking::new(&[1000]).held();
    booking.capture(&[on(1, 100)], "CAP2");
    let id = asked(&mut booking, charge(400));
    let unshown = LedgerRow {
        confirmed: false,
        ..foreign("CHA8", RowKind::Charge, 400, &booking)
    };
    booking.fold(&[Fact::ForeignRow { row: unshown }]);
    let error = decided(&booking, &id, &applied("CHA8")).expect_err("details have not shown it");
    assert_eq!(
        error.to_string(),
        "details show no charge CHA8 that can be it"
    );
}

#[test]
fn a_stale_decision_names_both_versions_and_a_read_without_news_makes_none_stale() {
    let mut booking = Booking::new(&[1000]).held();
    let id = asked(&mut booking, charge(400));
    let given = booking.r.evidence_version;
    let resolution = Resolution {
        evidence_version: Some(given),
        ..saying(Ruling::NotApplied)
    };
    let seen = booking.seen();
    booking.read(&seen);
    assert!(
        decided(&booking, &id, &resolution).is_ok(),
        "nothing new was read"
    );
    let row = foreign("CHA9", RowKind::Charge, 400, &booking);
    booking.fold(&[Fact::ForeignRow { row }]);
    let current = booking.r.evidence_version;
    let error = decided(&booking, &id, &resolution).expect_err("stale");
    assert_eq!(error, DecisionError::EvidenceChanged { given, current });
    assert!(current > given);
}

#[test]
fn what_a_person_vouches_for_without_a_reference_is_booked_and_has_to_show_itself() {
    for operation in [capture(&[on(1, 400)]), charge(400)] {
        let kind = operation.row_kind().expect("a money operation");
        let mut booking = Booking::new(&[1000]).held();
        let before = booking.seen();
        let id = asked(&mut booking, operation);
        let facts = decide(&mut booking, &id, &saying(Ruling::Applied));
        assert_eq!(
            facts,
            ["decided", "intent_confirmed", "read_wanted", "desk_cleared"]
        );
        assert_eq!(
            (
                booking.state(&id),
                booking.r.booked(kind),
                booking.desk().len()
            ),
            ("done", kr(400), 0)
        );
        assert!(!booking.r.ledger[0].confirmed, "{kind}");
        // It never shows: the question comes back.
        let mut missing = same(&booking);
        missing.now = booking.now + hours(25);
        missing.read(&before);
        assert_eq!(missing.desk().len(), 1, "{kind}");
        // It shows, with our marker: it takes its name, once.
        let mut seen = before;
        let shown = vec![row("ROW1", 400, Some(booking.text_of(&id)))];
        if kind == RowKind::Capture {
            (seen.captures, seen.captured) = (shown, kr(400));
        } else {
            (seen.charges, seen.charged) = (shown, kr(400));
        }
        booking.read(&seen);
        let rows: Vec<_> = booking
            .r
            .ledger
            .iter()
            .map(|row| (row.reference.as_deref(), row.confirmed))
            .collect();
        assert_eq!(rows, [(Some("ROW1"), true)], "{kind}");
    }
}

#[test]
fn a_row_that_was_nobodys_is_taken_over_as_details_show_it() {
    for (kroner, lines) in [(400, vec![on(1, 400)]), (350, vec![])] {
        let mut booking = Booking::new(&[1000]).held();
        let id = asked(&mut booking, capture(&[on(1, 400)]));
        let row = foreign("CAP9", RowKind::Capture, kroner, &booking);
        booking.fold(&[Fact::ForeignRow { row }]);
        let facts = decide(&mut booking, &id, &applied("CAP9"));
        assert_eq!(
            facts,
            ["decided", "intent_confirmed", "desk_cleared"],
            "{kroner}"
        );
        let [row] = booking.r.ledger.as_slice() else {
            panic!("one row: {:?}", booking.r.ledger)
        };
        assert_eq!(
            (row.intent.as_ref(), row.foreign, row.amount),
            (Some(&id), false, kr(kroner))
        );
        assert_eq!(
            (booking.state(&id), &row.lines),
            ("done", &lines),
            "{kroner}"
        );
        assert_eq!(booking.r.capturable(), kr(1000 - kroner));
        // Somebody else's decision about it comes too late.
        assert_eq!(
            kind(&decided(&booking, &id, &applied("CAP9")).expect_err("settled")),
            "NotAtDesk"
        );
    }
}

#[test]
fn a_refund_is_taken_for_done_when_details_show_that_much_more_given_back() {
    let mut booking = Booking::new(&[1000]).captured(1000);
    let id = asked(&mut booking, refund("CAP1", &[on(1, 300)]));
    let error = decided(&booking, &id, &applied("CAP1")).expect_err("nothing was given back");
    assert_eq!(kind(&error), "NotShown");
    assert_eq!(
        kind(&decided(&booking, &id, &applied("CAP2")).expect_err("another row")),
        "NotShown"
    );
    let mut vouched = same(&booking);
    decide(&mut vouched, &id, &saying(Ruling::Applied));
    assert!(!vouched.r.ledger[1].confirmed, "it has to show itself");
    vouched.fold(&[Fact::RefundSeen {
        reference: "CAP1".into(),
        refunded: kr(300),
    }]);
    assert!(vouched.r.ledger[1].confirmed);
    booking.fold(&[Fact::RefundSeen {
        reference: "CAP1".into(),
        refunded: kr(500),
    }]);
    decide(&mut booking, &id, &applied("CAP1"));
    assert_eq!(
        (booking.state(&id), booking.r.booked(RowKind::Refund)),
        ("done", kr(300))
    );
    assert!(booking.r.ledger[1].confirmed);
}

#[test]
fn a_cancel_or_complete_that_a_person_vouches_for_closes_the_books_and_has_no_reference() {
    for (operation, status) in [(cancel(), "cancelled"), (complete(), "completed")] {
        let mut booking = Booking::new(&[1000]).held();
        let id = asked(&mut booking, operation);
        assert_eq!(
            kind(&decided(&booking, &id, &applied("CAP1")).expect_err("a reference")),
            "field reference"
        );
        decide(&mut booking, &id, &saying(Ruling::Applied));
        assert_eq!(
            (booking.r.status().as_str(), booking.desk().len()),
            (status, 0)
        );
    }
}

#[test]
fn the_id_that_a_person_names_for_a_submit_is_verified_before_it_is_taken_on() {
    let mut booking = Booking::new(&[1000]);
    let id = booking.r.intents[0].id.clone();
    booking.lose(&id);
    to_desk(&mut booking, &id);
    assert_eq!(
        kind(&decided(&booking, &id, &saying(Ruling::Applied)).expect_err("no id")),
        "field reference"
    );
    decide(&mut booking, &id, &applied(RES));
    assert_eq!((booking.state(&id), booking.desk().len()), ("unknown", 0));
    assert_eq!(
        booking.r.provider.reservation_uuid, None,
        "nothing is taken on a word"
    );
    assert_eq!(
        booking.decide_intent(&id),
        domain::decide::Step::Search(id),
        "it is looked for at once"
    );
}

#[test]
fn what_did_not_happen_is_given_up_and_the_policy_does_not_take_it_up_again() {
    let mut booking = Booking::new(&[1000]).held();
    booking.fold(&[delivered("D-1", booking.now, &[on(1, 1000)], true)]);
    let key = "capture:auto:1";
    assert!(matches!(
        booking.run(JobKind::Capture, key),
        domain::decide::Step::Send(_)
    ));
    let id = booking.last_intent().id.clone();
    booking.lose(&id);
    to_desk(&mut booking, &id);
    let facts = decide(&mut booking, &id, &saying(Ruling::NotApplied));
    assert_eq!(
        facts,
        ["decided", "intent_withdrawn", "job_stopped", "desk_cleared"]
    );
    assert_eq!(booking.state(&id), "withdrawn");
    assert!(
        !booking
            .jobs()
            .iter()
            .any(|job| job.kind == JobKind::Capture),
        "{:?}",
        booking.keys()
    );
}

#[test]
fn case_112_a_charge_is_sent_again_by_a_person_alone() {
    let mut booking = Booking::new(&[1000]).held();
    let id = asked(&mut booking, charge(400));
    assert_eq!(
        booking.decide_intent(&id),
        domain::decide::Step::Done,
        "never by itself"
    );
    let facts = decide(&mut booking, &id, &saying(Ruling::Resend));
    assert_eq!(facts, ["decided", "intent_absent", "desk_cleared"]);
    let seen = booking.seen();
    booking.read(&seen);
    assert_eq!(
        booking.decide_intent(&id),
        domain::decide::Step::Send(id.clone())
    );
    booking.send(&id);
    assert_eq!(
        booking.intent(&id).attempts,
        2,
        "one more attempt, under the same marker"
    );
}

#[test]
fn a_resend_is_refused_where_nothing_may_be_sent() {
    type Change = fn(&mut Booking);
    let table: [(&str, Operation, Change, &str); 5] = [
        (
            "the deadline",
            capture(&[on(1, 400)]),
            |b| b.now += hours(24 * 7),
            "before its deadline",
        ),
        (
            "charging is over",
            charge(400),
            |b| b.now += hours(24 * 91),
            "before its deadline",
        ),
        (
            "it is closed",
            capture(&[on(1, 400)]),
            |b| {
                b.fold(&[Fact::Closed {
                    how: Closing::Cancelled,
                    at: b.now,
                    foreign: true,
                }]);
            },
            "closed",
        ),
        (
            "the hold is over",
            capture(&[on(1, 400)]),
            |b| b.fold(&[Fact::HoldExpired { at: b.now }]),
            "expired",
        ),
        (
            "too little is left",
            capture(&[on(1, 400)]),
            |b| {
                let row = foreign("CAP9", RowKind::Capture, 700, b);
                b.fold(&[Fact::ForeignRow { row }]);
            },
            "less is left",
        ),
    ];
    for (what, operation, change, reason) in table {
        let mut booking = Booking::new(&[1000]).held();
        let id = asked(&mut booking, operation);
        change(&mut booking);
        let error = decided(&booking, &id, &saying(Ruling::Resend)).expect_err(what);
        assert!(
            matches!(&error, DecisionError::NotSendable { reason: told } if told.contains(reason)),
            "{what}: {error}"
        );
        assert!(
            decided(&booking, &id, &saying(Ruling::NotApplied)).is_ok(),
            "{what}"
        );
    }
}

#[test]
fn an_item_is_cleared_by_its_reason_and_a_frozen_reservation_goes_on() {
    let mut booking = Booking::new(&[1000]).held();
    let raised = |reason, freezes, at| Fact::DeskRaised {
        reason,
        freezes,
        at,
    };
    booking.fold(&[
        raised(ReviewReason::Refused, true, booking.now),
        raised(ReviewReason::NotFound, true, booking.now),
    ]);
    assert!(booking.r.is_frozen());
    for (reason, expected) in [
        (ReviewReason::Refused, &["decided", "desk_cleared"][..]),
        (
            ReviewReason::NotFound,
            &["decided", "desk_cleared", "read_wanted"],
        ),
    ] {
        let facts = clear(&booking.r, &clearing(reason)).expect("cleared");
        assert_eq!(names(&facts), expected, "{reason}");
        booking.fold(&facts);
    }
    assert!(!booking.r.is_frozen() && booking.r.control.desk.is_empty());
}

#[test]
fn what_cannot_be_cleared_is_refused_by_name() {
    let mut booking = Booking::new(&[1000]).held();
    let empty =
        clear(&booking.r, &clearing(ReviewReason::Refused)).expect_err("nothing lies there");
    assert_eq!(
        empty.to_string(),
        "nothing lies on the desk as refused; it is empty"
    );
    let id = asked(&mut booking, charge(400));
    let other =
        clear(&booking.r, &clearing(ReviewReason::Refused)).expect_err("something else lies there");
    assert_eq!(
        other.to_string(),
        "nothing lies on the desk as refused; there is charge_unknown"
    );
    let doubt =
        clear(&booking.r, &clearing(ReviewReason::ChargeUnknown)).expect_err("a request in doubt");
    assert_eq!(
        doubt,
        DecisionError::InDoubt {
            reason: ReviewReason::ChargeUnknown,
            intent: id
        }
    );
    booking.fold(&[Fact::DeskRaised {
        reason: ReviewReason::Refused,
        freezes: false,
        at: booking.now,
    }]);
    let stale = Clearing {
        evidence_version: Some(1),
        ..clearing(ReviewReason::Refused)
    };
    assert_eq!(
        kind(&clear(&booking.r, &stale).expect_err("stale")),
        "EvidenceChanged"
    );
    let empty = Clearing {
        note: String::new(),
        ..clearing(ReviewReason::Refused)
    };
    assert_eq!(
        kind(&clear(&booking.r, &empty).expect_err("no note")),
        "field note"
    );
}

#[test]
fn case_109_an_effect_that_shows_after_a_person_denied_it_names_the_decision_and_drafts_the_remedy()
{
    let mut booking = Booking::new(&[1000]).held();
    let before = booking.seen();
    let id = asked(&mut booking, capture(&[on(1, 400)]));
    let facts = decided(&booking, &id, &saying(Ruling::NotApplied)).expect("a decision");
    booking.fold(&facts);
    let Some(Fact::Decided {
        intent,
        reason,
        decision,
    }) = facts.first().cloned()
    else {
        panic!("the decision comes first: {facts:?}");
    };
    let past = PastDecision {
        seq: 9,
        at: booking.now,
        by: "key:admin".into(),
        intent,
        reason,
        decision,
    };
    booking.now += hours(24);
    let mut seen = before;
    seen.captures
        .push(row("CAP1", 400, Some(booking.text_of(&id))));
    seen.captured = kr(400);
    booking.read(&seen);
    assert_eq!(booking.desk(), ["late_effect"]);
    let pack = pack(&booking, ReviewReason::LateEffect, &[past]);
    assert_eq!(pack.decisions.len(), 1);
    assert_eq!(pack.decisions[0].decision.verdict, Verdict::NotApplied);
    assert_eq!(pack.remedies.len(), 1);
    let call = pack.remedies[0].call.as_ref().expect("a call");
    assert_eq!(call.body["reference"], "CAP1");
}
