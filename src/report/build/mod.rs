//! From a configuration and a journal to the report: the one function behind `assured report` and `assured verify`.
//!
//! ```text
//! journal ─► history (states of every second, exclusions, aggregates) ─┬─► services
//! config ─────────────────────────────────────────────────────────────┴─► sites, classes, health
//! ```
//!
//! No clock, no I/O, nothing but its two arguments: whoever has both gets the same report.

mod classes;
mod closing;
mod faults;
mod health;
mod history;
mod services;
mod sites;

use std::collections::BTreeMap;

pub use self::closing::{Intervals, closing};
pub use self::history::{Case, CaseState, History, Reading, counted_spans_of, watched_of};

use super::journal::{self, Journal, Source};
use super::model::{self, Evidence, Method, Period, Probing, Report, SCHEMA, Totals, Verdict};
use crate::config::Config;
use crate::config::model::{ContractKind, CreditSchedule, Formula, ServiceHours, Sla, UnknownPolicy};
use crate::names::ServiceIx;
use crate::sketch;
use crate::sla::calendar;
use crate::sla::credit::length;
use crate::sla::figures::formula_name;
use crate::units::{Money, Share};

/// Version of the accounting rules that this program follows.
pub const CALCULATION: &str = "avail/1";

/// Makes the report of a contract's month.
///
/// # Errors
/// The journal names something that the configuration does not have, or cannot be understood; in words.
pub fn report(config: &Config, journal: &Journal) -> Result<Report, String> {
    let history = History::of(config, journal.records.iter().map(|r| &r.entry))?;
    Ok(of(config, &history, journal.records.len() as u64, &journal.head))
}

/// [`report`] from the bytes of `journal.jsonl`, which are never whole in memory as records.
///
/// # Errors
/// The chain does not hold, or [`report`]'s; in words.
pub fn report_of(config: &Config, journal: &[u8]) -> Result<Report, String> {
    let mut reading = Reading::new(config);
    let mut records = 0;
    let head = journal::read(journal, |record| {
        records = record.seq;
        reading.take(&record.entry)
    })
    .map_err(|e| e.to_string())?;
    Ok(of(config, &reading.finish()?, records, &head))
}

fn of(config: &Config, history: &History, records: u64, head: &str) -> Report {
    let (services, owed): (Vec<_>, Vec<_>) = services::all(config, history).into_iter().unzip();
    let contract = &config.contracts[history.contract.get()];
    let genesis = &history.genesis;
    Report {
        schema: SCHEMA.into(),
        contract: contract.id.to_string(),
        provisional: history.provisional,
        period: Period {
            start: history.month_span.from.to_string(),
            end: history.month_span.to.to_string(),
            time_zone: config.monitor.time_zone_name.clone(),
            month: history.month.to_string(),
            as_of: history.as_of.to_string(),
        },
        totals: totals(config, history, &services, owed.into_iter().flatten()),
        services,
        terms: terms(config, history),
        sites: sites::all(config, history),
        classes: classes::all(config, history),
        voice: classes::voice(config, history),
        exclusions: health::exclusions(config, history),
        faults: faults::all(config, history),
        monitor: health::monitor(config, history),
        method: Method {
            software: genesis.software.clone(),
            calculation: genesis.calculation.clone(),
            tz_data: genesis.tz_data.clone(),
            probing: probing(config, history),
            sketch_error_ppm: sketch::ERROR_BOUND.0 / 100,
        },
        evidence: Evidence {
            journal_records: records,
            journal_head: head.to_owned(),
            store_sequence: genesis.store_sequence,
            store_head: genesis.store_head.clone(),
            config_sha256: config.hash.clone(),
        },
        revision: history.revision.clone(),
    }
}

/// What a past month came to, as journal entries for the months after it.
#[must_use]
pub fn past(config: &Config, history: &History) -> Vec<super::journal::Entry> {
    services::outcomes(config, history)
}

/// The services of the contract, in order of identifier.
pub(super) fn services_of(config: &Config, history: &History) -> Vec<ServiceIx> {
    let mut all: Vec<ServiceIx> = (0..config.services.len())
        .map(ServiceIx::from)
        .filter(|s| config.services[s.get()].contract == history.contract)
        .collect();
    all.sort_by_key(|s| &config.services[s.get()].id);
    all
}

fn totals(
    config: &Config,
    history: &History,
    services: &[model::Service],
    amounts: impl Iterator<Item = Money>,
) -> Totals {
    let count = |verdict| services.iter().filter(|s| s.verdict == verdict).count() as u64;
    let objectives = services.iter().flat_map(|s| &s.objectives).filter(|o| o.verdict == Verdict::Breached).count();
    let mut owed: BTreeMap<[u8; 3], i64> = BTreeMap::new();
    for amount in amounts {
        *owed.entry(amount.currency).or_default() += amount.minor;
    }
    let contract = &config.contracts[history.contract.get()];
    let claim_by = contract.claim_within_days.and_then(|days| {
        let first = history.month.next().first_day();
        let last = first.checked_add(jiff::Span::new().days(i64::from(days))).ok()?.yesterday().ok()?;
        Some(last.to_string())
    });
    Totals {
        met: count(Verdict::Met),
        breached: count(Verdict::Breached),
        not_proven: count(Verdict::NotProven),
        objectives_breached: objectives as u64,
        down: services.iter().flat_map(|s| &s.outages).map(|o| o.counted).sum(),
        credits: owed
            .into_iter()
            .filter(|(_, minor)| *minor > 0)
            .map(|(currency, minor)| Money { minor, currency }.to_string())
            .collect(),
        claim_by,
    }
}

fn terms(config: &Config, history: &History) -> model::Terms {
    let contract = &config.contracts[history.contract.get()];
    let mut used: Vec<usize> =
        services_of(config, history).iter().map(|s| config.services[s.get()].sla.get()).collect();
    used.sort_unstable();
    used.dedup();
    model::Terms {
        title: contract.title.clone(),
        kind: match contract.kind {
            ContractKind::Legacy => "legacy".into(),
            ContractKind::Consolidated => "consolidated".into(),
        },
        provider: contract.provider.clone(),
        customer: contract.customer.clone(),
        reference: contract.reference.clone(),
        starts: contract.starts.to_string(),
        ends: contract.ends.to_string(),
        contact: model::Contact {
            name: contract.contact.name.clone(),
            phone: contract.contact.phone.clone(),
            email: contract.contact.email.clone(),
        },
        slas: used.into_iter().map(|n| sla_terms(&config.slas[n])).collect(),
    }
}

fn sla_terms(sla: &Sla) -> model::SlaTerms {
    model::SlaTerms {
        id: sla.id.to_string(),
        availability: percent(sla.availability),
        formula: formula_name(&sla.formula).into(),
        service_hours: hours(&sla.service_hours),
        unknown: match sla.unknown {
            UnknownPolicy::Exclude => "exclude".into(),
            UnknownPolicy::AsUp => "as_up".into(),
            UnknownPolicy::AsDown => "as_down".into(),
        },
        coverage_floor: percent(sla.coverage_floor),
        min_outage: sla.min_outage,
        maintenance_notice: sla.maintenance_notice,
        restore_within: sla.restore_within,
        credits: credit_lines(sla),
    }
}

/// A share as the pack's percentages are written: four decimals, truncated, no sign.
pub(super) fn percent(share: Share) -> String {
    model::percent(share.0, Share::ONE.0)
}

fn hours(hours: &ServiceHours) -> String {
    const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    match hours {
        ServiceHours::Always => "24x7".into(),
        ServiceHours::Weekly { days, from_minute, to_minute, holidays } => {
            let named: Vec<&str> = DAYS.iter().zip(days).filter(|(_, on)| **on).map(|(name, _)| *name).collect();
            let clock = |m: u16| format!("{:02}:{:02}", m / 60, m % 60);
            let but = if holidays.is_empty() { "" } else { ", not on holidays" };
            format!("{} {}-{}{but}", named.join(","), clock(*from_minute), clock(*to_minute))
        }
    }
}

fn credit_lines(sla: &Sla) -> Vec<String> {
    let mut lines = Vec::new();
    if let Formula::DowntimeBudget { month, year } = sla.formula {
        let year = year.map_or_else(String::new, |y| format!(", and {} in twelve months", length(y)));
        lines.push(format!("at most {} down in a month{year}", length(month)));
    }
    match &sla.credits {
        None => {}
        Some(CreditSchedule::Tiers(tiers)) => {
            lines.extend(tiers.iter().map(|t| format!("below {}: {} of the monthly charge", t.below, t.credit)));
        }
        Some(CreditSchedule::DowntimeBands(bands)) => {
            lines.extend(
                bands.iter().map(|b| format!("more than {} down: {} of the monthly charge", length(b.over), b.credit)),
            );
        }
        Some(CreditSchedule::PerInterval { interval, standard, elevated, month_max, year_max, .. }) => {
            lines.push(format!(
                "{standard} for each started {} above {} in the month",
                length(*interval),
                length(*month_max)
            ));
            lines.push(format!(
                "{elevated} for each started {} above {} in twelve months",
                length(*interval),
                length(*year_max)
            ));
        }
        Some(CreditSchedule::PerIncident { credit, cap }) => {
            lines.push(format!("{credit} for each outage not restored in time, at most {cap} a month"));
        }
    }
    lines
}

fn probing(config: &Config, history: &History) -> Vec<Probing> {
    let mut groups: BTreeMap<(&str, u64, u64, u64, u64), u64> = BTreeMap::new();
    for component in &history.components {
        let component = &config.components[component.get()];
        let icmp = component.icmp.as_ref().map(|p| ("icmp", Source::Ping, p.interval, p.timeout));
        let snmp = config.polling(component).map(|p| ("snmp", Source::Interface, p.interval, p.timeout));
        for (protocol, source, interval, timeout) in icmp.into_iter().chain(snmp) {
            let hysteresis = source.hysteresis(component.hysteresis);
            let key = (
                protocol,
                interval.as_secs(),
                u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX),
                u64::from(hysteresis.down_after),
                u64::from(hysteresis.up_after),
            );
            *groups.entry(key).or_default() += 1;
        }
    }
    groups
        .into_iter()
        .map(|((protocol, interval, timeout_ms, down_after, up_after), components)| Probing {
            protocol: protocol.into(),
            components,
            interval,
            timeout_ms,
            down_after,
            up_after,
        })
        .collect()
}

/// The contract's term of one service, for those who draw it.
pub(super) fn term_of(config: &Config, service: ServiceIx) -> crate::units::Span {
    calendar::term(config, service)
}
