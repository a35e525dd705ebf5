//! `assured check`: every problem of a configuration in one run.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use super::exit;
use crate::cli::ConfigFile;
use crate::config;

/// Prints every problem to standard output; warnings go to standard error.
pub fn run(args: &ConfigFile) -> super::Outcome {
    Ok(ExitCode::from(check_command(args.config.clone(), &mut std::io::stdout())))
}

/// Checks the configuration at `path`, or the one that `assured run` would find; gives the exit status.
///
/// Problems go to `out`, and nothing when there are none. Warnings go to stderr: they fail nothing.
pub fn check_command(path: Option<PathBuf>, out: &mut dyn Write) -> u8 {
    let Some(path) = path.or_else(config::find) else {
        let text = "there is neither ./assured.toml nor /etc/assured/assured.toml\n    name a file with --config";
        return report(out, &[text.to_owned()]);
    };
    match config::load(&path) {
        Ok(loaded) => {
            for warning in &loaded.warnings {
                note!("warning: {warning}");
            }
            let certificate = loaded.config.monitor.web.tls.as_ref();
            if let Some(complaint) = certificate.and_then(|tls| tls.complaint(super::now())) {
                note!("warning: {complaint}");
            }
            0
        }
        Err(problems) => report(out, &problems.iter().map(ToString::to_string).collect::<Vec<_>>()),
    }
}

/// Writes what is wrong. When nobody reads it any more, the exit status still says so.
fn report(out: &mut dyn Write, lines: &[String]) -> u8 {
    for line in lines {
        if writeln!(out, "{line}").is_err() {
            break;
        }
    }
    exit::CONFIG
}
