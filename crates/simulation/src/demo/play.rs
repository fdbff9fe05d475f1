//! Plays the script: acts as booking system and payer when it is time, and tells what the service reports.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{Clock, EventType, Status};
use serde_json::{Value, json};

use super::client::{Api, CallError};
use super::report;
use super::screen::{Screen, stamp};
use super::script::{Play, Script, Step, StepKind};
use super::timeline::{Narration, Narrator, Tone};

/// How often the script and the service are looked at, by the wall clock.
const TICK: Duration = Duration::from_millis(30);
/// How many pages of events one look reads of one reservation.
const MAX_PAGES: usize = 20;

/// What the actors act on.
pub(super) struct Clients {
    /// The service's API.
    pub(super) api: Box<dyn Api>,
    /// The sandbox's admin routes.
    pub(super) sandbox: Box<dyn Api>,
    /// The clock of both.
    pub(super) clock: Arc<dyn Clock>,
    /// When the play begins.
    pub(super) start: DateTime<Utc>,
}

/// Why the script could not be played on.
#[derive(Debug, thiserror::Error)]
pub(super) enum PlayError {
    /// A call failed.
    #[error("{reference}: the call for \"{what}\" failed")]
    Call {
        /// Of this reservation.
        reference: String,
        /// What it was for.
        what: &'static str,
        /// Why.
        #[source]
        source: CallError,
    },
    /// The service could not be read.
    #[error("the service could not be read")]
    Look(#[source] CallError),
    /// An event is none that this version knows.
    #[error("the event {seq} of {reference} cannot be read")]
    Event {
        /// Of this reservation.
        reference: String,
        /// Its number.
        seq: i64,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

/// One reservation under way.
pub(super) struct Actor<'s> {
    /// Its part in the script.
    pub(super) play: &'s Play,
    /// The events printed so far.
    pub(super) narrator: Narrator,
    /// The reservation as the API showed it last; null before it is booked.
    pub(super) view: Value,
    booked_at: DateTime<Utc>,
    steps_done: usize,
    last_event: i64,
}

/// A line of the timeline before it is shown.
struct Line {
    at: DateTime<Utc>,
    reference: String,
    narration: Narration,
}

/// The actors of a script that begins at `start`.
pub(super) fn actors(script: &Script, start: DateTime<Utc>) -> Vec<Actor<'_>> {
    let actor = |play| Actor {
        booked_at: Play::booked_at(play, start),
        play,
        narrator: Narrator::default(),
        view: Value::Null,
        steps_done: 0,
        last_event: 0,
    };
    script.reservations.iter().map(actor).collect()
}

/// Plays until every reservation has come to its end. The caller bounds how long that may take.
pub(super) async fn play(
    clients: &Clients,
    actors: &mut [Actor<'_>],
    screen: &mut Screen,
) -> Result<(), PlayError> {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while !actors.iter().all(Actor::is_over) {
        ticks.tick().await;
        let mut lines = Vec::new();
        for actor in actors.iter_mut() {
            lines.extend(actor.act(clients).await?);
        }
        look(clients, actors, &mut lines).await?;
        lines.sort_by_key(|line| line.at);
        for line in &lines {
            screen.tell(
                &stamp(line.at, clients.start),
                &line.reference,
                &line.narration,
            );
        }
    }
    Ok(())
}

/// Asks the service what has changed, and reads the events of that.
async fn look(
    clients: &Clients,
    actors: &mut [Actor<'_>],
    lines: &mut Vec<Line>,
) -> Result<(), PlayError> {
    // One page holds them all: a script has no more reservations than that.
    let list = clients
        .api
        .get("v1/reservations?limit=200")
        .await
        .map_err(PlayError::Look)?;
    let views = list["data"].as_array().into_iter().flatten();
    for view in views {
        let of_it = |actor: &&mut Actor<'_>| view["reference"] == actor.play.reference();
        let Some(actor) = actors.iter_mut().find(of_it) else {
            continue;
        };
        let changed = view["updated_at"] != actor.view["updated_at"] || actor.last_event == 0;
        actor.view = view.clone();
        if changed {
            actor.listen(clients, lines).await?;
        }
    }
    Ok(())
}

impl Actor<'_> {
    /// Does nothing more happen to it by itself?
    fn is_over(&self) -> bool {
        let ends = [
            Status::Completed,
            Status::Cancelled,
            Status::Expired,
            Status::Failed,
        ];
        report::status(&self.view).is_some_and(|status| ends.contains(&status))
    }

    /// The reservation's id; empty before it is booked.
    pub(super) fn id(&self) -> &str {
        self.view["id"].as_str().unwrap_or_default()
    }

    /// Where it stands and what it waits for, when it did not come to its end in time.
    pub(super) fn unfinished(&self) -> Option<String> {
        if self.is_over() {
            return None;
        }
        let reference = self.play.reference();
        let status = report::status(&self.view).map_or("not booked", Status::as_str);
        let step = self.play.steps.get(self.steps_done);
        Some(match step {
            Some(step) => {
                format!(
                    "{reference} is {status}; the step \"{}\" has not been played",
                    step.kind.name()
                )
            }
            None => format!(
                "{reference} is {status} and must become {}",
                self.play.expect.status
            ),
        })
    }

    /// Books the reservation, or plays its next step, when it is time.
    async fn act(&mut self, clients: &Clients) -> Result<Option<Line>, PlayError> {
        let now = clients.clock.now();
        if self.view.is_null() {
            if now >= self.booked_at {
                let body = self.play.body(self.booked_at);
                let booked = clients.api.post("v1/reservations", &body).await;
                self.view = booked.map_err(|source| self.failed("book", source))?;
            }
            return Ok(None);
        }
        let Some(step) = self.play.steps.get(self.steps_done) else {
            return Ok(None);
        };
        let ready = report::status(&self.view) == Some(step.kind.needs());
        if !ready || now < step.at.after(self.booked_at) {
            return Ok(None);
        }
        match self.perform(clients, step).await {
            Ok(_) => self.steps_done += 1,
            // Something happened at the same moment; the next look shows what.
            Err(error) if error.refused == Some(409) => {
                return Ok(None);
            }
            Err(source) => return Err(self.failed(step.kind.name(), source)),
        }
        let announced = (step.kind == StepKind::LoseCaptureAnswer).then(|| Line {
            at: now,
            reference: self.play.reference().to_owned(),
            narration: Narration {
                tone: Tone::Warning,
                text: "(from now on the network is bad: the next capture's answer will be lost)"
                    .to_owned(),
            },
        });
        Ok(announced)
    }

    async fn perform(&self, clients: &Clients, step: &Step) -> Result<Value, CallError> {
        let reference = self.play.reference();
        let action = |name: &str| format!("v1/reservations/{}/{name}", self.id());
        match step.kind {
            StepKind::Pay => {
                clients
                    .sandbox
                    .post("__sandbox/pay", &json!({"uuid": reference}))
                    .await
            }
            StepKind::LoseCaptureAnswer => {
                let fault = json!({"operation": "capture", "reservation": reference, "when": "after_effect",
                    "what": "reset"});
                clients.sandbox.post("__sandbox/faults", &fault).await
            }
            StepKind::Deliver => clients.api.post(&action("delivery"), &step.body).await,
            StepKind::Charge => clients.api.post(&action("charge"), &step.body).await,
            StepKind::Refund => clients.api.post(&action("refund"), &step.body).await,
        }
    }

    /// Reads the events that are new, and puts them into words.
    async fn listen(&mut self, clients: &Clients, lines: &mut Vec<Line>) -> Result<(), PlayError> {
        for _ in 0..MAX_PAGES {
            let path = format!(
                "v1/reservations/{}/events?limit=200&cursor={}",
                self.id(),
                self.last_event
            );
            let page = clients.api.get(&path).await.map_err(PlayError::Look)?;
            for event in page["data"].as_array().into_iter().flatten() {
                self.apply(event, lines)?;
            }
            if page["next_cursor"].is_null() {
                break;
            }
        }
        Ok(())
    }

    fn apply(&mut self, event: &Value, lines: &mut Vec<Line>) -> Result<(), PlayError> {
        self.last_event = event["seq"].as_i64().unwrap_or(self.last_event);
        let reference = self.play.reference().to_owned();
        let (at, event_type) = read(event).map_err(|source| PlayError::Event {
            reference: reference.clone(),
            seq: self.last_event,
            source,
        })?;
        if let Some(narration) = self.narrator.tell(event_type, &event["data"]) {
            lines.push(Line {
                at,
                reference,
                narration,
            });
        }
        Ok(())
    }

    fn failed(&self, what: &'static str, source: CallError) -> PlayError {
        PlayError::Call {
            reference: self.play.reference().to_owned(),
            what,
            source,
        }
    }
}

/// When an event was recorded, and its type.
fn read(event: &Value) -> Result<(DateTime<Utc>, EventType), serde_json::Error> {
    Ok((
        serde_json::from_value(event["at"].clone())?,
        serde_json::from_value(event["type"].clone())?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_as_the_api_shows_them() {
        let event = |event_type: &str| json!({"seq": 3, "at": "2026-11-21T12:00:00Z", "type": event_type, "data": {}});
        let (at, event_type) = read(&event("delivery_reported")).expect("event");
        assert_eq!(at.to_rfc3339(), "2026-11-21T12:00:00+00:00");
        assert_eq!(event_type, EventType::DeliveryReported);
        assert!(read(&event("danced")).is_err());
    }

    #[test]
    fn what_is_unfinished_says_what_it_waits_for() {
        let script = Script::built_in().expect("script");
        let mut actors = actors(&script, DateTime::UNIX_EPOCH);
        let actor = &mut actors[0];
        assert_eq!(
            actor.unfinished().as_deref(),
            Some("DEMO-1 is not booked; the step \"pay\" has not been played")
        );
        actor.steps_done = actor.play.steps.len();
        actor.view = json!({"status": "captured"});
        assert_eq!(
            actor.unfinished().as_deref(),
            Some("DEMO-1 is captured and must become completed")
        );
        actor.view = json!({"status": "completed"});
        assert_eq!(actor.unfinished(), None);
    }
}
