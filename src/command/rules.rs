//! `assured rules`: recording and alerting rules for Prometheus, made from the contract.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use super::{Failure, Outcome};
use crate::alert::rules::{self, Rules};
use crate::cli::Rules as Arguments;

/// Writes both files into a folder, or one after the other to standard output.
pub fn run(args: &Arguments) -> Outcome {
    let config = super::configuration(&args.place())?;
    let made = rules::rules(&config);
    if made.daemon_tells {
        // Nobody may read standard error; the file's head says it, too.
        let _ = writeln!(
            std::io::stderr(),
            "monitor.alertmanagers is set: the daemon tells Alertmanagers itself, so the rules hold only what it cannot tell"
        );
    }
    match &args.out {
        Some(dir) => into(dir, &made)?,
        None => {
            let both = format!("{}---\n{}", made.recording, made.alerts);
            std::io::stdout()
                .write_all(both.as_bytes())
                .map_err(|error| Failure::new(format!("cannot write the rules: {error}")))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn into(dir: &Path, made: &Rules) -> Result<(), Failure> {
    let failed = |path: &Path, error| Failure::new(format!("cannot write {}: {error}", path.display()));
    std::fs::create_dir_all(dir).map_err(|error| failed(dir, error))?;
    for (name, text) in [("assured-recording.yml", &made.recording), ("assured-alerts.yml", &made.alerts)] {
        // Prometheus may read at any time: it finds the old file or the new one, never half of one.
        let (path, half) = (dir.join(name), dir.join(format!(".{name}.new")));
        std::fs::write(&half, text)
            .and_then(|()| std::fs::rename(&half, &path))
            .map_err(|error| failed(&path, error))?;
    }
    Ok(())
}
