//! A review for people: what is asked, the evidence, and what can be decided.

use serde_json::Value;

use super::ops::{cell, table};

/// The whole review, section by section; what is empty is left out.
pub(super) fn text(review: &Value) -> String {
    let evidence = &review["evidence"];
    let sections = [
        head(review),
        section("books", &totals(evidence)),
        columns(
            "signs",
            &evidence["signs"],
            &["speaks", "kind", "reference", "amount", "at", "text"],
        ),
        section("exposure", &exposure(&evidence["exposure"])),
        columns(
            "decided before",
            &evidence["decisions"],
            &["at", "actor", "decision", "reference", "note"],
        ),
        columns(
            "attempts",
            &evidence["attempts"],
            &[
                "number",
                "started_at",
                "outcome",
                "http_status",
                "provider_message",
                "exchange_sha256",
            ],
        ),
        columns(
            "timeline",
            &evidence["timeline"],
            &["seq", "at", "local", "actor", "type"],
        ),
        options(&review["options"]),
        remedies(&review["remedies"]),
    ];
    sections
        .into_iter()
        .filter(|section| !section.is_empty())
        .collect::<Vec<_>>()
        .join("\n\n")
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn section(title: &str, rows: &[Vec<String>]) -> String {
    if rows.is_empty() {
        String::new()
    } else {
        format!("{title}\n{}", table("  ", rows))
    }
}

/// A section of objects, one a row.
fn columns(title: &str, value: &Value, columns: &[&str]) -> String {
    let rows: Vec<Vec<String>> = items(value)
        .map(|item| columns.iter().map(|column| cell(&item[*column])).collect())
        .collect();
    section(title, &rows)
}

fn head(review: &Value) -> String {
    let frozen = if review["freezes"] == true {
        "; nothing is sent until it is decided"
    } else {
        ""
    };
    let mut rows = vec![
        vec!["reservation".to_owned(), cell(&review["reservation"])],
        vec!["reference".to_owned(), cell(&review["reference"])],
        vec!["at stake".to_owned(), cell(&review["amount"])],
    ];
    rows.extend(operation(&review["evidence"]["operation"]));
    if !review["job"].is_null() {
        rows.push(vec!["job".to_owned(), cell(&review["job"])]);
    }
    rows.extend(countdown(&review["evidence"]["countdown"]));
    rows.extend(decision(&review["decision"]));
    format!(
        "{} {}, {} since {}, evidence version {}{frozen}\n{}\n{}",
        cell(&review["id"]),
        cell(&review["status"]),
        cell(&review["reason"]),
        cell(&review["raised_at"]),
        cell(&review["evidence_version"]),
        cell(&review["message"]),
        table("  ", &rows)
    )
}

fn operation(operation: &Value) -> Vec<Vec<String>> {
    if !operation.is_object() {
        return Vec::new();
    }
    let row = |name: &str, text: String| vec![name.to_owned(), text];
    let of = |key: &str| cell(&operation[key]);
    let what = format!("{} of {}, {}", of("operation"), of("amount"), of("state"));
    let mut rows = vec![row("operation", what)];
    rows.extend(items(&operation["lines"]).map(|line| {
        let name = if line["line"].is_null() {
            &line["name"]
        } else {
            &line["line"]
        };
        row("line", format!("{}: {}", cell(name), cell(&line["amount"])))
    }));
    let asked = format!("{} at {}", of("created_by"), of("created_at"));
    rows.push(row("asked for by", asked));
    let sent = format!("{}, {} in all", of("sent_at"), of("attempts"));
    rows.push(row("last sent", sent));
    let optional = ["cause", "marker"].into_iter();
    let there = optional.filter(|key| !operation[*key].is_null());
    rows.extend(there.map(|key| row(key, of(key))));
    rows
}

fn countdown(countdown: &Value) -> Option<Vec<String>> {
    let left = left(countdown["seconds_left"].as_i64()?);
    let (until, then) = (cell(&countdown["until"]), cell(&countdown["then"]));
    Some(vec![
        "until".to_owned(),
        format!("{until} ({left}); then {then}"),
    ])
}

/// How the review ended.
fn decision(decision: &Value) -> Option<Vec<String>> {
    let (actor, at) = (decision["actor"].as_str()?, cell(&decision["at"]));
    let word = &decision["decision"];
    let text = if word.is_null() {
        format!("nobody decided: what {actor} saw at {at} answered it")
    } else {
        format!(
            "{} by {actor} at {at}: {}",
            cell(word),
            cell(&decision["note"])
        )
    };
    Some(vec!["decided".to_owned(), text])
}

/// Seconds in the two largest units that say something.
fn left(seconds: i64) -> String {
    match (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60) {
        (0, 0, 0) if seconds <= 0 => "over".to_owned(),
        (0, 0, minutes) => format!("{minutes} min left"),
        (0, hours, minutes) => format!("{hours} h {minutes} min left"),
        (days, hours, _) => format!("{days} d {hours} h left"),
    }
}

/// What the books said before the request beside what they say now.
fn totals(evidence: &Value) -> Vec<Vec<String>> {
    let (before, now) = (&evidence["baseline"], &evidence["now"]);
    if now.is_null() {
        return Vec::new();
    }
    let references = |totals: &Value| {
        let names: Vec<String> = items(&totals["references"]).map(cell).collect();
        if names.is_empty() {
            "-".to_owned()
        } else {
            names.join(" ")
        }
    };
    let mut rows = vec![vec![
        String::new(),
        "before the request".to_owned(),
        "now".to_owned(),
    ]];
    for key in [
        "read_at", "status", "reserved", "captured", "charged", "refunded",
    ] {
        rows.push(vec![key.to_owned(), cell(&before[key]), cell(&now[key])]);
    }
    rows.push(vec![
        "references".to_owned(),
        references(before),
        references(now),
    ]);
    rows
}

fn exposure(exposure: &Value) -> Vec<Vec<String>> {
    if exposure.is_null() {
        return Vec::new();
    }
    const COLUMNS: [&str; 6] = [
        "limit",
        "confirmed",
        "accepted",
        "unknown",
        "planned",
        "left",
    ];
    let row = |name: String, room: &Value| {
        std::iter::once(name)
            .chain(COLUMNS.iter().map(|column| cell(&room[*column])))
            .collect()
    };
    let mut rows: Vec<Vec<String>> = vec![
        std::iter::once("")
            .chain(COLUMNS)
            .map(str::to_owned)
            .collect(),
        row("capturable".into(), &exposure["capturable"]),
    ];
    if exposure["chargeable"].is_object() {
        rows.push(row("chargeable".into(), &exposure["chargeable"]));
    }
    rows.extend(
        items(&exposure["refundable"])
            .map(|room| row(format!("refundable {}", cell(&room["reference"])), room)),
    );
    rows
}

fn options(options: &Value) -> String {
    let mut rows = Vec::new();
    let mut why = String::new();
    for option in items(options) {
        let best = option["recommended"] == true;
        let does = match option["refused"].as_str() {
            Some(_) => format!("would be refused: {}", cell(&option["refused"])),
            None => cell(&option["does"]),
        };
        let mark = if best { "*" } else { "" };
        rows.push(vec![
            mark.to_owned(),
            cell(&option["decision"]),
            cell(&option["worst_case"]["risk"]),
            cell(&option["worst_case"]["amount"]),
            does,
        ]);
        if best {
            let until = if option["until"].is_null() {
                String::new()
            } else {
                format!(" until {}", cell(&option["until"]))
            };
            let reference = if option["reference"].is_null() {
                String::new()
            } else {
                format!(" --reference {}", cell(&option["reference"]))
            };
            why = format!(
                "  * recommended: {}{reference}{until}: {}",
                cell(&option["decision"]),
                cell(&option["why"])
            );
        }
    }
    if rows.is_empty() {
        return String::new();
    }
    let titles = ["", "decision", "at worst", "", "what it does"];
    rows.insert(0, titles.map(str::to_owned).to_vec());
    format!("{}\n{why}", section("options", &rows))
}

fn remedies(remedies: &Value) -> String {
    let drafts: Vec<String> = items(remedies)
        .map(|draft| {
            let does = cell(&draft["does"]);
            if draft["path"].is_null() {
                return format!("  {does}");
            }
            let call = format!("{} {}", cell(&draft["method"]), cell(&draft["path"]));
            format!("  {does}:\n    {call}\n    {}", cell(&draft["body"]))
        })
        .collect();
    if drafts.is_empty() {
        String::new()
    } else {
        format!(
            "remedies, drafted and not carried out\n{}",
            drafts.join("\n")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_told_in_two_units() {
        for (seconds, shown) in [
            (-5, "over"),
            (0, "over"),
            (59, "0 min left"),
            (3_599, "59 min left"),
            (3_600 * 5 + 60, "5 h 1 min left"),
            (86_400 * 6 + 3_600 * 23, "6 d 23 h left"),
        ] {
            assert_eq!(left(seconds), shown, "{seconds}");
        }
    }
}
