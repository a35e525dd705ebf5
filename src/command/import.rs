//! `assured import`: history from elsewhere into the evidence, marked as imported.

use std::fmt::Write as _;
use std::process::ExitCode;

use super::{Failure, Outcome, configuration, now};
use crate::cli::Import;
use crate::evidence::import::Targets;
use crate::evidence::import::{ImportError, import};

/// Problems printed before the rest is only counted.
const SHOWN: usize = 50;

/// Imports all of the file or nothing.
pub fn run(args: &Import) -> Outcome {
    let config = configuration(&args.place)?;
    let dir = &config.monitor.data_dir;
    std::fs::create_dir_all(dir)
        .map_err(|error| Failure::new(format!("cannot make the data folder {}: {error}", dir.display())))?;
    match import(dir, &args.file, &Targets::of(&config), &args.by, now()) {
        Ok(done) => {
            say!(
                "{} rounds from {} to {} imported from {}",
                done.rounds,
                done.span.from,
                done.span.to,
                args.file.display()
            );
            Ok(ExitCode::SUCCESS)
        }
        Err(ImportError::Problems(problems)) => {
            let mut text = format!("nothing was imported from {}:", args.file.display());
            for problem in problems.iter().take(SHOWN) {
                let _ = write!(text, "\n  {problem}");
            }
            if problems.len() > SHOWN {
                let _ = write!(text, "\n  and {} more", problems.len() - SHOWN);
            }
            Err(Failure::new(text))
        }
        Err(error) => Err(Failure::new(error)),
    }
}
