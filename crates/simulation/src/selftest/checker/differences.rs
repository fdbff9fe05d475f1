//! The promise about the books: what the API shows is what the provider has.

use std::collections::{BTreeMap, BTreeSet};

use sandbox::{By, Effect, EffectKind};

use super::excuse::{About, of_difference};
use super::snapshot::{Row, Sums};
use super::truth::{is_marked, owner_of};
use super::{ApiSnapshot, Evidence, Judgement, OperationHistory, Truth};

/// One way in which our books differ from the provider's.
struct Difference<'b> {
    message: String,
    about: About<'b>,
    /// By how much the provider's sums are higher because of it.
    more: Sums,
}

impl<'b> Difference<'b> {
    /// One that moves no sum.
    fn of(about: About<'b>, message: String) -> Self {
        Self {
            message,
            about,
            more: Sums::default(),
        }
    }

    /// One of a capture or charge, which moves its sum.
    fn of_row(
        kind: EffectKind,
        makers: Vec<&'b OperationHistory>,
        more: i64,
        message: String,
    ) -> Self {
        let mut sums = Sums::default();
        match kind {
            EffectKind::Captured => sums.captured = more,
            _ => sums.charged = more,
        }
        Self {
            message,
            about: match makers.as_slice() {
                [] => About::Reservation,
                [..] => About::Operations(makers),
            },
            more: sums,
        }
    }
}

/// Promise 4. What a person is asked about is excused by the review of that very operation, the sums by exactly what is
/// excused in their rows; everything else has to be equal.
pub(super) fn unexplained_differences(
    book: &ApiSnapshot,
    truth: &Truth<'_>,
    _: &Evidence<'_>,
    judgement: &mut Judgement,
) -> Vec<String> {
    let comparison = Comparison {
        book,
        truth: &truth.at(&book.uuid),
    };
    let mut differences = nobodys(book, truth);
    if book.uuid.is_empty() {
        if truth.has(EffectKind::Created) {
            let message = "the provider has a reservation that we do not know".to_owned();
            let submits = comparison.operations_of("submit");
            differences.push(Difference::of(About::Operations(submits), message));
        }
    } else {
        differences.extend(others(book, truth));
        differences.extend(comparison.reserved());
        differences.extend(comparison.rows(EffectKind::Captured, "capture"));
        differences.extend(comparison.rows(EffectKind::Charged, "charge"));
        differences.extend(comparison.refunds());
        differences.extend(comparison.misattributed_refunds());
        differences.extend(comparison.status());
    }
    let mut excused = book.sums;
    let mut broken = Vec::new();
    for difference in differences {
        match of_difference(book, &difference.about) {
            Some(excuse) => {
                judgement.excuse("difference", &excuse);
                excused = excused.plus(difference.more);
            }
            None => broken.push(difference.message),
        }
    }
    let there = truth.sums();
    if !book.uuid.is_empty() && excused != there {
        let here = book.sums;
        broken.push(format!(
            "the amounts are {here:?} with us, {excused:?} with what is excused, and {there:?} there"
        ));
    }
    let rows = ["capture", "charge", "refund"].map(|kind| book.booked(kind));
    let sums = [book.sums.captured, book.sums.charged, book.sums.refunded];
    if rows != sums {
        broken.push(format!(
            "our amounts are {sums:?}, and our rows sum up to {rows:?}"
        ));
    }
    broken
}

/// Effects of calls of ours that carry the marker of no operation.
fn nobodys<'b>(book: &'b ApiSnapshot, truth: &Truth<'_>) -> Vec<Difference<'b>> {
    let ours = truth.0.iter().filter(|effect| effect.by == By::Api);
    ours.filter(|effect| is_marked(effect.kind) && owner_of(&book.operations, effect).is_none())
        .map(|effect| {
            let (kind, text) = (effect.kind, effect.text.as_deref().unwrap_or_default());
            let message = format!("{kind:?} with {text:?}, which is the text of no operation");
            Difference::of(About::Nothing, message)
        })
        .collect()
}

/// What happened to other reservations at the provider that carry our reference.
fn others<'b>(book: &'b ApiSnapshot, truth: &Truth<'b>) -> Vec<Difference<'b>> {
    let uuids: BTreeSet<&str> = truth
        .0
        .iter()
        .map(|effect| effect.reservation_uuid.as_str())
        .filter(|uuid| *uuid != book.uuid)
        .collect();
    let moved = uuids.into_iter().map(|uuid| (uuid, truth.at(uuid).sums()));
    moved
        .filter(|(_, sums)| *sums != Sums::default())
        .map(|(uuid, sums)| Difference {
            message: format!("{uuid} carries our reference, and has {sums:?}"),
            about: About::Duplicate(uuid),
            more: sums,
        })
        .collect()
}

/// What is compared: the API's view, and what happened to the reservation that it names.
struct Comparison<'b, 't> {
    book: &'b ApiSnapshot,
    truth: &'t Truth<'t>,
}

impl<'b> Comparison<'b, '_> {
    fn operations_of(&self, kind: &str) -> Vec<&'b OperationHistory> {
        let operations = self.book.operations.iter();
        operations
            .filter(|operation| operation.kind == kind)
            .collect()
    }

    /// The operations that count as having made this row of ours.
    fn makers(&self, kind: &str, reference: &str) -> Vec<&'b OperationHistory> {
        let mut operations = self.operations_of(kind);
        operations.retain(|operation| operation.references.contains(reference));
        operations
    }

    fn reserved(&self) -> Option<Difference<'b>> {
        let (here, there) = (self.book.sums.reserved, self.truth.sums().reserved);
        (here != there).then(|| Difference {
            message: format!("{here} øre are reserved with us and {there} there"),
            about: About::Reservation,
            more: Sums {
                reserved: there - here,
                ..Sums::default()
            },
        })
    }

    /// Captures and charges, by their reference: amount, and whether it was somebody else.
    fn rows(&self, kind: EffectKind, word: &str) -> Vec<Difference<'b>> {
        let name = |effect: &Effect| effect.provider_reference.clone().unwrap_or_default();
        let theirs: BTreeMap<String, &Effect> = self
            .truth
            .all(kind)
            .map(|effect| (name(effect), effect))
            .collect();
        let ours: BTreeMap<&str, &Row> = self
            .book
            .rows
            .iter()
            .filter(|row| row.kind == word)
            .map(|row| (row.reference.as_str(), row))
            .collect();
        let mut differences = Vec::new();
        let mut differs = |makers, more, message| {
            differences.push(Difference::of_row(kind, makers, more, message));
        };
        for (reference, effect) in &theirs {
            let (there, by_portal) = (effect.amount.minor(), effect.by == By::Portal);
            let mut makers: Vec<_> = owner_of(&self.book.operations, effect)
                .into_iter()
                .collect();
            match ours.get(reference.as_str()) {
                None => differs(
                    makers,
                    there,
                    format!("our books lack the {word} {reference} of {there} øre"),
                ),
                Some(row) if (row.amount, row.external) != (there, by_portal) => {
                    makers.extend(self.makers(word, reference));
                    let message = format!(
                        "the {word} {reference} is {} øre (external: {}) with us and {there} øre (external: {by_portal}) there",
                        row.amount, row.external
                    );
                    differs(makers, there - row.amount, message);
                }
                Some(_) => {}
            }
        }
        let invented = ours
            .iter()
            .filter(|(reference, _)| !theirs.contains_key(**reference));
        for (reference, row) in invented {
            differs(
                self.makers(word, reference),
                -row.amount,
                format!("our books have a {word} {reference:?} too many"),
            );
        }
        differences
    }

    /// Refunds, by the row they are of. Nothing tells those of one row apart, so that a review of any of them counts.
    fn refunds(&self) -> Vec<Difference<'b>> {
        let theirs = self.truth.by_reference(EffectKind::Refunded);
        let mut ours: BTreeMap<&str, i64> = BTreeMap::new();
        for row in self.book.rows.iter().filter(|row| row.kind == "refund") {
            *ours.entry(row.reference.as_str()).or_default() += row.amount;
        }
        let references: BTreeSet<&str> = theirs.keys().chain(ours.keys()).copied().collect();
        let sums = references.into_iter().map(|reference| {
            let sum = |sums: &BTreeMap<&str, i64>| sums.get(reference).copied().unwrap_or(0);
            (reference, sum(&ours), sum(&theirs))
        });
        sums.filter(|(_, here, there)| here != there)
            .map(|(reference, here, there)| Difference {
                message: format!(
                    "of {reference} {here} øre are refunded with us and {there} there"
                ),
                about: About::Operations(self.refunds_of(reference)),
                more: Sums {
                    refunded: there - here,
                    ..Sums::default()
                },
            })
            .collect()
    }

    /// The refunds of a row that have been sent.
    fn refunds_of(&self, reference: &str) -> Vec<&'b OperationHistory> {
        let mut operations = self.operations_of("refund");
        operations.retain(|refund| refund.reference == reference && !refund.sendings.is_empty());
        operations
    }

    fn misattributed_refunds(&self) -> Vec<Difference<'b>> {
        let external = self
            .book
            .rows
            .iter()
            .filter(|row| row.kind == "refund" && row.external);
        let by_portal = |row: &&Row| {
            self.truth.all(EffectKind::RefundAccepted).any(|effect| {
                effect.by == By::Portal
                    && effect.provider_reference.as_deref() == Some(row.reference.as_str())
            })
        };
        external
            .filter(|row| !by_portal(row))
            .map(|row| {
                let message = format!(
                    "a refund of ours of {} is marked as somebody else's",
                    row.reference
                );
                Difference::of(About::Operations(self.refunds_of(&row.reference)), message)
            })
            .collect()
    }

    fn status(&self) -> Vec<Difference<'b>> {
        [
            (EffectKind::Completed, "completed", "complete"),
            (EffectKind::Cancelled, "cancelled", "cancel"),
        ]
        .into_iter()
        .filter(|(kind, word, _)| self.truth.has(*kind) != (self.book.status == *word))
        .map(|(kind, word, operation)| {
            let there = if self.truth.has(kind) { "is" } else { "is not" };
            let status = &self.book.status;
            let message = format!("the status is {status} with us, and it {there} {word} there");
            Difference::of(About::Operations(self.operations_of(operation)), message)
        })
        .collect()
    }
}
