//! The client: one request per call, built, sent once, and classified.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::header::{ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use url::form_urlencoded;

use crate::classify::classify_noting;
use crate::http::HttpTransport;
use crate::wire::{
    Capture, CaptureAccepted, Charge, ChargeAccepted, CreateSession, DEFAULT_TAX_PERCENTS, Details,
    HistoryRow, Note, Oddities, Oddity, OrderDetails, OrderStatus, OrderSubmitted, Refund, Resend,
    SubmitOrder, SubmitReservation, Submitted, WireTime, is_identifier,
};
use crate::{
    Answer, CallClass, CancelVerb, Exchange, FaultKind, FieldError, Operation, OrderDateFormat,
    Outcome, Payload, Phase, RejectionClass, Settings, SettingsError, Timeouts, Transport,
    TransportFault, UnknownOutcome, UnknownReason, WireRequest, WireResponse,
};

const AGENT: &str = concat!("holdfast/", env!("CARGO_PKG_VERSION"));

/// A client of one merchant account.
#[derive(Debug)]
pub struct Client {
    transport: Arc<dyn Transport>,
    headers: HeaderMap,
    timeouts: Timeouts,
    cancel_verb: CancelVerb,
    /// With [`CancelVerb::Auto`]: a POST was answered 405, so that GET is tried first.
    cancel_by_get: AtomicBool,
    order_date: OrderDateFormat,
    tax_percents: Vec<u8>,
    oddities: Mutex<BTreeMap<String, u64>>,
}

/// A request that is not sent yet, as far as the calls differ.
struct Draft {
    operation: Operation,
    method: Method,
    path: String,
    query: Option<String>,
    body: Result<Bytes, Vec<FieldError>>,
}

impl Draft {
    fn post<B: Serialize>(
        operation: Operation,
        path: String,
        body: Result<&B, Vec<FieldError>>,
    ) -> Self {
        let json = |body| {
            let bytes = serde_json::to_vec(body);
            bytes
                .map(Bytes::from)
                .map_err(|_| vec![FieldError::new("body", "cannot be written as JSON")])
        };
        Self {
            operation,
            method: Method::POST,
            path,
            query: None,
            body: body.and_then(json),
        }
    }

    fn get(operation: Operation, path: String) -> Self {
        Self {
            operation,
            method: Method::GET,
            path,
            query: None,
            body: Ok(Bytes::new()),
        }
    }

    /// Keeps back what names something that cannot stand in a path.
    fn naming(mut self, uuid: &str) -> Self {
        self.path = format!("{}/{uuid}", self.path);
        if !is_identifier(uuid) {
            self.path = self.operation.path().to_owned();
            self.body = Err(vec![FieldError::new(
                "uuid",
                "must be 1 to 40 letters and digits",
            )]);
        }
        self
    }
}

impl Client {
    /// A client that talks to the provider.
    ///
    /// # Errors
    /// When the settings are wrong or the HTTP client does not start.
    pub fn new(settings: Settings) -> Result<Self, SettingsError> {
        let transport = HttpTransport::new(settings.check()?, settings.timeouts)?;
        Self::with_transport(settings, Arc::new(transport))
    }

    /// A client that talks to whatever the transport leads to; tests and simulations use it.
    ///
    /// # Errors
    /// When the settings are wrong.
    pub fn with_transport(
        settings: Settings,
        transport: Arc<dyn Transport>,
    ) -> Result<Self, SettingsError> {
        settings.check()?;
        let Settings {
            token,
            timeouts,
            cancel_verb,
            order_date,
            ..
        } = settings;
        let bearer = format!("Bearer {}", token.expose_secret());
        let mut bearer = HeaderValue::from_str(&bearer).map_err(|_| SettingsError::Token)?;
        bearer.set_sensitive(true);
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, bearer);
        // Without it the provider answers some errors with a page or a redirect.
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        Ok(Self {
            transport,
            headers,
            timeouts,
            cancel_verb,
            cancel_by_get: AtomicBool::new(false),
            order_date,
            tax_percents: DEFAULT_TAX_PERCENTS.to_vec(),
            oddities: Mutex::default(),
        })
    }

    /// The same client for a merchant with tax rates of its own, in percent.
    #[must_use]
    pub fn with_tax_percents(mut self, percents: Vec<u8>) -> Self {
        self.tax_percents = percents;
        self
    }

    /// Makes a reservation and a page to pay it (F2.1).
    pub async fn submit(&self, request: &SubmitReservation) -> Answer<Submitted> {
        let request = SubmitReservation {
            order_date: self.dated(&request.order_date),
            ..request.clone()
        };
        let checked = request.validate(&self.tax_percents).map(|()| &request);
        self.call(Draft::post(
            Operation::Submit,
            Operation::Submit.path().to_owned(),
            checked,
        ))
        .await
    }

    /// Makes a reservation and opens the card page at once (F2.2).
    pub async fn create_session(&self, request: &CreateSession) -> Answer<Submitted> {
        let mut request = request.clone();
        request.reservation.order_date = self.dated(&request.reservation.order_date);
        let checked = request.validate(&self.tax_percents).map(|()| &request);
        let operation = Operation::CreateSession;
        self.call(Draft::post(operation, operation.path().to_owned(), checked))
            .await
    }

    /// Reads a reservation (F2.3). An answer about another reservation is unknown.
    pub async fn details(&self, uuid: &str) -> Answer<Details> {
        let draft =
            Draft::get(Operation::Details, Operation::Details.path().to_owned()).naming(uuid);
        let mut answer: Answer<Details> = self.call(draft).await;
        if let Outcome::Accepted(details) = &answer.outcome
            && details.reservation_uuid != uuid
        {
            let http_status = answer.exchange.http_status;
            answer.outcome = Outcome::Unknown(UnknownOutcome {
                reason: UnknownReason::Contradicting,
                http_status,
            });
        }
        answer
    }

    /// Takes all or part of what is held (F2.4).
    pub async fn capture(&self, uuid: &str, request: &Capture) -> Answer<CaptureAccepted> {
        self.act(
            Operation::Capture,
            uuid,
            request.validate().map(|()| request),
        )
        .await
    }

    /// Debits the stored card (F2.5).
    pub async fn charge(&self, uuid: &str, request: &Charge) -> Answer<ChargeAccepted> {
        self.act(
            Operation::Charge,
            uuid,
            request.validate(&self.tax_percents).map(|()| request),
        )
        .await
    }

    /// Withdraws a reservation (F2.6). With [`CancelVerb::Auto`] a 405, which means not executed, is answered
    /// with the other verb, once; the verb that worked is tried first from then on.
    pub async fn cancel(&self, uuid: &str, note: &Note) -> Answer<()> {
        let by_get = match self.cancel_verb {
            CancelVerb::Auto => self.cancel_by_get.load(Ordering::Relaxed),
            CancelVerb::Post => false,
            CancelVerb::Get => true,
        };
        let answer = self.cancel_once(uuid, note, by_get).await;
        let wrong_verb = matches!(&answer.outcome, Outcome::Rejected(rejection) if rejection.class == RejectionClass::WrongVerb);
        if self.cancel_verb != CancelVerb::Auto || !wrong_verb {
            return answer;
        }
        self.cancel_by_get.store(!by_get, Ordering::Relaxed);
        self.cancel_once(uuid, note, !by_get).await
    }

    /// Closes a reservation after money was taken (F2.7).
    pub async fn complete(&self, uuid: &str, note: &Note) -> Answer<()> {
        self.act(Operation::Complete, uuid, note.validate().map(|()| note))
            .await
    }

    /// Sends the payment link again (F2.8).
    pub async fn resend(&self, uuid: &str, request: &Resend) -> Answer<()> {
        self.act(
            Operation::Resend,
            uuid,
            request.validate().map(|()| request),
        )
        .await
    }

    /// Pays back (F2.9). Accepted means pending.
    pub async fn refund(&self, uuid: &str, request: &Refund) -> Answer<()> {
        self.act(
            Operation::Refund,
            uuid,
            request.validate().map(|()| request),
        )
        .await
    }

    /// Reads every reservation's events in a window of time, both ends included (F2.10).
    pub async fn history(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> Answer<Vec<HistoryRow>> {
        let operation = Operation::History;
        let path = format!(
            "{}/{}/{}",
            operation.path(),
            from.timestamp(),
            to.timestamp()
        );
        let mut draft = Draft::get(operation, path);
        if from > to {
            draft.body = Err(vec![FieldError::new("from", "must not be after to")]);
        }
        self.call(draft).await
    }

    /// Makes a one-time payment link (F2.11).
    pub async fn submit_order(&self, request: &SubmitOrder) -> Answer<OrderSubmitted> {
        let request = SubmitOrder {
            order_date: self.dated(&request.order_date),
            ..request.clone()
        };
        let checked = request.validate(&self.tax_percents).map(|()| &request);
        self.call(Draft::post(
            Operation::SubmitOrder,
            Operation::SubmitOrder.path().to_owned(),
            checked,
        ))
        .await
    }

    /// Reads the status of a one-time payment link's order (F2.12).
    pub async fn order_status(&self, uuid: &str) -> Answer<OrderStatus> {
        let operation = Operation::OrderStatus;
        self.call(Draft::get(operation, operation.path().to_owned()).naming(uuid))
            .await
    }

    /// Reads a one-time payment link's order (F2.12). An answer about another order is unknown.
    pub async fn order_details(&self, uuid: &str) -> Answer<OrderDetails> {
        let operation = Operation::OrderDetails;
        let draft = Draft::get(operation, operation.path().to_owned()).naming(uuid);
        let mut answer: Answer<OrderDetails> = self.call(draft).await;
        if let Outcome::Accepted(details) = &answer.outcome
            && details.order_uuid != uuid
        {
            let http_status = answer.exchange.http_status;
            answer.outcome = Outcome::Unknown(UnknownOutcome {
                reason: UnknownReason::Contradicting,
                http_status,
            });
        }
        answer
    }

    /// The order date in the form that the merchant's account takes.
    fn dated(&self, date: &WireTime) -> WireTime {
        match (self.order_date, date.at()) {
            (OrderDateFormat::Unix, Some(at)) => WireTime::unix(at),
            (OrderDateFormat::Legacy, Some(at)) => WireTime::legacy(at),
            (_, None) => date.clone(),
        }
    }

    async fn act<B: Serialize, T: Payload>(
        &self,
        operation: Operation,
        uuid: &str,
        body: Result<&B, Vec<FieldError>>,
    ) -> Answer<T> {
        self.call(Draft::post(operation, operation.path().to_owned(), body).naming(uuid))
            .await
    }

    async fn cancel_once(&self, uuid: &str, note: &Note, by_get: bool) -> Answer<()> {
        let operation = Operation::Cancel;
        let checked = note.validate().map(|()| note);
        let mut draft = Draft::post(operation, operation.path().to_owned(), checked).naming(uuid);
        if by_get {
            // The body of a GET may be dropped on the way; the note in the query survives.
            draft.method = Method::GET;
            let query = form_urlencoded::Serializer::new(String::new())
                .append_pair("note", &note.note)
                .finish();
            draft.query = Some(query);
        }
        self.call(draft).await
    }

    /// Sends a draft once and says what became of it.
    async fn call<T: Payload>(&self, draft: Draft) -> Answer<T> {
        let operation = draft.operation;
        let (body, invalid) = match draft.body {
            Ok(body) => (body, None),
            Err(faults) => (Bytes::new(), Some(TransportFault::invalid(faults))),
        };
        let request = self.request(operation, draft.method, draft.path, draft.query, body);
        let exchange = Exchange::of_request(&request);
        let result = match invalid {
            Some(fault) => Err(fault),
            None => self.transport.send(request).await.and_then(bounded),
        };
        let mut exchange = exchange.with_result(&result);
        let oddities = Oddities::default();
        let outcome = classify_noting(operation, &result, &oddities);
        exchange.oddities = oddities.into_vec();
        self.count(operation, &exchange.oddities);
        tracing::debug!(
            operation = ?operation,
            path = exchange.path,
            http_status = exchange.http_status,
            outcome = outcome.word(),
            "provider call"
        );
        Answer { outcome, exchange }
    }

    /// How many answers so far had this field in a form that could not be read, by `operation.field`. Counted since this
    /// client was made.
    #[must_use]
    pub fn oddities(&self) -> BTreeMap<String, u64> {
        let counts = self.oddities.lock();
        counts.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn count(&self, operation: Operation, oddities: &[Oddity]) {
        if oddities.is_empty() {
            return;
        }
        let counts = self.oddities.lock();
        let mut counts = counts.unwrap_or_else(PoisonError::into_inner);
        for Oddity { field, found } in oddities {
            tracing::debug!(operation = ?operation, field, field.found = ?found, "field not read");
            let name = format!("{}.{field}", operation.word());
            *counts.entry(name).or_default() += 1;
        }
    }

    fn request(
        &self,
        operation: Operation,
        method: Method,
        path: String,
        query: Option<String>,
        body: Bytes,
    ) -> WireRequest {
        let mut headers = self.headers.clone();
        if !body.is_empty() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let class = operation.class();
        if method == Method::GET && class == CallClass::Money {
            // A cache in between must not answer for the provider.
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        let timeout = match class {
            CallClass::Read => self.timeouts.read,
            CallClass::Money => self.timeouts.money,
        };
        WireRequest {
            method,
            path,
            query,
            headers,
            body,
            timeout,
            class,
        }
    }
}

/// Holds every transport to the bound that the one over HTTP keeps by itself.
fn bounded(response: WireResponse) -> Result<WireResponse, TransportFault> {
    if response.body.len() > crate::MAX_BODY {
        return Err(TransportFault::new(
            Phase::AfterSend,
            FaultKind::BodyTooLarge,
        ));
    }
    Ok(response)
}
