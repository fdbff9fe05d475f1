//! A person of ops: looks at the open reviews now and then, looks into the provider's portal, and decides with what is known.

use chrono::{DateTime, TimeDelta, Utc};
use domain::Money;
use sandbox::{By, Effect, EffectKind};
use serde_json::{Value, json};

use super::dice::Dice;
use super::test_env::{TestEnv, TestEnvError};

/// Before that nobody decides about a request: it may still be on its way, or hidden from view.
const PATIENCE: TimeDelta = TimeDelta::hours(26);

/// The operator, and when they look next.
pub(super) struct Operator {
    dice: Dice,
    pub(super) looks_at: DateTime<Utc>,
    /// How long after a request its absence is believed.
    patience: TimeDelta,
    pub(super) decisions: u64,
}

impl Operator {
    pub(super) fn new(dice: Dice, start: DateTime<Utc>, beyond: bool) -> Self {
        let looks_at = start + dice.hours(6, 40);
        let patience = if beyond {
            TimeDelta::days(10)
        } else {
            PATIENCE
        };
        Self {
            dice,
            looks_at,
            patience,
            decisions: 0,
        }
    }

    /// Looks once, and says when to look again.
    pub(super) async fn look(&mut self, env: &TestEnv) -> Result<(), TestEnvError> {
        self.looks_at = env.now() + self.dice.hours(8, 120);
        self.mend(env).await?;
        let reservations = env.list("/v1/reservations?needs_review=true").await?;
        for reservation in &reservations {
            self.attend(env, reservation).await?;
        }
        for job in env.list("/v1/jobs?state=needs_review").await? {
            let its = reservations
                .iter()
                .find(|reservation| reservation["id"] == job["reservation"]);
            match its.filter(|_| job["last_error"]["code"] != "crashed") {
                Some(reservation) => self.decide(env, reservation, &job).await?,
                None => self.revive(env, &job).await?,
            }
        }
        for job in env.list("/v1/jobs?state=failed").await? {
            self.revive(env, &job).await?;
        }
        Ok(())
    }

    /// A paused merchant has a new token by now, and goes on.
    async fn mend(&self, env: &TestEnv) -> Result<(), TestEnvError> {
        let merchants = env.get("/v1/merchants").await?;
        for merchant in merchants
            .rows()
            .iter()
            .filter(|merchant| merchant["paused"] == true)
        {
            env.faults.mend_token();
            let id = merchant["id"].as_str().unwrap_or_default();
            env.post("operator", &format!("/v1/merchants/{id}/resume"), None)
                .await?;
        }
        Ok(())
    }

    /// A review of this reservation is open: look again, or give up what it holds up.
    async fn attend(&mut self, env: &TestEnv, reservation: &Value) -> Result<(), TestEnvError> {
        let id = reservation["id"].as_str().unwrap_or_default();
        if self.dice.chance(100) {
            env.post("operator", &format!("/v1/reservations/{id}/refresh"), None)
                .await?;
        }
        if reservation["control"] == "frozen" && self.dice.chance(500) {
            self.give_up(env, id).await?;
        }
        Ok(())
    }

    /// What waits behind something frozen is withdrawn: it has not been sent.
    async fn give_up(&self, env: &TestEnv, id: &str) -> Result<(), TestEnvError> {
        for job in env
            .list(&format!("/v1/jobs?reservation={id}&state=scheduled"))
            .await?
        {
            if job["kind"] != "refresh" {
                let job = job["id"].as_str().unwrap_or_default();
                env.post("operator", &format!("/v1/jobs/{job}/cancel"), None)
                    .await?;
            }
        }
        Ok(())
    }

    /// Says what became of a request, as the provider's books show it.
    async fn decide(
        &mut self,
        env: &TestEnv,
        reservation: &Value,
        job: &Value,
    ) -> Result<(), TestEnvError> {
        let (id, job_id) = (
            reservation["id"].as_str().unwrap_or_default(),
            job["id"].as_str().unwrap_or_default(),
        );
        let details = env.get(&format!("/v1/jobs/{job_id}")).await?;
        let begun = |attempt: &Value| {
            attempt["started_at"]
                .as_str()?
                .parse::<DateTime<Utc>>()
                .ok()
        };
        let attempts = details.body["attempts"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let Some(sent_at) = attempts.iter().filter_map(begun).max() else {
            return Ok(());
        };
        if env.now() - sent_at < self.patience {
            return Ok(());
        }
        let events = env.list(&format!("/v1/reservations/{id}/events")).await?;
        let uuid = reservation["provider"]["reservation_uuid"]
            .as_str()
            .unwrap_or_default();
        let Some(decision) = decision(
            env.world.lock().ledger(),
            &events,
            uuid,
            job_id,
            &details.body,
        ) else {
            return Ok(());
        };
        let reviews = details.body["reviews"].as_array().cloned();
        let open = reviews.unwrap_or_default().into_iter();
        let asks = |review: &Value| {
            let reason = review["reason"].as_str().unwrap_or_default();
            review["status"] == "open" && reason.ends_with("_unknown")
        };
        let Some(review) = open.filter(asks).find_map(|review| {
            let id = review["id"].as_str()?;
            Some(format!("/v1/reviews/{id}"))
        }) else {
            return Ok(());
        };
        let mut body = decision;
        body["evidence_version"] = env.get(&review).await?.body["evidence_version"].clone();
        let path = format!("{review}/decide");
        let answer = env.post("operator", &path, Some(&body)).await?;
        self.decisions += u64::from(answer.is_done());
        Ok(())
    }

    /// A job that gave up because its worker died again and again is tried once more.
    async fn revive(&self, env: &TestEnv, job: &Value) -> Result<(), TestEnvError> {
        let id = job["id"].as_str().unwrap_or_default();
        if job["last_error"]["code"] == "crashed" {
            env.post("operator", &format!("/v1/jobs/{id}/retry"), None)
                .await?;
        }
        Ok(())
    }
}

/// What a person who compares the job with the provider's books says.
fn decision(
    ledger: &[Effect],
    events: &[Value],
    uuid: &str,
    job: &str,
    details: &Value,
) -> Option<Value> {
    let kind = match details["kind"].as_str()? {
        "capture" => EffectKind::Captured,
        "charge" => EffectKind::Charged,
        "refund" => EffectKind::RefundAccepted,
        "cancel" => EffectKind::Cancelled,
        "complete" => EffectKind::Completed,
        _ => return None,
    };
    let intent = &intent_of(events, details)?["data"];
    let marker = intent["marker"]
        .as_str()
        .filter(|marker| !marker.is_empty())?;
    let amount = intent["amount"]
        .as_str()
        .map_or(Ok(Money::ZERO), str::parse)
        .ok()?;
    let decided_at = intent["created_at"]
        .as_str()
        .and_then(|at| at.parse::<DateTime<Utc>>().ok());
    let ours = |effect: &&Effect| {
        let text = effect.text.as_deref().unwrap_or_default();
        let known = if kind == EffectKind::RefundAccepted {
            // Another refund of the same row is not this one.
            effect.provider_reference.as_deref() == intent["reference"].as_str()
                && effect.amount == amount
                && decided_at.is_some_and(|at| effect.at >= at)
        } else {
            text.contains(marker)
        };
        effect.reservation_uuid == uuid && effect.kind == kind && effect.by == By::Api && known
    };
    let found = ledger.iter().find(ours);
    Some(match found {
        Some(effect) => json!({"decision": "confirm", "reference": effect.provider_reference,
            "note": format!("Seen in the portal, for {job}.")}),
        None => json!({"decision": "reject", "note": format!("Not in the portal, for {job}.")}),
    })
}

/// The intent that a job in doubt carries: the one of its kind that a person was asked about.
fn intent_of<'e>(events: &'e [Value], details: &Value) -> Option<&'e Value> {
    let asked = events
        .iter()
        .rev()
        .filter(|event| event["type"] == "intent_escalated");
    let ids: Vec<&Value> = asked.map(|event| &event["data"]["intent"]).collect();
    events.iter().rev().find(|event| {
        event["type"] == "intent_planned"
            && ids.contains(&&event["data"]["intent"])
            && event["data"]["operation"] == details["kind"]
    })
}
