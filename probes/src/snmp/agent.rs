//! A device that answers SNMP v1 and v2c from a recording, with a script on top. Pure: `handle(datagram, now)`.
//!
//! For tests and the lab. Counters move, wrap and reset; rows come and go; the agent reboots, falls silent, slows
//! down, lies about lengths, or answers with another request's identifier.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use super::ber::{self, Message, Pdu, PduKind};
use super::{Absence, Binding, Oid, Value};

const SYS_UP_TIME: [u32; 9] = [1, 3, 6, 1, 2, 1, 1, 3, 0];

/// Something that happens to a device.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// An object gets this value; a row comes.
    Set(Oid, Value),
    /// Everything below goes.
    Remove(Oid),
    /// From now on a number grows by so much a second (a negative rate shrinks it); counters wrap at their width.
    Grow(Oid, i64),
    /// The agent restarts: `sysUpTime` begins anew, everything that grows begins at 0.
    Reboot,
    /// `sysUpTime` is this, in hundredths of a second.
    Uptime(u32),
    /// From now on it misbehaves so.
    Fault(Option<Fault>),
}

/// How an agent misbehaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Says nothing.
    Silent,
    /// Answers so much later.
    Slow(Duration),
    /// Answers with another request's identifier.
    OtherRequest,
    /// Says that its answer is longer than it is.
    LongLength,
    /// Sends only the first half.
    Half,
    /// Never gets to the end of a table: every answer repeats the question's names.
    Circle,
    /// Says genErr to everything.
    GenErr,
}

/// What an agent bears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bears {
    /// The longest answer, in bytes; beyond it is tooBig, or for GETBULK cut short.
    pub bytes: usize,
    /// GETBULK is known.
    pub bulk: bool,
}

impl Default for Bears {
    fn default() -> Bears {
        Bears { bytes: 1_400, bulk: true }
    }
}

/// An answer, and when to send it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The bytes.
    pub datagram: Vec<u8>,
    /// How long after the question.
    pub after: Duration,
}

#[derive(Debug, Clone, Copy)]
struct Growth {
    per_second: i64,
    from: i128,
    since: Duration,
}

/// A device.
#[derive(Debug, Clone)]
pub struct Agent {
    /// Shared by all devices made from the same recording.
    base: Arc<BTreeMap<Oid, Value>>,
    /// What differs: `None` is gone.
    own: BTreeMap<Oid, Option<Value>>,
    growth: BTreeMap<Oid, Growth>,
    community: Vec<u8>,
    bears: Bears,
    fault: Option<Fault>,
    /// `sysUpTime` was this then.
    uptime: (u32, Duration),
    /// What is still to come, in order of time.
    script: Vec<(Duration, Event)>,
    /// How many questions were answered.
    pub answered: u64,
}

impl Agent {
    /// From a recording. `sysUpTime` goes on from the recorded one at instant zero.
    pub fn new(objects: Arc<BTreeMap<Oid, Value>>, community: &str) -> Agent {
        let uptime = match objects.get(&Oid::new(&SYS_UP_TIME)) {
            Some(Value::TimeTicks(ticks)) => *ticks,
            _ => 0,
        };
        Agent {
            base: objects,
            own: BTreeMap::new(),
            growth: BTreeMap::new(),
            community: community.as_bytes().to_vec(),
            bears: Bears::default(),
            fault: None,
            uptime: (uptime, Duration::ZERO),
            script: Vec::new(),
            answered: 0,
        }
    }

    /// With other limits.
    pub fn bearing(mut self, bears: Bears) -> Agent {
        self.bears = bears;
        self
    }

    /// With things to come, in any order.
    pub fn with_script(mut self, mut script: Vec<(Duration, Event)>) -> Agent {
        script.sort_by_key(|(at, _)| *at);
        self.script = script;
        self
    }

    /// Lets something happen now.
    pub fn happen(&mut self, event: Event, now: Duration) {
        match event {
            Event::Set(oid, value) => {
                self.growth.remove(&oid);
                self.own.insert(oid, Some(value));
            }
            Event::Remove(prefix) => {
                let below = |o: &&Oid| o.below(&prefix).is_some();
                let from = || (Bound::Included(&prefix), Bound::Unbounded);
                let gone: Vec<Oid> =
                    self.base.range::<Oid, _>(from()).map(|(o, _)| o).take_while(below).cloned().collect();
                self.own.retain(|o, _| o.below(&prefix).is_none());
                self.own.extend(gone.into_iter().map(|o| (o, None)));
            }
            Event::Grow(oid, per_second) => {
                let from = self.get(&oid, now).and_then(|v| v.number()).unwrap_or(0);
                self.growth.insert(oid, Growth { per_second, from, since: now });
            }
            Event::Reboot => {
                self.uptime = (0, now);
                self.growth.values_mut().for_each(|g| (g.from, g.since) = (0, now));
            }
            Event::Uptime(ticks) => self.uptime = (ticks, now),
            Event::Fault(fault) => self.fault = fault,
        }
    }

    /// Answers a datagram, or not.
    pub fn handle(&mut self, datagram: &[u8], now: Duration) -> Option<Reply> {
        while self.script.first().is_some_and(|(at, _)| *at <= now) {
            let (at, event) = self.script.remove(0);
            self.happen(event, at);
        }
        let asked = ber::message(datagram).ok()?;
        if asked.community != self.community || self.fault == Some(Fault::Silent) {
            return None;
        }
        let pdu = self.answer(&asked, now)?;
        self.answered += 1;
        let mut datagram = ber::encode(&Message { version: asked.version, community: asked.community, pdu });
        let after = if let Some(Fault::Slow(by)) = self.fault { by } else { Duration::ZERO };
        match self.fault {
            Some(Fault::LongLength) => lengthen(&mut datagram),
            Some(Fault::Half) => datagram.truncate(datagram.len() / 2),
            _ => {}
        }
        Some(Reply { datagram, after })
    }

    fn answer(&self, asked: &Message, now: Duration) -> Option<Pdu> {
        let (version_1, pdu) = (asked.version == 0, &asked.pdu);
        let response = |status, index, bindings| Pdu {
            kind: PduKind::Response,
            request_id: pdu.request_id,
            status,
            index,
            bindings,
        };
        let oids = || pdu.bindings.iter().map(|b| &b.oid);
        let mut answer = match pdu.kind {
            PduKind::Bulk if version_1 || !self.bears.bulk => response(5, 0, pdu.bindings.clone()),
            PduKind::Get => response(0, 0, oids().map(|o| self.bind(o.clone(), now)).collect()),
            PduKind::Next => response(0, 0, oids().map(|o| self.next(o, now)).collect()),
            PduKind::Bulk => response(0, 0, self.bulk(pdu, now)),
            _ => return None,
        };
        match self.fault {
            Some(Fault::OtherRequest) => answer.request_id = answer.request_id.wrapping_add(1),
            Some(Fault::GenErr) => answer = response(5, 0, pdu.bindings.clone()),
            Some(Fault::Circle) if pdu.kind != PduKind::Get => {
                let again = pdu.bindings.iter().map(|b| Binding { oid: b.oid.clone(), value: Value::Integer(1) });
                answer.bindings = again.collect();
            }
            _ => {}
        }
        if version_1 && answer.status == 0 {
            let odd = |b: &Binding| matches!(b.value, Value::Absent(_) | Value::Counter64(_));
            if let Some(at) = answer.bindings.iter().position(odd) {
                answer = response(2, i32::try_from(at).ok()? + 1, pdu.bindings.clone());
            }
        }
        let size = |bindings: &[Binding]| {
            let mut bytes = Vec::new();
            bindings.iter().for_each(|b| ber::put_binding(&mut bytes, b));
            bytes.len() + asked.community.len() + 40
        };
        if size(&answer.bindings) > self.bears.bytes {
            answer = response(1, 0, if version_1 { pdu.bindings.clone() } else { Vec::new() });
        }
        Some(answer)
    }

    fn bulk(&self, pdu: &Pdu, now: Duration) -> Vec<Binding> {
        let once = usize::try_from(pdu.status).unwrap_or(0).min(pdu.bindings.len());
        let (first, rest) = pdu.bindings.split_at(once);
        let mut out: Vec<Binding> = first.iter().map(|b| self.next(&b.oid, now)).collect();
        let mut cursors: Vec<Oid> = rest.iter().map(|b| b.oid.clone()).collect();
        let mut bytes = Vec::new();
        for _ in 0..pdu.index.clamp(0, 512) {
            let mut ended = true;
            for cursor in &mut cursors {
                let next = self.next(cursor, now);
                ended &= matches!(next.value, Value::Absent(_));
                *cursor = next.oid.clone();
                ber::put_binding(&mut bytes, &next);
                if bytes.len() + 80 > self.bears.bytes && !out.is_empty() {
                    return out;
                }
                out.push(next);
            }
            if ended {
                break;
            }
        }
        out
    }

    fn bind(&self, oid: Oid, now: Duration) -> Binding {
        let value = self.get(&oid, now).unwrap_or_else(|| {
            let object = Oid::new(&oid.arcs()[..oid.arcs().len().saturating_sub(1)]);
            let known = self.after(&object).is_some_and(|(o, _)| o.below(&object).is_some());
            Value::Absent(if known { Absence::NoSuchInstance } else { Absence::NoSuchObject })
        });
        Binding { oid, value }
    }

    fn next(&self, oid: &Oid, now: Duration) -> Binding {
        match self.after(oid) {
            Some((next, _)) => {
                let value = self.get(next, now).unwrap_or(Value::Null);
                Binding { oid: next.clone(), value }
            }
            None => Binding { oid: oid.clone(), value: Value::Absent(Absence::EndOfMib) },
        }
    }

    fn after<'a>(&'a self, oid: &Oid) -> Option<(&'a Oid, &'a Value)> {
        let from = || (Bound::Excluded(oid), Bound::Unbounded);
        let recorded = self.base.range::<Oid, _>(from()).find(|(o, _)| !self.own.contains_key(*o));
        let own = self.own.range::<Oid, _>(from()).find_map(|(o, v)| v.as_ref().map(|v| (o, v)));
        match (recorded, own) {
            (Some(a), Some(b)) => Some(if a.0 < b.0 { a } else { b }),
            (a, b) => a.or(b),
        }
    }

    /// What an object shows now.
    pub fn get(&self, oid: &Oid, now: Duration) -> Option<Value> {
        let value = match self.own.get(oid) {
            Some(own) => own.as_ref()?,
            None => self.base.get(oid)?,
        };
        if oid.arcs() == SYS_UP_TIME {
            let (ticks, since) = self.uptime;
            let passed = now.saturating_sub(since).as_millis() / 10;
            return Some(Value::TimeTicks(ticks.wrapping_add(passed as u32)));
        }
        let Some(growth) = self.growth.get(oid) else { return Some(value.clone()) };
        let passed = i128::try_from(now.saturating_sub(growth.since).as_millis()).unwrap_or(0);
        let number = growth.from + i128::from(growth.per_second) * passed / 1_000;
        Some(match value {
            Value::Counter32(_) => Value::Counter32(number.rem_euclid(1 << 32) as u32),
            Value::Counter64(_) => Value::Counter64(number.rem_euclid(1 << 64) as u64),
            Value::Gauge32(_) => Value::Gauge32(number.clamp(0, i128::from(u32::MAX)) as u32),
            Value::Integer(_) => Value::Integer(number.clamp(i128::from(i32::MIN), i128::from(i32::MAX)) as i32),
            other => other.clone(),
        })
    }
}

fn lengthen(datagram: &mut [u8]) {
    // 30 82 hh ll …, or 30 81 ll …, or 30 ll …
    let at = match datagram.get(1) {
        Some(0x82) => 3,
        Some(0x81) => 2,
        _ => 1,
    };
    if let Some(length) = datagram.get_mut(at) {
        *length = length.wrapping_add(5);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn oid(text: &str) -> Oid {
        text.parse().unwrap()
    }

    fn device() -> Agent {
        let objects = [
            ("1.3.6.1.2.1.1.3.0", Value::TimeTicks(1_000)),
            ("1.3.6.1.2.1.2.2.1.2.1", Value::Bytes((*b"eth0").into())),
            ("1.3.6.1.2.1.2.2.1.2.2", Value::Bytes((*b"eth1").into())),
            ("1.3.6.1.2.1.2.2.1.10.1", Value::Counter32(u32::MAX - 5)),
            ("1.3.6.1.2.1.31.1.1.1.6.1", Value::Counter64(7)),
        ];
        Agent::new(Arc::new(objects.into_iter().map(|(o, v)| (oid(o), v)).collect()), "public")
    }

    fn ask(
        agent: &mut Agent,
        version: i32,
        kind: PduKind,
        (status, index): (i32, i32),
        names: &[&str],
        at: u64,
    ) -> Option<Pdu> {
        let bindings = names.iter().map(|n| Binding { oid: oid(n), value: Value::Null }).collect();
        let pdu = Pdu { kind, request_id: 42, status, index, bindings };
        let datagram = ber::encode(&Message { version, community: b"public".to_vec(), pdu });
        let reply = agent.handle(&datagram, Duration::from_secs(at))?;
        Some(ber::message(&reply.datagram).ok()?.pdu)
    }

    #[test]
    fn get_next_and_bulk_walk_the_recording() {
        let mut agent = device();
        let got = ask(&mut agent, 1, PduKind::Get, (0, 0), &["1.3.6.1.2.1.1.3.0", "1.3.6.1.2.1.1.9.0"], 3).unwrap();
        assert_eq!(got.bindings[0].value, Value::TimeTicks(1_300));
        assert_eq!(got.bindings[1].value, Value::Absent(Absence::NoSuchObject));
        let bulk = ask(&mut agent, 1, PduKind::Bulk, (0, 9), &["1.3.6.1.2.1.2"], 3).unwrap();
        assert_eq!(bulk.bindings.len(), 5);
        assert_eq!(bulk.bindings[4].value, Value::Absent(Absence::EndOfMib));
    }

    #[test]
    fn version_1_has_no_exceptions_and_no_counter64() {
        let mut agent = device();
        let got =
            ask(&mut agent, 0, PduKind::Get, (0, 0), &["1.3.6.1.2.1.1.3.0", "1.3.6.1.2.1.31.1.1.1.6.1"], 0).unwrap();
        assert_eq!((got.status, got.index), (2, 2));
    }

    #[test]
    fn a_script_makes_counters_wrap_rows_vanish_and_agents_reboot() {
        let wraps = "1.3.6.1.2.1.2.2.1.10.1";
        let at = Duration::from_secs;
        let mut agent = device().with_script(vec![
            (at(0), Event::Grow(oid(wraps), 10)),
            (at(5), Event::Remove(oid("1.3.6.1.2.1.2.2.1.2.2"))),
            (at(9), Event::Reboot),
            (at(20), Event::Fault(Some(Fault::Silent))),
        ]);
        let mut get =
            |name: &str, at| ask(&mut agent, 1, PduKind::Get, (0, 0), &[name], at).map(|p| p.bindings[0].value.clone());
        assert_eq!(get(wraps, 2), Some(Value::Counter32(14)));
        assert_eq!(get("1.3.6.1.2.1.2.2.1.2.2", 6), Some(Value::Absent(Absence::NoSuchInstance)));
        assert_eq!(get("1.3.6.1.2.1.1.3.0", 10), Some(Value::TimeTicks(100)));
        assert_eq!(get(wraps, 10), Some(Value::Counter32(10)));
        assert_eq!(get(wraps, 21), None);
    }

    #[test]
    fn a_wrong_community_and_nonsense_get_no_answer() {
        let mut agent = device();
        assert_eq!(agent.handle(b"\x30\x81", Duration::ZERO), None);
        let pdu = Pdu { kind: PduKind::Get, request_id: 1, status: 0, index: 0, bindings: vec![] };
        let wrong = ber::encode(&Message { version: 1, community: b"guess".to_vec(), pdu });
        assert_eq!(agent.handle(&wrong, Duration::ZERO), None);
    }
}
