//! `holdfast reservations`: what is on the desk, and what a person has dealt with.

use clap::Subcommand;
use domain::Status;
use domain::reservation::ReviewReason;
use serde_json::{Value, json};

use super::ops::{Api, cell, path, table};
use super::{Failure, pack, say};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List reservations, the newest first
    List {
        #[command(flatten)]
        api: Api,
        /// Only those that a person must decide something about
        #[arg(long)]
        attention: bool,
        /// Only those of this status, such as held
        #[arg(long)]
        status: Option<Status>,
    },
    /// Show one reservation with its money and the evidence for what lies on its desk
    Show {
        #[command(flatten)]
        api: Api,
        /// Its id, or ref: and the booking system's reference
        id: String,
    },
    /// Say that an item of the desk is dealt with, after printing the evidence
    Clear(Clear),
}

#[derive(Debug, clap::Args)]
pub(super) struct Clear {
    #[command(flatten)]
    api: Api,
    /// The reservation's id, or ref: and the booking system's reference
    id: String,
    /// Which item, such as late_effect
    #[arg(long)]
    reason: ReviewReason,
    /// What was done about it; kept with the decision, so write nothing personal
    #[arg(long)]
    note: String,
    /// The version of the evidence that you have read [default: the one that is printed]
    #[arg(long, value_name = "VERSION")]
    evidence_version: Option<i64>,
}

pub(super) async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::List {
            api,
            attention,
            status,
        } => list(&api, attention, status).await,
        Command::Show { api, id } => {
            let reservation = api.client()?.get(&path("reservations", &id)).await?;
            say(&if api.json {
                reservation.to_string()
            } else {
                text(&reservation)
            })
        }
        Command::Clear(clear) => dealt_with(&clear).await,
    }
}

async fn list(api: &Api, attention: bool, status: Option<Status>) -> Result<(), Failure> {
    let attention = if attention { "&attention=true" } else { "" };
    let status = status
        .map(|status| format!("&status={status}"))
        .unwrap_or_default();
    let page = api
        .client()?
        .get(&format!("v1/reservations?limit=200{attention}{status}"))
        .await?;
    if api.json {
        return say(&page.to_string());
    }
    let titles = [
        "id",
        "reference",
        "status",
        "capture by",
        "attention",
        "since",
    ];
    let mut rows = vec![titles.map(str::to_owned).to_vec()];
    for r in page["data"].as_array().into_iter().flatten() {
        let (attention, by) = (&r["attention"], &r["deadlines"]["capture_by"]);
        let cells = [
            &r["id"],
            &r["reference"],
            &r["status"],
            by,
            &attention["reason"],
            &attention["since"],
        ];
        rows.push(cells.map(cell).to_vec());
    }
    say(&table("", &rows))
}

/// Prints the evidence first, so that the decision is bound to what was there to be read.
async fn dealt_with(clear: &Clear) -> Result<(), Failure> {
    let client = clear.api.client()?;
    let path = path("reservations", &clear.id);
    let before = client.get(&path).await?;
    let mut packs = before["desk"].as_array().into_iter().flatten();
    let evidence = packs
        .find(|pack| pack["reason"] == clear.reason.as_str())
        .unwrap_or(&Value::Null);
    if !clear.api.json && evidence.is_object() {
        say(&format!("{}\n", pack::text(evidence)))?;
    }
    let version = clear
        .evidence_version
        .or_else(|| evidence["version"].as_i64());
    let mut body = json!({"reason": clear.reason, "note": clear.note});
    if let Some(version) = version {
        body["evidence_version"] = json!(version);
    }
    let after = client.post(&format!("{path}/clear"), &body).await?;
    if clear.api.json {
        return say(&json!({"evidence": evidence, "reservation": after}).to_string());
    }
    say(&format!("cleared: {}\n{}", clear.reason, text(&after)))
}

fn text(r: &Value) -> String {
    let mut rows = Vec::new();
    for key in ["id", "reference", "merchant", "status", "control"] {
        rows.push(vec![key.to_owned(), cell(&r[key])]);
    }
    for key in ["reserved", "captured", "charged", "refunded", "unresolved"] {
        rows.push(vec![key.to_owned(), cell(&r["amounts"][key])]);
    }
    rows.push(vec![
        "capture by".to_owned(),
        cell(&r["deadlines"]["capture_by"]),
    ]);
    let mut sections = vec![table("", &rows)];
    let ledger = r["ledger"].as_array().into_iter().flatten();
    let ledger: Vec<Vec<String>> = ledger
        .map(|row| {
            let whose = if row["foreign"] == true {
                "nobody's"
            } else {
                "ours"
            };
            let cells = [&row["kind"], &row["amount"], &row["reference"], &row["at"]];
            cells
                .into_iter()
                .map(cell)
                .chain([whose.to_owned()])
                .collect()
        })
        .collect();
    if !ledger.is_empty() {
        sections.push(format!("ledger\n{}", table("  ", &ledger)));
    }
    sections.extend(r["desk"].as_array().into_iter().flatten().map(pack::text));
    sections.join("\n\n")
}
