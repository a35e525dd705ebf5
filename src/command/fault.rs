//! `assured fault`: the fault register, whom to call and what to quote.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::report::{make, month_at, wanted};
use super::{Failure, Outcome, configuration, instant, now};
use crate::cli::Place;
use crate::cli::fault::{By, Fault as Arguments, FaultAction};
use crate::config::Config;
use crate::evidence::client::Reader;
use crate::evidence::exclusion::Exclusions;
use crate::evidence::fault::{Action, Cause, Clock, Fault, Faults, Responsible, Standing, Step, reference};
use crate::evidence::file::store::StoreError;
use crate::evidence::record::Body;
use crate::evidence::store::{Entry, Store};
use crate::names::{ComponentIx, ServiceIx};
use crate::report::model;
use crate::sla::exclusion::Agreed;
use crate::units::Sec;

/// Opens a fault, takes one a step further, or shows the register.
pub fn run(args: &Arguments) -> Outcome {
    match &args.action {
        FaultAction::Open { by, .. } => open(&args.action, by),
        FaultAction::Report { id, reference, why, next_update, by } => {
            let next_update = next_update.as_deref().map(instant).transpose()?;
            further(id, by, Action::Report, why, |step| Step { reference: reference.clone(), next_update, ..step })
        }
        FaultAction::Update { id, why, severity, responsible, next_update, by } => {
            let next_update = next_update.as_deref().map(instant).transpose()?;
            let responsible = responsible.as_deref().map(whose).transpose()?;
            further(id, by, Action::Update, why, |step| Step { severity: *severity, responsible, next_update, ..step })
        }
        FaultAction::Stop { id, reason, why, reference, by } => further(id, by, Action::Stop, why, |step| Step {
            stop: Some(reason.clone()),
            reference: reference.clone(),
            ..step
        }),
        FaultAction::Resume { id, why, by } => further(id, by, Action::Resume, why, |step| step),
        FaultAction::Clear { id, why, by } => further(id, by, Action::Clear, why, |step| step),
        FaultAction::Close { id, cause, responsible, why, by } => {
            let known = || Cause::ALL.iter().map(|c| c.name()).collect::<Vec<_>>().join(", ");
            let cause = Cause::parse(cause)
                .ok_or_else(|| Failure::new(format!("{cause:?} is no cause: it is one of {}", known())))?;
            let responsible = whose(responsible)?;
            further(id, by, Action::Close, why, |step| Step {
                cause: Some(cause),
                responsible: Some(responsible),
                ..step
            })
        }
        FaultAction::Reopen { id, why, by } => further(id, by, Action::Reopen, why, |step| step),
        FaultAction::List { all, json, place } => list(place, *all, *json),
        FaultAction::Show { id, json, place } => {
            let config = configuration(place)?;
            let known = Known::read(&config)?;
            let fault = known.fault(id)?;
            let shown = Shown { config: &config, fault, agreed: &known.agreed(&config), now: now() };
            if *json {
                say!("{}", shown.json());
            } else {
                shown.print();
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// What the evidence holds of faults, and what stops clocks beside them.
#[derive(Default)]
struct Known {
    faults: Faults,
    exclusions: Exclusions,
}

impl Known {
    fn read(config: &Config) -> Result<Self, Failure> {
        let mut known = Self::default();
        match Reader::open(&config.monitor.data_dir) {
            Ok(reader) => reader.facts(|stored| {
                known.faults.take(&stored.record);
                known.exclusions.take(&stored.record);
            }),
            Err(StoreError::Nothing(_)) => {
                std::fs::create_dir_all(&config.monitor.data_dir).map_err(Failure::new)?;
            }
            Err(error) => return Err(Failure::new(error)),
        }
        Ok(known)
    }

    fn fault(&self, id: &str) -> Result<&Fault, Failure> {
        let id = reference::parse(id).map_err(Failure::new)?;
        let none = || Failure::new(format!("there is no fault {id}; `assured fault list --all` shows them all"));
        self.faults.get(&id).ok_or_else(none)
    }

    fn agreed(&self, config: &Config) -> Vec<Agreed> {
        let services = |ids: &[String]| ids.iter().filter_map(|id| config.service(id)).collect();
        self.exclusions.agreed().map(|case| Agreed { services: services(&case.services), span: case.span }).collect()
    }
}

fn whose(name: &str) -> Result<Responsible, Failure> {
    Responsible::parse(name).ok_or_else(|| {
        Failure::new(format!("{name:?} says not whose it is: it is supplier, customer, third_party or unknown"))
    })
}

fn step(id: String, action: Action, by: &By, text: &str, now: Sec) -> Result<Step, Failure> {
    Ok(Step {
        id,
        action,
        who: by.by.clone(),
        text: text.to_owned(),
        when: by.at.as_deref().map_or(Ok(now), instant)?,
        reference: String::new(),
        site: None,
        services: Vec::new(),
        components: Vec::new(),
        detected: None,
        severity: None,
        responsible: None,
        stop: None,
        cause: None,
        next_update: None,
    })
}

/// Writes a step down, and gives the register as it stands after it.
fn take(config: &Config, mut known: Known, step: Step, at: Sec) -> Result<Known, Failure> {
    known.faults.check(&step, at).map_err(Failure::new)?;
    let (mut store, _) = Store::open_as_command(&config.monitor.data_dir, at).map_err(Failure::new)?;
    let head = store.append(at, &[Entry::Fact(Body::Fault(step.clone()))]).map_err(Failure::new)?;
    known.faults.take(&crate::evidence::record::Record { seq: head.sequence, at, body: Body::Fault(step) });
    Ok(known)
}

fn open(action: &FaultAction, by: &By) -> Outcome {
    let FaultAction::Open {
        site,
        service,
        component,
        symptom,
        severity,
        outage,
        detected,
        responsible,
        next_update,
        ..
    } = action
    else {
        unreachable!("only called with this")
    };
    let config = configuration(&by.place)?;
    if let Some(site) = site
        && !config.sites.iter().any(|s| s.id.as_str() == site)
    {
        return Err(Failure::new(format!("the configuration has no site {site:?}")));
    }
    let components = component.iter().map(|id| component_of(&config, id)).collect::<Result<Vec<_>, _>>()?;
    let services = suffering(&config, site.as_deref(), service, &components)?;
    let at = now();
    let known = Known::read(&config)?;
    let mut step = step(known.faults.next_id(at), Action::Open, by, symptom, at)?;
    step.detected = detected.as_deref().map(instant).transpose()?;
    step.severity = Some(severity.unwrap_or(if outage.is_some() { 1 } else { 3 }));
    step.responsible = responsible.as_deref().map(whose).transpose()?;
    step.next_update = next_update.as_deref().map(instant).transpose()?;
    step.components.clone_from(component);
    if let Some(inside) = outage {
        let inside = instant(inside)?;
        let found = services.iter().find_map(|ix| outage_at(&config, *ix, inside).transpose()).transpose()?;
        let found = found.ok_or_else(|| {
            Failure::new(format!("none of these services was down at {inside}: `assured outage list` has what was"))
        })?;
        step.detected = Some(model::instant(&found.from));
        if step.components.is_empty() {
            step.components = found.components;
        }
    }
    let homes: std::collections::BTreeSet<_> = services.iter().map(|s| config.services[s.get()].site).collect();
    step.site = site.clone().or_else(|| {
        let only = homes.first().filter(|_| homes.len() == 1)?;
        Some(config.sites[only.get()].id.to_string())
    });
    step.services = services.iter().map(|s| config.services[s.get()].id.to_string()).collect();
    let id = step.id.clone();
    let known = take(&config, known, step, at)?;
    let fault = known.fault(&id)?;
    say!("{id}  opened");
    let shown = Shown { config: &config, fault, agreed: &known.agreed(&config), now: at };
    shown.whom_to_call();
    shown.clocks();
    say!("  next          assured fault report {id} --reference THEIRS --by {}", by.by);
    Ok(ExitCode::SUCCESS)
}

fn component_of(config: &Config, id: &str) -> Result<ComponentIx, Failure> {
    let found = config.components.iter().position(|c| c.id.as_str() == id);
    found.map(ComponentIx::from).ok_or_else(|| Failure::new(format!("the configuration has no component {id:?}")))
}

/// Services that a fault touches: those named, else those that need its components, else those of its site.
fn suffering(
    config: &Config,
    site: Option<&str>,
    named: &[String],
    components: &[ComponentIx],
) -> Result<Vec<ServiceIx>, Failure> {
    let named: Result<Vec<ServiceIx>, Failure> = named
        .iter()
        .map(|id| config.service(id).ok_or_else(|| Failure::new(format!("the configuration has no service {id:?}"))))
        .collect();
    let named = named?;
    if !named.is_empty() {
        return Ok(named);
    }
    let all = (0..config.services.len()).map(ServiceIx::from);
    Ok(all
        .filter(|ix| {
            let service = &config.services[ix.get()];
            if components.is_empty() {
                site == Some(config.sites[service.site.get()].id.as_str())
            } else {
                service.requires.components().iter().any(|c| components.contains(c))
            }
        })
        .collect())
}

/// The outage of a service that `at` lies in.
fn outage_at(config: &Config, service: ServiceIx, at: Sec) -> Result<Option<model::Outage>, Failure> {
    let service = &config.services[service.get()];
    let contract = config.contracts[service.contract.get()].id.as_str();
    let (report, _) = make(config, wanted(config, contract, &month_at(config, at).to_string(), None)?)?;
    let of_it = report.services.into_iter().filter(|s| s.id == service.id.as_str()).flat_map(|s| s.outages);
    let mut found = of_it.filter(|o| model::instant(&o.from) <= at && (at < model::instant(&o.to) || o.lasts));
    Ok(found.next())
}

fn further(id: &str, by: &By, action: Action, text: &str, rest: impl FnOnce(Step) -> Step) -> Outcome {
    let config = configuration(&by.place)?;
    let known = Known::read(&config)?;
    let id = known.fault(id)?.id.clone();
    let at = now();
    let known = take(&config, known, rest(step(id.clone(), action, by, text, at)?), at)?;
    let fault = known.fault(&id)?;
    let done = match action {
        Action::Open => "opened".to_owned(),
        Action::Report => format!("reported: quote {}", fault.supplier_reference),
        Action::Update => "noted".to_owned(),
        Action::Stop => "the clock stands".to_owned(),
        Action::Resume => "the clock runs again".to_owned(),
        Action::Clear => "cleared".to_owned(),
        Action::Close => "closed".to_owned(),
        Action::Reopen => "open again: the time since it was cleared counts".to_owned(),
    };
    say!("{id}  {done}");
    Shown { config: &config, fault, agreed: &known.agreed(&config), now: at }.clocks();
    Ok(ExitCode::SUCCESS)
}

fn list(place: &Place, all: bool, json: bool) -> Outcome {
    let config = configuration(place)?;
    let known = Known::read(&config)?;
    let (agreed, now) = (known.agreed(&config), now());
    let mut listed: Vec<&Fault> = known.faults.all();
    listed.retain(|f| all || f.standing.is_open());
    // What is worst and waits longest stands first.
    listed.sort_by_key(|f| (!f.standing.is_open(), f.severity, f.detected));
    for fault in &listed {
        let shown = Shown { config: &config, fault, agreed: &agreed, now };
        if json {
            say!("{}", shown.json());
        } else {
            shown.line();
        }
    }
    if listed.is_empty() && !json {
        say!("{}", if all { "no faults" } else { "no open faults" });
    }
    Ok(ExitCode::SUCCESS)
}

/// A fault as people and machines read it.
struct Shown<'a> {
    config: &'a Config,
    fault: &'a Fault,
    agreed: &'a [Agreed],
    now: Sec,
}

impl Shown<'_> {
    fn clock(&self) -> Option<Clock> {
        Clock::of(self.config, self.fault, self.agreed, self.now)
    }

    fn site(&self) -> String {
        let Some(id) = &self.fault.site else { return "several sites".to_owned() };
        let site = self.config.sites.iter().find(|s| s.id.as_str() == id);
        site.map_or_else(|| id.clone(), |s| s.title.clone())
    }

    /// The contract under which most of its services are.
    fn contract(&self) -> Option<&crate::config::model::Contract> {
        let first = self.fault.services.iter().find_map(|id| self.config.service(id))?;
        Some(&self.config.contracts[self.config.services[first.get()].contract.get()])
    }

    fn standing(&self) -> String {
        match (self.fault.standing, self.fault.stops.last()) {
            (Standing::Stopped, Some(stop)) => format!("clock stopped: {}", stop.reason.name()),
            (standing, _) => standing.name().to_owned(),
        }
    }

    fn line(&self) {
        let fault = self.fault;
        let theirs =
            if fault.supplier_reference.is_empty() { "not reported" } else { fault.supplier_reference.as_str() };
        say!("{}  severity {}  {}  {theirs}  {}", fault.id, fault.severity, self.standing(), self.site());
        say!("    {}", fault.symptom);
        let overdue = if fault.overdue(self.now) { "; word on it is overdue" } else { "" };
        say!(
            "    noticed {} ({} ago){}{overdue}",
            fault.detected,
            length(self.now.since(fault.detected)),
            self.clock().map_or_else(String::new, |c| format!("; {}", due(&c, fault, self.now)))
        );
    }

    fn whom_to_call(&self) {
        let Some(contract) = self.contract() else {
            say!("  call          nobody: none of its services is under a contract");
            return;
        };
        let c = &contract.contact;
        let how: Vec<&str> = [&contract.provider, &c.name, &c.phone, &c.email]
            .into_iter()
            .map(String::as_str)
            .filter(|t| !t.is_empty())
            .collect();
        say!("  call          {}", how.join(", "));
        let theirs = if self.fault.supplier_reference.is_empty() {
            String::new()
        } else {
            format!(", their reference {}", self.fault.supplier_reference)
        };
        say!("  quote         contract {}, our reference {}{theirs}", contract.reference, self.fault.id);
    }

    /// Since it was noticed, since it was reported, and what the contract says.
    fn clocks(&self) {
        let fault = self.fault;
        let until = fault.cleared.unwrap_or(self.now);
        let lasted = if fault.cleared.is_some() { "until it was cleared" } else { "ago" };
        say!("  noticed       {}  {} {lasted}", fault.detected, length(until.since(fault.detected)));
        match fault.reported {
            Some(at) if at <= until => say!("  reported      {at}  {} {lasted}", length(until.since(at))),
            Some(at) => say!("  reported      {at}  after it was cleared"),
            None => say!("  reported      not yet"),
        }
        if let Some(at) = fault.cleared {
            say!("  cleared       {at}");
        }
        match self.clock() {
            Some(clock) => {
                let of = &self.config.services[clock.service.get()].id;
                let stood = if clock.stopped > 0 {
                    format!(", stood for {}", length(i64::try_from(clock.stopped).unwrap_or(i64::MAX)))
                } else {
                    String::new()
                };
                let seconds = |s: u64| length(i64::try_from(s).unwrap_or(i64::MAX));
                say!(
                    "  contract      ran {} of {}{stood}, by the terms of {of}",
                    seconds(clock.run),
                    seconds(clock.within)
                );
                say!("                {}", due(&clock, fault, self.now));
            }
            None => say!("  contract      promises no time for restoring it"),
        }
        if let Some(next) = fault.next_update.filter(|_| fault.standing.is_open()) {
            let late = if fault.overdue(self.now) { ", overdue" } else { "" };
            say!("  next word     due {next}{late}");
        }
    }

    fn print(&self) {
        let fault = self.fault;
        say!("{}  severity {}  {}", fault.id, fault.severity, self.standing());
        say!("  symptom       {}", fault.symptom);
        say!("  where         {}", self.site());
        say!("  services      {}", some_of(&fault.services));
        if !fault.components.is_empty() {
            say!("  components    {}", some_of(&fault.components));
        }
        say!("  responsible   {}", fault.responsible.name());
        if let Some(cause) = fault.cause {
            say!("  cause         {}", cause.name());
        }
        self.whom_to_call();
        self.clocks();
        for stop in &fault.stops {
            let to = stop.to.map_or("now".to_owned(), |to| to.to_string());
            say!("  clock stood   {} to {to}  {}", stop.from, stop.reason.name());
        }
        say!("  steps");
        for (_, at, step) in &fault.steps {
            let written = if step.when == *at { String::new() } else { format!(" (written down {at})") };
            let reference = if step.reference.is_empty() { String::new() } else { format!(" [{}]", step.reference) };
            say!("    {}  {:<6}  {}: {}{reference}{written}", step.when, step.action.name(), step.who, step.text);
        }
    }

    fn json(&self) -> Value {
        let fault = self.fault;
        let time = |at: Option<Sec>| at.map(|at| at.to_string());
        let contract = self.contract();
        let clock = self.clock().map(|c| {
            json!({
                "service": self.config.services[c.service.get()].id.as_str(), "within_s": c.within, "run_s": c.run,
                "stopped_s": c.stopped, "due": time(c.due), "late": c.is_late(),
            })
        });
        let stops: Vec<Value> = fault
            .stops
            .iter()
            .map(|s| json!({ "from": s.from.to_string(), "to": time(s.to), "reason": s.reason.name(), "by": s.who, "why": s.text, "reference": s.reference }))
            .collect();
        let steps: Vec<Value> = fault
            .steps
            .iter()
            .map(|(_, at, s)| json!({ "at": s.when.to_string(), "written": at.to_string(), "action": s.action.name(), "by": s.who, "why": s.text, "reference": s.reference }))
            .collect();
        json!({
            "id": fault.id, "state": fault.standing.name(), "open": fault.standing.is_open(),
            "severity": fault.severity, "responsible": fault.responsible.name(),
            "cause": fault.cause.map(Cause::name), "supplier_reference": fault.supplier_reference,
            "contract": contract.map(|c| c.id.as_str()), "contact": contract.map(|c| json!({
                "name": c.contact.name, "phone": c.contact.phone, "email": c.contact.email,
            })),
            "site": fault.site, "services": fault.services, "components": fault.components,
            "symptom": fault.symptom, "detected": fault.detected.to_string(), "opened": fault.opened.to_string(),
            "reported": time(fault.reported), "cleared": time(fault.cleared), "closed": time(fault.closed),
            "next_update": time(fault.next_update), "clock": clock, "stops": stops, "steps": steps,
        })
    }
}

/// When it has to be restored, in words.
fn due(clock: &Clock, fault: &Fault, now: Sec) -> String {
    let restored = fault.cleared.is_some();
    match (restored, clock.is_late(), clock.due) {
        (true, false, _) => "restored in time".to_owned(),
        (true, true, Some(due)) => format!("restored late: it was due {due}"),
        (true, true, None) => "restored late".to_owned(),
        (false, _, None) => "no deadline within two years".to_owned(),
        (false, true, Some(due)) => format!("late: it was due {due}, {} ago", length(now.since(due))),
        (false, false, Some(due)) if fault.standing == Standing::Stopped => {
            format!("due {due} if the clock ran on from now")
        }
        (false, false, Some(due)) => format!("due {due}, in {}", length(due.since(now))),
    }
}

/// As in `3d 4h`, `2h 05m`, `40s`.
fn length(seconds: i64) -> String {
    let s = seconds.max(0);
    match s {
        0..60 => format!("{s}s"),
        60..3_600 => format!("{}m", s / 60),
        3_600..86_400 => format!("{}h {:02}m", s / 3_600, s / 60 % 60),
        _ => format!("{}d {}h", s / 86_400, s / 3_600 % 24),
    }
}

fn some_of(names: &[String]) -> String {
    const TOLD: usize = 8;
    let more = names.len().saturating_sub(TOLD);
    let told = names.iter().take(TOLD).cloned().collect::<Vec<_>>().join(", ");
    match (told.is_empty(), more) {
        (true, _) => "none".to_owned(),
        (false, 0) => told,
        (false, more) => format!("{told} and {more} more"),
    }
}
