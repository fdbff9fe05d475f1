//! The promises about single operations: alone, once, not forgotten, within their limits, never silently too late.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Datelike as _, TimeDelta, Timelike as _, Utc, Weekday};
use chrono_tz::Europe::Oslo;
use sandbox::EffectKind;

use super::answer::{Event, list, ore};
use super::excuse::{of_open, question_of};
use super::operations::walk;
use super::snapshot::Job;
use super::truth::{effect_of, is_marked};
use super::{ApiSnapshot, End, Evidence, Judgement, OperationHistory, Truth};

/// The length of a capture window in every run.
const WINDOW: TimeDelta = TimeDelta::days(7);

/// Promise 1, at every moment of the timeline.
pub(super) fn one_at_a_time(
    book: &ApiSnapshot,
    _: &Truth<'_>,
    _: &Evidence<'_>,
    _: &mut Judgement,
) -> Vec<String> {
    let mut broken = Vec::new();
    let walked = walk(&book.events, |_, operations| {
        let in_doubt = || operations.iter().filter(|other| other.is_in_doubt());
        if in_doubt().count() > 1 && broken.is_empty() {
            let names: Vec<&str> = in_doubt().map(|other| other.kind.as_str()).collect();
            broken.push(format!("{} are unresolved at once", names.join(" and ")));
        }
    });
    // A timeline in which no operations are found cannot be read either.
    broken.extend(walked.err());
    broken
}

/// An effect that happened more than once, and whether that is in review: not anything, but this very one.
struct Double {
    message: String,
    walked: bool,
}

/// Promise 2. Beyond the assumptions an effect may happen twice, and then has to reach a person.
pub(super) fn no_double_effect(
    book: &ApiSnapshot,
    truth: &Truth<'_>,
    evidence: &Evidence<'_>,
    judgement: &mut Judgement,
) -> Vec<String> {
    let doubles = marked_twice(book, truth)
        .into_iter()
        .chain(refunded_twice(book, truth))
        .chain(created_twice(book, truth));
    let (walked, untold): (Vec<Double>, Vec<Double>) = doubles.partition(|double| double.walked);
    let count = |doubles: &[Double]| u64::try_from(doubles.len()).unwrap_or(u64::MAX);
    judgement.doubles += count(&walked) + count(&untold);
    judgement.doubles_reviewed += count(&walked);
    let silent = if evidence.beyond { Vec::new() } else { walked };
    silent
        .into_iter()
        .chain(untold)
        .map(|double| double.message)
        .collect()
}

/// Reviews that say that an effect happened twice, otherwise than was asked for, or after it had been given up.
const DOUBLE: [&str; 2] = ["effect_differs", "late_effect"];

/// Has a person been asked about an effect that happened twice, or after it had been given up?
fn shows_double(book: &ApiSnapshot) -> bool {
    let open = book.reviews.iter().map(|review| review.reason.as_str());
    let raised = book.events.iter().filter_map(raised_by);
    open.chain(raised).any(|reason| DOUBLE.contains(&reason))
}

/// Why an event asks a person, if it does.
fn raised_by(event: &Event) -> Option<&str> {
    match event.name.as_str() {
        "review_raised" | "intent_escalated" => event.data["reason"].as_str(),
        "late_effect_seen" => Some("late_effect"),
        _ => None,
    }
}

/// Effects that carry the marker of one operation more than once. Those count as reported about whose request a person is asked, or
/// whose rows all stand in our books as this operation's, with a review about them.
fn marked_twice(book: &ApiSnapshot, truth: &Truth<'_>) -> Vec<Double> {
    let mut doubles = Vec::new();
    for operation in &book.operations {
        let Some(kind) = effect_of(&operation.kind).filter(|kind| is_marked(*kind)) else {
            continue;
        };
        let references: Vec<&str> = truth
            .of_operation(kind, operation)
            .map(|effect| effect.provider_reference.as_deref().unwrap_or_default())
            .collect();
        if references.len() < 2 {
            continue;
        }
        let booked = |reference: &&str| {
            operation.references.contains(*reference)
                && book
                    .rows
                    .iter()
                    .any(|row| row.reference == **reference && !row.external)
        };
        let distinct: BTreeSet<&str> = references.iter().copied().collect();
        let all = distinct.len() == references.len() && references.iter().all(booked);
        doubles.push(Double {
            message: format!(
                "{} {}: {kind:?} {} times",
                operation.kind,
                operation.id,
                references.len()
            ),
            walked: question_of(book, operation).is_some() || (shows_double(book) && all),
        });
    }
    doubles
}

/// Refunds of one amount of one row, more of them than were asked for.
fn refunded_twice(book: &ApiSnapshot, truth: &Truth<'_>) -> Vec<Double> {
    let mut asked: BTreeMap<(&str, i64), (usize, bool)> = BTreeMap::new();
    let refunds = book
        .operations
        .iter()
        .filter(|operation| operation.kind == "refund" && !operation.sendings.is_empty());
    for operation in refunds {
        let (times, is_asked) = asked
            .entry((operation.reference.as_str(), operation.amount))
            .or_default();
        *times += 1;
        *is_asked |= question_of(book, operation).is_some();
    }
    let done = |reference: &str, amount: i64| truth.refunds_like(reference, amount);
    asked
        .into_iter()
        .filter(|((reference, amount), (times, _))| done(reference, *amount) > *times)
        .map(|((reference, amount), (times, is_asked))| Double {
            message: format!(
                "{amount} øre of {reference} refunded {} times, asked for {times} times",
                done(reference, amount)
            ),
            walked: is_asked || shows_double(book),
        })
        .collect()
}

/// Reservations at the provider beyond one. Reported when each of them is named beside the one in our books, or when the
/// submit itself is in review.
fn created_twice(book: &ApiSnapshot, truth: &Truth<'_>) -> Option<Double> {
    let created: Vec<&str> = truth
        .ours(EffectKind::Created)
        .map(|effect| effect.reservation_uuid.as_str())
        .collect();
    let named = |uuid: &&str| book.uuid == **uuid || book.has_seen_duplicate(uuid);
    let asked = book
        .operations
        .iter()
        .any(|operation| operation.kind == "submit" && question_of(book, operation).is_some());
    (created.len() > 1).then(|| Double {
        message: format!("created {} times at the provider", created.len()),
        walked: asked || (shows_double(book) && created.iter().all(named)),
    })
}

/// Promise 3: every operation ends as done with its effect, or as not done without one, or a person is asked about it.
pub(super) fn nothing_forgotten(
    book: &ApiSnapshot,
    truth: &Truth<'_>,
    evidence: &Evidence<'_>,
    judgement: &mut Judgement,
) -> Vec<String> {
    let mut broken = Vec::new();
    for operation in &book.operations {
        let name = || format!("{} {}", operation.kind, operation.id);
        let effects = effects_of(operation, truth);
        match operation.end {
            End::Open => match of_open(book, operation) {
                Some(excuse) => judgement.excuse("open operation", &excuse),
                None => broken.push(format!(
                    "{} never ended and nobody is asked about it",
                    name()
                )),
            },
            End::Review => match question_of(book, operation) {
                Some(review) => judgement.excuse("operation in doubt", &review.reason),
                None => broken.push(format!("{} waits for a person whom nobody asks", name())),
            },
            End::Done => {
                if effects == Some(0) && !reached_by_another(operation, truth) {
                    broken.push(format!("{} counts as done and had no effect", name()));
                }
            }
            End::Rejected | End::Withdrawn => {
                if effects.is_none_or(|effects| effects == 0) || operation.kind == "refund" {
                    continue;
                }
                if operation.late {
                    judgement.excuse("effect of what was given up", "its own late effect");
                } else {
                    broken.push(format!("{} counts as not done and had its effect", name()));
                }
            }
        }
    }
    let mine = evidence
        .asked
        .iter()
        .filter(|asked| asked.reservation == book.id);
    for asked in mine {
        let job = book.jobs.iter().find(|job| job.id == asked.job);
        let fault = match job {
            None => Some("has no job".to_owned()),
            Some(job) => fault_of(job, book, judgement),
        };
        broken.extend(fault.map(|fault| format!("the {} that was asked for {fault}", asked.what)));
    }
    broken
}

/// What is wrong with the job of something that was asked for.
fn fault_of(job: &Job, book: &ApiSnapshot, judgement: &mut Judgement) -> Option<String> {
    match job.state.as_str() {
        "failed" | "cancelled" | "needs_review" => {
            let silent = job.reason.is_empty();
            silent.then(|| format!("is {} without a reason", job.state))
        }
        // A job that reads is planned again and again while there is something to read.
        "scheduled" | "available" | "running" | "resolving" if job.kind != "refresh" => {
            let carries = |operation: &&OperationHistory| {
                operation.kind == job.kind
                    && operation.created_at.is_some()
                    && operation.created_at == job.created_at
            };
            let operation = book.operations.iter().find(carries);
            match operation.and_then(|operation| of_open(book, operation)) {
                Some(excuse) => {
                    judgement.excuse("live job", &excuse);
                    None
                }
                None => Some(format!("is still {}", job.state)),
            }
        }
        "scheduled" | "available" | "running" | "resolving" | "succeeded" => None,
        other => Some(format!("is {other:?}, whatever that is")),
    }
}

/// How often an operation took effect, where effects can be distinguished.
fn effects_of(operation: &OperationHistory, truth: &Truth<'_>) -> Option<usize> {
    match effect_of(&operation.kind)? {
        EffectKind::RefundAccepted => {
            Some(truth.refunds_like(&operation.reference, operation.amount))
        }
        EffectKind::Created => Some(truth.ours(EffectKind::Created).count()),
        kind => Some(truth.of_operation(kind, operation).count()),
    }
}

/// A cancel or complete has reached its goal when somebody else was faster. So has a refund in unknown: nothing tells from
/// it one of the same amount that was asked for in the portal, before it or after, and carried out after it was sent.
fn reached_by_another(operation: &OperationHistory, truth: &Truth<'_>) -> bool {
    match operation.kind.as_str() {
        "cancel" => truth.has(EffectKind::Cancelled) || truth.has(EffectKind::LinkExpired),
        "complete" => truth.has(EffectKind::Completed),
        "refund" => operation.sendings.first().is_some_and(|(sent_at, _)| {
            let mut alike =
                truth.refunds(EffectKind::Refunded, &operation.reference, operation.amount);
            alike.any(|effect| effect.at >= *sent_at)
        }),
        _ => false,
    }
}

/// Promise 5.
pub(super) fn limits_hold(
    book: &ApiSnapshot,
    truth: &Truth<'_>,
    _: &Evidence<'_>,
    _: &mut Judgement,
) -> Vec<String> {
    let mut broken = sums_hold(book, truth);
    let held_at = book
        .events
        .iter()
        .position(|event| event.name == "hold_placed");
    for operation in &book.operations {
        let sent = operation.sendings.len().saturating_sub(operation.unsent);
        if operation.kind == "charge" && sent > 1 && !operation.decided {
            broken.push(format!("charge {} was sent {sent} times", operation.id));
        }
        for (at, place) in &operation.sendings {
            if operation.kind == "capture" && book.capture_by.is_some_and(|by| *at >= by) {
                broken.push(format!(
                    "capture {} was sent at {at}, too late",
                    operation.id
                ));
            }
            if operation.is_reminder && held_at.is_some_and(|held| held < *place) {
                broken.push(format!(
                    "reminder {} was sent after the payment had been seen",
                    operation.id
                ));
            }
            if operation.is_reminder && !book.any_hours && !is_contact_time(*at) {
                broken.push(format!(
                    "reminder {} was sent at {at}, which is outside the contact hours",
                    operation.id
                ));
            }
        }
    }
    broken
}

fn sums_hold(book: &ApiSnapshot, truth: &Truth<'_>) -> Vec<String> {
    let mut broken = Vec::new();
    for (whose, sums) in [("the provider's", truth.sums()), ("our", book.sums)] {
        if sums.captured > sums.reserved {
            broken.push(format!(
                "in {whose} books {} øre are captured of {}",
                sums.captured, sums.reserved
            ));
        }
    }
    let taken: BTreeMap<&str, i64> = truth
        .by_reference(EffectKind::Captured)
        .into_iter()
        .chain(truth.by_reference(EffectKind::Charged))
        .collect();
    let ours = book.rows.iter().filter(|row| row.kind == "refund").fold(
        BTreeMap::new(),
        |mut sums, row| {
            *sums.entry(row.reference.as_str()).or_default() += row.amount;
            sums
        },
    );
    for (whose, refunded) in [
        (
            "the provider's",
            truth.by_reference(EffectKind::RefundAccepted),
        ),
        ("our", ours),
    ] {
        for (reference, refunded) in refunded {
            let taken = taken.get(reference).copied().unwrap_or(0);
            if refunded > taken {
                broken.push(format!(
                    "in {whose} books {refunded} øre of {reference} are refunded, of {taken}"
                ));
            }
        }
    }
    broken
}

/// Weekdays 08 to 21, Saturdays 10 to 15, by the clock of Oslo; holidays are left to the calendar's own tests.
fn is_contact_time(at: DateTime<Utc>) -> bool {
    let local = at.with_timezone(&Oslo);
    match local.weekday() {
        Weekday::Sun => false,
        Weekday::Sat => (10..15).contains(&local.hour()),
        _ => (8..21).contains(&local.hour()),
    }
}

/// Reviews that ask what is to become of what was delivered and is not captured, or about its capture.
const ABOUT_DELIVERED: [&str; 7] = [
    "capture_unknown",
    "external_change",
    "window_closing",
    "late_delivery",
    "deadline_passed",
    "effect_differs",
    "late_effect",
];

/// Promise 6: what was delivered in time and not captured before the window closed has been somebody's question.
pub(super) fn no_silent_deadline(
    book: &ApiSnapshot,
    truth: &Truth<'_>,
    _: &Evidence<'_>,
    judgement: &mut Judgement,
) -> Vec<String> {
    let Some(reserved_at) = truth.reserved_at() else {
        return Vec::new();
    };
    let closes = reserved_at + WINDOW;
    let closed = [EffectKind::Cancelled, EffectKind::Completed];
    // What somebody closes in the portal is a question too.
    let ended = |kind| truth.ours(kind).any(|effect| effect.at < closes);
    if closed.into_iter().any(ended) {
        return Vec::new();
    }
    let in_time = |event: &Event| event.name == "delivery_reported" && event.at < closes;
    let delivered: i64 = book
        .events
        .iter()
        .filter(|event| in_time(event))
        .flat_map(|event| list(&event.data["lines"]))
        .map(|line| ore(&line["amount"]))
        .sum();
    let captured = truth.sum(EffectKind::Captured);
    let due = delivered.min(truth.sum(EffectKind::Reserved));
    if captured >= due {
        return Vec::new();
    }
    match asked_about_delivered(book, closes) {
        Some(reason) => {
            judgement.excuse("delivered and not captured", &reason);
            Vec::new()
        }
        None => vec![format!(
            "{due} øre were delivered in time, {captured} captured, and nobody was asked"
        )],
    }
}

/// The question about the money of the last delivery before the window closes: open when it was reported, raised after it,
/// or still open; or the question whether the provider has the reservation; or the one for whose answer the whole reservation was
/// frozen when the window closed.
fn asked_about_delivered(book: &ApiSnapshot, closes: DateTime<Utc>) -> Option<String> {
    let mut asked: BTreeSet<String> = BTreeSet::new();
    let mut raised: BTreeSet<String> = BTreeSet::new();
    let mut frozen_by: BTreeSet<String> = BTreeSet::new();
    let walked = walk(&book.events, |event, operations| {
        if event.name == "delivery_reported" && event.at < closes {
            asked.clone_from(&raised);
            asked.extend(
                operations
                    .iter()
                    .filter(|operation| operation.end == End::Review)
                    .filter_map(|operation| operation.asked.clone()),
            );
        }
        if let Some(reason) = raised_by(event).map(str::to_owned) {
            if event.name != "intent_escalated" {
                raised.insert(reason.clone());
            }
            if event.data["freezes"] == true && event.at < closes {
                frozen_by.insert(reason.clone());
            }
            asked.insert(reason);
        }
        if event.name == "review_closed" {
            raised.retain(|reason| event.data["reason"] != *reason);
            if event.at < closes {
                frozen_by.retain(|reason| event.data["reason"] != *reason);
            }
        }
    });
    walked.ok()?;
    let mut submits = book
        .operations
        .iter()
        .filter(|operation| operation.kind == "submit");
    if submits.any(|submit| submit.end == End::Review) {
        return Some("whether the provider has the reservation at all".to_owned());
    }
    let open = book.reviews.iter().map(|review| review.reason.clone());
    asked
        .into_iter()
        .chain(open)
        .find(|reason| ABOUT_DELIVERED.contains(&reason.as_str()))
        .or_else(|| {
            let reason = frozen_by.pop_first()?;
            Some(format!("{reason}, which froze the reservation"))
        })
}
