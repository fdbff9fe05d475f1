//! An evidence pack for people.

use serde_json::Value;

use super::ops::{cell, table};

/// The whole pack, section by section; what is empty is left out.
pub(super) fn text(pack: &Value) -> String {
    let sections = [
        head(pack),
        section("books", &books(pack)),
        section(
            "witnesses",
            &list(
                &pack["witnesses"],
                &["speaks", "kind", "reference", "amount", "at", "text"],
            ),
        ),
        section("exposure", &exposure(&pack["exposure"])),
        section(
            "decided before",
            &list(
                &pack["decisions"],
                &["at", "by", "verdict", "reference", "note"],
            ),
        ),
        section(
            "attempts",
            &list(
                &pack["attempts"],
                &[
                    "number",
                    "started_at",
                    "outcome",
                    "http_status",
                    "provider_message",
                    "exchange_sha256",
                ],
            ),
        ),
        section(
            "timeline",
            &list(&pack["timeline"], &["seq", "at", "local", "actor", "event"]),
        ),
        options(pack),
        remedies(&pack["remedies"]),
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

fn list(value: &Value, columns: &[&str]) -> Vec<Vec<String>> {
    items(value)
        .map(|item| columns.iter().map(|column| cell(&item[*column])).collect())
        .collect()
}

fn head(pack: &Value) -> String {
    let frozen = if pack["freezes"] == true {
        "; nothing is sent until it is decided"
    } else {
        ""
    };
    let mut lines = vec![
        format!(
            "{} since {}, evidence version {}{frozen}",
            cell(&pack["reason"]),
            cell(&pack["since"]),
            cell(&pack["version"])
        ),
        cell(&pack["question"]),
    ];
    let mut rows = Vec::new();
    let operation = &pack["operation"];
    if operation.is_object() {
        let what = format!(
            "{} of {}, {}",
            cell(&operation["operation"]),
            cell(&operation["amount"]),
            cell(&operation["state"])
        );
        rows.push(vec!["operation".to_owned(), what]);
        let lines = items(&operation["lines"]);
        rows.extend(lines.map(|line| {
            let name = if line["line"].is_null() {
                &line["name"]
            } else {
                &line["line"]
            };
            vec![
                "line".to_owned(),
                format!("{}: {}", cell(name), cell(&line["amount"])),
            ]
        }));
        rows.push(vec![
            "asked for by".to_owned(),
            format!(
                "{} at {}",
                cell(&operation["created_by"]),
                cell(&operation["created_at"])
            ),
        ]);
        let sent = format!(
            "{}, {} in all",
            cell(&operation["sent_at"]),
            cell(&operation["attempts"])
        );
        rows.push(vec!["last sent".to_owned(), sent]);
        for (name, key) in [("cause", "cause"), ("marker", "marker")] {
            if !operation[key].is_null() {
                rows.push(vec![name.to_owned(), cell(&operation[key])]);
            }
        }
    }
    if !pack["job"].is_null() {
        rows.push(vec!["job".to_owned(), cell(&pack["job"])]);
    }
    let countdown = &pack["countdown"];
    if countdown.is_object() {
        let left = left(countdown["seconds_left"].as_i64().unwrap_or(0));
        rows.push(vec![
            "until".to_owned(),
            format!(
                "{} ({left}); then {}",
                cell(&countdown["until"]),
                cell(&countdown["then"])
            ),
        ]);
    }
    if !rows.is_empty() {
        lines.push(table("  ", &rows));
    }
    lines.join("\n")
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
fn books(pack: &Value) -> Vec<Vec<String>> {
    let (before, now) = (&pack["baseline"], &pack["now"]);
    let references = |books: &Value| {
        let names: Vec<String> = items(&books["references"]).map(cell).collect();
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

fn options(pack: &Value) -> String {
    let mut rows = vec![
        ["", "option", "at worst", "", "what it does"]
            .map(str::to_owned)
            .to_vec(),
    ];
    let mut why = Vec::new();
    for option in items(&pack["options"]) {
        let best = option["recommended"] == true;
        let does = match option["refused"].as_str() {
            Some(_) => format!("would be refused: {}", cell(&option["refused"])),
            None => cell(&option["does"]),
        };
        let mark = if best { "*" } else { "" };
        rows.push(vec![
            mark.to_owned(),
            cell(&option["option"]),
            cell(&option["worst"]["risk"]),
            cell(&option["worst"]["amount"]),
            does,
        ]);
        if best {
            let until = if option["until"].is_null() {
                String::new()
            } else {
                format!(" until {}", cell(&option["until"]))
            };
            why.push(format!(
                "  * recommended: {}{until}: {}",
                cell(&option["option"]),
                cell(&option["why"])
            ));
        }
    }
    format!("{}\n{}", section("options", &rows), why.join("\n"))
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
        for (seconds, told) in [
            (-5, "over"),
            (0, "over"),
            (59, "0 min left"),
            (3_599, "59 min left"),
            (3_600 * 5 + 60, "5 h 1 min left"),
            (86_400 * 6 + 3_600 * 23, "6 d 23 h left"),
        ] {
            assert_eq!(left(seconds), told, "{seconds}");
        }
    }
}
