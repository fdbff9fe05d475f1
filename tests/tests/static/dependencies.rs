//! Which crate may name which: the arrows of the architecture, held by a test.

#![expect(
    clippy::expect_used,
    reason = "a manifest that cannot be read fails the test"
)]

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tests::modules::circles;
use tests::source::{SourceFile, code_only, repository, uses_of_crate, without_tests};
use tests::workspace_root;

use super::assert_none;

/// Crates of other people that few may name: the crate, and who may name it for whatever purpose.
const NAMED_BY: &[(&str, &[&str])] = &[
    ("sqlx", &["store"]),
    ("apalis", &["store"]),
    ("apalis-core", &["store"]),
    ("reqwest", &["api-client", "worker"]),
];

/// The workspace's own crates that a crate may build on. Its tests may use others too.
const BUILDS_ON: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("api-client", &["domain"]),
    ("store", &["domain"]),
    ("sandbox", &["api-client", "domain"]),
    ("service", &["api-client", "domain", "store"]),
    (
        "simulation",
        &["api-client", "domain", "sandbox", "service", "store"],
    ),
    ("worker", &["domain", "sandbox", "service", "simulation"]),
    (
        "testkit",
        &["api-client", "domain", "sandbox", "service", "store"],
    ),
    (
        "bench",
        &[
            "api-client",
            "domain",
            "sandbox",
            "service",
            "store",
            "testkit",
        ],
    ),
    ("tests", &[]),
];

/// What would bring I/O or a runtime into the domain.
const NOT_IN_DOMAIN: &[&str] = &["tokio", "sqlx", "reqwest", "axum", "apalis", "apalis-core"];

/// Crates that stay behind one door inside another: the source folder, the crate's name in code, the beginnings of
/// the paths of the files that may name it, and why.
const BEHIND_DOORS: &[(&str, &str, &[&str], &str)] = &[
    (
        "crates/store/src/",
        "apalis",
        &["queue/apalis.rs"],
        "the queue engine can be replaced in one module",
    ),
    (
        "crates/store/src/",
        "apalis_core",
        &["queue/apalis.rs"],
        "the queue engine can be replaced in one module",
    ),
    (
        "crates/worker/src/",
        "reqwest",
        &["client.rs", "client/"],
        "the provider is called through api-client alone",
    ),
    (
        "crates/worker/src/",
        "sandbox",
        &["cli/sandbox.rs", "cli/sandbox/"],
        "the sandbox must never be reached from `holdfast serve`",
    ),
];

/// Circles among the modules of a crate that stand: the crate, the parent of the modules, the modules, and why.
const CIRCLES: &[(&str, &str, &[&str], &str)] = &[];

struct Package {
    name: String,
    manifest: String,
    /// Name and kind; a kind of `None` is a normal dependency.
    dependencies: Vec<(String, Option<String>)>,
}

impl Package {
    /// What the crate is built on: everything that is not for its tests alone.
    fn builds_on(&self) -> impl Iterator<Item = &str> {
        self.dependencies
            .iter()
            .filter(|(_, kind)| kind.as_deref() != Some("dev"))
            .map(|(name, _)| name.as_str())
    }
}

fn packages() -> Vec<Package> {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args([
            "metadata",
            "--offline",
            "--locked",
            "--no-deps",
            "--format-version",
            "1",
        ])
        .current_dir(workspace_root())
        .output()
        .expect("cargo starts");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let package = |package: &Value| Package {
        name: text(&package["name"]).expect("a name"),
        manifest: text(&package["manifest_path"]).expect("a manifest"),
        dependencies: package["dependencies"]
            .as_array()
            .expect("a list of dependencies")
            .iter()
            .map(|dependency| {
                (
                    text(&dependency["name"]).expect("a name"),
                    text(&dependency["kind"]),
                )
            })
            .collect(),
    };
    metadata["packages"]
        .as_array()
        .expect("a list of packages")
        .iter()
        .map(package)
        .collect()
}

#[test]
fn crates_build_only_on_those_that_the_architecture_allows() {
    let packages = packages();
    let mut broken = Vec::new();
    for package in &packages {
        let allowed = BUILDS_ON
            .iter()
            .find(|(name, _)| *name == package.name)
            .map(|(_, allowed)| *allowed);
        let allowed = allowed.unwrap_or_else(|| panic!("{} is missing in BUILDS_ON", package.name));
        let ours = |name: &&str| packages.iter().any(|other| other.name == **name);
        for name in package
            .builds_on()
            .filter(ours)
            .filter(|name| !allowed.contains(name))
        {
            broken.push(format!("{} builds on {name}", package.name));
        }
    }
    assert_none(&broken);
}

#[test]
fn the_domain_knows_no_runtime_and_no_io() {
    let packages = packages();
    let domain = packages
        .iter()
        .find(|package| package.name == "domain")
        .expect("the crate domain");
    let broken: Vec<_> = domain
        .builds_on()
        .filter(|name| NOT_IN_DOMAIN.contains(name))
        .map(|name| format!("domain builds on {name}"))
        .collect();
    assert_none(&broken);
}

#[test]
fn crates_of_other_people_with_an_owner_are_named_by_their_owner_alone() {
    let mut broken = Vec::new();
    for package in packages() {
        for (name, owners) in NAMED_BY
            .iter()
            .filter(|(_, owners)| !owners.contains(&package.name.as_str()))
        {
            if package
                .dependencies
                .iter()
                .any(|(dependency, _)| dependency == name)
            {
                broken.push(format!(
                    "{} names {name}, which belongs to {}",
                    package.name,
                    owners.join(" and ")
                ));
            }
        }
    }
    assert_none(&broken);
}

#[test]
fn crates_behind_a_door_are_named_only_there() {
    let mut broken = Vec::new();
    for SourceFile { path, text } in repository() {
        for (folder, name, doors, why) in BEHIND_DOORS {
            let Some(inside) = path
                .strip_prefix(folder)
                .filter(|inside| inside.ends_with(".rs"))
            else {
                continue;
            };
            if doors.iter().any(|door| inside.starts_with(door)) {
                continue;
            }
            let uses = uses_of_crate(&without_tests(&code_only(&text)), name).len();
            if uses > 0 {
                broken.push(format!("{path} names {name} {uses} times, but {why}"));
            }
        }
    }
    assert_none(&broken);
}

#[test]
fn no_modules_of_a_crate_import_each_other() {
    let files = repository();
    let (mut broken, mut met) = (Vec::new(), vec![false; CIRCLES.len()]);
    for package in packages() {
        let manifest = Path::new(&package.manifest);
        let folder = manifest.parent().expect("a folder").join("src");
        let folder = folder
            .strip_prefix(workspace_root())
            .expect("in the repository");
        let folder = format!("{}/", folder.display());
        let sources: Vec<_> = files
            .iter()
            .filter_map(|file| {
                Some(SourceFile {
                    path: file.path.strip_prefix(&folder)?.to_owned(),
                    text: file.text.clone(),
                })
            })
            .collect();
        for circle in circles(&sources) {
            let known = CIRCLES.iter().position(|(name, parent, members, _)| {
                *name == package.name && *parent == circle.parent && *members == circle.members
            });
            match known {
                Some(place) => met[place] = true,
                None => broken.push(format!(
                    "{folder}: {} of \"{}\" import each other:\n    {}",
                    circle.members.join(", "),
                    circle.parent,
                    circle.imports.join("\n    ")
                )),
            }
        }
    }
    for ((name, parent, members, _), met) in CIRCLES.iter().zip(met) {
        if !met {
            broken.push(format!(
                "{name} {parent} {members:?} is no circle: strike it off"
            ));
        }
    }
    assert_none(&broken);
}

#[test]
fn folders_have_the_names_of_their_crates() {
    for package in packages() {
        let folder = Path::new(&package.manifest).parent().expect("a folder");
        assert_eq!(
            folder.file_name().and_then(|name| name.to_str()),
            Some(package.name.as_str())
        );
    }
    let root =
        std::fs::read_to_string(workspace_root().join("Cargo.toml")).expect("the root manifest");
    assert!(
        !root.lines().any(|line| line.trim() == "[package]"),
        "the root manifest is virtual"
    );
}

#[test]
fn every_crate_inherits_the_lints_of_the_workspace() {
    for package in packages() {
        let manifest = std::fs::read_to_string(&package.manifest).expect("a manifest");
        let mut lines = manifest
            .lines()
            .skip_while(|line| line.trim() != "[lints]")
            .skip(1);
        assert_eq!(
            lines.next().map(str::trim),
            Some("workspace = true"),
            "[lints] of {}",
            package.name
        );
    }
}

/// Where the HTTP API may begin a transaction itself, each with the reason.
const HTTP_MAY_WRITE: &[(&str, &str)] = &[(
    "crates/service/src/http/idempotency.rs",
    "the answers to idempotency keys belong to HTTP alone",
)];

#[test]
fn the_http_api_changes_something_through_operations_alone() {
    let mut broken = Vec::new();
    for file in repository() {
        let http = file.path.starts_with("crates/service/src/http/");
        let explained = HTTP_MAY_WRITE.iter().any(|(path, _)| *path == file.path);
        if http && code_only(&file.text).contains(".begin()") != explained {
            broken.push(format!("{}: .begin()", file.path));
        }
    }
    assert_none(&broken);
}
