//! `assured verify`: a pack checked offline, by nothing but itself and a key.

use std::process::ExitCode;

use super::{Failure, Outcome, Steps};
use crate::cli::Verify;
use crate::config::{self, Mode};
use crate::report::pack::Files;
use crate::report::{build, store, verify};

/// Checks everything and says what holds, or the first thing that is wrong.
pub fn run(args: &Verify) -> Outcome {
    let mut steps = Steps::new();
    let files = store::read(&args.pack).map_err(Failure::new)?;
    steps.done("read the pack");
    let key = args.key.as_deref().map(store::public_key).transpose().map_err(Failure::new)?;
    match verify::verify(&files, key.as_ref(), recompute, &mut |what| steps.done(what)) {
        Ok(holds) => {
            for line in holds.lines() {
                say!("{line}");
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(wrong) => {
            say!("{wrong}");
            Ok(ExitCode::FAILURE)
        }
    }
}

/// The report anew, from the pack's own configuration and journal.
pub fn recompute(files: &Files) -> Result<crate::report::model::Report, String> {
    let text = files.get("config.toml").ok_or("config.toml is missing")?;
    let text = std::str::from_utf8(text).map_err(|_| "config.toml is not UTF-8")?;
    let loaded = config::parse_str(text, std::path::Path::new("."), Mode::Evidence)
        .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))?;
    let journal = files.get("journal.jsonl").ok_or("journal.jsonl is missing")?;
    build::report_of(&loaded.config, journal)
}
