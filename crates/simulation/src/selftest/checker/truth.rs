//! What really happened to one reservation: its part of the sandbox's ledger.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sandbox::{By, Effect, EffectKind};

use super::snapshot::Sums;

/// The effects of one reservation, in their order.
#[derive(Clone, Debug)]
pub(crate) struct Truth<'l>(pub(crate) Vec<&'l Effect>);

impl<'l> Truth<'l> {
    /// The part of the ledger that carries this reference of the booking system.
    pub(crate) fn of(ledger: &'l [Effect], reference: &str) -> Self {
        Self(
            ledger
                .iter()
                .filter(|effect| effect.reference.as_deref() == Some(reference))
                .collect(),
        )
    }

    pub(crate) fn all(&self, kind: EffectKind) -> impl Iterator<Item = &'l Effect> + '_ {
        self.0
            .iter()
            .copied()
            .filter(move |effect| effect.kind == kind)
    }

    /// What calls of the API did.
    pub(crate) fn ours(&self, kind: EffectKind) -> impl Iterator<Item = &'l Effect> + '_ {
        self.all(kind).filter(|effect| effect.by == By::Api)
    }

    pub(crate) fn has(&self, kind: EffectKind) -> bool {
        self.all(kind).next().is_some()
    }

    pub(crate) fn sum(&self, kind: EffectKind) -> i64 {
        self.all(kind).map(|effect| effect.amount.minor()).sum()
    }

    pub(crate) fn sums(&self) -> Sums {
        Sums {
            reserved: self.sum(EffectKind::Reserved),
            captured: self.sum(EffectKind::Captured),
            charged: self.sum(EffectKind::Charged),
            refunded: self.sum(EffectKind::Refunded),
        }
    }

    pub(crate) fn reserved_at(&self) -> Option<DateTime<Utc>> {
        self.all(EffectKind::Reserved)
            .map(|effect| effect.at)
            .next()
    }

    /// The sums of a kind by the capture or charge they concern.
    pub(crate) fn by_reference(&self, kind: EffectKind) -> BTreeMap<&'l str, i64> {
        let mut sums = BTreeMap::new();
        for effect in self.all(kind) {
            *sums
                .entry(effect.provider_reference.as_deref().unwrap_or_default())
                .or_default() += effect.amount.minor();
        }
        sums
    }

    /// How often calls with this marker took effect.
    pub(crate) fn with_marker(&self, kind: EffectKind, marker: &str) -> usize {
        self.ours(kind)
            .filter(|effect| marker_of(effect) == Some(marker))
            .count()
    }

    /// What the call with this marker did as this attempt.
    pub(crate) fn of_attempt(
        &self,
        kind: EffectKind,
        marker: &str,
        attempt: u64,
    ) -> Option<&'l Effect> {
        let text = format!("R1 {marker} {attempt:02}");
        self.ours(kind).find(|effect| {
            effect
                .text
                .as_deref()
                .is_some_and(|told| told.starts_with(&text))
        })
    }

    /// Refunds of this much of this row, accepted or carried out, whoever asked for them.
    pub(crate) fn refunds(
        &self,
        kind: EffectKind,
        reference: &str,
        amount: i64,
    ) -> impl Iterator<Item = &'l Effect> + '_ {
        let reference = reference.to_owned();
        self.all(kind).filter(move |effect| {
            effect.provider_reference.as_ref() == Some(&reference)
                && effect.amount.minor() == amount
        })
    }

    /// How often calls refunded this much of this row.
    pub(crate) fn refunds_like(&self, reference: &str, amount: i64) -> usize {
        self.refunds(EffectKind::RefundAccepted, reference, amount)
            .filter(|effect| effect.by == By::Api)
            .count()
    }
}

/// The marker that a text begins with: `R1`, ten letters and digits, and the attempt.
pub(crate) fn marker_of(effect: &Effect) -> Option<&str> {
    effect
        .text
        .as_deref()?
        .strip_prefix("R1 ")?
        .split(' ')
        .next()
}

/// The kind of effect that an operation has.
pub(crate) fn effect_of(operation: &str) -> Option<EffectKind> {
    Some(match operation {
        "capture" => EffectKind::Captured,
        "charge" => EffectKind::Charged,
        "refund" => EffectKind::RefundAccepted,
        "cancel" => EffectKind::Cancelled,
        "complete" => EffectKind::Completed,
        "submit" => EffectKind::Created,
        _ => return None,
    })
}
