//! `assured report`: the evidence pack of a contract's month.

use std::process::ExitCode;

use super::{Failure, Outcome, configuration, instant, now};
use crate::cli;
use crate::config::Config;
use crate::evidence::client::Reader;
use crate::names::ContractIx;
use crate::report::collect::{Collected, Wanted, collect};
use crate::report::model::Report;
use crate::report::pack::{self, Contents};
use crate::report::{build, journal, store};
use crate::sla::calendar::Month;
use crate::units::Sec;

/// A month that is not closed: the pack is written all the same, marked provisional.
const PROVISIONAL: u8 = 2;

/// Writes the pack and says where, and what it comes to.
pub fn run(args: &cli::Report) -> Outcome {
    let config = configuration(&args.place)?;
    let wanted = wanted(&config, &args.contract, &args.month, args.at.as_deref())?;
    let (report, collected) = make(&config, wanted)?;
    let key = store::signing_key(&config.monitor.data_dir, random).map_err(Failure::new)?;
    let contents = Contents {
        config_toml: config.redacted_toml.clone(),
        journal: collected.journal,
        minutes: collected.minutes,
        report,
    };
    let files = pack::build(&contents, &key).map_err(Failure::new)?;
    let report = contents.report;
    // A provisional pack is in nobody's hands yet: the next one takes its place.
    let replace = args.replace || replaces_provisional(args, &report);
    let (folder, zip) = store::write(&args.out, &report.pack_name(), &files, replace).map_err(Failure::new)?;
    println!("{}\n{}", folder.display(), zip.display());
    for service in &report.services {
        println!(
            "{}  {}  {}% of {}%  {}",
            service.id,
            service.verdict.words(),
            service.availability,
            service.target,
            service.credit.amount.as_deref().unwrap_or("")
        );
    }
    if report.provisional {
        eprintln!("provisional: {} is not closed, its figures may still change", report.period.month);
        return Ok(ExitCode::from(PROVISIONAL));
    }
    Ok(ExitCode::SUCCESS)
}

/// The contract and month that a command is asked for.
pub(super) fn wanted(config: &Config, contract: &str, month: &str, at: Option<&str>) -> Result<Wanted, Failure> {
    let contract = contract_of(config, contract)?;
    let month =
        Month::parse(month).ok_or_else(|| Failure::new(format!("{month:?} is no month: write it as in 2026-10")))?;
    let asked = at.map(instant).transpose()?;
    let at = asked.unwrap_or_else(now);
    let begin = month.span(&config.monitor.time_zone).from;
    if at <= begin {
        return Err(Failure::new(format!("{month} has not begun at {at}: there is nothing to report")));
    }
    Ok(Wanted { contract, month, at, asked: asked.is_some() })
}

fn contract_of(config: &Config, id: &str) -> Result<ContractIx, Failure> {
    config.contract(id).ok_or_else(|| {
        let known: Vec<&str> = config.contracts.iter().map(|c| c.id.as_str()).collect();
        Failure::new(format!("the configuration has no contract {id:?}; it has {}", known.join(", ")))
    })
}

/// The report of a month with the journal that it follows from.
pub(super) fn make(config: &Config, wanted: Wanted) -> Result<(Report, Collected), Failure> {
    let reader = Reader::open(&config.monitor.data_dir).map_err(Failure::new)?;
    let collected = collect(config, &reader, wanted).map_err(Failure::new)?;
    for damage in reader.damages() {
        tracing::warn!("evidence that cannot be believed was left out, its time is unknown: {damage}");
    }
    let journal = journal::decode(&collected.journal).map_err(Failure::new)?;
    let report = build::report(config, &journal).map_err(Failure::new)?;
    Ok((report, collected))
}

/// The first instant of `text`'s month.
pub(super) fn month_at(config: &Config, at: Sec) -> Month {
    Month::of(at, &config.monitor.time_zone)
}

fn replaces_provisional(args: &cli::Report, report: &Report) -> bool {
    let old = args.out.join(report.pack_name()).join("report.json");
    std::fs::read(old)
        .ok()
        .and_then(|bytes| crate::report::json::decode(&bytes).ok())
        .is_some_and(|old| old.provisional)
}

fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("the operating system has randomness");
    bytes
}
