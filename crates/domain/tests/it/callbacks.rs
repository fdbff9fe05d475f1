//! What a genuine callback makes: a fact, or nothing when it says nothing new.

use domain::callback::fact_of_callback;
use domain::{EventType, Fact, IntentFact};
use testkit::named;

use crate::booking::{Booking, RES, capture, minutes, on};

fn receive(booking: &mut Booking, uuid: &str, word: &str) -> Option<EventType> {
    let fact = fact_of_callback(&booking.r, &named(uuid), word, booking.now)?;
    booking.fold(std::slice::from_ref(&fact));
    Some(fact.event_type())
}

#[test]
fn an_id_that_is_named_again_is_news_only_while_the_submit_is_about_to_be_sent_again() {
    let suggested = Some(EventType::ProviderIdSuggested);
    let mut booking = Booking::new(&[1000]);
    let id = booking.r.intents[0].id.clone();
    booking.lose(&id);
    assert_eq!(receive(&mut booking, "RES7", "Reserved"), suggested);
    assert_eq!(receive(&mut booking, "RES7", "Reserved"), None);
    assert_eq!(receive(&mut booking, "RES8", "Reserved"), suggested);
    let ruled_out = IntentFact::EffectRuledOut { at: booking.now };
    booking.fold(&[Fact::Intent(id.clone(), ruled_out)]);
    assert_eq!(booking.state(&id), "planned");
    assert_eq!(receive(&mut booking, "RES8", "Reserved"), suggested);
    assert_eq!(booking.state(&id), "unknown", "it is not sent again unseen");
    assert_eq!(receive(&mut booking, "RES8", "Reserved"), None);
}

#[test]
fn a_flood_of_callbacks_is_one_fact_until_details_are_read_or_a_request_is_sent() {
    let received = Some(EventType::CallbackReceived);
    let mut booking = Booking::new(&[1000]).held();
    assert_eq!(receive(&mut booking, RES, "Captured"), received);
    assert_eq!(receive(&mut booking, RES, "Captured"), None);
    assert_eq!(receive(&mut booking, RES, "Charged"), received);
    booking.now += minutes(1);
    booking.lost(capture(&[on(1, 100)]));
    assert_eq!(receive(&mut booking, RES, "Charged"), received);
    let seen = booking.seen();
    booking.read(&seen);
    assert_eq!(receive(&mut booking, RES, "Charged"), received);
    assert_eq!(
        receive(&mut booking, "RES9", "Reserved"),
        Some(EventType::ProviderIdSuggested)
    );
    assert_eq!(receive(&mut booking, "RES9", "Reserved"), None);
}

#[test]
fn the_word_of_a_callback_is_cut_to_forty_characters() {
    let mut booking = Booking::new(&[1000]).held();
    receive(&mut booking, RES, &"x".repeat(100));
    let last = booking.r.provider.last_callback.expect("a callback");
    assert_eq!(last.event_type.len(), 40);
}
