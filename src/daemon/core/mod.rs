//! The daemon's state and what changes it: no clock, no I/O.
//!
//! The driver says what is due, what the engine learnt and what time it is; the core keeps
//! the rounds, judges losses by the sentinels, and feeds the fold. What it wants sent it
//! returns; what it found out it shows in a [`Snapshot`].

mod devices;
mod faults;
pub(in crate::daemon) mod figures;
mod interface;
mod judged;
mod reload;
mod switched;
mod target;
mod view;

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use assured_probes::icmp::{Event, Request, Strays};

use self::faults::Register;
use self::figures::Objectives;
use self::interface::Interfaces;
pub use self::switched::PROPOSER;
use self::target::{Complete, Key, Purpose, Target};
pub use self::view::{Draft, estimate};
use crate::clock::Now;
use crate::config::Config;
use crate::config::model::IcmpProbing;
use crate::daemon::isolation::{Isolation, Judgement};
use crate::daemon::keeper::driver::Standing;
use crate::daemon::replay::{Past, feed, stated_and_probed};
use crate::daemon::resolve::{Change, Names};
use crate::evidence;
use crate::evidence::fault::Faults;
use crate::evidence::record::Body;
use crate::measurement::minute::{MINUTE, Minute, MinuteAggregator};
use crate::measurement::{Cause, Outcome, Round, Verdict};
use crate::schedule::plan::{Due, Plan};
use crate::sla::exclusion::Agreed;
use crate::sla::fold::{Fold, Source};
use crate::sla::ledger::Limits;
use crate::snapshot::{AlertsView, ExclusionView, Snapshot};
use crate::units::{Sec, Span};

/// Sentinels are probed this often.
const SENTINEL_INTERVAL: Duration = Duration::from_secs(1);
/// A sentinel's answer may take this long.
const SENTINEL_TIMEOUT: Duration = Duration::from_millis(900);
/// A loss waits at most this long for the sentinels.
const PATIENCE_NS: i64 = 5_000_000_000;
/// Rounds of one target that may wait for the sentinels; more are given up as isolated.
const HELD: usize = 64;

/// The daemon's state.
#[derive(Debug)]
pub struct Core {
    config: Arc<Config>,
    agreed: Vec<Agreed>,
    started: Sec,
    /// Components with an address first, then sentinels; a slot is a position in here.
    targets: Vec<Target>,
    /// Rounds that wait for the sentinels, by slot.
    held: BTreeMap<u32, VecDeque<Complete>>,
    names: Names,
    isolation: Isolation,
    devices: devices::Devices,
    fold: Fold,
    minutes: MinuteAggregator,
    interfaces: Interfaces,
    /// What indices mean at present.
    meaning: Arc<evidence::names::Names>,
    kept: Kept,
    keeping: bool,
    /// Minutes taken since the past was asked for.
    since_asked: Option<Vec<Minute>>,
    isolated_since: Option<Sec>,
    evidence: Standing,
    exclusions: Arc<[ExclusionView]>,
    faults: Register,
    alerts: Arc<AlertsView>,
    objectives: Objectives,
    newest: Sec,
    generation: u32,
    engine_name: &'static str,
    totals: Totals,
}

/// Counts about the monitor itself.
#[derive(Debug, Clone, Default)]
struct Totals {
    not_measured: BTreeMap<Cause, u64>,
    skipped: u64,
    lag_ns: i64,
    clock_steps: u64,
    reload_failed: bool,
    too_late: u64,
}

/// What is to be kept for good: whoever keeps evidence takes it.
#[derive(Debug, Default)]
pub struct Kept {
    /// Complete minutes, each with what its indices mean.
    pub minutes: Vec<(Minute, Arc<evidence::names::Names>)>,
    /// What happened to the monitor.
    pub facts: Vec<Body>,
}

impl Core {
    /// A monitor that starts now; this month's time before is unknown.
    #[must_use]
    pub fn new(config: Config, agreed: Vec<Agreed>, started: Sec, engine_name: &'static str) -> Self {
        let config = Arc::new(config);
        let fold = Fold::new(&config, &agreed, started, Limits::LIVE);
        let mut core = Self {
            targets: Vec::new(),
            held: BTreeMap::new(),
            names: Names::default(),
            devices: devices::Devices::default(),
            isolation: Isolation::new(config.monitor.sentinels.len(), PATIENCE_NS),
            fold,
            minutes: MinuteAggregator::new(),
            interfaces: Interfaces::default(),
            meaning: Arc::new(evidence::names::Names::of(&config)),
            kept: Kept::default(),
            keeping: false,
            since_asked: None,
            isolated_since: None,
            evidence: Standing::default(),
            exclusions: Arc::default(),
            faults: Register::default(),
            alerts: Arc::default(),
            objectives: Objectives::new(&config),
            newest: started,
            generation: 0,
            totals: Totals::default(),
            engine_name,
            started,
            agreed,
            config,
        };
        core.targets = core.aim(Vec::new());
        core
    }

    /// Who is due when.
    #[must_use]
    pub fn plan(&self) -> Plan {
        let ids: Vec<(u32, String, u64)> = (0_u32..)
            .zip(&self.targets)
            .map(|(slot, t)| {
                let id = match t.purpose {
                    Purpose::Component(c) => self.config.components[c.get()].id.to_string(),
                    Purpose::Sentinel(n) => format!("sentinel {n} {}", t.host),
                };
                (slot, id, u64::try_from(t.probing.interval.as_nanos()).unwrap_or(u64::MAX))
            })
            .collect();
        Plan::new(ids.iter().map(|(slot, id, interval)| (*slot, id.as_str(), *interval)))
    }

    /// Names that need resolving, sorted.
    #[must_use]
    pub fn names(&self) -> Vec<Arc<str>> {
        self.names.names().collect()
    }

    /// What is watched.
    #[must_use]
    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// A target is due: starts its round and adds its requests.
    pub fn due(&mut self, due: Due, now: Now, requests: &mut Vec<Request>) {
        self.totals.lag_ns = now.wall_ns.saturating_sub(due.at_ns);
        let Some(target) = self.targets.get_mut(due.slot as usize) else { return };
        let address = self.names.address(&target.host);
        let (unfinished, keys) = target.begin(due.slot, due.at_ns);
        let before = requests.len();
        for (key, class) in keys.zip(&target.probing.classes) {
            let Some(address) = address else { break };
            let dscp = self.config.classes[class.get()].dscp.get();
            let IcmpProbing { size, timeout, .. } = target.probing;
            requests.push(Request { key, address, dscp, size, timeout });
        }
        if requests.len() == before {
            let unresolved = target.refuse(Cause::Unresolved);
            self.complete(due.slot, unfinished, now);
            self.complete(due.slot, unresolved, now);
        } else {
            self.complete(due.slot, unfinished, now);
        }
    }

    /// A stretch of wall time was not served: its slots are recorded as not measured.
    ///
    /// However long it was, a target takes one round of it, the first; what lies behind that
    /// is covered by no round, and unknown with the same cause.
    pub fn missed(&mut self, plan: &Plan, after_ns: i64, until_ns: i64, cause: Cause, now: Now) {
        let longest = self.targets.iter().map(|t| t.probing.interval).max().unwrap_or_default();
        let longest_ns = i64::try_from(longest.as_nanos()).unwrap_or(i64::MAX);
        let mut first: Vec<Option<i64>> = vec![None; self.targets.len()];
        plan.due(after_ns, until_ns.min(after_ns.saturating_add(longest_ns)), |due| {
            first[due.slot as usize].get_or_insert(due.at_ns);
        });
        for (slot, first) in (0_u32..).zip(first) {
            let Some(first) = first else { continue };
            let target = &mut self.targets[slot as usize];
            let interval = i64::try_from(target.probing.interval.as_nanos()).unwrap_or(i64::MAX).max(1);
            self.totals.skipped += u64::try_from((until_ns - first) / interval + 1).unwrap_or(0);
            let (unfinished, _) = target.begin(slot, first);
            let missed = target.refuse(cause);
            self.complete(slot, unfinished, now);
            self.complete(slot, missed, now);
        }
    }

    /// The engine learnt something.
    pub fn event(&mut self, event: &Event, now: Now) {
        let key = Key::unpack(event.key);
        let Some(target) = self.targets.get_mut(key.slot as usize) else { return };
        let Some(sent) = target.class_at(key).map(|c| self.config.classes[c.get()].dscp) else { return };
        let complete = target.event(key, event, sent);
        self.complete(key.slot, complete, now);
    }

    /// Time passes: held rounds are judged, silent components expire, the books advance.
    /// Cheap to call often; does its work once a second.
    pub fn tick(&mut self, now: Now) {
        let sec = now.sec();
        if sec <= self.newest {
            return;
        }
        self.newest = sec;
        self.judge_held(now);
        let slack = i64::try_from(self.longest_timeout().as_secs()).unwrap_or(i64::MAX / 2) + 10;
        self.fold.expire(sec.plus(-slack));
        self.fold.advance();
        let taken = self.minutes.take_before(sec.plus(-slack));
        self.taken(taken);
        let stated = self.interfaces.take_before(sec);
        self.stated(stated);
        self.propose_what_is_over(sec);
        // Minutes are never cut: nothing is left over.
        let _ = self.objectives.advance(&self.fold, &self.config);
    }

    /// Minutes and facts are wanted from now on, by [`take_kept`](Self::take_kept).
    pub fn keep(&mut self) {
        self.keeping = true;
    }

    /// What is to be kept since this was asked last.
    pub fn take_kept(&mut self) -> Kept {
        std::mem::take(&mut self.kept)
    }

    /// How keeping evidence fares, for the next snapshots.
    pub fn evidence_stands(&mut self, standing: Standing) {
        self.evidence = standing;
    }

    /// How telling the Alertmanagers fares, for the next snapshots.
    pub fn alerts_stand(&mut self, view: Arc<AlertsView>) {
        self.alerts = view;
    }

    /// Whether the past that was adopted at the start lacks something that only a longer look gives: what the classes did.
    #[must_use]
    pub fn wants_objectives(&self) -> bool {
        self.objectives.are_any()
    }

    /// The past is being read up to what was kept by now: remembers what comes until it is [`adopt`](Self::adopt)ed.
    pub fn asked_past(&mut self) {
        self.since_asked = Some(Vec::new());
    }

    /// The fault register as the evidence has it now.
    pub fn know_faults(&mut self, faults: Faults) {
        self.faults = Register::new(&self.config, faults);
    }

    /// Nobody reads the past any more.
    pub fn no_past(&mut self) {
        self.since_asked = None;
    }

    /// Takes the past for its own, and adds what has come since it was asked for.
    pub fn adopt(&mut self, past: Past) {
        let Past { fold, mut objectives, agreed, exclusions, faults, switched_off, .. } = past;
        self.know_faults(faults);
        objectives.judge_on(&mut self.objectives);
        (self.fold, self.objectives, self.agreed) = (fold, objectives, agreed);
        self.exclusions = exclusions.into();
        let components = self.config.component_by_id();
        let off = switched_off.iter().filter_map(|(id, since)| Some((*components.get(id.as_str())?, *since)));
        if !self.interfaces.anything_heard() {
            self.interfaces.switched.restore(off);
        }
        for minute in self.since_asked.take().unwrap_or_default() {
            feed(&mut self.fold, &minute.rows, |_, _, _| {});
            let (_, probed) = stated_and_probed(minute.rows);
            if !probed.is_empty() {
                self.objectives.add(Span::new(minute.start, minute.start.plus(MINUTE)), probed);
            }
        }
        for minute in self.minutes.open().chain(self.interfaces.open()) {
            feed(&mut self.fold, &minute.rows, |_, _, _| {});
        }
        self.fold.advance();
    }

    fn taken(&mut self, minutes: Vec<Minute>) {
        for minute in minutes {
            if let Some(since) = &mut self.since_asked {
                since.push(minute.clone());
            }
            if self.keeping {
                self.kept.minutes.push((minute.clone(), self.meaning.clone()));
            }
            self.objectives.add(Span::new(minute.start, minute.start.plus(MINUTE)), minute.rows);
        }
    }

    fn fact(&mut self, fact: Body) {
        if self.keeping {
            self.kept.facts.push(fact);
        }
    }

    /// The monitor is connected again, or ends.
    fn connected(&mut self, now: Sec) {
        if let Some(since) = self.isolated_since.take().filter(|since| *since < now) {
            self.fact(Body::Isolated { span: Span::new(since, now) });
        }
    }

    /// A look-up has ended.
    pub fn looked(&mut self, name: &str, addresses: &[IpAddr]) {
        match self.names.answer(name, addresses) {
            Change::Nothing => {}
            Change::Address(address) => {
                tracing::info!(name, %address, "resolved");
                self.find_devices();
            }
            Change::Failing => tracing::warn!(
                name,
                "cannot be resolved: its last address stays in use, and its losses count as unknown time"
            ),
        }
    }

    /// The wall clock stepped by `ns` nanoseconds.
    pub fn stepped(&mut self, ns: i64) {
        self.totals.clock_steps += 1;
        self.minutes.forget_jitter();
        self.fact(Body::ClockStep { milliseconds: ns / 1_000_000 });
    }

    /// A reload did not get as far as a valid configuration.
    pub fn reload_failed(&mut self) {
        self.totals.reload_failed = true;
    }

    /// The longest any answer may take.
    #[must_use]
    pub fn longest_timeout(&self) -> Duration {
        self.targets.iter().map(|t| t.probing.timeout).max().unwrap_or_default()
    }

    /// Whether no round is in flight.
    #[must_use]
    pub fn idle(&self) -> bool {
        self.targets.iter().all(|t| !t.in_flight())
    }

    /// Closes the accounts. Losses that still wait for the sentinels are left out: nobody can judge them any more.
    pub fn close(&mut self, now: Now) {
        self.held.clear();
        let minutes = self.minutes.take_all();
        self.taken(minutes);
        let stated = self.interfaces.take_all();
        self.stated(stated);
        self.connected(now.sec());
        self.fold.explain_gaps(Cause::Stopped);
        self.fold.expire(now.sec());
        self.fold.advance();
    }

    /// Everything at one instant.
    #[must_use]
    pub fn snapshot(&self, now: Now, strays: &Strays) -> Snapshot {
        let mut draft = Draft::default();
        draft.go_on(self, usize::MAX);
        view::snapshot(self, now, strays, draft)
    }

    /// Goes on with a draft for [`Self::snapshot_from`] by so many targets; returns whether it is whole. A reload makes
    /// it worthless.
    pub fn draft(&self, draft: &mut Draft, at_most: usize) -> bool {
        draft.go_on(self, at_most)
    }

    /// Everything at one instant, except for what the classes measure: that is from when it was drafted.
    #[must_use]
    pub fn snapshot_from(&self, draft: Draft, now: Now, strays: &Strays) -> Snapshot {
        view::snapshot(self, now, strays, draft)
    }

    /// The states and the month of everything at one instant, without what each class measures: cheap enough to be
    /// made every second.
    #[must_use]
    pub fn brief(&self, now: Now, strays: &Strays) -> Snapshot {
        view::snapshot(self, now, strays, Draft::default())
    }

    /// A round is complete: a sentinel's is taken to heart, a component's is judged.
    fn complete(&mut self, slot: u32, complete: Vec<Complete>, now: Now) {
        complete.into_iter().for_each(|complete| self.one_complete(slot, complete, now));
    }

    fn one_complete(&mut self, slot: u32, complete: Complete, now: Now) {
        match self.targets[slot as usize].purpose {
            Purpose::Sentinel(n) => {
                let replied = matches!(Verdict::of(complete.outcomes.iter().copied()), Verdict::Reply);
                let due = Sec(complete.due_ns.div_euclid(1_000_000_000));
                let was = self.isolation.isolated();
                self.isolation.round(n, complete.due_ns, replied);
                match (was, self.isolation.isolated()) {
                    (false, true) => {
                        tracing::error!("no sentinel answers: the monitor is isolated, time is unknown");
                        self.isolated_since = Some(due);
                    }
                    (true, false) => {
                        tracing::info!("a sentinel answers again: the monitor is connected");
                        self.connected(due);
                    }
                    (true, true) | (false, false) => {}
                }
                self.judge_held(now);
            }
            Purpose::Component(_) => {
                if let Some(waiting) = self.held.get_mut(&slot) {
                    waiting.push_back(complete);
                } else if self.must_wait(&complete, now) {
                    self.held.insert(slot, VecDeque::from([complete]));
                } else {
                    self.judged(slot, complete, now);
                }
            }
        }
    }

    fn must_wait(&self, complete: &Complete, now: Now) -> bool {
        Verdict::of(complete.outcomes.iter().copied()) == Verdict::Lost
            && self.isolation.judge(complete.due_ns, now.wall_ns) == Judgement::Wait
    }

    fn judge_held(&mut self, now: Now) {
        let mut held = std::mem::take(&mut self.held);
        held.retain(|&slot, waiting| {
            while let Some(first) = waiting.front() {
                if waiting.len() <= HELD && self.must_wait(first, now) {
                    return true;
                }
                let first = waiting.pop_front().expect("it has a front");
                self.judged(slot, first, now);
            }
            false
        });
        self.held = held;
    }

    /// Counts a round and feeds it to the fold.
    fn judged(&mut self, slot: u32, complete: Complete, now: Now) {
        let target = &mut self.targets[slot as usize];
        let Purpose::Component(component) = target.purpose else { return };
        let lost = Verdict::of(complete.outcomes.iter().copied()) == Verdict::Lost;
        let instead = if !lost {
            None
        } else if self.isolation.judge(complete.due_ns, now.wall_ns) == Judgement::Connected {
            self.names.failing(&target.host).then_some(Cause::Unresolved)
        } else {
            Some(Cause::Isolated)
        };
        let outcomes: Vec<Outcome> = match instead {
            Some(cause) => complete.outcomes.iter().map(|_| Outcome::NotMeasured(cause)).collect(),
            None => complete.outcomes,
        };
        for (stats, &outcome) in target.classes.iter_mut().zip(&outcomes) {
            stats.record(outcome);
            if let Outcome::NotMeasured(cause) = outcome {
                *self.totals.not_measured.entry(cause).or_default() += 1;
            }
        }
        let at = Sec(complete.due_ns.div_euclid(1_000_000_000));
        let verdict = Verdict::of(outcomes.iter().copied());
        let interval = u32::try_from(target.probing.interval.as_secs()).unwrap_or(u32::MAX).max(1);
        let outcomes = target.probing.classes.iter().copied().zip(outcomes).collect();
        if self.minutes.add(&Round { at, component, outcomes }, interval).is_err() {
            self.totals.too_late += 1; // time that is accounted for already, after a backward step of the clock
        }
        let was = self.fold.confirmed(component).state;
        if self.fold.round(component, Source::Address, at, verdict) {
            let rounds = self.config.components[component.get()].hysteresis.down_after;
            self.tell(component, was, at, &format!("{rounds} rounds in a row without an answer"));
        }
    }
}
