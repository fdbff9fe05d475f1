//! Reviews: the rows follow the facts, in the transaction of the facts.

use chrono::TimeDelta;
use domain::decide::Planner;
use domain::reservation::{Decision, DecisionRecord, LineAmount, Operation, ReviewReason};
use domain::review::ReviewStatus;
use domain::{
    Case, Clock as _, Fact, IntentFact, IntentId, Money, ProviderFact, Reservation, ReviewFact,
    SystemEntropy,
};
use store::{Review, ReviewCursor, ReviewFilter};
use testkit::named;

use crate::harness::{Fresh, merchant};
use crate::reservations::{account, created, record, submitted};

/// A reservation whose 1,000 kroner are held.
async fn held(fresh: &Fresh, reference: &str) -> Reservation {
    let (mut r, submit) = created(fresh, reference).await;
    let uuid = format!("RES{reference}");
    record(fresh, &mut r, &submitted(fresh, &submit, &uuid)).await;
    let held = Fact::Provider(ProviderFact::HoldPlaced {
        at: fresh.clock.now(),
        amount: Money::kroner(1000),
    });
    record(fresh, &mut r, &[held]).await;
    r
}

fn raised(fresh: &Fresh, reason: ReviewReason, freezes: bool) -> Fact {
    Fact::Review(ReviewFact::Raised {
        reason,
        freezes,
        at: fresh.clock.now(),
    })
}

/// A capture of so many kroner whose outcome a person has to say.
async fn in_doubt(fresh: &Fresh, r: &mut Reservation, kroner: u32) -> IntentId {
    let planner = Planner {
        entropy: &SystemEntropy,
        marker_key: b"key",
    };
    let at = fresh.clock.now();
    let operation = Operation::Capture {
        lines: vec![LineAmount {
            line: 1,
            amount: Money::kroner(kroner),
        }],
        note: None,
    };
    let intent = planner.intent(Case::new(r, &account(), at), operation, None, "key:admin");
    let id = intent.id.clone();
    record(fresh, r, &[Fact::Planned(Box::new(intent))]).await;
    let (intent, attempt) = (id.clone(), 1);
    let facts = [
        Fact::Intent(intent.clone(), IntentFact::AttemptWritten { attempt, at }),
        Fact::Intent(intent.clone(), IntentFact::AttemptSent { attempt, at }),
        Fact::Intent(
            intent.clone(),
            IntentFact::OutcomeUnknown {
                reason: "timeout".to_owned(),
            },
        ),
        Fact::Intent(
            intent,
            IntentFact::Escalated {
                reason: ReviewReason::CaptureUnknown,
                at,
            },
        ),
    ];
    record(fresh, r, &facts).await;
    id
}

fn decided(r: &Reservation, about: &Review, decision: Decision) -> Fact {
    Fact::Review(ReviewFact::Decided {
        intent: about.intent.clone(),
        reason: about.reason,
        decision: DecisionRecord {
            decision,
            note: "Looked into the portal".to_owned(),
            evidence_version: r.evidence_version,
        },
    })
}

async fn open(fresh: &Fresh, r: &Reservation) -> Vec<Review> {
    fresh.store.open_reviews(&[&r.id]).await.expect("reads")
}

async fn one(fresh: &Fresh, about: &Review) -> Review {
    let found = fresh.store.review(&about.id).await.expect("reads");
    found.expect("is there")
}

async fn listed(fresh: &Fresh, filter: &ReviewFilter) -> Vec<Review> {
    let page = fresh.store.reviews(filter, 200, None).await.expect("reads");
    assert_eq!(page.next, None);
    page.items
}

fn reasons(reviews: &[Review]) -> Vec<ReviewReason> {
    reviews.iter().map(|review| review.reason).collect()
}

pub(crate) async fn a_review_is_raised_in_the_transaction_of_its_facts(fresh: Fresh) {
    let mut r = held(&fresh, "BOOK-1").await;
    assert_eq!(open(&fresh, &r).await, []);
    let mut tx = fresh.store.begin().await.expect("begins");
    let mut undone = r.clone();
    let facts = [raised(&fresh, ReviewReason::ProviderRefused, true)];
    tx.record(&mut undone, &facts, &account(), "worker", None)
        .await
        .expect("records");
    tx.rollback().await.expect("rolls back");
    assert_eq!(open(&fresh, &r).await, [], "nothing has happened");

    record(&fresh, &mut r, &facts).await;
    let [review] = &open(&fresh, &r).await[..] else {
        panic!("one review");
    };
    assert!(review.id.as_str().starts_with("rvw_"));
    assert_eq!(
        (review.status(), review.reason, review.freezes, &review.end),
        (
            ReviewStatus::Open,
            ReviewReason::ProviderRefused,
            true,
            &None
        )
    );
    assert_eq!(
        (&review.reservation, review.reference.as_deref()),
        (&Some(r.id.clone()), Some("BOOK-1"))
    );
    assert_eq!(
        (&review.intent, &review.job, &review.merchant),
        (&None, &None, &merchant("default"))
    );
    assert_eq!(
        (review.amount, review.raised_at, review.act_before),
        (
            Money::kroner(1000),
            fresh.clock.now(),
            r.capture_by(&account())
        )
    );
    assert_eq!(review.evidence_version, r.evidence_version);
    assert!(review.message.contains("refused"), "{}", review.message);
    assert_eq!(&one(&fresh, review).await, review);
}

pub(crate) async fn an_open_review_follows_the_evidence(fresh: Fresh) {
    let mut r = held(&fresh, "BOOK-1").await;
    record(
        &fresh,
        &mut r,
        &[raised(&fresh, ReviewReason::WindowClosing, false)],
    )
    .await;
    let before = open(&fresh, &r).await.remove(0);
    let id = in_doubt(&fresh, &mut r, 400).await;
    let after = one(&fresh, &before).await;
    assert_eq!(
        after.amount,
        Money::kroner(600),
        "what is in doubt is spent"
    );
    assert_eq!(after.evidence_version, r.evidence_version);
    assert!(after.evidence_version > before.evidence_version);
    // What was only looked for in vain changes nothing.
    let trace = Fact::Intent(
        id,
        IntentFact::EffectNotSeen {
            clean: true,
            at: fresh.clock.now(),
        },
    );
    record(&fresh, &mut r, &[trace]).await;
    assert_eq!(one(&fresh, &before).await, after);
    let freezes = raised(&fresh, ReviewReason::WindowClosing, true);
    record(&fresh, &mut r, &[freezes]).await;
    let frozen = one(&fresh, &before).await;
    assert!(frozen.freezes && frozen.raised_at == before.raised_at);
    let at = fresh.clock.now() + TimeDelta::hours(1);
    record(
        &fresh,
        &mut r,
        &[Fact::Provider(ProviderFact::CaptureWindowClosed { at })],
    )
    .await;
    assert_eq!(one(&fresh, &before).await.act_before, Some(at));
}

pub(crate) async fn a_decision_ends_its_review_and_no_other(fresh: Fresh) {
    let mut r = held(&fresh, "BOOK-1").await;
    let facts = [
        raised(&fresh, ReviewReason::ProviderRefused, true),
        raised(&fresh, ReviewReason::Incoherent, false),
    ];
    record(&fresh, &mut r, &facts).await;
    let refused = ReviewFilter {
        reason: Some(ReviewReason::ProviderRefused),
        ..ReviewFilter::default()
    };
    let about = listed(&fresh, &refused).await.remove(0);
    let cleared = Fact::Review(ReviewFact::Closed {
        reason: about.reason,
    });
    let facts = [decided(&r, &about, Decision::Dismiss), cleared];
    let version = r.evidence_version;
    fresh.clock.advance(TimeDelta::minutes(5));
    record(&fresh, &mut r, &facts).await;
    let after = one(&fresh, &about).await;
    assert_eq!(
        (after.status(), after.evidence_version),
        (ReviewStatus::Decided, version)
    );
    let end = after.end.expect("an end");
    assert_eq!((end.at, end.actor.as_str()), (fresh.clock.now(), "test"));
    let record = end.decision.expect("a decision");
    assert_eq!(
        (record.decision, record.note.as_str()),
        (Decision::Dismiss, "Looked into the portal")
    );
    assert_eq!(reasons(&open(&fresh, &r).await), [ReviewReason::Incoherent]);
}

pub(crate) async fn what_answers_a_review_ends_it_without_a_decision(fresh: Fresh) {
    let mut r = held(&fresh, "BOOK-1").await;
    let reason = ReviewReason::ProviderRefused;
    record(&fresh, &mut r, &[raised(&fresh, reason, false)]).await;
    let first = open(&fresh, &r).await.remove(0);
    record(
        &fresh,
        &mut r,
        &[Fact::Review(ReviewFact::Closed { reason })],
    )
    .await;
    let end = one(&fresh, &first).await.end.expect("an end");
    assert_eq!((end.actor.as_str(), end.decision), ("test", None));
    assert_eq!(open(&fresh, &r).await, []);
    // Raised again, it is another review.
    record(&fresh, &mut r, &[raised(&fresh, reason, false)]).await;
    let second = open(&fresh, &r).await.remove(0);
    assert_ne!(second.id, first.id);
    let id = in_doubt(&fresh, &mut r, 400).await;
    let shown = Fact::Intent(
        id.clone(),
        IntentFact::Confirmed {
            reference: Some(named("CAP1")),
            amount: Money::kroner(400),
            at: fresh.clock.now(),
        },
    );
    let unknown = ReviewFilter {
        reason: Some(ReviewReason::CaptureUnknown),
        ..ReviewFilter::default()
    };
    assert_eq!(listed(&fresh, &unknown).await[0].intent, Some(id));
    record(&fresh, &mut r, &[shown]).await;
    let answered = listed(&fresh, &unknown).await.remove(0);
    assert!(answered.end.is_some_and(|end| end.decision.is_none()));
    assert_eq!(open(&fresh, &r).await, [one(&fresh, &second).await]);
}

pub(crate) async fn each_request_in_doubt_has_its_own_review(fresh: Fresh) {
    let mut r = held(&fresh, "BOOK-1").await;
    let (first, second) = (
        in_doubt(&fresh, &mut r, 400).await,
        in_doubt(&fresh, &mut r, 300).await,
    );
    let reviews = open(&fresh, &r).await;
    assert_eq!(reasons(&reviews), [ReviewReason::CaptureUnknown; 2]);
    let of = |intent: &IntentId| {
        let mut mine = reviews
            .iter()
            .filter(|review| review.intent.as_ref() == Some(intent));
        mine.next().expect("a review").clone()
    };
    assert_eq!(
        (of(&first).amount, of(&second).amount),
        (Money::kroner(400), Money::kroner(300))
    );
    let job = fresh.store.job_of_intent(&first).await.expect("reads");
    assert!(job.is_some());
    assert_eq!(of(&first).job, job);
    let facts = [
        decided(
            &r,
            &of(&first),
            Decision::Confirm {
                reference: Some(named("CAP1")),
            },
        ),
        Fact::Intent(
            first.clone(),
            IntentFact::Confirmed {
                reference: Some(named("CAP1")),
                amount: Money::kroner(400),
                at: fresh.clock.now(),
            },
        ),
    ];
    record(&fresh, &mut r, &facts).await;
    let end = one(&fresh, &of(&first)).await.end.expect("an end");
    let decision = end.decision.expect("a decision").decision;
    assert_eq!(decision.reference(), Some(&named("CAP1")));
    let left = open(&fresh, &r).await;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].id, of(&second).id);
    let job = job.expect("a job");
    let of_job = fresh.store.reviews_of_job(&job).await.expect("reads");
    assert_eq!(of_job, [one(&fresh, &of(&first)).await]);
}

pub(crate) async fn reviews_are_listed_by_countdown_page_by_page(fresh: Fresh) {
    let mut expected = Vec::new();
    // The later a reservation was paid, the later its window closes.
    for reference in ["BOOK-3", "BOOK-2", "BOOK-1"] {
        let mut r = held(&fresh, reference).await;
        record(
            &fresh,
            &mut r,
            &[raised(&fresh, ReviewReason::ProviderRefused, false)],
        )
        .await;
        expected.push(reference);
        fresh.clock.advance(TimeDelta::hours(30));
    }
    // Two with the same countdown, and one without any.
    let mut same = held(&fresh, "BOOK-4").await;
    let facts = [
        raised(&fresh, ReviewReason::ProviderRefused, false),
        raised(&fresh, ReviewReason::Incoherent, false),
    ];
    record(&fresh, &mut same, &facts).await;
    let (mut unpaid, _) = created(&fresh, "BOOK-0").await;
    record(
        &fresh,
        &mut unpaid,
        &[raised(&fresh, ReviewReason::ProviderRefused, false)],
    )
    .await;
    expected.extend(["BOOK-4", "BOOK-4", "BOOK-0"]);
    for size in [1, 2, 4, 200] {
        let mut seen = Vec::new();
        let mut cursor: Option<ReviewCursor> = None;
        loop {
            let page = fresh
                .store
                .reviews(&ReviewFilter::default(), size, cursor.as_ref())
                .await
                .expect("reads");
            assert!(page.items.len() <= size as usize);
            seen.extend(page.items);
            // A cursor survives its text.
            cursor = page
                .next
                .map(|next| next.to_string().parse().expect("a cursor"));
            if cursor.is_none() {
                break;
            }
        }
        let references: Vec<&str> = seen
            .iter()
            .filter_map(|review| review.reference.as_deref())
            .collect();
        assert_eq!(references, expected, "{size} a page");
        assert_ne!(seen[3].id, seen[4].id, "{size} a page");
        assert_eq!(seen[5].act_before, None, "nothing runs out");
    }
    let due_before = open(&fresh, &same).await[0].act_before;
    let due = ReviewFilter {
        due_before,
        ..ReviewFilter::default()
    };
    assert_eq!(listed(&fresh, &due).await.len(), 3, "strictly before");
    let cleared = Fact::Review(ReviewFact::Closed {
        reason: ReviewReason::Incoherent,
    });
    record(&fresh, &mut same, &[cleared]).await;
    let filter = |status, name: &str, reason| ReviewFilter {
        status,
        merchant: Some(merchant(name)),
        reason,
        due_before: None,
    };
    for (filter, count) in [
        (filter(Some(ReviewStatus::Open), "default", None), 5),
        (filter(Some(ReviewStatus::Decided), "default", None), 1),
        (
            filter(None, "default", Some(ReviewReason::ProviderRefused)),
            5,
        ),
        (filter(None, "default", None), 6),
        (filter(None, "another", None), 0),
    ] {
        assert_eq!(listed(&fresh, &filter).await.len(), count, "{filter:?}");
    }
    let all = fresh
        .store
        .open_reviews(&[&same.id, &unpaid.id])
        .await
        .expect("reads");
    assert_eq!(all.len(), 2);
    let none = fresh.store.open_reviews(&[]).await.expect("reads");
    assert_eq!(none, []);
}
