//! Names and their addresses: resolved in the background, never once per probe.
//!
//! A name keeps its last address while the resolver fails, and keeps it, too, as long as
//! the resolver still names it among others. What cannot be resolved is unknown, not down.

pub mod client;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use crate::config::model::Host;

/// How long a good answer is kept before it is asked again, seconds.
pub const REFRESH_S: u64 = 300;
/// How soon a failed look-up is repeated at first, seconds; doubled up to [`RETRY_MAX_S`].
pub const RETRY_S: u64 = 5;
/// The longest wait after failed look-ups, seconds.
pub const RETRY_MAX_S: u64 = 60;

/// What is known of one name.
#[derive(Debug, Clone, Default)]
struct Known {
    address: Option<IpAddr>,
    failures: u32,
}

/// The table of names.
#[derive(Debug, Clone, Default)]
pub struct Names {
    known: BTreeMap<Arc<str>, Known>,
}

/// What became of a look-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// As before.
    Nothing,
    /// The name has an address now, or another one.
    Address(IpAddr),
    /// The name can no longer be resolved; its last address stays in use.
    Failing,
}

impl Names {
    /// Keeps exactly the names in `hosts`; addresses already known stay.
    pub fn retain<'a>(&mut self, hosts: impl IntoIterator<Item = &'a Host>) {
        let mut old = std::mem::take(&mut self.known);
        for host in hosts {
            if let Host::Name(name) = host {
                self.known.entry(name.clone()).or_insert_with(|| old.remove(name).unwrap_or_default());
            }
        }
    }

    /// Every name.
    pub fn names(&self) -> impl Iterator<Item = Arc<str>> {
        self.known.keys().cloned()
    }

    /// Where to send a probe for `host` now.
    #[must_use]
    pub fn address(&self, host: &Host) -> Option<IpAddr> {
        match host {
            Host::Address(address) => Some(*address),
            Host::Name(name) => self.known.get(name)?.address,
        }
    }

    /// Whether the latest look-up of `host` failed: then a loss may be our stale address, not the target.
    #[must_use]
    pub fn failing(&self, host: &Host) -> bool {
        matches!(host, Host::Name(name) if self.known.get(name).is_none_or(|k| k.failures > 0 || k.address.is_none()))
    }

    /// How many names do not resolve at present.
    #[must_use]
    pub fn unresolved(&self) -> u64 {
        self.known.values().filter(|k| k.failures > 0 || k.address.is_none()).count() as u64
    }

    /// Takes the answer of a look-up: every address of the name, none when it failed.
    pub fn answer(&mut self, name: &str, addresses: &[IpAddr]) -> Change {
        let Some(known) = self.known.get_mut(name) else { return Change::Nothing };
        let Some(first) = addresses.iter().min() else {
            known.failures = known.failures.saturating_add(1);
            return if known.failures == 1 { Change::Failing } else { Change::Nothing };
        };
        let recovered = known.failures > 0;
        known.failures = 0;
        match known.address {
            Some(current) if addresses.contains(&current) && !recovered => Change::Nothing,
            Some(current) if addresses.contains(&current) => Change::Address(current),
            _ => {
                known.address = Some(*first);
                Change::Address(*first)
            }
        }
    }
}

/// How long to wait before the next look-up after so many failures in a row, seconds.
#[must_use]
pub fn wait_s(failures: u32) -> u64 {
    match failures {
        0 => REFRESH_S,
        n => RETRY_S.saturating_mul(1 << (n - 1).min(8)).min(RETRY_MAX_S),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> (Names, Host) {
        let host = Host::Name("gw.example".into());
        let mut names = Names::default();
        names.retain([&host, &Host::Address(IpAddr::from([127, 0, 0, 1]))]);
        (names, host)
    }

    #[test]
    fn a_name_is_unknown_until_it_resolves() {
        let (mut names, host) = names();
        assert_eq!((names.address(&host), names.failing(&host), names.unresolved()), (None, true, 1));
        let a = IpAddr::from([192, 0, 2, 7]);
        assert_eq!(names.answer("gw.example", &[a]), Change::Address(a));
        assert_eq!((names.address(&host), names.failing(&host), names.unresolved()), (Some(a), false, 0));
    }

    #[test]
    fn a_failing_resolver_keeps_the_last_address() {
        let (mut names, host) = names();
        let a = IpAddr::from([192, 0, 2, 7]);
        names.answer("gw.example", &[a]);
        assert_eq!(names.answer("gw.example", &[]), Change::Failing);
        assert_eq!(names.answer("gw.example", &[]), Change::Nothing);
        assert_eq!((names.address(&host), names.failing(&host)), (Some(a), true));
        assert_eq!(names.answer("gw.example", &[a]), Change::Address(a));
        assert!(!names.failing(&host));
    }

    #[test]
    fn an_address_stays_while_the_resolver_still_names_it() {
        let (mut names, host) = names();
        let (a, b) = (IpAddr::from([192, 0, 2, 7]), IpAddr::from([192, 0, 2, 1]));
        names.answer("gw.example", &[a]);
        assert_eq!(names.answer("gw.example", &[b, a]), Change::Nothing);
        assert_eq!(names.address(&host), Some(a));
        assert_eq!(names.answer("gw.example", &[b]), Change::Address(b));
    }

    #[test]
    fn waits_grow_to_a_bound() {
        assert_eq!([0, 1, 2, 3, 4, 5, 99].map(wait_s), [300, 5, 10, 20, 40, 60, 60]);
    }
}
