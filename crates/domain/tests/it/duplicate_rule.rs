//! Whether a duplicate is refused is answered once: the engine and the advice to a person say the same.

use domain::capabilities::LineRunway;
use domain::reservation::Operation;
use domain::resolve::is_duplicate_refused;
use domain::review::Risk;
use proptest::prelude::*;
use testkit::named;

use crate::booking::{Booking, cancel, capture, charge, complete, on, refund};
use crate::review_packs::{asked, pack};

/// What the engine holds of a duplicate, and whether the review shows a person that nothing can go wrong by a retry.
fn answers(mut booking: Booking, operation: &Operation) -> (bool, bool) {
    let reason = operation.review_reason();
    asked(&mut booking, operation.clone());
    let engine = is_duplicate_refused(&booking.r, operation, &booking.merchant);
    let worst = pack(&booking, reason, &[]).option("retry").worst_case;
    (engine, worst.risk == Risk::Nothing)
}

/// Two lines, of which `taken` is captured on the first.
fn booking(lines: &[u32; 2], taken: u32, proven: bool) -> Booking {
    let mut booking = Booking::new(lines).held();
    if taken > 0 {
        booking.capture(&[on(1, taken)], "CAP1");
    }
    if proven {
        booking.merchant.line_runway = LineRunway::Proven;
    }
    booking
}

#[test]
fn a_refund_is_refused_a_second_time_only_when_it_gives_back_all_that_is_left() {
    // Given back of 1000 before, then asked for.
    for (before, amount, refused) in [
        (0, 1000, true),
        (0, 999, false),
        (0, 501, false),
        (0, 500, false),
        (0, 1, false),
        (400, 600, true),
        (400, 301, false),
        (400, 300, false),
    ] {
        let mut booking = Booking::new(&[1000]).captured(1000);
        if before > 0 {
            booking.fold(&[domain::Fact::Provider(domain::ProviderFact::RefundSeen {
                reference: named("CAP1"),
                refunded: crate::booking::kr(before),
            })]);
        }
        let answered = answers(booking, &refund("CAP1", &[on(1, amount)]));
        assert_eq!(answered, (refused, refused), "{amount} after {before}");
    }
}

proptest! {
    #[test]
    fn the_engine_and_the_advice_to_a_person_agree_about_every_duplicate(
        first in 2_u32..2000,
        second in 1_u32..2000,
        taken_permille in 0_u32..1000,
        asked_permille in 1_u32..=1000,
        proven: bool,
        kind in 0_usize..6,
    ) {
        let taken = first * taken_permille / 1000;
        let part = |of: u32| (of * asked_permille / 1000).max(1);
        let left = first - taken;
        let operation = match kind {
            0 => capture(&[on(1, part(left))]),
            1 => capture(&[on(1, part(left)), on(2, part(second))]),
            2 if taken > 0 => refund("CAP1", &[on(1, part(taken))]),
            3 => cancel(),
            4 => complete(),
            _ => charge(part(second)),
        };
        // What has been captured from is not cancelled.
        let taken = if kind == 3 { 0 } else { taken };
        let (engine, recommendation) = answers(booking(&[first, second], taken, proven), &operation);
        prop_assert_eq!(engine, recommendation);
    }
}
