//! A reservation with a request whose outcome is unknown, and a person who has to decide.

use domain::reservation::{LedgerRow, RowKind};
use domain::{Fact, IntentFact, IntentId, Money, ProviderFact, ReservationId};
use serde_json::{Value, json};

use crate::named;
use crate::service::{Answer, Service, booking, now};

/// A reservation with an open review of a request whose outcome is unknown.
pub struct Case {
    /// The service that has taken the reservation.
    pub service: Service,
    /// The reservation.
    pub id: ReservationId,
    /// The job whose request is in doubt.
    pub job: String,
    /// The intent that the job carries.
    pub intent: IntentId,
}

/// The action of [`Case::of`] that leaves a charge in doubt.
pub const CHARGE: &str = "charge";
/// The action of [`Case::of`] that leaves a capture in doubt.
pub const CAPTURE: &str = "capture";

impl Case {
    /// A request of 400.00 whose outcome is unknown.
    pub async fn of(action: &str) -> Self {
        let service = Service::start().await;
        // A card that can be charged for as long as the provider allows.
        let mut booking = booking();
        booking["charge_validity"] = Value::Null;
        let taken = service.post("/v1/reservations", &booking).await.ok(202);
        let id: ReservationId = taken["id"].as_str().expect("id").parse().expect("id");
        service.held(&id).await;
        let body = match action {
            CHARGE => {
                json!({"lines": [{"name": "Window", "rate": "400.00", "tax_percent": 25, "amount": "400.00"}]})
            }
            _ => json!({"amount": "400.00"}),
        };
        let job = service
            .post(&format!("/v1/reservations/{id}/{action}"), &body)
            .await
            .ok(202);
        let stored = service
            .app
            .store
            .reservation(&id)
            .await
            .expect("read")
            .expect("reservation");
        let intent = stored.reservation.intents.last().expect("intent").clone();
        let (at, reason) = (now(), intent.operation.review_reason());
        let intent = intent.id;
        service
            .record(
                &id,
                &[
                    Fact::Intent(
                        intent.clone(),
                        IntentFact::AttemptWritten { attempt: 1, at },
                    ),
                    Fact::Intent(intent.clone(), IntentFact::AttemptSent { attempt: 1, at }),
                    Fact::Intent(
                        intent.clone(),
                        IntentFact::OutcomeUnknown {
                            reason: "timeout".to_owned(),
                        },
                    ),
                    Fact::Intent(intent.clone(), IntentFact::Escalated { reason, at }),
                ],
            )
            .await;
        let job = job["id"].as_str().expect("id").to_owned();
        Self {
            service,
            id,
            job,
            intent,
        }
    }

    /// The job as the API shows it.
    pub async fn job(&self) -> Value {
        self.service
            .get(&format!("/v1/jobs/{}", self.job))
            .await
            .ok(200)
    }

    /// The reservation as the API shows it.
    pub async fn reservation(&self) -> Value {
        self.service
            .get(&format!("/v1/reservations/{}", self.id))
            .await
            .ok(200)
    }

    /// The id of the reservation's open review with this reason.
    pub async fn review_id(&self, reason: &str) -> String {
        let list = self
            .service
            .get(&format!("/v1/reviews?status=open&reason={reason}"))
            .await
            .ok(200);
        list["data"][0]["id"].as_str().expect("a review").to_owned()
    }

    /// A review as the API shows it.
    pub async fn review(&self, id: &str) -> Value {
        self.service.get(&format!("/v1/reviews/{id}")).await.ok(200)
    }

    /// The review of the request.
    pub async fn open(&self) -> Value {
        let job = self.job().await;
        let id = job["reviews"][0]["id"].as_str().expect("a review");
        self.review(id).await
    }

    /// Asks the API to decide about a review.
    pub async fn decide(&self, id: &str, body: &Value) -> Answer {
        self.service
            .post(&format!("/v1/reviews/{id}/decide"), body)
            .await
    }

    /// Asks the API to decide about the request, on the evidence in force unless the body names another version.
    pub async fn decide_request(&self, body: &Value) -> Answer {
        let review = self.open().await;
        let mut body = body.clone();
        if body.get("evidence_version").is_none() {
            body["evidence_version"] = review["evidence_version"].clone();
        }
        self.decide(review["id"].as_str().expect("id"), &body).await
    }

    /// Details show a row that is nobody's.
    pub async fn external(&self, kind: RowKind, reference: &str) {
        self.service
            .record(
                &self.id,
                &[Fact::Provider(ProviderFact::RowPosted {
                    row: row(kind, reference, None),
                })],
            )
            .await;
    }
}

/// A row of 400.00 that details show now; without an intent it is nobody's.
#[must_use]
pub fn row(kind: RowKind, reference: &str, intent: Option<&IntentId>) -> LedgerRow {
    LedgerRow {
        kind,
        amount: Money::kroner(400),
        lines: Vec::new(),
        reference: Some(named(reference)),
        alias: None,
        at: now(),
        intent: intent.cloned(),
        confirmed: true,
        refunded_seen: Money::ZERO,
    }
}
