//! The cases in `cases/`: small inputs of each target, those among them that once found a defect. A new one needs only
//! its file.

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

use crate::targets::TARGETS;

#[test]
fn every_case_of_every_target_holds() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/properties/cases");
    let mut folders: Vec<String> = fs::read_dir(&cases)
        .expect("the folder of cases is there")
        .map(|entry| entry.expect("it can be read").file_name().to_string_lossy().into_owned())
        .collect();
    folders.sort();
    assert_eq!(folders, TARGETS.map(|(name, _)| name), "a folder of cases for each target");
    let mut broken = Vec::new();
    for (name, check) in TARGETS {
        let mut files = 0;
        for entry in fs::read_dir(cases.join(name)).expect("it was listed") {
            let path = entry.expect("it can be read").path();
            let data = fs::read(&path).expect("a case can be read");
            files += 1;
            // The panic's own message is printed by the hook; this says which case it was.
            if catch_unwind(|| check(&data)).is_err() {
                broken.push(path);
            }
        }
        assert!(files > 0, "no case of {name}");
    }
    assert!(broken.is_empty(), "{broken:#?}");
}
