//! `assured report`: the evidence pack of a contract's month.

use std::process::ExitCode;

use super::{Failure, Outcome, Steps, configuration, instant, now};
use crate::cli;
use crate::config::Config;
use crate::evidence::client::Reader;
use crate::evidence::record::{Action, Body};
use crate::evidence::store::{Entry, Store};
use crate::names::ContractIx;
use crate::report::collect::{self, Collected, Wanted, closed, collect};
use crate::report::model::{Report, Verdict};
use crate::report::pack::{self, Contents};
use crate::report::{build, journal, revision, store};
use crate::sla::calendar::Month;
use crate::units::Sec;

/// A month that is not closed: the pack is written all the same, marked provisional.
const PROVISIONAL: u8 = 2;

/// Writes the pack and says where, and what it comes to.
pub fn run(args: &cli::Report) -> Outcome {
    let config = configuration(&args.place)?;
    let wanted = wanted(&config, &args.contract, &args.month, args.at.as_deref())?;
    let (report, collected) = match made_final(&config, wanted, args.revise.as_deref())? {
        Some(made) => made,
        None => make(&config, wanted)?,
    };
    let key = store::signing_key(&config.monitor.data_dir, random).map_err(Failure::new)?;
    let contents = Contents {
        config_toml: config.redacted_toml.clone(),
        journal: collected.journal,
        minutes: collected.minutes,
        report,
    };
    let mut steps = Steps::new();
    let files = pack::build(&contents, &key, &mut |what| steps.done(what)).map_err(Failure::new)?;
    let report = contents.report;
    let replace = args.replace || report.revision.is_some() || gives_way(args, &report);
    let (folder, zip) = store::write(&args.out, &report.pack_name(), &files, replace).map_err(Failure::new)?;
    steps.done("put the pack on the disk, as a folder and as an archive");
    say!("{}\n{}", folder.display(), zip.display());
    put!("{}", told(&report));
    if report.provisional {
        note!("provisional: {} is not closed, its figures may still change", report.period.month);
        return Ok(ExitCode::from(PROVISIONAL));
    }
    Ok(ExitCode::SUCCESS)
}

/// Of more services than this only those are told one by one whose promise was not kept, or not proven.
const TOLD: usize = 40;

/// What a month comes to, a line a service, and on the last line, where a terminal shows it, all in all.
fn told(report: &Report) -> String {
    let all = report.services.len() <= TOLD;
    let mut lines = String::new();
    for service in report.services.iter().filter(|s| all || (s.promised() && s.verdict != Verdict::Met)) {
        let credit = service.credit.amount.as_deref().unwrap_or("");
        let (verdict, reached) = (service.verdict.words(), service.availability_shown());
        let line = if service.promised() {
            format!("{}  {verdict}  {reached} of {}%  {credit}", service.id, service.target)
        } else {
            format!("{}  nothing promised in this month", service.id)
        };
        lines.extend([line.trim_end(), "\n"]);
    }
    let totals = &report.totals;
    let credits = if totals.credits.is_empty() { "none".to_owned() } else { totals.credits.join(" + ") };
    let idle = report.services.iter().filter(|s| !s.promised()).count() as u64;
    let doubtful = totals.not_proven.saturating_sub(idle);
    let mut counts = format!("{} met, {} breached, {doubtful} not proven", totals.met, totals.breached);
    if idle > 0 {
        counts += &format!(", {idle} without a promise in this month");
    }
    let of = match report.services.len() {
        1 => "1 service".to_owned(),
        n => format!("{n} services"),
    };
    lines + &format!("{of}: {counts}; credits {credits}\n")
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
    Ok(Wanted { contract, month, at, asked: asked.is_some(), until: None })
}

/// Closes a month whose last decision is in, or revises it; `None` when the evidence already stands as it is.
///
/// The first final report closes the month. From then on its figures are what it said, until a revision with a
/// reason lists what changed.
fn made_final(config: &Config, wanted: Wanted, reason: Option<&str>) -> Result<Option<(Report, Collected)>, Failure> {
    let (report, collected) = make(config, wanted)?;
    if report.provisional {
        return Ok(Some((report, collected)));
    }
    let figures = revision::figures(&report);
    let hash = revision::hash(&figures);
    let reader = Reader::open(&config.monitor.data_dir).map_err(Failure::new)?;
    let (contract, month) = (report.contract.clone(), report.period.month.clone());
    let body = match closed(config, &reader, wanted.contract, wanted.month) {
        Some((_, stood, _)) if stood == hash => return Ok(Some((report, collected))),
        None => Body::Close { contract, month, report: Some(hash) },
        Some((seq, stood, number)) => {
            let (old, old_collected) = make(config, Wanted { until: Some(seq), ..wanted })?;
            let changes = revision::changes(&revision::figures(&old), &figures);
            let listed: Vec<String> =
                changes.iter().map(|c| format!("  {}: {} -> {}", c.figure, c.old, c.new)).collect();
            let as_it_stood = revision::hash(&revision::figures(&old)) == stood;
            let ours = |id: &str| report.exclusions.iter().any(|x| x.id == id);
            let settled = || as_it_stood.then(|| agreed_since(&reader, seq, ours)).flatten();
            let Some(reason) = reason.map(str::to_owned).or_else(settled) else {
                return Err(Failure::new(format!(
                    "{month} of {contract} is closed, and its figures are others now:\n{}\n\
                     --revise \"why\" issues a revision that says so",
                    listed.join("\n")
                )));
            };
            note!("revision {} of {month}: {reason}\n{}", number + 1, listed.join("\n"));
            let journal = journal::decode(&old_collected.journal).map_err(Failure::new)?;
            Body::Revision {
                contract,
                month,
                number: number + 1,
                reason,
                supersedes: journal.head,
                report: Some(hash),
                changes: changes.into_iter().map(|c| (c.figure, c.old, c.new)).collect(),
            }
        }
    };
    drop(reader);
    let revised = matches!(body, Body::Revision { .. });
    let at = now();
    let (mut store, _) = Store::open_as_command(&config.monitor.data_dir, at).map_err(Failure::new)?;
    store.append(at, &[Entry::Fact(body)]).map_err(Failure::new)?;
    // A revision is part of what it revises; closing changes nothing in the pack.
    Ok((!revised).then_some((report, collected)))
}

/// What both parties agreed to exclude after the record with that number, in words: reason enough for a revision. `ours`
/// says which exclusions touch the month. `None` when something else that its figures follow from came in after it too:
/// then somebody is to say why they change.
fn agreed_since(reader: &Reader, closed: u64, ours: impl Fn(&str) -> bool) -> Option<String> {
    let (mut agreed, mut other) = (Vec::new(), false);
    reader.facts(|stored| match stored.record.body {
        _ if stored.record.seq <= closed => {}
        Body::Exclusion(step) if !ours(&step.id) => {}
        Body::Exclusion(step) => match step.action {
            Action::Propose => {}
            Action::Agree => {
                let reference =
                    if step.reference.is_empty() { String::new() } else { format!(" ({})", step.reference) };
                agreed.push(format!("{} agreed by {}: {}{reference}", step.id, step.who, step.why));
            }
            // One party alone does these.
            Action::Dispute | Action::Withdraw => other = true,
        },
        Body::Import { .. } | Body::Fault(_) => other = true,
        _ => {}
    });
    (!other && !agreed.is_empty()).then(|| agreed.join("; "))
}

fn contract_of(config: &Config, id: &str) -> Result<ContractIx, Failure> {
    config.contract(id).ok_or_else(|| {
        let known: Vec<&str> = config.contracts.iter().map(|c| c.id.as_str()).collect();
        let has = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        Failure::new(format!("the configuration has no contract {id:?}; it has {has}"))
    })
}

/// The report of a month with the journal that it follows from.
pub(super) fn make(config: &Config, wanted: Wanted) -> Result<(Report, Collected), Failure> {
    let mut readers = Reader::open_alike(&config.monitor.data_dir, collect::readers()).map_err(Failure::new)?;
    let mut steps = Steps::new();
    let collected = collect(config, &mut readers, wanted, &mut |what| steps.done(what)).map_err(Failure::new)?;
    for damage in Reader::damages_of(&readers) {
        tracing::warn!("evidence that cannot be believed was left out, its time is unknown: {damage}");
    }
    let report = build::report_of(config, &collected.journal).map_err(Failure::new)?;
    steps.done("computed every figure from the journal");
    Ok((report, collected))
}

/// The first instant of `text`'s month.
pub(super) fn month_at(config: &Config, at: Sec) -> Month {
    Month::of(at, &config.monitor.time_zone)
}

fn gives_way(args: &cli::Report, report: &Report) -> bool {
    let old = args.out.join(report.pack_name()).join("report.json");
    std::fs::read(old)
        .ok()
        .and_then(|bytes| crate::report::json::decode(&bytes).ok())
        .is_some_and(|old| old.provisional || revision::figures(&old) == revision::figures(report))
}

fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("the operating system has randomness");
    bytes
}
