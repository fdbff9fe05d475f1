//! Reading the repository's own files: which there are, and what in a Rust file is code, test or function.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::workspace_root;

/// Folders whose content nobody wrote: builds, version control, what a fuzzer found.
const NOT_SOURCE: &[&str] = &[".git", "artifacts", "corpus", "coverage", "target"];
/// Files that stay on one machine: a developer's own configuration.
const LOCAL: &[&str] = &["holdfast.toml"];
/// Deeper folders point to a cycle of links.
const MAX_DEPTH: usize = 12;

/// A text file of the repository.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// The path from the root of the repository, with `/` between folders.
    pub path: String,
    /// The whole text.
    pub text: String,
}

impl SourceFile {
    /// Whether the path has this ending, such as `.rs`.
    #[must_use]
    pub fn is(&self, extension: &str) -> bool {
        self.path.ends_with(extension)
    }

    /// Whether the whole file is test code: it stands in a folder `tests` or `testkit`, or is named
    /// `tests.rs`.
    #[must_use]
    pub fn is_test(&self) -> bool {
        let mut folders = self.path.split('/');
        let name = folders.next_back();
        name == Some("tests.rs") || folders.any(|folder| folder == "tests" || folder == "testkit")
    }

    /// The number of a line, from 1, by the offset of one of its bytes.
    #[must_use]
    pub fn line_of(&self, offset: usize) -> usize {
        self.text[..offset].matches('\n').count() + 1
    }
}

/// Every text file of the repository, sorted by path.
///
/// # Panics
/// When a folder cannot be read.
#[must_use]
pub fn repository() -> Vec<SourceFile> {
    let mut files = Vec::new();
    walk(workspace_root(), "", 0, &mut files);
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

fn walk(folder: &Path, prefix: &str, depth: usize, files: &mut Vec<SourceFile>) {
    assert!(
        depth <= MAX_DEPTH,
        "{} is nested too deeply",
        folder.display()
    );
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => panic!("{}: {error}", folder.display()),
    };
    for entry in entries.flatten() {
        let (name, path) = (entry.file_name(), entry.path());
        let Some(name) = name
            .to_str()
            .filter(|name| !NOT_SOURCE.contains(name) && !LOCAL.contains(name))
        else {
            continue;
        };
        let relative = format!("{prefix}{name}");
        if path.is_dir() {
            walk(&path, &format!("{relative}/"), depth + 1, files);
        } else if let Ok(text) = fs::read_to_string(&path) {
            // A file that is not text, or gone since the folder was listed, has no rules to keep.
            files.push(SourceFile {
                path: relative,
                text,
            });
        }
    }
}

/// The Rust source with comments and the content of literals replaced by spaces, so that what is left is code. Offsets
/// of bytes and lines stay as they are.
#[must_use]
pub fn code_only(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = skipped_end(bytes, at);
        if let Some(end) = end {
            for byte in code[at..end].iter_mut().filter(|byte| **byte != b'\n') {
                *byte = b' ';
            }
        }
        at = end.unwrap_or(at + 1);
    }
    // Only whole comments and literals are replaced, which begin and end between characters.
    String::from_utf8_lossy(&code).into_owned()
}

/// The end of the comment or literal that begins at `at`, or `None` when code stands there.
fn skipped_end(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = &bytes[at..];
    let after_word = at > 0 && is_word(bytes[at - 1]);
    let length = match rest {
        [b'/', b'/', ..] => find(rest, b"\n").unwrap_or(rest.len()),
        [b'/', b'*', ..] => block_comment_length(rest),
        [b'"', ..] => quoted_length(rest, b'"'),
        // A prefix of a raw string, unless it ends a longer word.
        [b'r', b'"' | b'#', ..] if !after_word => raw_string_length(rest)?,
        [b'b' | b'c', b'r', b'"' | b'#', ..] if !after_word => 1 + raw_string_length(&rest[1..])?,
        [b'\'', b'\\', ..] => quoted_length(rest, b'\''),
        // One character between quotes; anything else is a lifetime or a label.
        [b'\'', first, ..] => {
            let width = utf8_width(*first);
            if rest.get(1 + width) != Some(&b'\'') {
                return None;
            }
            width + 2
        }
        _ => return None,
    };
    Some(at + length.min(rest.len()))
}

fn block_comment_length(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        match &rest[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn quoted_length(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != quote {
        at += if rest[at] == b'\\' { 2 } else { 1 };
    }
    at + 1
}

/// `None` for a raw identifier such as `r#type`.
fn raw_string_length(rest: &[u8]) -> Option<usize> {
    let hashes = rest[1..].iter().take_while(|byte| **byte == b'#').count();
    let body = 1 + hashes;
    if rest.get(body) != Some(&b'"') {
        return None;
    }
    let close = [b"\"".as_slice(), "#".repeat(hashes).as_bytes()].concat();
    Some(find(&rest[body + 1..], &close).map_or(rest.len(), |at| body + 1 + at + close.len()))
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}

const fn utf8_width(first: u8) -> usize {
    match first {
        0xf0.. => 4,
        0xe0.. => 3,
        0xc0.. => 2,
        _ => 1,
    }
}

const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii()
}

/// The offsets at which `word` stands in `code` by itself, not as a part of a longer word.
pub fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let whole = |at: usize| {
        let bytes = code.as_bytes();
        let starts = at == 0 || !is_word(bytes[at - 1]) || !is_word(word.as_bytes()[0]);
        let last = word.as_bytes()[word.len() - 1];
        starts
            && (!is_word(last)
                || bytes
                    .get(at + word.len())
                    .is_none_or(|next| !is_word(*next)))
    };
    code.match_indices(word)
        .map(|(at, _)| at)
        .filter(move |at| whole(*at))
}

/// The code without the modules and items that are compiled for tests alone.
#[must_use]
pub fn without_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut kept = code.to_owned();
    let mut from = 0;
    while let Some(at) = kept[from..].find(MARK).map(|at| from + at) {
        let end = item_end(&kept, at + MARK.len());
        let blank: String = kept[at..end]
            .chars()
            .map(|c| if c == '\n' { '\n' } else { ' ' })
            .collect();
        kept.replace_range(at..end, &blank);
        from = at + blank.len();
    }
    kept
}

/// The end of the item that begins at `start`: its `;`, or the brace that closes its body.
fn item_end(code: &str, start: usize) -> usize {
    let mut nesting = 0_usize;
    for (at, byte) in code.bytes().enumerate().skip(start) {
        match byte {
            b'{' if nesting == 0 => return block_end(code, at),
            b';' if nesting == 0 => return at + 1,
            b'(' | b'[' | b'{' => nesting += 1,
            b')' | b']' | b'}' => nesting = nesting.saturating_sub(1),
            _ => {}
        }
    }
    code.len()
}

/// The end of the block whose `{` stands at `open`.
fn block_end(code: &str, open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 1 => return at + 1,
            b'}' => depth -= 1,
            _ => {}
        }
    }
    code.len()
}

/// A function with a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// Whether an attribute makes it a test.
    pub is_test: bool,
    /// From the word `fn` to the closing brace, as offsets of bytes.
    pub range: Range<usize>,
    /// Lines from the word `fn` to the closing brace, both included.
    pub lines: usize,
}

/// Every function with a body in `code`, nested ones too.
#[must_use]
pub fn functions(code: &str) -> Vec<Function> {
    words(code, "fn")
        .filter_map(|at| function_at(code, at))
        .collect()
}

fn function_at(code: &str, start: usize) -> Option<Function> {
    let rest = code[start + 2..].trim_start();
    let name: String = rest
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_' || *c == '#')
        .collect();
    let end = item_end(code, start);
    // A type `fn(…)` has no name, and a method that a trait leaves open has no body.
    if name.is_empty() || !code[start..end].ends_with('}') {
        return None;
    }
    let before = code[..start].rfind([';', '{', '}']).map_or(0, |at| at + 1);
    let attributes = &code[before..start];
    Some(Function {
        name,
        is_test: attributes.contains("test]") || attributes.contains("test("),
        lines: code[start..end].matches('\n').count() + 1,
        range: start..end,
    })
}

/// The offsets at which `code` names the crate `name`: in a path or in a `use`. A module of the same name, declared in
/// this file, hides the crate, but for the form `::name`.
#[must_use]
pub fn uses_of_crate(code: &str, name: &str) -> Vec<usize> {
    let hidden = words(code, name).any(|at| code[..at].trim_end().ends_with("mod"));
    let is_use = |at: usize| {
        let (before, after) = (code[..at].trim_end(), code[at + name.len()..].trim_start());
        let absolute = before.strip_suffix("::").is_some_and(|path| {
            path.len() < before.len() - 2
                || !path.ends_with(|c: char| c.is_alphanumeric() || c == '_')
        });
        let relative = !hidden && !before.ends_with("::") && !before.ends_with("mod");
        let in_use = before.ends_with("use")
            || before.ends_with("extern crate")
            || before.ends_with("use ::");
        (absolute || relative) && (after.starts_with("::") || in_use)
    };
    words(code, name).filter(|at| is_use(*at)).collect()
}

/// The absolute path of a file of the repository.
#[must_use]
pub fn absolute(path: &str) -> PathBuf {
    workspace_root().join(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_not_code() {
        let cases = [
            ("a // b\nc", "a     \nc"),
            ("a /* b /* c */ d */ e", "a                   e"),
            (r#"f("x\"y", 'z')"#, r"f(      ,    )"),
            (
                r###"f(r#"a"b"#, br"\", r#type)"###,
                r"f(        ,      , r#type)",
            ),
            ("fn f<'a>(x: &'a str) {}", "fn f<'a>(x: &'a str) {}"),
            (r"['\'', b'{', '\u{7d}']", "[    , b   ,         ]"),
            ("'ø' x", "     x"),
            ("\"open", "     "),
        ];
        for (text, code) in cases {
            assert_eq!(code_only(text), code, "{text}");
        }
    }

    #[test]
    fn functions_are_measured_from_signature_to_closing_brace() {
        let code = "trait T { fn open(&self) -> [u8; 2]; }\ntype F = fn(u8);\n\
                    #[tokio::test(start_paused = true)]\nasync fn two<T>(x: [u8; 2])\nwhere T: Copy { if x { {} } }\n\
                    fn one() {}";
        let found = functions(code);
        let found: Vec<_> = found
            .iter()
            .map(|f| (f.name.as_str(), f.is_test, f.lines))
            .collect();
        assert_eq!(found, [("two", true, 2), ("one", false, 1)]);
    }

    #[test]
    fn code_for_tests_alone_is_left_out() {
        let code =
            "fn a() {}\n#[cfg(test)]\nmod tests { fn b() { } }\n#[cfg(test)] use x;\nfn c() {}";
        let kept = without_tests(code);
        assert_eq!(
            functions(&kept)
                .iter()
                .map(|f| f.name.as_str())
                .collect::<Vec<_>>(),
            ["a", "c"]
        );
        assert!(!kept.contains("use x"));
        assert_eq!(kept.len(), code.len());
    }

    #[test]
    fn a_crate_is_distinguished_from_a_module_of_the_same_name() {
        let cases = [
            ("use sandbox::Server;", 1),
            ("use sandbox;", 1),
            ("use sandbox as s;", 1),
            ("let s = sandbox::start();", 1),
            ("let s = ::sandbox::start();", 1),
            ("mod sandbox; fn f() { sandbox::run() }", 0),
            ("mod sandbox; fn f() { ::sandbox::run() }", 1),
            ("use crate::cli::sandbox::run;", 0),
            ("use crate::cli::sandbox;", 0),
            ("use my_sandbox::x;", 0),
            ("let sandbox = 1; f(sandbox)", 0),
        ];
        for (code, uses) in cases {
            assert_eq!(uses_of_crate(code, "sandbox").len(), uses, "{code}");
        }
    }
}
