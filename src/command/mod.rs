//! One file per command. Results go to standard output, everything else to standard error.

pub mod check;
pub mod demo;
pub mod probe;
pub mod run;

use std::process::ExitCode;

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

/// How a command ends.
pub type Outcome = Result<ExitCode, Failure>;
