//! When a contract's month can no longer change by itself.

use std::collections::BTreeMap;
use std::time::Duration;

use super::history::watched_of;
use crate::config::Config;
use crate::config::model::{Component, Hysteresis, LONGEST_INTERVAL};
use crate::names::{ComponentIx, ContractIx};
use crate::report::journal::Source;
use crate::units::Sec;

/// Rounds further before a month's end than this, one and a half of the longest interval, cover no second of the next.
const REACH: i64 = LONGEST_INTERVAL.as_secs() as i64 * 3 / 2;

/// How far apart the rounds around a month's end were when they were made, which the configuration of the day that the
/// report is made on need not say any more: the longest interval of each source of each component, seconds.
#[derive(Debug, Clone, Default)]
pub struct Intervals(BTreeMap<(ComponentIx, Source), u64>);

impl Intervals {
    /// Takes rounds with one `interval` (seconds) of which `last` is the last one.
    pub fn take(&mut self, month_end: Sec, component: ComponentIx, source: Source, last: Sec, interval: u64) {
        if last >= month_end.plus(-REACH) {
            let longest = self.0.entry((component, source)).or_default();
            *longest = interval.min(LONGEST_INTERVAL.as_secs()).max(*longest);
        }
    }

    fn longest(&self, component: ComponentIx, source: Source) -> u64 {
        self.0.get(&(component, source)).copied().unwrap_or(0)
    }
}

/// When a contract's month can no longer change by itself: the rounds that its last decisions need are in, and whether
/// an outage across its end is long enough to count is known. `intervals` are those of the rounds up to there.
#[must_use]
pub fn closing(config: &Config, contract: ContractIx, month_end: Sec, intervals: &Intervals) -> Sec {
    let rounds = |ix: ComponentIx, source: Source, component: &Component, interval: Duration, wait: Duration| -> u64 {
        let Hysteresis { down_after, up_after } = source.hysteresis(component.hysteresis);
        let rounds = u64::from(down_after.max(up_after)) + 1;
        let each = interval.as_secs().saturating_add(wait.as_secs()).max(intervals.longest(ix, source)).max(1);
        (rounds.saturating_mul(each).saturating_mul(3) / 2).saturating_add(60)
    };
    let decided = |ix: &ComponentIx| -> u64 {
        let component = &config.components[ix.get()];
        let icmp = component.icmp.as_ref().map(|i| (i.interval, i.timeout));
        let (interval, timeout) = icmp.unwrap_or((Duration::from_secs(60), Duration::ZERO));
        let pings = rounds(*ix, Source::Ping, component, interval, timeout);
        let polling = config.polling(component);
        let (interval, timeout) = polling.as_ref().map_or_else(Default::default, |p| (p.interval, p.longest()));
        if polling.is_none() && intervals.longest(*ix, Source::Interface) == 0 {
            return pings;
        }
        // What interfaces said is written a poll later.
        let later = interval.as_secs().max(intervals.longest(*ix, Source::Interface)).saturating_add(60);
        pings.max(rounds(*ix, Source::Interface, component, interval, timeout).saturating_add(later))
    };
    let decisions = watched_of(config, contract).iter().map(decided).max().unwrap_or(60);
    let services = config.services.iter().filter(|s| s.contract == contract);
    let min_outage = services.map(|s| config.slas[s.sla.get()].min_outage).max().unwrap_or(0);
    month_end.plus(i64::try_from(decisions.saturating_add(min_outage)).unwrap_or(i64::MAX / 4))
}
