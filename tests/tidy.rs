//! Rules of the repository that no compiler checks: who may import whom, where rusqlite may be named, how long a file
//! may be.

use std::path::{Path, PathBuf};

/// Each room of `src/` with the rooms that it may import. The wiring (`bot`, `main`, and a file for each command of its own) may import
/// all.
const IMPORTS: [(&str, &[&str]); 12] = [
    ("domain", &[]),
    ("identity", &["domain"]),
    ("chat", &[]),
    ("clock", &[]),
    ("net", &[]),
    ("files", &[]),
    ("scheduler", &["clock"]),
    ("config", &["domain", "forward", "net"]),
    ("forward", &["domain", "store", "net", "files"]),
    ("store", &["domain", "forward", "files"]),
    ("okta", &["identity", "domain", "clock", "net", "scheduler"]),
    ("slack", &["chat", "clock", "net", "scheduler"]),
];
const APP: (&str, &[&str]) =
    ("app", &["domain", "identity", "chat", "store", "forward", "clock", "scheduler"]);

/// The wiring, what each command of the binary does, and what these have in common.
const COMMANDS: [&str; 16] = [
    "archive", "backup", "bot", "check", "dry_run", "exit", "init", "lib", "main", "restore", "settings",
    "status", "terminal", "traces", "trail", "watch",
];

/// Longer files have several rooms in them.
const LINES_MAX: usize = 600;

fn sources(under: &str) -> Vec<(PathBuf, String)> {
    fn walk(directory: &Path, found: &mut Vec<(PathBuf, String)>) {
        for entry in std::fs::read_dir(directory).expect("the folder is there") {
            let path = entry.expect("its entries can be read").path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).expect("sources are text");
                found.push((path, text));
            }
        }
    }
    let mut found = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join(under), &mut found);
    assert!(!found.is_empty(), "no sources under {under}");
    found
}

/// The room of a file: the first folder or file name below `src/`.
fn room(path: &Path) -> String {
    let below = path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).expect("below src");
    let first =
        below.components().next().expect("a file has a name").as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_owned()
}

/// The rooms that a text names after `crate::`.
fn imported(text: &str) -> impl Iterator<Item = String> {
    text.split("crate::").skip(1).flat_map(|rest| {
        let names = match rest.strip_prefix('{') {
            Some(group) => group.split('}').next().unwrap_or_default(),
            None => rest,
        };
        let several = rest.starts_with('{');
        let names: Vec<String> = names
            .split(',')
            .take(if several { usize::MAX } else { 1 })
            .map(|name| name.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect())
            .collect();
        names
    })
}

#[test]
fn rooms_import_only_what_they_may() {
    let mut broken = Vec::new();
    for (path, text) in sources("src") {
        let room = room(&path);
        let Some((_, allowed)) = IMPORTS.iter().chain([&APP]).find(|(name, _)| *name == room) else {
            assert!(COMMANDS.contains(&room.as_str()), "a new room: {room}");
            continue;
        };
        let code: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        for name in imported(&code) {
            let is_room = IMPORTS.iter().chain([&APP]).any(|(other, _)| *other == name);
            if is_room && name != room && !allowed.contains(&name.as_str()) {
                broken.push(format!("{} imports {name}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn only_one_folder_names_rusqlite() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let homes = [root.join("src/store/sqlite"), root.join("tests/store")];
    let broken: Vec<_> = sources("src")
        .into_iter()
        .chain(sources("tests"))
        .filter(|(path, text)| {
            !homes.iter().any(|home| path.starts_with(home)) && text.contains(concat!("rusqlite", "::"))
        })
        .map(|(path, _)| path)
        .collect();
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn only_the_store_and_its_tests_have_sql() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let homes = [root.join("src/store"), root.join("tests/store"), root.join("tests/tidy.rs")];
    let words = ["SELECT ", "INSERT INTO ", "UPDATE ", "DELETE FROM ", "CREATE TABLE ", "DROP ", "PRAGMA "];
    let mut broken = Vec::new();
    for (path, text) in sources("src").into_iter().chain(sources("tests")) {
        if !homes.iter().any(|home| path.starts_with(home)) {
            broken
                .extend(words.iter().filter(|word| text.contains(**word)).map(|word| (path.clone(), *word)));
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

/// The use cases are written once, for more than one engine. What has no portable form belongs in an engine's own folder,
/// and an index that has to be named, among the hints of `tx.rs`.
#[test]
fn the_sql_of_the_use_cases_is_portable() {
    let of_sqlite = [
        "INDEXED BY",
        "INSERT OR ",
        "last_insert_rowid",
        "json_extract",
        "PRAGMA",
        "sqlite_",
        "iif(",
        "instr(",
        "char(",
        "strftime",
        " GLOB ",
        " NOCASE",
        "= ?\"",
    ];
    let mut broken = Vec::new();
    for (path, text) in sources("src/store") {
        if path.components().any(|part| part.as_os_str() == "sqlite") {
            continue;
        }
        let hints = path.ends_with("tx.rs");
        for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
            let found = of_sqlite.iter().filter(|word| line.contains(**word));
            let found = found.filter(|word| !(hints && **word == "INDEXED BY"));
            broken.extend(found.map(|word| (path.clone(), *word)));
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn the_core_is_pure() {
    let impure = ["async ", "tokio::", "std::fs", "std::net", "reqwest", "Utc::now", "fastrand", "std::env"];
    let mut broken = Vec::new();
    for (path, text) in sources("src/domain") {
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in code {
            broken
                .extend(impure.iter().filter(|word| line.contains(**word)).map(|word| (path.clone(), *word)));
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn no_file_is_too_long_and_nothing_is_left_open() {
    let mut broken = Vec::new();
    for (path, text) in sources("src").into_iter().chain(sources("tests")) {
        if text.lines().count() > LINES_MAX {
            broken.push(format!("{} has {} lines", path.display(), text.lines().count()));
        }
        if path.ends_with("tidy.rs") {
            continue;
        }
        for word in ["TODO", "FIXME", "todo!(", "unimplemented!(", "dbg!(", "#[ignore"] {
            if text.contains(word) {
                broken.push(format!("{} has {word}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}
