//! The mutants, as cargo-mutants lists them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// A line and a column, both from 1 and in characters.
pub type Place = (usize, usize);

pub struct Mutant {
    /// Its number in the copy: the place in the list.
    pub number: usize,
    pub file: String,
    pub genre: String,
    /// As cargo-mutants prints it, without line and column; where a file has several of the same, which of them.
    pub name: String,
    /// With line and column.
    pub place: String,
    pub function: String,
    pub replacement: String,
    pub from: Place,
}

/// All mutants of these rooms of `src/`, or folders or files of them, in this order.
pub fn of(tree: &Path, rooms: &[String]) -> Vec<Mutant> {
    let mut mutants: Vec<Mutant> = Vec::new();
    let mut files = BTreeSet::new();
    for room in rooms {
        let of_room = listed(tree, room);
        let new = of_room.into_iter().filter(|mutant| !files.contains(&mutant.file)).collect::<Vec<_>>();
        files.extend(new.iter().map(|mutant| mutant.file.clone()));
        mutants.extend(new);
    }
    for (number, mutant) in mutants.iter_mut().enumerate() {
        mutant.number = number;
    }
    number_the_same(&mut mutants);
    mutants
}

fn listed(tree: &Path, room: &str) -> Vec<Mutant> {
    let mut cargo = Command::new("cargo");
    cargo.args(["mutants", "--list", "--json", "--dir"]).arg(tree);
    for end in ["", ".rs", "/**"] {
        cargo.arg("-f").arg(format!("src/{room}{end}"));
    }
    let output = cargo.output().expect("cargo-mutants is installed");
    let listed: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("cargo mutants said no list ({error}): {}", String::from_utf8_lossy(&output.stderr))
    });
    listed.as_array().expect("a list of mutants").iter().map(read).collect()
}

fn read(one: &Value) -> Mutant {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let from = |part: &str| one["span"]["start"][part].as_u64().expect("a place") as usize;
    let (file, placed) = (text(&one["file"]), text(&one["name"]));
    let what = placed.splitn(4, ':').nth(3).expect("file:line:column: what").trim().to_owned();
    Mutant {
        number: 0,
        name: format!("{file}: {what}"),
        place: placed,
        genre: text(&one["genre"]),
        function: format!("{file} {}", one["function"]["function_name"]),
        replacement: text(&one["replacement"]),
        from: (from("line"), from("column")),
        file,
    }
}

fn number_the_same(mutants: &mut [Mutant]) {
    let mut same: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for mutant in mutants.iter() {
        same.entry(mutant.name.clone()).or_default().push(mutant.number);
    }
    for numbers in same.values().filter(|numbers| numbers.len() > 1) {
        for (index, number) in numbers.iter().enumerate() {
            let which = format!(" ({} of {})", index + 1, numbers.len());
            mutants[*number].name.push_str(&which);
        }
    }
}
