//! Chances that come out the same every time: a keyed mixer instead of a generator with state.
//!
//! The fate of the n-th probe of a host follows from the seed, the host and n alone, so that it
//! does not matter in which order hosts are probed, nor how many others there are.

use super::scenario::{Chance, Nanos};

/// The draws for one probe of one host.
#[derive(Debug, Clone, Copy)]
pub struct Draws {
    key: u64,
    taken: u64,
}

impl Draws {
    /// For the `nth` probe of the host with number `host`.
    #[must_use]
    pub fn new(seed: u64, host: u64, nth: u64) -> Self {
        Self { key: mix(mix(mix(seed) ^ host) ^ nth), taken: 0 }
    }

    /// Whether it happens.
    pub fn happens(&mut self, chance: Chance) -> bool {
        self.below(1_000_000) < u64::from(chance.0)
    }

    /// Evenly spread from nothing up to, not including, `limit`.
    pub fn up_to(&mut self, limit: Nanos) -> Nanos {
        Nanos(self.below(limit.0))
    }

    /// A number below `limit`; 0 when `limit` is.
    fn below(&mut self, limit: u64) -> u64 {
        self.taken += 1;
        let wide = u128::from(mix(self.key.wrapping_add(self.taken))) * u128::from(limit);
        u64::try_from(wide >> 64).expect("a 64-bit number times a 64-bit number, halved, is one again")
    }
}

/// SplitMix64's output function (Steele, Lea, Flood 2014).
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_probe_has_the_same_fate() {
        let fate = |host, nth| (0..8).map(|_| Draws::new(1, host, nth).below(1000)).collect::<Vec<_>>();
        assert_eq!(fate(3, 4), fate(3, 4));
        assert_ne!(Draws::new(1, 3, 4).below(u64::MAX), Draws::new(1, 3, 5).below(u64::MAX));
        assert_ne!(Draws::new(1, 3, 4).below(u64::MAX), Draws::new(2, 3, 4).below(u64::MAX));
    }

    #[test]
    fn a_chance_happens_about_as_often_as_it_says() {
        let quarter = Chance(250_000);
        let hits = (0..100_000).filter(|&n| Draws::new(9, 1, n).happens(quarter)).count();
        assert!((24_500..25_500).contains(&hits), "{hits}");
        assert!((0..10_000).all(|n| Draws::new(9, 1, n).happens(Chance::ALWAYS)));
        assert!(!(0..10_000).any(|n| Draws::new(9, 1, n).happens(Chance::NEVER)));
    }

    #[test]
    fn jitter_fills_its_range() {
        let limit = Nanos(1000);
        let draws: Vec<_> = (0..10_000).map(|n| Draws::new(5, 7, n).up_to(limit).0).collect();
        assert_eq!((draws.iter().min(), draws.iter().max()), (Some(&0), Some(&999)));
        assert_eq!(Draws::new(5, 7, 0).up_to(Nanos(0)), Nanos(0));
    }
}
