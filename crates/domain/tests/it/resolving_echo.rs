//! Whether markers come back, and what facts mean for the evidence kept for a merchant.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use domain::history::Event;
use domain::outcome::{NewLink, Outcome};
use domain::resolve::{Evidence, MarkerEcho, history_window, learnt};
use domain::{Fact, IntentFact, ProviderFact};
use testkit::named;

use crate::booking::{
    Booking, RES, at, capture, charge, history_row, hours, kr, lost_capture, minutes, monday,
    names, on, with_capture, with_charge,
};

#[test]
fn case_051_a_row_known_by_its_reference_tells_whether_markers_come_back() {
    use MarkerEcho::{Broken, Unverified, Verified};
    type Row = (
        MarkerEcho,
        bool,
        &'static [&'static str],
        MarkerEcho,
        &'static [&'static str],
    );
    #[rustfmt::skip]
    let rows: [Row; 6] = [
        (Unverified, true,  &["ledger_row_confirmed", "marker_checked"],                Verified, &[]),
        (Unverified, false, &["ledger_row_confirmed", "marker_checked"],                Broken,   &[]),
        (Verified,   true,  &["ledger_row_confirmed"],                                 Verified, &[]),
        (Verified,   false, &["ledger_row_confirmed", "marker_checked", "review_raised"], Broken,   &["marker_broken"]),
        (Broken,     true,  &["ledger_row_confirmed", "marker_checked"],                Verified, &[]),
        (Broken,     false, &["ledger_row_confirmed"],                                 Broken,   &[]),
    ];
    for (before, echoed, result, after, reviews) in rows {
        for charged in [false, true] {
            let mut booking = Booking::new(&[1000]).held();
            let seen = booking.seen();
            booking.evidence.marker_echo = before;
            let operation = if charged {
                charge(400)
            } else {
                capture(&[on(1, 400)])
            };
            let id = booking.accepted(operation, Some(if charged { "CHA1" } else { "CAP1" }));
            let text = echoed.then(|| booking.text_of(&id));
            let shown = match charged {
                true => with_charge(&seen, "CHA1", 400, text),
                false => with_capture(&seen, "CAP1", 400, text),
            };
            let facts = booking.read(&shown);
            let facts: Vec<_> = names(&facts)
                .into_iter()
                .filter(|name| *name != "lines_synced")
                .collect();
            let context = format!("{before} {echoed} {charged}");
            assert_eq!(facts, result, "{context}");
            assert_eq!(booking.evidence.marker_echo, after, "{context}");
            assert_eq!(
                (booking.reviews().as_slice(), booking.r.is_frozen()),
                (reviews, false),
                "{context}"
            );
            assert_eq!(booking.read(&shown), [], "{context}: it is said once");
        }
    }
}

#[test]
fn a_marker_that_resolves_an_unknown_outcome_verifies_the_echo_and_a_row_without_one_breaks_nothing()
 {
    for (text, echo) in [
        (true, MarkerEcho::Verified),
        (false, MarkerEcho::Unverified),
    ] {
        let (mut booking, id, seen) = lost_capture();
        booking.evidence.marker_echo = MarkerEcho::Unverified;
        let text = text.then(|| booking.text_of(&id));
        booking.read(&with_capture(&seen, "CAP1", 400, text));
        assert_eq!(
            booking.evidence.marker_echo, echo,
            "somebody else's row has no marker of ours"
        );
    }
}

#[test]
fn what_shows_moves_the_merchants_view_on_to_the_earliest_that_it_can_have_happened() {
    let unknown = Evidence {
        shown_until: None,
        ..Booking::new(&[1]).evidence
    };
    let now = monday() + hours(10);
    let (lost, id, _) = lost_capture();
    let sent_at = lost.intent(&id).sent().map(|sent| sent.at);
    let mut accepted = Booking::new(&[1000]).held();
    accepted.capture(&[on(1, 400)], "CAP1");
    let confirmed = |intent| {
        Fact::Intent(
            intent,
            IntentFact::Confirmed {
                reference: None,
                amount: kr(400),
                at: now,
            },
        )
    };
    let held = |at| Fact::Provider(ProviderFact::HoldPlaced { at, amount: kr(1) });
    let row = |at| domain::reservation::LedgerRow {
        at,
        ..accepted.r.ledger[0].clone()
    };
    let history = |row| Fact::Intent(id.clone(), IntentFact::HistoryRead { row, at: now });
    let by_name = Fact::Provider(ProviderFact::RowConfirmed {
        reference: named("CAP1"),
        amount: kr(400),
        intent: None,
    });
    let rows: Vec<(&str, &Booking, Fact, Option<DateTime<Utc>>)> = vec![
        (
            "our own effect, when it was sent",
            &lost,
            confirmed(id.clone()),
            sent_at,
        ),
        (
            "an accepted one, a minute before",
            &accepted,
            by_name,
            Some(accepted.now - minutes(1)),
        ),
        ("a payment", &lost, held(monday()), Some(monday())),
        (
            "somebody else's row",
            &lost,
            Fact::Provider(ProviderFact::RowPosted { row: row(monday()) }),
            Some(monday()),
        ),
        (
            "a row without a time",
            &lost,
            Fact::Provider(ProviderFact::RowPosted { row: row(now) }),
            None,
        ),
        ("a time to come", &lost, held(now + minutes(1)), None),
        (
            "a row of the history",
            &lost,
            history(Some(history_row(Event::Captured, "X", 1, monday()))),
            Some(monday()),
        ),
        ("a silent history", &lost, history(None), None),
        (
            "a callback",
            &lost,
            Fact::Provider(ProviderFact::CallbackReceived {
                event_type: "captured".into(),
                at: monday(),
            }),
            None,
        ),
        (
            "a read that shows nothing",
            &lost,
            Fact::Provider(ProviderFact::RefreshRequested),
            None,
        ),
    ];
    for (name, booking, fact, shown) in rows {
        let after = learnt(&unknown, &booking.r, std::slice::from_ref(&fact), now);
        assert_eq!(after.and_then(|after| after.shown_until), shown, "{name}");
        assert_eq!(after.is_some(), shown.is_some(), "{name}: nothing to save");
        let newer = Evidence {
            shown_until: Some(now),
            ..unknown
        };
        assert_eq!(
            learnt(&newer, &booking.r, &[fact], now),
            None,
            "{name}: it never moves back"
        );
    }
}

#[test]
fn a_submit_shows_something_when_it_is_found_and_not_when_it_is_answered() {
    for (lost, shown) in [(true, Some(monday())), (false, None)] {
        let mut booking = Booking::new(&[1000]);
        booking.evidence.shown_until = None;
        let id = booking.r.intents[0].id.clone();
        booking.send(&id);
        let link = NewLink {
            reservation_uuid: named(RES),
            customer_uuid: None,
            url: None,
        };
        let answer = Outcome::Accepted {
            reference: None,
            link: Some(link),
        };
        let facts = domain::outcome::outcome(booking.intent(&id), &answer, booking.now);
        if lost {
            booking.answer(
                &id,
                &Outcome::Unknown {
                    reason: "timeout".into(),
                },
            );
        }
        let after = learnt(
            &booking.evidence,
            &booking.r,
            &facts,
            booking.now + minutes(1),
        );
        assert_eq!(after.and_then(|after| after.shown_until), shown);
    }
}

#[test]
fn the_history_is_read_from_before_the_sending_and_an_hour_wider_where_the_clock_changes() {
    let rows = [
        ("2026-11-16T11:00:00Z", "2026-11-16T11:30:00Z", 0),
        ("2026-10-24T22:30:00Z", "2026-10-24T23:00:00Z", 1),
        ("2026-10-24T12:00:00Z", "2026-10-24T12:30:00Z", 0),
        ("2026-10-25T03:30:00Z", "2026-10-25T04:00:00Z", 1),
        ("2026-10-23T12:00:00Z", "2026-10-26T12:00:00Z", 1),
        ("2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z", 1),
    ];
    for (sent, now, wider) in rows {
        let mut booking = Booking::new(&[1000]);
        let id = booking.r.intents[0].id.clone();
        booking.now = at(sent);
        booking.lose(&id);
        let window = history_window(booking.intent(&id), &booking.merchant, at(now));
        let wanted = (at(sent) - minutes(2) - hours(wider), at(now) + hours(wider));
        assert_eq!(window, wanted, "{sent}");
        booking.merchant.zone = Tz::UTC;
        let window = history_window(booking.intent(&id), &booking.merchant, at(now));
        assert_eq!(
            window,
            (at(sent) - minutes(2), at(now)),
            "{sent}: a zone whose clock never changes"
        );
    }
}
