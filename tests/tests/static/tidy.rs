//! The rules of the house for every file of the repository.

use std::collections::BTreeSet;
use std::path::Path;

use tests::source::{SourceFile, absolute, code_only, functions, repository, without_tests, words};

use super::assert_none;

/// Of a file outside tests, and of one of tests.
const MAX_FILE_LINES: [usize; 2] = [500, 700];
const MAX_FUNCTION_LINES: usize = 60;
const MAX_ARCHITECTURE_LINES: usize = 150;

/// Longer files, each with the reason why it is one piece.
const LONG_FILES: &[(&str, &str)] = &[];

/// Longer functions outside tests, each as `path::name` with the reason why it is one piece.
const LONG_FUNCTIONS: &[(&str, &str)] = &[];

/// Code that no file may hold, and what to do instead.
const BANNED: &[(&str, &str)] = &[
    (
        "#[ignore",
        "a test that does not run proves nothing: fix it or delete it",
    ),
    (
        "#[should_panic",
        "assert the error, or catch the panic and assert its message",
    ),
    ("todo!", "finish it"),
    ("unimplemented!", "finish it"),
];

/// Words that mark unfinished work, in comments too. Written in two parts, so that this file does not hold them.
const UNFINISHED: &[&str] = &[
    concat!("FIX", "ME"),
    concat!("TO", "DO"),
    concat!("XX", "X"),
];

/// Waiting for time to pass: slow when it is long, wrong when it is short.
const SLEEPS: &[&str] = &["sleep(", "sleep_until(", "sleep_ms("];

/// The files that may sleep all the same, each with the reason.
const MAY_SLEEP: &[(&str, &str)] = &[(
    "tests/src/wait.rs",
    "polls what another process shows, which has no way to signal; every wait has a bound",
)];

/// Crates whose code never touches a floating-point number, for each may hold money.
const WITHOUT_FLOATS: &[&str] = &["crates/domain/src/", "crates/api-client/src/"];

/// Folders of one developer's machine. Written in two parts, so that this file does not hold them.
const LOCAL_FOLDERS: &[&str] = &[
    concat!("/ho", "me/"),
    concat!("/ro", "ot/"),
    concat!("/wo", "rk/"),
    concat!("/Us", "ers/"),
];

/// The folders whose files may be named in the documents by their whole path.
const NAMED_FOLDERS: &[&str] = &[
    "crates/",
    "tests/",
    "migrations/",
    "config/",
    "docs/",
    "scripts/",
    ".ci/",
    ".github/",
];

/// Documents whose every path of a source file must exist.
const MAPS: &[&str] = &["ARCHITECTURE.md", "README.md"];

fn rust_files() -> impl Iterator<Item = SourceFile> {
    repository().into_iter().filter(|file| file.is(".rs"))
}

#[test]
fn every_rust_file_opens_by_saying_what_it_is_for() {
    let silent = rust_files().filter(|file| !file.text.starts_with("//! "));
    assert_none(
        &silent
            .map(|file| format!("{} does not open with a //! line", file.path))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn no_rust_file_holds_banned_code() {
    let mut broken = Vec::new();
    for file in rust_files() {
        let code = code_only(&file.text);
        for (banned, instead) in BANNED {
            broken.extend(
                words(&code, banned)
                    .map(|at| format!("{}:{}: {banned}: {instead}", file.path, file.line_of(at))),
            );
        }
    }
    assert_none(&broken);
}

#[test]
fn nothing_is_left_unfinished() {
    let mut broken = Vec::new();
    for file in repository().iter().filter(|file| file.path != "LICENSE") {
        for mark in UNFINISHED {
            broken.extend(
                words(&file.text, mark)
                    .map(|at| format!("{}:{}: {mark}", file.path, file.line_of(at))),
            );
        }
    }
    assert_none(&broken);
}

#[test]
fn tests_wait_for_conditions_and_never_for_time() {
    let mut broken = Vec::new();
    let mut asleep = BTreeSet::new();
    for file in rust_files().filter(|file| {
        file.path
            .split('/')
            .any(|folder| folder == "tests" || folder == "testkit")
    }) {
        let code = code_only(&file.text);
        for sleep in SLEEPS {
            for at in words(&code, sleep) {
                asleep.insert(file.path.clone());
                if !MAY_SLEEP.iter().any(|(path, _)| *path == file.path) {
                    broken.push(format!("{}:{}: {sleep}", file.path, file.line_of(at)));
                }
            }
        }
    }
    let stale = MAY_SLEEP.iter().filter(|(path, _)| !asleep.contains(*path));
    broken.extend(stale.map(|(path, _)| format!("{path} may sleep but does not")));
    assert_none(&broken);
}

#[test]
fn no_floating_point_number_comes_near_money() {
    let mut broken = Vec::new();
    for file in rust_files().filter(|file| {
        WITHOUT_FLOATS
            .iter()
            .any(|folder| file.path.starts_with(folder))
    }) {
        let code = code_only(&file.text);
        for float in ["f32", "f64"] {
            broken.extend(
                words(&code, float)
                    .map(|at| format!("{}:{}: {float}", file.path, file.line_of(at))),
            );
        }
    }
    assert_none(&broken);
}

#[test]
fn names_of_tests_are_sentences_without_a_prefix() {
    let mut broken = Vec::new();
    for file in rust_files() {
        let prefixed = functions(&code_only(&file.text)).into_iter();
        let prefixed =
            prefixed.filter(|function| function.is_test && function.name.starts_with("test_"));
        broken.extend(prefixed.map(|test| {
            format!(
                "{}:{}: {}",
                file.path,
                file.line_of(test.range.start),
                test.name
            )
        }));
    }
    assert_none(&broken);
}

#[test]
fn functions_are_short_or_explained() {
    let mut broken = Vec::new();
    let mut long = BTreeSet::new();
    for file in rust_files().filter(|file| !file.is_test()) {
        for function in functions(&without_tests(&code_only(&file.text))) {
            if function.lines > MAX_FUNCTION_LINES {
                let name = format!("{}::{}", file.path, function.name);
                if !LONG_FUNCTIONS
                    .iter()
                    .any(|(explained, _)| *explained == name)
                {
                    broken.push(format!(
                        "{name} has {} lines, more than {MAX_FUNCTION_LINES}",
                        function.lines
                    ));
                }
                long.insert(name);
            }
        }
    }
    let stale = LONG_FUNCTIONS
        .iter()
        .filter(|(name, _)| !long.contains(*name));
    broken.extend(stale.map(|(name, _)| format!("{name} is explained but not long, or gone")));
    assert_none(&broken);
}

#[test]
fn rust_files_are_short_or_explained() {
    let mut broken = Vec::new();
    let mut long = BTreeSet::new();
    for file in rust_files() {
        let lines = file.text.lines().count();
        let most = MAX_FILE_LINES[usize::from(file.is_test())];
        if lines > most {
            if !LONG_FILES
                .iter()
                .any(|(explained, _)| *explained == file.path)
            {
                broken.push(format!("{} has {lines} lines, more than {most}", file.path));
            }
            long.insert(file.path);
        }
    }
    let stale = LONG_FILES.iter().filter(|(path, _)| !long.contains(*path));
    broken.extend(stale.map(|(path, _)| format!("{path} is explained but not long, or gone")));
    assert_none(&broken);
}

#[test]
fn both_databases_have_the_same_migrations() {
    let files = repository();
    let names = |folder: &str| -> Vec<String> {
        files
            .iter()
            .filter_map(|file| file.path.strip_prefix(folder))
            .map(str::to_owned)
            .collect()
    };
    let sqlite = names("migrations/sqlite/");
    assert_eq!(sqlite, names("migrations/postgres/"));
    for (index, name) in sqlite.iter().enumerate() {
        assert!(
            name.starts_with(&format!("{:04}_", index + 1)),
            "{name} does not follow the one before it"
        );
    }
}

#[test]
fn the_map_of_the_architecture_fits_a_few_screens() {
    let Some(map) = repository()
        .into_iter()
        .find(|file| file.path == "ARCHITECTURE.md")
    else {
        return;
    };
    let lines = map.text.lines().count();
    assert!(
        lines <= MAX_ARCHITECTURE_LINES,
        "ARCHITECTURE.md has {lines} lines, more than {MAX_ARCHITECTURE_LINES}"
    );
}

#[test]
fn the_image_is_built_by_the_pinned_toolchain() {
    let read = |path: &str| std::fs::read_to_string(absolute(path)).expect("the file");
    let toolchain = read("rust-toolchain.toml");
    let version = toolchain
        .split("channel = \"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .expect("a channel");
    let parts: Vec<_> = version
        .split('.')
        .map(|part| part.parse::<u32>().ok())
        .collect();
    assert!(
        matches!(parts[..], [Some(_), Some(_), Some(_)]),
        "{version} is not one version"
    );
    let image = format!("FROM rust:{version}-bookworm AS build\n");
    assert!(
        read("Dockerfile").contains(&image),
        "the Dockerfile does not say {image}"
    );
}

#[test]
fn actions_of_the_workflows_are_pinned_by_commit() {
    let mut broken = Vec::new();
    let mut pinned = 0;
    for file in repository() {
        if !file.path.starts_with(".github/workflows/") {
            continue;
        }
        for (index, line) in file.text.lines().enumerate() {
            let Some((_, action)) = line.split_once("uses: ") else {
                continue;
            };
            if is_pinned(action) {
                pinned += 1;
            } else {
                broken.push(format!("{}:{}: {action}", file.path, index + 1));
            }
        }
    }
    assert_none(&broken);
    assert_ne!(pinned, 0, "the workflows use nothing");
}

/// Whether an action is named by its commit, with its version for people.
fn is_pinned(action: &str) -> bool {
    let Some((name, version)) = action.split_once(" # v") else {
        return false;
    };
    let commit = name.split_once('@').map_or("", |(_, commit)| commit);
    let is_hash = commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash && !version.is_empty()
}

#[test]
fn a_tag_or_a_short_hash_is_no_pin() {
    let hash = "0123456789abcdef0123456789abcdef01234567";
    assert!(is_pinned(&format!("a/b@{hash} # v1.2.3")));
    for action in [
        format!("a/b@{hash}"),
        "a/b@v1.2.3".into(),
        "a/b@0123456 # v1".into(),
    ] {
        assert!(!is_pinned(&action), "{action}");
    }
}

#[test]
fn no_file_names_a_folder_of_one_machine() {
    let mut broken = Vec::new();
    for file in repository() {
        for folder in LOCAL_FOLDERS {
            broken.extend(
                file.text
                    .match_indices(folder)
                    .map(|(at, _)| format!("{}:{}: {folder}", file.path, file.line_of(at))),
            );
        }
    }
    assert_none(&broken);
}

#[test]
fn links_of_the_documents_resolve() {
    let mut broken = Vec::new();
    for file in repository().iter().filter(|file| file.is(".md")) {
        let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for (line, target) in links(&file.text) {
            let path = target.split('#').next().unwrap_or_default();
            let outside = target.starts_with("http://") || target.starts_with("https://");
            if path.is_empty() || outside || target.starts_with("mailto:") {
                continue;
            }
            if !absolute(folder).join(path).exists() {
                broken.push(format!("{}:{line}: {target}", file.path));
            }
        }
    }
    assert_none(&broken);
}

/// The targets of `[text](target)` outside blocks of code, each with its line.
fn links(markdown: &str) -> Vec<(usize, &str)> {
    let mut links = Vec::new();
    let mut in_code = false;
    for (index, line) in markdown.lines().enumerate() {
        in_code ^= line.trim_start().starts_with("```");
        if in_code {
            continue;
        }
        let targets = line
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split([')', ' ']).next());
        links.extend(targets.map(|target| (index + 1, target)));
    }
    links
}

#[test]
fn paths_named_in_the_maps_exist() {
    let files = repository();
    let mut broken = Vec::new();
    for map in files
        .iter()
        .filter(|file| MAPS.contains(&file.path.as_str()))
    {
        for path in paths(&map.text) {
            let whole = NAMED_FOLDERS.iter().any(|folder| path.starts_with(folder));
            // A map of one crate may leave out the beginning of a path.
            let part = || {
                files
                    .iter()
                    .any(|file| file.path.ends_with(&format!("/{path}")))
            };
            let missing = if whole {
                !absolute(path).exists()
            } else {
                path.ends_with(".rs") && !part()
            };
            if missing {
                broken.push(format!("{} names {path}", map.path));
            }
        }
    }
    assert_none(&broken);
}

/// What looks like a path: the longest runs of its characters. A pattern such as `{a,b}`, `*` or `<name>` ends a run.
fn paths(text: &str) -> impl Iterator<Item = &str> {
    let runs = text.split(|c: char| !(c.is_ascii_alphanumeric() || "_-./".contains(c)));
    // The dot that ends a sentence belongs to no path.
    runs.map(|run| run.trim_end_matches('.'))
        .filter(|run| Path::new(run).extension().is_some() || run.contains('/'))
}

#[test]
fn links_and_paths_are_found_in_markdown() {
    let text = "See [a](docs/a.md#top), [b](https://b.example \"B\").\n```\n[c](none)\n```\nIn `src/x.rs`, \
                migrations/{sqlite,postgres}/ and tests/.";
    assert_eq!(
        links(text),
        [(1, "docs/a.md#top"), (1, "https://b.example")]
    );
    let found: Vec<_> = paths(text).collect();
    for path in ["docs/a.md", "src/x.rs", "migrations/", "tests/"] {
        assert!(found.contains(&path), "{path} in {found:?}");
    }
}
