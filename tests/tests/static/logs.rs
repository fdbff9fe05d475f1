//! One spelling of what a log line says: fixed sentences, and fields of one table.

use tests::source::{code_only, repository, without_tests, words};

use super::assert_none;

/// The fields of log lines and spans, each with what it holds.
const FIELDS: &[(&str, &str)] = &[
    ("action", "what was asked for"),
    ("actor", "who asked, as events name it"),
    ("attempt", "the number of a try, from 1"),
    ("decision", "what a person decided"),
    ("duration_ms", "how long something took"),
    ("error", "an error with its causes"),
    ("error.code", "its code, which has a page in docs/errors"),
    (
        "field",
        "the path of a field of an answer, without its value",
    ),
    (
        "field.found",
        "what stood there instead: a list, a number, nothing",
    ),
    ("http_status", "the status of an answer"),
    ("intent.id", "int_…"),
    ("job.id", "job_…"),
    ("job.kind", "the word of the kind"),
    ("jobs", "how many jobs"),
    ("merchant.id", "the name in the configuration"),
    ("method", "the verb of a request"),
    ("operation", "a call of the provider's API"),
    ("outcome", "what became of such a call"),
    ("path", "of such a call, without a query"),
    ("paused", "whether a merchant is paused from now on"),
    ("reason", "a word or a sentence for people"),
    ("reservation.id", "rsv_…"),
    ("review.id", "rvw_…"),
    ("route", "of a request to our API, without what it names"),
    ("until", "a point of business time"),
];

const EVENTS: &[&str] = &["error!", "warn!", "info!", "debug!", "trace!"];
const SPANS: &[&str] = &[
    "error_span!",
    "warn_span!",
    "info_span!",
    "debug_span!",
    "trace_span!",
];

/// The arguments of the macro whose name ends at `from`. `code` is `text` without what is in literals and comments.
fn arguments<'t>(text: &'t str, code: &str, from: usize) -> Vec<&'t str> {
    let mut depth = 0_usize;
    let mut begun = from;
    let mut found = Vec::new();
    for (offset, byte) in code[from..].bytes().enumerate() {
        let at = from + offset;
        match byte {
            b'(' | b'[' | b'{' => {
                depth += 1;
                if depth == 1 {
                    begun = at + 1;
                }
            }
            b')' | b']' | b'}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    found.push(text[begun..at].trim());
                    break;
                }
            }
            b',' if depth == 1 => {
                found.push(text[begun..at].trim());
                begun = at + 1;
            }
            _ => {}
        }
    }
    found.retain(|argument| !argument.is_empty());
    found
}

/// The name of the field that an argument gives: what is before `=`, or the variable of its short form.
fn field(argument: &str) -> &str {
    let name = argument.split('=').next().unwrap_or_default().trim();
    name.trim_start_matches(['%', '?'])
}

fn faults(place: &str, arguments: &[&str], is_event: bool) -> Vec<String> {
    let mut faults = Vec::new();
    let Some((text, fields)) = arguments.split_last() else {
        return vec![format!("{place}: says nothing")];
    };
    // A span begins with its name, an event ends with its sentence.
    let (text, fields) = if is_event {
        (*text, fields)
    } else {
        (arguments[0], &arguments[1..])
    };
    if !text.starts_with('"') || text.contains(['{', '}']) {
        faults.push(format!("{place}: {text} is not a fixed sentence"));
    }
    let unknown = fields
        .iter()
        .map(|argument| field(argument))
        .filter(|name| !FIELDS.iter().any(|(known, _)| known == name));
    faults.extend(unknown.map(|name| format!("{place}: {name} is no field of the table")));
    faults
}

#[test]
fn every_log_line_is_a_fixed_sentence_with_fields_of_the_table() {
    let mut broken = Vec::new();
    let mut seen = 0;
    for file in repository() {
        if !file.is(".rs") || file.is_test() {
            continue;
        }
        let code = without_tests(&code_only(&file.text));
        for (names, is_event) in [(EVENTS, true), (SPANS, false)] {
            for name in names {
                for at in words(&code, name) {
                    seen += 1;
                    let place = format!("{}:{}", file.path, file.line_of(at));
                    let arguments = arguments(&file.text, &code, at + name.len());
                    broken.extend(faults(&place, &arguments, is_event));
                }
            }
        }
    }
    assert_none(&broken);
    assert!(seen > 20, "{seen} log lines are too few to be all");
}

#[test]
fn a_field_of_another_spelling_and_a_made_up_sentence_are_seen() {
    let of = |text: &str, is_event| {
        let code = code_only(text);
        let from = text.find('!').expect("a macro") + 1;
        faults("here", &arguments(text, &code, from), is_event)
    };
    assert!(of(r#"info!(job.id = %id, attempt, "a (b), c")"#, true).is_empty());
    assert!(of(r#"info_span!("job", job.id = f(a, b),)"#, false).is_empty());
    for wrong in [
        r#"info!(job = %id, "done")"#,
        r#"info!(%merchant, "done")"#,
        r#"info!("done with {id}")"#,
        "info!(job.id = %id)",
        "info!()",
    ] {
        assert_eq!(of(wrong, true).len(), 1, "{wrong}");
    }
}
