//! `holdfast demo`: the whole life of a handful of reservations, against the sandbox, on a fast clock.

mod play;
mod report;
mod screen;
mod script;
mod stand;
mod timeline;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use sandbox::{Effect, Operation};
use serde::Deserialize;
use tokio::time::{Instant, timeout, timeout_at};

use self::play::{Actor, PlayError, Stage};
use self::report::Row;
use self::screen::Screen;
use self::script::{Script, ScriptError};
use self::stand::{Stand, StandError};
use crate::client::ClientError;
use crate::service::Chain;

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
    Stand(#[from] StandError),
    /// The script could not be played on.
    #[error("the script could not be played on")]
    Play(#[from] PlayError),
    /// The sandbox did not show what took place.
    #[error("the sandbox does not show its ledger")]
    Ledger(#[source] ClientError),
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

/// Plays the demo. With `keep`, everything runs on afterwards, until a signal.
///
/// Exit code 0 when our books and the sandbox's ledger agree and every reservation ended as it must, 1 when
/// not, 2 when the demo itself failed.
pub async fn run(keep: bool) -> ExitCode {
    let mut screen = Screen::stdout();
    match show(keep, &mut screen).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            screen.verdict(false, &format!("The demo failed: {}", Chain(&error)));
            match error {
                DemoError::Interrupted => ExitCode::FAILURE,
                _ => ExitCode::from(UNEXPECTED),
            }
        }
    }
}

async fn show(keep: bool, screen: &mut Screen) -> Result<bool, DemoError> {
    let begun = Instant::now();
    let script = Script::built_in()?;
    let stand = Stand::set_up().await?;
    let shown = tokio::select! {
        shown = perform(&stand, &script, keep, begun, screen) => shown,
        () = stand::interrupted() => Err(DemoError::Interrupted),
    };
    // What ended the service says more than the call that noticed it.
    stand.take_down().await?;
    shown
}

async fn perform(
    stand: &Stand,
    script: &Script,
    keep: bool,
    begun: Instant,
    screen: &mut Screen,
) -> Result<bool, DemoError> {
    let stage = &stand.stage;
    for line in opening(stand, script) {
        screen.line(&line);
    }
    let mut actors = play::actors(script, stage.start);
    let in_time = match timeout_at(begun + LIMIT, play::play(stage, &mut actors, screen)).await {
        Ok(played) => played.map(|()| true)?,
        Err(_elapsed) => false,
    };
    let books = timeout(LEDGER_LIMIT, Books::read(stage)).await.map_err(|_| DemoError::Slow)??;
    let agreed = close(&actors, &books, in_time, screen);
    let days = (stage.clock.now() - stage.start).num_days();
    screen.line(&format!("{days} days in {:.1?}.", begun.elapsed()));
    if keep {
        for line in stand.hints(&actors) {
            screen.line(&line);
        }
        stand::interrupted().await;
    }
    Ok(agreed)
}

fn opening(stand: &Stand, script: &Script) -> Vec<String> {
    let mut lines = vec![
        format!("Holdfast at {} against a sandbox of the provider at {}.", stand.api, stand.provider),
        format!("One second is {} hours.", stand::SPEED / 3_600),
        String::new(),
    ];
    lines.extend(script.reservations.iter().map(|play| format!("{:<8}  {}", play.reference(), play.title)));
    lines.push(String::new());
    lines
}

/// What the sandbox says took place.
struct Books {
    ledger: Vec<Effect>,
    requests: Requests,
}

/// How many requests came to the sandbox.
#[derive(Deserialize)]
struct Requests {
    total: u64,
    operations: BTreeMap<Operation, u64>,
}

impl Books {
    async fn read(stage: &Stage) -> Result<Self, DemoError> {
        let get = async |path| stage.sandbox.get(path).await.map_err(DemoError::Ledger);
        let mut ledger = get("__sandbox/ledger").await?;
        let requests = get("__sandbox/requests").await?;
        Ok(Self {
            ledger: serde_json::from_value(ledger["effects"].take()).map_err(DemoError::Effects)?,
            requests: serde_json::from_value(requests).map_err(DemoError::Effects)?,
        })
    }
}

/// Shows both books side by side; do they agree, with each other and with what must be?
fn close(actors: &[Actor<'_>], books: &Books, in_time: bool, screen: &mut Screen) -> bool {
    let row = |actor: &Actor<'_>| Row {
        reference: actor.play.reference().to_owned(),
        status: report::status(&actor.view),
        ours: report::ours(&actor.view).unwrap_or_default(),
        theirs: report::theirs(&books.ledger, actor.play.reference()),
        expect: actor.play.expect.clone(),
    };
    let rows: Vec<Row> = actors.iter().map(row).collect();
    screen.line("");
    if !in_time {
        screen.verdict(false, "Not finished within 55 s:");
        for unfinished in actors.iter().filter_map(Actor::unfinished) {
            screen.line(&format!("  {unfinished}"));
        }
        screen.line("");
    }
    for line in report::table(&rows) {
        screen.line(&line);
    }
    screen.line("");
    screen.line(&spent(actors, &books.requests));
    let wrong = rows.iter().filter(|row| !row.faults().is_empty()).count();
    let agreed = in_time && wrong == 0;
    match agreed {
        true => screen.verdict(true, "✓ Every amount agrees with the sandbox's ledger, and every end is as expected."),
        false => screen.verdict(false, &format!("✗ {wrong} of {} reservations are not as they must be.", rows.len())),
    }
    agreed
}

/// What the provider was asked.
fn spent(actors: &[Actor<'_>], requests: &Requests) -> String {
    let first = actors.first().map_or((String::new(), 0), |actor| {
        (actor.play.reference().to_owned(), actor.narrator.requests())
    });
    let sweeps = requests.operations.get(&Operation::History).copied().unwrap_or(0);
    format!(
        "Requests to the provider: {} for {}, {} for all {}, and {sweeps} sweeps of the history.",
        first.1,
        first.0,
        requests.total.saturating_sub(sweeps),
        actors.len()
    )
}
