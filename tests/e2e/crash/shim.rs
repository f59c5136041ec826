//! The library that ends the real binary at a commit and moves its clock; see `tests/support/shim.c`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::support::World;

use super::places::Moment;

/// The library, built once with the C compiler that SQLite needs anyway.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shim.c");
        let to = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("shim-{}.so", std::process::id()));
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(&to)
            .arg(source)
            .arg("-ldl")
            .status();
        assert!(built.is_ok_and(|built| built.success()), "the C compiler builds {source}");
        to
    })
}

/// The environment of a process that counts its commits, lives by the world's clock, and dies where it is told to.
pub fn environment(world: &World, die: Option<(usize, Moment)>) -> Vec<(&'static str, String)> {
    let mut variables = vec![
        ("LD_PRELOAD", library().display().to_string()),
        ("SHIM_COMMITS", count_file(world).display().to_string()),
        ("SHIM_FAIL", world.folder().join("failing").display().to_string()),
        ("SHIM_CLOCK", world.moved_file().display().to_string()),
    ];
    variables.extend(die.map(|(number, moment)| {
        let side = if moment == Moment::Before { "before" } else { "after" };
        ("SHIM_DIE", format!("{side}:{number}"))
    }));
    variables
}

/// Has the next commit of the world's process answered with an I/O error, although all of it is on the disk.
pub fn next_commit_fails(world: &World) {
    // In place: the process looks at these bytes all the time.
    let file = std::fs::OpenOptions::new().write(true).open(world.folder().join("failing"));
    file.and_then(|mut file| file.write_all(&1_i64.to_ne_bytes())).expect("the process made it");
}

/// The environment of a process that counts its steps with files instead, and dies at one of them.
pub fn stepping(world: &World, die: Option<(usize, Moment)>) -> Vec<(&'static str, String)> {
    let mut variables = environment(world, die);
    variables.push(("SHIM_STEPS", "1".to_owned()));
    variables
}

/// How many commits, or steps, the world's processes have made.
pub fn commits(world: &World) -> usize {
    let bytes = std::fs::read(count_file(world)).expect("the process counts");
    let count = i64::from_ne_bytes(bytes.try_into().expect("eight bytes"));
    usize::try_from(count).expect("no process counts backwards")
}

/// Has the next process count from one.
pub fn count_again(world: &World) {
    let _ = std::fs::remove_file(count_file(world));
}

fn count_file(world: &World) -> PathBuf {
    world.folder().join("commits")
}
