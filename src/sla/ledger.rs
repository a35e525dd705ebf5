//! From component states to every second of a service's month.
//!
//! The ledger takes settled segments of components, advances each service to the instant up
//! to which all its components are settled, and books every second of its window on exactly
//! one account: excluded, then unknown, then down, then up. Live operation, restart and
//! report feed it alike; [`Ledger::standing`] adds what is provisional, without keeping it.
//!
//! Memory: accounts are sums, registers stop at [`Limits`] and count what they leave out,
//! and waiting segments are bounded by the rounds in the longest decision still open, as
//! long as silent components are expired.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::config::Config;
use crate::config::model::{Rounding, ServiceHours, Tree};
use crate::measurement::Cause;
use crate::names::{ComponentIx, ServiceIx};
use crate::sla::account::{Kind, MonthBook, Plan, Tally};
use crate::sla::book::{Book, Pages, Scratch, plan};
use crate::sla::calendar::{self, Month};
use crate::sla::exclusion::{self, Agreed};
use crate::sla::state::{Segment, State};
use crate::sla::track::Track;
use crate::sla::tree;
use crate::units::{Sec, Span};

/// What one service is held to; made from the configuration by [`Terms::of`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// What must be up.
    pub tree: Tree,
    /// When it is promised within a day.
    pub hours: ServiceHours,
    /// When it is promised at all.
    pub term: Span,
    /// Outages shorter than this count as up, seconds.
    pub min_outage: u64,
    /// How each outage's length is rounded before it counts.
    pub rounding: Rounding,
    /// What does not count; disjoint and sorted, see [`exclusion::union`].
    pub excluded: Vec<Span>,
}

impl Terms {
    /// The terms of every service, with the exclusions that are agreed so far.
    #[must_use]
    pub fn of(config: &Config, agreed: &[Agreed]) -> Vec<Self> {
        (0..config.services.len())
            .map(|n| {
                let ix = ServiceIx::from(n);
                let service = &config.services[n];
                let sla = &config.slas[service.sla.get()];
                Self {
                    tree: service.requires.clone(),
                    hours: sla.service_hours.clone(),
                    term: calendar::term(config, ix),
                    min_outage: sla.min_outage,
                    rounding: sla.rounding,
                    excluded: exclusion::of_service(config, ix, agreed),
                }
            })
            .collect()
    }
}

/// How much the registers keep. Accounts are exact whatever these are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Entries in each register of a service's month: outages, degraded and unknown stretches.
    pub entries: usize,
    /// Months kept per service, the current one included.
    pub months: usize,
    /// Segments kept per component for [`Ledger::history`].
    pub history: usize,
}

impl Limits {
    /// For the daemon.
    pub const LIVE: Self = Self { entries: 256, months: 2, history: 0 };
    /// For reports.
    pub const REPORT: Self = Self { entries: 100_000, months: 16, history: 100_000 };
}

/// A service at an instant: its month so far, to the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// The month that the instant lies in.
    pub month: Month,
    /// The four accounts; they add up to the window so far.
    pub tally: Tally,
    /// Its state.
    pub state: State,
    /// Up with lost resilience.
    pub degraded: bool,
    /// Since when it has been in that state, degraded or not.
    pub since: Sec,
    /// Whether the instant is excluded from the window.
    pub excluded: bool,
}

/// The accounts of every service.
#[derive(Debug, Clone)]
pub struct Ledger {
    zone: TimeZone,
    limits: Limits,
    start: Sec,
    tracks: Vec<Track>,
    services: Vec<Service>,
}

#[derive(Debug, Clone)]
struct Service {
    terms: Arc<Terms>,
    leaves: Box<[ComponentIx]>,
    book: Book,
    plans: [Arc<Plan>; 2],
    months: VecDeque<MonthBook>,
}

impl Ledger {
    /// A ledger over `components` components whose history begins at `start`.
    ///
    /// Service months before the one of `start` do not exist; the part of that month before
    /// `start` is unknown, because the monitor was not running.
    #[must_use]
    pub fn new(zone: TimeZone, terms: Vec<Terms>, components: usize, start: Sec, limits: Limits) -> Self {
        let month = Month::of(start, &zone);
        let begin = month.span(&zone).from.min(start);
        let mut tracks: Vec<Track> = (0..components).map(|_| Track::new(begin, limits.history)).collect();
        let mut services: Vec<Service> = Vec::with_capacity(terms.len());
        for (n, terms) in terms.into_iter().enumerate() {
            let leaves = terms.tree.components().into_boxed_slice();
            for leaf in &leaves {
                tracks[leaf.get()].used_by.push(u32::try_from(n).expect("the configuration bounds its tables"));
            }
            let shared = services.last().filter(|s| same_calendar(&s.terms, &terms));
            let plans = match shared {
                Some(last) => last.plans.clone(),
                None => [plan(&terms, month, &zone), plan(&terms, month.next(), &zone)],
            };
            let book = Book::new(begin);
            let months = VecDeque::from([MonthBook::new(&plans[0])]);
            services.push(Service { terms: Arc::new(terms), leaves, book, plans, months });
        }
        let mut ledger = Self { zone, limits, start: begin, tracks, services };
        if start > begin {
            let before = Segment { span: Span::new(begin, start), state: State::Unknown(Cause::Stopped) };
            (0..components).for_each(|c| ledger.component_segment(ComponentIx::from(c), before));
        }
        ledger
    }

    /// Takes the next settled segment of a component. What is settled already is left out,
    /// what is missing in between is unknown.
    pub fn component_segment(&mut self, component: ComponentIx, segment: Segment) {
        let track = &mut self.tracks[component.get()];
        if segment.span.to <= track.settled {
            return;
        }
        if segment.span.from > track.settled {
            track.append(Segment {
                span: Span::new(track.settled, segment.span.from),
                state: State::Unknown(Cause::Gap),
            });
        }
        track.append(Segment { span: Span::new(track.settled, segment.span.to), ..segment });
        if track.waiting.len() >= track.prune_at {
            self.advance_users(component);
        }
    }

    /// Books every service as far as all its components are settled.
    pub fn advance(&mut self) {
        let Self { services, tracks, zone, limits, .. } = self;
        for service in services.iter_mut() {
            service.advance(tracks, zone, *limits);
        }
        for track in tracks.iter_mut().filter(|t| t.waiting.len() > 1) {
            track.prune(|n| services[n as usize].book.frontier);
        }
    }

    /// Ends the history: books what is settled, and outages too short to count that were still going on.
    pub fn finish(&mut self) {
        self.advance();
        for service in &mut self.services {
            service.finish(&self.zone, self.limits);
        }
    }

    fn advance_users(&mut self, component: ComponentIx) {
        let Self { services, tracks, zone, limits, .. } = self;
        for n in 0..tracks[component.get()].used_by.len() {
            let user = tracks[component.get()].used_by[n] as usize;
            services[user].advance(tracks, zone, *limits);
        }
        let track = &mut tracks[component.get()];
        track.prune(|n| services[n as usize].book.frontier);
        track.prune_at = (track.waiting.len() * 2).max(8);
    }

    /// The service at `now`: what is booked, and beyond it what `provisional` says.
    ///
    /// `provisional(component, at)` is asked for instants at which the component is not
    /// settled yet; it gives the state and until when it holds. `now` is not before what is
    /// booked: an earlier one (the clock stepped back) is taken as the last booked instant.
    pub fn standing(
        &self,
        service: ServiceIx,
        now: Sec,
        mut provisional: impl FnMut(ComponentIx, Sec) -> (State, Sec),
    ) -> Now {
        let service = &self.services[service.get()];
        let now = now.max(service.book.frontier);
        let mut book = service.book.clone();
        let current = service.months.back().expect("a service always has its current month");
        let plan = Arc::clone(current.plan());
        let mut scratch =
            Scratch { terms: &service.terms, plan, tally: current.tally(), next: &service.plans[1], zone: &self.zone };
        let mut look = |component: ComponentIx, at: Sec| {
            self.tracks[component.get()].at(at).unwrap_or_else(|| provisional(component, at))
        };
        let state_at = |at: Sec| {
            let mut until = now;
            let standing = tree::evaluate(&service.terms.tree, |c| {
                let (state, to) = look(c, at);
                until = until.min(to.max(at.plus(1)));
                state
            });
            (standing, until)
        };
        book.sweep(now, service.terms.min_outage, state_at, |_| Vec::new(), |span, kind, _| scratch.post(span, kind));
        if let Some(held) = &book.held {
            scratch.post(held.span, Kind::Short);
        }
        // The instant itself may begin a new state, and it is the one that readers ask about.
        let standing = tree::evaluate(&service.terms.tree, |c| look(c, now).0);
        let since = if book.same(standing) { book.since } else { now };
        Now {
            month: scratch.plan.month,
            tally: scratch.tally,
            state: standing.state,
            degraded: standing.degraded,
            since,
            excluded: service.terms.excluded.iter().any(|s| s.contains(now)),
        }
    }

    /// The books of a service by month, oldest first; the last is the month being booked.
    pub fn months(&self, service: ServiceIx) -> impl DoubleEndedIterator<Item = &MonthBook> {
        self.services[service.get()].months.iter()
    }

    /// The book of one month.
    #[must_use]
    pub fn month(&self, service: ServiceIx, month: Month) -> Option<&MonthBook> {
        self.months(service).find(|book| book.month() == month)
    }

    /// Takes over what an older ledger knows, as after a reload; `self` is new.
    ///
    /// `components` and `services` give, for each of `self`'s, the position that it had in
    /// `older`. Gives the services whose books could not be taken over because their
    /// calendar (hours, term, exclusions, zone) changed: theirs take a replay.
    pub fn take_over(
        &mut self,
        older: &Self,
        components: &[Option<ComponentIx>],
        services: &[Option<ServiceIx>],
    ) -> Vec<ServiceIx> {
        for (track, old) in self.tracks.iter_mut().zip(components) {
            if let Some(old) = old {
                let used_by = std::mem::take(&mut track.used_by);
                *track = Track { used_by, ..older.tracks[old.get()].clone() };
            }
        }
        let mut lost = Vec::new();
        for (n, (service, old)) in self.services.iter_mut().zip(services).enumerate() {
            let Some(old) = old.map(|o| &older.services[o.get()]) else { continue };
            if self.zone == older.zone && same_calendar(&service.terms, &old.terms) {
                service.book = old.book.clone();
                service.plans = old.plans.clone();
                service.months = old.months.clone();
            } else {
                lost.push(ServiceIx::from(n));
            }
        }
        lost
    }

    /// A service's terms.
    #[must_use]
    pub fn terms(&self, service: ServiceIx) -> &Arc<Terms> {
        &self.services[service.get()].terms
    }

    /// Everything of the service before this instant is booked.
    #[must_use]
    pub fn booked_until(&self, service: ServiceIx) -> Sec {
        self.services[service.get()].book.frontier
    }

    /// Lets go of the components' history before `before`, and from here on keeps at most `limit` segments of each.
    pub fn trim_history(&mut self, before: Sec, limit: usize) {
        for track in &mut self.tracks {
            let passed = track.history.partition_point(|s| s.span.to <= before);
            track.history.drain(..passed);
            track.history.truncate(limit);
            track.history_limit = limit;
        }
    }

    /// Every settled segment of a component, oldest first, and how many had no room.
    #[must_use]
    pub fn history(&self, component: ComponentIx) -> (&[Segment], u64) {
        let track = &self.tracks[component.get()];
        (&track.history, track.forgotten)
    }

    /// The component is settled up to here.
    #[must_use]
    pub fn settled_until(&self, component: ComponentIx) -> Sec {
        self.tracks[component.get()].settled
    }

    /// Where the ledger begins: the start of its first month.
    #[must_use]
    pub fn start(&self) -> Sec {
        self.start
    }

    /// The zone that its months are local to.
    #[must_use]
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// How many services it keeps.
    #[must_use]
    pub fn services(&self) -> usize {
        self.services.len()
    }

    /// Segments that wait for slower components, over all tracks.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.tracks.iter().map(|t| t.waiting.len()).sum()
    }
}

fn same_calendar(a: &Terms, b: &Terms) -> bool {
    a.hours == b.hours && a.term == b.term && a.excluded == b.excluded
}

impl Service {
    fn advance(&mut self, tracks: &[Track], zone: &TimeZone, limits: Limits) {
        let Some(target) = self.leaves.iter().map(|c| tracks[c.get()].settled).min() else { return };
        if target <= self.book.frontier {
            return;
        }
        let Self { terms, book, plans, months, .. } = self;
        let known = |c: ComponentIx, at: Sec| tracks[c.get()].at(at).unwrap_or((State::Unknown(Cause::Gap), target));
        let state_at = |at: Sec| {
            let mut until = target;
            let standing = tree::evaluate(&terms.tree, |c| {
                let (state, to) = known(c, at);
                until = until.min(to);
                state
            });
            (standing, until)
        };
        let causes_at = |at: Sec| tree::causes(&terms.tree, |c| known(c, at).0);
        let mut pages = Pages { terms, plans, months, zone, limits };
        book.sweep(target, terms.min_outage, state_at, causes_at, |span, kind, components| {
            pages.post(span, kind, components);
        });
    }

    /// Ends the history: what is still too short to count has become as long as it gets.
    fn finish(&mut self, zone: &TimeZone, limits: Limits) {
        let Self { terms, book, plans, months, .. } = self;
        if let Some(held) = book.held.take() {
            Pages { terms, plans, months, zone, limits }.post(held.span, Kind::Short, &held.components);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sla::account::{Accounts, Entered};

    const OCTOBER: Sec = Sec(1_790_809_200); // 2026-09-30T23:00:00Z, local midnight
    const NOVEMBER: Sec = Sec(OCTOBER.0 + 745 * 3600);

    fn zone() -> TimeZone {
        TimeZone::get("Europe/London").unwrap()
    }

    fn either() -> Tree {
        Tree::AtLeast { k: 1, of: vec![Tree::Leaf(ComponentIx(0)), Tree::Leaf(ComponentIx(1))] }
    }

    fn terms(tree: Tree) -> Terms {
        Terms {
            tree,
            hours: ServiceHours::Always,
            term: Span::new(Sec(0), Sec(4_000_000_000)),
            min_outage: 0,
            rounding: Rounding::None,
            excluded: Vec::new(),
        }
    }

    fn ledger(terms: Terms) -> Ledger {
        Ledger::new(zone(), vec![terms], 2, OCTOBER, Limits::LIVE)
    }

    fn feed(ledger: &mut Ledger, component: u32, pieces: &[(i64, State)]) {
        let mut at = ledger.settled_until(ComponentIx(component));
        for &(seconds, state) in pieces {
            ledger.component_segment(ComponentIx(component), Segment { span: Span::new(at, at.plus(seconds)), state });
            at = at.plus(seconds);
        }
    }

    const GAP: State = State::Unknown(Cause::Gap);
    const S: ServiceIx = ServiceIx(0);

    fn nobody(_: ComponentIx, _: Sec) -> (State, Sec) {
        (GAP, Sec(i64::MAX))
    }

    #[test]
    fn a_second_is_on_the_first_account_that_fits() {
        let mut t = terms(Tree::Leaf(ComponentIx(0)));
        t.excluded = vec![Span::new(OCTOBER.plus(5), OCTOBER.plus(25))];
        let mut l = ledger(t);
        feed(&mut l, 0, &[(10, State::Up), (10, GAP), (10, State::Down), (10, State::Up)]);
        l.advance();
        let book = l.months(S).next_back().unwrap();
        assert_eq!(book.tally().accounts, Accounts { excluded: 20, unknown: 0, down: 5, up: 15 });
        let outage = book.outages().iter().next().unwrap();
        assert_eq!((outage.span.from, outage.seconds, outage.excluded), (OCTOBER.plus(20), 10, 5));
        assert_eq!(book.unknown().iter().next().unwrap().excluded, 10);
    }

    #[test]
    fn a_service_goes_only_as_far_as_its_slowest_component() {
        let mut l = ledger(terms(either()));
        feed(&mut l, 0, &[(100, State::Up)]);
        feed(&mut l, 1, &[(40, State::Down)]);
        l.advance();
        assert_eq!(l.booked_until(S), OCTOBER.plus(40));
        let now = l.standing(S, OCTOBER.plus(100), |_, _| (State::Down, Sec(i64::MAX)));
        assert_eq!((now.tally.accounts.up, now.tally.degraded), (100, 100));
        assert_eq!(now.state, State::Down, "the first is settled only before this instant");
    }

    #[test]
    fn the_accounts_now_add_up_to_the_window_so_far() {
        let mut l = ledger(terms(either()));
        feed(&mut l, 0, &[(100, State::Up)]);
        l.advance();
        for at in [0, 1, 99, 100, 101, 5_000] {
            let now = l.standing(S, OCTOBER.plus(at), nobody);
            assert_eq!(now.tally.accounts.window(), u64::try_from(at).unwrap());
        }
    }

    #[test]
    fn the_month_rolls_over_at_local_midnight() {
        let mut l = ledger(terms(Tree::Leaf(ComponentIx(0))));
        feed(&mut l, 0, &[(745 * 3600 - 30, State::Up), (90, State::Down), (10, State::Up)]);
        let at = l.standing(S, NOVEMBER.plus(20), nobody);
        assert_eq!((at.month.to_string().as_str(), at.tally.accounts.down), ("2026-11", 20), "not booked yet");
        l.advance();
        let books: Vec<_> = l.months(S).collect();
        assert_eq!(books[0].tally().accounts, Accounts { up: 745 * 3600 - 30, down: 30, ..Accounts::default() });
        assert_eq!(books[1].tally().accounts, Accounts { up: 10, down: 60, ..Accounts::default() });
        let (first, second) = (books[0].outages().iter().next().unwrap(), books[1].outages().iter().next().unwrap());
        assert!(books[0].is_closed() && first.ongoing && first.span.to == NOVEMBER);
        assert_eq!((second.span.from, second.began, second.seconds), (NOVEMBER, NOVEMBER.plus(-30), 60));
    }

    #[test]
    fn outages_shorter_than_the_minimum_count_as_up() {
        for (length, down, short) in [(29, 0, 29), (30, 30, 0), (31, 31, 0)] {
            let mut t = terms(Tree::Leaf(ComponentIx(0)));
            t.min_outage = 30;
            let mut l = ledger(t);
            feed(&mut l, 0, &[(100, State::Up), (length, State::Down), (10, State::Up)]);
            l.advance();
            let book = l.months(S).next_back().unwrap();
            assert_eq!((book.tally().accounts.down, book.tally().short), (down, short), "{length} s");
            let what = if short > 0 { Entered::ShortOutage } else { Entered::Outage };
            assert_eq!(book.outages().iter().next().unwrap().what, what);
            assert_eq!(book.tally().accounts.window(), u64::try_from(110 + length).unwrap());
        }
    }

    #[test]
    fn an_outage_that_is_still_too_short_counts_as_up_so_far() {
        let mut t = terms(Tree::Leaf(ComponentIx(0)));
        t.min_outage = 30;
        let mut l = ledger(t);
        feed(&mut l, 0, &[(100, State::Up), (20, State::Down)]);
        l.advance();
        let still = |_: ComponentIx, _: Sec| (State::Down, Sec(i64::MAX));
        let so_far = l.standing(S, OCTOBER.plus(125), still).tally;
        assert_eq!((so_far.accounts.down, so_far.short), (0, 25));
        let long = l.standing(S, OCTOBER.plus(130), still).tally;
        assert_eq!((long.accounts.down, long.short, long.accounts.window()), (30, 0, 130));
    }

    #[test]
    fn each_outage_is_rounded_on_its_own() {
        let mut t = terms(Tree::Leaf(ComponentIx(0)));
        t.rounding = Rounding::CeilMinute;
        let mut l = ledger(t);
        feed(
            &mut l,
            0,
            &[(100, State::Up), (61, State::Down), (10, State::Up), (60, State::Down), (5, GAP), (1, State::Down)],
        );
        l.advance();
        let tally = l.months(S).next_back().unwrap().tally();
        assert_eq!(tally.accounts.down, 122);
        assert_eq!(tally.counted_down(Rounding::CeilMinute), 240);
    }

    #[test]
    fn time_before_the_monitor_first_ran_is_unknown() {
        let mut l = Ledger::new(zone(), vec![terms(either())], 2, OCTOBER.plus(1000), Limits::LIVE);
        l.advance();
        let book = l.months(S).next().unwrap();
        assert_eq!(book.tally().accounts.unknown, 1000);
        assert_eq!(book.unknown_by_cause().collect::<Vec<_>>(), [(Cause::Stopped, 1000)]);
    }

    #[test]
    fn a_full_register_keeps_the_totals() {
        let limits = Limits { entries: 3, ..Limits::LIVE };
        let mut l = Ledger::new(zone(), vec![terms(Tree::Leaf(ComponentIx(0)))], 1, OCTOBER, limits);
        for _ in 0..1000 {
            feed(&mut l, 0, &[(2, State::Down), (1, State::Up)]);
        }
        l.advance();
        let book = l.months(S).next_back().unwrap();
        assert_eq!(book.tally().accounts, Accounts { down: 2000, up: 1000, ..Accounts::default() });
        assert_eq!((book.outages().iter().count(), book.outages().omitted()), (3, (997, 1994)));
        assert!(l.waiting() < 20);
    }
}
