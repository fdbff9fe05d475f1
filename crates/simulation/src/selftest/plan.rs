//! What will happen in a run: its merchants, its bookings and their acts, and what goes wrong, drawn from its seed.

mod acts;

use chrono::{DateTime, TimeDelta, TimeZone as _, Utc};
use domain::capabilities::MultiCapture;
use domain::{Money, Span};
use sandbox::Switches;
use sandbox::switches::{
    CallbackStatus, CancelVerb, DetailsTime, Numbers, RefundPayout, Release, StatusWins,
    UuidInAnswer,
};
use serde_json::{Value, json};

use acts::Acts;

use super::dice::{Dice, minor};
use super::failpoints::Rates;
use super::faults::FaultProfile;
use super::test_env::{Account, Setting};

/// How long a run is.
pub(super) const LENGTH: TimeDelta = TimeDelta::days(90);
/// From then on nobody does anything new, and nothing goes wrong: what is open is resolved.
pub(super) const CALM_AFTER: TimeDelta = TimeDelta::days(76);
/// The last act of a booking.
const ACTS_UNTIL: TimeDelta = TimeDelta::days(74);
/// Beyond the declared assumptions, details lag behind by at most so many seconds.
const BEYOND: u64 = 3 * 86_400;

/// What somebody does.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Act {
    /// The booking system asks the API for it: the end of the path below the reservation, and the body.
    Ask(&'static str, Value),
    /// The booking system captures, charges or refunds so many thousandths of what there is then.
    Capture(Option<u64>),
    Refund {
        charged: bool,
        per_mille: Option<u64>,
    },
    /// The same request, sent twice.
    Repeat(&'static str, Value),
    Submit,
    /// The payer.
    Open,
    Pay,
    Fail,
    /// A person in the provider's portal.
    PortalCapture(Option<u64>),
    PortalCharge(Money),
    PortalRefund(Option<u64>),
    PortalCancel,
    PortalComplete,
    /// A person of ops does this to a job of the reservation.
    Poke(&'static str),
}

/// One reservation of a run.
#[derive(Clone, Debug)]
pub(super) struct Booking {
    pub(super) reference: String,
    /// What is submitted to the API.
    pub(super) body: Value,
    pub(super) due: DateTime<Utc>,
}

/// A run before it happens.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) setting: Setting,
    pub(super) profile: FaultProfile,
    pub(super) rates: Rates,
    pub(super) bookings: Vec<Booking>,
    /// Does somebody read every reservation once more before the end?
    pub(super) audit: bool,
    /// When, which booking, what.
    pub(super) acts: Vec<(DateTime<Utc>, usize, Act)>,
}

impl Plan {
    /// The run of a seed; `beyond` breaks the assumptions on purpose.
    pub(super) fn draw(seed: u64, beyond: bool) -> Self {
        let dice = Dice::new(seed, 1);
        let start = start(&dice);
        let accounts = accounts(&dice);
        let proven = |place: usize| {
            accounts
                .get(place)
                .is_some_and(|account| account.multi_capture == MultiCapture::Proven)
        };
        let switches = switches(
            &dice,
            accounts
                .iter()
                .any(|a| a.multi_capture == MultiCapture::Proven),
        );
        let mut plan = Self {
            profile: profile(&Dice::new(seed, 2), start, beyond),
            rates: rates(&Dice::new(seed, 3)),
            bookings: Vec::new(),
            audit: true,
            acts: Vec::new(),
            setting: Setting {
                seed,
                start,
                accounts: accounts.clone(),
                switches,
            },
        };
        for number in 0..dice.between(1, 6) {
            let dice = Dice::new(seed, 100 + number);
            let place = usize::from(accounts.len() > 1 && dice.chance(300));
            let account = accounts
                .get(place)
                .map_or("default", |account| account.name);
            plan.book(&dice, number, account, proven(place));
        }
        // Stable, so that acts at one time keep the order of their drawing.
        plan.acts.sort_by_key(|(at, ..)| *at);
        plan
    }

    /// The undisturbed life of one reservation: submitted, paid, delivered, and the rest by itself.
    pub(super) fn happy_life() -> Self {
        let start = Utc
            .with_ymd_and_hms(2026, 1, 5, 9, 0, 0)
            .single()
            .unwrap_or_default();
        let account = Account {
            name: "default",
            multi_capture: MultiCapture::Unknown,
            sweep_every: Span::hours(24),
            refresh_open_every: Span::hours(48),
        };
        let due = start + TimeDelta::days(2);
        let booking = Booking {
            reference: "BOOK-1".to_owned(),
            body: body(
                "BOOK-1",
                "default",
                due,
                &[Money::kroner(1_000)],
                &json!({}),
                true,
            ),
            due,
        };
        let delivered = json!({ "event_id": "D-1" });
        let acts = vec![
            (start, 0, Act::Submit),
            (start + TimeDelta::hours(1), 0, Act::Pay),
            (
                start + TimeDelta::days(1),
                0,
                Act::Ask("delivery", delivered),
            ),
        ];
        Self {
            setting: Setting {
                seed: 0,
                start,
                accounts: vec![account],
                switches: Switches::default(),
            },
            profile: FaultProfile::calm(),
            rates: Rates::default(),
            bookings: vec![booking],
            audit: false,
            acts,
        }
    }

    fn book(&mut self, dice: &Dice, number: u64, account: &str, proven: bool) {
        let start = self.setting.start;
        let place = self.bookings.len();
        // The first one begins at once: nothing happens before it.
        let submitted = start + dice.hours(0, if number == 0 { 24 } else { 45 * 24 });
        let due = submitted + dice.hours(12, 10 * 24);
        let lines: Vec<Money> = (0..dice.between(1, 4))
            .map(|_| minor(dice.between(5_000, 500_000)))
            .collect();
        let reference = format!("BOOK-{}", number + 1);
        let policy = policy(dice, proven);
        let body = body(&reference, account, due, &lines, &policy, dice.chance(500));
        self.bookings.push(Booking {
            reference,
            body,
            due,
        });
        let mut drawn = Acts {
            dice,
            submitted,
            due,
            lines: &lines,
            acts: vec![(submitted, Act::Submit)],
        };
        drawn.of_the_link();
        if dice.chance(880) {
            drawn.of_the_hold();
        }
        drawn.of_anybody();
        let last = start + ACTS_UNTIL;
        let acts = drawn.acts.into_iter().filter(|(at, _)| *at < last);
        self.acts.extend(acts.map(|(at, act)| (at, place, act)));
    }
}

fn start(dice: &Dice) -> DateTime<Utc> {
    let new_year = Utc
        .with_ymd_and_hms(2026, 1, 1, 0, 0, 0)
        .single()
        .unwrap_or_default();
    new_year + dice.hours(0, 365 * 24)
}

fn accounts(dice: &Dice) -> Vec<Account> {
    let account = |name| {
        let several = [
            MultiCapture::Unknown,
            MultiCapture::Proven,
            MultiCapture::Proven,
            MultiCapture::Single,
        ];
        Account {
            name,
            multi_capture: dice
                .pick(&several)
                .copied()
                .unwrap_or(MultiCapture::Unknown),
            sweep_every: Span::hours(dice.pick(&[48, 72, 168, 168]).copied().unwrap_or(72)),
            refresh_open_every: Span::hours(dice.pick(&[24, 48, 96]).copied().unwrap_or(48)),
        }
    };
    let mut accounts = vec![account("default")];
    if dice.chance(250) {
        accounts.push(account("second"));
    }
    accounts
}

/// Most runs have the provider of the newest pages, some one of the other readings.
fn switches(dice: &Dice, proven: bool) -> Switches {
    let release = if proven {
        Release::Never
    } else {
        Release::AfterDays(2)
    };
    let payout = dice
        .pick(&[60, 60, 3_600, 36 * 3_600])
        .copied()
        .unwrap_or(60);
    let mut switches = Switches {
        release,
        refund_payout: RefundPayout::AfterSeconds(payout),
        ..Switches::default()
    };
    if dice.chance(300) {
        switches.link_expiry = dice.chance(500);
        switches.status_wins = dice
            .pick(&[
                StatusWins::Latest,
                StatusWins::Captured,
                StatusWins::Charged,
            ])
            .copied()
            .unwrap_or_default();
        switches.numbers = if dice.chance(300) {
            Numbers::Text
        } else {
            Numbers::Number
        };
        switches.cancel_verb = dice
            .pick(&[CancelVerb::Both, CancelVerb::Post, CancelVerb::Get])
            .copied()
            .unwrap_or_default();
        switches.details_time = if dice.chance(200) {
            DetailsTime::Civil
        } else {
            DetailsTime::Unix
        };
        switches.uuid_in_answer = if dice.chance(200) {
            UuidInAnswer::Null
        } else {
            UuidInAnswer::Present
        };
        switches.callback_status = if dice.chance(300) {
            CallbackStatus::Resevred
        } else {
            CallbackStatus::Reserved
        };
        switches.distinct_cancelled_key = dice.chance(500);
    }
    switches
}

fn profile(dice: &Dice, start: DateTime<Utc>, beyond: bool) -> FaultProfile {
    let per_mille = dice.pick(&[0, 20, 50, 120, 250]).copied().unwrap_or(0);
    let outages = (0..dice.between(0, 3)).filter(|_| per_mille > 0).map(|_| {
        let from = start + dice.hours(0, 70 * 24);
        (from, from + dice.minutes(3, 8 * 60))
    });
    let outages = outages.collect();
    let breaks = per_mille > 0 && dice.chance(150);
    let token_breaks = breaks.then(|| start + dice.hours(24, 60 * 24));
    let lag = if beyond {
        (BEYOND, BEYOND / 2)
    } else {
        (240, 240)
    };
    let per_mille = if beyond {
        per_mille.max(120)
    } else {
        per_mille
    };
    FaultProfile {
        per_mille,
        callbacks: if per_mille == 0 {
            0
        } else {
            dice.between(0, 80)
        },
        outages,
        token_breaks,
        lag,
    }
}

fn rates(dice: &Dice) -> Rates {
    if dice.chance(400) {
        return Rates::default();
    }
    Rates {
        dies: dice.between(0, 12),
        freezes: dice.between(0, 5),
        waits: dice.between(0, 60),
    }
}

fn policy(dice: &Dice, proven: bool) -> Value {
    let mut policy = json!({});
    if proven && dice.chance(500) {
        policy["capture"]["on_delivery"] = json!("each_delivery");
    } else if dice.chance(200) {
        policy["capture"]["on_delivery"] = json!("manual");
    }
    match dice.between(0, 9) {
        0 => policy["capture"]["before_deadline"] = json!("warn"),
        1 => policy["capture"]["before_deadline"] = json!("cancel"),
        2 => {
            policy["capture"]["before_deadline"] = json!("capture_all");
            policy["capture"]["legal_basis"] = json!("The customer did not come.");
        }
        _ => {}
    }
    if dice.chance(250) {
        policy["completion"]["after"] = json!(if dice.chance(500) { "24h" } else { "off" });
    }
    if dice.chance(200) {
        policy["expiry"]["cancel_after_due"] = json!(if dice.chance(500) { "2h" } else { "off" });
    }
    if dice.chance(200) {
        policy["reminders"]["contact_hours"] = json!("any");
    }
    policy
}

fn body(
    reference: &str,
    account: &str,
    due: DateTime<Utc>,
    lines: &[Money],
    policy: &Value,
    partially: bool,
) -> Value {
    let line = |(place, amount): (usize, &Money)| {
        let amount = amount.to_string();
        json!({"name": format!("Line {}", place + 1), "product_id": format!("P-{}", place + 1), "rate": amount,
            "tax_percent": 25, "amount": amount})
    };
    json!({
        "reference": reference, "merchant": account,
        "customer": {
            "type": "private", "name": "Kari Nordmann", "email": "kari@example.no", "country_code": "+47",
            "msisdn": "46567468", "language": "no",
            "address": {"street": "Storgata 1", "zip": "4313", "city": "Sandnes", "country": "NO"}
        },
        "lines": lines.iter().enumerate().map(line).collect::<Vec<_>>(),
        "payment_link_due": due.to_rfc3339(),
        "send": {"sms": false, "email": true},
        "settings": {"charge_partially_refundable": partially},
        "policy": policy
    })
}
