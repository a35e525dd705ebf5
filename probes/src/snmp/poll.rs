//! One device, poll after poll: what it is, what to ask, what came of it. The session is pure; [`poll`] carries
//! its questions through an [`Engine`].
//!
//! A poll asks for the scalars first (a silent agent costs one exchange), then for the columns. Names and other
//! fixed columns are walked once, and again when the agent restarted, a table says that it changed, a row
//! comes or goes, or an hour has passed.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use super::counter::{Context, Delta, Gap, Sample, Total};
use super::fetch::{Fetch, Fetched, Flaw, Plan, Quirks};
use super::interface::{Change, Look, change};
use super::profile::{Library, Object, Profile};
use super::reading::{Is, Raw, Reader, Reading};
use super::restart::{Age, Continuity, compare};
use super::walk::{Index, Moves, Rows};
use super::{Access, Ask, Engine, Failure, Limits, Oid, Outcome, Target, Value, Version};

/// How long fixed columns are believed.
const FIXED_FOR: Duration = Duration::from_secs(3600);

/// A change of a state between two polls.
#[derive(Debug, Clone, PartialEq)]
pub struct StateChange {
    /// The reading's table, name and row.
    pub table: Arc<str>,
    /// See [`Reading::name`].
    pub name: Arc<str>,
    /// See [`Reading::row`].
    pub row: Arc<str>,
    /// What happened, dated on the clock that [`poll`] was given.
    pub change: Change,
}

/// What came of a poll.
#[derive(Debug, Clone)]
pub struct Report {
    /// As it is counted.
    pub outcome: Outcome,
    /// Why it is not whole, if it is not. Readings that came before stay.
    pub failure: Option<Failure>,
    /// Whether we are let in. Keeps its value when a poll says nothing about it.
    pub access: Access,
    /// It is another than after the last poll: log it, once.
    pub access_changed: bool,
    /// The profile it was read through; `None` while the device was never reached.
    pub profile: Option<Arc<Profile>>,
    /// `sysObjectID`.
    pub object_id: Option<Oid>,
    /// `sysDescr`.
    pub description: String,
    /// How long the agent has been running.
    pub uptime: Option<Duration>,
    /// Since the last poll; `None` at the first, and when the agent did not tell its age.
    pub continuity: Option<Continuity>,
    /// What it says.
    pub readings: Vec<Reading>,
    /// States that went over, or flapped, since the last poll.
    pub changes: Vec<StateChange>,
    /// Rows that came, went or moved.
    pub rows: Moves,
    /// Columns that are not whole, by their object.
    pub flaws: Vec<(Oid, Flaw)>,
    /// How many exchanges it took.
    pub requests: u32,
}

mod oids {
    pub(super) const SYS_DESCR: &[u32] = &[1, 3, 6, 1, 2, 1, 1, 1];
    pub(super) const SYS_OBJECT_ID: &[u32] = &[1, 3, 6, 1, 2, 1, 1, 2];
    pub(super) const SYS_UP_TIME: &[u32] = &[1, 3, 6, 1, 2, 1, 1, 3];
    pub(super) const ENGINE_ID: &[u32] = &[1, 3, 6, 1, 6, 3, 10, 2, 1, 1];
    pub(super) const ENGINE_BOOTS: &[u32] = &[1, 3, 6, 1, 6, 3, 10, 2, 1, 2];
    pub(super) const HOST_UP_TIME: &[u32] = &[1, 3, 6, 1, 2, 1, 25, 1, 1];
}

/// Everything remembered about a device between polls.
pub struct Session {
    library: Arc<Library>,
    wanted: Option<String>,
    limits: Limits,
    quirks: Quirks,
    profile: Option<Arc<Profile>>,
    object_id: Option<Oid>,
    description: String,
    fixed: HashMap<Oid, BTreeMap<Index, Value>>,
    fixed_at: Option<Duration>,
    shape: u64,
    triggers: BTreeMap<Oid, Value>,
    hints: HashMap<Oid, usize>,
    /// Objects that are to be read instead of others, because those are not there.
    instead: HashSet<Oid>,
    /// Scalars that the agent does not have: asked again with the fixed columns.
    missing: HashSet<Oid>,
    age: Option<Age>,
    counters: HashMap<(Arc<str>, Arc<str>), Total>,
    looks: HashMap<(Arc<str>, Arc<str>), Look>,
    stamps: HashMap<Arc<str>, u32>,
    rows: Rows,
    access: Access,
}

impl Session {
    /// For a device whose profile is named, or (`None`, or `auto`) found out.
    ///
    /// # Errors
    /// There is no profile of this name.
    pub fn new(library: Arc<Library>, profile: Option<&str>, target: &Target) -> Result<Session, UnknownProfile> {
        let wanted = profile.filter(|name| *name != "auto").map(str::to_owned);
        if let Some(name) = wanted.as_deref().filter(|name| library.get(name).is_none()) {
            return Err(UnknownProfile(name.to_owned()));
        }
        Ok(Session {
            library,
            wanted,
            limits: target.limits,
            quirks: Quirks::start(&target.limits, target.credential.version() != Version::V1),
            profile: None,
            object_id: None,
            description: String::new(),
            fixed: HashMap::new(),
            fixed_at: None,
            shape: 0,
            triggers: BTreeMap::new(),
            hints: HashMap::new(),
            instead: HashSet::new(),
            missing: HashSet::new(),
            age: None,
            counters: HashMap::new(),
            looks: HashMap::new(),
            stamps: HashMap::new(),
            rows: Rows::default(),
            access: Access::Open,
        })
    }

    /// The profile in use, once the device was reached.
    pub fn profile(&self) -> Option<&Arc<Profile>> {
        self.profile.as_ref()
    }

    /// Start anew with the next poll: what the device is, and all its rows.
    pub fn forget_rows(&mut self) {
        self.fixed_at = None;
    }

    fn basics(&self) -> Vec<Oid> {
        let mut all = vec![oids::SYS_UP_TIME, oids::ENGINE_BOOTS, oids::ENGINE_ID, oids::HOST_UP_TIME];
        if self.profile.is_none() {
            all.extend([oids::SYS_OBJECT_ID, oids::SYS_DESCR]);
        }
        all.into_iter().map(Oid::new).collect()
    }

    fn scalars(&self, profile: &Profile) -> Vec<Oid> {
        let own = profile.tables.iter().filter(|t| t.scalar).flat_map(|t| t.objects.iter().map(|o| &o.oid));
        own.chain(&profile.rewalk).cloned().collect()
    }

    fn scalar_plan(&self, mut objects: Vec<Oid>) -> Plan {
        objects.sort_unstable();
        objects.dedup();
        objects.retain(|o| !self.missing.contains(o));
        Plan { scalars: objects.iter().map(|o| o.child(&[0])).collect(), columns: Vec::new() }
    }

    /// Columns to walk now.
    fn columns(&self, profile: &Profile, fixed: bool) -> Plan {
        let mut columns: Vec<(Oid, usize)> = Vec::new();
        for object in profile.tables.iter().filter(|t| !t.scalar).flat_map(|t| &t.objects) {
            for object in std::iter::once(object).chain(object.instead.as_deref()) {
                let standing_in = !profile.tables.iter().flat_map(|t| &t.objects).any(|o| o.oid == object.oid);
                if (object.fixed && !fixed) || (standing_in && !fixed && !self.instead.contains(&object.oid)) {
                    continue;
                }
                // A column that was empty when all was walked is asked again only with the fixed ones.
                let hint = self.hints.get(&object.oid).copied();
                if hint == Some(0) && !fixed {
                    continue;
                }
                if !columns.iter().any(|(oid, _)| *oid == object.oid) {
                    columns.push((object.oid.clone(), hint.unwrap_or(0)));
                }
            }
        }
        // Columns with as many rows side by side: they end together.
        columns.sort_by_key(|(_, rows)| *rows);
        Plan { scalars: Vec::new(), columns }
    }

    fn choose(&mut self, raw: &Raw) {
        let scalar = |oid: &[u32]| raw.scalars.get(&Oid::new(oid));
        if let Some(Value::Oid(id)) = scalar(oids::SYS_OBJECT_ID) {
            self.object_id = Some(id.clone());
        }
        self.description = scalar(oids::SYS_DESCR).and_then(Value::text).unwrap_or_default();
        let named = self.wanted.as_deref().and_then(|name| self.library.get(name));
        self.profile =
            Some(named.unwrap_or_else(|| self.library.choose(self.object_id.as_ref(), &self.description)).clone());
    }

    fn age_of(&self, raw: &Raw, at: Duration) -> Option<Age> {
        let number = |oid: &[u32]| raw.scalars.get(&Oid::new(oid)).and_then(Value::number).map(|n| n as u32);
        let engine = match raw.scalars.get(&Oid::new(oids::ENGINE_ID)) {
            Some(Value::Bytes(bytes)) => Some(bytes.clone()),
            _ => None,
        };
        Some(Age {
            uptime: number(oids::SYS_UP_TIME)?,
            at,
            engine,
            boots: number(oids::ENGINE_BOOTS),
            host_uptime: number(oids::HOST_UP_TIME),
        })
    }

    /// Whether the fixed columns have to be walked again.
    fn fixed_due(&mut self, raw: &Raw, continuity: Option<Continuity>, now: Duration) -> bool {
        let profile = self.profile.clone();
        let triggers: BTreeMap<Oid, Value> = profile
            .iter()
            .flat_map(|p| &p.rewalk)
            .filter_map(|o| raw.scalars.get(o).map(|v| (o.clone(), v.clone())))
            .collect();
        let moved = std::mem::replace(&mut self.triggers, triggers) != self.triggers;
        let old = self.fixed_at.is_none_or(|at| now.saturating_sub(at) >= FIXED_FOR);
        moved || old || continuity.is_some_and(Continuity::breaks_counters)
    }

    /// After a walk of everything: what is not there need not be asked for each time.
    fn learn(&mut self, profile: &Profile, columns: &HashMap<Oid, BTreeMap<Index, Value>>) {
        self.instead.clear();
        for object in profile.tables.iter().filter(|t| !t.scalar).flat_map(|t| &t.objects) {
            let Some(other) = object.instead.as_deref() else { continue };
            let has = |o: &Object, index: &Index| {
                let value = columns.get(&o.oid).and_then(|c| c.get(index));
                value.is_some_and(|v| !v.number().is_some_and(|n| o.absent.iter().any(|a| i128::from(*a) == n)))
            };
            let lacking = columns.get(&other.oid).is_some_and(|c| c.keys().any(|index| !has(object, index)));
            if lacking {
                self.instead.insert(other.oid.clone());
            }
        }
    }

    fn counters(&mut self, readings: &mut [Reading], restarted: bool, moves: &Moves, at: Duration) {
        for reading in readings {
            let Is::Counter(count) = &mut reading.is else { continue };
            let key = (reading.row.clone(), reading.name.clone());
            let total = self.counters.entry(key).or_default();
            let renumbered = moves.renumbered.binary_search(&reading.row).is_ok();
            let context = Context { width: count.width, restarted, most_per_second: count.most_per_second };
            let sample = Sample { value: count.raw, at, discontinuity: count.discontinuity };
            count.delta =
                if renumbered { total.interrupt(sample, Gap::Renumbered) } else { total.observe(sample, &context) };
            count.total = total.total;
        }
        // A row that is gone takes its counters with it; when it comes back it begins anew, after a gap.
        for ((row, _), total) in &mut self.counters {
            if moves.vanished.binary_search(row).is_ok() {
                total.forget();
            }
        }
        let bound = self.limits.rows.saturating_mul(16);
        if self.counters.len() > bound {
            self.counters.clear();
        }
    }

    fn changes(&mut self, readings: &[Reading], restarted: bool, at: Duration, uptime: u32) -> Vec<StateChange> {
        let mut now = HashMap::new();
        let mut changes = Vec::new();
        for reading in readings {
            let Is::State(state, _, last_change) = &reading.is else { continue };
            let key = (reading.row.clone(), reading.name.clone());
            let look = Look { at, state: *state, uptime, last_change: *last_change };
            if let Some(before) = self.looks.get(&key) {
                // Across a restart the stamps of before mean nothing.
                let before = if restarted { Look { last_change: None, ..*before } } else { *before };
                let change = change(&before, &look);
                if change != Change::None {
                    let (table, name) = (reading.table.clone(), reading.name.clone());
                    changes.push(StateChange { table, name, row: reading.row.clone(), change });
                }
            }
            now.insert(key, look);
        }
        self.looks = now;
        changes
    }
}

/// A profile that is not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no profile {0:?}")]
pub struct UnknownProfile(pub String);

/// One poll under way.
struct Poll<'a> {
    engine: &'a dyn Engine,
    target: &'a Target,
    until: tokio::time::Instant,
    requests: u32,
    flaws: Vec<(Oid, Flaw)>,
}

impl Poll<'_> {
    async fn run(&mut self, session: &mut Session, plan: &Plan, raw: &mut Raw) -> Result<(), Failure> {
        let mut fetch = Fetch::new(plan, &session.limits, session.quirks);
        while let Some(ask) = fetch.ask() {
            let answer = self.exchange(&ask).await;
            fetch.answer(&ask, answer);
        }
        let Fetched { scalars, columns, failure, requests, quirks } = fetch.finish();
        self.requests += requests;
        session.quirks = quirks;
        for (oid, value) in scalars {
            let object = Oid::new(&oid.arcs()[..oid.arcs().len() - 1]);
            match value {
                Value::Absent(_) if object.arcs() == oids::SYS_UP_TIME => {}
                Value::Absent(_) => drop(session.missing.insert(object)),
                value => drop(raw.scalars.insert(object, value)),
            }
        }
        let whole = failure.is_none();
        for (oid, column) in columns {
            self.flaws.extend(column.flaw.map(|f| (oid.clone(), f)));
            if whole {
                session.hints.insert(oid.clone(), column.rows.len());
            }
            raw.columns.insert(oid, column.rows.into_iter().collect());
        }
        failure.map_or(Ok(()), Err)
    }

    async fn exchange(&self, ask: &Ask) -> Result<Vec<super::Binding>, Failure> {
        let exchange = self.engine.exchange(self.target, ask);
        tokio::time::timeout_at(self.until, exchange).await.unwrap_or(Err(Failure::Timeout))
    }
}

/// Polls a device. `now` is the caller's monotonic clock; times in the report are on it.
///
/// Takes at most [`Limits::deadline`]. Dropping the future abandons the poll; the session stays usable.
pub async fn poll(engine: &dyn Engine, target: &Target, session: &mut Session, now: Duration) -> Report {
    let started = tokio::time::Instant::now();
    let until = started + target.limits.deadline;
    let mut poll = Poll { engine, target, until, requests: 0, flaws: Vec::new() };
    let mut raw = Raw::default();
    let mut report = Report {
        outcome: Outcome::Ok,
        failure: None,
        access: session.access,
        access_changed: false,
        profile: None,
        object_id: None,
        description: String::new(),
        uptime: None,
        continuity: None,
        readings: Vec::new(),
        changes: Vec::new(),
        rows: Moves::default(),
        flaws: Vec::new(),
        requests: 0,
    };
    let fetched = ask_everything(&mut poll, session, &mut raw, now, started, &mut report).await;
    report.requests = poll.requests;
    report.flaws = poll.flaws;
    report.profile = session.profile.clone();
    report.object_id = session.object_id.clone();
    report.description = session.description.clone();
    let hidden = fetched.is_ok() && session.hides_what_it_must_have(&raw);
    if let Err(failure) = fetched {
        report.outcome = failure.outcome();
        report.failure = Some(failure);
    }
    let access = match &report.failure {
        None if hidden => Some(Access::Hidden),
        None => Some(Access::Open),
        // Something came before the silence: slow, not shut out.
        Some(Failure::Timeout) if poll.requests > 1 && !raw.scalars.is_empty() => None,
        Some(failure) => failure.access(),
    };
    if let Some(access) = access {
        report.access_changed = access != session.access;
        session.access = access;
    }
    report.access = session.access;
    report
}

async fn ask_everything(
    poll: &mut Poll<'_>,
    session: &mut Session,
    raw: &mut Raw,
    now: Duration,
    started: tokio::time::Instant,
    report: &mut Report,
) -> Result<(), Failure> {
    let (mut plan, known) = (session.basics(), session.profile.clone());
    if let Some(profile) = &known {
        plan.extend(session.scalars(profile));
    }
    if session.fixed_at.is_none_or(|at| now.saturating_sub(at) >= FIXED_FOR) {
        session.missing.clear();
    }
    let plan = session.scalar_plan(plan);
    poll.run(session, &plan, raw).await?;
    let at = now + started.elapsed();
    let age = session.age_of(raw, at);
    raw.uptime = age.as_ref().map(|a| a.uptime);
    report.uptime = raw.uptime.map(|u| Duration::from_millis(u64::from(u) * 10));
    report.continuity = age.as_ref().zip(session.age.as_ref()).map(|(now, before)| compare(before, now));
    let restarted = report.continuity.is_some_and(Continuity::breaks_counters);
    if restarted {
        session.missing.clear();
        // It may be another device, or another version of it.
        if matches!(report.continuity, Some(Continuity::Replaced { .. })) {
            session.profile = None;
        }
    }
    if age.is_some() {
        session.age = age;
    }
    if session.profile.is_none() {
        if known.is_some() {
            let plan = session.scalar_plan(session.basics());
            poll.run(session, &plan, raw).await?;
        }
        session.choose(raw);
        let own = session.profile.clone().map(|p| session.scalars(&p)).unwrap_or_default();
        let plan = session.scalar_plan(own);
        poll.run(session, &plan, raw).await?;
    }
    let Some(profile) = session.profile.clone() else { return Ok(()) };
    let fixed = session.fixed_due(raw, report.continuity, now);
    let mut walked = poll.run(session, &session.columns(&profile, fixed), raw).await;
    if walked.is_ok() && !fixed && Session::shape(&profile, raw) != session.shape {
        walked = poll.run(session, &session.columns(&profile, true), raw).await;
        if walked.is_ok() {
            session.keep_fixed(&profile, raw, now);
        }
    } else if walked.is_ok() && fixed {
        session.keep_fixed(&profile, raw, now);
    }
    for (oid, column) in &session.fixed {
        raw.columns.entry(oid.clone()).or_insert_with(|| column.clone());
    }
    let at = now + started.elapsed();
    let mut readings = Reader::new(&profile, raw).readings(&mut session.stamps);
    if walked.is_ok() {
        report.rows = session.rows.observe(readings.iter().map(|r| (r.row.clone(), r.index.clone())));
        let known: HashSet<&Arc<str>> = readings.iter().map(|r| &r.row).collect();
        session.stamps.retain(|row, _| known.contains(row));
    }
    session.counters(&mut readings, restarted, &report.rows, at);
    report.changes = session.changes(&readings, restarted, at, raw.uptime.unwrap_or(0));
    report.readings = readings;
    walked
}

impl Session {
    fn keep_fixed(&mut self, profile: &Profile, raw: &Raw, now: Duration) {
        self.learn(profile, &raw.columns);
        let objects = profile.tables.iter().filter(|t| !t.scalar).flat_map(|t| &t.objects);
        let fixed = objects.flat_map(|o| std::iter::once(o).chain(o.instead.as_deref())).filter(|o| o.fixed);
        self.fixed = fixed.filter_map(|o| raw.columns.get(&o.oid).map(|c| (o.oid.clone(), c.clone()))).collect();
        self.fixed_at = Some(now);
        self.shape = Session::shape(profile, raw);
    }

    /// Which rows there are, as far as the columns tell that are walked every time.
    fn shape(profile: &Profile, raw: &Raw) -> u64 {
        let mut hasher = DefaultHasher::new();
        for table in profile.tables.iter().filter(|t| !t.scalar && t.objects.iter().any(|o| o.fixed)) {
            let walked = table.objects.iter().filter(|o| !o.fixed).filter_map(|o| raw.columns.get(&o.oid));
            let rows: BTreeSet<&Index> = walked.flat_map(BTreeMap::keys).collect();
            rows.hash(&mut hasher);
        }
        hasher.finish()
    }

    fn hides_what_it_must_have(&self, raw: &Raw) -> bool {
        let Some(profile) = &self.profile else { return false };
        let empty = |o: &Object| raw.columns.get(&o.oid).is_none_or(BTreeMap::is_empty);
        profile.tables.iter().any(|t| t.required && t.objects.iter().all(empty))
    }
}

impl Total {
    /// Takes in a reading that cannot be compared with the one before.
    fn interrupt(&mut self, now: Sample, gap: Gap) -> Delta {
        let context = Context { width: super::counter::Width::Bits64, restarted: true, most_per_second: None };
        self.observe(now, &context);
        Delta::Gap(gap)
    }
}
