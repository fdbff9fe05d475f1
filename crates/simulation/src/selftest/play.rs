//! One run: the plan happens in the test environment, and the time goes from one event to the next.

use chrono::{DateTime, TimeDelta, Utc};
use sandbox::{ActError, Effect, EffectKind, LineSum};
use serde_json::{Value, json};

use super::dice::{Dice, minor};
use super::failpoints::Failpoints;
use super::faults::FaultInjector;
use super::operator::Operator;
use super::plan::{Act, CALM_AFTER, LENGTH, Plan};
use super::test_env::{Answer, TestEnv, TestEnvError};
use super::workers::Workers;

/// A payer who finds no link yet comes again after this long.
const COMES_AGAIN: TimeDelta = TimeDelta::hours(5);
/// Before the end somebody reads every reservation once more, as a reconciliation would.
const AUDIT_BEFORE_END: TimeDelta = TimeDelta::days(3);

/// An operation that the API took: its job will do it.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) reservation: String,
    pub(super) what: &'static str,
    pub(super) job: String,
}

/// A run that is over.
pub(super) struct Played {
    pub(super) env: TestEnv,
    pub(super) plan: Plan,
    pub(super) workers: Workers,
    pub(super) asked: Vec<Asked>,
    pub(super) decisions: u64,
}

struct Play {
    env: TestEnv,
    plan: Plan,
    workers: Workers,
    operator: Operator,
    /// The ids of the reservations, once they are taken.
    ids: Vec<String>,
    asked: Vec<Asked>,
    /// Acts that are put off.
    later: Vec<(DateTime<Utc>, usize, Act)>,
    place: usize,
    audited: bool,
    calm: bool,
}

/// Plays a plan to its end.
pub(super) async fn play(plan: Plan, beyond: bool) -> Result<Played, TestEnvError> {
    let seed = plan.setting.seed;
    let start = plan.setting.start;
    let faults = FaultInjector::new(Dice::new(seed, 10), plan.profile.clone());
    let failpoints = Failpoints::new(Dice::new(seed, 11), plan.rates);
    let env = TestEnv::build(&plan.setting, faults, failpoints).await?;
    env.world.lock().faults().callbacks = plan.profile.callback_faults();
    let mut play = Play {
        workers: Workers::new(&env, Dice::new(seed, 12)),
        operator: Operator::new(Dice::new(seed, 13), start, beyond),
        ids: vec![String::new(); plan.bookings.len()],
        asked: Vec::new(),
        later: Vec::new(),
        place: 0,
        audited: !plan.audit,
        calm: false,
        env,
        plan,
    };
    while play.step().await? {}
    Ok(Played {
        env: play.env,
        plan: play.plan,
        workers: play.workers,
        asked: play.asked,
        decisions: play.operator.decisions,
    })
}

impl Play {
    fn end(&self) -> DateTime<Utc> {
        self.plan.setting.start + LENGTH
    }

    /// Everything that is due now, and then on to the next event; false at the end.
    async fn step(&mut self) -> Result<bool, TestEnvError> {
        let now = self.env.now();
        let start = self.plan.setting.start;
        if !self.calm && now >= start + CALM_AFTER {
            self.calm = true;
            self.env.faults.calm();
            self.env.failpoints.calm();
            self.env.world.lock().faults().callbacks.clear();
        }
        let callbacks = self.env.world.lock().due_callbacks(now);
        for callback in callbacks {
            self.env.call_back(&callback.url).await?;
            self.workers.wake();
        }
        while let Some((place, act)) = self.due(now) {
            self.act(place, act).await?;
            self.workers.wake();
        }
        if now >= self.operator.looks_at {
            self.operator.look(&self.env).await?;
            self.workers.wake();
        }
        if !self.audited && now >= self.end() - AUDIT_BEFORE_END {
            self.audited = true;
            self.audit().await?;
        }
        self.workers.work(&self.env).await?;
        if self.workers.is_endless {
            return Ok(false);
        }
        let next = self.next(now);
        self.env.clock.set(next);
        Ok(next < self.end())
    }

    fn next(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let act = self.plan.acts.get(self.place).map(|(at, ..)| *at);
        let later = self.later.iter().map(|(at, ..)| *at).min();
        let world = self.env.world.lock().next_event();
        let audit = (!self.audited).then(|| self.end() - AUDIT_BEFORE_END);
        let calm = (!self.calm).then(|| self.plan.setting.start + CALM_AFTER);
        let all = [
            act,
            later,
            world,
            audit,
            calm,
            self.workers.next(),
            Some(self.operator.looks_at),
        ];
        let next = all
            .into_iter()
            .flatten()
            .min()
            .unwrap_or_else(|| self.end());
        next.max(now + TimeDelta::milliseconds(1)).min(self.end())
    }

    /// The next act that is due.
    fn due(&mut self, now: DateTime<Utc>) -> Option<(usize, Act)> {
        if let Some(found) = self.later.iter().position(|(at, ..)| *at <= now) {
            let (_, place, act) = self.later.remove(found);
            return Some((place, act));
        }
        let (_, place, act) = self
            .plan
            .acts
            .get(self.place)
            .filter(|(at, ..)| *at <= now)?;
        self.place += 1;
        Some((*place, act.clone()))
    }

    async fn act(&mut self, place: usize, act: Act) -> Result<(), TestEnvError> {
        let Some(booking) = self.plan.bookings.get(place) else {
            return Ok(());
        };
        let (reference, due) = (booking.reference.clone(), booking.due);
        match act {
            Act::Submit => {
                let answer = self
                    .env
                    .post("booking", "/v1/reservations", Some(&booking.body.clone()))
                    .await?;
                if let Some(id) = self.ids.get_mut(place) {
                    answer.text("/id").clone_into(id);
                }
                let job = answer.text("/schedule/0/job").to_owned();
                self.asked.push(Asked {
                    reservation: answer.text("/id").to_owned(),
                    what: "submit",
                    job,
                });
            }
            Act::Ask(what, body) => self.ask(place, what, Some(body)).await?,
            Act::Repeat(what, body) => {
                self.ask(place, what, Some(body.clone())).await?;
                self.ask(place, what, Some(body)).await?;
            }
            Act::Capture(part) => self.capture(place, part).await?,
            Act::Refund { charged, per_mille } => self.refund(place, charged, per_mille).await?,
            Act::Poke(how) => self.poke(place, how).await?,
            Act::Open => self.in_person("payer opens the page of", &reference, |world, now| {
                world.open(now, &reference)
            }),
            Act::Fail => {
                self.in_person("payer fails to pay", &reference, |world, now| {
                    world.fail(now, &reference)
                });
            }
            Act::Pay => {
                let there = self.env.world.lock().find(&reference).is_some();
                let now = self.env.now();
                if !there && now + COMES_AGAIN < due {
                    self.later.push((now + COMES_AGAIN, place, Act::Pay));
                    return Ok(());
                }
                self.in_person("payer pays", &reference, |world, now| {
                    world.pay(now, &reference)
                });
            }
            portal => self.in_the_portal(&reference, &portal),
        }
        Ok(())
    }

    async fn ask(
        &mut self,
        place: usize,
        what: &'static str,
        body: Option<Value>,
    ) -> Result<(), TestEnvError> {
        let Some(id) = self.ids.get(place).filter(|id| !id.is_empty()).cloned() else {
            return Ok(());
        };
        let body = body.filter(|body| !body.is_null());
        let answer = self
            .env
            .post(
                "booking",
                &format!("/v1/reservations/{id}/{what}"),
                body.as_ref(),
            )
            .await?;
        if answer.is_done() && answer.text("/id").starts_with("job_") {
            self.asked.push(Asked {
                reservation: id,
                what,
                job: answer.text("/id").to_owned(),
            });
        }
        Ok(())
    }

    async fn read(&self, place: usize) -> Result<Option<Answer>, TestEnvError> {
        let Some(id) = self.ids.get(place).filter(|id| !id.is_empty()) else {
            return Ok(None);
        };
        Ok(Some(self.env.get(&format!("/v1/reservations/{id}")).await?))
    }

    /// A capture of all that is left, or of a part of the total.
    async fn capture(&mut self, place: usize, part: Option<u64>) -> Result<(), TestEnvError> {
        let Some(seen) = self.read(place).await? else {
            return Ok(());
        };
        let body = part.map(|part| json!({"amount": share(seen.text("/amounts/total"), part)}));
        self.ask(place, "capture", body).await
    }

    /// A refund of one row of the ledger as the booking system sees it.
    async fn refund(
        &mut self,
        place: usize,
        charged: bool,
        per_mille: Option<u64>,
    ) -> Result<(), TestEnvError> {
        let Some(seen) = self.read(place).await? else {
            return Ok(());
        };
        let (kind, source) = if charged {
            ("charge", "charged")
        } else {
            ("capture", "captured")
        };
        let rows = seen.body["ledger"].as_array().cloned().unwrap_or_default();
        let Some(row) = rows.iter().find(|row| row["kind"] == kind) else {
            return Ok(());
        };
        let mut body = json!({"source": source, "reference": row["reference"]});
        if let Some(part) = per_mille {
            body["amount"] = json!(share(row["amount"].as_str().unwrap_or_default(), part));
        }
        self.ask(place, "refund", Some(body)).await
    }

    /// Somebody of ops does something to one of the reservation's jobs.
    async fn poke(&mut self, place: usize, how: &'static str) -> Result<(), TestEnvError> {
        let Some(id) = self.ids.get(place).filter(|id| !id.is_empty()) else {
            return Ok(());
        };
        let jobs = self.env.list(&format!("/v1/jobs?reservation={id}")).await?;
        let live = |job: &&Value| !matches!(job["state"].as_str(), Some("succeeded" | "cancelled"));
        if let Some(job) = jobs.iter().find(live).and_then(|job| job["id"].as_str()) {
            self.env
                .post("operator", &format!("/v1/jobs/{job}/{how}"), None)
                .await?;
        }
        Ok(())
    }

    fn in_person(
        &self,
        what: &str,
        reference: &str,
        act: impl FnOnce(&mut sandbox::World, DateTime<Utc>) -> Result<(), ActError>,
    ) {
        let now = self.env.now();
        let done = act(&mut self.env.world.lock(), now);
        match done {
            Ok(()) => self.env.note(format_args!("{what} {reference}")),
            Err(error) => self.env.note(format_args!("{what} {reference}: {error}")),
        }
    }

    fn in_the_portal(&self, name: &str, act: &Act) {
        self.in_person("portal: a person acts on", name, |world, now| {
            let Some(uuid) = world.find(name) else {
                return Err(ActError::Missing);
            };
            match act {
                Act::PortalCapture(None) => world.capture_in_portal(now, name, None).map(drop),
                Act::PortalCapture(Some(part)) => {
                    let lines = part_of_hold(world.ledger(), &uuid, *part);
                    world.capture_in_portal(now, name, Some(lines)).map(drop)
                }
                Act::PortalCharge(amount) => world
                    .charge_in_portal(now, name, *amount, "By hand")
                    .map(drop),
                Act::PortalRefund(part) => {
                    let rows = world.ledger().iter().rev();
                    let mut rows = rows.filter(|effect| effect.reservation_uuid == uuid);
                    let row = rows
                        .find(|row| matches!(row.kind, EffectKind::Captured | EffectKind::Charged));
                    let Some(row) = row.cloned() else {
                        return Err(ActError::Missing);
                    };
                    let amount = part.map(|part| thousandths(row.amount, part));
                    let reference = row.provider_reference.unwrap_or_default();
                    world.refund_in_portal(now, name, &reference, amount)
                }
                Act::PortalCancel => world.cancel_in_portal(now, name, "By hand"),
                Act::PortalComplete => world.complete_in_portal(now, name, "By hand"),
                _ => Ok(()),
            }
        });
        self.env.note(format_args!("  {act:?}"));
    }

    /// Somebody reads every reservation once more.
    async fn audit(&mut self) -> Result<(), TestEnvError> {
        for id in self.ids.iter().filter(|id| !id.is_empty()) {
            self.env
                .post("audit", &format!("/v1/reservations/{id}/refresh"), None)
                .await?;
        }
        self.workers.wake();
        Ok(())
    }
}

/// So many thousandths of an amount, at least one øre.
fn thousandths(amount: domain::Money, part: u64) -> domain::Money {
    let whole = u64::try_from(amount.minor()).unwrap_or(0);
    minor((whole.saturating_mul(part) / 1_000).max(1))
}

fn share(amount: &str, part: u64) -> String {
    thousandths(amount.parse().unwrap_or_default(), part).to_string()
}

/// A part of each line of a hold.
fn part_of_hold(ledger: &[Effect], uuid: &str, part: u64) -> Vec<LineSum> {
    let held = ledger
        .iter()
        .find(|e| e.reservation_uuid == uuid && e.kind == EffectKind::Reserved);
    let lines = held.map_or(&[][..], |held| held.lines.as_slice());
    lines
        .iter()
        .map(|line| LineSum {
            id: line.id,
            amount: thousandths(line.amount, part),
        })
        .collect()
}
