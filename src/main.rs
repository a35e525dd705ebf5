//! The `assured` binary.

fn main() {}
