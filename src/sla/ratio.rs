//! Exact fractions: compared by cross-multiplication, shown truncated.

use std::cmp::Ordering;
use std::fmt;

use crate::units::Share;

/// A fraction of seconds. Nothing over nothing is the whole: where nothing was promised, nothing was broken.
#[derive(Debug, Clone, Copy)]
pub struct Ratio {
    /// Above the line.
    pub part: u64,
    /// Below it.
    pub whole: u64,
}

impl Ratio {
    /// `part` of `whole`.
    #[must_use]
    pub fn new(part: u64, whole: u64) -> Self {
        if whole == 0 { Self { part: 1, whole: 1 } } else { Self { part, whole } }
    }

    /// Whether it is at least `target`, exactly.
    #[must_use]
    pub fn reaches(self, target: Share) -> bool {
        self >= Self::from(target)
    }

    /// As a fraction for metrics and charts; never compared with a target.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        self.part as f64 / self.whole as f64
    }

    /// In percent with four decimals, truncated: `99.9069`, without a sign.
    #[must_use]
    pub fn percent(self) -> String {
        let ppm = u128::from(self.part) * 1_000_000 / u128::from(self.whole);
        format!("{}.{:04}", ppm / 10_000, ppm % 10_000)
    }
}

impl From<Share> for Ratio {
    fn from(share: Share) -> Self {
        Self { part: share.0, whole: Share::ONE.0 }
    }
}

impl Ord for Ratio {
    fn cmp(&self, other: &Self) -> Ordering {
        let (a, b) = (u128::from(self.part), u128::from(other.part));
        (a * u128::from(other.whole)).cmp(&(b * u128::from(self.whole)))
    }
}

impl PartialOrd for Ratio {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ratio {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Ratio {}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.percent())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_truncated_never_rounded_up() {
        for (part, whole, shown) in [
            (998_996, 1_000_000, "99.8996"),
            (9_999_999, 10_000_000, "99.9999"),
            (1, 1, "100.0000"),
            (0, 5, "0.0000"),
            (0, 0, "100.0000"),
            (u64::MAX - 1, u64::MAX, "99.9999"),
        ] {
            assert_eq!(Ratio::new(part, whole).percent(), shown);
        }
    }

    #[test]
    fn the_target_is_met_exactly_at_it() {
        let target = Share(99_950_000);
        // 1339.2 s of January are allowed: 1339 is within, 1340 is over.
        let month = 44_640 * 60;
        assert!(Ratio::new(month - 1339, month).reaches(target));
        assert!(!Ratio::new(month - 1340, month).reaches(target));
        assert!(Ratio::new(9_995, 10_000).reaches(target));
        assert!(!Ratio::new(99_949_999, 100_000_000).reaches(target));
    }
}
