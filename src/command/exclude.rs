//! `assured exclude`: exclusions are proposed by one party and agreed by the other; nothing is ever erased.

use std::process::ExitCode;

use serde_json::json;

use super::{Failure, Outcome, configuration, instant, now};
use crate::cli::{Exclude, ExcludeAction, Place, Step};
use crate::config::Config;
use crate::evidence::client::Reader;
use crate::evidence::exclusion::{Exclusions, Standing};
use crate::evidence::record::{Action, Body, Exclusion};
use crate::evidence::store::{Entry, Store};
use crate::units::Span;

/// Lists exclusions, or takes one a step further.
pub fn run(args: &Exclude) -> Outcome {
    match &args.action {
        ExcludeAction::List { json, place } => list(place, *json),
        ExcludeAction::Propose { service, from, to, id, step } => {
            let config = configuration(&step.place)?;
            for id in service {
                if config.service(id).is_none() {
                    return Err(Failure::new(format!("the configuration has no service {id:?}")));
                }
            }
            let span = Span::new(instant(from)?, instant(to)?);
            take(&config, step, Action::Propose, id.clone(), service.clone(), Some(span))
        }
        ExcludeAction::Agree { id, step } => further(step, Action::Agree, id),
        ExcludeAction::Dispute { id, step } => further(step, Action::Dispute, id),
        ExcludeAction::Withdraw { id, step } => further(step, Action::Withdraw, id),
    }
}

fn further(step: &Step, action: Action, id: &str) -> Outcome {
    let config = configuration(&step.place)?;
    take(&config, step, action, Some(id.to_owned()), Vec::new(), None)
}

fn take(
    config: &Config,
    step: &Step,
    action: Action,
    id: Option<String>,
    services: Vec<String>,
    span: Option<Span>,
) -> Outcome {
    let known = known(config)?;
    let exclusion = Exclusion {
        id: id.unwrap_or_else(|| known.next_id()),
        action,
        who: step.by.clone(),
        why: step.why.clone(),
        reference: step.reference.clone(),
        services,
        span,
    };
    known.check(&exclusion).map_err(Failure::new)?;
    let at = now();
    let (mut store, _) = Store::open_as_command(&config.monitor.data_dir, at).map_err(Failure::new)?;
    store.append(at, &[Entry::Fact(Body::Exclusion(exclusion.clone()))]).map_err(Failure::new)?;
    let done = match action {
        Action::Propose => "proposed: it excludes nothing until somebody else agrees",
        Action::Agree => "agreed: its time no longer counts",
        Action::Dispute => "disputed: it excludes nothing",
        Action::Withdraw => "withdrawn: it excludes nothing",
    };
    say!("{} {done}", exclusion.id);
    Ok(ExitCode::SUCCESS)
}

/// Every exclusion in the evidence; none where there is no evidence yet.
fn known(config: &Config) -> Result<Exclusions, Failure> {
    let mut all = Exclusions::default();
    match Reader::open(&config.monitor.data_dir) {
        Ok(reader) => reader.facts(|stored| all.take(&stored.record)),
        Err(crate::evidence::file::store::StoreError::Nothing(_)) => {
            std::fs::create_dir_all(&config.monitor.data_dir).map_err(Failure::new)?;
        }
        Err(error) => return Err(Failure::new(error)),
    }
    Ok(all)
}

fn list(place: &Place, json: bool) -> Outcome {
    let config = configuration(place)?;
    let all = known(&config)?;
    let name = |standing| match standing {
        Standing::Proposed => "proposed",
        Standing::Agreed => "agreed",
        Standing::Disputed => "disputed",
        Standing::Withdrawn => "withdrawn",
    };
    for case in all.cases() {
        if json {
            let steps: Vec<_> = case
                .steps
                .iter()
                .map(|(_, at, s)| json!({ "at": at.to_string(), "by": s.who, "why": s.why, "reference": s.reference }))
                .collect();
            say!(
                "{}",
                json!({
                    "id": case.id, "state": name(case.standing), "services": case.services,
                    "from": case.span.from.to_string(), "to": case.span.to.to_string(), "steps": steps,
                })
            );
        } else {
            say!(
                "{}  {}  {} to {}  {}",
                case.id,
                name(case.standing),
                case.span.from,
                case.span.to,
                case.services.join(", ")
            );
            for (_, at, step) in &case.steps {
                say!("    {at}  {}: {} ({})", step.who, step.why, step.reference);
            }
        }
    }
    if all.cases().next().is_none() && !json {
        say!("no exclusions");
    }
    Ok(ExitCode::SUCCESS)
}
