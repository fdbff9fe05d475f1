//! Reservations with their journal and schedule, and what is kept beside them.

use chrono::TimeDelta;
use domain::decide::Planner;
use domain::policy::PolicyPatch;
use domain::reservation::{
    Decision, DecisionRecord, NewLine, NewReservation, Operation, ReviewReason,
};
use domain::{
    Case, Clock as _, ControlFact, Fact, IntentFact, IntentId, JobKind, JobState, Merchant, Money,
    ProviderFact, Reservation, ReservationId, ReviewFact, SystemEntropy,
};
use serde_json::json;
use store::queue::JobFilter;
use store::{Idempotency, NewCallback, ReservationFilter, StoreError, Submission};
use testkit::customer::{self, customer};
use testkit::named;

use crate::harness::{Fresh, merchant};

pub(crate) fn account() -> Merchant {
    Merchant::new(merchant("default"))
}

fn asked(fresh: &Fresh, reference: &str) -> Reservation {
    let now = fresh.clock.now();
    let line = NewLine {
        name: "Cabin".into(),
        product_id: None,
        rate: Money::kroner(1000),
        tax_percent: 0,
        amount: Money::kroner(1000),
    };
    let new = NewReservation {
        reference: reference.into(),
        customer: customer(),
        lines: vec![line],
        payment_link_due: now + TimeDelta::days(5),
        charge_validity: None,
        secure_details: true,
        charge_partially_refundable: true,
        policy: PolicyPatch::default(),
    };
    new.build(ReservationId::new(now, &SystemEntropy), &account(), now)
        .expect("a reservation")
}

fn submission() -> Submission {
    Submission {
        request: json!({"name": customer::NAME}),
        personal_number: Some("19635464524".into()),
    }
}

/// Creates a reservation whose submit is due, and returns it with the submit's intent.
pub(crate) async fn created(fresh: &Fresh, reference: &str) -> (Reservation, IntentId) {
    let mut r = asked(fresh, reference);
    let planner = Planner {
        entropy: &SystemEntropy,
        marker_key: b"key",
    };
    let intent = planner.intent(
        Case::new(&r, &account(), fresh.clock.now()),
        Operation::Submit,
        Some(domain::JobKey::Submit),
        "test",
    );
    let id = intent.id.clone();
    let mut tx = fresh.store.begin().await.expect("begins");
    tx.create_reservation(&r, &submission(), &format!("token-{reference}"))
        .await
        .expect("creates");
    let facts = [Fact::Created, Fact::Planned(Box::new(intent))];
    tx.record(&mut r, &facts, &account(), "test", None)
        .await
        .expect("records");
    tx.commit().await.expect("commits");
    (r, id)
}

/// The facts of a submit that went well.
pub(crate) fn submitted(fresh: &Fresh, intent: &IntentId, uuid: &str) -> [Fact; 3] {
    let at = fresh.clock.now();
    [
        Fact::Intent(
            intent.clone(),
            IntentFact::AttemptWritten { attempt: 1, at },
        ),
        Fact::Intent(intent.clone(), IntentFact::AttemptSent { attempt: 1, at }),
        Fact::Intent(
            intent.clone(),
            IntentFact::LinkCreated {
                reservation_uuid: named(uuid),
                customer_uuid: None,
                url: Some("https://example.no/pay".to_owned()),
                at,
            },
        ),
    ]
}

pub(crate) async fn record(fresh: &Fresh, r: &mut Reservation, facts: &[Fact]) {
    let mut tx = fresh.store.begin().await.expect("begins");
    tx.record(r, facts, &account(), "test", None)
        .await
        .expect("records");
    tx.commit().await.expect("commits");
}

async fn live_kinds(fresh: &Fresh, r: &Reservation) -> Vec<JobKind> {
    let filter = JobFilter {
        reservation: Some(r.id.clone()),
        ..JobFilter::default()
    };
    let jobs = fresh
        .store
        .jobs(&filter, 100, None)
        .await
        .expect("reads")
        .items;
    let mut kinds: Vec<_> = jobs
        .into_iter()
        .filter(|job| job.state.is_live())
        .map(|job| job.kind)
        .collect();
    kinds.sort_unstable();
    kinds
}

pub(crate) async fn a_reference_names_one_reservation_of_its_merchant(fresh: Fresh) {
    let (first, _) = created(&fresh, "BOOK-1").await;
    let again = asked(&fresh, "BOOK-1");
    let mut tx = fresh.store.begin().await.expect("begins");
    let refused = tx
        .create_reservation(&again, &submission(), "another-token")
        .await;
    assert!(matches!(refused, Err(StoreError::ReferenceTaken { by: Some(by) }) if by == first.id));
    tx.rollback().await.expect("rolls back");
    let with_reference = async |merchant| {
        let filter = ReservationFilter {
            merchant,
            reference: Some("BOOK-1".to_owned()),
            ..ReservationFilter::default()
        };
        let page = fresh.store.reservations(&filter, 1, None).await;
        page.expect("reads")
            .items
            .pop()
            .map(|found| found.reservation)
    };
    assert_eq!(with_reference(None).await, Some(first));
    assert_eq!(with_reference(Some(merchant("other"))).await, None);
}

pub(crate) async fn the_journal_folds_to_the_reservation(fresh: Fresh) {
    let (mut r, intent) = created(&fresh, "BOOK-1").await;
    record(&fresh, &mut r, &submitted(&fresh, &intent, "RES1")).await;
    record(
        &fresh,
        &mut r,
        &[Fact::Provider(ProviderFact::HoldPlaced {
            at: fresh.clock.now(),
            amount: Money::kroner(1000),
        })],
    )
    .await;
    let stored = fresh
        .store
        .reservation(&r.id)
        .await
        .expect("reads")
        .expect("is there");
    assert_eq!(stored.reservation, r);
    let mut folded = asked(&fresh, "BOOK-1");
    folded.id = r.id.clone();
    let (mut cursor, mut numbers) = (None, Vec::new());
    loop {
        let page = fresh.store.events(&r.id, 2, cursor).await.expect("reads");
        for event in page.items {
            folded.apply(&event.fact).expect("folds");
            numbers.push(event.seq);
            assert_eq!(event.actor, "test");
        }
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(folded, r);
    assert_eq!(numbers, (1..=r.version).collect::<Vec<_>>());
    let by_uuid = fresh
        .store
        .reservation_by_uuid(&merchant("default"), &named("RES1"))
        .await
        .expect("reads");
    assert_eq!(
        by_uuid.map(|stored| stored.reservation.id),
        Some(r.id.clone())
    );
    let by_token = fresh
        .store
        .reservation_by_callback("token-BOOK-1")
        .await
        .expect("reads");
    assert_eq!(by_token.map(|stored| stored.reservation.id), Some(r.id));
}

pub(crate) async fn a_save_over_a_newer_version_is_a_conflict(fresh: Fresh) {
    let (r, _) = created(&fresh, "BOOK-1").await;
    let (mut one, mut two) = (r.clone(), r);
    record(&fresh, &mut one, &[Fact::Control(ControlFact::Paused)]).await;
    let mut tx = fresh.store.begin().await.expect("begins");
    let stale = tx
        .record(
            &mut two,
            &[Fact::Control(ControlFact::Paused)],
            &account(),
            "test",
            None,
        )
        .await;
    assert!(stale.is_err(), "the same number twice");
    drop(tx);
    let stored = fresh
        .store
        .reservation(&one.id)
        .await
        .expect("reads")
        .expect("is there");
    assert_eq!(stored.reservation, one);
}

pub(crate) async fn an_illegal_fact_changes_nothing(fresh: Fresh) {
    let (r, intent) = created(&fresh, "BOOK-1").await;
    let accepted = Fact::Intent(
        intent,
        IntentFact::AttemptAccepted {
            reference: None,
            at: fresh.clock.now(),
        },
    );
    let mut changed = r.clone();
    let mut tx = fresh.store.begin().await.expect("begins");
    let refused = tx
        .record(
            &mut changed,
            &[Fact::Control(ControlFact::Paused), accepted],
            &account(),
            "test",
            None,
        )
        .await;
    assert!(matches!(refused, Err(StoreError::IllegalTransition(_))));
    drop(tx);
    let stored = fresh
        .store
        .reservation(&r.id)
        .await
        .expect("reads")
        .expect("is there");
    assert_eq!(stored.reservation, r);
}

pub(crate) async fn the_jobs_follow_the_facts_in_one_transaction(fresh: Fresh) {
    let (mut r, intent) = created(&fresh, "BOOK-1").await;
    assert_eq!(live_kinds(&fresh, &r).await, [JobKind::Submit]);
    record(&fresh, &mut r, &submitted(&fresh, &intent, "RES1")).await;
    assert_eq!(
        live_kinds(&fresh, &r).await,
        [JobKind::Remind, JobKind::Cancel, JobKind::Refresh]
    );
    let held = Fact::Provider(ProviderFact::HoldPlaced {
        at: fresh.clock.now(),
        amount: Money::kroner(1000),
    });
    let mut paid = r.clone();
    let mut tx = fresh.store.begin().await.expect("begins");
    tx.record(
        &mut paid,
        std::slice::from_ref(&held),
        &account(),
        "test",
        None,
    )
    .await
    .expect("records");
    tx.rollback().await.expect("rolls back");
    assert!(
        live_kinds(&fresh, &r).await.contains(&JobKind::Remind),
        "nothing was cancelled"
    );
    record(&fresh, &mut r, &[held]).await;
    let kinds = live_kinds(&fresh, &r).await;
    assert!(
        !kinds.contains(&JobKind::Remind) && !kinds.contains(&JobKind::Cancel),
        "{kinds:?}"
    );
    assert!(kinds.contains(&JobKind::Deadline), "{kinds:?}");
}

pub(crate) async fn an_intent_finds_its_job(fresh: Fresh) {
    let (r, intent) = created(&fresh, "BOOK-1").await;
    let mut tx = fresh.store.begin().await.expect("begins");
    let job = tx
        .job_of_intent(&intent)
        .await
        .expect("reads")
        .expect("a job");
    assert_eq!(
        tx.unattended_job(&r.id, JobKind::Submit)
            .await
            .expect("reads"),
        Some(job.clone())
    );
    assert_eq!(
        tx.unattended_job(&r.id, JobKind::Capture)
            .await
            .expect("reads"),
        None
    );
    tx.commit().await.expect("commits");
    assert_eq!(
        fresh.store.job_of_intent(&intent).await.expect("reads"),
        Some(job.clone())
    );
    assert_eq!(fresh.job(&job).await.intent, Some(intent));
    assert_eq!(fresh.job(&job).await.state, JobState::Available);
}

pub(crate) async fn a_job_whose_effect_another_one_found_is_done(fresh: Fresh) {
    let (mut r, submit) = created(&fresh, "BOOK-1").await;
    let now = fresh.clock.now();
    let link = Fact::Intent(
        submit,
        IntentFact::LinkCreated {
            reservation_uuid: named("RES1"),
            customer_uuid: None,
            url: None,
            at: now,
        },
    );
    let planner = Planner {
        entropy: &SystemEntropy,
        marker_key: b"key",
    };
    let intent = planner.intent(
        Case::new(&r, &account(), now),
        Operation::Cancel { note: "x".into() },
        None,
        "test",
    );
    let id = intent.id.clone();
    let written = Fact::Intent(
        id.clone(),
        IntentFact::AttemptWritten {
            attempt: 1,
            at: now,
        },
    );
    let sending = Fact::Intent(
        id.clone(),
        IntentFact::AttemptSent {
            attempt: 1,
            at: now,
        },
    );
    let unknown = Fact::Intent(
        id.clone(),
        IntentFact::OutcomeUnknown {
            reason: "timeout".into(),
        },
    );
    record(
        &fresh,
        &mut r,
        &[
            link,
            Fact::Planned(Box::new(intent)),
            written,
            sending,
            unknown,
        ],
    )
    .await;
    let job = fresh
        .store
        .job_of_intent(&id)
        .await
        .expect("reads")
        .expect("a job");
    let shown = Fact::Intent(
        id,
        IntentFact::Confirmed {
            reference: None,
            amount: Money::ZERO,
            at: now,
        },
    );
    record(&fresh, &mut r, &[shown]).await;
    assert_eq!(
        fresh.job(&job).await.state,
        JobState::Succeeded,
        "and not dropped as not wanted"
    );
}

pub(crate) async fn the_personal_number_goes_once_the_provider_has_it(fresh: Fresh) {
    let (mut r, intent) = created(&fresh, "BOOK-1").await;
    let kept = fresh
        .store
        .submission(&r.id)
        .await
        .expect("reads")
        .expect("is there");
    assert_eq!(kept.personal_number.as_deref(), Some("19635464524"));
    record(&fresh, &mut r, &submitted(&fresh, &intent, "RES1")).await;
    let kept = fresh
        .store
        .submission(&r.id)
        .await
        .expect("reads")
        .expect("is there");
    assert_eq!(
        (kept.personal_number, kept.request),
        (None, json!({"name": customer::NAME}))
    );
    assert_eq!(
        fresh
            .count("SELECT COUNT(*) FROM events WHERE fact LIKE '%19635464524%'")
            .await,
        0
    );
}

pub(crate) async fn lists_of_reservations_filter_and_page(fresh: Fresh) {
    let mut ids = Vec::new();
    for number in 0..5 {
        let (mut r, intent) = created(&fresh, &format!("BOOK-{number}")).await;
        if number % 2 == 0 {
            record(
                &fresh,
                &mut r,
                &submitted(&fresh, &intent, &format!("RES{number}")),
            )
            .await;
        }
        fresh.clock.advance(TimeDelta::seconds(1));
        ids.push(r.id);
    }
    ids.reverse();
    let (mut cursor, mut seen) = (None, Vec::new());
    loop {
        let page = fresh
            .store
            .reservations(&ReservationFilter::default(), 2, cursor.as_ref())
            .await
            .expect("reads");
        seen.extend(page.items.into_iter().map(|stored| stored.reservation.id));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, ids);
    let count = async |filter: ReservationFilter| {
        fresh
            .store
            .reservations(&filter, 100, None)
            .await
            .expect("reads")
            .items
            .len()
    };
    let all = ReservationFilter::default;
    assert_eq!(
        count(ReservationFilter {
            status: Some(domain::Status::AwaitingPayment),
            ..all()
        })
        .await,
        3
    );
    assert_eq!(
        count(ReservationFilter {
            merchant: Some(merchant("other")),
            ..all()
        })
        .await,
        0
    );
    assert_eq!(
        count(ReservationFilter {
            reference: Some("BOOK-3".into()),
            ..all()
        })
        .await,
        1
    );
    assert_eq!(
        count(ReservationFilter {
            needs_review: Some(true),
            ..all()
        })
        .await,
        0
    );
    assert_eq!(
        count(ReservationFilter {
            needs_review: Some(false),
            ..all()
        })
        .await,
        5
    );
    let far = fresh.clock.now() + TimeDelta::days(30);
    assert_eq!(
        count(ReservationFilter {
            capture_by_before: Some(far),
            ..all()
        })
        .await,
        0
    );
}

pub(crate) async fn a_held_reservation_is_listed_by_its_window(fresh: Fresh) {
    let (mut r, intent) = created(&fresh, "BOOK-1").await;
    record(&fresh, &mut r, &submitted(&fresh, &intent, "RES1")).await;
    record(
        &fresh,
        &mut r,
        &[Fact::Provider(ProviderFact::HoldPlaced {
            at: fresh.clock.now(),
            amount: Money::kroner(1000),
        })],
    )
    .await;
    for (days, found) in [(6, 0), (8, 1)] {
        let before = fresh.clock.now() + TimeDelta::days(days);
        let filter = ReservationFilter {
            capture_by_before: Some(before),
            ..ReservationFilter::default()
        };
        let page = fresh
            .store
            .reservations(&filter, 10, None)
            .await
            .expect("reads");
        assert_eq!(page.items.len(), found, "{days} days");
    }
}

pub(crate) async fn a_callback_is_news_once(fresh: Fresh) {
    let (r, _) = created(&fresh, "BOOK-1").await;
    let callback = NewCallback {
        reservation: &r.id,
        digest: "d1",
        query: "orderUuid=RES1",
        formula: "F3All",
    };
    let mut news = Vec::new();
    for digest in ["d1", "d1", "d2"] {
        let mut tx = fresh.store.begin().await.expect("begins");
        news.push(
            tx.save_callback(NewCallback { digest, ..callback })
                .await
                .expect("saves"),
        );
        tx.commit().await.expect("commits");
    }
    assert_eq!(news, [true, false, true]);
}

pub(crate) async fn an_idempotency_key_answers_one_request(fresh: Fresh) {
    let take = async |actor: &str, request: &str| {
        let mut tx = fresh.store.begin().await.expect("begins");
        let taken = tx.take_key(actor, "k", request).await.expect("takes");
        tx.commit().await.expect("commits");
        taken
    };
    assert_eq!(take("a", "r1").await, Idempotency::First);
    assert_eq!(take("a", "r1").await, Idempotency::Running);
    assert_eq!(take("a", "r2").await, Idempotency::Reused);
    assert_eq!(take("b", "r2").await, Idempotency::First);
    let mut tx = fresh.store.begin().await.expect("begins");
    tx.answer_key("a", "k", 202, "{}").await.expect("answers");
    tx.release_key("a", "k")
        .await
        .expect("an answered key stays");
    tx.release_key("b", "k").await.expect("releases");
    tx.commit().await.expect("commits");
    assert_eq!(
        take("a", "r1").await,
        Idempotency::Answered {
            status: 202,
            answer: "{}".into()
        }
    );
    assert_eq!(take("b", "r3").await, Idempotency::First);
    // The process that took it has died.
    fresh.clock.advance(TimeDelta::minutes(3));
    assert_eq!(take("b", "r3").await, Idempotency::First);
    assert_eq!(take("b", "r3").await, Idempotency::Running);
}

pub(crate) async fn what_stands_beside_reservations_is_kept(fresh: Fresh) {
    let (r, intent) = created(&fresh, "BOOK-1").await;
    let default = merchant("default");
    let now = fresh.clock.now();
    let mut tx = fresh.store.begin().await.expect("begins");
    tx.save_contact(&r.id, &intent, &json!({"email": "ola@example.no"}))
        .await
        .expect("saves");
    tx.save_watermark(&default, now).await.expect("saves");
    tx.save_watermark(&default, now - TimeDelta::hours(1))
        .await
        .expect("does not move back");
    assert_eq!(tx.setting("colour", "red").await.expect("sets"), "red");
    assert_eq!(tx.setting("colour", "blue").await.expect("keeps"), "red");
    tx.commit().await.expect("commits");
    let contact = fresh.store.contact(&intent).await.expect("reads");
    assert_eq!(contact, Some(json!({"email": "ola@example.no"})));
    assert_eq!(
        fresh.store.watermark(&default).await.expect("reads"),
        Some(now)
    );
    assert_eq!(
        fresh
            .store
            .watermark(&merchant("other"))
            .await
            .expect("reads"),
        None
    );
}

pub(crate) async fn a_row_that_cannot_be_read_names_its_place(fresh: Fresh) {
    let (r, _) = created(&fresh, "BOOK-1").await;
    fresh.raw("UPDATE reservations SET state = '{}'").await;
    let error = fresh
        .store
        .reservation(&r.id)
        .await
        .expect_err("cannot be read");
    let StoreError::Row(row) = error else {
        panic!("a row's error: {error}")
    };
    assert_eq!(
        (row.table, row.column, row.row.as_str()),
        ("reservations", "state", r.id.as_str())
    );
}

pub(crate) async fn decisions_are_found_in_the_journal(fresh: Fresh) {
    let (mut r, _) = created(&fresh, "BOOK-1").await;
    assert!(
        fresh
            .store
            .decisions(&r.id)
            .await
            .expect("reads")
            .is_empty()
    );
    let decided = |note: &str| {
        Fact::Review(ReviewFact::Decided {
            intent: None,
            reason: ReviewReason::ProviderRefused,
            decision: DecisionRecord {
                decision: Decision::Dismiss,
                note: note.to_owned(),
                evidence_version: 2,
            },
        })
    };
    record(
        &fresh,
        &mut r,
        &[
            decided("first"),
            Fact::Control(ControlFact::Paused),
            decided("second"),
        ],
    )
    .await;
    let found = fresh.store.decisions(&r.id).await.expect("reads");
    let result: Vec<_> = found
        .iter()
        .map(|event| (event.seq, &event.fact, event.actor.as_str()))
        .collect();
    assert_eq!(
        result,
        [
            (3, &decided("first"), "test"),
            (5, &decided("second"), "test")
        ]
    );
}
