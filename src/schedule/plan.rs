//! The plan: for every target, the wall-clock instants at which it is due.
//!
//! A target with interval *i* is due at every instant *t* with `t mod i = offset`, where the
//! offset is a hash of its identifier. So the same target keeps its place in the second
//! across reloads and restarts, neighbours added or removed do not move it, and thousands of
//! targets spread evenly without anybody having to number them.

/// One target's place in the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    offset_ns: u64,
    slot: u32,
}

/// All targets that share an interval, in the order in which they come round.
#[derive(Debug, Clone)]
struct Ring {
    interval_ns: u64,
    places: Vec<Place>,
}

/// Instants at which targets are due; see the module's text.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    rings: Vec<Ring>,
}

/// A target that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// The target, as it was numbered when the plan was made.
    pub slot: u32,
    /// The instant at which it was due, nanoseconds since the Unix epoch.
    pub at_ns: i64,
}

impl Plan {
    /// Makes a plan for `(slot, identifier, interval in nanoseconds)`; an interval of 0 is taken as one second.
    pub fn new<'a>(targets: impl IntoIterator<Item = (u32, &'a str, u64)>) -> Self {
        let mut rings: Vec<Ring> = Vec::new();
        for (slot, id, interval_ns) in targets {
            let interval_ns = if interval_ns == 0 { 1_000_000_000 } else { interval_ns };
            let place = Place { offset_ns: offset(id, interval_ns), slot };
            match rings.iter_mut().find(|r| r.interval_ns == interval_ns) {
                Some(ring) => ring.places.push(place),
                None => rings.push(Ring { interval_ns, places: vec![place] }),
            }
        }
        for ring in &mut rings {
            ring.places.sort_by_key(|p| (p.offset_ns, p.slot));
        }
        Self { rings }
    }

    /// Everything due in `(after, until]`, nanoseconds since the Unix epoch; nothing when `until` is not later.
    ///
    /// The caller keeps the stretch short: a target due twice in it is given twice.
    pub fn due(&self, after_ns: i64, until_ns: i64, mut each: impl FnMut(Due)) {
        for ring in &self.rings {
            ring.due(after_ns, until_ns, &mut each);
        }
    }

    /// How many targets are due in a second, on average.
    #[must_use]
    pub fn per_second(&self) -> f64 {
        self.rings.iter().map(|r| r.places.len() as f64 / (r.interval_ns as f64 / 1e9)).sum()
    }

    /// How many targets are planned.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rings.iter().map(|r| r.places.len()).sum()
    }

    /// Whether nothing is planned.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rings.is_empty()
    }
}

impl Ring {
    fn due(&self, after_ns: i64, until_ns: i64, each: &mut impl FnMut(Due)) {
        let interval = i64::try_from(self.interval_ns).unwrap_or(i64::MAX);
        let mut turn = after_ns.div_euclid(interval);
        while turn.saturating_mul(interval) <= until_ns {
            let start = turn.saturating_mul(interval);
            let offset_at = |p: &Place| start.saturating_add(i64::try_from(p.offset_ns).unwrap_or(i64::MAX));
            let first = self.places.partition_point(|p| offset_at(p) <= after_ns);
            for place in &self.places[first..] {
                let at_ns = offset_at(place);
                if at_ns > until_ns {
                    break;
                }
                each(Due { slot: place.slot, at_ns });
            }
            turn += 1;
        }
    }
}

/// Where in its interval an identifier comes: FNV-1a over its bytes, mixed (SplitMix64's finaliser), scaled.
fn offset(id: &str, interval_ns: u64) -> u64 {
    let mut h = 0xcbf2_9ce4_8422_2325_u64;
    for byte in id.bytes() {
        h = (h ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    h = (h ^ (h >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    h = (h ^ (h >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    h ^= h >> 31;
    u64::try_from((u128::from(h) * u128::from(interval_ns)) >> 64).expect("a 64-bit fraction of a 64-bit interval")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn plan(n: u32) -> Plan {
        let ids: Vec<String> = (0..n).map(|i| format!("site-{i}-r1")).collect();
        Plan::new(ids.iter().enumerate().map(|(i, id)| (i as u32, id.as_str(), SECOND)))
    }

    #[test]
    fn every_target_is_due_once_an_interval() {
        let plan = plan(1000);
        let mut seen = vec![0; 1000];
        let (mut at, start) = (1_790_000_000_123_456_789, 1_790_000_000_123_456_789_i64);
        while at < start + 5_000_000_000 {
            plan.due(at, at + 2_000_000, |d| seen[d.slot as usize] += 1);
            at += 2_000_000;
        }
        assert!(seen.iter().all(|&n| n == 5), "each target comes round five times in five seconds");
    }

    #[test]
    fn targets_spread_evenly() {
        let plan = plan(10_000);
        let mut slots = [0_u32; 100];
        plan.due(-1, 999_999_999, |d| slots[(d.at_ns / 10_000_000) as usize] += 1);
        assert!(slots.iter().all(|&n| (60..=140).contains(&n)), "{slots:?}");
    }

    #[test]
    fn a_target_keeps_its_place_when_others_come_and_go() {
        let mut few = Vec::new();
        let mut many = Vec::new();
        Plan::new([(0, "ch-r1", SECOND)]).due(0, 1_000_000_000, |d| few.push(d.at_ns));
        Plan::new([(7, "a", SECOND), (0, "ch-r1", SECOND), (1, "z", SECOND)]).due(0, 1_000_000_000, |d| {
            if d.slot == 0 {
                many.push(d.at_ns);
            }
        });
        assert_eq!(few, many);
    }

    #[test]
    fn rounds_of_a_minute_stand_a_minute_apart() {
        let plan = Plan::new([(0, "x", 60 * SECOND)]);
        let mut times = Vec::new();
        plan.due(1_790_000_000_000_000_000, 1_790_000_180_000_000_000, |d| times.push(d.at_ns));
        assert_eq!(times.len(), 3);
        assert!(times.windows(2).all(|w| w[1] - w[0] == 60_000_000_000));
    }

    #[test]
    fn time_before_the_epoch_and_empty_stretches_are_harmless() {
        let plan = plan(3);
        plan.due(10, 10, |_| panic!("nothing is due in no time"));
        plan.due(10, 5, |_| panic!("nothing is due backwards"));
        let mut n = 0;
        plan.due(-2_000_000_000, -1, |_| n += 1);
        assert!(n >= 6);
    }
}
