//! The test environment: a sandbox on a loopback port, a client before it, a clock that is moved by hand, and a valid booking.

use std::sync::Arc;
use std::time::Duration;

use api_client::wire::{
    Address, CallbackUrls, Capture, Charge, CustomerDetails, CustomerType, Details, LineAmount,
    OrderSummary, Product, Refund, RefundSource, RefundType, ReservationSettings, SendOrderBy,
    SubmitReservation, WireTime,
};
use api_client::{CancelVerb, Client, Outcome, Settings, Timeouts};
use chrono::{DateTime, TimeDelta, Utc};
use domain::{ManualClock, Money};
use sandbox::{Effect, EffectKind, Handle, Options, Server, World};
use serde_json::{Value, json};
use testkit::customer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

pub(crate) const TOKEN: &str = "token-a";

/// 24 August 2025, 01:46:40 UTC.
pub(crate) fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_756_000_000, 0).expect("time")
}

pub(crate) fn options() -> Options {
    Options {
        tokens: vec![TOKEN.to_owned(), "token-b".to_owned()],
        ..Options::default()
    }
}

pub(crate) struct TestEnv {
    pub(crate) url: String,
    pub(crate) world: Handle,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) client: Client,
    _running: oneshot::Sender<()>,
}

impl TestEnv {
    pub(crate) async fn new() -> Self {
        Self::with(options()).await
    }

    /// An environment with these switches turned.
    pub(crate) async fn turned(patch: &Value) -> Self {
        let env = Self::new().await;
        env.turn(patch);
        env
    }

    pub(crate) async fn with(options: Options) -> Self {
        let clock = Arc::new(ManualClock::at(start()));
        let listen = "127.0.0.1:0".parse().expect("address");
        let server = Server::bind(listen, World::new(options), clock.clone())
            .await
            .expect("a free port");
        let (url, world) = (server.url(), server.world());
        let (running, stop) = oneshot::channel::<()>();
        tokio::spawn(server.run(async move {
            // Dropping the environment stops the server.
            let _ = stop.await;
        }));
        let client = client(&url, TOKEN, CancelVerb::Auto);
        Self {
            url,
            world,
            clock,
            client,
            _running: running,
        }
    }

    pub(crate) fn turn(&self, patch: &Value) {
        let mut world = self.world.lock();
        let switches = world.switches().patched(patch).expect("valid switches");
        world.set_switches(switches);
    }

    pub(crate) fn pass(&self, time: TimeDelta) {
        self.clock.advance(time);
        self.world.lock().advance(self.now());
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        domain::Clock::now(&*self.clock)
    }

    /// A reservation that nobody has paid.
    pub(crate) async fn submitted(&self) -> String {
        let answer = self.client.submit(&booking("BOOK-1", self.now())).await;
        answer
            .outcome
            .accepted()
            .expect("accepted")
            .reservation_uuid
    }

    /// A reservation whose amount is held: 600 and 400 kroner.
    pub(crate) async fn held(&self) -> String {
        let uuid = self.submitted().await;
        self.world.lock().pay(self.now(), &uuid).expect("payable");
        uuid
    }

    pub(crate) async fn details(&self, uuid: &str) -> Details {
        self.client
            .details(uuid)
            .await
            .outcome
            .accepted()
            .expect("details")
    }

    pub(crate) fn effects(&self, kind: EffectKind) -> Vec<Effect> {
        self.world
            .lock()
            .ledger()
            .iter()
            .filter(|effect| effect.kind == kind)
            .cloned()
            .collect()
    }

    /// The numeric ids of the two lines.
    pub(crate) async fn ids(&self, uuid: &str) -> [i64; 2] {
        let products = self.details(uuid).await.product_list;
        [products[0].id, products[1].id]
    }

    pub(crate) async fn capture(&self, uuid: &str, kroner: u32) -> Outcome<Option<String>> {
        let [id, _] = self.ids(uuid).await;
        let answer = self
            .client
            .capture(uuid, &capture(&[(id, kroner)], "R1 MARKER 01"))
            .await;
        match answer.outcome {
            Outcome::Accepted(accepted) => Outcome::Accepted(accepted.uuid),
            Outcome::Rejected(rejection) => Outcome::Rejected(rejection),
            Outcome::Unknown(unknown) => Outcome::Unknown(unknown),
            Outcome::Unsent(fault) => Outcome::Unsent(fault),
        }
    }
}

pub(crate) fn client(url: &str, token: &str, cancel_verb: CancelVerb) -> Client {
    let mut settings = Settings::new(url.parse().expect("url"), token.into());
    // Long enough for a machine under load.
    let patience = Duration::from_secs(20);
    settings.timeouts = Timeouts {
        connect: patience,
        read: patience,
        money: patience,
    };
    settings.cancel_verb = cancel_verb;
    Client::new(settings).expect("client")
}

/// Two lines of 600 and 400 kroner, due in a day.
pub(crate) fn booking(reference: &str, now: DateTime<Utc>) -> SubmitReservation {
    let line = |name: &str, kroner| Product {
        name: name.to_owned(),
        product_id: Some(format!("{name}-1")),
        rate: Money::kroner(kroner),
        tax: 25,
        amount: Money::kroner(kroner),
    };
    let [street, zip, city, country] = customer::ADDRESS;
    SubmitReservation {
        customer_details: CustomerDetails {
            kind: CustomerType::Private,
            country_code: customer::COUNTRY_CODE.to_owned(),
            msisdn: customer::MSISDN.into(),
            email: customer::EMAIL.into(),
            name: customer::NAME.into(),
            preferred_language: "en".to_owned(),
            personal_number: None,
            organization_id: None,
            address: Address {
                street: street.into(),
                zip: zip.to_owned(),
                city: city.to_owned(),
                country: country.to_owned(),
            },
        },
        order_date: WireTime::unix(now),
        due_date_for_payment_link: WireTime::unix(now + TimeDelta::days(1)),
        reference_no: Some(reference.to_owned()),
        customer_reference: None,
        send_order_by: SendOrderBy {
            sms: false,
            email: true,
        },
        products: vec![line("cabin", 600), line("boat", 400)],
        order_summary: OrderSummary {
            sub_total: Money::kroner(800),
            total_tax: Money::kroner(200),
            grand_total: Money::kroner(1_000),
        },
        charge_validity: None,
        customer_notes: None,
        tnc: None,
        settings: Some(ReservationSettings {
            secure_details: false,
            is_charge_partially_refundable: false,
        }),
        callback: None,
    }
}

pub(crate) fn with_callback(mut booking: SubmitReservation, url: &str) -> SubmitReservation {
    booking.callback = Some(CallbackUrls {
        callback_url: Some(url.to_owned()),
        success: Some("https://shop.example.no/thanks".to_owned()),
        failure: Some("https://shop.example.no/again?a=1&b=2".to_owned()),
    });
    booking
}

fn lines(lines: &[(i64, u32)]) -> (Vec<LineAmount>, Money) {
    let lines: Vec<_> = lines
        .iter()
        .map(|(id, kroner)| LineAmount {
            id: *id,
            amount: Money::kroner(*kroner),
        })
        .collect();
    let total = lines.iter().map(|line| line.amount).sum();
    (lines, total)
}

pub(crate) fn capture(of: &[(i64, u32)], text: &str) -> Capture {
    let (products, grand_total) = lines(of);
    Capture {
        products,
        grand_total,
        additional_text: Some(text.to_owned()),
    }
}

pub(crate) fn charge(kroner: u32) -> Charge {
    let amount = Money::kroner(kroner);
    let product = Product {
        name: "Cleaning".to_owned(),
        product_id: None,
        rate: amount,
        tax: 25,
        amount,
    };
    Charge {
        products: vec![product],
        grand_total: amount,
        additional_text: Some("R1 CHARGE 01".to_owned()),
    }
}

pub(crate) fn refund(source: RefundSource, reference: &str, of: &[(i64, u32)]) -> Refund {
    let (products, grand_total) = lines(of);
    Refund {
        kind: RefundType::Reservation,
        grand_total,
        products,
        source,
        reference: reference.to_owned(),
    }
}

/// The booking as a raw body, to be broken.
pub(crate) fn raw_booking(now: DateTime<Utc>) -> Value {
    serde_json::to_value(booking("BOOK-1", now)).expect("json")
}

/// One request with a connection of its own: the whole answer as text, empty when there was none.
pub(crate) async fn raw(url: &str, method: &str, path: &str, headers: &str, body: &str) -> String {
    let host = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(host).await.expect("listens");
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    // A connection that breaks on purpose may end in an error; what came before counts.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// An admin request: its status and its JSON.
pub(crate) async fn admin(env: &TestEnv, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let headers = "Content-Type: application/json\r\n";
    let answer = raw(
        &env.url,
        method,
        &format!("/__sandbox/{path}"),
        headers,
        &body.to_string(),
    )
    .await;
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer");
    let status = head[9..12].parse().expect("status");
    (status, serde_json::from_str(body).unwrap_or(json!(null)))
}
