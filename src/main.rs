//! The `inactive-contractors` program.

fn main() {}
