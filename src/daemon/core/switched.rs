//! Interfaces that somebody switched off: no outage, but a proposal to exclude the time, which people agree to or not.

use std::collections::{BTreeMap, BTreeSet};

use super::Core;
use crate::config::Config;
use crate::evidence::record::{Action, Body, Exclusion};
use crate::measurement::Cause;
use crate::measurement::status::{DatedBy, Stated, Word};
use crate::names::{ComponentIx, ServiceIx};
use crate::sla::calendar::Month;
use crate::sla::state::State;
use crate::sla::tree;
use crate::units::{Sec, Span};

/// Who proposes what the monitor proposes by itself. Nobody can agree in this name.
pub const PROPOSER: &str = "assured";

/// Switched on for so long, seconds, it is a switch-off that is over; shorter, and it goes on. So an interface that is
/// switched to and fro makes one proposal.
const QUIET: i64 = 600;

/// Those that are switched off, and those that were until just now.
#[derive(Debug, Default)]
pub(super) struct Switched(BTreeMap<ComponentIx, Off>);

/// A switch-off.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Off {
    from: Sec,
    /// The first second that it was on again; `None` while it is off.
    until: Option<Sec>,
    /// Services that were not up meanwhile, or would not have been without it.
    services: BTreeSet<ServiceIx>,
}

impl Switched {
    /// As the evidence has it: who was off when it ended, since when.
    pub(super) fn restore(&mut self, off: impl IntoIterator<Item = (ComponentIx, Sec)>) {
        for (component, from) in off {
            self.0.entry(component).or_insert(Off { from, until: None, services: BTreeSet::new() });
        }
    }

    pub(super) fn rename(&mut self, new: impl Fn(ComponentIx) -> Option<ComponentIx>) {
        let offs = std::mem::take(&mut self.0);
        // Services may have other indices now; those that it matters to are found again.
        let anew = |off: Off| Off { services: BTreeSet::new(), ..off };
        self.0 = offs.into_iter().filter_map(|(c, off)| Some((new(c)?, anew(off)))).collect();
    }
}

impl Core {
    /// An interface was said to be switched off, or to be something else; `first` is the statement's first round of that.
    pub(super) fn switched_off(&mut self, component: ComponentIx, word: Word, first: &Stated) {
        match word {
            Word::Off => {
                let known = self.interfaces.switched.0.get(&component).cloned();
                let mut off = match known {
                    Some(off) => off,
                    None => {
                        self.interface_fact(component, "off", first.at, first.dated_by);
                        Off { from: first.at, until: None, services: BTreeSet::new() }
                    }
                };
                off.until = None;
                off.services.extend(without(self, component));
                let zone = &self.config.monitor.time_zone;
                let month = Month::of(first.at, zone).span(zone).from;
                if off.from < month {
                    // A month's exclusions are settled with the month.
                    self.propose(component, &off, month);
                    self.interface_fact(component, "off", month, DatedBy::Poll);
                    off = Off { from: month, ..off };
                }
                self.interfaces.switched.0.insert(component, off);
            }
            Word::Up | Word::Down(_) => {
                if let Some(off) = self.interfaces.switched.0.get_mut(&component) {
                    off.until.get_or_insert(first.at);
                }
            }
            // Silence says nothing of it.
            Word::Unknown(_) => {}
        }
    }

    /// Proposes to exclude what is over.
    pub(super) fn propose_what_is_over(&mut self, now: Sec) {
        let over = |off: &Off| off.until.is_some_and(|until| now.since(until) >= QUIET);
        let offs = &mut self.interfaces.switched.0;
        let ended: Vec<(ComponentIx, Off)> = offs.extract_if(.., |_, off| over(off)).collect();
        for (component, off) in ended {
            let until = off.until.unwrap_or(off.from);
            self.propose(component, &off, until);
            self.interface_fact(component, "on", until, DatedBy::Poll);
        }
    }

    fn propose(&mut self, component: ComponentIx, off: &Off, until: Sec) {
        let mut services = off.services.clone();
        services.extend(essential(&self.config, component));
        if services.is_empty() || until <= off.from {
            return;
        }
        let id = &self.config.components[component.get()].id;
        let stamp: String = off.from.to_string().chars().filter(char::is_ascii_digit).take(12).collect();
        let proposal = Exclusion {
            id: format!("off-{id}-{stamp}"),
            action: Action::Propose,
            who: PROPOSER.into(),
            why: format!("the interface of {id} was switched off (ifAdminStatus down)"),
            reference: "SNMP".into(),
            services: services.iter().map(|s| self.config.services[s.get()].id.to_string()).collect(),
            span: Some(Span::new(off.from, until)),
        };
        tracing::info!(
            component = %id, from = %off.from, %until, exclusion = proposal.id,
            "it was switched off: proposed to exclude this time; it counts until somebody agrees"
        );
        self.fact(Body::Exclusion(proposal));
    }

    fn interface_fact(&mut self, component: ComponentIx, state: &str, since: Sec, source: DatedBy) {
        let component = self.config.components[component.get()].id.to_string();
        self.fact(Body::Interface { component, state: state.into(), since, source: source.name().into() });
    }
}

/// Services that are not up now with this component unknown.
fn without(core: &Core, component: ComponentIx) -> Vec<ServiceIx> {
    users(&core.config, component, |other| core.fold.confirmed(other).state)
}

/// Services that cannot be up without this component, whatever the others are.
fn essential(config: &Config, component: ComponentIx) -> Vec<ServiceIx> {
    users(config, component, |_| State::Up)
}

fn users(config: &Config, component: ComponentIx, others: impl Fn(ComponentIx) -> State) -> Vec<ServiceIx> {
    let state = |c: ComponentIx| if c == component { State::Unknown(Cause::SwitchedOff) } else { others(c) };
    let services = (0..config.services.len()).map(ServiceIx::from);
    let needs = |s: &ServiceIx| {
        let tree = &config.services[s.get()].requires;
        tree.components().contains(&component) && tree::evaluate(tree, state).state != State::Up
    };
    services.filter(needs).collect()
}
