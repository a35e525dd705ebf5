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
pub(super) struct Switched {
    offs: BTreeMap<ComponentIx, Off>,
    /// The services that need a component; made when it is first asked for, and anew with every configuration.
    users: Option<BTreeMap<ComponentIx, Vec<ServiceIx>>>,
}

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
            self.offs.entry(component).or_insert(Off { from, until: None, services: BTreeSet::new() });
        }
    }

    pub(super) fn rename(&mut self, new: impl Fn(ComponentIx) -> Option<ComponentIx>) {
        self.users = None;
        let offs = std::mem::take(&mut self.offs);
        // Services may have other indices now; those that it matters to are found again.
        let anew = |off: Off| Off { services: BTreeSet::new(), ..off };
        self.offs = offs.into_iter().filter_map(|(c, off)| Some((new(c)?, anew(off)))).collect();
    }
}

impl Core {
    /// An interface was said to be switched off, or to be something else; `first` is the statement's first round of that.
    pub(super) fn switched_off(&mut self, component: ComponentIx, word: Word, first: &Stated) {
        match word {
            Word::Off => {
                let known = self.interfaces.switched.offs.get(&component).cloned();
                let mut off = match known {
                    Some(off) => off,
                    None => {
                        self.interface_fact(component, "off", first.at, first.dated_by);
                        Off { from: first.at, until: None, services: BTreeSet::new() }
                    }
                };
                off.until = None;
                off.services.extend(self.not_up_without(component));
                let zone = &self.config.monitor.time_zone;
                let month = Month::of(first.at, zone).span(zone).from;
                if off.from < month {
                    // A month's exclusions are settled with the month.
                    self.propose(component, &off, month);
                    self.interface_fact(component, "off", month, DatedBy::Poll);
                    off = Off { from: month, ..off };
                }
                self.interfaces.switched.offs.insert(component, off);
            }
            Word::Up | Word::Down(_) => {
                if let Some(off) = self.interfaces.switched.offs.get_mut(&component) {
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
        let offs = &mut self.interfaces.switched.offs;
        let ended: Vec<(ComponentIx, Off)> = offs.extract_if(.., |_, off| over(off)).collect();
        for (component, off) in ended {
            let until = off.until.unwrap_or(off.from);
            self.propose(component, &off, until);
            self.interface_fact(component, "on", until, DatedBy::Poll);
        }
    }

    fn propose(&mut self, component: ComponentIx, off: &Off, until: Sec) {
        let mut services = off.services.clone();
        services.extend(self.never_up_without(component));
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

    /// Services that are not up now with this component unknown.
    fn not_up_without(&mut self, component: ComponentIx) -> Vec<ServiceIx> {
        self.users_with(component, |core, other| core.fold.confirmed(other).state)
    }

    /// Services that cannot be up without this component, whatever the others are.
    fn never_up_without(&mut self, component: ComponentIx) -> Vec<ServiceIx> {
        self.users_with(component, |_, _| State::Up)
    }

    fn users_with(&mut self, component: ComponentIx, others: impl Fn(&Self, ComponentIx) -> State) -> Vec<ServiceIx> {
        let users = self.interfaces.switched.users.get_or_insert_with(|| users(&self.config));
        let users = users.get(&component).cloned().unwrap_or_default();
        let state = |c: ComponentIx| {
            if c == component { State::Unknown(Cause::SwitchedOff) } else { others(self, c) }
        };
        let up = |s: &ServiceIx| tree::evaluate(&self.config.services[s.get()].requires, state).state == State::Up;
        users.into_iter().filter(|s| !up(s)).collect()
    }
}

/// The services whose tree names a component.
fn users(config: &Config) -> BTreeMap<ComponentIx, Vec<ServiceIx>> {
    let mut users: BTreeMap<ComponentIx, Vec<ServiceIx>> = BTreeMap::new();
    for (n, service) in config.services.iter().enumerate() {
        for component in service.requires.components() {
            users.entry(component).or_default().push(ServiceIx::from(n));
        }
    }
    users
}
