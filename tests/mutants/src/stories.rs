//! Runs tests: which there are, what each reaches, whether some of them notice a mutant.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// Nothing is quiet for so long that still gets somewhere, unless it took as long without a mutant.
const QUIET_MAX: Duration = Duration::from_secs(20);
/// The longest story by itself.
const STORY_MAX: Duration = Duration::from_secs(150);

/// A program of tests, and the name of one in it.
pub type Name = (String, String);

/// A test with its time in seconds and what it reaches.
type Kept = (String, f64, BTreeSet<usize>);

/// What is known of a test.
pub struct Story {
    pub took: Duration,
    pub reaches: BTreeSet<usize>,
}

#[derive(Debug, PartialEq)]
pub enum Outcome {
    Passed,
    Failed(String),
    Silent,
}

pub struct Stories {
    pub root: PathBuf,
    pub programs: BTreeMap<String, PathBuf>,
    /// Beginnings of names of tests that are left out.
    pub without: Vec<String>,
}

impl Stories {
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nice");
        command.args(["-n", "10"]).arg(&self.programs[program]).current_dir(&self.root);
        command.env("CARGO_MANIFEST_DIR", &self.root).env("RUNS", "10").env("PROPTEST_CASES", "32");
        command.stdin(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn tests(&self, program: &str) -> Vec<String> {
        let output = self.command(program).args(["--list", "--format", "terse"]).output();
        let text = String::from_utf8_lossy(&output.expect("a test program runs").stdout).into_owned();
        let tests = text.lines().filter_map(|line| line.strip_suffix(": test"));
        let kept = tests.filter(|test| !self.without.iter().any(|without| test.starts_with(without)));
        kept.map(str::to_owned).collect()
    }

    /// What running each test by itself showed. Programs that were run like that before are not run again.
    pub fn baseline(&self, workers: usize, folder: &Path) -> BTreeMap<Name, Story> {
        let mut stories = BTreeMap::new();
        for (program, path) in &self.programs {
            let file = folder.join(format!("{program}.json"));
            let time = |path: &Path| std::fs::metadata(path).and_then(|data| data.modified()).ok();
            let text = std::fs::read_to_string(&file).ok().filter(|_| time(&file) > time(path));
            let kept = text.and_then(|text| serde_json::from_str::<Vec<Kept>>(&text).ok());
            let kept = kept.unwrap_or_else(|| {
                let kept = self.run_each(program, workers, folder);
                let text = serde_json::to_string(&kept).expect("figures can be written out");
                std::fs::write(&file, text).expect("the target directory can be written");
                kept
            });
            stories.extend(kept.into_iter().map(|(test, took, reaches)| {
                ((program.clone(), test), Story { took: Duration::from_secs_f64(took), reaches })
            }));
        }
        stories
    }

    /// Runs each test by itself, without any mutant. Those that fail are said and left out.
    fn run_each(&self, program: &str, workers: usize, notes: &Path) -> Vec<Kept> {
        let tests = Mutex::new(self.tests(program));
        let stories = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for worker in 0..workers {
                let (tests, stories) = (&tests, &stories);
                scope.spawn(move || {
                    let notes = notes.join(format!("reached-{worker}"));
                    while let Some(test) = pop(tests) {
                        let _ = std::fs::remove_file(&notes);
                        let began = Instant::now();
                        let run = || self.run(program, &[&test], None, Some(&notes), STORY_MAX);
                        // Once more, if the machine was busy.
                        let outcome = if run() == Outcome::Passed { Outcome::Passed } else { run() };
                        let took = began.elapsed().as_secs_f64();
                        if outcome != Outcome::Passed {
                            println!("left out, since it fails without any mutant: {program} {test}");
                            continue;
                        }
                        let text = std::fs::read_to_string(&notes).unwrap_or_default();
                        let reaches = text.lines().filter_map(|line| line.parse().ok()).collect();
                        stories.lock().expect("no worker panics").push((test, took, reaches));
                    }
                });
            }
        });
        stories.into_inner().expect("no worker panics")
    }

    /// Tries whether these tests of a program notice a mutant; `took` is what the longest of them took without it.
    pub fn meet(&self, program: &str, tests: &[&str], mutant: usize, took: Duration) -> Outcome {
        self.run(program, tests, Some(mutant), None, QUIET_MAX.max(took * 2))
    }

    /// Runs these tests of a program until one of them fails or nothing is heard for so long.
    fn run(
        &self,
        program: &str,
        tests: &[&str],
        mutant: Option<usize>,
        notes: Option<&Path>,
        quiet: Duration,
    ) -> Outcome {
        let mut command = self.command(program);
        command.arg("--exact").args(tests);
        // Stories mostly wait, so some more of them than cores pass in less time.
        command.arg(if tests.len() > 1 { "--test-threads=3" } else { "--test-threads=1" });
        if let Some(mutant) = mutant {
            command.env("MUTANT", mutant.to_string());
        }
        if let Some(notes) = notes {
            command.env("MUTANTS_REACHED", notes);
        }
        let mut child = command.stdout(Stdio::piped()).process_group(0).spawn().expect("a test program runs");
        let outcome = listen(&mut child, quiet);
        if outcome != Outcome::Passed {
            // With whatever it started. It may be gone by itself.
            let group = format!("-{}", child.id());
            let _ = Command::new("kill").args(["-9", "--", &group]).stderr(Stdio::null()).status();
        }
        let status = child.wait();
        if outcome == Outcome::Passed && !status.is_ok_and(|status| status.success()) {
            // It ended without a word about a failure: something aborted it.
            return Outcome::Failed(String::new());
        }
        outcome
    }
}

pub fn pop<T>(queue: &Mutex<Vec<T>>) -> Option<T> {
    queue.lock().expect("no worker panics").pop()
}

fn listen(child: &mut Child, quiet: Duration) -> Outcome {
    let output = child.stdout.take().expect("its output is a pipe");
    let (said, heard) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if said.send(line).is_err() {
                return;
            }
        }
    });
    loop {
        match heard.recv_timeout(quiet) {
            Ok(line) => {
                if let Some(test) =
                    line.strip_suffix(" ... FAILED").and_then(|rest| rest.strip_prefix("test "))
                {
                    return Outcome::Failed(test.trim_end_matches(" - should panic").to_owned());
                }
                if line.starts_with("test result: FAILED") {
                    return Outcome::Failed(String::new());
                }
                if line.starts_with("test result: ok") {
                    return Outcome::Passed;
                }
            }
            Err(RecvTimeoutError::Timeout) => return Outcome::Silent,
            Err(RecvTimeoutError::Disconnected) => return Outcome::Passed,
        }
    }
}
