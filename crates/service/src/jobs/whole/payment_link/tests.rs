//! The life of a payment link with a crash at every commit of it: whatever happens, a second order is made only when a
//! person has said so.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use api_client::{Transport, TransportFault, WireRequest, WireResponse};
use chrono::{DateTime, TimeDelta, Utc};
use domain::payment_link::LinkState;
use domain::review::{DecisionRequest, ReviewStatus};
use domain::{JobId, JobState, Money};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use sandbox::{InProcess, Switches};
use store::queue::{AttemptView, Claimant, Handler as _, Job, JobEnd};
use store::{Gate, ReviewFilter};
use testkit::customer::customer;
use tokio::sync::Notify;

use crate::app::App;
use crate::jobs::{self, WorkerSettings};
use crate::operations::{self, OperationError, ReviewError, create_payment_link, retry_job};
use crate::payment_link::{PaymentLinkLine, PaymentLinkRequest};
use crate::submission::CheckoutMethod;
use crate::test_env::{Call, EffectKind, Fault, TestEnv, What, When};

/// How long a claim holds.
const LEASE: TimeDelta = TimeDelta::seconds(30);
/// Turns within which every life comes to its end, crashes included.
const MOST_TURNS: u32 = 200;

/// Counts the sides of commits, and lets a process die at one of them, once.
#[derive(Debug, Default)]
struct Deadly {
    passed: AtomicUsize,
    /// At which it dies; 0 is never.
    at: AtomicUsize,
    died: Notify,
}

impl Deadly {
    fn pass(&self) -> BoxFuture<'_, ()> {
        let number = self.passed.fetch_add(1, Ordering::SeqCst) + 1;
        if number == self.at.load(Ordering::SeqCst) {
            self.died.notify_one();
            return std::future::pending().boxed();
        }
        std::future::ready(()).boxed()
    }

    /// What becomes of something a process does; `None` when the process dies of it.
    async fn survived<T>(&self, doing: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.died.notified() => None,
            done = doing => Some(done),
        }
    }
}

impl Gate for Deadly {
    fn before_commit(&self) -> BoxFuture<'_, ()> {
        self.pass()
    }

    fn after_commit(&self) -> BoxFuture<'_, ()> {
        self.pass()
    }
}

/// What happens to the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Request {
    IsAnswered,
    GetsLost,
    LosesItsAnswer,
}

/// A life of a payment link.
#[derive(Clone, Copy, Debug)]
struct Life {
    request: Request,
    /// Does the provider's history tell of orders?
    is_told: bool,
    /// What a person decides who is asked.
    person: &'static str,
}

struct Lived {
    /// The sides of commits that were passed.
    points: usize,
    orders: usize,
    /// How often a person said "send it again".
    forced: usize,
    /// Was a person asked at all?
    asked: bool,
    job: Job,
    attempts: Vec<AttemptView>,
    state: LinkState,
}

fn wished() -> PaymentLinkRequest {
    PaymentLinkRequest {
        reference: "LINK-1".to_owned(),
        customer: customer(),
        lines: vec![PaymentLinkLine {
            name: "Deposit".to_owned(),
            product_id: None,
            quantity: 1,
            rate: Money::kroner(450),
            tax_percent: 0,
            amount: Money::kroner(450),
        }],
        method: CheckoutMethod::Visa,
        success_url: "https://b.no/ok".to_owned(),
        failure_url: "https://b.no/no".to_owned(),
    }
}

/// A process that works on the queue.
fn claimant(app: &App, number: u32) -> Claimant {
    let lease = LEASE.to_std().expect("a duration");
    let settings = WorkerSettings {
        concurrency: 1,
        lease,
        poll_interval: lease,
        shutdown_grace: lease,
    };
    Claimant::new(format!("worker-{number}"), &jobs::options(app, settings))
}

/// Claims one job and runs it to its end. Returns how long nothing will be due, if nothing was.
async fn turn(env: &TestEnv, claimant: &Claimant) -> Option<TimeDelta> {
    let turn = env.app.store.poll(claimant, 1).await.expect("a turn");
    let idle = turn.jobs.is_empty();
    for job in turn.jobs {
        let lease = job.lease.clone();
        let ended = jobs::handler(Arc::clone(&env.app)).run(job).await;
        if let Some(end) = JobEnd::after(ended) {
            let mut tx = env.app.store.begin().await.expect("begins");
            tx.finish_job(&lease, end).await.expect("finishes");
            tx.commit().await.expect("commits");
        }
    }
    let wait = |next: DateTime<Utc>| (next - env.now()).max(TimeDelta::milliseconds(1));
    idle.then(|| turn.next.map_or(TimeDelta::seconds(1), wait))
}

async fn job_of(env: &TestEnv, id: &JobId) -> (Job, Vec<AttemptView>) {
    let details = env.app.store.job(id).await.expect("reads");
    let details = details.expect("is there");
    (details.job, details.attempts)
}

/// Lets workers run until the job is over or waits for a person; one that dies is followed by the next.
async fn worked(env: &TestEnv, gate: &Deadly, id: &JobId) -> Job {
    for number in 0..MOST_TURNS {
        let claimant = claimant(&env.app, number);
        match gate.survived(turn(env, &claimant)).await {
            None => env.pass(LEASE + TimeDelta::seconds(1)),
            Some(Some(idle)) => env.pass(idle),
            Some(None) => {}
        }
        let (job, _) = job_of(env, id).await;
        if !job.state.is_live() || job.state == JobState::NeedsReview {
            return job;
        }
    }
    panic!("{MOST_TURNS} turns were not enough");
}

async fn live(life: Life, dies_at: usize) -> Lived {
    let gate = Arc::new(Deadly::default());
    let env = TestEnv::gated(Some(Arc::clone(&gate) as Arc<dyn Gate>)).await;
    env.world.lock().set_switches(Switches {
        order_history: life.is_told,
        ..Switches::default()
    });
    let fault = |when| Fault::once(Call::SubmitOrder, when, What::Reset);
    match life.request {
        Request::IsAnswered => {}
        Request::GetsLost => env
            .world
            .lock()
            .faults()
            .calls
            .push(fault(When::BeforeEffect)),
        Request::LosesItsAnswer => env
            .world
            .lock()
            .faults()
            .calls
            .push(fault(When::AfterEffect)),
    }
    let merchant = env.merchant();
    let taken = create_payment_link(&env.app, &merchant, &wished(), "test").await;
    let id = taken.expect("is taken");
    gate.passed.store(0, Ordering::SeqCst);
    gate.at.store(dies_at, Ordering::SeqCst);
    let (mut forced, mut asked) = (0, false);
    let mut job = worked(&env, &gate, &id).await;
    // Whoever is asked twice, because a crash came in between, says the same again.
    while job.state == JobState::NeedsReview {
        asked = true;
        assert!(orders(&env).len() <= 1 + forced, "{life:?}, {dies_at}");
        refuses_a_plain_retry(&env, &id).await;
        forced += usize::from(life.person == "retry");
        decides(&env, &gate, life).await;
        job = worked(&env, &gate, &id).await;
    }
    let link = env.app.store.payment_link_of_job(&id).await.expect("reads");
    Lived {
        points: gate.passed.load(Ordering::SeqCst),
        orders: orders(&env).len(),
        forced,
        asked,
        attempts: job_of(&env, &id).await.1,
        job,
        state: link.expect("is there").state,
    }
}

fn orders(env: &TestEnv) -> Vec<String> {
    let world = env.world.lock();
    let made = |effect: &&sandbox::Effect| effect.kind == EffectKind::OrderCreated;
    world
        .ledger()
        .iter()
        .filter(made)
        .map(|effect| effect.reservation_uuid.clone())
        .collect()
}

/// Running the job again sends nothing, and says what would, and what that risks.
async fn refuses_a_plain_retry(env: &TestEnv, id: &JobId) {
    match retry_job(&env.app, id, "ola").await {
        Err(OperationError::JobState { message, .. }) => {
            assert!(message.contains("may make a second link"), "{message}");
        }
        other => panic!("{other:?}"),
    }
}

/// A person decides the open review, who may be too late or be cut off, and then is asked again.
async fn decides(env: &TestEnv, gate: &Deadly, life: Life) {
    let filter = ReviewFilter {
        status: Some(ReviewStatus::Open),
        ..ReviewFilter::default()
    };
    let open = env
        .app
        .store
        .reviews(&filter, 10, None)
        .await
        .expect("reads")
        .items;
    let [review] = open.as_slice() else {
        panic!("one review is open: {open:?}")
    };
    assert_eq!(review.reference.as_deref(), Some("LINK-1"));
    // What the portal shows; a made-up one where it shows nothing.
    let reference = orders(env).pop().unwrap_or_else(|| "ODR1".to_owned());
    let request = DecisionRequest {
        decision: life.person.to_owned(),
        reference: (life.person == "confirm").then_some(reference),
        note: "asked the provider".to_owned(),
        evidence_version: review.evidence_version,
    };
    let deciding = operations::decide(&env.app, &review.id, &request, "ola");
    match gate.survived(deciding).await {
        None | Some(Ok(()) | Err(ReviewError::Decided(_))) => {}
        Some(Err(error)) => panic!("{life:?}: {error}"),
    }
}

/// Lives a life once for every side of a commit in it.
async fn at_every_commit(life: Life, check: impl Fn(&Lived)) {
    let unharmed = live(life, 0).await;
    check(&unharmed);
    assert!(unharmed.points >= 8, "{life:?}: {}", unharmed.points);
    let mut dies_at = 1;
    loop {
        let lived = live(life, dies_at).await;
        let context = format!("{life:?}, dies at {dies_at}: {:?}", lived.state);
        assert!(lived.orders <= 1 + lived.forced, "{context}");
        assert!(!lived.job.state.is_live(), "{context}: {}", lived.job.state);
        for attempt in &lived.attempts {
            assert!(attempt.finished_at.is_some(), "{context}: {attempt:?}");
        }
        check(&lived);
        if lived.points < dies_at {
            return;
        }
        dies_at += 1;
    }
}

/// What became of the requests for the link. Its last run has none, and its row is made up for people.
fn requests(attempts: &[AttemptView]) -> Vec<&'static str> {
    let requests = attempts.iter().filter(|attempt| attempt.exchange.is_some());
    requests.map(|attempt| attempt.outcome.as_str()).collect()
}

fn is_made(lived: &Lived) {
    let state = &lived.state;
    assert!(matches!(state, LinkState::Made { .. }), "{state:?}");
    assert_eq!(lived.job.state, JobState::Succeeded, "{state:?}");
    let result = lived.job.result.as_ref().expect("a result");
    let order = state.order().expect("an order");
    assert_eq!(result["reference"], order.id.as_str());
}

#[tokio::test]
async fn a_link_whose_request_is_answered_is_made_once_wherever_its_worker_dies() {
    let life = Life {
        request: Request::IsAnswered,
        is_told: true,
        person: "retry",
    };
    at_every_commit(life, |lived| {
        is_made(lived);
        assert_eq!(lived.orders, 1, "{:?}", lived.state);
    })
    .await;
}

#[tokio::test]
async fn a_link_whose_answer_is_lost_is_found_and_nobody_is_asked() {
    let life = Life {
        request: Request::LosesItsAnswer,
        is_told: true,
        person: "retry",
    };
    at_every_commit(life, |lived| {
        is_made(lived);
        assert_eq!(lived.orders, 1, "{:?}", lived.state);
    })
    .await;
    let lived = live(life, 0).await;
    assert!(!lived.asked);
    assert!(lived.state.order().is_some_and(|order| order.url.is_some()));
    assert_eq!(requests(&lived.attempts), ["confirmed"]);
}

#[tokio::test]
async fn a_link_that_cannot_be_found_is_sent_again_only_when_a_person_says_so() {
    for request in [Request::GetsLost, Request::LosesItsAnswer] {
        let life = Life {
            request,
            is_told: false,
            person: "retry",
        };
        at_every_commit(life, is_made).await;
        let lived = live(life, 0).await;
        let made = usize::from(request == Request::LosesItsAnswer) + 1;
        assert_eq!((lived.forced, lived.orders), (1, made), "{request:?}");
        assert_eq!(lived.state.attempts(), 2);
    }
}

#[tokio::test]
async fn a_link_that_a_person_gives_up_is_over_and_nothing_more_is_sent() {
    let life = Life {
        request: Request::GetsLost,
        is_told: false,
        person: "reject",
    };
    at_every_commit(life, |lived| {
        let over = match lived.state {
            LinkState::Withdrawn { .. } => (JobState::Cancelled, 0),
            // A worker that died before its request left: the next one sends it, unharmed by the fault.
            LinkState::Made { .. } => (JobState::Succeeded, 1),
            ref other => panic!("{other:?}"),
        };
        assert_eq!((lived.job.state, lived.orders), over);
    })
    .await;
}

#[tokio::test]
async fn a_link_that_a_person_confirms_is_made_by_the_order_that_is_named() {
    let life = Life {
        request: Request::LosesItsAnswer,
        is_told: false,
        person: "confirm",
    };
    at_every_commit(life, is_made).await;
    let lived = live(life, 0).await;
    assert_eq!((lived.orders, lived.asked), (1, true));
    assert_eq!(requests(&lived.attempts), ["confirmed"]);
}

/// Holds back the answer to a payment link, once the provider has made it.
#[derive(Debug, Default)]
struct Slow {
    answered: Notify,
    go: Notify,
}

struct Between(InProcess, Arc<Slow>);

impl fmt::Debug for Between {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Between")
    }
}

impl Transport for Between {
    fn send(&self, request: WireRequest) -> BoxFuture<'_, Result<WireResponse, TransportFault>> {
        async move {
            let is_link = request.path.contains("orders/regular/submit");
            let answer = self.0.send(request).await;
            if is_link {
                self.1.answered.notify_one();
                self.1.go.notified().await;
            }
            answer
        }
        .boxed()
    }
}

#[tokio::test]
async fn an_answer_that_comes_after_its_worker_was_taken_for_dead_counts_and_nobody_is_asked_on() {
    for waits_until in [JobState::Resolving, JobState::NeedsReview] {
        let mut env = TestEnv::new().await;
        env.world.lock().set_switches(Switches {
            order_history: false,
            ..Switches::default()
        });
        let slow = Arc::new(Slow::default());
        env.intercept(|provider| Arc::new(Between(provider, Arc::clone(&slow))));
        let merchant = env.merchant();
        let taken = create_payment_link(&env.app, &merchant, &wished(), "test").await;
        let id = taken.expect("is taken");
        let store = &env.app.store;
        let mut first = store.poll(&claimant(&env.app, 1), 1).await.expect("a turn");
        let job = first.jobs.pop().expect("the job");
        let late = tokio::spawn(jobs::handler(Arc::clone(&env.app)).run(job));
        slow.answered.notified().await;
        env.pass(LEASE + TimeDelta::seconds(1));
        for _ in 0..MOST_TURNS {
            if job_of(&env, &id).await.0.state == waits_until {
                break;
            }
            if let Some(idle) = turn(&env, &claimant(&env.app, 2)).await {
                env.pass(idle);
            }
        }
        assert_eq!(job_of(&env, &id).await.0.state, waits_until);
        slow.go.notify_one();
        late.await.expect("runs").expect("is no fault");
        let gate = Deadly::default();
        let job = worked(&env, &gate, &id).await;
        assert_eq!(job.state, JobState::Succeeded, "{waits_until}");
        let result = job.result.expect("a result");
        assert!(result["payment_url"].is_string(), "{result}");
        assert_eq!(
            orders(&env),
            [result["reference"].as_str().expect("an order")]
        );
        let (_, attempts) = job_of(&env, &id).await;
        assert_eq!(requests(&attempts), ["accepted"], "{waits_until}");
    }
}
