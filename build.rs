//! Tells the program which commit it is built from, for `--version`. Never fails: where there is no git, it says so.
//!
//! `COMMIT` in the environment comes before git, for builds of containers that have no `.git`.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=COMMIT");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    #[expect(clippy::disallowed_methods, reason = "cargo tells a build script everything this way")]
    let (given, profile) = (std::env::var("COMMIT").ok(), std::env::var("PROFILE"));
    let commit = match given.as_deref().and_then(tidied) {
        Some(given) => given,
        // Looking would build everything anew after each commit, for programs that are never installed.
        None if profile.as_deref() != Ok("release") => "debug build".to_owned(),
        None => {
            // Written at each commit and checkout. A path that isn't there would be looked for by each build.
            let changes =
                git(folder, &["rev-parse", "--git-path", "logs/HEAD"]).map(|path| folder.join(path));
            if let Some(path) = changes.filter(|path| path.exists()) {
                println!("cargo::rerun-if-changed={}", path.display());
            }
            commit(folder)
        }
    };
    println!("cargo::rustc-env=COMMIT={commit}");
}

/// Hash and day of the commit that is checked out in this folder, or "unknown".
pub fn commit(folder: &Path) -> String {
    // An unpacked archive of the sources may lie in somebody else's repository.
    let is_ours = git(folder, &["ls-files", "--error-unmatch", "Cargo.toml"]).is_some();
    let commit = is_ours.then(|| git(folder, &["log", "-1", "--abbrev=12", "--format=%h %cs"])).flatten();
    commit.and_then(|commit| tidied(&commit)).unwrap_or_else(|| "unknown".to_owned())
}

/// A whole hash is cut to what people compare; what couldn't stand in a version is nothing.
pub fn tidied(commit: &str) -> Option<String> {
    let (hash, day) = commit.trim().split_once(' ').unwrap_or((commit.trim(), ""));
    let hash = hash.get(..12).filter(|_| hash.bytes().all(|byte| byte.is_ascii_hexdigit())).unwrap_or(hash);
    let tidied = format!("{hash} {day}").trim_end().to_owned();
    (!hash.is_empty() && tidied.chars().all(|letter| letter == ' ' || letter.is_ascii_graphic()))
        .then_some(tidied)
}

fn git(folder: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").arg("-C").arg(folder).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
