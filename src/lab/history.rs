//! The demo's past month: what the estate did before anybody watched, minute by minute, the same at every start.
//!
//! One round a minute. Most of it is dull, as a month is; some of it is what contracts are about:
//! a link that was gone for half a day, a standby that nobody missed, evenings on which voice was
//! poor, a night on which the monitor itself was not running.

use crate::config::Config;
use crate::lab::chance::Draws;
use crate::lab::scenario::{Chance, Nanos};
use crate::measurement::minute::{Minute, MinuteAggregator};
use crate::measurement::{Outcome, Round};
use crate::names::ComponentIx;
use crate::units::{Micros, Sec, Span};

/// From round to round, seconds.
const INTERVAL: i64 = 60;
/// The month's seed.
const SEED: u64 = 2026;

/// A stretch in which a component did not answer, in minutes from the month's begin.
struct Gone {
    component: &'static str,
    from: i64,
    minutes: i64,
}

/// What everybody remembers of the month.
const GONE: [Gone; 9] = [
    // A digger on a Tuesday: half a working day at the library, link and router behind it.
    Gone { component: "alderbrook-link", from: 6 * 1440 + 560, minutes: 274 },
    Gone { component: "alderbrook-r1", from: 6 * 1440 + 560, minutes: 274 },
    // County hall's standby was dead for two days; the primary carried on, nobody noticed.
    Gone { component: "ch-standby", from: 11 * 1440 + 200, minutes: 2 * 1440 + 35 },
    // A power cut at the school, over night.
    Gone { component: "kestrel-vale-link", from: 16 * 1440 + 1330, minutes: 96 },
    Gone { component: "kestrel-vale-r1", from: 16 * 1440 + 1330, minutes: 96 },
    Gone { component: "kestrel-vale-link", from: 20 * 1440 + 610, minutes: 7 },
    Gone { component: "kestrel-vale-r1", from: 20 * 1440 + 610, minutes: 7 },
    // The gateway was restarted at noon.
    Gone { component: "cc-gw1", from: 22 * 1440 + 724, minutes: 9 },
    // Both links of the contact centre, one after the other, with a moment in common.
    Gone { component: "cc-east", from: 25 * 1440 + 480, minutes: 61 },
];

/// When the monitor itself was not running, in minutes from the month's begin.
const BLIND: (i64, i64) = (18 * 1440 + 120, 47);

/// The minutes of `month`, in order, for every component of `config` that is probed.
pub fn minutes(config: &Config, month: Span) -> impl Iterator<Item = Minute> + '_ {
    let mut aggregator = MinuteAggregator::new();
    let count = i64::try_from(month.seconds()).unwrap_or(0) / INTERVAL;
    (0..count).filter(|n| !(BLIND.0..BLIND.0 + BLIND.1).contains(n)).flat_map(move |n| {
        let at = month.from.plus(n * INTERVAL);
        for (ix, component) in config.components.iter().enumerate() {
            let Some(icmp) = &component.icmp else { continue };
            let gone =
                GONE.iter().any(|g| g.component == component.id.as_str() && (g.from..g.from + g.minutes).contains(&n));
            let outcomes = (0_u64..)
                .zip(&icmp.classes)
                .map(|(k, class)| {
                    let draws = Draws::new(SEED + k, ix as u64, n.unsigned_abs());
                    let voice = config.classes[class.get()].codec.is_some();
                    (*class, outcome(component.id.as_str(), ix, voice, gone, n, draws))
                })
                .collect();
            let round = Round { at, component: ComponentIx::from(ix), outcomes };
            aggregator.add(&round, INTERVAL.unsigned_abs() as u32).expect("the minutes come in order");
        }
        aggregator.take_before(at.plus(INTERVAL))
    })
}

/// How many rounds that are, for the import's record.
#[must_use]
pub fn rounds(config: &Config, month: Span) -> u64 {
    let probed = config.components.iter().filter_map(|c| c.icmp.as_ref()).map(|i| i.classes.len() as u64).sum::<u64>();
    let minutes = i64::try_from(month.seconds()).unwrap_or(0) / INTERVAL - BLIND.1;
    probed * minutes.unsigned_abs()
}

fn outcome(id: &str, ix: usize, voice: bool, gone: bool, minute: i64, mut draws: Draws) -> Outcome {
    if gone {
        return Outcome::Lost;
    }
    let hour = minute.rem_euclid(1440) / 60;
    // The contact centre's evenings: voice loses packets and waits in queues from five to eight.
    let busy = id.starts_with("cc-") && (17..20).contains(&hour);
    let loss = match (busy, voice) {
        (true, true) => Chance(14_000),
        (true, false) => Chance(4_000),
        (false, _) => Chance(120),
    };
    if draws.happens(loss) {
        return Outcome::Lost;
    }
    let base = 3_000 + 900 * u32::try_from(ix % 17).unwrap_or(0);
    let day = if (8..18).contains(&hour) { 1_200 } else { 0 };
    let spread = match (busy, voice) {
        (true, true) => 9_000,
        (true, false) => 24_000,
        (false, true) => 700,
        (false, false) => 2_600,
    };
    let noise = draws.up_to(Nanos(spread)).0;
    Outcome::Reply { rtt: Micros(base + day + u32::try_from(noise).unwrap_or(0)) }
}

/// The calendar month before the one that `now` is in, in the configuration's zone.
#[must_use]
pub fn past_month(config: &Config, now: Sec) -> Span {
    let zone = &config.monitor.time_zone;
    crate::sla::calendar::Month::of(now, zone).previous().span(zone)
}
