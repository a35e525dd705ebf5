//! `assured discover`: a configuration fragment for a device, from what it says over SNMP.

use std::process::ExitCode;

use super::probe::resolve;
use super::snmp::{ask, question};
use super::survey::fragment::{Around, fragment};
use super::{Failure, Outcome};
use crate::cli::Discover;
use crate::config::model::{ComponentKind, Config};
use crate::names::Id;

/// Prints the fragment to standard output, what there is to know about it to standard error.
pub fn run(args: &Discover) -> Outcome {
    if let Some(site) = &args.site {
        Id::new(site).map_err(|why| Failure::new(format!("{site:?} cannot be a site: {why}")))?;
    }
    let question = question(&args.address, &args.snmp, args.profile.as_deref(), args.config.as_deref())?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("cannot start the runtime: {error}")))?;
    let survey = runtime.block_on(async {
        let address = resolve(&question.host).await?;
        ask(&question, address).await
    })?;
    if survey.report.profile.is_none() || !survey.worked() {
        let advice = survey.advice();
        let why = survey.report.failure.as_ref().map_or(survey.report.access.to_string(), ToString::to_string);
        return Err(Failure::new(format!("nothing can be written down about {}: {why}.\n{advice}", survey.address)));
    }
    let written = fragment(&survey, &around(&question.config, &question.host, args.site.clone()));
    put!("{}", written.toml);
    for note in written.notes {
        note!("note: {note}");
    }
    if !survey.advice().is_empty() {
        note!("note: {}: {}", survey.report.access, survey.advice());
    }
    Ok(ExitCode::SUCCESS)
}

/// What the configuration has already.
fn around(config: &Config, host: &str, site: Option<String>) -> Around {
    let sites: Vec<String> = config.sites.iter().map(|s| s.id.to_string()).collect();
    let known = config.components.iter().position(|c| {
        matches!(c.kind, ComponentKind::Device(_)) && c.address.as_ref().is_some_and(|a| a.to_string() == host)
    });
    let linked = config.components.iter().filter_map(|c| match &c.kind {
        ComponentKind::Link(link) if Some(link.device.get()) == known => link.interface.clone(),
        _ => None,
    });
    let only = if let [one] = sites.as_slice() { Some(one.clone()) } else { None };
    Around {
        host: host.to_owned(),
        site: site.or(only),
        linked: linked.collect(),
        taken: config.components.iter().map(|c| c.id.to_string()).collect(),
        known_as: known.map(|k| config.components[k].id.to_string()),
        sites,
    }
}
