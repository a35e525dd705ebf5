//! Steps of faults on their way through the journal.

use super::journal::Entry;
use crate::evidence::fault::{Action, Cause, Fault, Responsible, Step};
use crate::evidence::record::{Body, Record};
use crate::units::Sec;

/// The steps of a fault as journal entries with their sequence in the store; services that are not `ours` are left out.
pub(super) fn entries(fault: &Fault, ours: impl Fn(&str) -> bool) -> impl Iterator<Item = (u64, Entry)> {
    fault.steps.iter().map(move |(seq, at, step)| {
        let entry = Entry::Fault {
            at: at.0,
            when: step.when.0,
            id: step.id.clone(),
            action: step.action.name().into(),
            by: step.who.clone(),
            text: step.text.clone(),
            reference: step.reference.clone(),
            site: step.site.clone(),
            services: step.services.iter().filter(|s| ours(s)).cloned().collect(),
            components: step.components.clone(),
            detected: step.detected.map(|at| at.0),
            severity: step.severity,
            responsible: step.responsible.map(|r| r.name().into()),
            stop: step.stop.clone(),
            cause: step.cause.map(|c| c.name().into()),
            next_update: step.next_update.map(|at| at.0),
        };
        (*seq, entry)
    })
}

/// The record that a journal entry was made from, under another number; `None` for an entry about something else.
///
/// # Errors
/// A name that means nothing, in words.
pub(super) fn record(seq: u64, entry: &Entry) -> Result<Option<Record>, String> {
    let Entry::Fault {
        at,
        when,
        id,
        action,
        by,
        text,
        reference,
        site,
        services,
        components,
        detected,
        severity,
        responsible,
        stop,
        cause,
        next_update,
    } = entry
    else {
        return Ok(None);
    };
    let action = Action::parse(action).ok_or_else(|| format!("{action} is nothing that is done with a fault"))?;
    let responsible = responsible
        .as_deref()
        .map(|r| Responsible::parse(r).ok_or_else(|| format!("{r} says not whose fault {id} is")))
        .transpose()?;
    let cause = cause
        .as_deref()
        .map(|c| Cause::parse(c).ok_or_else(|| format!("{c} is no cause of fault {id}")))
        .transpose()?;
    let step = Step {
        id: id.clone(),
        action,
        who: by.clone(),
        text: text.clone(),
        when: Sec(*when),
        reference: reference.clone(),
        site: site.clone(),
        services: services.clone(),
        components: components.clone(),
        detected: detected.map(Sec),
        severity: *severity,
        responsible,
        stop: stop.clone(),
        cause,
        next_update: next_update.map(Sec),
    };
    Ok(Some(Record { seq, at: Sec(*at), body: Body::Fault(step) }))
}
