//! What holds for every input from outside: properties of generated inputs, and the cases that fuzzing and people found.
//!
//! `targets` holds what the targets of cargo-fuzz run, too.

mod targets;

mod replay;
