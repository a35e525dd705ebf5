//! What a fleet of hosts is and does: a scenario, from TOML or built in code.
//!
//! ```toml
//! seed = 7
//!
//! [[hosts]]                       # 5,000 hosts, 0 to 49 ms by index
//! name = "library"
//! address = "10.64.0.1"
//! count = 5000
//! delay_step = "1ms"
//! delay_wrap = 50
//!
//! [[hosts.faults]]                # silent from 20 s to 50 s after the start, again every 90 s
//! from = "20s"
//! to = "50s"
//! every = "90s"
//! loss = "100%"
//! ```
//!
//! Unknown keys are errors. Every duration is text with a unit (`ns`, `us`, `ms`, `s`, `m`, `h`),
//! every chance a percentage.

mod quantity;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::Deserialize;

pub use self::quantity::{Chance, Nanos, Prefix};
use self::quantity::{add, dscp, dscps, some_dscp};
use super::agents::Spec;
use crate::units::Dscp;

/// The most hosts in one scenario; bounds the memory of the truth.
pub const MAX_HOSTS: u64 = 1 << 20;

/// Who probes, from inside the lab: IPv4 and IPv6.
pub const VANTAGE: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(10, 255, 255, 254)),
    IpAddr::V6(Ipv6Addr::new(0xFDFF, 0xFFFF, 0xFFFF, 0xFFFF, 0, 0, 0, 0xFE)),
];
/// Whose address stands on "unreachable" messages: IPv4 and IPv6.
pub const ROUTER: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(10, 255, 255, 253)),
    IpAddr::V6(Ipv6Addr::new(0xFDFF, 0xFFFF, 0xFFFF, 0xFFFF, 0, 0, 0, 0xFD)),
];

/// A whole fleet.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Seed of every chance. The same seed gives the same fate to the n-th probe of a host.
    #[serde(default = "one")]
    pub seed: u64,
    /// What is routed into the lab; addresses in it without a host stay silent.
    #[serde(default = "default_prefixes")]
    pub prefixes: Vec<Prefix>,
    /// Recorded devices by name, for the hosts' SNMP agents.
    #[serde(default)]
    pub recordings: BTreeMap<String, String>,
    /// Who answers.
    #[serde(default)]
    pub hosts: Vec<Hosts>,
}

/// One host, or a block of hosts with consecutive addresses.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hosts {
    /// For people and for the truth's records.
    #[serde(default)]
    pub name: String,
    /// The first address.
    pub address: IpAddr,
    /// How many hosts, with consecutive addresses.
    #[serde(default = "one")]
    pub count: u64,
    /// Round-trip delay of every answer.
    #[serde(default)]
    pub delay: Nanos,
    /// Added once per index within the block.
    #[serde(default)]
    pub delay_step: Nanos,
    /// The index wraps here for `delay_step`; 0 never wraps.
    #[serde(default)]
    pub delay_wrap: u64,
    /// Added to the delay, evenly spread from nothing up to this.
    #[serde(default)]
    pub jitter: Nanos,
    /// Probes that get no answer.
    #[serde(default)]
    pub loss: Chance,
    /// Answers that come twice, a millisecond apart.
    #[serde(default)]
    pub duplicates: Chance,
    /// Answers held back by `reorder_by`, so that later ones overtake them.
    #[serde(default)]
    pub reorder: Chance,
    /// See `reorder`.
    #[serde(default = "twenty_ms")]
    pub reorder_by: Nanos,
    /// TTL or hop limit of the answers as they arrive.
    #[serde(default = "sixty_four")]
    pub ttl: u8,
    /// Treatment by class; the first that fits is added to what all classes get.
    #[serde(default)]
    pub classes: Vec<Treatment>,
    /// What goes wrong, and when; all that are active add up.
    #[serde(default)]
    pub faults: Vec<Fault>,
    /// What its SNMP agent says; nobody listens when absent.
    #[serde(default)]
    pub snmp: Option<Spec>,
}

/// What one class gets on top.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Treatment {
    /// Code point of the probes it is about.
    #[serde(deserialize_with = "dscp")]
    pub dscp: Dscp,
    /// Further delay.
    #[serde(default)]
    pub delay: Nanos,
    /// Further jitter.
    #[serde(default)]
    pub jitter: Nanos,
    /// Further loss.
    #[serde(default)]
    pub loss: Chance,
    /// Answers carry this code point instead.
    #[serde(default, deserialize_with = "some_dscp")]
    pub remark: Option<Dscp>,
}

/// Something that goes wrong between two instants, once or again and again.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// First instant, since the start or since the beginning of each period.
    #[serde(default)]
    pub from: Nanos,
    /// First instant after; never when absent.
    #[serde(default)]
    pub to: Option<Nanos>,
    /// Length of a period after which it comes again.
    #[serde(default)]
    pub every: Option<Nanos>,
    /// Only probes with these code points; all when empty.
    #[serde(default, deserialize_with = "dscps")]
    pub classes: Vec<Dscp>,
    /// Share of the probes that it touches.
    #[serde(default = "always")]
    pub share: Chance,
    /// Probes that get no answer; 100% is an outage.
    #[serde(default)]
    pub loss: Chance,
    /// Further delay; 5 s makes answers too late for anybody.
    #[serde(default)]
    pub delay: Nanos,
    /// Further jitter.
    #[serde(default)]
    pub jitter: Nanos,
    /// Answers carry this code point instead.
    #[serde(default, deserialize_with = "some_dscp")]
    pub remark: Option<Dscp>,
    /// Answers lie.
    #[serde(default)]
    pub lie: Option<Lie>,
}

/// How an answer can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lie {
    /// Every byte of the payload inverted, checksum right.
    WrongPayload,
    /// The identifier of somebody else's probe. A datagram ICMP socket never sees it.
    WrongId,
    /// Another sequence number.
    WrongSequence,
    /// Only the first four bytes of the payload come back, all lengths and checksums right.
    Truncated,
    /// Everything right, but from another address.
    SpoofedSource,
    /// The ICMP checksum is off by one.
    BadChecksum,
    /// A router says that the host cannot be reached (RFC 792 type 3 code 1, RFC 4443 type 1 code 3).
    Unreachable,
}

impl Scenario {
    /// An empty fleet with the usual prefixes, `10.0.0.0/8` and `fd00::/8`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed, prefixes: default_prefixes(), recordings: BTreeMap::new(), hosts: Vec::new() }
    }

    /// From TOML.
    ///
    /// # Errors
    /// What is wrong, and where, in the words of the parser; or which hosts cannot be.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        let scenario: Self = toml::from_str(text).map_err(|e| ScenarioError::Toml(Box::new(e)))?;
        scenario.check()?;
        Ok(scenario)
    }

    /// Adds a block of hosts.
    #[must_use]
    pub fn with(mut self, hosts: Hosts) -> Self {
        self.hosts.push(hosts);
        self
    }

    /// How many hosts there are in all.
    #[must_use]
    pub fn host_count(&self) -> u64 {
        self.hosts.iter().fold(0, |sum, h| sum.saturating_add(h.count))
    }

    /// Whether the hosts can be: not too many, inside the prefixes, no address twice.
    ///
    /// # Errors
    /// The first that cannot.
    pub fn check(&self) -> Result<(), ScenarioError> {
        if self.host_count() > MAX_HOSTS {
            return Err(ScenarioError::TooMany(self.host_count()));
        }
        let mut blocks = Vec::with_capacity(self.hosts.len());
        for hosts in &self.hosts {
            let (first, last) = hosts.range().ok_or(ScenarioError::Range(hosts.address, hosts.count))?;
            let inside = |p: &Prefix| p.contains(first) && p.contains(last);
            if !self.prefixes.iter().any(inside) {
                return Err(ScenarioError::Unrouted(hosts.address));
            }
            if VANTAGE.iter().any(|own| (first..=last).contains(own)) {
                return Err(ScenarioError::Vantage(hosts.address));
            }
            if hosts.faults.iter().any(|f| f.every == Some(Nanos(0))) {
                return Err(ScenarioError::Period(hosts.address));
            }
            blocks.push((first, last));
        }
        blocks.sort_unstable();
        match blocks.windows(2).find(|w| w[1].0 <= w[0].1) {
            Some(w) => Err(ScenarioError::Twice(w[1].0)),
            None => Ok(()),
        }
    }
}

impl Hosts {
    /// One host that answers at once.
    #[must_use]
    pub fn at(address: IpAddr) -> Self {
        Self {
            name: String::new(),
            address,
            count: 1,
            delay: Nanos(0),
            delay_step: Nanos(0),
            delay_wrap: 0,
            jitter: Nanos(0),
            loss: Chance::NEVER,
            duplicates: Chance::NEVER,
            reorder: Chance::NEVER,
            reorder_by: twenty_ms(),
            ttl: 64,
            classes: Vec::new(),
            faults: Vec::new(),
            snmp: None,
        }
    }

    /// The address of the host at this index.
    #[must_use]
    pub fn nth(&self, index: u64) -> Option<IpAddr> {
        if index < self.count { add(self.address, index) } else { None }
    }

    /// First and last address; `None` when there is none or the block runs past the end of the address space.
    #[must_use]
    pub fn range(&self) -> Option<(IpAddr, IpAddr)> {
        let more = self.count.checked_sub(1)?;
        Some((self.address, add(self.address, more)?))
    }

    /// Delay of the host at this index, before jitter, classes and faults.
    #[must_use]
    pub fn delay_of(&self, index: u64) -> Nanos {
        let step = index.checked_rem(self.delay_wrap).unwrap_or(index);
        Nanos(self.delay.0.saturating_add(self.delay_step.0.saturating_mul(step)))
    }
}

impl Default for Fault {
    /// Always on, touching every probe, doing nothing yet.
    fn default() -> Self {
        Self {
            from: Nanos(0),
            to: None,
            every: None,
            classes: Vec::new(),
            share: Chance::ALWAYS,
            loss: Chance::NEVER,
            delay: Nanos(0),
            jitter: Nanos(0),
            remark: None,
            lie: None,
        }
    }
}

impl Fault {
    /// Whether it is on at `since_start_ns`, for a probe with this code point.
    #[must_use]
    pub fn active(&self, since_start_ns: u64, dscp: Dscp) -> bool {
        let at = match self.every {
            Some(Nanos(period)) => since_start_ns.checked_rem(period).unwrap_or(since_start_ns),
            None => since_start_ns,
        };
        let on = at >= self.from.0 && self.to.is_none_or(|to| at < to.0);
        on && (self.classes.is_empty() || self.classes.contains(&dscp))
    }
}

/// Why a text or a value is not a scenario.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// Not TOML, an unknown key, or a value of the wrong kind.
    #[error("the scenario cannot be read: {0}")]
    Toml(Box<toml::de::Error>),
    /// More than [`MAX_HOSTS`].
    #[error("{0} hosts are more than a scenario may have ({MAX_HOSTS})")]
    TooMany(u64),
    /// No host at all, or past the end of the address space.
    #[error("{1} hosts from {0} on do not fit the address space")]
    Range(IpAddr, u64),
    /// Outside every prefix.
    #[error("{0} and what follows it lie in none of the scenario's prefixes")]
    Unrouted(IpAddr),
    /// The prober's own address; it would answer itself.
    #[error("one of the hosts from {0} on has the address that probes are sent from")]
    Vantage(IpAddr),
    /// Two hosts with one address.
    #[error("{0} stands in two blocks of hosts")]
    Twice(IpAddr),
    /// A recording or a host's agent cannot be.
    #[error("{0}")]
    Agent(String),
    /// `every = "0s"`.
    #[error("a fault of {0} comes again every 0 s")]
    Period(IpAddr),
}

fn one() -> u64 {
    1
}

fn sixty_four() -> u8 {
    64
}

fn twenty_ms() -> Nanos {
    Nanos::ms(20)
}

fn always() -> Chance {
    Chance::ALWAYS
}

fn default_prefixes() -> Vec<Prefix> {
    ["10.0.0.0/8", "fd00::/8"].iter().filter_map(|text| Prefix::parse(text)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_reads_as_documented() {
        let text = r#"
            seed = 7
            [[hosts]]
            name = "library"
            address = "10.64.0.1"
            count = 5000
            delay_step = "1ms"
            delay_wrap = 50
            [[hosts.classes]]
            dscp = "EF"
            remark = "AF31"
            [[hosts.faults]]
            from = "20s"
            to = "50s"
            every = "90s"
            loss = "100%"
        "#;
        let scenario = Scenario::parse(text).unwrap();
        let hosts = &scenario.hosts[0];
        assert_eq!(hosts.range().unwrap().1.to_string(), "10.64.19.136");
        assert_eq!((hosts.delay_of(49), hosts.delay_of(50)), (Nanos::ms(49), Nanos(0)));
        assert_eq!(hosts.classes[0].remark, Dscp::parse("AF31"));
        assert_eq!(hosts.faults[0].share, Chance::ALWAYS);
    }

    #[test]
    fn a_repeating_fault_is_on_from_its_first_instant_up_to_its_last() {
        let fault = Fault {
            from: Nanos::secs(20),
            to: Some(Nanos::secs(50)),
            every: Some(Nanos::secs(90)),
            classes: vec![Dscp::parse("EF").unwrap()],
            ..Fault::default()
        };
        let ef = Dscp::parse("EF").unwrap();
        let second = 1_000_000_000;
        for (at, on) in [(19, false), (20, true), (49, true), (50, false), (109, false), (110, true), (140, false)] {
            assert_eq!(fault.active(at * second, ef), on, "at {at} s");
        }
        assert!(!fault.active(30 * second, Dscp::default()));
    }

    #[test]
    fn unknown_keys_and_impossible_hosts_are_refused() {
        assert!(matches!(Scenario::parse("colour = 1"), Err(ScenarioError::Toml(_))));
        let hosts = |address: &str, count: u64| Hosts { count, ..Hosts::at(address.parse().unwrap()) };
        let check = |hosts: Vec<Hosts>| Scenario { hosts, ..Scenario::new(1) }.check();
        assert!(matches!(check(vec![hosts("192.0.2.1", 1)]), Err(ScenarioError::Unrouted(_))));
        assert!(matches!(check(vec![hosts("10.0.0.0", 0)]), Err(ScenarioError::Range(..))));
        assert!(matches!(check(vec![hosts("10.0.0.0", 8), hosts("10.0.0.7", 1)]), Err(ScenarioError::Twice(_))));
        assert!(matches!(check(vec![hosts("fd00::", MAX_HOSTS + 1)]), Err(ScenarioError::TooMany(_))));
        assert!(matches!(check(vec![hosts("10.255.255.250", 5)]), Err(ScenarioError::Vantage(_))));
        assert!(check(vec![hosts("10.255.255.250", 4)]).is_ok());
        assert!(check(vec![hosts("10.0.0.0", 8), hosts("10.0.0.8", 1)]).is_ok());
    }

    #[test]
    fn chances_and_durations_are_exact_or_refused() {
        assert_eq!(Chance::parse("0.25%"), Some(Chance(2_500)));
        assert_eq!(Chance::parse("100%"), Some(Chance::ALWAYS));
        for wrong in ["", "%", "101%", "1", "0.00001%", "-1%", "1.%"] {
            assert_eq!(Chance::parse(wrong), None, "{wrong}");
        }
        assert_eq!(Nanos::parse("49ms"), Some(Nanos::ms(49)));
        for wrong in ["", "5", "ms", "1.5s", "99999999999999h", "5 s"] {
            assert_eq!(Nanos::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn prefixes_know_their_network() {
        let p = Prefix::parse("10.9.8.7/8").unwrap();
        assert_eq!(p.network().to_string(), "10.0.0.0");
        assert!(p.contains("10.255.0.1".parse().unwrap()) && !p.contains("11.0.0.0".parse().unwrap()));
        assert_eq!(Prefix::parse("::/0").unwrap().network().to_string(), "::");
        assert_eq!(Prefix::parse("10.0.0.0/33"), None);
    }
}
