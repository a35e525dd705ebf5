//! Minutes judged one by one against the objectives, as they come: how often a class is bad right now.
//!
//! A month's figure says whether the promise is kept, but moves too slowly to wake anybody. These
//! counts move within minutes. Only what was watched live is judged: a replay of the past would
//! look like an hour of trouble in one scrape.

use std::collections::BTreeMap;

use crate::config::Config;
use crate::config::model::Measure;
use crate::names::{ClassIx, ServiceIx};
use crate::sla::figures::Verdict;
use crate::sla::objective::{ClassAggregate, evaluate};
use crate::units::{Sec, Span};

/// A minute with fewer probes is not judged: a handful is no measurement.
const MIN_PROBES: u64 = 10;
/// A minute in which fewer were lost is not bad for loss, whatever its share: two lost pings are not trouble.
const MIN_LOST: u64 = 3;

/// Minutes judged and bad minutes, by service and its nth objective.
#[derive(Debug, Default)]
pub(super) struct Judged {
    counts: BTreeMap<(ServiceIx, usize), (u64, u64)>,
    /// Minutes before this are judged already.
    until: Option<Sec>,
}

impl Judged {
    /// Minutes judged, and of those the bad ones.
    pub(super) fn of(&self, service: ServiceIx, nth: usize) -> (u64, u64) {
        self.counts.get(&(service, nth)).copied().unwrap_or_default()
    }

    /// Judges what the classes did in a minute that counts. Each minute once, in order.
    pub(super) fn minute(
        &mut self,
        span: Span,
        found: &BTreeMap<(ServiceIx, ClassIx), ClassAggregate>,
        config: &Config,
    ) {
        if self.until.is_some_and(|until| span.from < until) {
            return;
        }
        self.until = Some(span.to);
        for (&(service, class), all) in found {
            let terms = config.services.get(service.get()).and_then(|s| config.slas.get(s.sla.get()));
            let codec = config.classes.get(class.get()).and_then(|c| c.codec);
            for (n, objective) in terms.iter().flat_map(|sla| sla.objectives.iter().enumerate()) {
                if objective.class != class || all.population() < MIN_PROBES {
                    continue;
                }
                let verdict = evaluate(objective, all, codec).verdict;
                let bad = match objective.measure {
                    Measure::Loss => verdict == Verdict::Breached && all.lost >= MIN_LOST,
                    _ => verdict == Verdict::Breached,
                };
                if verdict != Verdict::NotProven {
                    let (minutes, bad_minutes) = self.counts.entry((service, n)).or_default();
                    *minutes += 1;
                    *bad_minutes += u64::from(bad);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, Mode};
    use crate::units::Micros;

    fn config() -> Config {
        let text = r#"
            [contracts.c]
            title = "C"
            provider = "P"
            customer = "Q"
            starts = 2026-01-01
            ends = 2027-12-31
            [slas.s]
            availability = "99%"
            objectives = [
              { class = "default", measure = "loss", limit = "0.1%" },
              { class = "default", measure = "rtt_mean", limit = "10ms" },
            ]
            [sites.here]
            title = "Here"
            [devices.a]
            site = "here"
            address = "127.0.0.1"
            [services.x]
            site = "here"
            contract = "c"
            sla = "s"
            requires = "a"
        "#;
        config::load::parse_str(text, std::path::Path::new("."), Mode::Run).expect("it is valid").config
    }

    fn minute(n: i64) -> Span {
        Span::new(Sec(n * 60), Sec(n * 60 + 60))
    }

    fn did(replies: u32, rtt_us: u32, lost: u64) -> BTreeMap<(ServiceIx, ClassIx), ClassAggregate> {
        let mut all = ClassAggregate { lost, ..ClassAggregate::default() };
        (0..replies).for_each(|_| all.reply(Micros(rtt_us)));
        BTreeMap::from([((ServiceIx::from(0), ClassIx::from(0)), all)])
    }

    #[test]
    fn two_lost_pings_make_no_bad_minute_and_three_do() {
        let (config, mut judged) = (config(), Judged::default());
        judged.minute(minute(0), &did(58, 5_000, 2), &config);
        assert_eq!(judged.of(ServiceIx::from(0), 0), (1, 0));
        judged.minute(minute(1), &did(57, 5_000, 3), &config);
        assert_eq!(judged.of(ServiceIx::from(0), 0), (2, 1));
    }

    #[test]
    fn delay_is_bad_just_above_its_limit_and_a_handful_of_probes_is_not_judged() {
        let (config, mut judged) = (config(), Judged::default());
        for (n, (replies, rtt_us)) in [(10, 10_000), (10, 10_001), (9, 99_000)].into_iter().enumerate() {
            judged.minute(minute(n as i64), &did(replies, rtt_us, 0), &config);
        }
        assert_eq!(judged.of(ServiceIx::from(0), 1), (2, 1));
    }

    #[test]
    fn a_minute_is_judged_once() {
        let (config, mut judged) = (config(), Judged::default());
        for n in [5, 5, 4, 6] {
            judged.minute(minute(n), &did(60, 5_000, 0), &config);
        }
        assert_eq!(judged.of(ServiceIx::from(0), 0), (2, 0));
    }
}
