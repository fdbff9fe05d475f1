//! What somebody does about one booking, as it is drawn.

use chrono::{DateTime, TimeDelta, Utc};
use domain::Money;
use serde_json::{Value, json};

use super::{Act, Dice, minor};

/// The acts of one booking, as they are drawn.
pub(super) struct Acts<'a> {
    pub(super) dice: &'a Dice,
    pub(super) submitted: DateTime<Utc>,
    pub(super) due: DateTime<Utc>,
    pub(super) lines: &'a [Money],
    pub(super) acts: Vec<(DateTime<Utc>, Act)>,
}

impl Acts<'_> {
    fn add(&mut self, at: DateTime<Utc>, act: Act) {
        self.acts.push((at, act));
    }

    /// Nobody has paid yet.
    pub(super) fn of_the_link(&mut self) {
        let dice = self.dice;
        if dice.chance(300) {
            self.add(self.submitted + dice.minutes(5, 600), Act::Open);
        }
        if dice.chance(80) {
            self.add(self.submitted + dice.minutes(5, 600), Act::Fail);
        }
        if dice.chance(150) {
            let contact = if dice.chance(500) {
                json!({})
            } else {
                json!({"email": "ola@example.no"})
            };
            self.add(
                self.submitted + dice.hours(1, 100),
                Act::Ask("resend", contact),
            );
        }
        if dice.chance(60) {
            self.add(
                self.submitted + dice.hours(0, 100),
                Act::Ask("cancel", json!({"note": "Booking withdrawn."})),
            );
        }
    }

    /// Somebody pays, and what may follow from that.
    pub(super) fn of_the_hold(&mut self) {
        let dice = self.dice;
        let open = u64::try_from((self.due - self.submitted).num_seconds()).unwrap_or(600);
        let paid = match dice.between(0, 19) {
            0 => self.due - TimeDelta::seconds(1),
            1 => self.due + dice.minutes(0, 40),
            _ => self.submitted + dice.seconds(300, open.max(301)),
        };
        self.add(paid, Act::Pay);
        self.deliveries(paid);
        for _ in 0..dice.between(0, 3) {
            if dice.chance(600) {
                let part = dice.chance(750).then(|| dice.between(20, 450));
                self.add(paid + dice.hours(0, 160), Act::Capture(part));
            }
        }
        for _ in 0..dice.between(0, 2) {
            if dice.chance(300) {
                let amount = minor(dice.between(1_000, 80_000)).to_string();
                let line = json!({"name": "Cleaning", "rate": amount, "tax_percent": 25, "amount": amount});
                self.add(
                    paid + dice.hours(12, 45 * 24),
                    Act::Ask("charge", json!({"lines": [line]})),
                );
            }
        }
        for _ in 0..dice.between(0, 3) {
            if dice.chance(400) {
                let per_mille = dice.chance(600).then(|| dice.between(50, 700));
                let act = Act::Refund {
                    charged: dice.chance(300),
                    per_mille,
                };
                self.add(paid + dice.hours(24, 40 * 24), act);
            }
        }
        self.closings(paid);
        self.in_the_portal(paid);
    }

    fn deliveries(&mut self, paid: DateTime<Utc>) {
        let dice = self.dice;
        if !dice.chance(900) {
            return;
        }
        // Most come in time; some before the payment, and some after the window.
        let at = match dice.between(0, 9) {
            0 => self.submitted + dice.minutes(1, 300),
            1 => paid + dice.hours(7 * 24, 9 * 24),
            _ => paid + dice.hours(1, 150),
        };
        if dice.chance(500) {
            let delivered = json!({"event_id": "D-1"});
            self.add(
                at,
                if dice.chance(200) {
                    Act::Repeat("delivery", delivered)
                } else {
                    Act::Ask("delivery", delivered)
                },
            );
            return;
        }
        for (place, amount) in self.lines.iter().enumerate() {
            let amount = if dice.chance(800) {
                *amount
            } else {
                dice.part_of(*amount)
            };
            let line = json!({"line": place + 1, "amount": amount.to_string()});
            let complete = place + 1 == self.lines.len() && dice.chance(800);
            let delivered = json!({"event_id": format!("D-{}", place + 1), "lines": [line], "complete": complete});
            let hours = 30 * u64::try_from(place).unwrap_or(0);
            self.add(
                at + dice.hours(hours, hours + 30),
                Act::Ask("delivery", delivered),
            );
        }
    }

    fn closings(&mut self, paid: DateTime<Utc>) {
        let dice = self.dice;
        if dice.chance(120) {
            self.add(
                paid + dice.hours(0, 200),
                Act::Ask("cancel", json!({"note": "Booking withdrawn."})),
            );
        }
        if dice.chance(100) {
            self.add(
                paid + dice.hours(24, 500),
                Act::Ask("complete", json!({"note": "All done."})),
            );
        }
    }

    fn in_the_portal(&mut self, paid: DateTime<Utc>) {
        let dice = self.dice;
        if !dice.chance(180) {
            return;
        }
        for _ in 0..dice.between(1, 2) {
            let part = dice.chance(500).then(|| dice.between(50, 600));
            let act = match dice.between(0, 5) {
                0 | 1 => Act::PortalCapture(part),
                2 => Act::PortalCharge(minor(dice.between(1_000, 50_000))),
                3 => Act::PortalRefund(part),
                4 => Act::PortalCancel,
                _ => Act::PortalComplete,
            };
            self.add(paid + dice.hours(1, 400), act);
        }
    }

    /// At any time.
    pub(super) fn of_anybody(&mut self) {
        let dice = self.dice;
        for _ in 0..dice.between(0, 2) {
            if dice.chance(300) {
                self.add(
                    self.submitted + dice.hours(0, 400),
                    Act::Ask("refresh", Value::Null),
                );
            }
        }
        if dice.chance(80) {
            let at = self.submitted + dice.hours(0, 250);
            self.add(at, Act::Ask("pause", Value::Null));
            self.add(at + dice.hours(1, 72), Act::Ask("resume", Value::Null));
        }
        if dice.chance(100) {
            let poke = dice
                .pick(&["retry", "run-now", "cancel"])
                .copied()
                .unwrap_or("run-now");
            self.add(self.submitted + dice.hours(0, 300), Act::Poke(poke));
        }
    }
}
