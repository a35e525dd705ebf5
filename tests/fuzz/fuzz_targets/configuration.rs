//! Text read as a configuration: no panic, and every problem has words.
#![no_main]

use std::path::Path;

use assured::config::{Mode, parse_str};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    // No other file is to be read.
    if text.contains('/') || text.contains("include") || text.contains("_file") {
        return;
    }
    if let Err(problems) = parse_str(text, Path::new("/nowhere"), Mode::Run) {
        assert!(problems.iter().all(|problem| !problem.found.is_empty()));
    }
});
