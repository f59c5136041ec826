//! Tries each mutant: the tests that reach it, those first that caught its neighbours or are named after its file, until one
//! fails.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::list::Mutant;
use crate::stories::{Name, Outcome, Stories, Story, pop};

/// A story that fails after this long may have waited for a busy machine, so it is asked again.
const WAITED: Duration = Duration::from_millis(5_500);
/// How many tests are tried one by one before all the others together.
const GUESSES: usize = 4;

/// Which stories tell of what is in a file that every story comes by, those first that tell most.
const STORIES_OF: [(&str, &str); 24] = [
    ("engine/mod", "schedule clock undo restarts noop reload watch app"),
    ("request/suspend", "obstacles approve okta guards retry pause clock"),
    ("request/mod", "pause obstacles rule_changed silence retry okta slack_faults approve undo two_people clock"),
    ("outbox/mod", "slack_faults surface clock messages"),
    ("services/listings", "surface guards okta watch"),
    ("inbox/mod", "home decisions approve strangers people two_people keeping"),
    ("authz/mod", "people strangers lookups own_accounts two_people"),
    ("sweep/survey", "cli schedule exemptions guards restore okta own_accounts"),
    ("sweep/mod", "schedule rule_changed slack_faults guards okta commands clock"),
    ("inbox/row_menu", "undo card_menu keeping own_accounts"),
    ("inbox/review", "dialog keeping"),
    ("reports/trend", "history digest home slack_faults"),
    ("request/sessions", "okta retry obstacles"),
    ("request/reminders", "silence pause retry"),
    ("outbox/outage", "disk"),
    ("engine/health", "watch cli"),
    ("commands/mod", "commands pause strangers"),
    ("authz/rights", "pause strangers commands"),
    ("commands/mutations", "restore retry commands"),
    ("commands/exemptions", "exemptions own_accounts pause"),
    ("commands/pauses", "pause"),
    ("commands/find_account", "commands"),
    ("commands/tail", "typed commands pause exemptions"),
    ("commands/typed", "typed commands"),
    ("commands/queries", "commands watch forward"),
    ("commands/exports", "history"),
];

/// The program whose tests take longest by far.
const STORIES: &str = "e2e";

#[derive(Clone, Debug)]
pub enum Verdict {
    /// By this test.
    Caught(Name),
    /// No test of those that ran comes here.
    Unreached,
    /// So many tests passed, of so many that come here.
    Survived(usize, usize),
}

/// What caught what, so that the next mutant nearby meets it first.
#[derive(Default)]
struct Killers {
    functions: BTreeMap<String, Vec<Name>>,
    files: BTreeMap<String, BTreeMap<Name, usize>>,
}

pub struct Trial<'a> {
    stories: &'a Stories,
    known: &'a BTreeMap<Name, Story>,
    reach: BTreeMap<usize, BTreeSet<&'a Name>>,
    killers: Mutex<Killers>,
    /// How long the stories of one mutant may take together, by what they took without it.
    budget: Duration,
}

impl<'a> Trial<'a> {
    pub fn new(stories: &'a Stories, known: &'a BTreeMap<Name, Story>, budget: Duration) -> Trial<'a> {
        let mut reach: BTreeMap<usize, BTreeSet<&Name>> = BTreeMap::new();
        for (name, story) in known {
            for number in &story.reaches {
                reach.entry(*number).or_default().insert(name);
            }
        }
        Trial { stories, known, reach, killers: Mutex::default(), budget }
    }

    /// Tries the mutants and prints each verdict as it falls.
    pub fn judge(&self, mutants: Vec<&Mutant>, workers: usize, tell: impl Fn(&Mutant, Verdict) + Sync) {
        let queue = Mutex::new(mutants.into_iter().rev().collect::<Vec<_>>());
        std::thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|| {
                    while let Some(mutant) = pop(&queue) {
                        tell(mutant, self.verdict(mutant));
                    }
                });
            }
        });
    }

    fn verdict(&self, mutant: &Mutant) -> Verdict {
        let Some(reaching) = self.reach.get(&mutant.number) else { return Verdict::Unreached };
        let mut rest = self.ranked(mutant, reaching);
        let guesses: Vec<&Name> = rest.drain(..GUESSES.min(rest.len())).collect();
        for name in &guesses {
            if self.catches(name, mutant) {
                return self.caught(mutant, (*name).clone());
            }
        }
        rest.sort_by_key(|name| (distance(name, &mutant.file), self.known[*name].took));
        let mut spent = Duration::ZERO;
        rest.retain(|name| {
            spent =
                spent.saturating_add(if name.0 == STORIES { self.known[*name].took } else { Duration::ZERO });
            name.0 != STORIES || spent <= self.budget
        });
        let tried = guesses.len() + rest.len();
        let mut programs: BTreeMap<&str, Vec<&Name>> = BTreeMap::new();
        for name in rest {
            programs.entry(&name.0).or_default().push(name);
        }
        let mut programs: Vec<_> = programs.into_values().collect();
        let took = |names: &Vec<&Name>| names.iter().map(|name| self.known[*name].took).sum::<Duration>();
        programs.sort_by_key(took);
        for names in programs {
            if let Some(name) = self.catch_together(names, mutant) {
                return self.caught(mutant, name);
            }
        }
        Verdict::Survived(tried, reaching.len())
    }

    /// Those first that caught something near; then those that are named after the file; then the quick ones.
    fn ranked<'b>(&self, mutant: &Mutant, reaching: &BTreeSet<&'b Name>) -> Vec<&'b Name> {
        let killers = self.killers.lock().expect("no worker panics");
        let function = killers.functions.get(&mutant.function);
        let file = killers.files.get(&mutant.file);
        let mut ranked: Vec<&Name> = reaching.iter().copied().collect();
        ranked.sort_by_cached_key(|name| {
            let lately = function.and_then(|names| names.iter().rev().position(|other| other == *name));
            let often = file.and_then(|names| names.get(*name)).copied().unwrap_or_default();
            let distance = distance(name, &mutant.file);
            (lately.unwrap_or(usize::MAX), usize::MAX - often, distance, self.known[*name].took)
        });
        ranked
    }

    fn caught(&self, mutant: &Mutant, name: Name) -> Verdict {
        let mut killers = self.killers.lock().expect("no worker panics");
        let names = killers.functions.entry(mutant.function.clone()).or_default();
        names.retain(|other| *other != name);
        names.push(name.clone());
        *killers.files.entry(mutant.file.clone()).or_default().entry(name.clone()).or_default() += 1;
        Verdict::Caught(name)
    }

    fn catches(&self, name: &Name, mutant: &Mutant) -> bool {
        let once = || {
            let began = Instant::now();
            match self.stories.meet(&name.0, &[&name.1], mutant.number, self.known[name].took) {
                Outcome::Passed => (false, began.elapsed()),
                // Far beyond what a busy machine does.
                Outcome::Silent => (true, Duration::ZERO),
                Outcome::Failed(_) => (true, began.elapsed()),
            }
        };
        let (failed, took) = once();
        failed && (took < WAITED || once().0)
    }

    fn catch_together(&self, mut names: Vec<&Name>, mutant: &Mutant) -> Option<Name> {
        while !names.is_empty() {
            let tests: Vec<&str> = names.iter().map(|name| name.1.as_str()).collect();
            let took = names.iter().map(|name| self.known[*name].took).max().unwrap_or_default();
            match self.stories.meet(&names[0].0, &tests, mutant.number, took) {
                Outcome::Passed => return None,
                Outcome::Silent => return Some((names[0].0.clone(), "(silent)".to_owned())),
                Outcome::Failed(test) => {
                    let Some(at) = names.iter().position(|name| name.1 == test) else {
                        return Some((names[0].0.clone(), "(aborted)".to_owned()));
                    };
                    // By itself, so that it can't have been the others' load.
                    let name = names.remove(at);
                    if self.catches(name, mutant) {
                        return Some(name.clone());
                    }
                }
            }
        }
        None
    }
}

/// How far the test is from what is in the file: none, if its module is called like the file or a folder on its path.
fn distance((_, test): &Name, file: &str) -> usize {
    let module = test.split("::").next().unwrap_or_default();
    let path = file.trim_end_matches(".rs");
    if path.split('/').skip(2).any(|part| part == module) {
        return 0;
    }
    let told = STORIES_OF.iter().find(|(of, _)| path.ends_with(of)).map_or("", |(_, modules)| modules);
    told.split(' ').position(|one| one == module).map_or(usize::MAX, |place| place + 1)
}
