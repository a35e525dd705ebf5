//! `assured check`: every problem of a configuration in one run.

use std::process::ExitCode;

use super::{Failure, Outcome, exit};
use crate::cli::ConfigFile;
use crate::config::load;

/// Prints every problem to standard output; nothing when there is none. Warnings go to standard error.
pub fn run(args: &ConfigFile) -> Outcome {
    let Some(file) = args.config.clone().or_else(load::find) else {
        return Err(Failure::with_code(
            exit::CONFIG,
            "there is no configuration to check: give one with --config, or put it at ./assured.toml or /etc/assured/assured.toml",
        ));
    };
    match load::load(&file) {
        Ok(loaded) => {
            for warning in &loaded.warnings {
                eprintln!("warning: {warning}");
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(problems) => {
            for problem in &problems {
                println!("{problem}");
            }
            Ok(ExitCode::from(exit::CONFIG))
        }
    }
}
