//! Pages for people, each a function of the snapshot; askama escapes every text in them.
//!
//! They work without scripts. Drawings are inline SVG without a style of their own, so that the
//! strict content security policy holds and dark and light follow the reader's wish.

pub mod board;
pub mod charts;
pub mod device;
pub(crate) mod faults;
mod needs;
pub mod reports;
pub mod service;
pub mod site;
pub mod when;
pub mod words;

use askama::Template;
use jiff::tz::TimeZone;

use crate::config::model::Contract;
use crate::draw::palette::{self, Look};
use crate::http::live::{Parts, Topic};
use crate::names::ServiceIx;
use crate::snapshot::{ServiceView, Shown, Snapshot};
use crate::units::Sec;
use when::When;

/// What stands around every page.
pub(crate) struct Frame {
    /// Who is looking.
    pub vantage: String,
    /// When the page was made.
    pub clock: String,
    /// The daemon's version.
    pub version: &'static str,
    /// Seconds until a page without scripts asks for itself again; `None` for one that stands still.
    pub refresh: Option<u32>,
    /// Where the page hears of changes.
    pub stream: Option<String>,
    /// Base URL of Grafana, when there is one.
    pub grafana: Option<String>,
}

impl Frame {
    pub(crate) fn new(s: &Snapshot, refresh: Option<u32>, stream: Option<String>) -> Self {
        Self {
            vantage: s.config.monitor.vantage.clone(),
            clock: clock(s),
            version: env!("CARGO_PKG_VERSION"),
            refresh,
            stream,
            grafana: s.config.monitor.grafana.clone(),
        }
    }

    fn symbols(&self) -> &'static str {
        palette::SYMBOLS
    }
}

/// Evidence that does not get to the disk.
pub(crate) struct Unwritten {
    pub why: String,
    /// When something was written last.
    pub since: Option<When>,
    /// Minutes that wait.
    pub waiting: u64,
    /// Minutes that were lost.
    pub dropped: u64,
}

/// Whom to call, and how.
pub(crate) struct Desk {
    pub name: String,
    pub phone: String,
    /// Only what a telephone can dial; empty when that is nothing.
    pub dial: String,
    pub email: String,
    pub reference: String,
    pub provider: String,
    pub contract: String,
}

impl Desk {
    pub(crate) fn of(contract: &Contract) -> Self {
        let phone = contract.contact.phone.clone();
        Self {
            name: if contract.contact.name.is_empty() {
                contract.provider.clone()
            } else {
                contract.contact.name.clone()
            },
            dial: phone.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect(),
            phone,
            email: contract.contact.email.clone(),
            reference: contract.reference.clone(),
            provider: contract.provider.clone(),
            contract: contract.title.clone(),
        }
    }
}

/// How much of the month's promise is left.
pub(crate) struct Promise {
    /// `99.9871%`, or `nothing measured yet`.
    pub availability: String,
    /// `21% measured`; empty when nearly all was.
    pub measured: String,
    /// `99.95%`.
    pub target: String,
    /// `64% left`, `overspent by 38%`, or that no down time is allowed.
    pub left: String,
    /// The bar for `left`.
    pub bar: String,
    /// `14 min of down time left this month`; empty when none is allowed.
    pub seconds: String,
    /// The share left, for sorting; infinite when nothing is allowed or nothing known.
    pub share: f64,
}

/// Below this share of the window measured, a figure is not shown without it.
const WHOLE: f64 = 0.99;

impl Promise {
    pub(crate) fn of(s: &Snapshot, ix: ServiceIx, view: &ServiceView) -> Self {
        let target = s.config.slas.get(s.config.services[ix.get()].sla.get()).map(|sla| sla.availability.to_string());
        let (left, bar) = match view.budget_remaining {
            Some(share) if share < 0.0 => {
                (format!("overspent by {}", when::percent(-share, 0)), crate::draw::bar::left(share))
            }
            Some(share) => (format!("{} left", when::percent(share, 0)), crate::draw::bar::left(share)),
            None => ("no down time is allowed".to_owned(), String::new()),
        };
        let seconds = match view.budget_left_seconds {
            Some(left) if left < 0 => {
                format!("{} more down time than the month allows", when::duration(left.unsigned_abs()))
            }
            Some(left) => format!("{} of down time left this month", when::duration(left.unsigned_abs())),
            None => String::new(),
        };
        let coverage = view.availability.map(|r| r.coverage).filter(|c| *c < WHOLE);
        Self {
            measured: match coverage {
                // Little is not nothing.
                Some(c) if c > 0.0 && c < 0.01 => "under 1% measured".to_owned(),
                Some(c) => format!("{} measured", when::percent(c, 0)),
                None => String::new(),
            },
            seconds,
            availability: view.availability.map_or("nothing measured yet".to_owned(), |r| when::percent(r.value, 4)),
            target: target.unwrap_or_default(),
            left,
            bar,
            share: view.budget_remaining.unwrap_or(f64::INFINITY),
        }
    }
}

/// A page's parts as they are now; `None` when there is no such page any more.
#[must_use]
pub fn parts(s: &Snapshot, topic: &Topic) -> Option<Parts> {
    match topic {
        Topic::Board => Some(board::parts(s)),
        Topic::Wall => Some(board::wall_parts(s)),
        Topic::Service(id) => service::parts(s, id),
        Topic::Site(id) => site::parts(s, id),
    }
}

/// The part of that name, for templates; empty when there is none.
pub(crate) fn part<'a>(parts: &'a Parts, name: &str) -> &'a str {
    parts.iter().find(|(n, _)| *n == name).map_or("", |(_, html)| html.as_str())
}

/// When the picture was made, as the top of every page shows it.
#[must_use]
pub fn clock(s: &Snapshot) -> String {
    made(&Clock { at: When::new(s.at, s.at, &s.config.monitor.time_zone) })
}

#[derive(Template)]
#[template(path = "page/clock.html")]
struct Clock {
    at: When,
}

/// What is wrong with the monitor itself.
pub(crate) fn banners(s: &Snapshot) -> String {
    made(&Banners {
        isolated: s.monitor.isolated,
        stale_config: !s.monitor.reload_successful,
        unwritten: s.monitor.evidence_problem.clone().map(|why| Unwritten {
            why,
            since: since(s.monitor.evidence_last_write, s),
            waiting: s.monitor.evidence_waiting,
            dropped: s.monitor.evidence_dropped,
        }),
    })
}

#[derive(Template)]
#[template(path = "page/banners.html")]
struct Banners {
    isolated: bool,
    stale_config: bool,
    unwritten: Option<Unwritten>,
}

/// A text as HTML.
#[must_use]
pub fn escaped(text: &str) -> String {
    crate::draw::text::escape(text)
}

/// A state with its looks, for templates.
pub(crate) fn look(state: Shown) -> Look {
    palette::look(state)
}

/// A service's state since when; `None` when nothing was ever decided.
pub(crate) fn since(at: Option<Sec>, s: &Snapshot) -> Option<When> {
    at.map(|at| When::new(at, s.at, &s.config.monitor.time_zone))
}

/// A reason as a page shows it.
pub(crate) fn reason(words: &str, s: &Snapshot) -> String {
    when::localised(words, s.at, &s.config.monitor.time_zone)
}

/// A page that says that `what` is unknown.
#[must_use]
pub fn missing(what: &'static str) -> String {
    made(&Missing { what })
}

#[derive(Template)]
#[template(path = "page/missing.html")]
struct Missing {
    what: &'static str,
}

/// The page's text.
pub(crate) fn made(page: &impl Template) -> String {
    page.render().expect("templates here have no fallible parts and are written into memory")
}

/// The local day of a zone, for texts.
pub(crate) fn day(at: Sec, zone: &TimeZone) -> String {
    jiff::Timestamp::from_second(at.0)
        .map_or_else(|_| at.to_string(), |t| t.to_zoned(zone.clone()).strftime("%-d %b").to_string())
}
