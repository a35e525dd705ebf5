//! One file per command. Results go to standard output, everything else to standard error.

/// A result's lines on standard output, as [`result`] writes them.
macro_rules! say {
    ($($what:tt)*) => { $crate::command::result(format_args!("{}\n", format_args!($($what)*))) };
}

/// The same for text that has its line ends.
macro_rules! put {
    ($($what:tt)*) => { $crate::command::result(format_args!($($what)*)) };
}

/// A remark beside the result, on standard error; nobody may be there to read it.
macro_rules! note {
    ($($what:tt)*) => {{
        let _ = std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("{}\n", format_args!($($what)*)));
    }};
}

pub mod check;
pub mod demo;
pub mod discover;
pub mod exclude;
pub mod fault;
pub mod import;
pub mod outage;
pub mod probe;
pub mod report;
pub mod rules;
pub mod run;
pub mod snmp;
pub mod survey;
pub mod verify;

use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::process::ExitCode;

use crate::cli::Place;
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::config::load;
use crate::units::Sec;

/// Exit codes beyond 0 and 1, after `sysexits.h`.
pub mod exit {
    /// The configuration is wrong (EX_CONFIG).
    pub const CONFIG: u8 = 78;
    /// Not allowed to open the sockets needed (EX_NOPERM).
    pub const NO_PRIVILEGE: u8 = 77;
}

/// What a command ends with when it fails: a sentence for the operator and the process's exit code.
#[derive(Debug)]
pub struct Failure {
    /// Exit code.
    pub code: u8,
    /// What failed, on what, and what to do; may have several lines.
    pub message: String,
}

impl Failure {
    /// A failure with exit code 1.
    pub fn new(message: impl std::fmt::Display) -> Self {
        Self { code: 1, message: message.to_string() }
    }

    /// A failure with an exit code of its own.
    pub fn with_code(code: u8, message: impl std::fmt::Display) -> Self {
        Self { code, message: message.to_string() }
    }
}

/// Writes to standard output. Whoever read it may have gone (`| head`): the command ends as it would have. What cannot be
/// written for another reason, as to a full disk, ends the process with that reason: half a result is none.
fn result(what: std::fmt::Arguments<'_>) {
    if let Err(error) = std::io::stdout().write_fmt(what)
        && error.kind() != ErrorKind::BrokenPipe
    {
        note!("assured: cannot write the result: {error}");
        std::process::exit(1);
    }
}

/// How a command ends.
pub type Outcome = Result<ExitCode, Failure>;

/// The configuration that a command works by, with its data folder.
pub(crate) fn configuration(place: &Place) -> Result<Config, Failure> {
    let Some(file) = place.config.clone().or_else(load::find) else {
        return Err(Failure::with_code(
            exit::CONFIG,
            "there is no configuration: give one with --config, or put it at ./assured.toml or /etc/assured/assured.toml",
        ));
    };
    let mut config = load_file(&file)?;
    if let Some(dir) = &place.data_dir {
        config.monitor.data_dir.clone_from(dir);
    }
    Ok(config)
}

/// Loads a configuration: every problem becomes a line of the failure, warnings go to the log.
pub(crate) fn load_file(file: &Path) -> Result<Config, Failure> {
    let loaded = load::load(file).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Failure::with_code(exit::CONFIG, format!("the configuration cannot be used:\n{}", lines.join("\n")))
    })?;
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    Ok(loaded.config)
}

/// The wall clock's time.
pub(crate) fn now() -> Sec {
    SystemClock::default().now().sec()
}

/// An RFC 3339 time from the command line.
pub(crate) fn instant(text: &str) -> Result<Sec, Failure> {
    let parsed: Result<jiff::Timestamp, _> = text.parse();
    parsed
        .map(|t| Sec(t.as_second()))
        .map_err(|_| Failure::new(format!("{text:?} is no time: write it as in 2026-10-24T23:00:00Z")))
}

/// Tells how long each step of a long command took: those that keep somebody waiting in the log, the others for whoever
/// looks closer.
pub(crate) struct Steps {
    clock: SystemClock,
    last_ns: u64,
}

impl Steps {
    /// Nanoseconds from which on a step is told to everybody.
    const LONG: u64 = 1_000_000_000;

    pub(crate) fn new() -> Self {
        let clock = SystemClock::default();
        let last_ns = clock.now().mono_ns;
        Self { clock, last_ns }
    }

    /// A step is over.
    pub(crate) fn done(&mut self, what: &str) {
        let now_ns = self.clock.now().mono_ns;
        let took_ns = now_ns - std::mem::replace(&mut self.last_ns, now_ns);
        let seconds = took_ns / 100_000_000;
        let seconds = format!("{}.{}", seconds / 10, seconds % 10);
        if took_ns >= Self::LONG {
            tracing::info!(seconds, "{what}");
        } else {
            tracing::debug!(seconds, "{what}");
        }
    }
}
