//! The one way from rounds to accounts: machines for every component, and the ledger behind them.
//!
//! A [`Fold`] is fed the same records live, at restart and for a report, in the order of
//! time per component; only [`Fold::now`] and [`Fold::finish`] differ in what they ask of it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::config::Config;
use crate::config::model::{Component, ComponentKind, Hysteresis};
use crate::measurement::rounds::Run;
use crate::measurement::{Cause, Verdict};
use crate::names::{ComponentIx, ServiceIx};
use crate::sla::calendar::Month;
use crate::sla::exclusion::Agreed;
use crate::sla::ledger::{Ledger, Limits, Now, Terms};
use crate::sla::link::{self, Join};
use crate::sla::state::{Confirmed, Machine, Segment, State};
use crate::units::{Sec, Span};

/// Which of a component's sources a round is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// Its address answers, or not: devices, and links with a far end.
    Address,
    /// Its interface says so: links with an interface. A reply is up, a loss is down, silence is not measured.
    Interface,
}

impl Source {
    /// Both, in the order in which a [`Fold`] is asked about them.
    pub const ALL: [Self; 2] = [Self::Address, Self::Interface];

    /// What changes the state of a component that is configured with `hysteresis`.
    ///
    /// A lost probe may be chance, so the configuration says how many make an outage. What a device says of its own
    /// interface is a statement: it needs no repetition.
    #[must_use]
    pub fn hysteresis(self, hysteresis: Hysteresis) -> Hysteresis {
        match self {
            Self::Address => hysteresis,
            Self::Interface => Hysteresis { down_after: 1, up_after: 1 },
        }
    }
}

/// Machines and ledger of a whole configuration.
#[derive(Debug, Clone)]
pub struct Fold {
    sensors: Vec<Sensor>,
    ledger: Ledger,
    out: Vec<Segment>,
}

/// What makes a component's state.
#[derive(Debug, Clone)]
struct Sensor {
    address: Option<Input>,
    interface: Option<Input>,
    join: Option<Join>,
}

/// One source of rounds: its machine, and how long a round waits for its answer.
#[derive(Debug, Clone)]
struct Input {
    machine: Machine,
    timeout: Duration,
}

impl Fold {
    /// A fold whose history begins at `start`; `agreed` exclusions are those known by now.
    ///
    /// The month of `start` is booked from its first second: the time before `start` is
    /// unknown, because the monitor was not running.
    #[must_use]
    pub fn new(config: &Config, agreed: &[Agreed], start: Sec, limits: Limits) -> Self {
        let zone = &config.monitor.time_zone;
        let begin = Month::of(start, zone).span(zone).from.min(start);
        let sensors = config.components.iter().map(|c| Sensor::new(config, c, begin)).collect();
        let ledger = Ledger::new(zone.clone(), Terms::of(config, agreed), config.components.len(), begin, limits);
        Self { sensors, ledger, out: Vec::new() }
    }

    /// Takes a round. False when it was out of order, or the component has no such source: it changed nothing then.
    pub fn round(&mut self, component: ComponentIx, source: Source, at: Sec, verdict: Verdict) -> bool {
        self.drive(component, source, |machine, out| machine.round(at, verdict, out))
    }

    /// Takes `run.count` rounds with one verdict, `run.interval` apart, as [`round`](Self::round) would one by one, in few
    /// steps: for a replay. `run.interval` holds for these rounds only, whatever the configuration says.
    pub fn run(&mut self, component: ComponentIx, source: Source, run: &Run<Verdict>) -> bool {
        self.drive(component, source, |machine, out| {
            let (interval, hysteresis) = (machine.interval(), machine.hysteresis());
            machine.configure(Duration::from_secs(u64::from(run.interval)), hysteresis);
            let taken = machine.run(run.first, i64::from(run.interval), u64::from(run.count), run.fate, out);
            machine.configure(interval, hysteresis);
            taken
        })
    }

    /// Says that no round of any component earlier than `before` will come any more.
    ///
    /// Call it every few seconds with the instant before which every result is in (now, less
    /// the longest time-out and the slack of the scheduler), and then [`advance`](Self::advance).
    pub fn expire(&mut self, before: Sec) {
        for n in 0..self.sensors.len() {
            if self.sensors[n].is_blind() {
                self.ledger.component_segment(ComponentIx::from(n), blank(before));
            }
            for source in Source::ALL {
                self.drive(ComponentIx::from(n), source, |machine, out| {
                    // A poll is many questions: its answer may take as long as the next poll.
                    let patience = match source {
                        Source::Address => Duration::ZERO,
                        Source::Interface => machine.interval(),
                    };
                    machine.expire(before.plus(-i64::try_from(patience.as_secs()).unwrap_or(i64::MAX / 2)), out);
                    true
                });
            }
        }
    }

    /// Names the cause of uncovered time from each component's newest round on, as at a restart (`Stopped`).
    pub fn explain_gaps(&mut self, cause: Cause) {
        for sensor in &mut self.sensors {
            for source in [&mut sensor.address, &mut sensor.interface].into_iter().flatten() {
                source.machine.explain_gap(cause);
            }
        }
    }

    /// Names the cause of uncovered time from this component's newest round on.
    pub fn explain_gap(&mut self, component: ComponentIx, source: Source, cause: Cause) {
        let Some(sensor) = self.sensors.get_mut(component.get()) else { return };
        let input = match source {
            Source::Address => &mut sensor.address,
            Source::Interface => &mut sensor.interface,
        };
        if let Some(input) = input {
            input.machine.explain_gap(cause);
        }
    }

    /// The first second that a statement due at `at` may speak of: behind the newest round where that covers the time
    /// up to `at`, else `at` itself, for what nobody measured stays unknown. `None` without such a source.
    #[must_use]
    pub fn open_from(&self, component: ComponentIx, source: Source, at: Sec) -> Option<Sec> {
        let machine = &self.input(component, source)?.machine;
        let first = machine.newest_round().filter(|_| machine.reaches(at)).map_or(at, |newest| newest.plus(1));
        Some(first.max(machine.settled_until()))
    }

    /// What one source of a component is confirmed to say; `None` when the component has no such source.
    #[must_use]
    pub fn confirmed_by(&self, component: ComponentIx, source: Source) -> Option<Confirmed> {
        Some(self.input(component, source)?.machine.confirmed())
    }

    fn input(&self, component: ComponentIx, source: Source) -> Option<&Input> {
        let sensor = self.sensors.get(component.get())?;
        match source {
            Source::Address => sensor.address.as_ref(),
            Source::Interface => sensor.interface.as_ref(),
        }
    }

    /// Lets go of the components' history before `before`, and from here on keeps at most `limit` states of each.
    pub fn trim_history(&mut self, before: Sec, limit: usize) {
        self.ledger.trim_history(before, limit);
    }

    /// Books what is settled. Cheap when little is; call it once per batch of rounds.
    pub fn advance(&mut self) {
        self.ledger.advance();
    }

    /// A component at present, as confirmed by its own machines.
    #[must_use]
    pub fn confirmed(&self, component: ComponentIx) -> Confirmed {
        let sensor = &self.sensors[component.get()];
        let confirmed = |s: &Option<Input>| s.as_ref().map(|s| s.machine.confirmed());
        match (confirmed(&sensor.address), confirmed(&sensor.interface)) {
            (Some(far), Some(interface)) => {
                let state = link::combine(Some(far.state), Some(interface.state));
                // The one that decides is the one whose rounds explain the state.
                let decides = if interface.state == State::Down && far.state != State::Down { interface } else { far };
                Confirmed { state, ..decides }
            }
            (Some(only), None) | (None, Some(only)) => only,
            (None, None) => Confirmed {
                state: State::Unknown(Cause::Gap),
                since: None,
                confirmed_at: self.ledger.start(),
                lost: 0,
                replies: 0,
                pending_since: None,
            },
        }
    }

    /// Rounds left out because they came out of order or twice, over all components.
    #[must_use]
    pub fn ignored(&self) -> u64 {
        let of = |s: &Option<Input>| s.as_ref().map_or(0, |s| s.machine.ignored());
        self.sensors.iter().map(|s| of(&s.address) + of(&s.interface)).sum()
    }

    /// A service at `now`, to the second: what is booked, and what its components are confirmed to be since.
    #[must_use]
    pub fn now(&self, service: ServiceIx, now: Sec) -> Now {
        self.ledger.standing(service, now, |component, at| self.sensors[component.get()].provisional(at, now))
    }

    /// The same history under a new configuration, taken over by identifier: for a reload at `now`.
    ///
    /// Components keep their machines, with the new interval and hysteresis from the next
    /// round on; services keep their books, with the new tree from what is not booked yet.
    /// New ones begin as unknown. Also gives the services whose calendar (hours, term,
    /// exclusions, zone) changed: theirs begin anew, and only a replay gives them their past.
    #[must_use]
    pub fn reload(
        &self,
        old: &Config,
        new: &Config,
        agreed: &[Agreed],
        now: Sec,
        limits: Limits,
    ) -> (Self, Vec<ServiceIx>) {
        let mut fold = Self::new(new, agreed, now.max(self.ledger.start()), limits);
        let known = old.component_by_id();
        let components: Vec<_> = new.components.iter().map(|c| known.get(c.id.as_str()).copied()).collect();
        let mut kept = components.clone();
        for (n, ix) in components.iter().enumerate() {
            let Some(before) = ix.map(|ix| &self.sensors[ix.get()]) else { continue };
            if !fold.sensors[n].take_over(before, new.components[n].hysteresis) {
                kept[n] = None;
            }
        }
        let known: BTreeMap<&str, ServiceIx> =
            old.services.iter().enumerate().map(|(n, s)| (s.id.as_str(), ServiceIx::from(n))).collect();
        let services: Vec<_> = new.services.iter().map(|s| known.get(s.id.as_str()).copied()).collect();
        let lost = fold.ledger.take_over(&self.ledger, &kept, &services);
        (fold, lost)
    }

    /// The accounts and registers.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Ends the history at `end` and books all of it: for reports.
    #[must_use]
    pub fn finish(mut self, end: Sec) -> Ledger {
        for (n, mut sensor) in std::mem::take(&mut self.sensors).into_iter().enumerate() {
            let finish = |source: Option<Input>| {
                let mut out = Vec::new();
                if let Some(source) = source {
                    source.machine.finish(end, &mut out);
                }
                out
            };
            let far = finish(sensor.address.take());
            let interface = finish(sensor.interface.take());
            let mut joined = Vec::new();
            let segments = match &mut sensor.join {
                Some(join) => {
                    join.take(&far, &interface, &mut joined);
                    joined
                }
                None if far.is_empty() => interface,
                None => far,
            };
            for segment in segments {
                self.ledger.component_segment(ComponentIx::from(n), segment);
            }
            self.ledger.component_segment(ComponentIx::from(n), blank(end));
        }
        self.ledger.finish();
        self.ledger
    }

    fn drive(
        &mut self,
        component: ComponentIx,
        source: Source,
        act: impl FnOnce(&mut Machine, &mut Vec<Segment>) -> bool,
    ) -> bool {
        let Some(sensor) = self.sensors.get_mut(component.get()) else { return false };
        let driven = match source {
            Source::Address => &mut sensor.address,
            Source::Interface => &mut sensor.interface,
        };
        let Some(driven) = driven else { return false };
        self.out.clear();
        let taken = act(&mut driven.machine, &mut self.out);
        if let Some(join) = &mut sensor.join {
            let mut joined = Vec::new();
            match source {
                Source::Address => join.take(&self.out, &[], &mut joined),
                Source::Interface => join.take(&[], &self.out, &mut joined),
            }
            self.out = joined;
        }
        for &segment in &self.out {
            self.ledger.component_segment(component, segment);
        }
        taken
    }
}

impl Sensor {
    fn new(config: &Config, component: &Component, start: Sec) -> Self {
        let input = |source: Source, interval, timeout| Input {
            machine: Machine::new(start, Cause::Stopped, interval, source.hysteresis(component.hysteresis)),
            timeout,
        };
        let address = component.icmp.as_ref().map(|icmp| input(Source::Address, icmp.interval, icmp.timeout));
        let interface = match &component.kind {
            ComponentKind::Link(link) if link.interface.is_some() => {
                // Without SNMP on its device nothing ever comes from the interface: it stays unknown.
                let polled = config.polling(component);
                Some(polled.map_or_else(
                    || input(Source::Interface, Duration::from_secs(60), Duration::ZERO),
                    |p| input(Source::Interface, p.interval, p.longest()),
                ))
            }
            ComponentKind::Link(_) | ComponentKind::Device(_) => None,
        };
        let join = (address.is_some() && interface.is_some()).then(|| Join::new(start));
        Self { address, interface, join }
    }

    /// Takes over the machines of the same component; false when its sources are others now.
    fn take_over(&mut self, older: &Self, hysteresis: Hysteresis) -> bool {
        let same = |a: &Option<Input>, b: &Option<Input>| a.is_some() == b.is_some();
        if !same(&self.address, &older.address) || !same(&self.interface, &older.interface) {
            return false;
        }
        let both = [
            (Source::Address, &mut self.address, &older.address),
            (Source::Interface, &mut self.interface, &older.interface),
        ];
        for (source, mine, theirs) in both {
            if let (Some(mine), Some(theirs)) = (mine, theirs) {
                let interval = mine.machine.interval();
                mine.machine = theirs.machine.clone();
                mine.machine.configure(interval, source.hysteresis(hysteresis));
            }
        }
        self.join.clone_from(&older.join);
        true
    }

    /// Nothing ever measures it.
    fn is_blind(&self) -> bool {
        self.address.is_none() && self.interface.is_none()
    }

    fn provisional(&self, at: Sec, now: Sec) -> (State, Sec) {
        let of = |s: &Option<Input>| s.as_ref().map(|s| s.machine.provisional(at, now, s.timeout));
        let (mut far, mut interface) = (of(&self.address), of(&self.interface));
        if let Some(join) = &self.join {
            let (waiting_far, waiting_interface) = join.waiting(at);
            let settled = |s: Option<Segment>, else_: Option<(State, Sec)>| s.map(|s| (s.state, s.span.to)).or(else_);
            far = settled(waiting_far, far);
            interface = settled(waiting_interface, interface);
        }
        let until = [far, interface].into_iter().flatten().map(|(_, until)| until).min().unwrap_or(Sec(i64::MAX));
        (link::combine(far.map(|f| f.0), interface.map(|i| i.0)), until)
    }
}

/// Makes the ledger fill up with unknown time until `to`.
fn blank(to: Sec) -> Segment {
    Segment { span: Span::new(to, to), state: State::Unknown(Cause::Gap) }
}
