//! What really happened to one reservation: its part of the sandbox's ledger.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sandbox::{By, Effect, EffectKind};

use super::OperationHistory;
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

    /// The part of it that is about the reservation with this id at the provider.
    pub(crate) fn at(&self, uuid: &str) -> Self {
        let same = |effect: &&&Effect| effect.reservation_uuid == uuid;
        Self(self.0.iter().filter(same).copied().collect())
    }

    /// What calls of this operation did. The API shows the marker that they carry.
    pub(crate) fn of_operation(
        &self,
        kind: EffectKind,
        operation: &OperationHistory,
    ) -> impl Iterator<Item = &'l Effect> + '_ {
        let marker = operation.marker.clone();
        self.ours(kind)
            .filter(move |effect| carries(effect, &marker))
    }

    /// What the request of this operation did that was sent at `sent`, the next one at `next`.
    pub(crate) fn of_request(
        &self,
        kind: EffectKind,
        operation: &OperationHistory,
        sent: DateTime<Utc>,
        next: Option<DateTime<Utc>>,
    ) -> Option<&'l Effect> {
        self.of_operation(kind, operation)
            .find(|effect| effect.at >= sent && next.is_none_or(|next| effect.at < next))
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

/// Does the text of an effect hold this marker?
fn carries(effect: &Effect, marker: &str) -> bool {
    let text = effect.text.as_deref().unwrap_or_default();
    !marker.is_empty() && text.contains(marker)
}

/// The operation whose marker an effect carries, among those that have such effects.
pub(crate) fn owner_of<'b>(
    operations: &'b [OperationHistory],
    effect: &Effect,
) -> Option<&'b OperationHistory> {
    operations.iter().find(|operation| {
        effect_of(&operation.kind) == Some(effect.kind) && carries(effect, &operation.marker)
    })
}

/// Do calls that have this effect carry a marker?
pub(crate) const fn is_marked(kind: EffectKind) -> bool {
    matches!(
        kind,
        EffectKind::Captured | EffectKind::Charged | EffectKind::Cancelled | EffectKind::Completed
    )
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
