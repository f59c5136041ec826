//! The copy of the bot with all mutants in it, and its test programs.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::list::Mutant;
use crate::rewrite::{Known, rewrite};

/// More rounds than errors ever took to come out.
const ROUNDS_MAX: usize = 60;

/// What is different in the copy: how long stories wait without success before they fail, which most mutants make one
/// of them do, and that processes which stories start know of the mutant too.
const PATCHES: [(&str, &str, &str); 3] = [
    ("tests/support/mod.rs", "timeout(GUARD,", "timeout(std::time::Duration::from_secs(6),"),
    ("tests/fake/slack/see.rs", "PATIENCE: Duration = GUARD", "PATIENCE: Duration = Duration::from_secs(6)"),
    (
        "tests/support/process.rs",
        ".env_clear()",
        ".env_clear().envs(std::env::vars().filter(|(name, _)| name.starts_with(\"MUTANT\")))",
    ),
];

/// What tests spend their time in: keys, hashes and pictures.
const QUICK: [&str; 12] = [
    "rsa",
    "num-bigint-dig",
    "p256",
    "crypto-bigint",
    "elliptic-curve",
    "primeorder",
    "sha2",
    "png",
    "miniz_oxide",
    "fdeflate",
    "plotters",
    "plotters-bitmap",
];

/// The list of mutants, those that don't compile, and those in the long form.
type Kept = (String, BTreeSet<usize>, BTreeSet<usize>);

pub struct Copy {
    pub root: PathBuf,
    /// Where it is built: cargo gives its programs the names of the tree's own, so they may not meet.
    target: PathBuf,
    pub known: Known,
}

impl Copy {
    /// Makes the copy and leaves out of it what doesn't compile.
    pub fn make(tree: &Path, root: PathBuf, target: PathBuf, mutants: &[Mutant]) -> Copy {
        let rewritten: BTreeSet<&Path> = mutants.iter().map(|mutant| Path::new(&mutant.file)).collect();
        let mut files = Vec::new();
        for entry in std::fs::read_dir(tree).expect("the tree can be read").filter_map(Result::ok) {
            if !["target", ".git"].iter().any(|other| entry.file_name() == *other) {
                walk(&entry.path(), &mut files);
            }
        }
        for path in files {
            let below = path.strip_prefix(tree).expect("it is in the tree");
            if !rewritten.contains(below) {
                let bytes = std::fs::read(&path).expect("the tree can be read");
                put(&root.join(below), &patched(below, bytes));
            }
        }
        put(&root.join("src/mutant.rs"), include_bytes!("switch.rs"));
        // What was found out about the same mutants before needs no finding out.
        let list: Vec<&str> = mutants.iter().map(|mutant| mutant.place.as_str()).collect();
        let list = format!("{list:?}");
        let kept = root.with_file_name("known.json");
        let text = std::fs::read_to_string(&kept).ok();
        let before =
            text.and_then(|text| serde_json::from_str::<Kept>(&text).ok()).filter(|kept| kept.0 == list);
        let mut known = Known::default();
        if let Some((_, unviable, long)) = before {
            (known.unviable, known.long) = (unviable, long);
        }
        let mut copy = Copy { root, target, known };
        copy.settle(tree, mutants);
        let text = serde_json::to_string(&(list, &copy.known.unviable, &copy.known.long));
        std::fs::write(kept, text.expect("numbers can be written out")).expect("the copy can be written");
        copy
    }

    fn settle(&mut self, tree: &Path, mutants: &[Mutant]) {
        let mut files: BTreeMap<&str, Vec<&Mutant>> = BTreeMap::new();
        for mutant in mutants {
            files.entry(&mutant.file).or_default().push(mutant);
        }
        for round in 1..=ROUNDS_MAX {
            for (file, mutants) in &files {
                let text = std::fs::read_to_string(tree.join(file)).expect("a listed file is there");
                let text = rewrite(&text, mutants, &mut self.known);
                put(&self.root.join(file), text.as_bytes());
            }
            let errors = self.check();
            if errors.is_empty() {
                return;
            }
            let before = (self.known.unviable.len(), self.known.skipped.len(), self.known.long.len());
            for error in &errors {
                self.blame(error);
            }
            let after = (self.known.unviable.len(), self.known.skipped.len(), self.known.long.len());
            println!(
                "round {round}: {} errors; unviable {}, skipped {}, long {}",
                errors.len(),
                after.0,
                after.1,
                after.2
            );
            if before == after {
                for error in errors.iter().take(5) {
                    println!("{}", error["rendered"].as_str().unwrap_or_default());
                }
                panic!("errors that no mutant is to blame for");
            }
        }
        panic!("still errors after {ROUNDS_MAX} rounds");
    }

    fn cargo(&self, arguments: &[&str]) -> Vec<Value> {
        let mut cargo = Command::new("cargo");
        for name in QUICK {
            cargo.arg("--config").arg(format!("profile.dev.package.{name}.opt-level=3"));
        }
        cargo
            .current_dir(&self.root)
            .env("CARGO_TARGET_DIR", &self.target)
            .args(arguments)
            .args(["--locked", "--message-format=json"]);
        let output = cargo.stderr(Stdio::inherit()).output().expect("cargo can be run");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    fn check(&self) -> Vec<Value> {
        let said = self.cargo(&["check", "--lib", "--quiet"]);
        let errors = said.into_iter().filter(|line| line["reason"] == "compiler-message");
        errors.map(|line| line["message"].clone()).filter(|message| message["level"] == "error").collect()
    }

    /// Takes out of the next round whatever this error is about.
    fn blame(&mut self, error: &Value) {
        let none = Vec::new();
        let spans = error["spans"].as_array().unwrap_or(&none);
        let (primary, others): (Vec<_>, Vec<_>) = spans.iter().partition(|span| span["is_primary"] == true);
        for span in primary.into_iter().chain(others) {
            let (Some(file), Some(at)) = (span["file_name"].as_str(), span["byte_start"].as_u64()) else {
                continue;
            };
            let end = span["byte_end"].as_u64().unwrap_or(at);
            let Ok(text) = std::fs::read_to_string(self.root.join(file)) else { continue };
            if error["code"]["code"] == "E0004" {
                let before = self.known.unviable.len();
                self.known.unviable.extend(arms(&text[end as usize..]));
                if self.known.unviable.len() > before {
                    return;
                }
            }
            if let Some((numbers, alone)) = innermost(&text, at as usize, end as usize) {
                for number in numbers {
                    if alone {
                        self.known.unviable.insert(number);
                    } else if !self.known.long.insert(number) {
                        self.known.skipped.insert(number, "no form of the switch compiles");
                    }
                }
                return;
            }
        }
    }

    /// Builds the test programs of these names (`lib` is the library's own).
    pub fn programs(&self, names: &[String]) -> BTreeMap<String, PathBuf> {
        let mut arguments = vec!["test", "--no-run", "--quiet"];
        for name in names {
            match name.as_str() {
                "lib" => arguments.push("--lib"),
                name => arguments.extend(["--test", name]),
            }
        }
        let wanted: BTreeSet<&str> = names.iter().map(String::as_str).collect();
        let mut found = BTreeMap::new();
        for line in self.cargo(&arguments) {
            let name = line["target"]["name"].as_str().unwrap_or_default();
            let name = if line["target"]["kind"][0] == "lib" { "lib" } else { name };
            if let Some(program) = line["executable"].as_str()
                && wanted.contains(name)
            {
                // The next build puts another program in its place.
                let kept = self.root.with_file_name(name);
                put(&kept, &std::fs::read(program).expect("what was built is there"));
                let executable = std::fs::Permissions::from_mode(0o755);
                std::fs::set_permissions(&kept, executable).expect("it is ours");
                found.insert(name.to_owned(), kept);
            }
        }
        assert_eq!(found.len(), wanted.len(), "not all test programs were built: {found:?}");
        found
    }
}

fn walk(path: &Path, files: &mut Vec<PathBuf>) {
    if path.is_dir() {
        for entry in std::fs::read_dir(path).expect("the tree can be read").filter_map(Result::ok) {
            walk(&entry.path(), files);
        }
    } else {
        files.push(path.to_owned());
    }
}

/// Writes the file, unless it is like that already: cargo builds by times.
fn put(path: &Path, bytes: &[u8]) {
    if std::fs::read(path).ok().as_deref() != Some(bytes) {
        std::fs::create_dir_all(path.parent().expect("a file is in a folder"))
            .expect("the copy can be written");
        std::fs::write(path, bytes).expect("the copy can be written");
    }
}

/// What is different in the copy besides the mutants.
fn patched(file: &Path, bytes: Vec<u8>) -> Vec<u8> {
    if file == Path::new("src/lib.rs") {
        return [bytes.as_slice(), b"\n#[allow(missing_docs)]\npub mod mutant;\n"].concat();
    }
    for (other, from, to) in PATCHES {
        if file == Path::new(other) {
            let text = String::from_utf8(bytes).expect("sources are text");
            assert!(text.contains(from), "{other} is another one");
            return text.replace(from, to).into_bytes();
        }
    }
    bytes
}

/// The mutants that take away an arm of the match whose block comes next. If none of the others stands in for it, they can't.
fn arms(text: &str) -> Vec<usize> {
    let mut numbers = Vec::new();
    let mut depth = 0;
    for (at, character) in text.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 1 => break,
            '}' => depth -= 1,
            '/' if depth == 1 => {
                let mark = text[at..].strip_prefix("/*MUT<").and_then(|rest| rest.split_once("*/"));
                let arm = mark.filter(|(_, rest)| rest.starts_with(" if !"));
                numbers.extend(arm.and_then(|(number, _)| number.parse::<usize>().ok()));
            }
            _ => {}
        }
    }
    numbers
}

/// The mutants of the innermost marks around a place, and whether it is what one of them alone brings.
fn innermost(text: &str, from: usize, to: usize) -> Option<(Vec<usize>, bool)> {
    let mut open: Vec<(Vec<usize>, bool)> = Vec::new();
    let mut around: Vec<(Vec<usize>, bool)> = Vec::new();
    let mut reached = false;
    for (at, _) in text.match_indices("/*MUT") {
        if at >= from && !reached {
            around = open.clone();
            reached = true;
        }
        if at >= to && reached {
            break;
        }
        let mark = &text[at + 5..];
        if mark.starts_with('>') {
            open.pop();
            // What is closed before the error ends doesn't hold all of it.
            around.truncate(if reached { open.len() } else { usize::MAX });
        } else {
            let numbers = mark[1..].split("*/").next().unwrap_or_default().split(',');
            open.push((numbers.filter_map(|number| number.parse().ok()).collect(), mark.starts_with('=')));
        }
    }
    if !reached { open.pop() } else { around.pop() }
}
