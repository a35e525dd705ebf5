//! The `assured` binary: reads the command line, sets up logging, runs one command.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use assured::cli::{Cli, Command, LogFormat};
use assured::command;
use clap::Parser;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;

fn main() -> ExitCode {
    // The lab's helper enters a user namespace, which a process may only do while it has one thread.
    if let Some(code) = assured::lab::server::run_if_asked() {
        return code;
    }
    let cli = Cli::parse();
    log_to_stderr(cli.log_format);
    let outcome = match cli.command {
        Command::Run(place) => command::run::run(&place),
        Command::Demo(demo) => command::demo::run(&demo),
        Command::Check(file) => command::check::run(&file),
        Command::Probe(probe) => command::probe::run(&probe),
        Command::Discover(discover) => command::discover::run(&discover),
        Command::Import(import) => command::import::run(&import),
        Command::Outage(outage) => command::outage::run(&outage),
        Command::Exclude(exclude) => command::exclude::run(&exclude),
        Command::Fault(fault) => command::fault::run(&fault),
        Command::Report(report) => command::report::run(&report),
        Command::Rules(rules) => command::rules::run(&rules),
        Command::Verify(verify) => command::verify::run(&verify),
    };
    match outcome {
        Ok(code) => code,
        Err(failure) => {
            // Standard error may be closed; there is nobody left to tell then.
            let _ = writeln!(std::io::stderr(), "assured: {}", failure.message);
            ExitCode::from(failure.code)
        }
    }
}

/// Log lines go to standard error; `ASSURED_LOG` narrows or widens them, as in `ASSURED_LOG=debug`.
fn log_to_stderr(format: LogFormat) {
    let wanted = std::env::var("ASSURED_LOG").ok().and_then(|text| text.parse::<Targets>().ok());
    let usual = || Targets::new().with_default(LevelFilter::INFO).with_target("async_snmp", LevelFilter::OFF);
    let lines = fmt::layer().with_writer(std::io::stderr).with_target(false);
    let lines = match format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry().with(lines.with_filter(wanted.unwrap_or_else(usual))).init();
}
