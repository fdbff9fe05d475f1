//! `holdfast demo`: the whole life of a handful of reservations, against the sandbox, on a fast clock.

mod client;
mod env;
mod play;
mod report;
mod screen;
mod script;
mod timeline;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use domain::Chain;
use sandbox::{Effect, Operation};
use serde::Deserialize;
use tokio::time::{Instant, timeout, timeout_at};

pub use self::client::{Api, CallError, Connect};
use self::env::{DemoEnv, EnvError};
use self::play::{Actor, Clients, PlayError};
use self::report::Row;
use self::screen::Screen;
use self::script::{Script, ScriptError};

/// The play is broken off after so long, by the wall clock.
const LIMIT: Duration = Duration::from_secs(55);
/// How long the sandbox may take to show its ledger.
const LEDGER_LIMIT: Duration = Duration::from_secs(3);
/// Something unexpected happened.
const UNEXPECTED: u8 = 2;

/// Why the demo ended without a result.
#[derive(Debug, thiserror::Error)]
enum DemoError {
    /// The script is of no use.
    #[error("the script is of no use")]
    Script(#[from] ScriptError),
    /// Sandbox and service did not start, or ended.
    #[error("sandbox and service do not run")]
    Env(#[from] EnvError),
    /// The script could not be played on.
    #[error("the script could not be played on")]
    Play(#[from] PlayError),
    /// The sandbox did not show what took place.
    #[error("the sandbox does not show its ledger")]
    Ledger(#[source] CallError),
    /// The sandbox's ledger cannot be read.
    #[error("the sandbox's ledger cannot be read")]
    Effects(#[source] serde_json::Error),
    /// The sandbox did not answer in time.
    #[error("the sandbox did not show its ledger within 3 s")]
    Slow,
    /// A signal asked for the end.
    #[error("interrupted")]
    Interrupted,
}

/// Plays the demo through clients that `connect` makes. With `keep`, everything runs on afterwards, until a
/// signal.
///
/// Exit code 0 when our books and the sandbox's ledger agree and every reservation ended as it must, 1 when
/// not, 2 when the demo itself failed.
pub async fn run(keep: bool, connect: Connect) -> ExitCode {
    match show(keep, connect, &mut Screen::stdout()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) | Err(DemoError::Interrupted) => ExitCode::FAILURE,
        Err(error) => {
            Screen::stderr().result(false, &format!("error: {}", Chain(&error)));
            ExitCode::from(UNEXPECTED)
        }
    }
}

async fn show(keep: bool, connect: Connect, screen: &mut Screen) -> Result<bool, DemoError> {
    let begun = Instant::now();
    let script = Script::built_in()?;
    let env = DemoEnv::set_up(connect).await?;
    let ended = tokio::select! {
        ended = perform(&env, &script, begun, screen) => ended,
        () = env::interrupted() => Err(DemoError::Interrupted),
    };
    if let (Ok(ended), true) = (&ended, keep) {
        for line in &ended.hints {
            screen.line(line);
        }
        env::interrupted().await;
    }
    // What ended the service says more than the call that noticed it.
    env.take_down().await?;
    ended.map(|ended| ended.agreed)
}

/// How the play came out.
struct Ended {
    /// Do both books agree, and did everything end as it must?
    agreed: bool,
    /// What to try while everything runs on.
    hints: Vec<String>,
}

async fn perform(
    env: &DemoEnv,
    script: &Script,
    begun: Instant,
    screen: &mut Screen,
) -> Result<Ended, DemoError> {
    let clients = &env.clients;
    for line in opening(env, script) {
        screen.line(&line);
    }
    let mut actors = play::actors(script, clients.start);
    let in_time = match timeout_at(begun + LIMIT, play::play(clients, &mut actors, screen)).await {
        Ok(played) => played.map(|()| true)?,
        Err(_elapsed) => false,
    };
    let ledgers = timeout(LEDGER_LIMIT, Ledgers::read(clients))
        .await
        .map_err(|_| DemoError::Slow)??;
    let agreed = close(&actors, &ledgers, in_time, screen);
    let days = (clients.clock.now() - clients.start).num_days();
    screen.line(&format!("{days} days in {:.1?}.", begun.elapsed()));
    Ok(Ended {
        agreed,
        hints: env.hints(&actors),
    })
}

fn opening(env: &DemoEnv, script: &Script) -> Vec<String> {
    let mut lines = vec![
        format!(
            "Holdfast at {} against a sandbox of the provider at {}.",
            env.api, env.provider
        ),
        format!("One second is {} hours.", env::SPEED / 3_600),
        String::new(),
    ];
    lines.extend(
        script
            .reservations
            .iter()
            .map(|play| format!("{:<8}  {}", play.reference(), play.title)),
    );
    lines.push(String::new());
    lines
}

/// What the sandbox says took place.
struct Ledgers {
    ledger: Vec<Effect>,
    requests: Requests,
}

/// How many requests came to the sandbox.
#[derive(Deserialize)]
struct Requests {
    total: u64,
    operations: BTreeMap<Operation, u64>,
}

impl Ledgers {
    async fn read(clients: &Clients) -> Result<Self, DemoError> {
        let get = async |path| clients.sandbox.get(path).await.map_err(DemoError::Ledger);
        let mut ledger = get("__sandbox/ledger").await?;
        let requests = get("__sandbox/requests").await?;
        Ok(Self {
            ledger: serde_json::from_value(ledger["effects"].take()).map_err(DemoError::Effects)?,
            requests: serde_json::from_value(requests).map_err(DemoError::Effects)?,
        })
    }
}

/// Shows both books side by side; do they agree, with each other and with what must be?
fn close(actors: &[Actor<'_>], ledgers: &Ledgers, in_time: bool, screen: &mut Screen) -> bool {
    let row = |actor: &Actor<'_>| Row {
        reference: actor.play.reference().to_owned(),
        status: report::status(&actor.view),
        ours: report::ours(&actor.view).unwrap_or_default(),
        theirs: report::theirs(&ledgers.ledger, actor.play.reference()),
        expect: actor.play.expect.clone(),
    };
    let rows: Vec<Row> = actors.iter().map(row).collect();
    screen.line("");
    if !in_time {
        screen.result(false, "Not finished within 55 s:");
        for unfinished in actors.iter().filter_map(Actor::unfinished) {
            screen.line(&format!("  {unfinished}"));
        }
        screen.line("");
    }
    for line in report::table(&rows) {
        screen.line(&line);
    }
    screen.line("");
    screen.line(&spent(actors, &ledgers.requests));
    let wrong = rows.iter().filter(|row| !row.faults().is_empty()).count();
    let agreed = in_time && wrong == 0;
    let result = match agreed {
        true => "✓ Every amount agrees with the sandbox's ledger, and every end is as expected."
            .to_owned(),
        false => format!(
            "✗ {wrong} of {} reservations are not as they must be.",
            rows.len()
        ),
    };
    screen.result(agreed, &result);
    agreed
}

/// What the provider was asked.
fn spent(actors: &[Actor<'_>], requests: &Requests) -> String {
    let first = actors.first().map_or(0, |actor| actor.narrator.requests());
    let name = actors
        .first()
        .map_or("nothing", |actor| actor.play.reference());
    let sweeps = requests
        .operations
        .get(&Operation::History)
        .copied()
        .unwrap_or(0);
    let rest = requests.total.saturating_sub(sweeps);
    let all = actors.len();
    format!(
        "Requests to the provider: {first} for {name}, {rest} for all {all}, {sweeps} to sweep the history."
    )
}
