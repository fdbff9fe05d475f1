//! The binary `holdfast`, built once for each test program.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

/// The folder of the workspace's manifest.
///
/// # Panics
/// When this crate has been moved out of the workspace.
#[must_use]
pub fn workspace_root() -> &'static Path {
    match Path::new(env!("CARGO_MANIFEST_DIR")).parent() {
        Some(root) => root,
        None => panic!("the tests crate stands in a folder of the workspace"),
    }
}

/// The binary `holdfast`, built at the first call with the profile and into the target folder of the running test.
///
/// Cargo tells a test where the binaries of its own package are, and only those; so this asks cargo. The build lock
/// is free while tests run. A second caller waits for the first one's build.
///
/// # Panics
/// When the build fails; cargo's own messages stand on stderr.
#[must_use]
pub fn holdfast_binary() -> PathBuf {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(build).clone()
}

fn build() -> PathBuf {
    let mut cargo = cargo();
    // Naming a test target too makes cargo resolve features as `cargo test --workspace` does, so that what that
    // command has built is used as it is.
    cargo.args([
        "build",
        "--workspace",
        "--locked",
        "--bin",
        "holdfast",
        "--test",
        "static",
    ]);
    cargo.arg("--message-format=json-render-diagnostics");
    if let Some(built) = BuiltInto::of_this_test() {
        cargo
            .args(["--profile", &built.profile])
            .arg("--target-dir")
            .arg(&built.target_dir);
        if let Some(triple) = &built.triple {
            cargo.args(["--target", triple]);
        }
    }
    let output = match cargo.stdin(Stdio::null()).stderr(Stdio::inherit()).output() {
        Ok(output) => output,
        Err(error) => panic!("cargo does not start: {error}"),
    };
    assert!(
        output.status.success(),
        "building the binary holdfast failed: {}",
        output.status
    );
    match executable(&String::from_utf8_lossy(&output.stdout)) {
        Some(binary) => binary,
        None => panic!("cargo built holdfast without saying where"),
    }
}

/// Cargo, in the workspace's folder: the one that runs this test, else the one on the path.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(workspace_root());
    // What cargo tells this test about its own package would look to build scripts like a change, and make them and
    // all that depends on them run again.
    for (name, _) in env::vars_os() {
        let of_a_package = [
            "CARGO_PKG_",
            "CARGO_MANIFEST_",
            "CARGO_CRATE_NAME",
            "CARGO_PRIMARY_PACKAGE",
            "CARGO_BIN_",
        ];
        if of_a_package
            .iter()
            .any(|start| name.to_string_lossy().starts_with(start))
        {
            command.env_remove(&name);
        }
    }
    command
}

/// Finds the binary's path among cargo's messages, one JSON object a line.
fn executable(messages: &str) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| {
            message["target"]["name"] == "holdfast" && message["profile"]["test"] == false
        })
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
}

/// Where cargo put the running test, read from its own path `TARGET_DIR[/TRIPLE]/PROFILE/deps/NAME`.
#[derive(Debug, PartialEq, Eq)]
struct BuiltInto {
    target_dir: PathBuf,
    triple: Option<String>,
    profile: String,
}

impl BuiltInto {
    fn of_this_test() -> Option<Self> {
        Self::from_path(&env::current_exe().ok()?, |folder| {
            folder.join("CACHEDIR.TAG").is_file()
        })
    }

    /// `None` for a path of another shape; cargo's own defaults hold then. Cargo marks its target folder, and
    /// `is_target_dir` tells whether a folder carries the mark.
    fn from_path(executable: &Path, is_target_dir: impl Fn(&Path) -> bool) -> Option<Self> {
        let profile_dir = executable
            .parent()
            .filter(|folder| folder.ends_with("deps"))?
            .parent()?;
        // The folder of the profile `dev` has another name for historical reasons.
        let profile = match profile_dir.file_name()?.to_str()? {
            "debug" => "dev",
            other => other,
        };
        let above = profile_dir.parent()?;
        let (target_dir, triple) = if is_target_dir(above) {
            (above, None)
        } else {
            (
                above.parent().filter(|folder| is_target_dir(folder))?,
                above.file_name()?.to_str(),
            )
        };
        Some(Self {
            target_dir: target_dir.to_owned(),
            triple: triple.map(str::to_owned),
            profile: profile.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profile_and_target_are_read_from_the_path_of_the_test() {
        let cases = [
            ("/t/debug/deps/it-1", Some((None, "dev"))),
            ("/t/release/deps/it-1", Some((None, "release"))),
            (
                "/t/x86_64-unknown-linux-musl/debug/deps/it-1",
                Some((Some("x86_64-unknown-linux-musl"), "dev")),
            ),
            ("/elsewhere/debug/deps/it-1", None),
            ("/t/debug/it-1", None),
        ];
        for (path, expected) in cases {
            let expected = expected.map(|(triple, profile)| BuiltInto {
                target_dir: "/t".into(),
                triple: triple.map(str::to_owned),
                profile: profile.to_owned(),
            });
            let read = BuiltInto::from_path(Path::new(path), |folder| folder == Path::new("/t"));
            assert_eq!(read, expected, "{path}");
        }
    }

    #[test]
    fn the_binary_is_found_among_the_messages_of_cargo() {
        let messages = r#"
            {"reason":"compiler-artifact","target":{"name":"worker"},"profile":{"test":false},"executable":null}
            {"reason":"compiler-artifact","target":{"name":"tidy"},"profile":{"test":true},"executable":"/t/tidy"}
            {"reason":"compiler-artifact","target":{"name":"holdfast"},"profile":{"test":true},"executable":"/t/it"}
            {"reason":"compiler-artifact","target":{"name":"holdfast"},"profile":{"test":false},"executable":"/t/h"}
            {"reason":"build-finished","success":true}"#;
        assert_eq!(executable(messages), Some("/t/h".into()));
        assert_eq!(executable("not json"), None);
    }
}
