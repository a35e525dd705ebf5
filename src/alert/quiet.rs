//! Which components raise no alert of their own, because something that they hang on is down or they are in maintenance.
//!
//! The same for both paths: Prometheus reads it as `assured_component_quiet`.

use crate::config::Config;
use crate::names::ComponentIx;
use crate::snapshot::{Shown, Snapshot};

/// Reasons to be quiet, parallel to the components of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quiet {
    /// A parent, or a parent's parent and so on, is down: it is the cause, and has an alert of its own.
    pub parent_down: Vec<bool>,
    /// All services that look at the component are in maintenance. One that nobody looks at never is.
    pub maintenance: Vec<bool>,
}

impl Quiet {
    /// As the snapshot shows it.
    #[must_use]
    pub fn of(s: &Snapshot) -> Self {
        Self { parent_down: parent_down(s), maintenance: maintenance(s) }
    }
}

/// Each component is looked at once: those above it first.
fn parent_down(s: &Snapshot) -> Vec<bool> {
    let mut known: Vec<Option<bool>> = vec![None; s.config.components.len()];
    for n in 0..known.len() {
        let mut way = vec![n];
        while let Some(&at) = way.last() {
            let parents = || s.config.components[at].parents.iter().map(|p| p.get());
            // The configuration has no circles; were there one, whoever is on the way already is taken as not quiet.
            match parents().find(|p| known[*p].is_none() && !way.contains(p)) {
                Some(above) => way.push(above),
                None => {
                    let is_down = |p: usize| s.components.get(p).is_some_and(|view| view.state == Shown::Down);
                    known[at] = Some(parents().any(|p| is_down(p) || known[p] == Some(true)));
                    way.pop();
                }
            }
        }
    }
    known.into_iter().map(|k| k == Some(true)).collect()
}

fn maintenance(s: &Snapshot) -> Vec<bool> {
    let users = users(&s.config);
    users
        .iter()
        .map(|users| {
            let resting = |n: &usize| s.services.get(*n).is_some_and(|view| view.state == Shown::Maintenance);
            !users.is_empty() && users.iter().all(resting)
        })
        .collect()
}

/// Services that look at each component, by position.
fn users(config: &Config) -> Vec<Vec<usize>> {
    let mut users: Vec<Vec<usize>> = vec![Vec::new(); config.components.len()];
    for (n, service) in config.services.iter().enumerate() {
        for component in service.requires.components() {
            let of: &mut Vec<usize> = &mut users[ComponentIx::get(component)];
            if of.last() != Some(&n) {
                of.push(n);
            }
        }
    }
    users
}
