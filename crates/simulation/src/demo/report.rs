//! The end of the demo: our books beside the sandbox's own ledger, and whether all came as it must.

use domain::{Money, Status};
use sandbox::{Effect, EffectKind};
use serde_json::Value;

use super::script::{Amounts, Expect};

/// One reservation at the end.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// The booking system's own id.
    pub(super) reference: String,
    /// How it ended, as our API says; `None` when it was never booked.
    pub(super) status: Option<Status>,
    /// Our books.
    pub(super) ours: Amounts,
    /// The sandbox's ledger.
    pub(super) theirs: Amounts,
    /// How it had to end.
    pub(super) expect: Expect,
}

/// The amounts of a reservation as our API shows it; `None` when it shows none.
pub(super) fn ours(reservation: &Value) -> Option<Amounts> {
    let amount = |name: &str| reservation["amounts"][name].as_str()?.parse::<Money>().ok();
    let (reserved, captured) = (amount("reserved")?, amount("captured")?);
    // What is not captured of a hold goes back to the payer when the books are closed.
    let closed = matches!(
        status(reservation)?,
        Status::Completed | Status::Cancelled | Status::Expired
    );
    Some(Amounts {
        total: amount("total")?,
        reserved,
        captured,
        charged: amount("charged")?,
        refunded: amount("refunded")?,
        released: if closed {
            reserved.saturating_sub(captured)
        } else {
            Money::ZERO
        },
    })
}

/// The status of a reservation as our API shows it.
pub(super) fn status(reservation: &Value) -> Option<Status> {
    reservation["status"].as_str()?.parse().ok()
}

/// The sums of what really took place at the sandbox with one reservation.
pub(super) fn theirs(ledger: &[Effect], reference: &str) -> Amounts {
    let sum = |kinds: &[EffectKind]| -> Money {
        let of_it = ledger
            .iter()
            .filter(|effect| effect.reference.as_deref() == Some(reference));
        of_it
            .filter(|effect| kinds.contains(&effect.kind))
            .map(|effect| effect.amount)
            .sum()
    };
    Amounts {
        total: sum(&[EffectKind::Created]),
        reserved: sum(&[EffectKind::Reserved]),
        captured: sum(&[EffectKind::Captured]),
        charged: sum(&[EffectKind::Charged]),
        refunded: sum(&[EffectKind::Refunded]),
        released: sum(&[EffectKind::Released, EffectKind::HoldExpired]),
    }
}

impl Row {
    /// Everything that is not as it must be, in words.
    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.status != Some(self.expect.status) {
            let status = self.status.map_or("not booked", Status::as_str);
            faults.push(format!("it is {status} and must be {}", self.expect.status));
        }
        let theirs = self
            .theirs
            .named()
            .into_iter()
            .zip(self.expect.amounts.named());
        for ((name, ours), ((_, theirs), (_, expected))) in
            self.ours.named().into_iter().zip(theirs)
        {
            if ours != theirs {
                faults.push(format!("{name} is {ours} here and {theirs} at the sandbox"));
            } else if ours != expected {
                faults.push(format!(
                    "{name} is {ours} on both sides and must be {expected}"
                ));
            }
        }
        faults
    }
}

/// The table: two lines for each reservation, and a line for each fault.
pub(super) fn table(rows: &[Row]) -> Vec<String> {
    let names = Amounts::default()
        .named()
        .map(|(name, _)| format!("{name:>9}"))
        .join(" ");
    let mut lines = vec![format!(
        "{:<11} {:<10} {:<8} {names}",
        "reservation", "status", "books of"
    )];
    for row in rows {
        let status = row.status.map_or("not booked", Status::as_str);
        let faults = row.faults();
        let mark = if faults.is_empty() { "✓" } else { "✗" };
        lines.push(format!(
            "{:<11} {status:<10} {:<8} {}",
            row.reference,
            "holdfast",
            figures(&row.ours)
        ));
        lines.push(format!(
            "{:<11} {:<10} {:<8} {} {mark}",
            "",
            "",
            "sandbox",
            figures(&row.theirs)
        ));
        lines.extend(faults.iter().map(|fault| format!("            ✗ {fault}")));
    }
    lines
}

fn figures(amounts: &Amounts) -> String {
    amounts
        .named()
        .map(|(_, amount)| format!("{amount:>9}"))
        .join(" ")
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use sandbox::By;
    use serde_json::json;

    use super::*;

    fn effect(kind: EffectKind, reference: &str, kroner: u32) -> Effect {
        Effect {
            seq: 1,
            at: DateTime::UNIX_EPOCH,
            shown_at: None,
            kind,
            reservation_uuid: "RES1".to_owned(),
            reference: Some(reference.to_owned()),
            provider_reference: None,
            amount: Money::kroner(kroner),
            lines: Vec::new(),
            text: None,
            by: By::Api,
        }
    }

    fn amounts(total: u32, captured: u32, released: u32) -> Amounts {
        Amounts {
            total: Money::kroner(total),
            reserved: Money::kroner(total),
            captured: Money::kroner(captured),
            released: Money::kroner(released),
            ..Amounts::default()
        }
    }

    fn row(status: Status, ours: Amounts, theirs: Amounts) -> Row {
        let expect = Expect {
            status: Status::Completed,
            amounts: amounts(10, 7, 3),
        };
        Row {
            reference: "A".to_owned(),
            status: Some(status),
            ours,
            theirs,
            expect,
        }
    }

    #[test]
    fn the_ledger_is_summed_by_reservation_and_kind() {
        let ledger = [
            effect(EffectKind::Created, "A", 10),
            effect(EffectKind::Reserved, "A", 10),
            effect(EffectKind::Captured, "A", 4),
            effect(EffectKind::Captured, "B", 9),
            effect(EffectKind::Captured, "A", 3),
            effect(EffectKind::RefundAccepted, "A", 2),
            effect(EffectKind::Released, "A", 3),
            effect(EffectKind::Completed, "A", 0),
        ];
        assert_eq!(theirs(&ledger, "A"), amounts(10, 7, 3));
    }

    #[test]
    fn the_rest_of_a_hold_counts_as_released_once_the_books_are_closed() {
        let view = |status: &str| {
            json!({"status": status, "amounts": {"total": "10.00", "reserved": "10.00", "captured": "7.00",
                "charged": "0.00", "refunded": "0.00", "in_doubt": "0.00"}})
        };
        assert_eq!(ours(&view("completed")), Some(amounts(10, 7, 3)));
        assert_eq!(ours(&view("captured")), Some(amounts(10, 7, 0)));
        assert_eq!(ours(&json!({"status": "held"})), None);
    }

    #[test]
    fn every_difference_is_a_fault() {
        let right = amounts(10, 7, 3);
        let twice = amounts(10, 14, 0);
        let table: [(Row, &[&str]); 4] = [
            (row(Status::Completed, right, right), &[]),
            (
                row(Status::Captured, right, right),
                &["it is captured and must be completed"],
            ),
            (
                row(Status::Completed, right, twice),
                &[
                    "captured is 7.00 here and 14.00 at the sandbox",
                    "released is 3.00 here and 0.00 at the sandbox",
                ],
            ),
            (
                row(Status::Completed, amounts(10, 7, 0), amounts(10, 7, 0)),
                &["released is 0.00 on both sides and must be 3.00"],
            ),
        ];
        for (row, expected) in table {
            assert_eq!(row.faults(), expected);
        }
    }

    #[test]
    fn the_table_shows_both_books_and_the_faults() {
        let right = amounts(10, 7, 3);
        let lines = table(&[
            row(Status::Completed, right, right),
            row(Status::Held, right, amounts(10, 7, 0)),
        ]);
        assert_eq!(lines.len(), 1 + 2 + 4);
        assert!(
            lines[1].starts_with("A           completed  holdfast     10.00     10.00      7.00"),
            "{lines:?}"
        );
        assert!(
            lines[2].ends_with("3.00 ✓") && lines[4].ends_with("0.00 ✗"),
            "{lines:?}"
        );
        assert_eq!(lines[5], "            ✗ it is held and must be completed");
    }
}
