//! `assured check`: every problem of a configuration in one run.

use std::io::Write;
use std::path::PathBuf;

use crate::config;

/// Exit status for a configuration that cannot be used (`EX_CONFIG` of sysexits.h).
pub const BAD_CONFIG: i32 = 78;

/// Checks the configuration at `path`, or the one that `assured run` would find; gives the exit status.
///
/// Problems go to `out`, and nothing when there are none. Warnings go to stderr: they fail nothing.
pub fn check_command(path: Option<PathBuf>, out: &mut dyn Write) -> i32 {
    let Some(path) = path.or_else(config::find) else {
        let text = "there is neither ./assured.toml nor /etc/assured/assured.toml\n    name a file with --config";
        return report(out, &[text.to_owned()]);
    };
    match config::load(&path) {
        Ok(loaded) => {
            for warning in &loaded.warnings {
                eprintln!("warning: {warning}");
            }
            0
        }
        Err(problems) => report(out, &problems.iter().map(ToString::to_string).collect::<Vec<_>>()),
    }
}

/// Writes what is wrong. When nobody reads it any more, the exit status still says so.
fn report(out: &mut dyn Write, lines: &[String]) -> i32 {
    for line in lines {
        if writeln!(out, "{line}").is_err() {
            break;
        }
    }
    BAD_CONFIG
}
