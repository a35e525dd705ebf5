//! `assured outage`: what went down when, and what people say of it.

use std::process::ExitCode;

use super::report::{make, month_at, wanted};
use super::{Failure, Outcome, configuration, instant, now};
use crate::cli;
use crate::cli::OutageAction;
use crate::evidence::record::Body;
use crate::evidence::store::{Entry, Store};
use crate::report::model::{self, Report};
use crate::units::Span;

/// Lists, shows or annotates.
pub fn run(args: &cli::Outage) -> Outcome {
    match &args.action {
        OutageAction::List { contract, month, json, place } => {
            let config = configuration(place)?;
            let (report, _) = make(&config, wanted(&config, contract, month, None)?)?;
            list(&report, *json);
        }
        OutageAction::Show { contract, service, at, place } => {
            let config = configuration(place)?;
            let instant = instant(at)?;
            let month = month_at(&config, instant).to_string();
            let (report, _) = make(&config, wanted(&config, contract, &month, None)?)?;
            let found = report
                .services
                .iter()
                .filter(|s| s.id == *service)
                .flat_map(|s| &s.outages)
                .find(|o| model::instant(&o.from) <= instant && instant < model::instant(&o.to))
                .ok_or_else(|| Failure::new(format!("{service} has no outage at {at}")))?;
            show(service, found);
        }
        OutageAction::Annotate { service, at, cause, step } => {
            let config = configuration(&step.place)?;
            if config.service(service).is_none() {
                return Err(Failure::new(format!("the configuration has no service {service:?}")));
            }
            let about = instant(at)?;
            let body = Body::Annotation {
                service: service.clone(),
                span: Span::new(about, about.plus(1)),
                who: step.by.clone(),
                text: step.why.clone(),
                cause: cause.clone(),
                reference: (step.reference != "-").then(|| step.reference.clone()),
            };
            let at = now();
            let (mut store, _) = Store::open_as_command(&config.monitor.data_dir, at).map_err(Failure::new)?;
            store.append(at, &[Entry::Fact(body)]).map_err(Failure::new)?;
            say!("noted on {service} at {about}");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn list(report: &Report, json: bool) {
    let mut none = true;
    for service in &report.services {
        for outage in &service.outages {
            none = false;
            if json {
                let mut value = serde_json::to_value(outage).unwrap_or_default();
                value["service"] = service.id.clone().into();
                say!("{value}");
            } else {
                let lasts = if outage.lasts { " and lasts" } else { "" };
                say!(
                    "{}  {} to {}{lasts}  {} s, {} s count  {}",
                    service.id,
                    outage.from,
                    outage.to,
                    outage.seconds,
                    outage.counted,
                    outage.components.join(", ")
                );
            }
        }
    }
    if none && !json {
        say!("no outages in {}", report.period.month);
    }
}

fn show(service: &str, outage: &model::Outage) {
    say!("{service} down from {} to {}", outage.from, outage.to);
    say!(
        "  length      {} s, of which {} s are excluded and {} s count",
        outage.seconds,
        outage.excluded,
        outage.counted
    );
    say!("  components  {}", outage.components.join(", "));
    for (end, dated) in [("from", &outage.from_by), ("to", &outage.to_by)] {
        if let Some(dated) = dated {
            say!("  {end:<10}  dated by {} ({}, {})", dated.words(), dated.component, dated.source);
        }
    }
    if !outage.cause.is_empty() {
        say!("  cause       {}", outage.cause);
    }
    if let Some(restored) = &outage.restored {
        say!("  restored    {restored}");
    }
    for note in &outage.notes {
        say!("  note        {note}");
    }
}
