//! The promise about the books: what the API shows is what the provider has.

use std::collections::BTreeMap;

use sandbox::{By, EffectKind};

use super::{ApiSnapshot, Evidence, Judgement, Truth};

/// Promise 4. What a person is being asked about is explained; everything else has to be equal.
pub(super) fn unexplained_differences(
    book: &ApiSnapshot,
    truth: &Truth<'_>,
    _: &Evidence<'_>,
    judgement: &mut Judgement,
) -> Vec<String> {
    let mut differences = Vec::new();
    if book.uuid.is_empty() {
        if truth.has(EffectKind::Created) {
            differences.push("the provider has a reservation that we do not know".to_owned());
        }
    } else {
        rows(book, truth, &mut differences);
        refunds(book, truth, &mut differences);
        sums(book, truth, &mut differences);
        status(book, truth, &mut differences);
    }
    if book.review.is_some() {
        judgement.explained += u64::try_from(differences.len()).unwrap_or(u64::MAX);
        return Vec::new();
    }
    differences
}

/// Captures and charges, by their reference: amount, and whether it was somebody else.
fn rows(book: &ApiSnapshot, truth: &Truth<'_>, differences: &mut Vec<String>) {
    for (kind, word) in [
        (EffectKind::Captured, "capture"),
        (EffectKind::Charged, "charge"),
    ] {
        let theirs: BTreeMap<&str, (i64, bool)> = truth
            .all(kind)
            .map(|effect| {
                let reference = effect.provider_reference.as_deref().unwrap_or_default();
                (reference, (effect.amount.minor(), effect.by == By::Portal))
            })
            .collect();
        let ours: BTreeMap<&str, (i64, bool)> = book
            .rows
            .iter()
            .filter(|row| row.kind == word)
            .map(|row| (row.reference.as_str(), (row.amount, row.external)))
            .collect();
        for (reference, there) in &theirs {
            match ours.get(reference) {
                None => differences.push(format!("our books lack the {word} {reference} of {} øre", there.0)),
                Some(here) if here != there => differences.push(format!(
                    "the {word} {reference} is {} øre (external: {}) with us and {} øre (external: {}) there",
                    here.0, here.1, there.0, there.1
                )),
                Some(_) => {}
            }
        }
        let invented = ours
            .keys()
            .filter(|reference| !theirs.contains_key(*reference));
        differences.extend(
            invented.map(|reference| format!("our books have a {word} {reference:?} too many")),
        );
    }
}

/// Refunds, by the row they are of.
fn refunds(book: &ApiSnapshot, truth: &Truth<'_>, differences: &mut Vec<String>) {
    let theirs = truth.by_reference(EffectKind::Refunded);
    let mut ours: BTreeMap<&str, i64> = BTreeMap::new();
    for row in book.rows.iter().filter(|row| row.kind == "refund") {
        *ours.entry(row.reference.as_str()).or_default() += row.amount;
    }
    for reference in theirs.keys().chain(
        ours.keys()
            .filter(|reference| !theirs.contains_key(*reference)),
    ) {
        let (here, there) = (ours.get(reference), theirs.get(reference));
        if here != there {
            let (here, there) = (here.copied().unwrap_or(0), there.copied().unwrap_or(0));
            differences.push(format!(
                "of {reference} {here} øre are refunded with us and {there} there"
            ));
        }
    }
    let external = book
        .rows
        .iter()
        .any(|row| row.kind == "refund" && row.external);
    let by_portal = truth
        .all(EffectKind::RefundAccepted)
        .any(|effect| effect.by == By::Portal);
    if external && !by_portal {
        differences.push("a refund of ours is marked as somebody else's".to_owned());
    }
}

fn sums(book: &ApiSnapshot, truth: &Truth<'_>, differences: &mut Vec<String>) {
    let (here, there) = (book.sums, truth.sums());
    if here != there {
        differences.push(format!(
            "the amounts are {here:?} with us and {there:?} there"
        ));
    }
    let rows = ["capture", "charge", "refund"].map(|kind| book.booked(kind));
    if rows != [here.captured, here.charged, here.refunded] {
        differences.push(format!(
            "our amounts are {here:?}, and our rows sum up to {rows:?}"
        ));
    }
}

fn status(book: &ApiSnapshot, truth: &Truth<'_>, differences: &mut Vec<String>) {
    for (kind, word) in [
        (EffectKind::Completed, "completed"),
        (EffectKind::Cancelled, "cancelled"),
    ] {
        if truth.has(kind) != (book.status == word) {
            let there = if truth.has(kind) { "is" } else { "is not" };
            differences.push(format!(
                "the status is {} with us, and it {there} {word} there",
                book.status
            ));
        }
    }
}
