//! What is known of a merchant's view of the provider, and whose each capture and charge is.

use chrono::{DateTime, TimeDelta, Utc};
use domain::reservation::{LedgerRow, RowKind};
use domain::resolve::{Evidence, MarkerEcho};
use domain::{Clock as _, Fact, Money, ProviderFact, Reservation};
use testkit::named;

use crate::harness::{Fresh, merchant, noon};
use crate::reservations::{created, record, submitted};

async fn known(fresh: &Fresh, name: &str) -> Evidence {
    let mut tx = fresh.store.begin().await.expect("begins");
    let known = tx.evidence(&merchant(name)).await.expect("reads");
    tx.commit().await.expect("commits");
    known
}

async fn save(fresh: &Fresh, before: &Evidence, learnt: &Evidence) {
    let mut tx = fresh.store.begin().await.expect("begins");
    tx.save_evidence(&merchant("default"), before, learnt)
        .await
        .expect("saves");
    tx.commit().await.expect("commits");
}

fn minutes(minutes: i64) -> Option<DateTime<Utc>> {
    Some(noon() + TimeDelta::minutes(minutes))
}

pub(crate) async fn nothing_is_known_of_a_merchant_at_first(fresh: Fresh) {
    assert_eq!(known(&fresh, "default").await, Evidence::default());
    let nothing = Evidence::default();
    save(&fresh, &nothing, &nothing).await;
    assert_eq!(
        fresh.count("SELECT COUNT(*) FROM evidence").await,
        0,
        "nothing new is not written"
    );
}

pub(crate) async fn what_is_learnt_is_kept_and_times_never_move_back(fresh: Fresh) {
    use MarkerEcho::{Broken, Unverified, Verified};
    let nothing = Evidence::default();
    let rows = [
        // learnt on top of nothing: echo, shown until, faulted at; and what is known then
        (
            (Unverified, None, minutes(5)),
            (Unverified, None, minutes(5)),
        ),
        (
            (Verified, minutes(10), None),
            (Verified, minutes(10), minutes(5)),
        ),
        (
            (Unverified, minutes(9), minutes(4)),
            (Verified, minutes(10), minutes(5)),
        ),
        (
            (Broken, minutes(11), minutes(6)),
            (Broken, minutes(11), minutes(6)),
        ),
        ((Verified, None, None), (Verified, minutes(11), minutes(6))),
    ];
    for (learnt, expected) in rows {
        let all = |(marker_echo, shown_until, faulted_at)| Evidence {
            marker_echo,
            shown_until,
            faulted_at,
        };
        save(&fresh, &nothing, &all(learnt)).await;
        assert_eq!(
            known(&fresh, "default").await,
            all(expected),
            "after {learnt:?}"
        );
    }
    assert_eq!(
        known(&fresh, "other").await,
        Evidence::default(),
        "another merchant has a view of its own"
    );
}

pub(crate) async fn two_who_learn_at_once_keep_what_both_have_learnt(fresh: Fresh) {
    let verified = Evidence {
        marker_echo: MarkerEcho::Verified,
        ..Evidence::default()
    };
    save(&fresh, &Evidence::default(), &verified).await;
    // Both have read the same; the second one knows nothing of what the first one saves.
    save(
        &fresh,
        &verified,
        &Evidence {
            marker_echo: MarkerEcho::Broken,
            ..verified
        },
    )
    .await;
    save(
        &fresh,
        &verified,
        &Evidence {
            shown_until: minutes(1),
            ..verified
        },
    )
    .await;
    let expected = Evidence {
        marker_echo: MarkerEcho::Broken,
        shown_until: minutes(1),
        faulted_at: None,
    };
    assert_eq!(known(&fresh, "default").await, expected);
}

fn external(fresh: &Fresh, kind: RowKind, reference: &str) -> Fact {
    let row = LedgerRow {
        kind,
        amount: Money::kroner(10),
        lines: Vec::new(),
        reference: Some(named(reference)),
        alias: None,
        at: fresh.clock.now(),
        intent: None,
        confirmed: true,
        refunded_seen: Money::ZERO,
    };
    Fact::Provider(ProviderFact::RowPosted { row })
}

async fn held(fresh: &Fresh, reference: &str, uuid: &str) -> Reservation {
    let (mut r, submit) = created(fresh, reference).await;
    record(fresh, &mut r, &submitted(fresh, &submit, uuid)).await;
    record(
        fresh,
        &mut r,
        &[Fact::Provider(ProviderFact::HoldPlaced {
            at: fresh.clock.now(),
            amount: Money::kroner(1000),
        })],
    )
    .await;
    r
}

pub(crate) async fn a_capture_or_charge_names_the_reservation_in_whose_ledger_it_stands(
    fresh: Fresh,
) {
    let mut first = held(&fresh, "BOOK-1", "RES1").await;
    let mut second = held(&fresh, "BOOK-2", "RES2").await;
    let rows = [
        external(&fresh, RowKind::Capture, "CAP1"),
        external(&fresh, RowKind::Charge, "CHA1"),
        // The reference of a refund is the one of the row it gives back from.
        external(&fresh, RowKind::Refund, "CAP1"),
    ];
    record(&fresh, &mut first, &rows).await;
    // What another ledger has claimed first stays there.
    record(
        &fresh,
        &mut second,
        &[external(&fresh, RowKind::Capture, "CAP1")],
    )
    .await;
    record(
        &fresh,
        &mut second,
        &[external(&fresh, RowKind::Capture, "CAP2")],
    )
    .await;
    let default = merchant("default");
    for (reference, owner) in [
        ("CAP1", Some(&first.id)),
        ("CHA1", Some(&first.id)),
        ("CAP2", Some(&second.id)),
        ("CAP3", None),
    ] {
        let found = fresh
            .store
            .reference_owner(&default, reference)
            .await
            .expect("reads");
        assert_eq!(found.as_ref(), owner, "{reference}");
        let mut tx = fresh.store.begin().await.expect("begins");
        assert_eq!(
            tx.reference_owner(&default, reference)
                .await
                .expect("reads"),
            found,
            "{reference}"
        );
        tx.rollback().await.expect("rolls back");
    }
    let other = fresh
        .store
        .reference_owner(&merchant("other"), "CAP1")
        .await
        .expect("reads");
    assert_eq!(other, None, "another merchant's references are its own");
}
