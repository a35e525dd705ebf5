//! `[contracts.X]` and `[slas.X]`: who promised what.

use std::sync::Arc;

use config::ValueKind;
use jiff::civil::Date;

use super::section::Sections;
use super::{ReadFile, credits, scalar};
use crate::config::model::{
    Contact, Contract, ContractKind, Formula, Limit, Measure, Objective, Rounding, ServiceHours, Sla, UnknownPolicy,
};
use crate::config::parse::{self, Hours};
use crate::config::problem::did_you_mean;
use crate::config::reader::{Context, Node, Wanted};
use crate::config::{holidays, reader};
use crate::names::{ClassIx, ContractIx, Id};
use crate::units::Share;

/// Seconds in the thirty days of `fixed30`.
const THIRTY_DAYS_S: u64 = 2_592_000;

const CONTRACT_KEYS: [&str; 10] = [
    "title",
    "kind",
    "provider",
    "customer",
    "reference",
    "starts",
    "ends",
    "replaces",
    "contact",
    "claim_within_days",
];

/// `[contracts.X]`.
pub fn contracts(cx: &Context<'_>, sections: &Sections<'_>) -> Vec<Option<Contract>> {
    let all: Vec<_> = sections.contracts.entries.iter().map(|(id, n)| contract(cx, sections, id, n)).collect();
    for (position, contract) in all.iter().enumerate() {
        let Some(contract) = contract else { continue };
        // Following what each replaces, and that in turn, must never lead back.
        let mut seen = vec![false; all.len()];
        let mut open: Vec<usize> = contract.replaces.iter().map(|c| c.get()).collect();
        while let Some(next) = open.pop() {
            if next == position {
                let (_, n) = &sections.contracts.entries[position];
                let at = n.get("replaces").unwrap_or_else(|| n.clone());
                at.problem(
                    cx,
                    "the contract replaces itself",
                    "a contract can only replace older ones; take the circle apart",
                );
                break;
            }
            if !std::mem::replace(&mut seen[next], true) {
                open.extend(all[next].iter().flat_map(|c| c.replaces.iter().map(|c| c.get())));
            }
        }
    }
    all
}

fn contract(cx: &Context<'_>, sections: &Sections<'_>, id: &str, n: &Node<'_>) -> Option<Contract> {
    n.only(cx, &CONTRACT_KEYS);
    let kinds = [("consolidated", ContractKind::Consolidated), ("legacy", ContractKind::Legacy)];
    let title = n.opt(cx, "title", scalar::text).unwrap_or_else(|| id.to_owned());
    let kind = n.opt(cx, "kind", |n| scalar::choice(n, &kinds)).unwrap_or(ContractKind::Consolidated);
    let provider = n.req(cx, "provider", "say who promises: provider = \"BT\"", scalar::text);
    let customer = n.req(cx, "customer", "say to whom: customer = \"…\"", scalar::text);
    let reference = n.opt(cx, "reference", scalar::text).unwrap_or_default();
    let starts = n.req(cx, "starts", "give its first day: starts = 2026-04-01", scalar::date);
    let ends = n.req(cx, "ends", "give its last day: ends = 2029-03-31", scalar::date);
    let replaces = n.list(cx, "replaces", |n| sections.contracts.resolve(cx, n).map(ContractIx::from));
    let contact = n.get("contact").map(|n| contact(cx, &n)).unwrap_or_default();
    let claim = n.opt(cx, "claim_within_days", |n| scalar::integer(n, 1, 3660));
    let (starts, ends) = (starts?, ends?);
    if ends < starts {
        let at = n.get("ends").unwrap_or_else(|| n.clone());
        at.problem(
            cx,
            format!("the contract ends on {ends}, before it starts on {starts}"),
            "swap or mend the two days",
        );
    }
    Some(Contract {
        id: Id::new(id).ok()?,
        title,
        kind,
        provider: provider?,
        customer: customer?,
        reference,
        starts,
        ends,
        replaces,
        contact,
        claim_within_days: claim.and_then(|d| u32::try_from(d).ok()),
    })
}

fn contact(cx: &Context<'_>, n: &Node<'_>) -> Contact {
    if !n.expect_table(cx, "write contact = { name = \"…\", phone = \"…\", email = \"…\" }") {
        return Contact::default();
    }
    n.only(cx, &["name", "phone", "email"]);
    let read = |key| n.opt(cx, key, scalar::text).unwrap_or_default();
    Contact { name: read("name"), phone: read("phone"), email: read("email") }
}

const SLA_KEYS: [&str; 14] = [
    "availability",
    "formula",
    "downtime_budget",
    "service_hours",
    "holidays",
    "unknown",
    "coverage_floor",
    "min_outage",
    "rounding",
    "maintenance_notice",
    "restore_within",
    "objectives",
    "credits",
    "title",
];

/// `[slas.X]`.
pub fn slas(cx: &Context<'_>, sections: &Sections<'_>, classes: usize, read_file: &ReadFile<'_>) -> Vec<Option<Sla>> {
    sections.slas.entries.iter().map(|(id, n)| sla(cx, sections, classes, read_file, id, n)).collect()
}

fn sla(
    cx: &Context<'_>,
    sections: &Sections<'_>,
    classes: usize,
    read_file: &ReadFile<'_>,
    id: &str,
    n: &Node<'_>,
) -> Option<Sla> {
    n.only(cx, &SLA_KEYS[..13]);
    let formula = formula(cx, n);
    let availability = availability(cx, n, formula.as_ref());
    let service_hours = service_hours(cx, n, read_file);
    let unknowns =
        [("exclude", UnknownPolicy::Exclude), ("as_up", UnknownPolicy::AsUp), ("as_down", UnknownPolicy::AsDown)];
    let roundings =
        [("none", Rounding::None), ("floor_minute", Rounding::FloorMinute), ("ceil_minute", Rounding::CeilMinute)];
    let unknown = n.opt(cx, "unknown", |n| scalar::choice(n, &unknowns)).unwrap_or(UnknownPolicy::Exclude);
    let coverage_floor = n.opt(cx, "coverage_floor", scalar::share).unwrap_or(Share(99_000_000));
    let min_outage = n.opt(cx, "min_outage", scalar::seconds).unwrap_or(0);
    let rounding = n.opt(cx, "rounding", |n| scalar::choice(n, &roundings)).unwrap_or(Rounding::None);
    let maintenance_notice = n.opt(cx, "maintenance_notice", scalar::seconds).unwrap_or(0);
    let restore_within = n.opt(cx, "restore_within", scalar::seconds);
    let objectives = objectives(cx, sections, classes, n);
    let restores = n.get("restore_within").is_some();
    let credits = n
        .get("credits")
        .and_then(|n| credits::credits(cx, &n, &credits::Terms { availability, formula: formula.as_ref(), restores }));
    Some(Sla {
        id: Id::new(id).ok()?,
        availability: availability?,
        formula: formula?,
        service_hours: service_hours?,
        unknown,
        coverage_floor,
        min_outage,
        rounding,
        maintenance_notice,
        restore_within,
        objectives,
        credits,
    })
}

/// The promised availability; under a budget of down time alone it follows from the month's maximum over thirty days.
fn availability(cx: &Context<'_>, n: &Node<'_>, formula: Option<&Formula>) -> Option<Share> {
    if let (None, Some(Formula::DowntimeBudget { month, .. })) = (n.get("availability"), formula) {
        let allowed = u128::from(Share::ONE.0) * u128::from(*month) / u128::from(THIRTY_DAYS_S);
        return Some(Share(Share::ONE.0.saturating_sub(u64::try_from(allowed).unwrap_or(u64::MAX))));
    }
    // A budget that is missing or broken has been reported; the percentage would have followed from it.
    if n.get("availability").is_none() && n.get("formula").and_then(|f| f.text()) == Some("downtime_budget") {
        return None;
    }
    n.req(cx, "availability", "say what is promised: availability = \"99.95%\"", scalar::share)
}

#[derive(Clone, Copy, PartialEq)]
enum FormulaName {
    Calendar,
    Fixed30,
    AgreedTime,
    DowntimeBudget,
}

fn formula(cx: &Context<'_>, n: &Node<'_>) -> Option<Formula> {
    let names = [
        ("calendar", FormulaName::Calendar),
        ("fixed30", FormulaName::Fixed30),
        ("agreed_time", FormulaName::AgreedTime),
        ("downtime_budget", FormulaName::DowntimeBudget),
    ];
    let given = n.get("formula").is_some();
    let name = n.opt(cx, "formula", |n| scalar::choice(n, &names)).or((!given).then_some(FormulaName::Calendar))?;
    let budget = n.get("downtime_budget");
    if name != FormulaName::DowntimeBudget
        && let Some(budget) = &budget
    {
        budget.problem(
            cx,
            "a budget is set, but the formula does not use it",
            "write formula = \"downtime_budget\", or remove it",
        );
    }
    match name {
        FormulaName::Calendar => Some(Formula::Calendar),
        FormulaName::Fixed30 => Some(Formula::Fixed30),
        FormulaName::AgreedTime => Some(Formula::AgreedTime),
        FormulaName::DowntimeBudget => {
            let help = "say how much may be lost: downtime_budget = { month = \"60m\", year = \"8h\" }";
            let Some(budget) = budget else {
                cx.problem(n.place(cx), n.missing("downtime_budget"), "is missing", help);
                return None;
            };
            if !budget.expect_table(cx, help) {
                return None;
            }
            budget.only(cx, &["month", "year"]);
            let month = budget.req(cx, "month", help, scalar::seconds);
            let year = budget.opt(cx, "year", scalar::seconds);
            Some(Formula::DowntimeBudget { month: month?, year })
        }
    }
}

fn service_hours(cx: &Context<'_>, n: &Node<'_>, read_file: &ReadFile<'_>) -> Option<ServiceHours> {
    let given = n.get("service_hours").is_some();
    let hours = n.opt(cx, "service_hours", |n| {
        let help = "write \"24x7\", \"mon-fri 08:00-18:00\" or \"mon,wed 09:00-17:00\"; midnight at the end is 24:00";
        n.text().and_then(parse::hours).ok_or_else(|| Wanted::new("a set of hours", help))
    });
    let hours = hours.or((!given).then_some(Hours::Always));
    let days_off = n.get("holidays").and_then(|n| days_off(cx, &n, read_file));
    match hours? {
        Hours::Always => {
            if let Some(n) = n.get("holidays") {
                n.problem(cx, "holidays are set, but the hours are 24x7", "remove them, or set service_hours");
            }
            Some(ServiceHours::Always)
        }
        Hours::Weekly { days, from_minute, to_minute } => {
            let holidays = if n.get("holidays").is_some() { days_off? } else { Arc::from([]) };
            Some(ServiceHours::Weekly { days, from_minute, to_minute, holidays })
        }
    }
}

/// `holidays`: a calendar file, or a list of days.
fn days_off(cx: &Context<'_>, n: &Node<'_>, read_file: &ReadFile<'_>) -> Option<Arc<[Date]>> {
    let mut dates = Vec::new();
    match &n.value.kind {
        ValueKind::Array(_) => {
            for item in n.items() {
                match scalar::date(&item) {
                    Ok(date) => dates.push(date),
                    Err(wanted) => item.misfit(cx, &wanted),
                }
            }
        }
        ValueKind::String(path) => {
            let help = "give the path of an iCalendar file from the main file's folder, or a list of days";
            let bytes = match read_file(path) {
                Ok(bytes) => bytes,
                Err(why) => {
                    n.problem(cx, format!("cannot read the calendar {}: {why}", n.shown()), help);
                    return None;
                }
            };
            match holidays::read(&bytes) {
                Ok(read) => dates = read,
                Err(e) => {
                    n.problem(cx, format!("the calendar {} cannot be used: {e}", n.shown()), e.help());
                    return None;
                }
            }
        }
        _ => {
            n.misfit(cx, &Wanted::new("a calendar", "write holidays = \"england-and-wales.ics\", or a list of days"));
            return None;
        }
    }
    dates.sort_unstable();
    dates.dedup();
    Some(dates.into())
}

fn objectives(cx: &Context<'_>, sections: &Sections<'_>, classes: usize, n: &Node<'_>) -> Vec<Objective> {
    let Some(list) = n.get("objectives") else { return Vec::new() };
    let help = "write objectives = [ { class = \"voice\", measure = \"rtt_mean\", limit = \"30ms\" } ]";
    if !matches!(list.value.kind, ValueKind::Array(_)) {
        list.misfit(cx, &Wanted::new("a list", help));
        return Vec::new();
    }
    let mut read: Vec<Objective> = Vec::new();
    for n in list.items() {
        if !n.expect_table(cx, help) {
            continue;
        }
        n.only(cx, &["class", "measure", "limit"]);
        let class = class_of(cx, sections, classes, &n);
        let measure = n.req(cx, "measure", help, measure);
        let limit = measure.and_then(|m| n.req(cx, "limit", help, |n| limit(m, n)));
        let (Some(class), Some(measure), Some(limit)) = (class, measure, limit) else { continue };
        if read.iter().any(|o| o.class == class && o.measure == measure) {
            n.problem(cx, format!("{} is limited twice for this class", measure.name()), "keep one of the two");
        }
        read.push(Objective { class, measure, limit });
    }
    read
}

/// The class that an entry names; where only one exists it need not.
pub fn class_of(cx: &Context<'_>, sections: &Sections<'_>, classes: usize, n: &Node<'_>) -> Option<ClassIx> {
    if sections.classes.entries.is_empty() {
        return match n.get("class") {
            None => Some(ClassIx(0)),
            Some(c) if c.text() == Some("default") => Some(ClassIx(0)),
            Some(c) => {
                let name = c.text().map(reader::visible).unwrap_or_default();
                c.misfit(
                    cx,
                    &Wanted::new("a class", format!("define [classes.{name}] with its dscp, or leave class out")),
                );
                None
            }
        };
    }
    if n.get("class").is_none() && classes == 1 {
        return Some(ClassIx(0));
    }
    n.req(cx, "class", "say which of the classes it is about", |n| sections.classes.resolve(cx, n)).map(ClassIx::from)
}

fn measure(n: &Node<'_>) -> Result<Measure, Wanted> {
    let all = || Measure::NAMES.map(|(name, _)| name).join(", ");
    let text = n.text().unwrap_or_default();
    Measure::NAMES.iter().find(|(name, _)| *name == text).map(|&(_, m)| m).ok_or_else(|| {
        let help = did_you_mean(text, Measure::NAMES.map(|(name, _)| name))
            .map_or_else(|| format!("choose one of {}", all()), |near| format!("did you mean \"{near}\"?"));
        Wanted::new("a measure", help)
    })
}

fn limit(measure: Measure, n: &Node<'_>) -> Result<Limit, Wanted> {
    let name = measure.name();
    let explain = |w: Wanted| Wanted::new(format!("{}, which {name} needs", w.what), w.help);
    match measure {
        Measure::Loss => scalar::share(n).map(Limit::Share).map_err(explain),
        Measure::Mos => scalar::mos(n).map(Limit::Mos).map_err(explain),
        _ => {
            let d = scalar::duration(n).map_err(explain)?;
            Ok(Limit::Micros(u64::try_from(d.as_micros()).unwrap_or(u64::MAX)))
        }
    }
}
