//! Which file imports which, read from the text.
//!
//! An import is a path to what another file defines, in a `use` or in place. A `pub use` in the `mod.rs` of a folder is
//! none, unless the rest of that file names it: a path through it leads to the file behind it. A call of a method is not
//! seen, since it names no file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::{code_of, is_test_code, sources};

/// The names between the colons of a path.
type Names = Vec<String>;

/// For each file the files that it imports, named below `src/`.
pub type Imports = BTreeMap<String, BTreeSet<String>>;

#[derive(Default)]
struct Module {
    file: String,
    /// What it defines.
    items: BTreeSet<String>,
    /// What its `use` lines name, and the path of it.
    used: BTreeMap<String, Names>,
    /// Every path in it that may be an import.
    paths: BTreeSet<Names>,
}

struct Modules(BTreeMap<Names, Module>);

pub fn imports() -> Imports {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let program = sources("src").into_iter().filter(|(path, _)| !is_test_code(path));
    let modules = program.map(|(path, text)| {
        let file = path.strip_prefix(&root).expect("below src").to_string_lossy().into_owned();
        (module_of(&file), Module::read(file, &code_of(&text)))
    });
    Modules(modules.collect()).imports()
}

/// The sets of files that import each other, directly or through others of the set.
pub fn circles(imports: &Imports) -> BTreeSet<BTreeSet<String>> {
    let reached: BTreeMap<&String, BTreeSet<&String>> =
        imports.keys().map(|file| (file, reached_from(file, imports))).collect();
    let circle = |file| {
        let circle = reached[file].iter().filter(|other| reached[**other].contains(file));
        circle.map(|other| (*other).clone()).collect::<BTreeSet<String>>()
    };
    imports.keys().map(circle).filter(|circle| !circle.is_empty()).collect()
}

fn reached_from<'a>(file: &'a String, imports: &'a Imports) -> BTreeSet<&'a String> {
    let (mut reached, mut open) = (BTreeSet::new(), vec![file]);
    while let Some(next) = open.pop() {
        open.extend(imports[next].iter().filter(|other| reached.insert(*other)));
    }
    reached
}

fn names(path: &str) -> Names {
    path.split("::").map(|name| name.trim().to_owned()).collect()
}

fn module_of(file: &str) -> Names {
    let mut module = names(&file.trim_end_matches(".rs").replace('/', "::"));
    module.pop_if(|last| last == "mod" || last == "lib");
    module
}

impl Module {
    fn read(file: String, code: &str) -> Module {
        let passes_on = file.ends_with("mod.rs") || file == "lib.rs";
        let mut module = Module { file, ..Module::default() };
        let mut in_place = String::new();
        let mut lines = code.lines();
        while let Some(line) = lines.next() {
            module.items.extend(defined_in(line));
            let statement = without_visibility(line.trim_start());
            let Some(tree) = statement.strip_prefix("use ") else {
                in_place = in_place + line + "\n";
                continue;
            };
            let mut tree = tree.to_owned();
            while !tree.ends_with(';') {
                tree += lines.next().expect("a `use` ends");
            }
            let leaves = leaves(tree.trim_end_matches(';'));
            if !passes_on || !line.trim_start().starts_with("pub") {
                module.paths.extend(leaves.iter().map(|(_, path)| path.clone()));
            }
            module.used.extend(leaves);
        }
        let in_place = in_place.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
        module.paths.extend(in_place.map(|path| names(path.trim_matches(':'))));
        module
    }
}

/// The line without the `pub` that it begins with.
fn without_visibility(line: &str) -> &str {
    let Some(rest) = line.strip_prefix("pub") else { return line };
    let rest = rest.strip_prefix('(').and_then(|rest| rest.split_once(')')).map_or(rest, |(_, rest)| rest);
    rest.trim_start()
}

/// The item that a line of a module defines.
fn defined_in(line: &str) -> Option<String> {
    const KINDS: [&str; 9] =
        ["fn", "struct", "enum", "trait", "type", "const", "static", "mod", "macro_rules"];
    let words = without_visibility(line).split(|c: char| !(c.is_alphanumeric() || c == '_'));
    let mut words = words.filter(|word| !word.is_empty() && *word != "async" && *word != "unsafe");
    let is_item = !line.starts_with(' ') && words.next().is_some_and(|word| KINDS.contains(&word));
    words.find(|word| is_item && *word != "fn").map(str::to_owned)
}

/// The names that a `use` makes known, each with its path.
fn leaves(tree: &str) -> Vec<(String, Names)> {
    if let Some((stem, group)) = tree.split_once('{') {
        let group = group.trim_end().strip_suffix('}').expect("a group ends");
        return split_group(group).iter().flat_map(|part| leaves(&format!("{stem}{part}"))).collect();
    }
    let (path, alias) = tree.split_once(" as ").map_or((tree, None), |(path, alias)| (path, Some(alias)));
    let mut path = names(path);
    path.pop_if(|last| last == "self");
    let name = alias.map(|alias| alias.trim().to_owned()).or_else(|| path.last().cloned());
    name.map(|name| (name, path)).into_iter().collect()
}

/// The parts of a group, whose own groups stay whole.
fn split_group(group: &str) -> Vec<String> {
    let (mut parts, mut depth) = (vec![String::new()], 0);
    for c in group.chars() {
        depth += i32::from(c == '{') - i32::from(c == '}');
        if c == ',' && depth == 0 {
            parts.push(String::new());
        } else {
            parts.last_mut().expect("there is one").push(c);
        }
    }
    parts.iter().map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

impl Modules {
    fn imports(&self) -> Imports {
        let imported = |(at, module): (&Names, &Module)| {
            let homes = module.paths.iter().filter_map(|path| self.home_of(at, path));
            (module.file.clone(), homes.filter(|home| *home != module.file).collect())
        };
        self.0.iter().map(imported).collect()
    }

    /// The file that defines what a path in a module leads to. `None`: it is a crate's, or it is a module, whose uses count.
    fn home_of(&self, from: &Names, path: &[String]) -> Option<String> {
        let (mut at, mut rest) = match path.first()?.as_str() {
            "crate" | "inactive_contractors" => (Vec::new(), &path[1..]),
            "self" => (from.clone(), &path[1..]),
            "super" => (from.clone(), path),
            first if self.0[from].used.contains_key(first) || self.child(from, first).is_some() => {
                (from.clone(), path)
            }
            _ => return None,
        };
        while let Some((name, after)) = rest.split_first() {
            let module = &self.0[&at];
            if name == "super" {
                at.pop();
            } else if let Some(child) = self.child(&at, name) {
                at = child;
            } else if let Some(used) = module.used.get(name).filter(|_| !module.items.contains(name)) {
                // `anyhow::anyhow` leads no further.
                let leads_on = used.first() != Some(name);
                return if leads_on { self.home_of(&at, &[used, after].concat()) } else { None };
            } else {
                return Some(module.file.clone());
            }
            rest = after;
        }
        None
    }

    fn child(&self, of: &Names, name: &str) -> Option<Names> {
        let child = [&of[..], &[name.to_owned()]].concat();
        self.0.contains_key(&child).then_some(child)
    }
}
