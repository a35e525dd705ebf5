//! `[[maintenance]]`: announced windows.

use config::ValueKind;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::scalar;
use super::section::Sections;
use crate::config::model::{Contract, Maintenance, Service};
use crate::config::reader::{Context, Node, Wanted};
use crate::names::{ContractIx, ServiceIx};
use crate::units::{Sec, Span};

/// Most windows.
const MAX_WINDOWS: usize = 100_000;

/// `[[maintenance]]`, in order of their start.
pub fn maintenance(
    cx: &Context<'_>,
    root: &Node<'_>,
    sections: &Sections<'_>,
    contracts: &[Option<Contract>],
    services: &[Option<Service>],
    zone: Option<&TimeZone>,
) -> Vec<Maintenance> {
    let Some(list) = root.get("maintenance") else { return Vec::new() };
    if !matches!(list.value.kind, ValueKind::Array(_)) {
        list.misfit(cx, &Wanted::new("a list", "write [[maintenance]], with two brackets, above each window"));
        return Vec::new();
    }
    let items = list.items();
    if items.len() > MAX_WINDOWS {
        list.problem(
            cx,
            format!("{} windows are more than {MAX_WINDOWS}", items.len()),
            "remove those that are past and reported",
        );
        return Vec::new();
    }
    let mut all: Vec<Maintenance> =
        items.iter().filter_map(|n| window(cx, n, sections, contracts, services, zone)).collect();
    all.sort_by_key(|m| (m.span.from, m.span.to, m.contract));
    all
}

fn window(
    cx: &Context<'_>,
    n: &Node<'_>,
    sections: &Sections<'_>,
    contracts: &[Option<Contract>],
    services: &[Option<Service>],
    zone: Option<&TimeZone>,
) -> Option<Maintenance> {
    if !n.expect_table(cx, "write [[maintenance]] with contract, from and to below it") {
        return None;
    }
    n.only(cx, &["contract", "services", "from", "to", "reference", "notified"]);
    let contract =
        n.req(cx, "contract", "say under which contract: contract = \"…\"", |n| sections.contracts.resolve(cx, n));
    let named = n.list(cx, "services", |s| {
        let position = sections.services.resolve(cx, s)?;
        if let (Some(contract), Some(service)) = (contract, &services[position])
            && service.contract.get() != contract
        {
            let help = "name services of the same contract only, one window for each contract";
            return Err(Wanted::new("a service of this contract", help));
        }
        Ok(ServiceIx::from(position))
    });
    let from = n.req(cx, "from", "say when it begins: from = 2026-10-24T23:00:00Z", scalar::instant);
    let to = n.req(cx, "to", "say when it ends: to = 2026-10-25T01:00:00Z", scalar::instant);
    let reference = n.opt(cx, "reference", scalar::text).unwrap_or_default();
    let notified = n.opt(cx, "notified", scalar::instant);
    let (contract, span) = (contract?, Span::new(from?, to?));
    let at = |key: &str| n.get(key).unwrap_or_else(|| n.clone());
    if span.is_empty() {
        at("to").problem(cx, "the window ends before it begins", "swap or mend from and to");
    } else if let (Some(c), Some(zone)) = (&contracts[contract], zone)
        && let Some(term) = term(c.starts, c.ends, zone)
        && span.intersect(term).is_none()
    {
        at("from").warning(
            cx,
            format!("the window lies outside contract {} ({} to {}), so it excludes nothing", c.id, c.starts, c.ends),
            "mend the days, or name the contract that ran then",
        );
    }
    if n.get("notified").is_none() {
        n.warning(
            cx,
            "without notified the window excludes nothing",
            "say when it was announced: notified = 2026-10-10T09:00:00Z",
        );
    } else if notified.is_some_and(|at| at >= span.from) {
        at("notified").warning(
            cx,
            "announced after it began, so the window excludes nothing",
            "check the day on which it was announced",
        );
    }
    let services = if n.get("services").is_some() {
        named
    } else {
        super::services::under(services, ContractIx::from(contract)).collect()
    };
    Some(Maintenance { contract: ContractIx::from(contract), services, span, reference, notified })
}

/// The contract's days as seconds; `None` at the very edges of the calendar.
fn term(starts: Date, ends: Date, zone: &TimeZone) -> Option<Span> {
    let second = |day: Date| Some(Sec(day.to_zoned(zone.clone()).ok()?.timestamp().as_second()));
    Some(Span::new(second(starts)?, second(ends.tomorrow().ok()?)?))
}
