//! Rules of the repository that no compiler checks: which room may import which, where rusqlite may be named, how long
//! a file may be.

#[path = "tidy/imports.rs"]
mod imports;

use std::path::{Path, PathBuf};

/// The rooms of `src/` from the ground up, each with the rooms that it may import. Those of the workflow come after `services`:
/// each of them may import what `services` may, and the ones before it.
const GROUND: [(&str, &[&str]); 11] = [
    ("domain", &[]),
    ("clock", &[]),
    ("net", &["domain"]),
    ("files", &[]),
    ("scheduler", &["clock"]),
    ("identity", &["domain", "clock", "net", "scheduler"]),
    ("chat", &["clock", "net", "scheduler"]),
    ("store", &["domain", "files"]),
    ("forward", &["domain", "store", "net", "files"]),
    ("config", &["domain", "forward", "net"]),
    ("wording", &["domain", "identity", "chat", "store"]),
];
const WORKFLOW: [&str; 9] =
    ["services", "authz", "reports", "outbox", "request", "sweep", "commands", "inbox", "engine"];
const SERVICES: [&str; 7] = ["domain", "identity", "chat", "store", "clock", "scheduler", "wording"];

/// What is above the workflow may import all of it: the wiring, what watches it from outside, the commands of the binary.
const ROOF: [&str; 8] = ["bot", "cli", "exit", "lib", "main", "messenger", "monitoring", "traces"];

/// Adapters know their port and nothing of each other, and the port knows nothing of them.
const ADAPTERS: [(&str, &str); 3] = [("identity", "okta"), ("identity", "entra"), ("chat", "slack")];

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

/// The rooms that a room may import; `None` if there is no such room, or it may import everything.
fn allowed(room: &str) -> Option<Vec<&'static str>> {
    if let Some((_, rooms)) = GROUND.iter().find(|(name, _)| *name == room) {
        return Some(rooms.to_vec());
    }
    let floor = WORKFLOW.iter().position(|name| *name == room)?;
    Some([&SERVICES[..], &WORKFLOW[..floor]].concat())
}

/// What a file says outside of comments and of the tests in it.
fn code_of(text: &str) -> String {
    let is_inline = |at: &usize| text[*at..].lines().nth(1).is_some_and(|line| line.ends_with('{'));
    let tests = text.match_indices("#[cfg(test)]\nmod ").map(|(at, _)| at).find(is_inline);
    text[..tests.unwrap_or(text.len())]
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .fold(String::new(), |code, line| code + line + "\n")
}

fn is_test_code(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "tests.rs" || name == "bench.rs")
}

#[test]
fn rooms_import_only_what_is_below_them() {
    let mut broken = Vec::new();
    for (path, text) in sources("src") {
        let room = room(&path);
        let Some(allowed) = allowed(&room) else {
            assert!(ROOF.contains(&room.as_str()), "a new room: {room}");
            continue;
        };
        if is_test_code(&path) {
            continue;
        }
        for name in imported(&code_of(&text)) {
            let is_room = is_a_room(&name);
            if is_room && name != room && !allowed.contains(&name.as_str()) {
                broken.push(format!("{} imports {name}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

fn is_a_room(name: &str) -> bool {
    allowed(name).is_some() || ROOF.contains(&name)
}

/// Who reads a file can read first what it imports.
#[test]
fn files_import_in_one_direction() {
    let imports = imports::imports();
    let circles = imports::circles(&imports);
    for circle in &circles {
        for file in circle {
            let of_circle: Vec<_> = imports[file].intersection(circle).collect();
            println!("{file} imports {of_circle:?}");
        }
    }
    assert!(
        circles.is_empty(),
        "{circles:#?}: a type that both sides need has its place in a file of its own"
    );
}

#[test]
fn ports_and_adapters_keep_apart() {
    let mut broken = Vec::new();
    for (path, text) in sources("src") {
        let (room, code) = (room(&path), code_of(&text));
        for (port, adapter) in ADAPTERS {
            let is_adapter = path.components().any(|part| part.as_os_str() == adapter);
            let names_it = code.contains(&format!("{port}::{adapter}"));
            if names_it && !is_adapter && !ROOF.contains(&room.as_str()) {
                broken.push(format!("{} names {port}::{adapter}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

/// The component of each room: what a room does, it does by the methods of that one type.
const COMPONENTS: [(&str, &str); 9] = [
    ("services", "Services"),
    ("authz", "Authz"),
    ("reports", "Reports"),
    ("outbox", "Outbox"),
    ("request", "Requests"),
    ("sweep", "Sweeper"),
    ("commands", "Commands"),
    ("inbox", "Inbox"),
    ("engine", "Engine"),
];

#[test]
fn a_component_has_methods_in_its_own_room_only() {
    let mut broken = Vec::new();
    for (path, text) in sources("src") {
        let here = room(&path);
        for (room, component) in COMPONENTS {
            if room != here && text.contains(&format!("\nimpl {component} {{")) {
                broken.push(format!("{} adds methods to {component}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

/// `request/attempt.rs` commits the intent, and then calls what the effect names. A second place would have to remember it.
#[test]
fn each_change_of_an_account_is_called_in_one_place() {
    for (call, home) in [
        (".suspend(self.of()", "src/request/suspend.rs"),
        (".restore(self.of()", "src/request/restore.rs"),
        (".clear_sessions(self.of()", "src/request/sessions.rs"),
        ("effect.call()", "src/request/attempt.rs"),
    ] {
        let calls = |(path, text): (PathBuf, String)| {
            let times = code_of(&text).matches(call).count();
            (0..times).map(move |_| path.clone()).collect::<Vec<_>>()
        };
        let calls: Vec<_> = sources("src").into_iter().flat_map(calls).collect();
        assert!(matches!(&calls[..], [path] if path.ends_with(home)), "{call}: {calls:?}");
    }
    // Nobody else has the trait that these calls need.
    let mut callers: Vec<PathBuf> = sources("src")
        .into_iter()
        .filter(|(path, text)| {
            room(path) != "identity" && !is_test_code(path) && code_of(text).contains("Lifecycle")
        })
        .map(|(path, _)| path)
        .collect();
    callers.sort();
    let homes = ["restore.rs", "sessions.rs", "suspend.rs"];
    let as_expected = callers.iter().zip(homes).all(|(path, home)| path.ends_with(home));
    assert!(callers.len() == homes.len() && as_expected, "{callers:?}");
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

/// The words of a chat system come from its adapter: its name, and what a command begins with.
#[test]
fn no_sentence_names_the_chat_system_or_its_way_to_write_commands() {
    let rooms = [&WORKFLOW[..], &["wording", "domain"]].concat();
    let mut broken = Vec::new();
    for (path, text) in sources("src") {
        if rooms.contains(&room(&path).as_str()) && !is_test_code(&path) {
            let lines = code_of(&text);
            let names_it = |line: &&str| {
                line.contains("Slack") || line.contains("\"/inactive") || line.contains("`/inactive")
            };
            broken.extend(lines.lines().filter(names_it).map(|line| format!("{}: {line}", path.display())));
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

/// Only an action knows whether a press of its button opens a dialog, which a chat system may have to know beforehand.
#[test]
fn buttons_are_made_of_typed_actions() {
    let mut broken = Vec::new();
    for (path, text) in sources("src") {
        let may = room(&path) == "chat" || is_test_code(&path) || path.ends_with("wording/actions.rs");
        let code = code_of(&text);
        let made = ["Button::new(", "opens: "].into_iter().filter(|made| !may && code.contains(made));
        broken.extend(made.map(|made| format!("{} has {made}", path.display())));
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
