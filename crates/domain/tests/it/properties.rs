//! Whatever happens in whatever order: no money twice, none on a guess, and every history comes to an end.

use chrono::TimeDelta;
use domain::capabilities::MultiCapture;
use domain::reservation::{
    CaptureRequest, ChargeRequest, Contact, DeliveryRequest, Hold, RefundRequest, RefundSource,
    RequestLine, RowKind,
};
use domain::{ControlFact, Fact, Money, Status};
use proptest::prelude::*;

use crate::booking::{Booking, kr, merchant, new_line};
use crate::world::World;

/// What happens, besides time.
#[derive(Clone, Debug)]
enum Act {
    Wait(i64),
    Pay,
    Deliver {
        line: u32,
        kroner: u32,
        complete: bool,
    },
    DeliverAll,
    Capture {
        line: u32,
        kroner: u32,
    },
    CaptureAll,
    Charge(u32),
    Refund {
        charged: bool,
        kroner: u32,
    },
    Cancel,
    Complete,
    Resend,
    Callback,
    Portal {
        act: u64,
        kroner: u32,
    },
    Pause,
    Resume,
    Person,
    Stop,
}

fn act() -> impl Strategy<Value = Act> {
    let (line, kroner) = (1..=2_u32, 1..=900_u32);
    prop_oneof![
        6 => (1..=4_000_i64).prop_map(Act::Wait),
        2 => Just(Act::Pay),
        2 => (line.clone(), kroner.clone(), any::<bool>())
            .prop_map(|(line, kroner, complete)| Act::Deliver { line, kroner, complete }),
        2 => Just(Act::DeliverAll),
        2 => (line, kroner.clone()).prop_map(|(line, kroner)| Act::Capture { line, kroner }),
        1 => Just(Act::CaptureAll),
        1 => kroner.clone().prop_map(Act::Charge),
        2 => (any::<bool>(), kroner.clone()).prop_map(|(charged, kroner)| Act::Refund { charged, kroner }),
        1 => Just(Act::Cancel),
        1 => Just(Act::Complete),
        1 => Just(Act::Resend),
        2 => Just(Act::Callback),
        2 => (any::<u64>(), kroner).prop_map(|(act, kroner)| Act::Portal { act, kroner }),
        1 => Just(Act::Pause),
        2 => Just(Act::Resume),
        2 => Just(Act::Person),
        1 => Just(Act::Stop),
    ]
}

const POLICIES: [&str; 6] = [
    "{}",
    r#"{"capture":{"on_delivery":"each_delivery"}}"#,
    r#"{"capture":{"on_delivery":"manual","before_deadline":"warn"}}"#,
    r#"{"capture":{"before_deadline":"capture_all","legal_basis":"the contract"},"completion":{"after":"0ms"}}"#,
    r#"{"capture":{"before_deadline":"cancel","act_before":"72h"},"reminders":{"contact_hours":"any","min_spacing":"1h"}}"#,
    r#"{"completion":{"after":"off"},"expiry":{"cancel_after_due":"off"},"capture":{"late":"nothing"}}"#,
];

fn world(policy: usize, seed: u64, trouble: u64) -> World {
    let mut merchant = merchant();
    if policy == 1 || seed.is_multiple_of(2) {
        merchant.multi_capture = MultiCapture::Proven;
    }
    World::new(
        Booking::with(merchant, &[1000, 500], POLICIES[policy]),
        seed,
        trouble,
    )
}

fn happen(world: &mut World, act: &Act, number: usize) {
    let (now, r) = (world.booking.now, &world.booking.r);
    let merchant = &world.booking.merchant;
    let asked = match act {
        Act::Capture { line, kroner } => {
            let lines = Some(vec![RequestLine {
                line: *line,
                amount: kr(*kroner),
            }]);
            r.capture(
                &CaptureRequest {
                    lines,
                    ..CaptureRequest::default()
                },
                merchant,
                now,
            )
            .ok()
        }
        Act::CaptureAll => r.capture(&CaptureRequest::default(), merchant, now).ok(),
        Act::Charge(kroner) => {
            let lines = vec![new_line("Minibar", kr(*kroner))];
            r.charge(&ChargeRequest { lines, note: None }, merchant, now)
                .ok()
        }
        Act::Refund { charged, kroner } => {
            let (source, kind) = match charged {
                true => (RefundSource::Charged, RowKind::Charge),
                false => (RefundSource::Captured, RowKind::Capture),
            };
            let reference = r
                .ledger
                .iter()
                .find(|row| row.kind == kind)
                .and_then(|row| row.reference.clone().map(String::from));
            let request = RefundRequest {
                source,
                reference,
                lines: None,
                amount: Some(kr(*kroner)),
            };
            r.refund(&request).ok()
        }
        Act::Cancel => r.cancel("Not needed any more").ok(),
        Act::Complete => r.complete("Done").ok(),
        Act::Resend => r.resend(&Contact::default()).ok(),
        _ => None,
    };
    if let Some(operation) = asked {
        world.ask(operation);
    }
    happen_outside(world, act, number);
}

fn happen_outside(world: &mut World, act: &Act, number: usize) {
    match act {
        Act::Wait(minutes) => world.advance(TimeDelta::minutes(*minutes)),
        Act::Pay => world.provider.pay(world.booking.now),
        Act::Deliver {
            line,
            kroner,
            complete,
        } => {
            let lines = Some(vec![RequestLine {
                line: *line,
                amount: kr(*kroner),
            }]);
            deliver(world, lines, Some(*complete), number);
        }
        Act::DeliverAll => deliver(world, None, None, number),
        Act::Callback => world.callback(),
        Act::Portal { act, kroner } => world.portal(*act, kr(*kroner)),
        Act::Pause => world.learn(vec![Fact::Control(ControlFact::Paused)]),
        Act::Resume => world.learn(vec![Fact::Control(ControlFact::Resumed)]),
        Act::Person => world.person(),
        Act::Stop => {
            let policy_job = world
                .booking
                .jobs()
                .into_iter()
                .find(|job| job.intent.is_none());
            if let Some(job) = policy_job {
                world.learn(vec![Fact::Control(ControlFact::JobCancelled {
                    key: job.key,
                })]);
            }
        }
        _ => {}
    }
}

fn deliver(
    world: &mut World,
    lines: Option<Vec<RequestLine>>,
    complete: Option<bool>,
    number: usize,
) {
    let request = DeliveryRequest {
        event_id: format!("D-{number}"),
        delivered_at: None,
        lines,
        complete,
    };
    if let Ok(Some(fact)) = world.booking.r.deliver(&request, world.booking.now) {
        world.deliver(fact);
    }
}

/// Nothing goes wrong any more, somebody looks at the reviews every day, and time runs on.
fn resolve_all(world: &mut World) {
    world.trouble = 0;
    world.learn(vec![Fact::Control(ControlFact::Resumed)]);
    for _ in 0..120 {
        world.advance(TimeDelta::days(1));
        world.person();
    }
}

fn check_resolved(world: &mut World, stopped: bool, policy: usize) {
    let open: Vec<_> = world.booking.r.open_intents().collect();
    assert!(
        open.is_empty(),
        "not resolved: {open:#?}\n{}",
        world.story()
    );
    world.check_effects();
    world.check_journal();
    let status = world.booking.r.status();
    let over = match status {
        Status::Completed | Status::Cancelled | Status::Expired | Status::Failed => true,
        // The provider does not complete what has expired, even if the card was charged since.
        Status::Charged if matches!(world.booking.r.hold, Hold::Expired { .. }) => true,
        // What the policy must leave, it leaves, and what a person has stopped.
        _ => stopped || policy == 5,
    };
    assert!(
        over,
        "ends as {status} with {:?}\n{}",
        world.booking.jobs(),
        world.story()
    );
    let seen = world.provider.snapshot();
    world.booking.read(&seen);
    let r = &world.booking.r;
    if r.provider.reservation_uuid.is_some() {
        for kind in RowKind::ALL {
            assert_eq!(
                r.booked(*kind),
                world.provider.taken(*kind),
                "{kind}: {:#?}\n{}",
                r.ledger,
                world.story()
            );
        }
    }
    assert!(world.reads < 2_000, "{} reads", world.reads);
}

proptest! {
    #[test]
    fn whatever_happens_no_money_moves_twice_and_every_history_ends(
        policy in 0..POLICIES.len(),
        seed in any::<u64>(),
        trouble in prop_oneof![Just(0_u64), Just(20), Just(60)],
        acts in proptest::collection::vec(act(), 1..40),
    ) {
        let mut world = world(policy, seed, trouble);
        for (number, act) in acts.iter().enumerate() {
            happen(&mut world, act, number);
        }
        resolve_all(&mut world);
        let stopped = acts.iter().any(|act| matches!(act, Act::Stop));
        check_resolved(&mut world, stopped, policy);
    }

    #[test]
    fn amounts_in_requests_never_exceed_what_is_left(
        taken in 1..=999_u32,
        asked in 1..=2_000_u32,
    ) {
        let mut booking = Booking::new(&[1000, 500]).held();
        booking.lost(crate::booking::capture(&[crate::booking::on(1, taken)]));
        let left = kr(1500).saturating_sub(kr(taken));
        prop_assert_eq!(booking.r.capturable(), left);
        let request = CaptureRequest { amount: Some(kr(asked)), ..CaptureRequest::default() };
        let shown = booking.r.capture(&request, &booking.merchant, booking.now);
        prop_assert_eq!(shown.is_ok(), kr(asked) <= left);
        if let Ok(operation) = shown {
            prop_assert_eq!(operation.amount(), kr(asked));
            prop_assert!(operation.amount() + Money::kroner(taken) <= kr(1500));
        }
    }
}
