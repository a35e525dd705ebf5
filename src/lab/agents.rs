//! The hosts' SNMP agents: a recording each, with a script on top. Pure.
//!
//! ```toml
//! [recordings]                    # by name, in the .snmprec format; many hosts may share one
//! router = '''
//! 1.3.6.1.2.1.1.3.0|67|100000
//! 1.3.6.1.2.1.2.2.1.8.1|2|1
//! '''
//!
//! [[hosts]]
//! address = "10.1.0.1"
//! [hosts.snmp]
//! recording = "router"
//! community = "demo"
//! grow = [{ object = "1.3.6.1.2.1.31.1.1.1.6.1", per_second = 250_000, hours = "office" }]
//! follow = [{ object = "1.3.6.1.4.1.5003.10.10.2.21.1.3.0.0", most = 30, hours = "calls" }]
//! [[hosts.snmp.script]]
//! at = "60s"
//! every = "5m"
//! down = [1]
//! ```

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use assured_probes::snmp::agent::{Agent as Device, Event, Fault};
use assured_probes::snmp::recording::Recording;
use assured_probes::snmp::{Oid, Value};
use serde::Deserialize;

use super::fleet::{Agent, HostRef};
use super::packet::Udp;
use super::scenario::{Nanos, Scenario};

/// Where agents listen.
pub const PORT: u16 = 161;
/// How often gauges that follow the hour are set anew.
const FOLLOW_EVERY: Duration = Duration::from_secs(5);
/// How many times a step of a script may come again in one go, after a long silence.
const CATCH_UP: u64 = 10_000;

const UPTIME: [u32; 9] = [1, 3, 6, 1, 2, 1, 1, 3, 0];
const ADMIN: [u32; 10] = [1, 3, 6, 1, 2, 1, 2, 2, 1, 7];
const OPER: [u32; 10] = [1, 3, 6, 1, 2, 1, 2, 2, 1, 8];
const LAST_CHANGE: [u32; 10] = [1, 3, 6, 1, 2, 1, 2, 2, 1, 9];

/// `[hosts.snmp]`: what its agent says.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Name of a recording of the scenario.
    pub recording: String,
    /// Sent in clear.
    #[serde(default = "public")]
    pub community: String,
    /// `sysName`, in place of the recorded one.
    #[serde(default)]
    pub name: Option<String>,
    /// Objects in place of recorded ones, as lines of a recording.
    #[serde(default)]
    pub set: Vec<String>,
    /// Numbers that move from the start on.
    #[serde(default)]
    pub grow: Vec<Grow>,
    /// Numbers that go with the hour.
    #[serde(default)]
    pub follow: Vec<Follow>,
    /// What happens, and when.
    #[serde(default)]
    pub script: Vec<Step>,
}

fn public() -> String {
    "public".into()
}

/// A number that moves.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grow {
    /// The instance.
    pub object: String,
    /// By so much; counters wrap at their width, negative rates shrink.
    pub per_second: i64,
    /// At the busiest hour; at others as much less.
    #[serde(default)]
    pub hours: Hours,
}

/// A gauge that goes with the hour.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Follow {
    /// The instance.
    pub object: String,
    /// At the busiest hour.
    pub most: u32,
    /// Which hours are busy.
    pub hours: Hours,
}

/// How busy the hours of a day are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hours {
    /// All alike.
    #[default]
    Flat,
    /// People at desks: little at night, a dip at noon.
    Office,
    /// A contact centre: full from nine to five, some calls at every hour.
    Calls,
}

impl Hours {
    /// Thousandths of the busiest, at this second of the day.
    fn per_mille(self, second: u64) -> i64 {
        const OFFICE: [i64; 24] = [
            40, 30, 30, 30, 40, 60, 120, 300, 650, 950, 1000, 980, 800, 900, 980, 950, 850, 600, 300, 180, 120, 90, 70,
            50,
        ];
        const CALLS: [i64; 24] = [
            30, 20, 20, 20, 20, 40, 90, 250, 700, 1000, 980, 930, 760, 820, 930, 960, 880, 620, 400, 260, 160, 110, 70,
            40,
        ];
        let by_hour = match self {
            Hours::Flat => return 1000,
            Hours::Office => OFFICE,
            Hours::Calls => CALLS,
        };
        let hour = usize::try_from(second / 3600 % 24).unwrap_or(0);
        let into = i64::try_from(second % 3600).unwrap_or(0);
        // On the way to the next hour's value, so that nothing jumps.
        by_hour[hour] + (by_hour[(hour + 1) % 24] - by_hour[hour]) * into / 3600
    }
}

/// Something that happens to an agent, once or again and again. All that it names happens together.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Since the start, or since the beginning of each period.
    #[serde(default)]
    pub at: Nanos,
    /// Length of a period after which it comes again.
    #[serde(default)]
    pub every: Option<Nanos>,
    /// Lines of a recording: values that change, rows that come.
    #[serde(default)]
    pub set: Vec<String>,
    /// Everything below these goes.
    #[serde(default)]
    pub remove: Vec<String>,
    /// Numbers that move from now on.
    #[serde(default)]
    pub grow: Vec<Grow>,
    /// Interfaces (by ifIndex) whose operational status goes down, with `ifLastChange`.
    #[serde(default)]
    pub down: Vec<u32>,
    /// Interfaces that come up, administratively too.
    #[serde(default)]
    pub up: Vec<u32>,
    /// Interfaces that are switched off.
    #[serde(default)]
    pub off: Vec<u32>,
    /// The agent restarts.
    #[serde(default)]
    pub reboot: bool,
    /// `sysUpTime` is this from now on.
    #[serde(default)]
    pub uptime: Option<u32>,
    /// From now on it misbehaves so.
    #[serde(default)]
    pub fault: Option<Misbehaviour>,
    /// From now on it answers so much later; `0s` ends that.
    #[serde(default)]
    pub slow: Option<Nanos>,
}

/// `fault` of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it, and docs/lab.md")]
pub enum Misbehaviour {
    None,
    Silent,
    OtherRequest,
    LongLength,
    Half,
    Circle,
    GenErr,
}

/// A recording's objects, shared by the hosts that have it.
type Objects = Arc<BTreeMap<Oid, Value>>;

/// One agent with what is still to come.
struct One {
    device: Device,
    spec: Arc<Spec>,
    /// Interfaces of the recording.
    interfaces: Arc<[u32]>,
    /// For each step, how often it has come.
    come: Vec<u64>,
    /// When what goes with the hour was last set.
    followed: Option<Duration>,
    delay: Duration,
}

/// The agents of a fleet.
pub struct Agents {
    by_address: HashMap<IpAddr, One>,
    /// Second of the day at the start of the fleet.
    start: u64,
}

impl Agents {
    /// The agents of a scenario; `None` when no host has one. `second_of_day` is what a clock shows at the start.
    ///
    /// # Errors
    /// What is wrong with which host's agent.
    pub fn of(scenario: &Scenario, second_of_day: u64) -> Result<Option<Agents>, String> {
        let mut recordings: BTreeMap<&str, (Objects, Arc<[u32]>)> = BTreeMap::new();
        for (name, text) in &scenario.recordings {
            let recording = Recording::read(text.as_bytes());
            if let Some(bad) = recording.bad.first() {
                return Err(format!("recording {name}, {bad}"));
            }
            let oper = Oid::new(&OPER);
            let interfaces = recording.objects.keys().filter_map(|o| o.below(&oper)?.first().copied()).collect();
            recordings.insert(name, (Arc::new(recording.objects), interfaces));
        }
        let mut by_address = HashMap::new();
        for hosts in &scenario.hosts {
            let Some(spec) = &hosts.snmp else { continue };
            let failed = |what: String| format!("the SNMP agent of {}: {what}", hosts.address);
            let (objects, interfaces) = recordings
                .get(spec.recording.as_str())
                .ok_or_else(|| failed(format!("there is no recording {:?}", spec.recording)))?;
            check(spec).map_err(failed)?;
            let spec = Arc::new(spec.clone());
            for index in 0..hosts.count {
                let Some(address) = hosts.nth(index) else { continue };
                let mut device = Device::new(objects.clone(), &spec.community);
                let start = Duration::ZERO;
                if let Some(name) = &spec.name {
                    let sys_name = Oid::new(&[1, 3, 6, 1, 2, 1, 1, 5, 0]);
                    device.happen(Event::Set(sys_name, Value::Bytes(name.as_bytes().into())), start);
                }
                set(&mut device, &spec.set, start);
                grow(&mut device, &spec.grow, start, second_of_day);
                let come = vec![0; spec.script.len()];
                let one = One {
                    device,
                    spec: spec.clone(),
                    interfaces: interfaces.clone(),
                    come,
                    followed: None,
                    delay: Duration::ZERO,
                };
                by_address.insert(address, one);
            }
        }
        Ok((!by_address.is_empty()).then_some(Agents { by_address, start: second_of_day }))
    }
}

impl Agent for Agents {
    fn answer(&mut self, host: HostRef<'_>, datagram: &Udp<'_>, now_ns: u64) -> Option<Vec<u8>> {
        let one = self.by_address.get_mut(&host.address)?;
        let now = Duration::from_nanos(now_ns);
        one.come_to(now, self.start);
        Some(one.device.handle(datagram.payload, now)?.datagram)
    }

    fn listens(&self, host: HostRef<'_>, port: u16) -> bool {
        port == PORT && self.by_address.contains_key(&host.address)
    }

    fn delay(&self, host: HostRef<'_>) -> Nanos {
        let delay = self.by_address.get(&host.address).map(|one| one.delay).unwrap_or_default();
        Nanos(u64::try_from(delay.as_nanos()).unwrap_or(u64::MAX))
    }
}

impl One {
    /// Lets everything happen that is due, in order.
    fn come_to(&mut self, now: Duration, start: u64) {
        let spec = self.spec.clone();
        let now_ns = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let mut due: Vec<(u64, usize)> = Vec::new();
        for (number, step) in spec.script.iter().enumerate() {
            let so_far = match (now_ns.checked_sub(step.at.0), step.every) {
                (None, _) => 0,
                (Some(_), None) => 1,
                (Some(passed), Some(period)) => passed.checked_div(period.0).unwrap_or(0) + 1,
            };
            let from = self.come[number].max(so_far.saturating_sub(CATCH_UP));
            due.extend((from..so_far).map(|n| (step.at.0 + n * step.every.map_or(0, |e| e.0), number)));
            self.come[number] = so_far;
        }
        due.sort_unstable();
        for (at, number) in due {
            self.step(&spec.script[number], Duration::from_nanos(at), start);
        }
        if self.followed.is_none_or(|last| now.saturating_sub(last) >= FOLLOW_EVERY) {
            self.followed = Some(now);
            let second = start + now.as_secs();
            for follow in &spec.follow {
                let Ok(oid) = follow.object.parse::<Oid>() else { continue };
                let level = i64::from(follow.most) * follow.hours.per_mille(second) / 1000;
                // Calls come and go: a tenth up and down, the same in every run.
                let swing = (level / 10).max(i64::from(level > 0));
                let wave = i64::try_from((now.as_secs() / 5).wrapping_mul(2_654_435_761) >> 7 & 0xFFFF).unwrap_or(0);
                let number = (level - swing + wave % (2 * swing + 1)).clamp(0, i64::from(follow.most));
                let number = u32::try_from(number).unwrap_or(0);
                self.device.happen(Event::Set(oid, Value::Gauge32(number)), now);
            }
            let moving: Vec<Grow> = spec.grow.iter().filter(|g| g.hours != Hours::Flat).cloned().collect();
            grow(&mut self.device, &moving, now, second);
        }
    }

    fn step(&mut self, step: &Step, at: Duration, start: u64) {
        let device = &mut self.device;
        if step.reboot {
            device.happen(Event::Reboot, at);
            for index in self.interfaces.iter() {
                device.happen(Event::Set(Oid::new(&LAST_CHANGE).child(&[*index]), Value::TimeTicks(0)), at);
            }
        }
        if let Some(ticks) = step.uptime {
            device.happen(Event::Uptime(ticks), at);
        }
        for prefix in step.remove.iter().filter_map(|p| p.parse::<Oid>().ok()) {
            device.happen(Event::Remove(prefix), at);
        }
        set(device, &step.set, at);
        grow(device, &step.grow, at, start + at.as_secs());
        let uptime = device.get(&Oid::new(&UPTIME), at).unwrap_or(Value::TimeTicks(0));
        for (indices, admin, oper) in [(&step.down, None, 2), (&step.up, Some(1), 1), (&step.off, Some(2), 2)] {
            for index in indices {
                let mut put =
                    |object: &[u32], value| device.happen(Event::Set(Oid::new(object).child(&[*index]), value), at);
                if let Some(admin) = admin {
                    put(&ADMIN, Value::Integer(admin));
                }
                put(&OPER, Value::Integer(oper));
                put(&LAST_CHANGE, uptime.clone());
            }
        }
        if let Some(fault) = step.fault {
            device.happen(
                Event::Fault(match fault {
                    Misbehaviour::None => None,
                    Misbehaviour::Silent => Some(Fault::Silent),
                    Misbehaviour::OtherRequest => Some(Fault::OtherRequest),
                    Misbehaviour::LongLength => Some(Fault::LongLength),
                    Misbehaviour::Half => Some(Fault::Half),
                    Misbehaviour::Circle => Some(Fault::Circle),
                    Misbehaviour::GenErr => Some(Fault::GenErr),
                }),
                at,
            );
        }
        if let Some(slow) = step.slow {
            self.delay = Duration::from_nanos(slow.0);
        }
    }
}

fn set(device: &mut Device, lines: &[String], at: Duration) {
    for (oid, value) in Recording::read(lines.join("\n").as_bytes()).objects {
        device.happen(Event::Set(oid, value), at);
    }
}

fn grow(device: &mut Device, growing: &[Grow], at: Duration, second: u64) {
    for one in growing {
        if let Ok(oid) = one.object.parse::<Oid>() {
            let rate = i128::from(one.per_second) * i128::from(one.hours.per_mille(second)) / 1000;
            device.happen(Event::Grow(oid, i64::try_from(rate).unwrap_or(one.per_second)), at);
        }
    }
}

/// What of a specification cannot be.
fn check(spec: &Spec) -> Result<(), String> {
    let oid = |text: &String| text.parse::<Oid>().map(drop).map_err(|_| format!("{text:?} is no object identifier"));
    let lines = |lines: &[String]| match Recording::read(lines.join("\n").as_bytes()).bad.first() {
        Some(bad) => Err(format!("set, {bad}")),
        None => Ok(()),
    };
    lines(&spec.set)?;
    spec.grow.iter().map(|g| &g.object).chain(spec.follow.iter().map(|f| &f.object)).try_for_each(oid)?;
    for step in &spec.script {
        lines(&step.set)?;
        step.remove.iter().chain(step.grow.iter().map(|g| &g.object)).try_for_each(oid)?;
        if step.every == Some(Nanos(0)) {
            return Err("a step of its script comes again every 0 s".into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use assured_probes::snmp::Binding;
    use assured_probes::snmp::ber::{self, Message, Pdu, PduKind};

    use super::*;

    const SCENARIO: &str = r#"
[recordings]
router = '''
1.3.6.1.2.1.1.3.0|67|100000
1.3.6.1.2.1.1.5.0|4|recorded
1.3.6.1.2.1.2.2.1.7.1|2|1
1.3.6.1.2.1.2.2.1.8.1|2|1
1.3.6.1.2.1.2.2.1.9.1|67|500
1.3.6.1.2.1.2.2.1.10.1|65|4294967290
1.3.6.1.2.1.2.2.1.8.2|2|1
'''
[[hosts]]
address = "10.1.0.1"
count = 2
[hosts.snmp]
recording = "router"
name = "r1"
grow = [{ object = "1.3.6.1.2.1.2.2.1.10.1", per_second = 10 }]
follow = [{ object = "1.3.6.1.9.1.0", most = 30, hours = "calls" }]
[[hosts.snmp.script]]
at = "10s"
every = "60s"
down = [1]
[[hosts.snmp.script]]
at = "20s"
every = "60s"
up = [1]
[[hosts.snmp.script]]
at = "30s"
remove = ["1.3.6.1.2.1.2.2.1.8.2"]
set = ["1.3.6.1.2.1.2.2.1.8.3|2|1"]
slow = "2s"
[[hosts.snmp.script]]
at = "200s"
reboot = true
[[hosts.snmp.script]]
at = "300s"
fault = "silent"
"#;

    fn ask(agents: &mut Agents, object: &str, second: u64) -> Option<Value> {
        let bindings = vec![Binding { oid: object.parse().unwrap(), value: Value::Null }];
        let pdu = Pdu { kind: PduKind::Get, request_id: 1, status: 0, index: 0, bindings };
        let payload = ber::encode(&Message { version: 1, community: b"public".to_vec(), pdu });
        let datagram = Udp { source_port: 1, destination_port: PORT, payload: &payload };
        let host = HostRef { name: "", index: 0, address: "10.1.0.1".parse().unwrap() };
        assert!(agents.listens(host, PORT) && !agents.listens(host, 162));
        let reply = agents.answer(host, &datagram, second * 1_000_000_000)?;
        Some(ber::message(&reply).unwrap().pdu.bindings.remove(0).value)
    }

    fn agents(hour: u64) -> Agents {
        Agents::of(&Scenario::parse(SCENARIO).unwrap(), hour * 3600).unwrap().unwrap()
    }

    #[test]
    fn a_script_happens_in_its_order_and_again() {
        let mut a = agents(10);
        let oper = "1.3.6.1.2.1.2.2.1.8.1";
        let changed = "1.3.6.1.2.1.2.2.1.9.1";
        assert_eq!(ask(&mut a, "1.3.6.1.2.1.1.5.0", 0), Some(Value::Bytes((*b"r1").into())));
        assert_eq!(ask(&mut a, oper, 9), Some(Value::Integer(1)));
        assert_eq!(ask(&mut a, changed, 9), Some(Value::TimeTicks(500)));
        assert_eq!(ask(&mut a, oper, 12), Some(Value::Integer(2)));
        assert_eq!(ask(&mut a, changed, 12), Some(Value::TimeTicks(101_000)), "dated to when it happened");
        // Nobody asked while it went down and up again; its stamp tells.
        assert_eq!(ask(&mut a, oper, 85), Some(Value::Integer(1)));
        assert_eq!(ask(&mut a, changed, 85), Some(Value::TimeTicks(108_000)));
        assert!(matches!(ask(&mut a, "1.3.6.1.2.1.2.2.1.8.2", 85), Some(Value::Absent(_))));
        assert_eq!(ask(&mut a, "1.3.6.1.2.1.2.2.1.8.3", 85), Some(Value::Integer(1)));
        let host = HostRef { name: "", index: 0, address: "10.1.0.1".parse().unwrap() };
        assert_eq!(a.delay(host), Nanos::secs(2));
        assert_eq!(ask(&mut a, "1.3.6.1.2.1.1.3.0", 205), Some(Value::TimeTicks(500)), "it has restarted");
        assert_eq!(ask(&mut a, oper, 301), None);
    }

    #[test]
    fn counters_wrap_and_gauges_follow_the_hour() {
        let mut a = agents(10);
        assert_eq!(ask(&mut a, "1.3.6.1.2.1.2.2.1.10.1", 2), Some(Value::Counter32(14)));
        let busy = |hour| {
            let mut a = agents(hour);
            let Some(Value::Gauge32(busy)) = ask(&mut a, "1.3.6.1.9.1.0", 1) else { panic!("a gauge") };
            busy
        };
        assert!(busy(10) >= 24 && busy(3) <= 2, "{} {}", busy(10), busy(3));
    }

    #[test]
    fn what_cannot_be_is_named() {
        let wrong = |from: &str, to: &str| {
            let scenario = Scenario::parse(&SCENARIO.replace(from, to));
            scenario.and_then(|s| super::super::fleet::Fleet::new(&s, 0).map(drop)).unwrap_err().to_string()
        };
        assert!(wrong("recording = \"router\"", "recording = \"x\"").contains("there is no recording \"x\""));
        assert!(wrong("1.3.6.1.9.1.0", "1.3.six").contains("\"1.3.six\" is no object identifier"));
        assert!(wrong("|67|100000", "|67|x").contains("recording router, line 1"));
        assert!(wrong("every = \"60s\"", "every = \"0s\"").contains("every 0 s"));
    }
}
