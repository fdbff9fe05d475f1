//! What a person decides: what is refused and why, what follows, and what happens when the truth shows later.

use domain::reservation::{
    Closing, Decision, Fact, LedgerRow, Operation, Origin, ProviderFact, ReviewFact, ReviewReason,
    RowKind,
};
use domain::review::{
    DecisionError, DecisionRequest, PastDecision, RemedyAct, decide as decide_review, in_doubt,
    subjects,
};
use domain::{Case, IntentId, JobKind};
use testkit::named;

use crate::booking::{
    Booking, RES, cancel, capture, charge, complete, delivered, hours, kr, names, on, refund, row,
};
use crate::review_packs::{asked, external, pack, to_review};

/// A decision on the evidence in force.
fn asking(booking: &Booking, word: &str) -> DecisionRequest {
    DecisionRequest {
        decision: word.into(),
        reference: None,
        note: "Looked into the portal".into(),
        evidence_version: booking.r.evidence_version,
    }
}

pub(crate) fn confirming(booking: &Booking, reference: &str) -> DecisionRequest {
    DecisionRequest {
        reference: Some(reference.into()),
        ..asking(booking, "confirm")
    }
}

fn case_of(booking: &Booking) -> Case<'_> {
    Case::new(&booking.r, &booking.merchant, booking.now)
}

/// What a decision about a request whose outcome is unknown makes.
pub(crate) fn decided(
    booking: &Booking,
    id: &IntentId,
    request: &DecisionRequest,
) -> Result<Vec<Fact>, DecisionError> {
    let about = in_doubt(&booking.r, booking.intent(id)).expect("an open review");
    decide_review(case_of(booking), &about, request)
}

/// What a decision about the review of this reason makes.
fn decided_about(
    booking: &Booking,
    reason: ReviewReason,
    request: &DecisionRequest,
) -> Result<Vec<Fact>, DecisionError> {
    let all = subjects(&booking.r);
    let about = all.iter().find(|subject| subject.reason == reason);
    let about = about.expect("an open review");
    decide_review(case_of(booking), about, request)
}

/// Decides, folds in what follows, and hands back the names of the facts.
fn decide(
    booking: &mut Booking,
    id: &IntentId,
    request: &dyn Fn(&Booking) -> DecisionRequest,
) -> Vec<&'static str> {
    let facts = decided(booking, id, &request(booking)).expect("a decision that is taken");
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
    let row = external("CHA1", RowKind::Charge, 400, &booking);
    booking.fold(&[Fact::Provider(ProviderFact::RowPosted { row })]);
    let id = asked(&mut booking, capture(&[on(1, 400)]));
    let (resolved, current) = (&booking.r.intents[0], booking.r.evidence_version);
    assert!(
        in_doubt(&booking.r, resolved).is_none(),
        "nothing to decide"
    );
    let with_note = |note: &str| DecisionRequest {
        note: note.into(),
        ..asking(&booking, "reject")
    };
    let on_version = |evidence_version| DecisionRequest {
        evidence_version,
        ..asking(&booking, "reject")
    };
    let named_for = |word: &str| DecisionRequest {
        decision: word.into(),
        ..confirming(&booking, "CAP9")
    };
    let table = [
        (on_version(current - 1), "EvidenceChanged"),
        (on_version(current + 1), "EvidenceChanged"),
        (confirming(&booking, "CAP9"), "NotShown"),
        (confirming(&booking, "CHA1"), "NotShown"),
        (confirming(&booking, "CAP1"), "OfAnother"),
        (confirming(&booking, ""), "field reference"),
        (confirming(&booking, &"9".repeat(65)), "field reference"),
        (named_for("reject"), "field reference"),
        (named_for("retry"), "field reference"),
        (named_for("dismiss"), "field reference"),
        (asking(&booking, "dismiss"), "field decision"),
        (asking(&booking, "wait"), "field decision"),
        (asking(&booking, "applied"), "field decision"),
        (asking(&booking, ""), "field decision"),
        (with_note(""), "field note"),
        (with_note("  "), "field note"),
        (with_note(&"x".repeat(501)), "field note"),
        (with_note("one\u{7}two"), "field note"),
    ];
    for (request, expected) in table {
        let error = decided(&booking, &id, &request).expect_err(expected);
        assert_eq!(kind(&error), expected, "{request:?}: {error}");
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
        ..external("CHA8", RowKind::Charge, 400, &booking)
    };
    booking.fold(&[Fact::Provider(ProviderFact::RowPosted { row: unshown })]);
    let error = decided(&booking, &id, &confirming(&booking, "CHA8"))
        .expect_err("details have not shown it");
    assert_eq!(
        error.to_string(),
        "details show no charge CHA8 that can be the effect"
    );
}

#[test]
fn a_stale_decision_names_both_versions_and_a_read_without_news_makes_none_stale() {
    let mut booking = Booking::new(&[1000]).held();
    let id = asked(&mut booking, charge(400));
    let given = booking.r.evidence_version;
    let request = asking(&booking, "reject");
    let seen = booking.seen();
    booking.read(&seen);
    assert!(
        decided(&booking, &id, &request).is_ok(),
        "nothing new was read"
    );
    let row = external("CHA9", RowKind::Charge, 400, &booking);
    booking.fold(&[Fact::Provider(ProviderFact::RowPosted { row })]);
    let current = booking.r.evidence_version;
    let error = decided(&booking, &id, &request).expect_err("stale");
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
        let facts = decide(&mut booking, &id, &|b| asking(b, "confirm"));
        assert_eq!(
            facts,
            [
                "review_decided",
                "intent_confirmed",
                "refresh_requested",
                "review_closed"
            ]
        );
        assert_eq!(
            (
                booking.state(&id),
                booking.r.booked(kind),
                booking.reviews().len()
            ),
            ("done", kr(400), 0)
        );
        assert!(!booking.r.ledger[0].confirmed, "{kind}");
        // It never shows: the question comes back.
        let mut missing = same(&booking);
        missing.now = booking.now + hours(25);
        missing.read(&before);
        assert_eq!(missing.reviews().len(), 1, "{kind}");
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
            .map(|row| (row.reference.clone(), row.confirmed))
            .collect();
        assert_eq!(rows, [(Some(named("ROW1")), true)], "{kind}");
    }
}

#[test]
fn a_row_that_was_nobodys_is_taken_over_as_details_show_it() {
    for (kroner, lines) in [(400, vec![on(1, 400)]), (350, vec![])] {
        let mut booking = Booking::new(&[1000]).held();
        let id = asked(&mut booking, capture(&[on(1, 400)]));
        let row = external("CAP9", RowKind::Capture, kroner, &booking);
        booking.fold(&[Fact::Provider(ProviderFact::RowPosted { row })]);
        let facts = decide(&mut booking, &id, &|b| confirming(b, "CAP9"));
        assert_eq!(
            facts,
            ["review_decided", "intent_confirmed", "review_closed"],
            "{kroner}"
        );
        let [row] = booking.r.ledger.as_slice() else {
            panic!("one row: {:?}", booking.r.ledger)
        };
        assert_eq!(
            (row.intent.as_ref(), row.intent.is_none(), row.amount),
            (Some(&id), false, kr(kroner))
        );
        assert_eq!(
            (booking.state(&id), &row.lines),
            ("done", &lines),
            "{kroner}"
        );
        assert_eq!(booking.r.capturable(), kr(1000 - kroner));
        // Somebody else's decision about it comes too late.
        assert!(in_doubt(&booking.r, booking.intent(&id)).is_none());
    }
}

#[test]
fn a_refund_is_taken_for_done_when_details_show_that_much_more_given_back() {
    let mut booking = Booking::new(&[1000]).captured(1000);
    let id = asked(&mut booking, refund("CAP1", &[on(1, 300)]));
    let error =
        decided(&booking, &id, &confirming(&booking, "CAP1")).expect_err("nothing was given back");
    assert_eq!(kind(&error), "NotShown");
    assert_eq!(
        kind(&decided(&booking, &id, &confirming(&booking, "CAP2")).expect_err("another row")),
        "NotShown"
    );
    let mut vouched = same(&booking);
    decide(&mut vouched, &id, &|b| asking(b, "confirm"));
    assert!(!vouched.r.ledger[1].confirmed, "it has to show itself");
    vouched.fold(&[Fact::Provider(ProviderFact::RefundSeen {
        reference: named("CAP1"),
        refunded: kr(300),
    })]);
    assert!(vouched.r.ledger[1].confirmed);
    booking.fold(&[Fact::Provider(ProviderFact::RefundSeen {
        reference: named("CAP1"),
        refunded: kr(500),
    })]);
    decide(&mut booking, &id, &|b| confirming(b, "CAP1"));
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
            kind(&decided(&booking, &id, &confirming(&booking, "CAP1")).expect_err("a reference")),
            "field reference"
        );
        decide(&mut booking, &id, &|b| asking(b, "confirm"));
        assert_eq!(
            (booking.r.status().as_str(), booking.reviews().len()),
            (status, 0)
        );
    }
}

#[test]
fn the_id_that_a_person_names_for_a_submit_is_verified_before_it_is_taken_on() {
    let mut booking = Booking::new(&[1000]);
    let id = booking.r.intents[0].id.clone();
    booking.lose(&id);
    to_review(&mut booking, &id);
    assert_eq!(
        kind(&decided(&booking, &id, &asking(&booking, "confirm")).expect_err("no id")),
        "field reference"
    );
    decide(&mut booking, &id, &|b| confirming(b, RES));
    assert_eq!(
        (booking.state(&id), booking.reviews().len()),
        ("unknown", 0)
    );
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
    to_review(&mut booking, &id);
    let facts = decide(&mut booking, &id, &|b| asking(b, "reject"));
    assert_eq!(
        facts,
        [
            "review_decided",
            "intent_withdrawn",
            "job_cancelled",
            "review_closed"
        ]
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
    let facts = decide(&mut booking, &id, &|b| asking(b, "retry"));
    assert_eq!(
        facts,
        ["review_decided", "effect_ruled_out", "review_closed"]
    );
    let seen = booking.seen();
    booking.read(&seen);
    assert_eq!(
        booking.decide_intent(&id),
        domain::decide::Step::Send(id.clone())
    );
    booking.send(&id);
    assert_eq!(
        booking.intent(&id).attempts(),
        2,
        "one more attempt, under the same marker"
    );
}

#[test]
fn a_retry_is_refused_where_nothing_may_be_sent() {
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
                b.fold(&[Fact::Provider(ProviderFact::Closed {
                    how: Closing::Cancelled,
                    at: b.now,
                    origin: Origin::External,
                })]);
            },
            "closed",
        ),
        (
            "the hold is over",
            capture(&[on(1, 400)]),
            |b| b.fold(&[Fact::Provider(ProviderFact::HoldLapsed { at: b.now })]),
            "expired",
        ),
        (
            "too little is left",
            capture(&[on(1, 400)]),
            |b| {
                let row = external("CAP9", RowKind::Capture, 700, b);
                b.fold(&[Fact::Provider(ProviderFact::RowPosted { row })]);
            },
            "less is left",
        ),
    ];
    for (what, operation, change, reason) in table {
        let mut booking = Booking::new(&[1000]).held();
        let id = asked(&mut booking, operation);
        change(&mut booking);
        let error = decided(&booking, &id, &asking(&booking, "retry")).expect_err(what);
        assert!(
            matches!(&error, DecisionError::NotSendable { reason: result } if result.contains(reason)),
            "{what}: {error}"
        );
        assert!(
            decided(&booking, &id, &asking(&booking, "reject")).is_ok(),
            "{what}"
        );
    }
}

#[test]
fn a_review_is_dismissed_and_a_frozen_reservation_goes_on() {
    let mut booking = Booking::new(&[1000]).held();
    let raised = |reason, freezes, at| {
        Fact::Review(ReviewFact::Raised {
            reason,
            freezes,
            at,
        })
    };
    booking.fold(&[
        raised(ReviewReason::ProviderRefused, true, booking.now),
        raised(ReviewReason::MissingAtProvider, true, booking.now),
    ]);
    assert!(booking.r.is_frozen());
    for (reason, expected) in [
        (
            ReviewReason::ProviderRefused,
            &["review_decided", "review_closed"][..],
        ),
        (
            ReviewReason::MissingAtProvider,
            &["review_decided", "refresh_requested", "review_closed"],
        ),
    ] {
        let request = asking(&booking, "dismiss");
        let facts = decided_about(&booking, reason, &request).expect("dismissed");
        assert_eq!(names(&facts), expected, "{reason}");
        booking.fold(&facts);
    }
    assert!(!booking.r.is_frozen() && booking.r.control.reviews.is_empty());
}

#[test]
fn what_no_request_in_doubt_stands_behind_is_dismissed_and_nothing_else() {
    let mut booking = Booking::new(&[1000]).held();
    asked(&mut booking, charge(400));
    booking.fold(&[Fact::Review(ReviewFact::Raised {
        reason: ReviewReason::ProviderRefused,
        freezes: false,
        at: booking.now,
    })]);
    for word in ["confirm", "reject", "retry", "wait"] {
        let request = asking(&booking, word);
        let error =
            decided_about(&booking, ReviewReason::ProviderRefused, &request).expect_err(word);
        assert_eq!(kind(&error), "field decision", "{word}");
    }
    let stale = DecisionRequest {
        evidence_version: 1,
        ..asking(&booking, "dismiss")
    };
    let empty = DecisionRequest {
        note: String::new(),
        ..asking(&booking, "dismiss")
    };
    for (request, expected) in [(stale, "EvidenceChanged"), (empty, "field note")] {
        let error =
            decided_about(&booking, ReviewReason::ProviderRefused, &request).expect_err(expected);
        assert_eq!(kind(&error), expected);
    }
}

#[test]
fn case_109_an_effect_that_shows_after_a_person_denied_it_names_the_decision_and_drafts_the_remedy()
{
    let mut booking = Booking::new(&[1000]).held();
    let before = booking.seen();
    let id = asked(&mut booking, capture(&[on(1, 400)]));
    let facts = decided(&booking, &id, &asking(&booking, "reject")).expect("a decision");
    booking.fold(&facts);
    let Some(Fact::Review(ReviewFact::Decided {
        intent,
        reason,
        decision: record,
    })) = facts.first().cloned()
    else {
        panic!("the decision comes first: {facts:?}");
    };
    let past = PastDecision {
        seq: 9,
        at: booking.now,
        actor: "key:admin".into(),
        intent,
        reason,
        record,
    };
    booking.now += hours(24);
    let mut seen = before;
    seen.captures
        .push(row("CAP1", 400, Some(booking.text_of(&id))));
    seen.captured = kr(400);
    booking.read(&seen);
    assert_eq!(booking.reviews(), ["late_effect"]);
    let pack = pack(&booking, ReviewReason::LateEffect, &[past]);
    let decisions = &pack.evidence.decisions;
    assert_eq!(decisions.len(), 1);
    assert_eq!(decisions[0].record.decision, Decision::Reject);
    let [remedy] = pack.remedies.as_slice() else {
        panic!("one remedy: {:?}", pack.remedies);
    };
    let RemedyAct::Refund(request) = &remedy.act else {
        panic!("a refund: {remedy:?}");
    };
    assert_eq!(request.reference.as_deref(), Some("CAP1"));
}
