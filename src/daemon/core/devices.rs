//! Devices that are polled: when, and what they said.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use assured_probes::snmp::reading::Reading;
use assured_probes::snmp::trap::{Bounds, Desk, Hint, Verdict};
use assured_probes::snmp::{Access, Credential, Outcome, Target};

use super::Core;
use crate::clock::Now;
use crate::config::Config;
use crate::config::model::{ComponentKind, Host, Link, SnmpProbing};
use crate::daemon::poll::credential::credential;
use crate::daemon::poll::{Job, Polled, Wanted, agent, limits};
use crate::measurement::Cause;
use crate::measurement::status::Status;
use crate::names::ComponentIx;
use crate::schedule::plan::{Due, Plan};
use crate::sla::state::State;
use crate::snapshot::{DeviceView, Polls};
use crate::units::Sec;

/// Every device that is polled, and what is known of it.
#[derive(Debug)]
pub(super) struct Devices {
    /// A slot of the plan is a position in here.
    aims: Vec<Aim>,
    by_address: HashMap<IpAddr, usize>,
    known: BTreeMap<Arc<str>, Known>,
    generation: u32,
    desk: Desk,
    foreign: u64,
}

/// A device as it is asked.
#[derive(Debug)]
struct Aim {
    component: ComponentIx,
    id: Arc<str>,
    host: Host,
    credential: Credential,
    profile: Arc<str>,
    probing: SnmpProbing,
    links: Arc<[Wanted]>,
}

/// What a device said.
#[derive(Debug, Clone)]
struct Known {
    access: Access,
    /// The way in that the log told of last.
    told: Access,
    profile: String,
    description: String,
    uptime: Option<Duration>,
    restarts: u64,
    polls: Polls,
    polled: Sec,
    answered: Option<Sec>,
    readings: Arc<[Reading]>,
    cut: u64,
    complaints: Vec<String>,
}

impl Default for Devices {
    fn default() -> Self {
        Self {
            aims: Vec::new(),
            by_address: HashMap::new(),
            known: BTreeMap::new(),
            generation: 0,
            desk: Desk::new(Bounds::default()),
            foreign: 0,
        }
    }
}

impl Devices {
    /// Notifications received since the start, by what became of them.
    pub(super) fn notifications(&self) -> [(&'static str, u64); 5] {
        let [poll, note, repeated, overflow] = self.desk.counted;
        [("polled", poll), ("noted", note), ("repeated", repeated), ("overflow", overflow), ("foreign", self.foreign)]
    }

    /// For this configuration; what is known of devices that keep their identifier is kept.
    pub(super) fn aim(&mut self, config: &Config) {
        self.generation = self.generation.wrapping_add(1);
        let mut links: BTreeMap<ComponentIx, Vec<Wanted>> = BTreeMap::new();
        for (n, component) in config.components.iter().enumerate() {
            if let ComponentKind::Link(Link { device, interface: Some(interface), role }) = &component.kind {
                let wanted = Wanted { link: ComponentIx::from(n), interface: interface.clone(), role: *role };
                links.entry(*device).or_default().push(wanted);
            }
        }
        self.aims = Vec::new();
        for (n, component) in config.components.iter().enumerate() {
            let (ComponentKind::Device(device), Some(host)) = (&component.kind, &component.address) else { continue };
            let Some((by, probing)) = &device.snmp else { continue };
            let Some(access) = config.credentials.get(by.get()) else { continue };
            let credential = match credential(&access.access) {
                Ok(credential) => credential,
                Err(error) => {
                    tracing::error!(device = %component.id, credential = %access.id, "is not polled: {error}");
                    continue;
                }
            };
            self.aims.push(Aim {
                component: ComponentIx::from(n),
                id: component.id.as_str().into(),
                host: host.clone(),
                credential,
                profile: device.profile.as_str().into(),
                probing: probing.clone(),
                links: links.remove(&ComponentIx::from(n)).unwrap_or_default().into(),
            });
        }
        let ids: std::collections::BTreeSet<&Arc<str>> = self.aims.iter().map(|a| &a.id).collect();
        self.known.retain(|id, _| ids.contains(id));
    }

    /// Names that have to be resolved.
    pub(super) fn hosts(&self) -> impl Iterator<Item = &Host> {
        self.aims.iter().map(|a| &a.host)
    }

    /// Who is polled when.
    pub(super) fn plan(&self) -> Plan {
        let ids: Vec<(u32, String, u64)> = (0_u32..)
            .zip(&self.aims)
            .map(|(slot, a)| {
                (slot, format!("poll {}", a.id), u64::try_from(a.probing.interval.as_nanos()).unwrap_or(u64::MAX))
            })
            .collect();
        Plan::new(ids.iter().map(|(slot, id, interval)| (*slot, id.as_str(), *interval)))
    }

    /// For the snapshot.
    pub(super) fn views(&self) -> Vec<DeviceView> {
        self.aims.iter().map(|aim| view(aim, self.known.get(&aim.id))).collect()
    }
}

fn view(aim: &Aim, known: Option<&Known>) -> DeviceView {
    let mut view = DeviceView {
        component: aim.component,
        access: None,
        profile: String::new(),
        description: String::new(),
        uptime: None,
        restarts: 0,
        polls: Polls::default(),
        polled: None,
        answered: None,
        readings: Arc::from([]),
        cut: 0,
        complaints: Vec::new(),
    };
    if let Some(k) = known {
        view = DeviceView {
            component: aim.component,
            access: Some(k.access),
            profile: k.profile.clone(),
            description: k.description.clone(),
            uptime: k.uptime,
            restarts: k.restarts,
            polls: k.polls,
            polled: Some(k.polled),
            answered: k.answered,
            readings: k.readings.clone(),
            cut: k.cut,
            complaints: k.complaints.clone(),
        };
    }
    view
}

impl Core {
    /// Who is polled when; slots are those of [`poll_due`](Self::poll_due).
    #[must_use]
    pub fn poll_plan(&self) -> Plan {
        self.devices.plan()
    }

    /// A device is due to be polled. `None` when nobody knows where it is: its interfaces are unknown then.
    pub fn poll_due(&mut self, due: Due, now: Now) -> Option<Job> {
        self.job(due.slot as usize, Sec(due.at_ns.div_euclid(1_000_000_000)), false, now)
    }

    /// Somebody sent a notification: polls the device at once, if it is one of ours and has not just been.
    ///
    /// It never changes a state: anybody may have sent it.
    pub fn notified(&mut self, hint: &Hint, now: Now) -> Option<Job> {
        let Some(&slot) = self.devices.by_address.get(&hint.from) else {
            self.devices.foreign += 1;
            return None;
        };
        match self.devices.desk.take(hint, Duration::from_nanos(now.mono_ns)) {
            Verdict::Poll => self.job(slot, now.sec(), true, now),
            Verdict::Note | Verdict::Repeated | Verdict::Overflow => None,
        }
    }

    /// Devices that sent another notification soon after the one that set off a poll.
    pub fn poll_owed(&mut self, now: Now) -> Vec<Job> {
        let owed = self.devices.desk.owed(Duration::from_nanos(now.mono_ns));
        let slots: Vec<usize> = owed.iter().filter_map(|ip| self.devices.by_address.get(ip).copied()).collect();
        slots.into_iter().filter_map(|slot| self.job(slot, now.sec(), true, now)).collect()
    }

    fn job(&mut self, slot: usize, at: Sec, hinted: bool, now: Now) -> Option<Job> {
        let aim = self.devices.aims.get(slot)?;
        let config = self.config.components.get(aim.component.get())?;
        let ComponentKind::Device(device) = &config.kind else { return None };
        let Some(address) = self.names.address(&aim.host) else {
            let links = aim.links.clone();
            links.iter().for_each(|w| self.status(w.link, &Status::unknown(at, Cause::Unresolved), now));
            return None;
        };
        Some(Job {
            component: aim.component,
            device: aim.id.clone(),
            generation: self.devices.generation,
            target: Target {
                address: agent(address, device),
                credential: aim.credential.clone(),
                limits: limits(&aim.probing),
            },
            profile: aim.profile.clone(),
            interval: aim.probing.interval,
            at,
            hinted,
            links: aim.links.clone(),
        })
    }

    /// A job could not even be handed over: what it was to bring is not known.
    pub fn not_polled(&mut self, job: &Job, cause: Cause, now: Now) {
        self.totals.skipped += 1;
        job.links.iter().for_each(|w| self.status(w.link, &Status::unknown(job.at, cause), now));
    }

    /// A stretch of wall time was not served: what was to be polled in it is not known.
    pub fn polls_missed(&mut self, plan: &Plan, after_ns: i64, until_ns: i64, cause: Cause, now: Now) {
        let longest = self.devices.aims.iter().map(|a| a.probing.interval).max().unwrap_or_default();
        let longest_ns = i64::try_from(longest.as_nanos()).unwrap_or(i64::MAX);
        let mut first: BTreeMap<u32, i64> = BTreeMap::new();
        plan.due(after_ns, until_ns.min(after_ns.saturating_add(longest_ns)), |due| {
            first.entry(due.slot).or_insert(due.at_ns);
        });
        for (slot, at_ns) in first {
            let at = Sec(at_ns.div_euclid(1_000_000_000));
            let links = self.devices.aims[slot as usize].links.clone();
            links.iter().for_each(|w| self.status(w.link, &Status::unknown(at, cause), now));
        }
    }

    /// Something came of a job.
    pub fn polled(&mut self, polled: Polled, now: Now) {
        if polled.generation != self.devices.generation {
            return; // of a configuration that is gone: its indices mean nothing any more
        }
        for (link, status) in &polled.interfaces {
            self.status(*link, status, now);
        }
        // An agent is silent when its device does not answer at all: that is told already, or about to be.
        let pinged = self.fold.confirmed(polled.component);
        let no_news = polled.access == Access::Silent && (pinged.state != State::Up || pinged.lost > 0);
        let known = self.devices.known.entry(polled.device.clone()).or_insert_with(|| Known {
            access: Access::Open,
            told: Access::Open,
            profile: String::new(),
            description: String::new(),
            uptime: None,
            restarts: 0,
            polls: Polls::default(),
            polled: polled.heard,
            answered: None,
            readings: Arc::from([]),
            cut: 0,
            complaints: Vec::new(),
        });
        let count = match polled.outcome {
            Outcome::Ok => &mut known.polls.ok,
            Outcome::Timeout => &mut known.polls.timeout,
            Outcome::Auth => &mut known.polls.auth,
            Outcome::Error => &mut known.polls.error,
        };
        *count += 1;
        if known.told != polled.access && !no_news {
            tell_access(&polled);
            known.told = polled.access;
        }
        if polled.restarted {
            known.restarts += 1;
            tracing::warn!(device = %polled.device, uptime = ?polled.uptime, "restarted: its counters begin anew");
        }
        for complaint in polled.complaints.iter().filter(|c| !known.complaints.contains(c)) {
            tracing::warn!(device = %polled.device, "{complaint}: the link's interface is unknown; `assured probe --snmp` lists what there is");
        }
        known.access = polled.access;
        known.polled = polled.heard;
        known.uptime = polled.uptime;
        known.readings = polled.readings;
        known.cut = polled.cut;
        known.complaints = polled.complaints;
        if !polled.profile.is_empty() {
            known.profile = polled.profile;
            known.description = polled.description;
        }
        if polled.uptime.is_some() || polled.outcome == Outcome::Ok {
            known.answered = Some(polled.heard);
        }
    }

    /// Addresses of polled devices, by which notifications are told apart.
    pub(super) fn find_devices(&mut self) {
        let aims = self.devices.aims.iter().enumerate();
        self.devices.by_address = aims.filter_map(|(n, a)| Some((self.names.address(&a.host)?, n))).collect();
    }
}

/// One line when the way in changes, with what it means and what to do.
fn tell_access(polled: &Polled) {
    let device = &polled.device;
    match polled.access {
        Access::Open => tracing::info!(%device, "SNMP: the agent lets us in again"),
        Access::Silent => tracing::warn!(
            %device,
            "SNMP: {}. Its interfaces are unknown; whether it is up is still probed. Check the path, the agent's access \
             list and the credential",
            polled.access
        ),
        Access::Hidden => {
            tracing::warn!(%device, "SNMP: {}. Widen the view of this credential at the agent", polled.access);
        }
        other => tracing::warn!(
            %device,
            access = other.label(),
            "SNMP: {other}. Its interfaces are unknown; whether it is up is still probed. Compare the credential with \
             the agent's configuration"
        ),
    }
}
