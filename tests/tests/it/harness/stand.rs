//! A running sandbox with one or more services on a database of their own.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, SubsecRound as _, TimeDelta, Utc};
use domain::{Clock as _, Entropy as _, SystemClock, SystemEntropy};
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::{
    Http, Process, Program, Reply, TestDatabase, TestPostgres, holdfast_binary, holds_within,
};

use super::{ADMIN_KEY, Booking, Config, Effect, Provider, booking, free_port};

/// How long anything may take that happens by itself.
pub(crate) const SOON: Duration = Duration::from_secs(30);
/// How many lines of a service's log a failed test shows.
const LOG_TAIL: usize = 60;

/// Where the service keeps its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Sqlite,
    Postgres,
}

/// How a stand is set up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// How much faster than the wall both clocks run: at 60, a minute takes a second.
    pub(crate) speed: u32,
    /// More keys of `[merchants.default]`, as TOML.
    pub(crate) merchant: &'static str,
    /// More keys of `[worker]`, as TOML.
    pub(crate) worker: &'static str,
    /// How many services share the database.
    pub(crate) services: usize,
    /// `RUST_LOG` of the services.
    pub(crate) log: &'static str,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            speed: 60,
            merchant: "",
            worker: "",
            services: 1,
            log: "info",
        }
    }
}

/// The seed of this run, out of the environment to replay one, else a fresh one; printed, and so shown on failure.
#[expect(
    clippy::print_stderr,
    reason = "the test's output is shown when it fails"
)]
pub(crate) fn seed() -> u64 {
    let given = std::env::var("HOLDFAST_TEST_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| SystemEntropy.next_u64() % 1_000_000);
    eprintln!("the seed is {seed}: replay with HOLDFAST_TEST_SEED={seed}");
    seed
}

enum Data {
    Sqlite(PathBuf),
    Postgres(TestDatabase),
}

struct Service {
    config: PathBuf,
    port: u16,
    process: Option<Process>,
    /// What earlier processes of this service have written.
    past: String,
}

impl Service {
    /// What its processes have written.
    fn log(&self) -> String {
        let present = self
            .process
            .as_ref()
            .map(Process::output)
            .unwrap_or_default();
        format!("{}{present}", self.past)
    }
}

/// A sandbox, and the services that use it. Everything ends with the stand.
pub(crate) struct TestEnv {
    pub(crate) provider: Provider,
    clock: SystemClock,
    log_filter: &'static str,
    _sandbox: Process,
    services: Vec<Service>,
    data: Data,
    _folder: TempDir,
}

impl TestEnv {
    /// Starts a sandbox and the services, and waits until all are ready.
    #[track_caller]
    pub(crate) fn start(place: Place, options: Options) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let origin = SystemClock::real().now().trunc_subsecs(3);
        let data = match place {
            Place::Sqlite => Data::Sqlite(folder.path().join("holdfast.db")),
            Place::Postgres => Data::Postgres(TestPostgres::database()),
        };
        let (sandbox, url) = start_sandbox(options.speed, origin);
        let ports: Vec<u16> = (0..options.services).map(|_| free_port()).collect();
        let services = ports.iter().enumerate().map(|(number, port)| {
            let config = Config {
                port: *port,
                public_port: ports[0],
                database: data.url(),
                speed: options.speed,
                origin,
                base_url: url.clone(),
                merchant: options.merchant.to_owned(),
                worker: options.worker.to_owned(),
            };
            let path = config.write(folder.path(), &format!("holdfast-{number}.toml"));
            Service {
                config: path,
                port: config.port,
                process: None,
                past: String::new(),
            }
        });
        let mut test_env = Self {
            provider: Provider::new(&url),
            clock: SystemClock::fast(origin, options.speed),
            log_filter: options.log,
            services: services.collect(),
            _sandbox: sandbox,
            data,
            _folder: folder,
        };
        for number in 0..options.services {
            test_env.start_service(number);
        }
        test_env
    }

    /// Starts a service that does not run, and waits until it is ready.
    #[track_caller]
    pub(crate) fn start_service(&mut self, number: usize) {
        self.start_service_with(number, &[]);
    }

    /// The same with more arguments after `serve`.
    #[track_caller]
    pub(crate) fn start_service_with(&mut self, number: usize, more: &[&str]) {
        let filter = self.log_filter;
        let service = &mut self.services[number];
        let process = Program::new(holdfast_binary())
            .args([
                "--config".as_ref(),
                service.config.as_os_str(),
                "serve".as_ref(),
            ])
            .args(more)
            .env("RUST_LOG", filter)
            .start();
        process.wait_for_line("that the service is ready", SOON, is_ready);
        service.process = Some(process);
    }

    /// Kills a service as `kill -9` does.
    pub(crate) fn kill_service(&mut self, number: usize) {
        let service = &mut self.services[number];
        if let Some(mut process) = service.process.take() {
            process.kill();
            service.past.push_str(&process.output());
        }
    }

    /// The process of a service.
    #[track_caller]
    pub(crate) fn process(&mut self, number: usize) -> &mut Process {
        self.services[number]
            .process
            .as_mut()
            .expect("the service runs")
    }

    /// The database of a stand on Postgres.
    pub(crate) const fn postgres(&self) -> Option<&TestDatabase> {
        match &self.data {
            Data::Postgres(database) => Some(database),
            Data::Sqlite(_) => None,
        }
    }

    /// What the services have written, past processes included.
    pub(crate) fn log(&self) -> String {
        self.services.iter().map(Service::log).collect()
    }

    /// Business time.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Business time, so much later, as the API takes it.
    pub(crate) fn later(&self, by: TimeDelta) -> String {
        (self.now() + by).to_rfc3339_opts(SecondsFormat::Secs, true)
    }

    /// The API of a service, with the key.
    pub(crate) fn api_of(&self, number: usize) -> Http {
        self.without_key(number).bearer(ADMIN_KEY)
    }

    /// The API of the first service, with the key.
    pub(crate) fn api(&self) -> Http {
        self.api_of(0)
    }

    /// A service without a key.
    pub(crate) fn without_key(&self, number: usize) -> Http {
        Http::new(&format!("http://127.0.0.1:{}", self.services[number].port))
    }

    /// The body of a submit whose link is due in seven days.
    pub(crate) fn body(&self, reference: &str, changes: &Value) -> Value {
        booking(reference, &self.later(TimeDelta::days(7)), changes)
    }

    /// Submits a reservation, and waits until the provider has it.
    #[track_caller]
    pub(crate) fn book(&self, reference: &str, changes: &Value) -> Booking {
        let api = self.api().header("Prefer", "wait=20");
        let reply = api.post("/v1/reservations", &self.body(reference, changes));
        self.check(&reply, 201);
        let uuid = reply.json["provider"]["reservation_uuid"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let id = reply.json["id"].as_str().expect("an id").to_owned();
        Booking {
            id,
            reference: reference.to_owned(),
            uuid,
        }
    }

    /// Books, lets the payer pay, and waits until the service knows.
    #[track_caller]
    pub(crate) fn held(&self, reference: &str, changes: &Value) -> Booking {
        let booking = self.book(reference, changes);
        self.provider.pay(&booking.uuid);
        self.wait_status(&booking.id, "held");
        booking
    }

    /// Books, lets the payer pay, delivers everything, and waits until all of it is captured.
    #[track_caller]
    pub(crate) fn captured(&self, reference: &str, changes: &Value) -> Booking {
        let booking = self.held(reference, changes);
        self.deliver(&booking.id, &json!({"event_id": "D-1"}));
        self.wait_status(&booking.id, "captured");
        booking
    }

    /// Reports a delivery.
    #[track_caller]
    pub(crate) fn deliver(&self, id: &str, delivery: &Value) -> Value {
        self.act(id, "delivery", delivery)
    }

    /// Asks for something that is answered with 202: the reservation after a delivery, else a job.
    #[track_caller]
    pub(crate) fn act(&self, id: &str, action: &str, body: &Value) -> Value {
        let reply = self
            .api()
            .post(&format!("/v1/reservations/{id}/{action}"), body);
        self.check(&reply, 202);
        reply.json
    }

    /// Asks for something, and waits until its job is done.
    #[track_caller]
    pub(crate) fn done(&self, id: &str, action: &str, body: &Value) -> Value {
        let job = self.act(id, action, body);
        self.wait_job(job["id"].as_str().expect("a job"), "succeeded")
    }

    /// A reservation as it is now.
    #[track_caller]
    pub(crate) fn reservation(&self, id: &str) -> Value {
        let reply = self.api().get(&format!("/v1/reservations/{id}"));
        self.check(&reply, 200);
        reply.json
    }

    /// A job as it is now, with its attempts.
    #[track_caller]
    pub(crate) fn job(&self, id: &str) -> Value {
        let reply = self.api().get(&format!("/v1/jobs/{id}"));
        self.check(&reply, 200);
        reply.json
    }

    /// The jobs that a filter finds, `kind=capture&state=running`; the newest first.
    #[track_caller]
    pub(crate) fn jobs(&self, filter: &str) -> Vec<Value> {
        self.list(&format!("/v1/jobs?limit=200&{filter}"))
    }

    /// The timeline of a reservation, the oldest first.
    #[track_caller]
    pub(crate) fn events(&self, id: &str) -> Vec<Value> {
        self.list(&format!("/v1/reservations/{id}/events?limit=200"))
    }

    /// The first page of a list.
    #[track_caller]
    pub(crate) fn list(&self, path: &str) -> Vec<Value> {
        let reply = self.api().get(path);
        self.check(&reply, 200);
        reply.json["data"].as_array().expect("a list").clone()
    }

    /// Waits until a reservation has this status, and returns it.
    #[track_caller]
    pub(crate) fn wait_status(&self, id: &str, status: &str) -> Value {
        self.wait_reservation(id, status, |seen| seen["status"] == status)
    }

    /// Waits until a reservation is as `wanted` says.
    #[track_caller]
    pub(crate) fn wait_reservation(
        &self,
        id: &str,
        what: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Value {
        self.wait_for(
            &format!("reservation {id} is {what}"),
            SOON,
            || self.reservation(id),
            wanted,
        )
    }

    /// Waits until a job is in this state, and returns it.
    #[track_caller]
    pub(crate) fn wait_job(&self, id: &str, state: &str) -> Value {
        self.wait_for(
            &format!("job {id} is {state}"),
            SOON,
            || self.job(id),
            |job| job["state"] == state,
        )
    }

    /// Waits until the provider's ledger is as `wanted` says.
    #[track_caller]
    pub(crate) fn wait_effects(
        &self,
        what: &str,
        wanted: impl Fn(&[Effect]) -> bool,
    ) -> Vec<Effect> {
        self.wait_for(
            what,
            SOON,
            || self.provider.effects(),
            |effects| wanted(effects),
        )
    }

    /// Looks again and again, and returns what was seen once it is as wanted.
    #[track_caller]
    pub(crate) fn wait_for<T: fmt::Debug>(
        &self,
        what: &str,
        bound: Duration,
        mut look: impl FnMut() -> T,
        wanted: impl Fn(&T) -> bool,
    ) -> T {
        let mut seen = look();
        let held = holds_within(bound, || {
            seen = look();
            wanted(&seen)
        });
        assert!(
            held,
            "waited {bound:?} in vain until {what}; it is {seen:#?}"
        );
        seen
    }

    /// Asserts the status of an answer.
    #[track_caller]
    pub(crate) fn check(&self, reply: &Reply, status: u16) {
        assert_eq!(reply.status, status, "{}", reply.text);
    }
}

impl Data {
    fn url(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("sqlite:{}", path.display()),
            Self::Postgres(database) => database.url(),
        }
    }
}

/// Does this line say that a service is ready? Without the API it has no address to tell.
fn is_ready(line: &str) -> bool {
    line.starts_with("holdfast listening on http://") || line == "holdfast working"
}

/// A failed test shows what the services last said.
impl Drop for TestEnv {
    #[expect(
        clippy::print_stderr,
        reason = "the test's output is shown when it fails"
    )]
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        for (number, service) in self.services.iter().enumerate() {
            let all = service.log();
            let lines: Vec<&str> = all.lines().collect();
            let tail = lines.len().saturating_sub(LOG_TAIL);
            eprintln!(
                "the last lines of service {number}:\n{}",
                lines[tail..].join("\n")
            );
        }
    }
}

/// Starts a sandbox with the same clock, and returns it with its address.
#[track_caller]
fn start_sandbox(speed: u32, origin: DateTime<Utc>) -> (Process, String) {
    let origin = origin.to_rfc3339_opts(SecondsFormat::Millis, true);
    let process = Program::new(holdfast_binary())
        .args(["sandbox", "--listen", "127.0.0.1:0", "--seed", "1"])
        .args(["--speed", &speed.to_string(), "--origin", &origin])
        .start();
    const READY: &str = "sandbox listening on ";
    let line = process.wait_for_line("the address of the sandbox", SOON, |line| {
        line.starts_with(READY)
    });
    let url = line.trim_start_matches(READY).to_owned();
    (process, url)
}
