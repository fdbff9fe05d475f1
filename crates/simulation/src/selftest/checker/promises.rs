//! The promises about single operations: alone, once, not forgotten, within their limits, never silently too late.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike as _, TimeDelta, Timelike as _, Utc, Weekday};
use chrono_tz::Europe::Oslo;
use sandbox::EffectKind;

use super::operations::walk;
use super::snapshot::{list, ore};
use super::truth::{effect_of, marker_of};
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
    walk(
        &book.events,
        &mut Vec::new(),
        &mut BTreeMap::new(),
        |operations| {
            let unknown_outcomes = || {
                operations
                    .iter()
                    .filter(|operation| operation.kind != "resend" && operation.is_in_doubt())
            };
            if unknown_outcomes().count() > 1 && broken.is_empty() {
                let names: Vec<&str> = unknown_outcomes()
                    .map(|operation| operation.kind.as_str())
                    .collect();
                broken.push(format!("{} are unresolved at once", names.join(" and ")));
            }
        },
    );
    broken
}

/// An effect that happened more than once, and whether that lies on the desk: not anything, but this very one.
struct Double {
    message: String,
    told: bool,
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
    let (told, untold): (Vec<Double>, Vec<Double>) = doubles.partition(|double| double.told);
    let count = |doubles: &[Double]| u64::try_from(doubles.len()).unwrap_or(u64::MAX);
    judgement.doubles += count(&told) + count(&untold);
    judgement.doubles_reviewed += count(&told);
    let silent = if evidence.beyond { Vec::new() } else { told };
    silent
        .into_iter()
        .chain(untold)
        .map(|double| double.message)
        .collect()
}

/// Does something lie on the desk that says that an effect happened twice, or after it had been given up?
fn shows_double(book: &ApiSnapshot) -> bool {
    let words = ["effect_differs", "late_effect"];
    let raised = |event: &super::snapshot::Event| {
        event.name == "late_effect_seen"
            || (event.name == "review_raised"
                && words.iter().any(|word| event.data["reason"] == *word))
    };
    book.review
        .as_deref()
        .is_some_and(|reason| words.contains(&reason) || book.events.iter().any(raised))
}

/// Effects that carry one marker more than once. Told are those whose request lies on the desk, or whose rows all stand
/// in our books with an item about them.
fn marked_twice(book: &ApiSnapshot, truth: &Truth<'_>) -> Vec<Double> {
    let kinds = [
        EffectKind::Captured,
        EffectKind::Charged,
        EffectKind::Cancelled,
        EffectKind::Completed,
    ];
    let mut doubles = Vec::new();
    for kind in kinds {
        let mut effects: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for effect in truth.ours(kind) {
            let reference = effect.provider_reference.as_deref().unwrap_or_default();
            effects
                .entry(marker_of(effect).unwrap_or_default())
                .or_default()
                .push(reference);
        }
        for (marker, references) in effects
            .into_iter()
            .filter(|(_, references)| references.len() > 1)
        {
            let booked =
                |reference: &&str| book.rows.iter().any(|row| row.reference == **reference);
            let asked = book
                .operations
                .iter()
                .any(|operation| operation.marker == marker && operation.end == End::Review);
            let told = asked || (shows_double(book) && references.iter().all(booked));
            let message = format!(
                "{kind:?} {} times for the marker {marker}",
                references.len()
            );
            doubles.push(Double { message, told });
        }
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
        let (times, open_reviews) = asked
            .entry((operation.reference.as_str(), operation.amount))
            .or_default();
        *times += 1;
        *open_reviews |= operation.end == End::Review;
    }
    let done = |reference: &str, amount: i64| truth.refunds_like(reference, amount);
    asked
        .into_iter()
        .filter(|((reference, amount), (times, _))| done(reference, *amount) > *times)
        .map(|((reference, amount), (times, open_reviews))| Double {
            message: format!(
                "{amount} øre of {reference} refunded {} times, asked for {times} times",
                done(reference, amount)
            ),
            told: open_reviews || shows_double(book),
        })
        .collect()
}

/// Reservations at the provider beyond one. Told when each of them is named beside the one in our books, or when the
/// submit itself lies on the desk.
fn created_twice(book: &ApiSnapshot, truth: &Truth<'_>) -> Option<Double> {
    let created: Vec<&str> = truth
        .ours(EffectKind::Created)
        .map(|effect| effect.reservation_uuid.as_str())
        .collect();
    let named = |uuid: &&str| {
        let duplicate = |event: &super::snapshot::Event| {
            event.name == "duplicate_seen" && event.data["reservation_uuid"] == **uuid
        };
        book.uuid == **uuid || book.events.iter().any(duplicate)
    };
    let asked = book
        .operations
        .iter()
        .any(|operation| operation.kind == "submit" && operation.end == End::Review);
    (created.len() > 1).then(|| Double {
        message: format!("created {} times at the provider", created.len()),
        told: asked || (shows_double(book) && created.iter().all(named)),
    })
}

/// Promise 3: every operation ends as done with its effect, or as not done without one, or a person is asked.
pub(super) fn nothing_forgotten(
    book: &ApiSnapshot,
    truth: &Truth<'_>,
    evidence: &Evidence<'_>,
    _: &mut Judgement,
) -> Vec<String> {
    let mut broken = Vec::new();
    let open_reviews = book.review.is_some() || book.control == "paused";
    for operation in &book.operations {
        let name = || format!("{} {}", operation.kind, operation.id);
        let effects = effects_of(operation, truth);
        match operation.end {
            End::Open if !open_reviews => {
                broken.push(format!("{} never ended and nobody is asked", name()));
            }
            End::Review if book.review.is_none() => {
                broken.push(format!("{} waits for a person whom nobody asks", name()));
            }
            End::Done if effects == Some(0) && !reached_by_another(operation, truth) => {
                broken.push(format!("{} counts as done and had no effect", name()));
            }
            End::Rejected | End::Withdrawn
                if effects.is_some_and(|effects| effects > 0)
                    && operation.kind != "refund"
                    && !operation.late
                    && !open_reviews =>
            {
                broken.push(format!("{} counts as not done and had its effect", name()));
            }
            _ => {}
        }
    }
    for asked in evidence
        .asked
        .iter()
        .filter(|asked| asked.reservation == book.id)
    {
        let Some(job) = book.jobs.iter().find(|job| job.id == asked.job) else {
            broken.push(format!("the {} that was asked for has no job", asked.what));
            continue;
        };
        let lives = matches!(
            job.state.as_str(),
            "scheduled" | "available" | "running" | "resolving"
        );
        let ended_without_reason =
            matches!(job.state.as_str(), "failed" | "cancelled" | "needs_review")
                && job.reason.is_empty();
        // A job that reads is planned again and again while there is something to read.
        if lives && !open_reviews && job.kind != "refresh" {
            broken.push(format!(
                "the {} that was asked for is still {}",
                asked.what, job.state
            ));
        } else if ended_without_reason {
            broken.push(format!(
                "the {} that was asked for is {} without a reason",
                asked.what, job.state
            ));
        }
    }
    broken
}

/// How often the operation of a operation took effect, where effects can be told apart.
fn effects_of(operation: &OperationHistory, truth: &Truth<'_>) -> Option<usize> {
    match effect_of(&operation.kind)? {
        EffectKind::RefundAccepted => {
            Some(truth.refunds_like(&operation.reference, operation.amount))
        }
        EffectKind::Created => Some(truth.ours(EffectKind::Created).count()),
        kind => Some(truth.with_marker(kind, &operation.marker)),
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

/// Promise 6: what was delivered in time and not captured before the window closed has been somebody's question.
pub(super) fn no_silent_deadline(
    book: &ApiSnapshot,
    truth: &Truth<'_>,
    _: &Evidence<'_>,
    _: &mut Judgement,
) -> Vec<String> {
    let Some(reserved_at) = truth.reserved_at() else {
        return Vec::new();
    };
    let closes = reserved_at + WINDOW;
    let closed = [EffectKind::Cancelled, EffectKind::Completed];
    // What somebody closes in the portal is a question too.
    let ended = |kind| truth.ours(kind).any(|effect| effect.at < closes);
    if closed.into_iter().any(ended) || book.asked_somebody() {
        return Vec::new();
    }
    let in_time =
        |event: &&super::snapshot::Event| event.name == "delivery_reported" && event.at < closes;
    let delivered: i64 = book
        .events
        .iter()
        .filter(in_time)
        .flat_map(|event| list(&event.data["lines"]))
        .map(|line| ore(&line["amount"]))
        .sum();
    let captured = truth.sum(EffectKind::Captured);
    let due = delivered.min(truth.sum(EffectKind::Reserved));
    if captured < due {
        return vec![format!(
            "{due} øre were delivered in time, {captured} captured, and nobody was asked"
        )];
    }
    Vec::new()
}
