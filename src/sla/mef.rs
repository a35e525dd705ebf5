//! Availability as the Metro Ethernet Forum computes it (MEF 10.x), pure.
//!
//! Time is cut into small intervals with a frame loss ratio each. An interval becomes
//! unavailable when it and the ones after it, `window` in all, are lossy, and available
//! again when as many are clean. The window looks forward: a month is final only `window`
//! intervals after its end.

use crate::sla::ratio::Ratio;
use crate::units::Share;

/// What was sent and received in one small interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    /// Frames sent; without any there is no loss.
    pub sent: u64,
    /// Frames received.
    pub received: u64,
    /// Inside agreed maintenance: leaves numerator and denominator.
    pub maintenance: bool,
}

/// The parameters of a service level specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameters {
    /// Loss above this share makes an interval lossy (C).
    pub threshold: Share,
    /// How many in a row decide (n), at least 1.
    pub window: usize,
    /// How many high-loss intervals in a row are consecutive high loss (p), less than n.
    pub consecutive: usize,
}

/// What comes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Availability {
    /// For each interval, whether it is available.
    pub available: Vec<bool>,
    /// Available intervals, of all outside maintenance.
    pub ratio: Ratio,
    /// Available intervals with high loss (HLI), outside maintenance.
    pub high_loss: u64,
    /// Runs of at least `consecutive` of them (CHLI).
    pub consecutive_high_loss: u64,
}

/// Applies the definition. A window that reaches beyond the last interval decides nothing.
#[must_use]
pub fn availability(intervals: &[Interval], parameters: Parameters) -> Availability {
    let n = parameters.window.max(1);
    let lossy: Vec<bool> = intervals.iter().map(|i| is_lossy(*i, parameters.threshold)).collect();
    // How many from here on are alike: a run of n decides.
    let mut run = vec![1_usize; lossy.len()];
    for k in (0..lossy.len().saturating_sub(1)).rev() {
        if lossy[k] == lossy[k + 1] {
            run[k] = run[k + 1] + 1;
        }
    }
    let mut state = true;
    let mut available = Vec::with_capacity(lossy.len());
    for k in 0..lossy.len() {
        if run[k] >= n {
            state = !lossy[k];
        }
        available.push(state);
    }
    let counted = || (0..lossy.len()).filter(|&k| !intervals[k].maintenance);
    let up = counted().filter(|&k| available[k]).count() as u64;
    let (mut high_loss, mut consecutive_high_loss, mut in_a_row) = (0, 0, 0);
    for k in 0..lossy.len() {
        if available[k] && lossy[k] && !intervals[k].maintenance {
            high_loss += 1;
            in_a_row += 1;
            if in_a_row == parameters.consecutive.max(1) {
                consecutive_high_loss += 1;
            }
        } else {
            in_a_row = 0;
        }
    }
    Availability { ratio: Ratio::new(up, counted().count() as u64), available, high_loss, consecutive_high_loss }
}

fn is_lossy(interval: Interval, threshold: Share) -> bool {
    let lost = interval.sent.saturating_sub(interval.received);
    u128::from(lost) * u128::from(Share::ONE.0) > u128::from(threshold.0) * u128::from(interval.sent)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: Parameters = Parameters { threshold: Share(10_000_000), window: 3, consecutive: 2 };

    fn intervals(tenths_lost: &[u64]) -> Vec<Interval> {
        tenths_lost.iter().map(|lost| Interval { sent: 10, received: 10 - lost, maintenance: false }).collect()
    }

    #[test]
    fn the_vector_comes_out() {
        let got = availability(&intervals(&[0, 0, 6, 0, 6, 6, 6, 6, 0, 0, 6, 0, 0, 0, 0, 6, 6, 0, 0, 0]), SPEC);
        let expected = [1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1].map(|a| a == 1);
        assert_eq!(got.available, expected);
        assert_eq!((got.ratio.percent().as_str(), got.high_loss, got.consecutive_high_loss), ("65.0000", 3, 1));
    }

    #[test]
    fn maintenance_leaves_both_sides_of_the_fraction() {
        let mut list = intervals(&[6, 6, 6, 0, 0, 0]);
        assert_eq!(availability(&list, SPEC).ratio.percent(), "50.0000");
        list.iter_mut().take(3).for_each(|i| i.maintenance = true);
        assert_eq!(availability(&list, SPEC).ratio.percent(), "100.0000");
        list.iter_mut().for_each(|i| i.maintenance = true);
        assert_eq!(availability(&list, SPEC).ratio.percent(), "100.0000", "nothing was promised");
    }

    #[test]
    fn loss_at_the_threshold_is_not_high_and_nothing_sent_is_no_loss() {
        assert_eq!(availability(&intervals(&[1, 1, 1]), SPEC).ratio.percent(), "100.0000");
        let silent = [Interval { sent: 0, received: 0, maintenance: false }; 3];
        assert_eq!(availability(&silent, SPEC).ratio.percent(), "100.0000");
        assert_eq!(availability(&[], SPEC).ratio.percent(), "100.0000");
    }

    #[test]
    fn the_first_interval_is_unavailable_only_when_the_whole_window_is_lossy() {
        assert_eq!(availability(&intervals(&[6, 6, 6, 6]), SPEC).available, [false; 4]);
        assert_eq!(availability(&intervals(&[6, 6, 0, 0]), SPEC).available, [true; 4]);
    }
}
