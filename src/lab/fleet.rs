//! The fleet: takes a packet and the time, returns what goes out and when.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::agents::Agents;
use super::chance::Draws;
use super::packet::{self, Body, Echo, Head, Packet, Udp};
use super::scenario::{Hosts, Lie, Nanos, ROUTER, Scenario, ScenarioError};
use super::truth::{Fate, Sighting, Truth};
use crate::units::Dscp;

/// Something to write into the device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Departure {
    /// When, in nanoseconds since the start.
    pub at_ns: u64,
    /// The whole packet.
    pub bytes: Vec<u8>,
    /// Number of the echo request that it answers; `None` for what is no echo reply.
    pub serial: Option<u64>,
}

/// Whom a datagram is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostRef<'a> {
    /// Name of its block of hosts.
    pub name: &'a str,
    /// Index within the block.
    pub index: u64,
    /// Its address.
    pub address: IpAddr,
}

/// Answers UDP datagrams for the hosts: the seam for SNMP. Answers get the host's delay, loss and faults like any other.
pub trait Agent: Send {
    /// What the host says to this; `None` for silence. `now_ns` is since the start.
    fn answer(&mut self, host: HostRef<'_>, datagram: &Udp<'_>, now_ns: u64) -> Option<Vec<u8>>;

    /// Whether anybody listens at this port; where nobody does, the host says "port unreachable".
    fn listens(&self, host: HostRef<'_>, port: u16) -> bool;

    /// How much later than the host itself it answers.
    fn delay(&self, _host: HostRef<'_>) -> Nanos {
        Nanos(0)
    }
}

/// Where no clock is given, the agents' day begins at ten: a busy hour.
const MORNING: u64 = 10 * 3600;

/// The hosts of a scenario.
pub struct Fleet {
    seed: u64,
    blocks: Vec<Block>,
    /// First address of each block, to its position.
    by_address: BTreeMap<IpAddr, usize>,
    /// How many requests each host has had; also the n of its next one.
    asked: Vec<u64>,
    truth: Truth,
    agent: Option<Box<dyn Agent>>,
}

impl std::fmt::Debug for Fleet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fleet").field("hosts", &self.asked.len()).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Block {
    hosts: Hosts,
    last: IpAddr,
    /// Number of its first host in the fleet.
    first: usize,
}

/// What is to be done with one request, all treatments and faults added up.
#[derive(Debug, Clone, Copy)]
struct Plan {
    delay: Nanos,
    lost: bool,
    remark: Option<Dscp>,
    lie: Option<Lie>,
    duplicated: bool,
}

impl Fleet {
    /// The fleet of a scenario, remembering so many single requests.
    ///
    /// # Errors
    /// When the scenario's hosts cannot be.
    pub fn new(scenario: &Scenario, remember: usize) -> Result<Self, ScenarioError> {
        scenario.check()?;
        let mut blocks = Vec::with_capacity(scenario.hosts.len());
        let mut by_address = BTreeMap::new();
        let mut first = 0_usize;
        for hosts in &scenario.hosts {
            let (from, last) = hosts.range().ok_or(ScenarioError::Range(hosts.address, hosts.count))?;
            by_address.insert(from, blocks.len());
            blocks.push(Block { hosts: hosts.clone(), last, first });
            first += usize::try_from(hosts.count).map_err(|_| ScenarioError::TooMany(hosts.count))?;
        }
        let truth = Truth::new(first, remember);
        let agents = Agents::of(scenario, MORNING).map_err(ScenarioError::Agent)?;
        let agent = agents.map(|agents| -> Box<dyn Agent> { Box::new(agents) });
        Ok(Self { seed: scenario.seed, blocks, by_address, asked: vec![0; first], truth, agent })
    }

    /// Gives the hosts someone who answers their UDP datagrams.
    pub fn set_agent(&mut self, agent: Box<dyn Agent>) {
        self.agent = Some(agent);
    }

    /// What was really done.
    #[must_use]
    pub fn truth(&self) -> &Truth {
        &self.truth
    }

    /// What was really done, for the driver to note when answers left.
    pub fn truth_mut(&mut self) -> &mut Truth {
        &mut self.truth
    }

    /// Number of the host with this address in the truth.
    #[must_use]
    pub fn number(&self, address: IpAddr) -> Option<usize> {
        self.find(address).map(|(block, index)| self.blocks[block].first + index)
    }

    /// Takes a packet that arrived `now_ns` after the start and appends what goes out to `out`.
    pub fn handle(&mut self, bytes: &[u8], now_ns: u64, out: &mut Vec<Departure>) {
        let Some(packet) = packet::parse(bytes) else {
            self.truth.others.malformed += 1;
            return;
        };
        let Some((block, index)) = self.find(packet.destination) else {
            self.truth.others.nobody += 1;
            return;
        };
        match packet.body {
            Body::Echo(echo) => self.echo(block, index, &packet, echo, now_ns, out),
            Body::Udp(datagram) => self.datagram(block, index, &packet, datagram, now_ns, out),
            Body::Other => self.truth.others.ignored += 1,
        }
    }

    fn find(&self, address: IpAddr) -> Option<(usize, usize)> {
        let (&first, &block) = self.by_address.range(..=address).next_back()?;
        if self.blocks[block].last < address {
            return None;
        }
        let index = match (first, address) {
            (IpAddr::V4(a), IpAddr::V4(b)) => usize::try_from(b.to_bits() - a.to_bits()).ok()?,
            (IpAddr::V6(a), IpAddr::V6(b)) => usize::try_from(b.to_bits() - a.to_bits()).ok()?,
            _ => return None,
        };
        Some((block, index))
    }

    fn echo(
        &mut self,
        block: usize,
        index: usize,
        packet: &Packet<'_>,
        echo: Echo<'_>,
        now_ns: u64,
        out: &mut Vec<Departure>,
    ) {
        let dscp = Dscp::new(packet.tos >> 2).unwrap_or_default();
        let plan = self.plan(block, index, dscp, now_ns);
        let serial = self.truth.next_serial();
        let answer_dscp = plan.remark.unwrap_or(dscp);
        let fate = match (plan.lost, plan.lie) {
            (true, _) => Fate::Dropped,
            (false, Some(lie)) => Fate::Lied(lie),
            (false, None) => Fate::Answered,
        };
        let duplicated = plan.duplicated && fate != Fate::Dropped;
        let word =
            |n: usize| echo.payload.get(n * 8..).and_then(<[u8]>::first_chunk).map_or(0, |b| u64::from_be_bytes(*b));
        let sighting = Sighting {
            serial,
            at_ns: now_ns,
            host: packet.destination,
            dscp,
            id: echo.id,
            sequence: echo.sequence,
            head: word(0),
            second: word(1),
            fate,
            delay: plan.delay,
            answer_dscp,
            duplicated,
            left_ns: None,
        };
        self.truth.record(self.blocks[block].first + index, sighting);
        if fate == Fate::Dropped {
            return;
        }
        let head = self.head(block, packet, answer_dscp);
        let bytes = match plan.lie {
            Some(lie) => Self::lie(lie, head, packet, echo),
            None => packet::echo_reply(head, echo),
        };
        let at_ns = now_ns.saturating_add(plan.delay.0);
        if duplicated {
            let later = at_ns.saturating_add(Nanos::ms(1).0);
            out.push(Departure { at_ns: later, bytes: bytes.clone(), serial: Some(serial) });
        }
        out.push(Departure { at_ns, bytes, serial: Some(serial) });
    }

    fn datagram(
        &mut self,
        block: usize,
        index: usize,
        packet: &Packet<'_>,
        datagram: Udp<'_>,
        now_ns: u64,
        out: &mut Vec<Departure>,
    ) {
        self.truth.others.udp += 1;
        let dscp = Dscp::new(packet.tos >> 2).unwrap_or_default();
        let plan = self.plan(block, index, dscp, now_ns);
        if plan.lost {
            return;
        }
        let head = self.head(block, packet, plan.remark.unwrap_or(dscp));
        let host = HostRef { name: &self.blocks[block].hosts.name, index: index as u64, address: packet.destination };
        let mut later = plan.delay.0;
        let bytes = match &mut self.agent {
            Some(agent) if agent.listens(host, datagram.destination_port) => {
                let Some(payload) = agent.answer(host, &datagram, now_ns) else { return };
                later = later.saturating_add(agent.delay(host).0);
                let (source_port, destination_port) = (datagram.destination_port, datagram.source_port);
                packet::udp(head, Udp { source_port, destination_port, payload: &payload })
            }
            _ => packet::port_unreachable(head, packet.whole),
        };
        out.push(Departure { at_ns: now_ns.saturating_add(later), bytes, serial: None });
    }

    /// Adds up what the host, the class and the active faults do to its next request.
    fn plan(&mut self, block: usize, index: usize, dscp: Dscp, now_ns: u64) -> Plan {
        let number = self.blocks[block].first + index;
        let nth = self.asked[number];
        self.asked[number] += 1;
        let hosts = &self.blocks[block].hosts;
        let mut draws = Draws::new(self.seed, number as u64, nth);
        let mut plan = Plan {
            delay: hosts.delay_of(index as u64),
            lost: draws.happens(hosts.loss),
            remark: None,
            lie: None,
            duplicated: draws.happens(hosts.duplicates),
        };
        let later = |delay: Nanos, by: Nanos| Nanos(delay.0.saturating_add(by.0));
        plan.delay = later(plan.delay, draws.up_to(hosts.jitter));
        if draws.happens(hosts.reorder) {
            plan.delay = later(plan.delay, hosts.reorder_by);
        }
        if let Some(class) = hosts.classes.iter().find(|c| c.dscp == dscp) {
            plan.delay = later(later(plan.delay, class.delay), draws.up_to(class.jitter));
            plan.lost |= draws.happens(class.loss);
            plan.remark = class.remark;
        }
        for fault in &hosts.faults {
            // Draws are taken whether it is active or not: then a fault added at the end changes nobody else's fate.
            let touched = draws.happens(fault.share) & fault.active(now_ns, dscp);
            let (lost, jitter) = (draws.happens(fault.loss), draws.up_to(fault.jitter));
            if touched {
                plan.lost |= lost;
                plan.delay = later(later(plan.delay, fault.delay), jitter);
                plan.remark = fault.remark.or(plan.remark);
                plan.lie = fault.lie.or(plan.lie);
            }
        }
        plan
    }

    fn head(&self, block: usize, packet: &Packet<'_>, dscp: Dscp) -> Head {
        let ecn = packet.tos & 0b11;
        let ttl = self.blocks[block].hosts.ttl;
        Head { source: packet.destination, destination: packet.source, tos: dscp.tos() | ecn, ttl }
    }

    fn lie(lie: Lie, head: Head, packet: &Packet<'_>, echo: Echo<'_>) -> Vec<u8> {
        match lie {
            Lie::WrongPayload => {
                let inverted: Vec<u8> = echo.payload.iter().map(|byte| !byte).collect();
                packet::echo_reply(head, Echo { payload: &inverted, ..echo })
            }
            Lie::WrongId => packet::echo_reply(head, Echo { id: echo.id ^ 0x5555, ..echo }),
            Lie::WrongSequence => packet::echo_reply(head, Echo { sequence: echo.sequence ^ 0x5555, ..echo }),
            Lie::Truncated => {
                let payload = &echo.payload[..echo.payload.len().min(4)];
                packet::echo_reply(head, Echo { payload, ..echo })
            }
            Lie::SpoofedSource => packet::echo_reply(Head { source: neighbour(head.source), ..head }, echo),
            Lie::BadChecksum => {
                let mut bytes = packet::echo_reply(head, echo);
                if let Some(low) = bytes.get_mut(packet::body_offset(head.source) + 3) {
                    *low = low.wrapping_add(1);
                }
                bytes
            }
            Lie::Unreachable => {
                let router = ROUTER[usize::from(head.source.is_ipv6())];
                packet::host_unreachable(Head { source: router, ..head }, packet.whole)
            }
        }
    }
}

/// An address that differs in its last octet's highest bit.
fn neighbour(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(a) => IpAddr::V4((a.to_bits() ^ 0x80).into()),
        IpAddr::V6(a) => IpAddr::V6((a.to_bits() ^ 0x80).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::scenario::{Chance, Fault, Treatment};
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn fleet(hosts: Hosts) -> Fleet {
        Fleet::new(&Scenario::new(1).with(hosts), 1000).unwrap()
    }

    fn ask(fleet: &mut Fleet, to: &str, dscp: &str, now_ns: u64) -> Vec<Departure> {
        let source = address(if to.contains(':') { "fdff::1" } else { "10.255.255.254" });
        let head = Head { source, destination: address(to), tos: Dscp::parse(dscp).unwrap().tos(), ttl: 64 };
        let payload: Vec<u8> = (0..32).collect();
        let request = packet::echo_request(head, Echo { id: 7, sequence: 9, payload: &payload });
        let mut out = Vec::new();
        fleet.handle(&request, now_ns, &mut out);
        out
    }

    #[test]
    fn an_answer_comes_after_the_delay_from_the_host_with_the_same_mark_and_payload() {
        for first in ["10.1.0.1", "fd00::1"] {
            let mut fleet = fleet(Hosts { delay: Nanos::ms(3), ttl: 61, ..Hosts::at(address(first)) });
            let out = ask(&mut fleet, first, "EF", 5);
            assert_eq!((out.len(), out[0].at_ns), (1, 3_000_005));
            let (tos, ttl) = match first.contains(':') {
                false => (out[0].bytes[1], out[0].bytes[8]),
                true => ((out[0].bytes[0] << 4) | (out[0].bytes[1] >> 4), out[0].bytes[7]),
            };
            assert_eq!((tos, ttl), (0xB8, 61));
            assert!(out[0].bytes.ends_with(&(0..32).collect::<Vec<u8>>()));
            let seen = *fleet.truth().sightings().next().unwrap();
            assert_eq!((seen.head, seen.fate, seen.delay), (0x0001_0203_0405_0607, Fate::Answered, Nanos::ms(3)));
        }
    }

    #[test]
    fn a_block_of_hosts_has_delays_by_index_and_ends_where_it_ends() {
        let block = Hosts { count: 300, delay_step: Nanos::ms(1), delay_wrap: 50, ..Hosts::at(address("10.64.0.250")) };
        let mut fleet = fleet(block);
        assert_eq!(ask(&mut fleet, "10.64.1.0", "DF", 0)[0].at_ns, Nanos::ms(6).0);
        assert_eq!(ask(&mut fleet, "10.64.2.37", "DF", 0)[0].at_ns, Nanos::ms(49).0);
        assert!(ask(&mut fleet, "10.64.2.38", "DF", 0).is_empty());
        assert!(ask(&mut fleet, "10.64.0.249", "DF", 0).is_empty());
        assert_eq!((fleet.truth().others.nobody, fleet.truth().total().seen), (2, 2));
    }

    #[test]
    fn classes_are_treated_apart() {
        let voice = Treatment {
            dscp: Dscp::parse("EF").unwrap(),
            delay: Nanos::ms(2),
            jitter: Nanos(0),
            loss: Chance::NEVER,
            remark: Dscp::parse("AF31"),
        };
        let data =
            Treatment { dscp: Dscp::parse("AF31").unwrap(), loss: Chance::ALWAYS, remark: None, ..voice.clone() };
        let mut fleet = fleet(Hosts { classes: vec![voice, data], ..Hosts::at(address("10.1.0.1")) });
        let out = ask(&mut fleet, "10.1.0.1", "EF", 0);
        assert_eq!((out[0].at_ns, out[0].bytes[1]), (Nanos::ms(2).0, 26 << 2));
        assert!(ask(&mut fleet, "10.1.0.1", "AF31", 0).is_empty());
        assert_eq!(ask(&mut fleet, "10.1.0.1", "DF", 0)[0].at_ns, 0);
        let counts = fleet.truth().host(0);
        assert_eq!((counts[0].1.remarked, counts[1].1.dropped, counts[2].1.answered), (1, 1, 1));
    }

    #[test]
    fn an_outage_comes_and_goes() {
        let outage = Fault {
            from: Nanos::secs(20),
            to: Some(Nanos::secs(50)),
            every: Some(Nanos::secs(90)),
            loss: Chance::ALWAYS,
            ..Fault::default()
        };
        let mut fleet = fleet(Hosts { faults: vec![outage], ..Hosts::at(address("10.1.0.1")) });
        for (at, answers) in [(19, 1), (20, 0), (49, 0), (50, 1), (110, 0), (140, 1)] {
            assert_eq!(ask(&mut fleet, "10.1.0.1", "DF", at * SECOND).len(), answers, "at {at} s");
        }
    }

    #[test]
    fn every_lie_is_told_as_named() {
        let told = |lie| {
            let faults = vec![Fault { lie: Some(lie), ..Fault::default() }];
            let mut fleet = fleet(Hosts { faults, ..Hosts::at(address("10.1.0.1")) });
            let out = ask(&mut fleet, "10.1.0.1", "DF", 0);
            assert_eq!(fleet.truth().total().lied, 1);
            out[0].bytes.clone()
        };
        let honest = {
            let mut fleet = fleet(Hosts::at(address("10.1.0.1")));
            ask(&mut fleet, "10.1.0.1", "DF", 0)[0].bytes.clone()
        };
        assert_eq!(told(Lie::WrongPayload)[28..], honest[28..].iter().map(|b| !b).collect::<Vec<_>>());
        assert_eq!(told(Lie::WrongId)[24..26], (7_u16 ^ 0x5555).to_be_bytes());
        assert_eq!(told(Lie::WrongSequence)[26..28], (9_u16 ^ 0x5555).to_be_bytes());
        assert_eq!(told(Lie::Truncated).len(), 32);
        assert_eq!(told(Lie::SpoofedSource)[12..16], [10, 1, 0, 129]);
        assert_eq!(told(Lie::BadChecksum)[23], honest[23].wrapping_add(1));
        let unreachable = told(Lie::Unreachable);
        assert_eq!((unreachable[12..16].to_vec(), unreachable[20], unreachable[21]), (vec![10, 255, 255, 253], 3, 1));
        assert_eq!(unreachable[28 + 16..28 + 20], [10, 1, 0, 1]);
    }

    #[test]
    fn duplicates_and_reordering_are_scripted() {
        let hosts = Hosts {
            duplicates: Chance::ALWAYS,
            reorder: Chance(500_000),
            reorder_by: Nanos::ms(5),
            ..Hosts::at(address("10.1.0.1"))
        };
        let mut fleet = fleet(hosts);
        let mut held = 0;
        for _ in 0..100 {
            let out = ask(&mut fleet, "10.1.0.1", "DF", 0);
            assert_eq!((out.len(), &out[0].bytes), (2, &out[1].bytes));
            held += u32::from(out[1].at_ns == Nanos::ms(5).0);
        }
        assert!((30..70).contains(&held), "{held}");
        assert_eq!(fleet.truth().total().duplicated, 100);
    }

    #[test]
    fn the_same_seed_gives_the_same_losses_whatever_others_do() {
        let hosts = Hosts { count: 2, loss: Chance(300_000), ..Hosts::at(address("10.1.0.1")) };
        let mut alone = fleet(hosts.clone());
        let lost: Vec<_> = (0..200).map(|n| ask(&mut alone, "10.1.0.1", "DF", n).is_empty()).collect();
        let mut busy = fleet(hosts);
        let again: Vec<_> = (0..200)
            .map(|n| {
                ask(&mut busy, "10.1.0.2", "EF", n);
                ask(&mut busy, "10.1.0.1", "DF", n).is_empty()
            })
            .collect();
        assert_eq!(lost, again);
    }

    #[test]
    fn datagrams_reach_the_agent_and_closed_ports_say_so() {
        struct Parrot;
        impl Agent for Parrot {
            fn answer(&mut self, host: HostRef<'_>, datagram: &Udp<'_>, _: u64) -> Option<Vec<u8>> {
                Some([host.name.as_bytes(), datagram.payload].concat())
            }
            fn listens(&self, _: HostRef<'_>, port: u16) -> bool {
                port == 161
            }
        }
        let mut fleet = fleet(Hosts { name: "r1".into(), delay: Nanos::ms(1), ..Hosts::at(address("fd00::1")) });
        fleet.set_agent(Box::new(Parrot));
        let head = Head { source: address("fdff::1"), destination: address("fd00::1"), tos: 0, ttl: 64 };
        let mut say = |port| {
            let request = packet::udp(head, Udp { source_port: 5000, destination_port: port, payload: b"?" });
            let mut out = Vec::new();
            fleet.handle(&request, 0, &mut out);
            out.remove(0)
        };
        let answer = say(161);
        let read = packet::parse(&answer.bytes).unwrap();
        assert_eq!(read.body, Body::Udp(Udp { source_port: 161, destination_port: 5000, payload: b"r1?" }));
        assert_eq!(answer.at_ns, Nanos::ms(1).0);
        assert_eq!(say(162).bytes[40..42], [1, 4]);
    }
}
