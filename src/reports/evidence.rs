//! The bundle for an auditor: what was looked at, by which rule, what people were shown, what they decided and how long
//! it took, and the proof of what was done, with the means to check all of it.

use std::io::{Cursor, Write};

use zip::write::SimpleFileOptions;

use crate::reports::facts::{Evidence, suspensions};
use crate::reports::{VERIFIER, sha256, tables, text as wording};

/// The zip, with the same bytes for the same evidence.
pub fn bundle(evidence: &Evidence) -> Vec<u8> {
    let suspensions = suspensions(evidence);
    let mut files = vec![
        ("README.txt", wording::readme(evidence).into_bytes()),
        ("summary.html", wording::html(evidence, &suspensions).into_bytes()),
        ("sweeps.csv", tables::sweeps_csv(evidence)),
        ("rules.json", tables::rules_json(evidence)),
        ("candidates.csv", tables::candidates_csv(evidence)),
        ("decisions.csv", tables::decisions_csv(evidence)),
        ("suspensions.csv", tables::suspensions_csv(&suspensions)),
        ("exceptions.csv", tables::exceptions_csv(evidence)),
        ("events.json", evidence.excerpt.json()),
        ("verify.py", VERIFIER.as_bytes().to_vec()),
    ];
    // In the form that `sha256sum --check` reads.
    let hashes: Vec<String> =
        files.iter().map(|(name, bytes)| format!("{}  {name}\n", sha256(bytes))).collect();
    let hashes = hashes.concat();
    files.push(("hashes.txt", hashes.into_bytes()));
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    // Without a time of its own each entry has the zip format's first one, always the same.
    let options = SimpleFileOptions::default().last_modified_time(zip::DateTime::default());
    for (name, bytes) in files {
        let written = zip.start_file(name, options).map(|()| zip.write_all(&bytes));
        written.expect("the names are fine").expect("writing to memory can't fail");
    }
    zip.finish().expect("writing to memory can't fail").into_inner()
}
