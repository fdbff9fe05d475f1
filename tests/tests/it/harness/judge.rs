//! The judge: reads the provider's ledger of what really happened, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use domain::Money;
use serde_json::Value;

use super::amount;

/// One thing that took place at the provider.
#[derive(Clone, Debug)]
pub(crate) struct Effect {
    pub(crate) kind: String,
    pub(crate) uuid: String,
    /// The booking system's own id.
    pub(crate) reference: String,
    /// The provider's name of a capture or charge.
    pub(crate) provider_reference: Option<String>,
    pub(crate) amount: Money,
    pub(crate) text: Option<String>,
    /// `api`, `portal`, `payer` or `time`.
    pub(crate) by: String,
}

impl Effect {
    #[track_caller]
    pub(crate) fn read(value: &Value) -> Self {
        let text = |name: &str| value[name].as_str().map(str::to_owned);
        Self {
            kind: text("kind").expect("a kind"),
            uuid: text("reservation_uuid").unwrap_or_default(),
            reference: text("reference").unwrap_or_default(),
            provider_reference: text("provider_reference"),
            amount: amount(&value["amount"]),
            text: text("text"),
            by: text("by").expect("somebody"),
        }
    }

    /// The marker of the intent that this effect was sent for, without the number of its attempt.
    fn marker(&self) -> Option<&str> {
        let text = self.text.as_deref()?;
        text.strip_prefix("R1 ")
            .and_then(|rest| rest.split(' ').next())
            .filter(|_| self.by == "api")
    }
}

/// What somebody did to a reservation; the rest is what payer, time and the provider's messages do.
const ACTS: [&str; 6] = [
    "created",
    "captured",
    "charged",
    "refund_accepted",
    "cancelled",
    "completed",
];

/// Asserts what has to hold of the provider's ledger whatever happened on the way: each booking exists once, each
/// intent has at most one effect, and no more moves than there is. Returns the acts of each booking by its reference,
/// as `kind amount`, in order.
#[track_caller]
pub(crate) fn judge(effects: &[Effect]) -> BTreeMap<String, Vec<String>> {
    let mut acts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut markers = BTreeSet::new();
    for effect in effects {
        if let Some(marker) = effect.marker() {
            let news = markers.insert((effect.kind.clone(), marker.to_owned()));
            assert!(
                news,
                "the intent {marker} had its effect twice: {effect:?}\n{effects:#?}"
            );
        }
        if ACTS.contains(&effect.kind.as_str()) {
            let act = match effect.amount.is_zero() || effect.kind == "created" {
                true => effect.kind.clone(),
                false => format!("{} {}", effect.kind, effect.amount),
            };
            acts.entry(effect.reference.clone()).or_default().push(act);
        }
    }
    for reference in acts.keys() {
        judge_one(reference, effects);
    }
    acts
}

#[track_caller]
fn judge_one(reference: &str, effects: &[Effect]) {
    let own: Vec<&Effect> = effects
        .iter()
        .filter(|effect| effect.reference == reference)
        .collect();
    let of = |kind: &str| own.iter().filter(|effect| effect.kind == kind).count();
    let sum = |kind: &str| -> Money {
        own.iter()
            .filter(|effect| effect.kind == kind)
            .map(|effect| effect.amount)
            .sum()
    };
    let uuids: BTreeSet<&str> = own.iter().map(|effect| effect.uuid.as_str()).collect();
    let wrong = if of("created") != 1 || uuids.len() != 1 {
        "it does not exist exactly once"
    } else if of("reserved") > 1 || of("cancelled") > 1 || of("completed") > 1 {
        "it was paid or closed twice"
    } else if sum("captured") > sum("reserved") {
        "more was captured than was held"
    } else if sum("refund_accepted") > sum("captured") + sum("charged") {
        "more was given back than was taken"
    } else if of("cancelled") == 1 && moved_after_cancel(&own) {
        "money moved after the cancel"
    } else {
        return;
    };
    panic!("{reference}: {wrong}: {own:#?}");
}

fn moved_after_cancel(own: &[&Effect]) -> bool {
    let after = own
        .iter()
        .skip_while(|effect| effect.kind != "cancelled")
        .skip(1);
    let moves = [
        "reserved",
        "captured",
        "charged",
        "refund_accepted",
        "completed",
    ];
    after
        .into_iter()
        .any(|effect| moves.contains(&effect.kind.as_str()))
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::*;

    fn effect(kind: &str, kroner: u32, text: &str) -> Effect {
        Effect {
            kind: kind.to_owned(),
            uuid: "RES1".to_owned(),
            reference: "BOOK-1".to_owned(),
            provider_reference: None,
            amount: Money::kroner(kroner),
            text: Some(text.to_owned()),
            by: "api".to_owned(),
        }
    }

    /// A booking that was paid, and what happened then.
    fn after_payment(more: &[(&str, u32, &str)]) -> Vec<Effect> {
        let paid = [("created", 100, ""), ("reserved", 100, "")];
        paid.iter()
            .chain(more)
            .map(|(kind, kroner, text)| effect(kind, *kroner, text))
            .collect()
    }

    #[test]
    fn a_life_without_fault_is_told_in_order() {
        let effects = after_payment(&[
            ("captured", 60, "R1 AAAAAAAAAA 01"),
            ("refund_accepted", 10, ""),
            ("completed", 0, "R1 BBBBBBBBBB 02 done"),
        ]);
        let acts = judge(&effects);
        assert_eq!(
            acts["BOOK-1"],
            [
                "created",
                "captured 60.00",
                "refund_accepted 10.00",
                "completed"
            ]
        );
    }

    #[test]
    fn every_fault_is_found() {
        let twice = [
            ("captured", 10, "R1 AAAAAAAAAA 01"),
            ("captured", 10, "R1 AAAAAAAAAA 02"),
        ];
        for (name, more) in [
            ("one intent, two effects", twice.as_slice()),
            ("made twice", &[("created", 100, "")]),
            (
                "more captured than held",
                &[("captured", 60, ""), ("captured", 41, "")],
            ),
            (
                "more given back than taken",
                &[("captured", 60, ""), ("refund_accepted", 61, "")],
            ),
            (
                "captured after the cancel",
                &[("cancelled", 0, ""), ("captured", 1, "")],
            ),
            (
                "cancelled twice",
                &[("cancelled", 0, ""), ("cancelled", 0, "")],
            ),
            (
                "completed twice",
                &[("completed", 0, ""), ("completed", 0, "")],
            ),
        ] {
            let effects = after_payment(more);
            assert!(
                catch_unwind(|| judge(&effects)).is_err(),
                "{name} is not found"
            );
        }
    }
}
