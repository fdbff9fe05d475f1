//! Who imports whom among the modules of a crate, read from paths in its source.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{SourceFile, code_only, without_tests, words};

/// Re-exports that lead to each other are followed this far.
const MAX_REEXPORTS: usize = 8;

/// The path of a module from the root of its crate; the root itself is empty.
type Module = Vec<String>;

/// Modules with one parent that import each other, directly or round about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Circle {
    /// The path of the parent, with `::` between modules; empty for the root of the crate.
    pub parent: String,
    /// The names of the modules, sorted.
    pub members: Vec<String>,
    /// One line for each import that is a part of the circle: who imports whom, in which file.
    pub imports: Vec<String>,
}

/// The circles among the modules of one crate. `files` are the Rust files below its `src`, by their path from there.
///
/// A module is a file or a folder. Only modules with the same parent are compared, at every depth: a module imports
/// another one when any file of the first names a path that ends in any file of the second. Re-exports are followed to
/// where an item is defined, so that passing an item through a third module hides nothing. A parent and its child are
/// never a circle, since the child is a part of the parent: a parent may dispatch to children that use the parent's
/// types. Tests may use what they like.
#[must_use]
pub fn circles(files: &[SourceFile]) -> Vec<Circle> {
    let sources: Vec<Source> = files.iter().filter_map(Source::of).collect();
    let tree = Tree::of(&sources);
    let mut imports: BTreeMap<Module, BTreeMap<(String, String), BTreeSet<&str>>> = BTreeMap::new();
    for source in &sources {
        for path in &source.paths {
            let Some(target) = tree.resolve(&source.module, path, 0) else {
                continue;
            };
            let shared = source
                .module
                .iter()
                .zip(&target)
                .take_while(|(one, other)| one == other)
                .count();
            if let (Some(from), Some(to)) = (source.module.get(shared), target.get(shared)) {
                imports
                    .entry(target[..shared].to_vec())
                    .or_default()
                    .entry((from.clone(), to.clone()))
                    .or_default()
                    .insert(source.file);
            }
        }
    }
    imports
        .iter()
        .flat_map(|(parent, edges)| circles_of(parent, edges))
        .collect()
}

fn circles_of(parent: &Module, edges: &BTreeMap<(String, String), BTreeSet<&str>>) -> Vec<Circle> {
    let reached = |from: &String| {
        let (mut reached, mut open) = (BTreeSet::new(), vec![from.clone()]);
        while let Some(at) = open.pop() {
            for (_, to) in edges.keys().filter(|(from, _)| *from == at) {
                if reached.insert(to.clone()) {
                    open.push(to.clone());
                }
            }
        }
        reached
    };
    let reach: BTreeMap<String, BTreeSet<String>> = edges
        .keys()
        .map(|(from, _)| (from.clone(), reached(from)))
        .collect();
    let mut circles: BTreeMap<BTreeSet<String>, Circle> = BTreeMap::new();
    for (name, all) in reach.iter().filter(|(name, all)| all.contains(*name)) {
        let back = |other: &&String| reach.get(*other).is_some_and(|back| back.contains(name));
        let members: BTreeSet<String> = all.iter().filter(back).cloned().collect();
        let within = |(from, to): &(String, String)| members.contains(from) && members.contains(to);
        let imports = edges
            .iter()
            .filter(|(edge, _)| within(edge))
            .map(|((from, to), files)| {
                let files: Vec<_> = files.iter().copied().collect();
                format!("{from} imports {to} in {}", files.join(", "))
            })
            .collect();
        circles.entry(members.clone()).or_insert_with(|| Circle {
            parent: parent.join("::"),
            members: members.iter().cloned().collect(),
            imports,
        });
    }
    circles.into_values().collect()
}

/// One file: its module, and the paths that its code names.
struct Source<'f> {
    file: &'f str,
    module: Module,
    paths: Vec<Vec<String>>,
    /// By the name under which this module holds it, the path of everything that it imports.
    names: Vec<(String, Vec<String>)>,
}

impl<'f> Source<'f> {
    fn of(file: &'f SourceFile) -> Option<Self> {
        if file.is_test() || !file.is(".rs") {
            return None;
        }
        let code = without_tests(&code_only(&file.text));
        let (mut paths, mut names, mut rest) = (Vec::new(), Vec::new(), code.clone());
        for at in words(&code, "use") {
            let end = code[at..].find(';').map_or(code.len(), |end| at + end);
            for (path, name) in expand(&code[at + 3..end]) {
                names.push((name, path.clone()));
                paths.push(path);
            }
            rest.replace_range(at..end, &" ".repeat(end - at));
        }
        for start in ["crate", "super", "self"] {
            paths.extend(words(&rest, start).filter_map(|at| inline(&rest[at..])));
        }
        Some(Self {
            file: &file.path,
            module: module_of(&file.path),
            paths,
            names,
        })
    }
}

fn module_of(file: &str) -> Module {
    let mut module: Module = file
        .trim_end_matches(".rs")
        .split('/')
        .map(str::to_owned)
        .collect();
    let own = module.last().map(String::as_str);
    let is_root = module.len() == 1 && matches!(own, Some("lib" | "main"));
    if is_root || own == Some("mod") {
        module.pop();
    }
    module
}

/// The paths of a `use`, each with the name under which it is imported.
fn expand(tree: &str) -> Vec<(Vec<String>, String)> {
    let tree = tree.trim();
    let Some(open) = tree.find('{') else {
        let (path, alias) = tree
            .split_once(" as ")
            .map_or((tree, None), |(path, alias)| (path, Some(alias)));
        let mut path = segments(path);
        if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        let name = alias.map(|alias| alias.trim().to_owned());
        let name = name.or_else(|| path.last().cloned()).unwrap_or_default();
        return vec![(path, name)];
    };
    let prefix = segments(&tree[..open]);
    let inner = tree[open + 1..].trim_end().trim_end_matches('}');
    let inner = if tree[open + 1..].matches('}').count() > inner.matches('}').count() + 1 {
        // Only the brace that closes this group goes.
        &tree[open + 1..tree.len() - 1]
    } else {
        inner
    };
    let mut paths = Vec::new();
    for part in split(inner) {
        for (path, name) in expand(part) {
            let is_self = path == ["self"];
            let whole: Vec<_> = prefix
                .iter()
                .cloned()
                .chain(path.into_iter().filter(|_| !is_self))
                .collect();
            let name = if is_self && name == "self" {
                whole.last().cloned().unwrap_or_default()
            } else {
                name
            };
            paths.push((whole, name));
        }
    }
    paths
}

/// The parts of a group, split at the commas that stand in no group of their own.
fn split(group: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut from) = (Vec::new(), 0_usize, 0);
    for (at, byte) in group.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                parts.push(&group[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&group[from..]);
    parts.retain(|part| !part.trim().is_empty());
    parts
}

fn segments(path: &str) -> Vec<String> {
    path.split("::")
        .map(str::trim)
        .filter(|segment| !segment.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The path that begins here, when one does.
fn inline(code: &str) -> Option<Vec<String>> {
    let end = code.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
    let path = segments(&code[..end.unwrap_or(code.len())]);
    (path.len() > 1).then_some(path)
}

/// The modules of a crate, and what each of them imports by name.
struct Tree {
    modules: BTreeSet<Module>,
    names: BTreeMap<Module, BTreeMap<String, Vec<String>>>,
}

impl Tree {
    fn of(sources: &[Source<'_>]) -> Self {
        let mut tree = Self {
            modules: BTreeSet::new(),
            names: BTreeMap::new(),
        };
        for source in sources {
            for depth in 0..=source.module.len() {
                tree.modules.insert(source.module[..depth].to_vec());
            }
            let names = tree.names.entry(source.module.clone()).or_default();
            names.extend(source.names.iter().cloned());
        }
        tree
    }

    /// The module in which what `path` names in `from` is defined; `None` when that is another crate's.
    fn resolve(&self, from: &Module, path: &[String], depth: usize) -> Option<Module> {
        let mut at = from.clone();
        let mut rest = path;
        match path.first()?.as_str() {
            "crate" => {
                at.clear();
                rest = &path[1..];
            }
            "self" => rest = &path[1..],
            "super" => {
                while rest.first().is_some_and(|segment| segment == "super") {
                    at.pop();
                    rest = &rest[1..];
                }
            }
            first => {
                let mut child = at.clone();
                child.push(first.to_owned());
                if !self.modules.contains(&child) {
                    return None;
                }
            }
        }
        for segment in rest {
            let mut child = at.clone();
            child.push(segment.clone());
            if self.modules.contains(&child) {
                at = child;
                continue;
            }
            let named = self.names.get(&at).and_then(|names| names.get(segment));
            let Some(path) = named.filter(|_| depth < MAX_REEXPORTS) else {
                break;
            };
            match self.resolve(&at, path, depth + 1) {
                Some(next) => at = next,
                None => break,
            }
        }
        Some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<(String, Vec<String>)> {
        let files: Vec<_> = files
            .iter()
            .map(|(path, text)| SourceFile {
                path: (*path).to_owned(),
                text: (*text).to_owned(),
            })
            .collect();
        circles(&files)
            .into_iter()
            .map(|circle| (circle.parent, circle.members))
            .collect()
    }

    fn circle(parent: &str, members: &[&str]) -> (String, Vec<String>) {
        let members = members.iter().map(|member| (*member).to_owned());
        (parent.to_owned(), members.collect())
    }

    #[test]
    fn siblings_that_import_each_other_are_a_circle_however_they_write_it() {
        for back in [
            "use crate::a::A;",
            "use crate::{a::A, c};",
            "use crate::a::{self};",
            "use super::a as other;",
            "fn f() { crate::a::run() }",
            "pub(crate) use crate::{c::{D, E}, a::{inner::{X, Y}, Z}};",
        ] {
            let files = [
                ("lib.rs", "mod a; mod b; mod c;"),
                ("a/mod.rs", "use crate::b::B;"),
                ("b.rs", back),
                ("c.rs", ""),
            ];
            assert_eq!(found(&files), [circle("", &["a", "b"])], "{back}");
        }
    }

    #[test]
    fn a_circle_may_go_round_about_and_lie_deep() {
        let files = [
            ("x/mod.rs", "mod a; mod b; mod c;"),
            ("x/a.rs", "use super::b::B;"),
            ("x/b.rs", "use super::c::C;"),
            ("x/c/mod.rs", "mod d;"),
            ("x/c/d.rs", "use crate::x::a::A;"),
        ];
        assert_eq!(found(&files), [circle("x", &["a", "b", "c"])]);
    }

    #[test]
    fn a_reexport_hides_nothing() {
        let files = [
            (
                "lib.rs",
                "mod a; mod b; pub use a::Item; pub use b::Other as Renamed;",
            ),
            ("a.rs", "use crate::Renamed;"),
            ("b.rs", "use crate::Item;"),
        ];
        assert_eq!(found(&files), [circle("", &["a", "b"])]);
    }

    #[test]
    fn parents_may_dispatch_to_children_and_tests_may_use_what_they_like() {
        let files = [
            ("a/mod.rs", "mod child; use child::run; pub struct Item;"),
            ("a/child.rs", "use super::Item;"),
            ("b.rs", "use crate::a::Item; use serde::Serialize;"),
            ("a/tests.rs", "use crate::b::B;"),
            ("a/other.rs", "#[cfg(test)] mod tests { use crate::b::B; }"),
            (
                "c.rs",
                "// use crate::d::D;\nconst C: &str = \"crate::d::D\";",
            ),
            ("d.rs", "use crate::c::C;"),
        ];
        assert_eq!(found(&files), []);
    }
}
