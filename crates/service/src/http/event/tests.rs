//! docs/events.md describes every type of event as it is shown.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use domain::history::{Event as HistoryEvent, HistoryRow};
use domain::policy::Channel;
use domain::reservation::{
    Closing, ControlFact, Decision, DecisionRecord, DeliveryFact, ExtraProduct, Intent, IntentFact,
    IntentState, LineAmount, Origin, ProviderFact, RefundSource, ReviewFact, ReviewReason, RowKind,
    SeenLine,
};
use domain::{Money, SeededEntropy};
use testkit::named;

use super::*;

const AT: DateTime<Utc> = DateTime::UNIX_EPOCH;
const PAGE: &str = include_str!("../../../../../docs/events.md");

fn intent(operation: Operation) -> Intent {
    Intent {
        id: id(),
        operation,
        key: domain::JobKey::CaptureDelivered(1),
        marker: "7QK2M7XDPA".parse().expect("a marker"),
        created_at: AT,
        created_by: "policy".to_owned(),
        policy_version: 1,
        baseline: None,
        last_unknown_at: None,
        progress: IntentState::NEW,
    }
}

fn id() -> IntentId {
    IntentId::new(AT, &SeededEntropy::new(1))
}

fn amount() -> Money {
    Money::kroner(400)
}

fn lines() -> Vec<LineAmount> {
    vec![LineAmount {
        line: 1,
        amount: amount(),
    }]
}

fn row() -> LedgerRow {
    LedgerRow {
        kind: RowKind::Capture,
        amount: amount(),
        lines: lines(),
        reference: Some(named("CAP1")),
        alias: None,
        at: AT,
        intent: None,
        confirmed: true,
        refunded_seen: Money::ZERO,
    }
}

/// One intent of every operation, so that every field of `intent_planned` has a value in one of them.
fn operations() -> [Operation; 7] {
    let charge = ChargeLine {
        name: "Cleaning".to_owned(),
        product_id: Some("CLN".to_owned()),
        rate: amount(),
        tax_percent: 25,
        amount: amount(),
    };
    let note = || "human text".to_owned();
    [
        Operation::Submit,
        Operation::Capture {
            lines: lines(),
            note: Some(note()),
        },
        Operation::Charge {
            lines: vec![charge],
            note: None,
        },
        Operation::Refund {
            source: RefundSource::Captured,
            reference: named("CAP1"),
            lines: lines(),
        },
        Operation::Cancel { note: note() },
        Operation::Complete { note: note() },
        Operation::Resend {
            by: vec![Channel::Email],
            other_recipient: false,
            slot: Some(0),
        },
    ]
}

fn of_intents() -> Vec<IntentFact> {
    let text = || "text".to_owned();
    let history = HistoryRow {
        event: HistoryEvent::Captured,
        uuid: Some("CAP1".to_owned()),
        at: Some(AT),
        until: Some(AT),
        amount: Some(amount()),
        note: None,
    };
    vec![
        IntentFact::AttemptWritten { attempt: 1, at: AT },
        IntentFact::AttemptSent { attempt: 1, at: AT },
        IntentFact::AttemptUnsent { reason: text() },
        IntentFact::AttemptAccepted {
            reference: Some(named("CAP1")),
            at: AT,
        },
        IntentFact::AttemptRejected { key: text() },
        IntentFact::OutcomeUnknown { reason: text() },
        IntentFact::LinkCreated {
            reservation_uuid: named("RES1"),
            customer_uuid: Some(named("CSRT1")),
            url: Some(text()),
            at: AT,
        },
        IntentFact::ProviderIdSuggested {
            uuid: named("RES1"),
        },
        IntentFact::EffectNotSeen {
            clean: true,
            at: AT,
        },
        IntentFact::HistoryRead {
            row: Some(history),
            at: AT,
        },
        IntentFact::MarkerChecked { shown: true },
        IntentFact::Confirmed {
            reference: Some(named("CAP1")),
            amount: amount(),
            at: AT,
        },
        IntentFact::EffectRuledOut { at: AT },
        IntentFact::RetryForced { at: AT },
        IntentFact::Escalated {
            reason: ReviewReason::CaptureUnknown,
            at: AT,
        },
        IntentFact::Withdrawn { reason: text() },
        IntentFact::LateEffectSeen {
            row: LedgerRow {
                intent: Some(id()),
                ..row()
            },
        },
    ]
}

fn of_the_provider() -> Vec<ProviderFact> {
    vec![
        ProviderFact::DetailsRead {
            at: AT,
            status: Some("RESERVED".to_owned()),
            coherent: true,
            since: 1,
        },
        ProviderFact::RefreshRequested,
        ProviderFact::CallbackReceived {
            event_type: "CAPTURED".to_owned(),
            at: AT,
        },
        ProviderFact::LinesSynced {
            lines: vec![SeenLine {
                line: 1,
                provider_id: 9,
                captured: Money::ZERO,
            }],
            extra: vec![ExtraProduct {
                id: 10,
                name: "Cleaning".to_owned(),
                product_id: None,
            }],
        },
        ProviderFact::HoldPlaced {
            at: AT,
            amount: amount(),
        },
        ProviderFact::HoldLapsed { at: AT },
        ProviderFact::LinkExpired { at: AT },
        ProviderFact::CaptureWindowClosed { at: AT },
        ProviderFact::RowPosted { row: row() },
        ProviderFact::RowConfirmed {
            reference: named("CAP1"),
            amount: amount(),
            intent: None,
        },
        ProviderFact::RefundSeen {
            reference: named("CAP1"),
            refunded: amount(),
        },
        ProviderFact::DuplicateSeen {
            seen: SeenReservation {
                reservation_uuid: named("RES2"),
                status: "CREATED".to_owned(),
                over: false,
                reserved: Money::ZERO,
                at: AT,
            },
        },
        ProviderFact::DuplicatesSearched {
            up_to: None,
            missed: false,
            at: AT,
        },
        ProviderFact::Closed {
            how: Closing::Cancelled,
            at: AT,
            origin: Origin::External,
        },
    ]
}

fn of_people_and_jobs() -> Vec<Fact> {
    let key = || domain::JobKey::DeadlineAct;
    let reason = ReviewReason::ExternalChange;
    let reference = Some(named("CAP1"));
    let decision = DecisionRecord {
        decision: Decision::Confirm { reference },
        note: "Seen in the portal.".to_owned(),
        evidence_version: 3,
    };
    let review = [
        ReviewFact::Raised {
            reason,
            freezes: true,
            at: AT,
        },
        ReviewFact::Closed { reason },
        ReviewFact::Decided {
            intent: Some(id()),
            reason,
            decision,
        },
    ];
    let control = [
        ControlFact::ReminderUsed {
            slot: 0,
            sent: false,
            at: AT,
        },
        ControlFact::DeadlineHandled { key: key(), at: AT },
        ControlFact::JobSkipped { key: key(), at: AT },
        ControlFact::Paused,
        ControlFact::Resumed,
        ControlFact::JobCancelled { key: key() },
        ControlFact::JobRestored { key: key() },
    ];
    let delivery = Fact::Delivery(DeliveryFact::Reported {
        event_id: "D-1".to_owned(),
        at: AT,
        lines: lines(),
        complete: false,
    });
    let review = review.into_iter().map(Fact::Review);
    let control = control.into_iter().map(Fact::Control);
    [delivery]
        .into_iter()
        .chain(review)
        .chain(control)
        .collect()
}

fn every_fact() -> Vec<Fact> {
    let planned = operations().map(|operation| Fact::Planned(Box::new(intent(operation))));
    let of_intents = of_intents()
        .into_iter()
        .map(|fact| Fact::Intent(id(), fact));
    let provider = of_the_provider().into_iter().map(Fact::Provider);
    [Fact::Created]
        .into_iter()
        .chain(planned)
        .chain(of_intents)
        .chain(provider)
        .chain(of_people_and_jobs())
        .collect()
}

/// The fields of a value by their paths, each with the kind of its value: `a.b` of an object, `a[].b` of a list's entries.
fn fields(path: &str, value: &Value, into: &mut BTreeMap<String, &'static str>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                let separator = if path.is_empty() { "" } else { "." };
                fields(&format!("{path}{separator}{name}"), value, into);
            }
        }
        Value::Array(entries) if entries.iter().any(Value::is_object) => {
            for entry in entries {
                fields(&format!("{path}[]"), entry, into);
            }
        }
        Value::Null => {
            into.entry(path.to_owned()).or_insert("null");
        }
        Value::Bool(_) => drop(into.insert(path.to_owned(), "bool")),
        Value::Number(_) => drop(into.insert(path.to_owned(), "number")),
        Value::String(_) => drop(into.insert(path.to_owned(), "text")),
        Value::Array(_) => drop(into.insert(path.to_owned(), "list")),
    }
}

/// Takes the fields out that are `null` here and an object or a list of objects elsewhere.
fn without_parents(fields: BTreeMap<String, &'static str>) -> BTreeMap<String, &'static str> {
    let names: BTreeSet<String> = fields.keys().cloned().collect();
    let is_parent = |name: &str| {
        names.iter().any(|other| {
            let rest = other.strip_prefix(name);
            rest.is_some_and(|rest| rest.starts_with('.') || rest.starts_with("[]."))
        })
    };
    fields
        .into_iter()
        .filter(|(name, _)| !is_parent(name))
        .collect()
}

/// What the views of all samples show, by the type of the event.
fn shown() -> BTreeMap<&'static str, BTreeMap<String, &'static str>> {
    let mut shown: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
    for fact in every_fact() {
        fields("", &data(&fact), shown.entry(fact.name()).or_default());
    }
    shown
        .into_iter()
        .map(|(name, fields)| (name, without_parents(fields)))
        .collect()
}

/// An entry of the page: the fields of its table, and its example.
struct Entry<'p> {
    name: &'p str,
    fields: BTreeSet<String>,
    example: Value,
}

fn entries() -> Vec<Entry<'static>> {
    let entries = PAGE.split("\n## ").skip(1);
    let entry = |entry: &'static str| {
        let (name, text) = entry.split_once('\n').expect("a heading and a text");
        let rows = text.lines().filter_map(|line| line.strip_prefix("| `"));
        let (_, example) = text.split_once("```json\n").expect("an example");
        let (example, _) = example.split_once("\n```").expect("an end of the example");
        Entry {
            name,
            fields: rows
                .map(|row| row.split('`').next().expect("a field").to_owned())
                .collect(),
            example: serde_json::from_str(example).expect("an example in JSON"),
        }
    };
    entries.map(entry).collect()
}

#[test]
fn every_type_of_event_has_its_entry_and_every_entry_its_type() {
    let names: Vec<&str> = entries().iter().map(|entry| entry.name).collect();
    let types: Vec<&str> = EventType::ALL.iter().map(|known| known.as_str()).collect();
    assert_eq!(names, types);
    assert_eq!(
        shown().into_keys().collect::<BTreeSet<_>>(),
        types.into_iter().collect(),
        "the samples hold every fact there is"
    );
}

#[test]
fn the_fields_of_every_event_are_those_of_its_entry_and_of_its_example() {
    let shown = shown();
    for entry in entries() {
        let view = &shown[entry.name];
        let name = entry.name;
        assert_eq!(
            view.keys().cloned().collect::<BTreeSet<_>>(),
            entry.fields,
            "{name}"
        );
        let example = &entry.example;
        assert_eq!(example["type"], name);
        let keys: BTreeSet<&str> = example
            .as_object()
            .expect("an object")
            .keys()
            .map(String::as_str)
            .collect();
        let shape = [
            "actor",
            "at",
            "data",
            "merchant",
            "reservation",
            "seq",
            "type",
        ];
        assert_eq!(keys, BTreeSet::from(shape), "{name}");
        let mut shown = BTreeMap::new();
        fields("", &example["data"], &mut shown);
        for (field, kind) in &shown {
            let parent = view
                .keys()
                .any(|known| known.starts_with(&format!("{field}[].")));
            let fits = view.get(field).is_some_and(|known| known == kind) || *kind == "null";
            assert!(
                fits && (parent || view.contains_key(field)),
                "{name}: {field} is {kind}"
            );
        }
        let missing = view.keys().filter(|field| {
            let parent = field.split("[]").next().unwrap_or_default();
            !shown.contains_key(*field) && shown.get(parent) != Some(&"null")
        });
        assert_eq!(missing.count(), 0, "{name}: the example shows every field");
    }
}

#[test]
fn nothing_of_what_is_stored_alone_is_shown() {
    let internal = [
        "since",
        "version",
        "last_unknown_at",
        "in_doubt",
        "progress",
        "baseline",
    ];
    for (name, fields) in shown() {
        for field in fields.keys() {
            let last = field.rsplit('.').next().unwrap_or_default();
            assert!(!internal.contains(&last), "{name} shows {field}");
        }
    }
}
