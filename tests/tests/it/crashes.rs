//! Services that are killed at any moment: what they were doing is taken up again, and nothing happens twice.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use domain::{Entropy, SeededEntropy};
use serde_json::{Value, json};
use tests::{Http, Reply, holds_within};

use crate::harness::{
    Effect, Options, Place, Provider, SOON, TestEnv, judge, on_both_databases, seed,
};

on_both_databases! {
    every_reservation_reaches_its_end_while_services_are_killed;
    the_jobs_of_a_killed_service_run_again_within_lease_and_five_seconds;
    a_payment_link_whose_service_was_killed_in_sending_is_sent_again_only_by_a_decision;
}

/// Unknown outcomes are resolved fast, and what callbacks miss while nobody listens is read soon.
const OPTIONS: Options = Options {
    speed: 120,
    merchant: "refresh_open_every = \"5m\"\nsweep_every = \"10m\"\n\
               resolution.reads = [\"10s\", \"30s\", \"60s\", \"90s\", \"2m\", \"3m\", \"5m\", \"10m\", \
               \"16m\", \"18m\", \"20m\", \"25m\", \"30m\", \"35m\", \"40m\", \"50m\", \"1h\"]\n\
               resolution.absent_after = { capture = \"1m\", cancel = \"1m\", complete = \"1m\", submit = \"1m\", \
               charge = \"1m\", refund = \"1m\" }",
    // What a killed service was doing is taken up again soon, so that many kills fit into one test.
    worker: "lease = \"5s\"",
    services: 1,
    log: "info",
};
const BOOKINGS: usize = 30;
const DRIVERS: usize = 5;
/// Services are killed until the last driver is through, at least so often, and so often again while books are closed.
const KILLS: usize = 6;
const LATE_KILLS: usize = 3;
/// How long one step of a booking may take while services come and go: leases, starts, the work, and the proof that
/// something did not happen.
const STEP: Duration = Duration::from_secs(120);

/// What goes wrong besides the kills: answers that are slow, so that kills come between request and answer.
const SLOW: &str = r#"{"what": {"delay": 150}, "per_mille": 500}"#;
/// And answers that are lost, with and without an effect. Not those of reads: absence is proven only while these work.
const ACTS: [&str; 6] = [
    "submit", "capture", "charge", "refund", "cancel", "complete",
];

/// What becomes of a booking, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    Delivered,
    PartlyDelivered,
    Cancelled,
    Refunded,
    Charged,
}

impl Life {
    const ALL: [Self; 5] = [
        Self::Delivered,
        Self::PartlyDelivered,
        Self::Cancelled,
        Self::Refunded,
        Self::Charged,
    ];

    const fn of(number: usize) -> Self {
        Self::ALL[number % Self::ALL.len()]
    }

    /// Money that moves by request has no end of its own: the books stay open for it.
    const fn has_completion(self) -> bool {
        matches!(self, Self::Delivered | Self::PartlyDelivered)
    }

    fn is_over(self, reservation: &Value) -> bool {
        let amounts = &reservation["amounts"];
        let resolved = amounts["in_doubt"] == "0.00";
        match self {
            Self::Delivered | Self::PartlyDelivered => reservation["status"] == "completed",
            Self::Cancelled => reservation["status"] == "cancelled",
            Self::Refunded => resolved && amounts["refunded"] == "100.00",
            Self::Charged => resolved && amounts["charged"] == "50.00",
        }
    }

    const fn acts(self) -> &'static [&'static str] {
        match self {
            Self::Delivered => &["created", "captured 1500.00", "completed"],
            Self::PartlyDelivered => &["created", "captured 400.00", "completed"],
            Self::Cancelled => &["created", "cancelled"],
            Self::Refunded => &["created", "captured 1500.00", "refund_accepted 100.00"],
            Self::Charged => &["created", "captured 1500.00", "charged 50.00"],
        }
    }

    /// What is never sent twice on a guess: without an effect it waits for a person.
    const fn may_wait_for_a_person(self) -> bool {
        matches!(self, Self::Refunded | Self::Charged)
    }
}

fn every_reservation_reaches_its_end_while_services_are_killed(place: Place) {
    let seed = seed();
    let services = if place == Place::Postgres { 2 } else { 1 };
    let mut env = TestEnv::start(
        place,
        Options {
            services,
            ..OPTIONS
        },
    );
    env.provider
        .fault(&serde_json::from_str(SLOW).expect("a fault"));
    for (act, when) in ACTS
        .iter()
        .flat_map(|act| [(act, "before_effect"), (act, "after_effect")])
    {
        let lost = json!({"operation": act, "what": "reset", "when": when, "per_mille": 30});
        env.provider.fault(&lost);
    }
    let dice = SeededEntropy::new(seed);
    let drivers: Vec<Driver> = (0..DRIVERS)
        .map(|number| Driver::new(&env, services, number))
        .collect();
    thread::scope(|scope| {
        let drivers: Vec<_> = drivers
            .into_iter()
            .map(|driver| scope.spawn(move || driver.run()))
            .collect();
        let finished = || drivers.iter().all(thread::ScopedJoinHandle::is_finished);
        kill_at_random(&mut env, services, &dice, |kills| {
            kills >= KILLS && finished()
        });
        holds_within(STEP, || {
            retry_what_crashed(&env);
            finished()
        });
        for driver in drivers {
            driver.join().expect("a driver that came to its end");
        }
    });
    kill_at_random(&mut env, services, &dice, |kills| kills == LATE_KILLS);
    let ends = wait_for_the_ends(&env);
    let effects = env.provider.effects();
    let acts = judge(&effects);
    assert_eq!(acts.len(), BOOKINGS, "seed {seed}");
    for number in 0..BOOKINGS {
        let (reference, life) = (reference(number), Life::of(number));
        if life.is_over(&ends[&reference]) {
            assert_eq!(acts[&reference], life.acts(), "{reference}, seed {seed}");
        } else {
            assert_waits_for_a_person(&ends[&reference], &acts[&reference], life, seed);
        }
    }
    let failed = env.jobs("state=failed");
    assert!(failed.is_empty(), "seed {seed}: {failed:#?}");
    // Reads go on for ever; a job that nobody runs any more would stay.
    env.wait_for(
        "no job is left running",
        SOON,
        || env.jobs("state=running"),
        Vec::is_empty,
    );
}

/// A job that was running at three kills waits for a person, who looks at it and lets it run again.
fn retry_what_crashed(env: &TestEnv) {
    for job in env.jobs("state=needs_review") {
        if job["last_error"]["code"] == "crashed" {
            let retried = env
                .api()
                .post(&format!("/v1/jobs/{}/retry", text(&job["id"])), &json!({}));
            assert!(matches!(retried.status, 200 | 409), "{}", retried.text);
        }
    }
}

#[track_caller]
fn assert_waits_for_a_person(reservation: &Value, acts: &[String], life: Life, seed: u64) {
    assert!(life.may_wait_for_a_person(), "seed {seed}: {reservation:#}");
    assert!(
        !reservation["review"].is_null(),
        "seed {seed}: {reservation:#}"
    );
    assert_eq!(
        acts,
        &life.acts()[..2],
        "it waits although it had its effect, seed {seed}: {reservation:#}"
    );
}

fn reference(number: usize) -> String {
    format!("CRASH-{number}")
}

/// Kills a service whenever the provider was asked for a few more acts, or when none come any more. Reads do not count,
/// so that the kills are spread over all kinds of requests, however long something stays in doubt.
fn kill_at_random(
    env: &mut TestEnv,
    services: usize,
    dice: &SeededEntropy,
    is_done: impl Fn(usize) -> bool,
) {
    let acts = |provider: &Provider| -> u64 {
        let requests = provider.requests();
        ACTS.iter().filter_map(|act| requests.get(*act)).sum()
    };
    let mut kills = 0;
    while !is_done(kills) {
        let enough = acts(&env.provider) + 1 + dice.up_to(6);
        let victim = usize::try_from(dice.up_to(services as u64 - 1)).expect("a small number");
        // Whether it is reached or the wait is over: the moment is as good as any.
        holds_within(Duration::from_secs(5), || acts(&env.provider) >= enough);
        env.kill_service(victim);
        env.start_service(victim);
        retry_what_crashed(env);
        kills += 1;
    }
}

fn wait_for_the_ends(env: &TestEnv) -> BTreeMap<String, Value> {
    let look = || -> BTreeMap<String, Value> {
        let all = env.list("/v1/reservations?limit=200").into_iter();
        all.map(|reservation| (text(&reservation["reference"]).to_owned(), reservation))
            .collect()
    };
    let is_over = |seen: &BTreeMap<String, Value>, number: usize| {
        let found = seen.get(&reference(number));
        found.is_some_and(|found| Life::of(number).is_over(found) || !found["review"].is_null())
    };
    env.wait_for(
        "every reservation has come to its end",
        STEP,
        look,
        |seen| {
            retry_what_crashed(env);
            (0..BOOKINGS).all(|number| is_over(seen, number))
        },
    )
}

/// One booking system: it tries again whatever it gets no answer to.
struct Driver {
    apis: Vec<Http>,
    provider: Provider,
    bodies: Vec<(Value, Life)>,
}

impl Driver {
    fn new(env: &TestEnv, services: usize, number: usize) -> Self {
        let own = (0..BOOKINGS).filter(|booking| booking % DRIVERS == number);
        // The lives of one driver are mixed.
        let body = |booking: usize| {
            let life = Life::of(booking);
            let completion = if life.has_completion() { "10m" } else { "off" };
            let changes = json!({
                "settings": {"charge_partially_refundable": true},
                "policy": {"completion": {"after": completion}},
            });
            (env.body(&reference(booking), &changes), life)
        };
        Self {
            apis: (0..services).map(|service| env.api_of(service)).collect(),
            provider: env.provider.clone(),
            bodies: own.map(body).collect(),
        }
    }

    fn run(&self) {
        for (body, _) in &self.bodies {
            self.ask("POST", "/v1/reservations", Some(body), |reply| {
                matches!(reply.status, 202 | 409)
            });
        }
        for (body, _) in &self.bodies {
            let reference = text(&body["reference"]);
            self.wait(reference, |seen| seen["status"] == "awaiting_payment");
            self.provider.pay(reference);
        }
        for (body, life) in &self.bodies {
            let reference = text(&body["reference"]);
            self.wait(reference, |seen| seen["status"] == "held");
            self.live(reference, *life);
        }
    }

    fn live(&self, reference: &str, life: Life) {
        let at = |action: &str| format!("/v1/reservations/ref:{reference}/{action}");
        let deliver = |body: &Value| {
            self.ask("POST", &at("delivery"), Some(body), |reply| {
                reply.status == 202
            })
        };
        match life {
            Life::Cancelled => {
                let note = json!({"note": "Not needed"});
                self.ask("POST", &at("cancel"), Some(&note), |reply| {
                    matches!(reply.status, 202 | 409)
                });
            }
            Life::PartlyDelivered => {
                let part = json!([{"line": 1, "amount": "400.00"}]);
                deliver(&json!({"event_id": "D-1", "lines": part, "complete": true}));
            }
            Life::Delivered | Life::Refunded | Life::Charged => {
                deliver(&json!({"event_id": "D-1"}));
            }
        }
        if life == Life::Refunded {
            self.wait(reference, |seen| seen["amounts"]["captured"] == "1500.00");
            self.ask_once(
                reference,
                "refund",
                &json!({"source": "captured", "amount": "100.00"}),
            );
        } else if life == Life::Charged {
            let line = json!({"name": "Late check-out", "rate": "50.00", "tax_percent": 12, "amount": "50.00"});
            self.wait(reference, |seen| seen["amounts"]["captured"] == "1500.00");
            self.ask_once(reference, "charge", &json!({"lines": [line]}));
        }
    }

    /// Asks until there is a job of this kind: an answer that got lost is looked up before asking again.
    fn ask_once(&self, reference: &str, kind: &str, body: &Value) {
        let path = format!("/v1/reservations/ref:{reference}/{kind}");
        let id = self.wait(reference, |_| true)["id"].clone();
        let jobs = format!("/v1/jobs?kind={kind}&reservation={}", text(&id));
        let asked = holds_within(STEP, || {
            let known = self
                .send("GET", &jobs, None)
                .filter(|reply| reply.status == 200);
            let Some(known) = known else { return false };
            let exists = known.json["data"]
                .as_array()
                .is_some_and(|jobs| !jobs.is_empty());
            exists
                || self
                    .send("POST", &path, Some(body))
                    .is_some_and(|reply| reply.status == 202)
        });
        assert!(asked, "{reference}: no {kind} was taken within {STEP:?}");
    }

    fn wait(&self, reference: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let path = format!("/v1/reservations/ref:{reference}");
        self.ask("GET", &path, None, |reply| {
            reply.status == 200 && wanted(&reply.json)
        })
        .json
    }

    /// Sends a request to any service until the answer is good.
    fn ask(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        good: impl Fn(&Reply) -> bool,
    ) -> Reply {
        let mut last = None;
        let answered = holds_within(STEP, || {
            if let Some(reply) = self.send(method, path, body) {
                last = Some(reply);
            }
            last.as_ref().is_some_and(&good)
        });
        match last {
            Some(reply) if answered => reply,
            last => {
                panic!("{method} {path}: no good answer within {STEP:?}; the last one was {last:?}")
            }
        }
    }

    fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Option<Reply> {
        self.apis
            .iter()
            .find_map(|api| api.send(method, path, body).ok())
    }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

fn the_jobs_of_a_killed_service_run_again_within_lease_and_five_seconds(place: Place) {
    let mut env = TestEnv::start(
        place,
        Options {
            speed: 1,
            worker: "lease = \"5s\"",
            ..OPTIONS
        },
    );
    let read = env.held("LEASE-1", &json!({}));
    let capture = env.held("LEASE-2", &json!({}));
    let hang = |operation: &str, reference: &str| {
        env.provider
            .fault(&json!({"operation": operation, "reservation": reference, "what": "hang"}));
    };
    hang("details", "LEASE-1");
    hang("capture", "LEASE-2");
    let before = env.provider.requests()["details"];
    let job = env.act(&read.id, "refresh", &json!({}));
    env.deliver(&capture.id, &json!({"event_id": "D-1"}));
    let both_hang = || {
        let requests = env.provider.requests();
        (
            requests["details"] > before,
            requests.get("capture") == Some(&1),
        )
    };
    env.wait_for("both requests are under way", SOON, both_hang, |seen| {
        *seen == (true, true)
    });
    env.kill_service(0);
    env.start_service(0);
    // A lease of five seconds that was renewed at the last moment, and five more.
    let bound = Duration::from_secs(10);
    let id = job["id"].as_str().expect("a job").to_owned();
    env.wait_for(
        "the read has run again",
        bound,
        || env.job(&id),
        |job| job["state"] == "succeeded",
    );
    let jobs = || env.jobs(&format!("reservation={}&kind=capture", capture.id));
    env.wait_for("the capture is in doubt", bound, jobs, |jobs| {
        jobs.iter().any(|job| job["state"] == "resolving")
    });
    let history = env.job(&id);
    let crashed = |attempt: &Value| attempt["outcome"] == "crashed";
    let attempts = history["attempts"].as_array().expect("attempts");
    assert!(
        attempts.is_empty() || attempts.iter().any(crashed),
        "{history:#}"
    );
    let effects: Vec<Effect> = env.provider.effects();
    assert_eq!(judge(&effects)["LEASE-2"], ["created"]);
    // What may have been sent is not sent again before its absence is proven.
    assert_eq!(env.provider.requests()["capture"], 1);
}

/// Takes a payment link, and kills the service once the provider has made its order and has not answered.
fn killed_in_sending(env: &mut TestEnv, reference: &str) -> String {
    let hang = json!({"operation": "submit_order", "what": "hang", "when": "after_effect"});
    env.provider.fault(&hang);
    let urls = json!({"success_url": "https://shop.no/ok", "failure_url": "https://shop.no/no"});
    let mut body = env.body(reference, &urls);
    let fields = body.as_object_mut().expect("an object");
    fields.remove("payment_link_due");
    fields.remove("send");
    let taken = env.api().post("/v1/payment-links", &body);
    env.check(&taken, 202);
    let made = || env.provider.count(reference, "order_created");
    env.wait_for("the order is made", SOON, made, |made| *made == 1);
    env.kill_service(0);
    env.start_service(0);
    text(&taken.json["id"]).to_owned()
}

fn a_payment_link_whose_service_was_killed_in_sending_is_sent_again_only_by_a_decision(
    place: Place,
) {
    let mut env = TestEnv::start(place, OPTIONS);
    let state_of = |env: &TestEnv, id: &str, state: &str| {
        let job = || env.job(id);
        env.wait_for(state, STEP, job, |job| job["state"] == state)
    };
    // The history tells of the order, so that nobody is asked.
    let found = killed_in_sending(&mut env, "LINK-1");
    let found = state_of(&env, &found, "succeeded");
    assert_eq!(found["attempts"][0]["outcome"], "confirmed", "{found:#}");
    assert_eq!(found["attempts"][0]["number"], 1, "{found:#}");
    assert!(found["result"]["payment_url"].is_string(), "{found:#}");
    // It does not, so that a person is asked.
    env.provider.switch(&json!({"order_history": false}));
    let asked = killed_in_sending(&mut env, "LINK-2");
    let waiting = state_of(&env, &asked, "needs_review");
    assert_eq!(
        waiting["last_error"]["code"], "outcome_unknown",
        "{waiting:#}"
    );
    let retry = env
        .api()
        .post(&format!("/v1/jobs/{asked}/retry"), &json!({}));
    env.check(&retry, 409);
    assert!(
        retry.text.contains("may make a second link"),
        "{}",
        retry.text
    );
    assert_eq!(env.job(&asked)["state"], "needs_review", "nothing was sent");
    let reviews = env.list("/v1/reviews?status=open");
    let review = reviews
        .iter()
        .find(|review| review["job"] == asked.as_str())
        .expect("a review");
    let decision = json!({
        "decision": "retry", "note": "The portal does not show it.",
        "evidence_version": review["evidence_version"],
    });
    let path = format!("/v1/reviews/{}/decide", text(&review["id"]));
    env.check(&env.api().post(&path, &decision), 200);
    let made = state_of(&env, &asked, "succeeded");
    assert!(made["result"]["payment_url"].is_string(), "{made:#}");
    for (reference, orders) in [("LINK-1", 1), ("LINK-2", 2)] {
        let made = env.provider.count(reference, "order_created");
        assert_eq!(made, orders, "{reference}");
    }
}
