//! Payment links: every event in every state, what their job does, and what people decide.

use chrono::{DateTime, TimeDelta, Utc};
use domain::outcome::{Outcome, RefusedBy};
use domain::payment_link::{
    Attempt, Found, LinkEvent, LinkState, Order, OrderId, SeenOrder, Step, Wish, after_search,
    after_silence, answered, decide, due_date, rerun, review, search_window, withdraw,
};
use domain::review::{DecisionError, DecisionRequest};
use domain::{Merchant, Money, ProviderReference, SeededEntropy};

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_614_400 + seconds, 0).expect("a time")
}

fn merchant() -> Merchant {
    Merchant::new("default".parse().expect("a name"))
}

fn id(text: &str) -> OrderId {
    text.parse().expect("an id")
}

fn order(text: &str, url: Option<&str>) -> Order {
    Order {
        id: id(text),
        url: url.map(str::to_owned),
    }
}

fn attempt(number: u32) -> Attempt {
    Attempt {
        number,
        due: at(604_811),
        at: at(0),
    }
}

/// The state in which attempt 2 of a link stands, or, before and after it, the link.
fn states() -> Vec<LinkState> {
    let key = || "refused".to_owned();
    vec![
        LinkState::Planned { attempts: 1 },
        LinkState::Written {
            attempt: attempt(2),
        },
        LinkState::Sending {
            attempt: attempt(2),
        },
        LinkState::Unknown {
            attempt: attempt(2),
            reason: "timeout".to_owned(),
            searches: 0,
            searched_at: None,
        },
        LinkState::NeedsReview {
            attempt: attempt(2),
            reason: "timeout".to_owned(),
            candidates: Vec::new(),
        },
        LinkState::Made {
            attempts: 2,
            order: order("ODR2", None),
        },
        LinkState::Rejected {
            attempts: 2,
            key: key(),
        },
        LinkState::Withdrawn {
            attempts: 2,
            reason: key(),
        },
    ]
}

/// Every event, those with a number once for the attempt before, once for attempt 2 and once for the one behind it.
fn events() -> Vec<LinkEvent> {
    let numbered = (1..=3).flat_map(|number| {
        let reason = || "timeout".to_owned();
        [
            LinkEvent::AttemptWritten {
                attempt: attempt(number),
            },
            LinkEvent::AttemptReleased { number, at: at(9) },
            LinkEvent::AttemptUnsent {
                number,
                reason: reason(),
            },
            LinkEvent::AttemptAccepted {
                number,
                order: order("ODR2", Some("https://pay")),
            },
            LinkEvent::AttemptRejected {
                number,
                key: "no".to_owned(),
            },
            LinkEvent::OutcomeUnknown {
                number,
                reason: reason(),
            },
        ]
    });
    let note = || "seen in the portal".to_owned();
    numbered
        .chain([
            LinkEvent::NothingFound { at: at(15) },
            LinkEvent::OrderFound {
                order: order("ODR7", None),
            },
            LinkEvent::ReviewRaised {
                candidates: vec![id("ODR8")],
            },
            LinkEvent::Confirmed {
                order: id("ODR9"),
                note: note(),
            },
            LinkEvent::Rejected { note: note() },
            LinkEvent::RetryForced { note: note() },
            LinkEvent::Retried,
            LinkEvent::Withdrawn { reason: note() },
        ])
        .collect()
}

/// The word of an event, with the number of its attempt.
fn named(event: &LinkEvent) -> String {
    match event {
        LinkEvent::AttemptWritten { attempt } => format!("{} {}", event.name(), attempt.number),
        LinkEvent::AttemptReleased { number, .. }
        | LinkEvent::AttemptUnsent { number, .. }
        | LinkEvent::AttemptAccepted { number, .. }
        | LinkEvent::AttemptRejected { number, .. }
        | LinkEvent::OutcomeUnknown { number, .. } => format!("{} {number}", event.name()),
        LinkEvent::NothingFound { .. }
        | LinkEvent::OrderFound { .. }
        | LinkEvent::ReviewRaised { .. }
        | LinkEvent::Confirmed { .. }
        | LinkEvent::Rejected { .. }
        | LinkEvent::RetryForced { .. }
        | LinkEvent::Retried
        | LinkEvent::Withdrawn { .. } => event.name().to_owned(),
    }
}

/// What may happen in each state, and where it leads. Whatever is not named here is refused.
const TABLE: &[(&str, &[(&str, &str)])] = &[
    (
        "planned",
        &[
            ("attempt_written 2", "written"),
            // A person gave attempt 1 up, and its answer comes after all.
            ("attempt_accepted 1", "made"),
            ("withdrawn", "withdrawn"),
        ],
    ),
    (
        "written",
        &[
            ("attempt_written 2", "written"),
            ("attempt_released 2", "sending"),
            ("attempt_accepted 1", "made"),
            ("withdrawn", "withdrawn"),
        ],
    ),
    (
        "sending",
        &[
            ("attempt_unsent 2", "planned"),
            ("attempt_accepted 2", "made"),
            ("attempt_rejected 2", "rejected"),
            ("outcome_unknown 2", "unknown"),
        ],
    ),
    (
        "unknown",
        &[
            ("attempt_unsent 2", "planned"),
            ("attempt_accepted 1", "made"),
            ("attempt_accepted 2", "made"),
            ("attempt_rejected 2", "rejected"),
            ("nothing_found", "unknown"),
            ("order_found", "made"),
            ("review_raised", "needs_review"),
        ],
    ),
    (
        "needs_review",
        &[
            ("attempt_unsent 2", "planned"),
            ("attempt_accepted 1", "made"),
            ("attempt_accepted 2", "made"),
            ("attempt_rejected 2", "rejected"),
            ("confirmed", "made"),
            ("rejected", "withdrawn"),
            ("retry_forced", "planned"),
        ],
    ),
    (
        "made",
        // The same order, with where it is paid.
        &[
            ("attempt_accepted 1", "made"),
            ("attempt_accepted 2", "made"),
            ("attempt_accepted 3", "made"),
        ],
    ),
    ("rejected", &[("retried", "planned")]),
    (
        "withdrawn",
        &[
            ("attempt_accepted 1", "made"),
            ("attempt_accepted 2", "made"),
        ],
    ),
];

#[test]
fn every_event_in_every_state_leads_where_the_table_says_or_is_refused_by_name() {
    let states = states();
    assert_eq!(
        states.iter().map(LinkState::as_str).collect::<Vec<_>>(),
        TABLE.iter().map(|(state, _)| *state).collect::<Vec<_>>()
    );
    for (state, (_, allowed)) in states.iter().zip(TABLE) {
        let mut met = 0;
        for event in events() {
            let name = named(&event);
            let expected = allowed.iter().find(|(event, _)| *event == name);
            met += usize::from(expected.is_some());
            match (state.next(&event), expected) {
                (Ok(next), Some((_, to))) => assert_eq!(next.as_str(), *to, "{state:?}, {name}"),
                (Err(refused), None) => assert_eq!(
                    (refused.state, refused.event),
                    (state.as_str(), event.name())
                ),
                (result, expected) => panic!("{state:?}, {name}: {result:?}, not {expected:?}"),
            }
        }
        assert_eq!(
            met,
            allowed.len(),
            "{state:?}: a row of the table names no event"
        );
    }
}

#[test]
fn states_keep_what_belongs_to_them_through_json() {
    for state in states() {
        let text = serde_json::to_string(&state).expect("JSON");
        assert_eq!(
            serde_json::from_str::<LinkState>(&text).expect("a state"),
            state
        );
        assert!(
            text.starts_with(&format!("{{\"state\":\"{}\"", state.as_str())),
            "{text}"
        );
    }
    for event in events() {
        let text = serde_json::to_string(&event).expect("JSON");
        assert_eq!(
            serde_json::from_str::<LinkEvent>(&text).expect("an event"),
            event
        );
    }
    assert!(serde_json::from_str::<LinkState>("{\"state\":\"lost\"}").is_err());
}

#[test]
fn an_attempt_that_is_not_sent_keeps_its_number_and_one_that_was_is_counted() {
    let walk = |events: &[LinkEvent]| {
        events.iter().fold(LinkState::NEW, |state, event| {
            state.next(event).expect("legal")
        })
    };
    let written = |number| LinkEvent::AttemptWritten {
        attempt: attempt(number),
    };
    let released = |number| LinkEvent::AttemptReleased { number, at: at(1) };
    let reason = || "reset".to_owned();
    let unsent = LinkEvent::AttemptUnsent {
        number: 1,
        reason: reason(),
    };
    let again = walk(&[
        written(1),
        written(1),
        released(1),
        unsent,
        written(1),
        released(1),
    ]);
    assert_eq!(again.attempts(), 1);
    let LinkState::Sending { attempt: sent } = &again else {
        panic!("{again:?}")
    };
    assert_eq!(sent.at, at(1), "from when it is released it counts as sent");
    let unknown = LinkEvent::OutcomeUnknown {
        number: 1,
        reason: reason(),
    };
    let raised = LinkEvent::ReviewRaised {
        candidates: Vec::new(),
    };
    let forced = LinkEvent::RetryForced { note: reason() };
    let second = walk(&[
        written(1),
        released(1),
        unknown,
        raised,
        forced,
        written(2),
        released(2),
    ]);
    assert_eq!(second.attempts(), 2);
}

#[test]
fn the_job_of_a_link_does_what_its_state_says() {
    let unknown = |searches, searched_at| LinkState::Unknown {
        attempt: attempt(2),
        reason: "timeout".to_owned(),
        searches,
        searched_at,
    };
    let decided = |state: &LinkState, seconds| decide(state, &merchant(), at(seconds));
    for (state, expected) in states().iter().zip([
        Step::Send,
        Step::Send,
        Step::Record(LinkEvent::OutcomeUnknown {
            number: 2,
            reason: "the worker ended before the answer was recorded".to_owned(),
        }),
        Step::Wait { until: at(15) },
        Step::Review,
        Step::Made(order("ODR2", None)),
        Step::Rejected("refused".to_owned()),
        Step::Withdrawn("refused".to_owned()),
    ]) {
        assert_eq!(decided(state, 1), expected, "{state:?}");
    }
    assert_eq!(decided(&unknown(0, None), 15), Step::Search(attempt(2)));
    let once = unknown(1, Some(at(15)));
    assert_eq!(decided(&once, 59), Step::Wait { until: at(60) });
    assert_eq!(decided(&once, 60), Step::Search(attempt(2)));
    let late = unknown(1, Some(at(300)));
    assert_eq!(decided(&late, 301), Step::Wait { until: at(345) });
}

#[test]
fn an_answer_is_an_event_of_its_attempt() {
    let made = order("ODR1", Some("https://pay"));
    let accepted = Outcome::Accepted {
        reference: None,
        link: None,
    };
    let rejected = |by| Outcome::Rejected {
        by,
        key: "no".to_owned(),
    };
    let lost = Outcome::Unknown {
        reason: "timeout".to_owned(),
    };
    let unsent = |reason: &str| LinkEvent::AttemptUnsent {
        number: 2,
        reason: reason.to_owned(),
    };
    let refused = LinkEvent::AttemptRejected {
        number: 2,
        key: "no".to_owned(),
    };
    let unknown = |reason: &str| LinkEvent::OutcomeUnknown {
        number: 2,
        reason: reason.to_owned(),
    };
    let nothing_left = Outcome::Unsent {
        reason: "no route".to_owned(),
    };
    for (outcome, order, expected) in [
        (
            accepted.clone(),
            Some(made.clone()),
            LinkEvent::AttemptAccepted {
                number: 2,
                order: made.clone(),
            },
        ),
        (accepted, None, unknown("accepted without the order's id")),
        (nothing_left, None, unsent("no route")),
        (rejected(RefusedBy::Auth), None, unsent("auth")),
        (rejected(RefusedBy::Throttled), None, unsent("throttled")),
        (rejected(RefusedBy::Business), None, refused.clone()),
        (rejected(RefusedBy::Payload), None, refused.clone()),
        (rejected(RefusedBy::NotFound), None, refused.clone()),
        (rejected(RefusedBy::CardNotFound), None, refused.clone()),
        (rejected(RefusedBy::WrongVerb), None, refused),
        (lost, None, unknown("timeout")),
    ] {
        assert_eq!(answered(2, &outcome, order), expected, "{outcome:?}");
    }
}

fn wish() -> Wish {
    Wish {
        lines: vec![("Deposit".to_owned(), Money::kroner(500))],
    }
}

fn seen(text: &str) -> SeenOrder {
    SeenOrder {
        id: id(text),
        due: Some(attempt(1).due),
        total: Some(Money::kroner(500)),
        lines: vec![(Some("Deposit".to_owned()), Some(Money::kroner(500)))],
        url: Some("https://pay".to_owned()),
    }
}

#[test]
fn a_search_adopts_only_the_one_order_that_is_proven_and_else_asks_a_person_in_the_end() {
    let others = SeenOrder {
        due: Some(at(1)),
        ..seen("ODR5")
    };
    let vague = SeenOrder {
        due: None,
        ..seen("ODR6")
    };
    let unknown = |searches| LinkState::Unknown {
        attempt: attempt(1),
        reason: "timeout".to_owned(),
        searches,
        searched_at: None,
    };
    let found = |orders: &[&SeenOrder], is_whole| Found {
        orders: orders.iter().map(|seen| (*seen).clone()).collect(),
        is_whole,
    };
    let after = |searches, found: &Found, seconds| {
        after_search(&unknown(searches), &wish(), found, &merchant(), at(seconds))
            .expect("a result")
    };
    let nothing = |seconds| LinkEvent::NothingFound { at: at(seconds) };
    let raised = |ids: &[&str]| LinkEvent::ReviewRaised {
        candidates: ids.iter().map(|text| id(text)).collect(),
    };
    let (one, two) = (seen("ODR1"), seen("ODR2"));
    let proven = LinkEvent::OrderFound {
        order: order("ODR1", Some("https://pay")),
    };
    assert_eq!(after(0, &found(&[&others, &one, &vague], true), 15), proven);
    // Found is found, though there is more to read.
    assert_eq!(after(0, &found(&[&one], false), 15), proven);
    assert_eq!(
        after(0, &found(&[&one, &two, &vague], true), 15),
        raised(&["ODR1", "ODR2", "ODR6"])
    );
    assert_eq!(after(0, &found(&[&others], true), 15), nothing(15));
    assert_eq!(after(1, &found(&[&vague], true), 60), nothing(60));
    assert_eq!(after(2, &found(&[&vague], true), 300), raised(&["ODR6"]));
    assert_eq!(after(2, &found(&[], true), 300), raised(&[]));
    assert_eq!(after(2, &found(&[], false), 300), nothing(300));
    assert_eq!(after(9, &found(&[], false), 1_800), raised(&[]));
    for state in states() {
        let result = after_search(&state, &wish(), &found(&[&one], true), &merchant(), at(15));
        assert_eq!(
            result.is_some(),
            matches!(state, LinkState::Unknown { .. }),
            "{state:?}"
        );
    }
}

#[test]
fn a_search_that_cannot_be_carried_out_reaches_a_person_in_the_end() {
    for state in states() {
        let silence = |seconds| after_silence(&state, &merchant(), at(seconds));
        assert_eq!(silence(1_799), None, "{state:?}");
        let raised = LinkEvent::ReviewRaised {
            candidates: Vec::new(),
        };
        let expected = matches!(state, LinkState::Unknown { .. }).then_some(raised);
        assert_eq!(silence(1_800), expected, "{state:?}");
    }
}

#[test]
fn a_decision_is_taken_in_review_alone_and_names_an_order_when_it_confirms() {
    let asked = |decision: &str, reference: Option<&str>, note: &str| DecisionRequest {
        decision: decision.to_owned(),
        reference: reference.map(str::to_owned),
        note: note.to_owned(),
        evidence_version: 4,
    };
    let note = || "asked the provider".to_owned();
    let in_review = &states()[4];
    for (word, reference, expected) in [
        (
            "confirm",
            Some("ODR9"),
            LinkEvent::Confirmed {
                order: id("ODR9"),
                note: note(),
            },
        ),
        ("reject", None, LinkEvent::Rejected { note: note() }),
        ("retry", None, LinkEvent::RetryForced { note: note() }),
    ] {
        let result = asked(word, reference, &note());
        let (decision, why) = expected.decision().expect("a person's");
        assert_eq!(
            (
                decision.word(),
                decision.reference().map(ProviderReference::as_str),
                why
            ),
            (word, reference, &*note())
        );
        assert_eq!(review(in_review, 4, &result), Ok(expected), "{word}");
        let changed = review(in_review, 5, &result);
        assert!(
            matches!(changed, Err(DecisionError::EvidenceChanged { .. })),
            "{changed:?}"
        );
        for state in states() {
            let taken = review(&state, 4, &result).is_ok();
            assert_eq!(taken, state.as_str() == "needs_review", "{state:?}, {word}");
        }
    }
    for (word, reference, note, field) in [
        ("confirm", None, "why", "reference"),
        ("confirm", Some("RES1"), "why", "reference"),
        ("reject", Some("ODR9"), "why", "reference"),
        ("retry", Some("ODR9"), "why", "reference"),
        ("reject", None, " ", "note"),
        ("dismiss", None, "why", "decision"),
        ("wait", None, "why", "decision"),
    ] {
        match review(in_review, 4, &asked(word, reference, note)) {
            Err(DecisionError::Field(error)) => assert_eq!(error.field, field, "{word}"),
            other => panic!("{word} {reference:?}: {other:?}"),
        }
    }
}

#[test]
fn running_a_job_again_sends_nothing_whose_outcome_is_unknown() {
    for (state, sends) in states().iter().zip([
        Ok(None),
        Ok(None),
        Ok(None),
        Ok(None),
        Err("needs_review"),
        Err("made"),
        Ok(Some(LinkEvent::Retried)),
        Err("withdrawn"),
    ]) {
        let result = rerun(state).map_err(|refused| refused.state);
        assert_eq!(result, sends, "{state:?}");
    }
    let message = rerun(&states()[4]).expect_err("refused").to_string();
    assert!(message.contains("may make a second link"), "{message}");
}

#[test]
fn what_may_have_had_its_effect_is_not_withdrawn() {
    for state in states() {
        let result = withdraw(&state, "not wanted");
        match state.as_str() {
            "planned" | "written" => {
                let event = result.expect("allowed").expect("recorded");
                assert_eq!(state.next(&event).expect("legal").as_str(), "withdrawn");
            }
            "sending" | "unknown" | "needs_review" => assert!(result.is_err(), "{state:?}"),
            _ => assert_eq!(result, Ok(None), "{state:?}"),
        }
    }
}

#[test]
fn every_attempt_is_due_at_a_second_of_its_own_a_week_or_a_little_more_ahead() {
    let entropy = SeededEntropy::new(7);
    let now = at(0) + TimeDelta::milliseconds(250);
    let due: Vec<_> = (0..20).map(|_| due_date(now, &entropy)).collect();
    let week = TimeDelta::days(7);
    for due in &due {
        let ahead = *due - at(0);
        assert!(ahead >= week && ahead < week + TimeDelta::hours(1), "{due}");
        assert_eq!(due.timestamp_subsec_nanos(), 0);
    }
    let mut distinct = due.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert!(distinct.len() > 15, "{due:?}");
}

#[test]
fn the_history_is_searched_from_before_the_attempt_until_now() {
    let (from, to) = search_window(&attempt(1), at(60));
    assert!(from < at(-60) && to > at(60));
}

#[test]
fn an_order_s_id_is_its_prefix_and_digits() {
    assert!("ODR1234567890".parse::<OrderId>().is_ok());
    for wrong in [
        "",
        "ODR",
        "RES1",
        "ODR12a",
        "odr1",
        " ODR1",
        &format!("ODR{}", "1".repeat(200)),
    ] {
        assert!(wrong.parse::<OrderId>().is_err(), "{wrong}");
    }
}
