//! One word for one thing: words that say nothing to an engineer of payments or of job queues stay out of the tree.

use std::collections::BTreeSet;

use tests::source::{SourceFile, code_only, repository};

use super::assert_none;

/// Words that are replaced, and what is said instead.
type Old = (&'static [&'static str], &'static str);

/// Words that stand nowhere: neither in a sentence nor as a part of a name or of a value.
const WORDS: &[Old] = &[
    (&["desk"], "review"),
    (&["attention"], "needs_review"),
    (
        &["settle", "settles", "settled", "settling", "settlement"],
        "finish (a job), resolve (an unknown outcome)",
    ),
    (&["unproven"], "stale_view_timeout"),
    (
        &["lane", "lanes"],
        "rate limit, circuit breaker or pause, whichever it is",
    ),
    (&["foreign"], "external"),
    (&["decent"], "contact hours, business hours"),
    (&["histories"], "runs"),
    (
        &["doubt", "doubts", "doubted", "doubtful"],
        "unknown outcome",
    ),
    (&["pressed", "presses"], "retry_forced"),
    (&["witness", "witnesses", "witnessed"], "evidence, source"),
    (&["sought"], "duplicate search"),
    (&["verdict", "verdicts", "ruling"], "decision"),
    (&["pump", "pumps"], "producer"),
    (&["glance"], "peek"),
    (&["climate", "weather"], "fault profile, fault injector"),
    (&["befalls", "befallen"], "draw, injected"),
    (&["tale", "tales"], "operation history"),
    (&["crew"], "workers"),
    (&["stir", "stirred", "thaw", "thaws"], "wake, resume"),
    (&["deed", "deeds"], "step"),
    (&["meddler"], "faulty transport"),
    (&["plainly"], "accepted_without_reference"),
    (&["unread"], "read error"),
];

/// Words in a row that stand nowhere, whether a space, a line of `_` or `-`, or a capital joins them.
const PHRASES: &[Old] = &[
    (&["nobody knows"], "the outcome is unknown"),
    (&["weak limit"], "unmarked_match_limit"),
    (&["first click"], "find_equivalent_open_intent"),
    (&["kept back"], "not_sent"),
    (&["called back"], "callback_received"),
    (&["uuid hinted"], "provider_id_suggested"),
    (&["lines seen"], "lines_synced"),
    (&["read wanted"], "refresh_requested"),
    (&["guard acted"], "deadline_handled"),
    (&["taken twice"], "double_capture, double_charge"),
    (&["given back anyway"], "double_refund, late_refund"),
    (&["hold stays"], "hold_kept"),
];

/// Names that no item, variable or field of the code has, though they may be words of a sentence.
const NAMES: &[Old] = &[
    (
        &["Told", "told"],
        "what it is: a view, a body, a payload, a result",
    ),
    (&["stand_in"], "unmarked_match"),
    (&["Clearing"], "Decision"),
    (&["Worst", "Advice", "advice"], "WorstCase, Recommendation"),
    (&["Turn"], "PollCycle"),
    (
        &["gather", "blame", "hear"],
        "drain_acks, record_failure, listen or apply",
    ),
    (&["Standing"], "LeaseState"),
    (&["Book", "Books", "books"], "ApiSnapshot, ledger_totals"),
    (&["Point"], "Failpoint"),
    (
        &["Fate", "fate"],
        "CrashOutcome, ExpectedOutcome, next_job_state",
    ),
    (
        &["Stage", "Stand"],
        "TestEnv; for a part of a request, Phase",
    ),
    (&["Lie", "lie"], "Intercept"),
    (&["elsewhere"], "other_recipient"),
    (
        &["guard", "Guard", "guarded", "is_guarded"],
        "safety_margin, Deadline, is_duplicate_refused",
    ),
    (&["dead", "Dead"], "failed"),
];

/// Where a word stays because it is another word there: the beginning of the path, a part of the line in small
/// letters, and what the word means there.
const STAYS: &[(&str, &str, &str)] = &[
    ("tests/tests/static/vocabulary.rs", "", "the table itself"),
    ("", "in_doubt", "money whose outcome is unknown, in the API"),
    ("", "in doubt", "the same, in a sentence"),
    ("README.md", "for want of attention", "of a person"),
    ("crates/store/", "foreign_keys", "a setting of SQLite"),
    ("migrations/", "foreign key", "SQL's own word"),
    ("crates/service/src/config/read.rs", "(\"", RENAMED_KEY),
    ("crates/service/tests/it/config.rs", "settle", RENAMED_KEY),
    ("crates/service/tests/it/config.rs", "unproven", RENAMED_KEY),
    (
        "crates/service/tests/it/config.rs",
        "weak_limit",
        RENAMED_KEY,
    ),
    ("crates/service/tests/it/config.rs", "decent", RENAMED_KEY),
];

const RENAMED_KEY: &str =
    "a key of the configuration that is refused, with the right one as the hint";

/// The words of a line in small letters, each part of a name by itself: `JobEnd`, `job_end` and `job end` are alike.
/// A sign that joins no words is a part of its own.
fn parts(line: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut after_small = false;
    for sign in line.chars() {
        let joins = matches!(sign, '_' | '-' | ' ');
        if !sign.is_alphabetic() || (sign.is_uppercase() && after_small) {
            parts.push(String::new());
        }
        if let Some(part) = parts.last_mut().filter(|_| !joins) {
            part.extend(sign.to_lowercase());
        }
        if !sign.is_alphabetic() {
            parts.push(String::new());
        }
        after_small = sign.is_lowercase();
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// What a line holds of the old words, each with what is said instead. `code` is the line without comments and
/// literals.
fn old_words(line: &str, code: &str) -> Vec<(&'static str, &'static str)> {
    let spaced = format!(" {} ", parts(line).join(" "));
    let names: BTreeSet<&str> = code
        .split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .collect();
    let is_said = |form: &str| spaced.contains(&format!(" {form} "));
    let of = |olds: &'static [Old], is_found: &dyn Fn(&str) -> bool| -> Vec<_> {
        olds.iter()
            .flat_map(|(forms, instead)| forms.iter().map(move |form| (*form, *instead)))
            .filter(|(form, _)| is_found(form))
            .collect()
    };
    let mut found = of(WORDS, &is_said);
    found.extend(of(PHRASES, &is_said));
    found.extend(of(NAMES, &|form| names.contains(form)));
    found
}

fn is_read(file: &SourceFile) -> bool {
    let endings = [
        ".rs", ".sql", ".md", ".toml", ".sh", ".html", ".js", ".json", ".yml",
    ];
    file.path == ".ci/run" || endings.iter().any(|ending| file.is(ending))
}

#[test]
fn no_old_word_is_left_in_the_tree() {
    let mut broken = Vec::new();
    let mut used = BTreeSet::new();
    for file in repository().iter().filter(|file| is_read(file)) {
        let code = if file.is(".rs") {
            code_only(&file.text)
        } else {
            String::new()
        };
        let code = code.lines().chain(std::iter::repeat(""));
        for (number, (line, code)) in file.text.lines().zip(code).enumerate() {
            for (word, instead) in old_words(line, code) {
                let small = line.to_lowercase();
                let stays = STAYS.iter().position(|(under, part, _)| {
                    file.path.starts_with(under) && small.contains(part)
                });
                match stays {
                    Some(place) => drop(used.insert(place)),
                    None => broken.push(format!("{}:{}: {word}: {instead}", file.path, number + 1)),
                }
            }
        }
    }
    let stale = (0..STAYS.len()).filter(|place| !used.contains(place));
    broken.extend(stale.map(|place| format!("nothing needs this exception: {:?}", STAYS[place])));
    assert_none(&broken);
}

#[test]
fn an_old_word_is_found_in_every_spelling_and_not_in_a_longer_one() {
    let words = |line: &str, code: &str| -> Vec<&str> {
        let found = old_words(line, code).into_iter();
        found.map(|(word, _)| word).collect()
    };
    for line in ["the desk", "DeskReason", "to_desk(", "DESK_LIMIT", "Desk."] {
        assert_eq!(words(line, ""), ["desk"], "{line}");
    }
    for line in ["CalledBack", "called_back", "is called back"] {
        assert_eq!(words(line, ""), ["called back"], "{line}");
    }
    assert_eq!(words("let fate = 1;", "let fate = 1;"), ["fate"]);
    for line in [
        "desktop",
        "planet",
        "MutexGuard",
        "let fated = 1;",
        "called(back)",
    ] {
        assert_eq!(words(line, line), [""; 0], "{line}");
    }
    assert_eq!(words("// a stage of fate", ""), [""; 0]);
}
