//! The books of one service and month: four accounts, and the registers behind them.

use std::sync::Arc;

use crate::config::model::Rounding;
use crate::measurement::Cause;
use crate::names::ComponentIx;
use crate::sla::calendar::Month;
use crate::sla::exclusion;
use crate::units::{Sec, Span};

/// Seconds of the window; each second is on exactly one account, the first that fits in this order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Accounts {
    /// In an agreed exclusion or in maintenance announced in time.
    pub excluded: u64,
    /// Nobody can say.
    pub unknown: u64,
    /// Down, in outages of at least `min_outage`.
    pub down: u64,
    /// Up, and down in outages too short to count.
    pub up: u64,
}

impl Accounts {
    /// Seconds of the window so far: the sum of all four.
    #[must_use]
    pub fn window(self) -> u64 {
        self.excluded + self.unknown + self.down + self.up
    }
}

/// What a piece of time is booked as, before exclusion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Up, and everything behind it too.
    Up,
    /// Up with lost resilience.
    Degraded,
    /// Down, in an outage that began at `began`, maybe in an earlier month.
    Down {
        /// First second of the whole outage.
        began: Sec,
    },
    /// Down, in an outage shorter than `min_outage`: counts as up.
    Short,
    /// Nobody can say.
    Unknown(Cause),
}

/// What is fixed about a month before it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Which month.
    pub month: Month,
    /// All of it.
    pub month_span: Span,
    /// The part of it in which the service is promised at all; may be empty.
    pub period: Span,
    /// The part of that inside the service hours. Disjoint and sorted.
    pub window: Vec<Span>,
    /// The part of that which is excluded. Disjoint and sorted.
    pub excluded: Vec<Span>,
}

impl Plan {
    /// Brings the parts together: `excluded` is cut down to the window.
    #[must_use]
    pub fn new(month: Month, month_span: Span, term: Span, window: Vec<Span>, excluded: &[Span]) -> Self {
        let period = month_span.intersect(term).unwrap_or(Span::new(month_span.from, month_span.from));
        let excluded = exclusion::intersection(&window, excluded);
        Self { month, month_span, period, window, excluded }
    }

    /// Seconds of the whole month's window.
    #[must_use]
    pub fn window_seconds(&self) -> u64 {
        exclusion::total(&self.window)
    }
}

/// The numbers of a month so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// The four accounts.
    pub accounts: Accounts,
    /// Of `up`: with lost resilience.
    pub degraded: u64,
    /// Of `up`: down in outages shorter than `min_outage`.
    pub short: u64,
    /// Counted seconds of ended outages, each rounded.
    ended: u64,
    /// Counted seconds of the outage that lasts, not rounded.
    open: u64,
    next_window: u32,
    next_excluded: u32,
}

impl Tally {
    /// Down seconds after each outage's length was rounded; what the formula counts.
    #[must_use]
    pub fn counted_down(&self, rounding: Rounding) -> u64 {
        self.ended + round(self.open, rounding)
    }

    /// Books a span that follows the one before; gives its seconds inside the window and, of those, the excluded ones.
    pub fn post(&mut self, plan: &Plan, span: Span, kind: Kind, rounding: Rounding) -> (u64, u64) {
        let inside = overlap(&plan.window, &mut self.next_window, span);
        let excluded = overlap(&plan.excluded, &mut self.next_excluded, span);
        let counted = inside - excluded;
        self.accounts.excluded += excluded;
        if !matches!(kind, Kind::Down { .. }) {
            self.end_outage(rounding);
        }
        match kind {
            Kind::Up => self.accounts.up += counted,
            Kind::Degraded => {
                self.accounts.up += counted;
                self.degraded += counted;
            }
            Kind::Short => {
                self.accounts.up += counted;
                self.short += counted;
            }
            Kind::Down { .. } => {
                self.accounts.down += counted;
                self.open += counted;
            }
            Kind::Unknown(_) => self.accounts.unknown += counted,
        }
        (inside, excluded)
    }

    fn end_outage(&mut self, rounding: Rounding) {
        self.ended += round(std::mem::take(&mut self.open), rounding);
    }
}

/// Rounds an outage's counted seconds.
#[must_use]
pub fn round(seconds: u64, rounding: Rounding) -> u64 {
    match rounding {
        Rounding::None => seconds,
        Rounding::FloorMinute => seconds / 60 * 60,
        Rounding::CeilMinute => seconds.div_ceil(60) * 60,
    }
}

/// Seconds that `span` shares with disjoint, sorted spans; spans that ended before are not looked at again.
fn overlap(spans: &[Span], next: &mut u32, span: Span) -> u64 {
    while spans.get(*next as usize).is_some_and(|s| s.to <= span.from) {
        *next += 1;
    }
    let ahead = spans.get(*next as usize..).unwrap_or_default();
    ahead.iter().map_while(|s| s.intersect(span)).map(Span::seconds).sum()
}

/// What an entry of a register is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entered {
    /// The service was down.
    Outage,
    /// The service was down, but for less than `min_outage`.
    ShortOutage,
    /// The service was up, but some component was down.
    Degraded,
    /// Nobody can say.
    Unknown(Cause),
}

/// A maximal run in one state, cut only at the ends of the month and of the contract's term.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What it was.
    pub what: Entered,
    /// When, inside the month and the term; `to` is the last booked instant while it lasts.
    pub span: Span,
    /// The first second of the whole outage, before the month maybe; for other entries `span.from`.
    pub began: Sec,
    /// Still going on at `span.to`: at what is booked, or at the end of the month.
    pub ongoing: bool,
    /// Seconds inside the window, excluded ones included.
    pub seconds: u64,
    /// Of those: excluded.
    pub excluded: u64,
    /// Which components it came from, each named once in the tree's order of discovery.
    pub components: Vec<ComponentIx>,
}

/// Entries up to a limit; what is over it is counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Register {
    entries: Vec<Entry>,
    open: Option<Entry>,
    omitted: u64,
    omitted_seconds: u64,
}

impl Register {
    /// Every entry in order, the one that lasts included.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().chain(self.open.as_ref()).filter(|e| e.seconds > 0)
    }

    /// The entry that lasts.
    #[must_use]
    pub fn open(&self) -> Option<&Entry> {
        self.open.as_ref().filter(|e| e.seconds > 0)
    }

    /// How many entries had no room, and their seconds.
    #[must_use]
    pub fn omitted(&self) -> (u64, u64) {
        (self.omitted, self.omitted_seconds)
    }

    fn post(&mut self, entry: Option<Entry>, limit: usize) {
        match (&mut self.open, entry) {
            (Some(open), Some(more)) if open.what == more.what && open.span.to == more.span.from => {
                open.span.to = more.span.to;
                open.seconds += more.seconds;
                open.excluded += more.excluded;
                for component in more.components {
                    if !open.components.contains(&component) {
                        open.components.push(component);
                    }
                }
            }
            (_, entry) => {
                if let Some(ended) = std::mem::replace(&mut self.open, entry) {
                    self.keep(Entry { ongoing: false, ..ended }, limit);
                }
            }
        }
    }

    fn keep(&mut self, ended: Entry, limit: usize) {
        if ended.seconds == 0 {
            return;
        }
        if self.entries.len() < limit {
            self.entries.push(ended);
        } else {
            self.omitted += 1;
            self.omitted_seconds += ended.seconds;
        }
    }
}

/// One service's month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MonthBook {
    plan: Arc<Plan>,
    tally: Tally,
    outages: Register,
    degraded: Register,
    unknown: Register,
    by_cause: [u64; Cause::NAMES.len()],
    closed: bool,
}

impl MonthBook {
    /// An empty book.
    #[must_use]
    pub fn new(plan: &Arc<Plan>) -> Self {
        Self {
            plan: Arc::clone(plan),
            tally: Tally::default(),
            outages: Register::default(),
            degraded: Register::default(),
            unknown: Register::default(),
            by_cause: [0; Cause::NAMES.len()],
            closed: false,
        }
    }

    /// Books a span inside the month that follows the one before.
    pub fn post(&mut self, span: Span, kind: Kind, components: &[ComponentIx], rounding: Rounding, limit: usize) {
        let (inside, excluded) = self.tally.post(&self.plan, span, kind, rounding);
        let what = match kind {
            Kind::Up => None,
            Kind::Degraded => Some(Entered::Degraded),
            Kind::Short => Some(Entered::ShortOutage),
            Kind::Down { .. } => Some(Entered::Outage),
            Kind::Unknown(cause) => {
                self.by_cause[cause as usize] += inside - excluded;
                Some(Entered::Unknown(cause))
            }
        };
        let entry = what.zip(span.intersect(self.plan.period)).map(|(what, span)| {
            let began = if let Kind::Down { began } = kind { began } else { span.from };
            Entry { what, span, began, ongoing: true, seconds: inside, excluded, components: components.to_vec() }
        });
        let (mut outage, mut degraded, mut unknown) = (None, None, None);
        match what {
            Some(Entered::Outage | Entered::ShortOutage) => outage = entry,
            Some(Entered::Degraded) => degraded = entry,
            Some(Entered::Unknown(_)) => unknown = entry,
            None => {}
        }
        self.outages.post(outage, limit);
        self.degraded.post(degraded, limit);
        self.unknown.post(unknown, limit);
    }

    /// Says that everything of the month is booked.
    pub fn close(&mut self) {
        self.closed = true;
    }

    /// Whether everything of the month is booked.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Which month.
    #[must_use]
    pub fn month(&self) -> Month {
        self.plan.month
    }

    /// What was fixed before it began.
    #[must_use]
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// The numbers so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Maximal runs of down time before exclusion, those too short to count among them.
    #[must_use]
    pub fn outages(&self) -> &Register {
        &self.outages
    }

    /// Runs of up time with lost resilience.
    #[must_use]
    pub fn degraded(&self) -> &Register {
        &self.degraded
    }

    /// Runs of unknown time, each of one cause.
    #[must_use]
    pub fn unknown(&self) -> &Register {
        &self.unknown
    }

    /// The seconds of the `up` account as spans, up to `booked`; `None` when a register was too
    /// small to tell. Outages too short to count are up time.
    #[must_use]
    pub fn up_spans(&self, booked: Sec) -> Option<Vec<Span>> {
        if self.outages.omitted.max(self.unknown.omitted) > 0 {
            return None;
        }
        let down = self.outages.iter().filter(|e| e.what == Entered::Outage).map(|e| e.span);
        let ahead = Span::new(booked, self.plan.month_span.to);
        let not_up = down.chain(self.unknown.iter().map(|e| e.span)).chain(self.plan.excluded.iter().copied());
        Some(exclusion::difference(&self.plan.window, &exclusion::union(not_up.chain([ahead]))))
    }

    /// Seconds of the unknown account by cause; causes without any are left out.
    pub fn unknown_by_cause(&self) -> impl Iterator<Item = (Cause, u64)> {
        Cause::NAMES
            .iter()
            .map(|&(_, cause)| (cause, self.by_cause[cause as usize]))
            .filter(|&(_, seconds)| seconds > 0)
    }
}
