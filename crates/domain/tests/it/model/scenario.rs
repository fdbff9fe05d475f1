//! Where the model starts: one reservation at the provider, with one decided operation that nobody has begun.

use chrono::TimeDelta;
use domain::deadlines::send_by;
use domain::outcome::Outcome;
use domain::reservation::Operation;
use domain::{ControlFact, Fact};

use crate::booking::{self, Booking, cancel, charge, complete, hours, minutes, on, refund};
use crate::provider::Provider;

/// Nothing happens by itself, so that the intent is all there is.
const POLICY: &str = r#"{
    "capture": {"on_delivery": "manual", "before_deadline": "warn"},
    "completion": {"after": "off"},
    "warnings": {"at": []}
}"#;

/// A request that has left is carried out within this, or never.
const EFFECT_WITHIN: TimeDelta = minutes(10);
/// A change of status, whose absence counts sooner, too.
const STATUS_WITHIN: TimeDelta = minutes(5);
/// A refund is taken at once and carried out hours later.
const REFUND_WITHIN: TimeDelta = hours(40);
/// So long before its deadline an operation is decided late: enough to send it, and not to prove its absence
/// twice.
const LATE: TimeDelta = minutes(40);

/// One operation on one reservation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scenario {
    pub(super) name: &'static str,
    pub(super) operation: fn() -> Operation,
    /// What was captured before, in kroner, as `CAP1`.
    captured: u32,
    pub(super) effect_within: TimeDelta,
    /// Has it a deadline, near which it is looked at too?
    pub(super) has_deadline: bool,
}

const fn scenario(name: &'static str, operation: fn() -> Operation) -> Scenario {
    Scenario {
        name,
        operation,
        captured: 0,
        effect_within: EFFECT_WITHIN,
        has_deadline: false,
    }
}

pub(super) const WHOLE_LINE: Scenario = Scenario {
    has_deadline: true,
    ..scenario(
        "a capture of a whole line, whose duplicate is refused",
        || booking::capture(&[on(1, 1000)]),
    )
};
pub(super) const SMALL_PART: Scenario = Scenario {
    has_deadline: true,
    ..scenario("an exposed capture of a small part", || {
        booking::capture(&[on(1, 100)])
    })
};
pub(super) const CHARGE: Scenario = Scenario {
    has_deadline: true,
    ..scenario("a charge", || charge(200))
};
pub(super) const PART_REFUND: Scenario = Scenario {
    captured: 1000,
    effect_within: REFUND_WITHIN,
    ..scenario("a refund of a part", || refund("CAP1", &[on(1, 100)]))
};
pub(super) const FULL_REFUND: Scenario = Scenario {
    captured: 1000,
    effect_within: REFUND_WITHIN,
    ..scenario("a refund in full", || refund("CAP1", &[on(1, 1000)]))
};
pub(super) const CANCEL: Scenario = Scenario {
    effect_within: STATUS_WITHIN,
    ..scenario("a cancel", cancel)
};
pub(super) const COMPLETE: Scenario = Scenario {
    captured: 1000,
    effect_within: STATUS_WITHIN,
    ..scenario("a complete", complete)
};

impl Scenario {
    /// The reservation and the provider as they stand when the operation has been decided, in good time or late.
    pub(super) fn start(&self, late: bool) -> (Booking, Provider) {
        let mut booking = Booking::with(booking::merchant(), &[1000, 500], POLICY).awaiting();
        let mut provider = Provider::new(&booking.r);
        let submit = booking.r.intents[0].clone();
        provider.execute(&submit, booking.now).expect("a link");
        booking.now += hours(1);
        provider.pay(booking.now);
        booking.read(&provider.snapshot());
        booking.fold(&[Fact::Control(ControlFact::DeadlineHandled {
            key: crate::booking::job_key("deadline:act"),
            at: booking.now,
        })]);
        if self.captured > 0 {
            capture(&mut booking, &mut provider, self.captured);
        }
        // What has been read is too old to rely on by now.
        booking.now += hours(1);
        let operation = (self.operation)();
        if late {
            // Read for the last time an hour ago.
            let now = send_by(&booking.r, &operation, &booking.merchant) - LATE;
            booking.now = now - hours(1);
            booking.read(&provider.snapshot());
            booking.now = now;
        }
        booking.plan(operation);
        (booking, provider)
    }
}

fn capture(booking: &mut Booking, provider: &mut Provider, kroner: u32) {
    let id = booking.plan(booking::capture(&[on(1, kroner)]));
    booking.send(&id);
    let reference = provider
        .execute(booking.intent(&id), booking.now)
        .expect("a capture");
    booking.answer(
        &id,
        &Outcome::Accepted {
            reference,
            link: None,
        },
    );
    booking.read(&provider.snapshot());
}
