//! Mutation testing in minutes: all mutants of a room are built into one copy of the bot, each behind a switch.
//!
//! cargo-mutants says which mutants there are; `rewrite` builds them in; what doesn't compile is left out, from the
//! compiler's own errors; each test is run once to see which mutants it reaches; then each mutant meets the tests that
//! reach it, until one fails. The tree itself is never written to: the copy is in the target directory.
//!
//! `tests/mutants/explained` names the mutants that may survive, each with the reason.

mod compile;
mod list;
mod rewrite;
mod stories;
mod trial;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use compile::Copy;
use list::Mutant;
use rewrite::Known;
use stories::Stories;
use trial::{Trial, Verdict};

/// Test processes at a time, unless `WORKERS` says others: most of what a mutant breaks is waited for without success.
const WORKERS: usize = 2;
/// Test programs, unless `TESTS` says others.
const PROGRAMS: &str = "domain lib config wording store properties simulation e2e";
/// Stories that take very long: they kill processes over and over.
const WITHOUT: [&str; 2] = ["crash::", "kills::"];

#[expect(clippy::disallowed_methods, reason = "how tests are run is no setting of the bot")]
fn main() {
    let mut rooms: Vec<String> = std::env::args().skip(1).collect();
    let again = rooms.last().is_some_and(|last| last == "again");
    rooms.truncate(rooms.len() - usize::from(again));
    assert!(!rooms.is_empty(), "usage: run ROOM... [again]");
    let began = Instant::now();
    let tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the bot's tree");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| tree.join("target"), PathBuf::from);
    let work = target.join("mutants");
    std::fs::create_dir_all(&work).expect("the target directory can be written");

    let mutants = list::of(&tree, &rooms);
    println!("{} mutants of {}", mutants.len(), rooms.join(", "));
    let copy = Copy::make(&tree, work.join("tree"), work.join("target"), &mutants);
    let names = std::env::var("TESTS").unwrap_or_else(|_| PROGRAMS.to_owned());
    let names: Vec<String> = names.split_whitespace().map(str::to_owned).collect();
    let programs = copy.programs(&names);
    println!("built after {} s", began.elapsed().as_secs());
    let without = WITHOUT.map(str::to_owned).to_vec();
    let stories = Stories { root: copy.root.clone(), programs, without };
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<usize>().ok());
    let workers = number("WORKERS").unwrap_or(WORKERS);
    let known = stories.baseline(workers, &work);
    println!("{} tests, run one by one after {} s", known.len(), began.elapsed().as_secs());

    let results = Results::open(work.join("verdicts.json"), again);
    let explained = explained(&tree);
    let open = |mutant: &&Mutant| {
        copy.known.is_live(mutant.number)
            && !results.is_caught(mutant)
            && !(again && explained.contains_key(&mutant.name))
    };
    let live: Vec<&Mutant> = mutants.iter().filter(open).collect();
    println!("{} mutants to try", live.len());
    let budget = number("BUDGET").map_or(Duration::MAX, |seconds| Duration::from_secs(seconds as u64));
    Trial::new(&stories, &known, budget)
        .judge(live, workers, |mutant, verdict| results.note(mutant, &verdict));
    report(&explained, &mutants, &copy.known, &results);
    println!("{} s", began.elapsed().as_secs());
}

/// The verdicts by the mutants' names, kept in a file so that a later run can go on with what survived.
struct Results {
    file: PathBuf,
    verdicts: Mutex<BTreeMap<String, Value>>,
}

impl Results {
    fn open(file: PathBuf, again: bool) -> Results {
        let text = std::fs::read_to_string(&file).ok().filter(|_| again);
        let verdicts = text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        Results { file, verdicts: Mutex::new(verdicts) }
    }

    fn verdict(&self, mutant: &Mutant) -> Value {
        self.verdicts.lock().expect("no worker panics").get(&mutant.name).cloned().unwrap_or_default()
    }

    fn is_caught(&self, mutant: &Mutant) -> bool {
        self.verdict(mutant)["caught"].is_array()
    }

    fn note(&self, mutant: &Mutant, verdict: &Verdict) {
        let value = match verdict {
            Verdict::Caught((program, test)) => json!({ "caught": [program, test] }),
            Verdict::Unreached => json!({ "unreached": true, "place": mutant.place }),
            Verdict::Survived(tests, of) => json!({ "survived": [tests, of], "place": mutant.place }),
        };
        if !matches!(verdict, Verdict::Caught(_)) {
            println!(
                "{} {}",
                if matches!(verdict, Verdict::Unreached) { "unreached" } else { "SURVIVED" },
                mutant.place
            );
        }
        let mut verdicts = self.verdicts.lock().expect("no worker panics");
        verdicts.insert(mutant.name.clone(), value);
        let text = serde_json::to_string_pretty(&*verdicts).expect("verdicts can be written out");
        std::fs::write(&self.file, text).expect("the target directory can be written");
    }
}

/// The mutants that may survive, with the reason.
fn explained(tree: &Path) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(tree.join("tests/mutants/explained")).unwrap_or_default();
    let lines = text.lines().filter_map(|line| line.split_once(" ## "));
    lines.map(|(name, why)| (name.to_owned(), why.to_owned())).collect()
}

/// The figures, and what survived without an explanation.
fn report(explained: &BTreeMap<String, String>, mutants: &[Mutant], known: &Known, results: &Results) {
    let (mut caught, mut told, mut open) = (0, 0, Vec::new());
    for mutant in mutants.iter().filter(|mutant| known.is_live(mutant.number)) {
        if results.is_caught(mutant) {
            caught += 1;
            if explained.contains_key(&mutant.name) {
                println!("explained, but caught: {}", mutant.name);
            }
        } else if explained.contains_key(&mutant.name) {
            told += 1;
        } else {
            open.push(mutant);
        }
    }
    let mut skipped: BTreeMap<&str, usize> = BTreeMap::new();
    for why in known.skipped.values() {
        *skipped.entry(why).or_default() += 1;
    }
    println!("\nsurvived, unexplained:");
    for mutant in &open {
        let reached = if results.verdict(mutant)["unreached"] == true { " (no test comes here)" } else { "" };
        println!("{}{reached}\n    {}", mutant.place, mutant.name);
    }
    println!(
        "\nlisted {}, unviable {}, skipped {} {skipped:?}, caught {caught}, explained {told}, open {}",
        mutants.len(),
        known.unviable.len(),
        known.skipped.len(),
        open.len()
    );
}
