//! Cases about refusals of the provider: what is not repeated, what is kept, and what is frozen.

use domain::JobKind;
use domain::outcome::{Outcome, RefusedBy};
use domain::reservation::RowKind;

use crate::booking::{Booking, capture, hours, kr, minutes, on, proven};

fn refused(by: RefusedBy, key: &str) -> Outcome {
    Outcome::Rejected {
        by,
        key: key.into(),
    }
}

#[test]
fn case_052_a_second_capture_that_the_provider_refuses_is_not_repeated_and_goes_to_a_person() {
    let mut booking = Booking::with(proven(), &[200, 300], "{}").held();
    booking.capture(&[on(1, 200)], "CAP1");
    let second = booking.plan(capture(&[on(2, 300)]));
    booking.now += hours(48);
    booking.send(&second);
    let runway = refused(
        RefusedBy::Business,
        "requestedcaptureamountexceedavailablecapturerunway",
    );
    booking.answer(&second, &runway);
    assert_eq!(
        (booking.state(&second), booking.reviews()),
        ("rejected", vec!["provider_refused"])
    );
    assert_eq!(
        (booking.r.booked(RowKind::Capture), booking.r.is_frozen()),
        (kr(200), true)
    );
    let captures = booking
        .jobs()
        .into_iter()
        .filter(|job| job.kind == JobKind::Capture);
    assert_eq!(captures.count(), 0, "nothing tries again");
}

#[test]
fn case_085_a_refused_payload_is_not_sent_again_and_keeps_the_version_of_its_policy() {
    let mut booking = Booking::new(&[1000]).held();
    booking.r.policy.version = 3;
    let id = booking.plan(capture(&[on(1, 1000)]));
    booking.send(&id);
    booking.answer(&id, &refused(RefusedBy::Payload, "payloadvalidationerrors"));
    assert_eq!(
        (booking.state(&id), booking.intent(&id).policy_version),
        ("rejected", 3)
    );
    assert_eq!(
        (booking.reviews(), booking.r.is_frozen()),
        (vec!["provider_refused"], true)
    );
    let key = booking.intent(&id).key.clone();
    for _ in 0..3 {
        booking.now += minutes(10);
        assert_eq!(
            booking.decide(JobKind::Capture, &key),
            domain::decide::Step::Done
        );
    }
    assert_eq!(booking.r.capturable(), kr(1000), "a refusal takes nothing");
}

#[test]
fn case_086_a_known_reservation_that_is_not_found_is_frozen_whatever_was_asked() {
    for operation in [
        capture(&[on(1, 1000)]),
        crate::booking::cancel(),
        crate::booking::charge(10),
    ] {
        let mut booking = Booking::new(&[1000]).held();
        let id = booking.plan(operation.clone());
        booking.send(&id);
        booking.answer(&id, &refused(RefusedBy::NotFound, "reservationnotfound"));
        assert_eq!(
            (booking.reviews(), booking.r.is_frozen()),
            (vec!["missing_at_provider"], true),
            "{operation:?}"
        );
        let next = booking.plan(capture(&[on(1, 1000)]));
        assert_ne!(
            booking.decide_intent(&next),
            domain::decide::Step::Send(next),
            "{operation:?}"
        );
    }
}
