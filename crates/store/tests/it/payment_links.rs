//! Payment links and their journal.

use domain::payment_link::{Attempt, LinkEvent, LinkState, Order};
use domain::{Clock as _, JobId, JobKind, PaymentLinkId, SystemEntropy};
use serde_json::json;
use store::queue::{AttemptEnd, AttemptOutcome, ClaimedJob, Finished, JobEnd};
use store::{PaymentLink, StoreError, Tx};

use crate::harness::{Fresh, Worker, eager, eventually, job, merchant, noon};

/// A payment link on record, with the job that carries it.
async fn created(fresh: &Fresh) -> (PaymentLinkId, JobId) {
    let job = fresh.enqueue(&job(JobKind::PaymentLink)).await;
    let id = PaymentLinkId::new(fresh.clock.now(), &SystemEntropy);
    let mut tx = fresh.store.begin().await.expect("begins");
    tx.create_payment_link(
        &id,
        &merchant("default"),
        &job,
        &json!({"reference": "L-1"}),
    )
    .await
    .expect("creates");
    tx.commit().await.expect("commits");
    (id, job)
}

async fn locked(tx: &mut Tx, job: &JobId) -> PaymentLink {
    let link = tx.lock_payment_link(job).await.expect("reads");
    link.expect("is there")
}

async fn record(fresh: &Fresh, job: &JobId, events: &[LinkEvent]) {
    let mut tx = fresh.store.begin().await.expect("begins");
    let mut link = locked(&mut tx, job).await;
    for event in events {
        tx.record_link(&mut link, event, "test")
            .await
            .expect("records");
    }
    tx.commit().await.expect("commits");
}

async fn kept(fresh: &Fresh, job: &JobId) -> PaymentLink {
    let link = fresh.store.payment_link_of_job(job).await.expect("reads");
    link.expect("is there")
}

fn written() -> LinkEvent {
    LinkEvent::AttemptWritten {
        attempt: Attempt {
            number: 1,
            due: noon() + chrono::TimeDelta::days(7),
            at: noon(),
        },
    }
}

fn released() -> LinkEvent {
    LinkEvent::AttemptReleased {
        number: 1,
        at: noon(),
    }
}

fn accepted(order: &str) -> LinkEvent {
    LinkEvent::AttemptAccepted {
        number: 1,
        order: Order {
            id: order.parse().expect("an id"),
            url: Some("https://example.no/p".to_owned()),
        },
    }
}

pub(crate) async fn the_journal_folds_to_the_link(fresh: Fresh) {
    let (id, job) = created(&fresh).await;
    let new = kept(&fresh, &job).await;
    assert_eq!((&new.id, &new.job, new.version), (&id, &job, 0));
    assert_eq!(new.merchant, merchant("default"));
    assert_eq!(new.request, json!({"reference": "L-1"}));
    assert_eq!(new.state, LinkState::NEW);
    let events = [written(), released(), accepted("ODR1")];
    record(&fresh, &job, &events).await;
    let made = kept(&fresh, &job).await;
    assert_eq!((made.version, made.state.as_str()), (3, "made"));
    let journal = fresh.store.payment_link_events(&id).await.expect("reads");
    let seqs: Vec<_> = journal.iter().map(|entry| entry.seq).collect();
    assert_eq!(seqs, [1, 2, 3]);
    let folded = journal.iter().fold(LinkState::NEW, |state, entry| {
        assert_eq!((entry.actor.as_str(), entry.at), ("test", noon()));
        state.next(&entry.event).expect("legal")
    });
    assert_eq!(folded, made.state);
    let mut tx = fresh.store.begin().await.expect("begins");
    let other = JobId::new(noon(), &SystemEntropy);
    let none = tx.lock_payment_link(&other).await.expect("reads");
    assert!(none.is_none(), "another job carries no link");
}

pub(crate) async fn an_event_that_cannot_follow_changes_nothing(fresh: Fresh) {
    let (id, job) = created(&fresh).await;
    record(&fresh, &job, &[written()]).await;
    let mut tx = fresh.store.begin().await.expect("begins");
    let mut link = locked(&mut tx, &job).await;
    let refused = tx.record_link(&mut link, &accepted("ODR1"), "test").await;
    match refused {
        Err(StoreError::IllegalLinkEvent(refused)) => {
            assert_eq!(
                (refused.state, refused.event),
                ("written", "attempt_accepted")
            );
        }
        other => panic!("{other:?}"),
    }
    // The transaction is still of use.
    tx.record_link(&mut link, &released(), "test")
        .await
        .expect("records");
    tx.commit().await.expect("commits");
    assert_eq!(kept(&fresh, &job).await.state.as_str(), "sending");
    let journal = fresh.store.payment_link_events(&id).await.expect("reads");
    assert_eq!(journal.len(), 2);
}

pub(crate) async fn a_link_that_has_changed_since_it_was_read_is_a_conflict(fresh: Fresh) {
    let (id, job) = created(&fresh).await;
    let mut stale = kept(&fresh, &job).await;
    record(&fresh, &job, &[written()]).await;
    let mut tx = fresh.store.begin().await.expect("begins");
    let refused = tx.record_link(&mut stale, &written(), "test").await;
    match refused {
        Err(StoreError::LinkConflict { link }) => assert_eq!(link, id),
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn an_order_is_one_payment_link_of_its_merchant(fresh: Fresh) {
    let (id, first) = created(&fresh).await;
    let (_, second) = created(&fresh).await;
    record(&fresh, &first, &[written(), released(), accepted("ODR1")]).await;
    record(&fresh, &second, &[written(), released()]).await;
    let mut tx = fresh.store.begin().await.expect("begins");
    let order = "ODR1".parse().expect("an id");
    for (name, owner) in [("default", Some(id)), ("other", None)] {
        let found = tx.payment_link_of_order(&merchant(name), &order).await;
        assert_eq!(found.expect("reads"), owner, "{name}");
    }
    let mut link = locked(&mut tx, &second).await;
    let refused = tx.record_link(&mut link, &accepted("ODR1"), "test").await;
    assert!(
        matches!(refused, Err(StoreError::Database(_))),
        "{refused:?}"
    );
}

pub(crate) async fn a_state_that_is_not_known_names_its_place(fresh: Fresh) {
    let (id, job) = created(&fresh).await;
    for wrong in ["{\"state\":\"lost\"}", "{}", "planned"] {
        fresh
            .raw(&format!("UPDATE payment_links SET state = '{wrong}'"))
            .await;
        match fresh.store.payment_link_of_job(&job).await.map(drop) {
            Err(StoreError::Row(row)) => assert_eq!(
                (row.table, row.column, row.row.as_str()),
                ("payment_links", "state", id.as_str()),
                "{wrong}"
            ),
            other => panic!("{wrong}: {other:?}"),
        }
    }
}

pub(crate) async fn the_last_request_of_a_job_is_confirmed_and_no_other(fresh: Fresh) {
    let (_, id) = created(&fresh).await;
    let store = fresh.store.clone();
    let handler = move |job: ClaimedJob| {
        let store = store.clone();
        let run = async move {
            let mut tx = store.begin().await?;
            for outcome in [
                AttemptOutcome::Unknown,
                AttemptOutcome::Accepted,
                AttemptOutcome::Unsent,
            ] {
                let number = tx.start_attempt(&job.lease, None).await?;
                let end = AttemptEnd::plain(outcome);
                tx.finish_attempt(&job.lease, number, &end).await?;
            }
            tx.confirm_last_attempt(&job.id).await?;
            tx.finish_job(&job.lease, JobEnd::Succeeded { result: None })
                .await?;
            tx.commit().await?;
            Ok(Finished::Already)
        };
        futures::FutureExt::boxed(run)
    };
    let worker = Worker::start(&fresh.store, eager(), handler);
    eventually("the job has run", async || {
        !fresh.job(&id).await.state.is_live()
    })
    .await;
    worker.stop().await;
    let attempts = fresh.details(&id).await.attempts;
    let outcomes: Vec<_> = attempts.iter().map(|attempt| attempt.outcome).collect();
    assert_eq!(
        outcomes,
        [
            AttemptOutcome::Unknown,
            AttemptOutcome::Confirmed,
            AttemptOutcome::Unsent
        ]
    );
}
