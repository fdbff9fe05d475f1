//! Whether an order at the provider is the one that an attempt made.
//!
//! Details of an order show no reference of ours. What they do show is when the order is due, and that second is drawn
//! anew for every attempt; together with the amounts and names of the lines it tells the order from all others.

use chrono::{DateTime, TimeDelta, Utc};

use super::state::{Attempt, Order};
use crate::Money;
use crate::order_id::OrderId;

/// How much earlier than the attempt the history is read from: the provider's clock may be behind ours.
const CLOCK_SLACK: TimeDelta = TimeDelta::minutes(2);
/// How much more on both sides: times in the history are civil, of a zone that may be an hour off where it changes.
const ZONE_SLACK: TimeDelta = TimeDelta::hours(1);

/// What was asked for, as far as an order can be recognised by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The name and the gross amount of each line, in order.
    pub lines: Vec<(String, Money)>,
}

impl Wish {
    /// The gross sum of the lines.
    #[must_use]
    pub fn total(&self) -> Money {
        self.lines.iter().map(|(_, amount)| *amount).sum()
    }
}

/// What details show of an order that no payment link of ours is known to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenOrder {
    /// The provider's id of the order.
    pub id: OrderId,
    /// Until when it can be paid; `None` when the form of the time does not tell the second.
    pub due: Option<DateTime<Utc>>,
    /// Its gross total; `None` when it is not shown.
    pub total: Option<Money>,
    /// The name and gross amount of each line; empty when none are shown.
    pub lines: Vec<(Option<String>, Option<Money>)>,
    /// Where it is paid, when details tell.
    pub url: Option<String>,
}

/// What an order tells about an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trace {
    /// The attempt made it: due second, total and every line agree.
    Proven,
    /// Nothing contradicts, and what would prove it is not shown.
    Possible,
    /// Something contradicts.
    Other,
}

/// What a search at the provider found, of orders that no other payment link of ours is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The orders that were read.
    pub orders: Vec<SeenOrder>,
    /// Were all that the history names read? A few are read with each search.
    pub is_whole: bool,
}

/// What an order tells about an attempt at what was wished for.
#[must_use]
pub(super) fn trace(wish: &Wish, attempt: &Attempt, seen: &SeenOrder) -> Trace {
    let due = seen
        .due
        .map(|due| due.timestamp() == attempt.due.timestamp());
    let total = seen.total.map(|total| total == wish.total());
    let lines = (!seen.lines.is_empty()).then(|| {
        seen.lines.len() == wish.lines.len()
            && seen.lines.iter().zip(&wish.lines).all(|(seen, wished)| {
                let (name, amount) = seen;
                name.as_ref().is_none_or(|name| *name == wished.0)
                    && amount.is_none_or(|amount| amount == wished.1)
            })
    });
    match [due, total, lines] {
        [Some(true), Some(true), Some(true)] => Trace::Proven,
        all if all.contains(&Some(false)) => Trace::Other,
        _ => Trace::Possible,
    }
}

/// The orders among those found that an attempt made for certain, and those that it may have made.
#[must_use]
pub(super) fn sorted(wish: &Wish, attempt: &Attempt, found: &Found) -> (Vec<Order>, Vec<OrderId>) {
    let (mut proven, mut possible) = (Vec::new(), Vec::new());
    for seen in &found.orders {
        match trace(wish, attempt, seen) {
            Trace::Proven => proven.push(Order {
                id: seen.id.clone(),
                url: seen.url.clone(),
            }),
            Trace::Possible => possible.push(seen.id.clone()),
            Trace::Other => {}
        }
    }
    (proven, possible)
}

/// The times between which the history is read for the order of an attempt.
#[must_use]
pub fn search_window(attempt: &Attempt, now: DateTime<Utc>) -> (DateTime<Utc>, DateTime<Utc>) {
    let to = now.max(attempt.at);
    (attempt.at - CLOCK_SLACK - ZONE_SLACK, to + ZONE_SLACK)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_767_614_400 + seconds, 0).expect("a time")
    }

    fn wish() -> Wish {
        Wish {
            lines: vec![
                ("Deposit".to_owned(), Money::kroner(500)),
                ("Linen".to_owned(), Money::kroner(50)),
            ],
        }
    }

    fn attempt() -> Attempt {
        Attempt {
            number: 1,
            due: at(604_811),
            at: at(0),
        }
    }

    fn seen() -> SeenOrder {
        let line = |(name, amount): &(String, Money)| (Some(name.clone()), Some(*amount));
        SeenOrder {
            id: "ODR1".parse().expect("an id"),
            due: Some(attempt().due),
            total: Some(wish().total()),
            lines: wish().lines.iter().map(line).collect(),
            url: None,
        }
    }

    #[test]
    fn an_order_is_proven_by_its_due_second_its_total_and_its_lines_together() {
        type Change = fn(&mut SeenOrder);
        let table: [(&str, Change, Trace); 10] = [
            ("all agree", |_| {}, Trace::Proven),
            (
                "another second",
                |seen| seen.due = Some(at(604_812)),
                Trace::Other,
            ),
            ("no due second", |seen| seen.due = None, Trace::Possible),
            (
                "another total",
                |seen| seen.total = Some(Money::kroner(551)),
                Trace::Other,
            ),
            ("no total", |seen| seen.total = None, Trace::Possible),
            ("a line less", |seen| drop(seen.lines.pop()), Trace::Other),
            ("no lines", |seen| seen.lines.clear(), Trace::Possible),
            (
                "another name",
                |seen| seen.lines[0].0 = Some("Rent".to_owned()),
                Trace::Other,
            ),
            (
                "another amount",
                |seen| seen.lines[1].1 = Some(Money::kroner(51)),
                Trace::Other,
            ),
            (
                "no due second and another total",
                |seen| (seen.due, seen.total) = (None, Some(Money::kroner(1))),
                Trace::Other,
            ),
        ];
        for (name, change, expected) in table {
            let mut order = seen();
            change(&mut order);
            assert_eq!(trace(&wish(), &attempt(), &order), expected, "{name}");
        }
    }
}
