//! What is counted.

use std::collections::BTreeMap;
use std::fmt;

/// Numbers by what they count.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    numbers: BTreeMap<&'static str, usize>,
    faults: BTreeMap<String, usize>,
}

impl Figures {
    pub fn count(&mut self, what: &'static str, number: usize) {
        *self.numbers.entry(what).or_default() += number;
    }

    /// A fault of this kind was armed.
    pub fn fault(&mut self, kind: String) {
        *self.faults.entry(kind).or_default() += 1;
    }

    pub fn add(&mut self, other: &Figures) {
        other.numbers.iter().for_each(|(what, number)| self.count(what, *number));
        for (kind, number) in &other.faults {
            *self.faults.entry(kind.clone()).or_default() += number;
        }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, number) in &self.numbers {
            write!(f, "{what}: {number}; ")?;
        }
        let all: usize = self.faults.values().sum();
        write!(f, "faults: {all} of {} kinds:", self.faults.len())?;
        self.faults.iter().try_for_each(|(kind, number)| write!(f, " {kind} {number},"))
    }
}
