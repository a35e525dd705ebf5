//! Voice quality by the E-model (ITU-T G.107), pure.
//!
//! `R = 93.2 − Id − Ie,eff` with every other parameter at its default, and the MOS of G.107
//! Annex B from it. Two models of the delay impairment exist and differ visibly; results
//! name the one that was used. This is the one place where quality is computed in floats;
//! the default model needs only `+ − × ÷`, so it gives the same bits on every machine.

pub mod codec;

pub use codec::{Parameters, parameters};

use crate::config::model::Codec;

/// R with all defaults of G.107 and no impairment by delay, loss or coding.
pub const R_DEFAULT: f64 = 93.2;
/// The same for wideband codecs (G.107.1), on its scale to 129.
pub const R_DEFAULT_WIDEBAND: f64 = 129.0;
/// What a de-jitter buffer holds at least, milliseconds.
pub const PLAYOUT_NOMINAL_MS: f64 = 40.0;

/// How delay impairs a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum DelayModel {
    /// Cole and Rosenbluth's fit to the full default model, talker echo at TELR 65 dB included.
    #[default]
    ColeRosenbluth,
    /// Absolute delay only (G.107 equations 7-27 and 7-28): perfect echo cancellation.
    IddOnly,
}

impl DelayModel {
    /// Its name in evidence.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ColeRosenbluth => "cole_rosenbluth",
            Self::IddOnly => "idd_only",
        }
    }

    /// The impairment by a one-way delay from mouth to ear, in milliseconds.
    #[must_use]
    pub fn impairment(self, one_way_ms: f64) -> f64 {
        match self {
            Self::ColeRosenbluth => 0.024 * one_way_ms + 0.11 * (one_way_ms - 177.3).max(0.0),
            Self::IddOnly => idd(one_way_ms),
        }
    }
}

/// What a path does to a call.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Path {
    /// Absolute one-way delay from mouth to ear (Ta), milliseconds.
    pub one_way_ms: f64,
    /// Packets lost or too late to be played (Ppl), percent.
    pub loss_percent: f64,
    /// How bursty the loss is (BurstR): 1 when it is random.
    pub burst_ratio: f64,
}

/// What the model makes of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rating {
    /// Effective equipment impairment factor, packet loss included (Ie,eff).
    pub equipment_impairment: f64,
    /// Delay impairment (Id).
    pub delay_impairment: f64,
    /// Transmission rating factor, on the narrow-band scale.
    pub r: f64,
    /// Mean opinion score, 1 to 4.5.
    pub mos: f64,
    /// The model has no published parameters for the codec, or was not made for it.
    pub approximate: bool,
}

/// Rates a call with `codec` over `path`.
#[must_use]
pub fn rate(codec: Codec, path: Path, model: DelayModel) -> Rating {
    let parameters = parameters(codec);
    let equipment_impairment = equipment_impairment(&parameters, path.loss_percent, path.burst_ratio);
    let delay_impairment = model.impairment(path.one_way_ms);
    let r = if parameters.wideband {
        // Brought back to the narrow-band scale, so that one scale holds for all codecs.
        (R_DEFAULT_WIDEBAND - delay_impairment - equipment_impairment) / 1.29
    } else {
        R_DEFAULT - delay_impairment - equipment_impairment
    };
    Rating { equipment_impairment, delay_impairment, r, mos: mos(r), approximate: parameters.approximate }
}

/// Ie,eff (G.107 equation 7-29); loss in percent.
#[must_use]
pub fn equipment_impairment(codec: &Parameters, loss_percent: f64, burst_ratio: f64) -> f64 {
    let loss = loss_percent.clamp(0.0, 100.0);
    if loss == 0.0 {
        return codec.ie;
    }
    codec.ie + (95.0 - codec.ie) * loss / (loss / burst_ratio.max(f64::MIN_POSITIVE) + codec.bpl)
}

/// MOS from R (G.107 Annex B); the polynomial's dip below 1 near R = 3 is cut off.
#[must_use]
pub fn mos(r: f64) -> f64 {
    if r <= 0.0 {
        1.0
    } else if r >= 100.0 {
        4.5
    } else {
        (1.0 + 0.035 * r + 7e-6 * r * (r - 60.0) * (100.0 - r)).max(1.0)
    }
}

/// Idd (G.107 equations 7-27 and 7-28) with the defaults sT = 1, mT = 100 ms.
#[must_use]
pub fn idd(one_way_ms: f64) -> f64 {
    if one_way_ms <= 100.0 {
        return 0.0;
    }
    let x = (one_way_ms / 100.0).log2();
    let root = |v: f64| (1.0 + v.powi(6)).powf(1.0 / 6.0);
    25.0 * (root(x) - 3.0 * root(x / 3.0) + 2.0)
}

/// BurstR from what was seen: mean length of a run of losses over what it would be were loss random.
#[must_use]
pub fn burst_ratio(mean_run: f64, loss_percent: f64) -> f64 {
    mean_run * (1.0 - loss_percent / 100.0)
}

/// BurstR of a two-state Markov chain: `p` from received to lost, `q` from lost to received.
#[must_use]
pub fn burst_ratio_markov(p: f64, q: f64) -> f64 {
    1.0 / (p + q)
}

/// What the de-jitter buffer adds, milliseconds: its nominal size, or twice the jitter when that is more.
#[must_use]
pub fn playout_ms(jitter_ms: f64) -> f64 {
    PLAYOUT_NOMINAL_MS.max(2.0 * jitter_ms)
}

/// The path of a call from what probes see.
///
/// One-way delay is taken as half the round trip (the path is thought symmetric), plus the
/// codec's own delay at both ends, plus the de-jitter buffer. `late_percent` of the packets
/// come later than [`playout_ms`] after the fastest: the buffer discards them.
#[must_use]
pub fn path_from_round_trips(
    codec: Codec,
    rtt_mean_ms: f64,
    jitter_ms: f64,
    loss_percent: f64,
    late_percent: f64,
) -> Path {
    let one_way_ms = rtt_mean_ms / 2.0 + parameters(codec).endpoint_ms + playout_ms(jitter_ms);
    let arrived = (100.0 - loss_percent).clamp(0.0, 100.0);
    let loss_percent = (loss_percent + arrived * late_percent / 100.0).clamp(0.0, 100.0);
    Path { one_way_ms, loss_percent, burst_ratio: 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: f64, printed: f64, what: &str) {
        assert!((got - printed).abs() <= 1e-4, "{what}: {got} for {printed}");
    }

    #[test]
    fn vectors_of_codecs_delay_and_loss() {
        use Codec::{G711, G711NoPlc, G729a, G7231, GsmEfr};
        // codec, Ta, Ppl, Ie,eff, R idd, MOS idd, R Cole-Rosenbluth, MOS Cole-Rosenbluth
        let table = [
            (G711NoPlc, 50.0, 1.0, 17.9245, 75.2755, 3.8337, 74.0755, 3.7819),
            (G711NoPlc, 150.0, 2.0, 30.1587, 62.8777, 3.2477, 59.4413, 3.0710),
            (G711, 50.0, 0.0, 0.0, 93.2, 4.4093, 92.0, 4.3849),
            (G711, 150.0, 0.1, 0.3770, 92.6595, 4.3986, 89.2230, 4.3195),
            (G711, 150.0, 1.0, 3.6398, 89.3966, 4.3239, 85.9602, 4.2279),
            (G711, 150.0, 5.0, 15.7807, 77.2557, 3.9162, 73.8193, 3.7706),
            (G711, 250.0, 2.0, 7.0111, 77.2722, 3.9169, 72.1919, 3.6980),
            (G729a, 50.0, 0.0, 11.0, 82.2, 4.1044, 81.0, 4.0612),
            (G729a, 150.0, 2.0, 19.0, 74.0365, 3.7801, 70.6, 3.6250),
            (G729a, 250.0, 5.0, 28.5, 55.7833, 2.8796, 50.7030, 2.6119),
            (G7231, 150.0, 1.0, 19.6784, 73.3581, 3.7503, 69.9216, 3.5933),
            (GsmEfr, 150.0, 5.0, 35.0, 58.0365, 2.9978, 54.6, 2.8173),
        ];
        for (codec, one_way_ms, loss_percent, ie, r_idd, mos_idd, r_cr, mos_cr) in table {
            let path = Path { one_way_ms, loss_percent, burst_ratio: 1.0 };
            let what = format!("{codec:?} {one_way_ms} ms {loss_percent} %");
            let idd = rate(codec, path, DelayModel::IddOnly);
            let cr = rate(codec, path, DelayModel::ColeRosenbluth);
            close(idd.equipment_impairment, ie, &what);
            close(idd.r, r_idd, &what);
            close(idd.mos, mos_idd, &what);
            close(cr.r, r_cr, &what);
            close(cr.mos, mos_cr, &what);
        }
    }

    #[test]
    fn vectors_of_both_delay_models() {
        let table = [
            (50.0, 0.0, 1.2, 4.4093, 4.3849),
            (100.0, 0.0, 2.4, 4.4093, 4.3581),
            (120.0, 0.0014, 2.88, 4.4093, 4.3468),
            (150.0, 0.1635, 3.6, 4.4061, 4.3291),
            (177.3, 1.1721, 4.2552, 4.3855, 4.3123),
            (200.0, 3.0444, 7.2970, 4.3428, 4.2262),
            (250.0, 8.9167, 13.9970, 4.1751, 3.9935),
            (300.0, 14.7607, 20.6970, 3.9637, 3.7121),
            (400.0, 24.0701, 34.0970, 3.5559, 3.0534),
        ];
        for (ta, idd, cr, mos_idd, mos_cr) in table {
            let what = format!("{ta} ms");
            close(DelayModel::IddOnly.impairment(ta), idd, &what);
            close(DelayModel::ColeRosenbluth.impairment(ta), cr, &what);
            close(mos(R_DEFAULT - DelayModel::IddOnly.impairment(ta)), mos_idd, &what);
            close(mos(R_DEFAULT - DelayModel::ColeRosenbluth.impairment(ta)), mos_cr, &what);
        }
    }

    #[test]
    fn the_steepest_slope_of_absolute_delay_is_where_others_found_it() {
        let slope = |ta: f64| (idd(ta + 0.01) - idd(ta - 0.01)) / 0.02;
        let (at, most) = (1000..4000)
            .map(|n| f64::from(n) / 10.0)
            .map(|ta| (ta, slope(ta)))
            .fold((0.0, 0.0), |best, x| if x.1 > best.1 { x } else { best });
        close(most, 0.12313, "slope");
        assert!((at - 241.7).abs() < 0.5, "{at}");
    }

    #[test]
    fn opinion_scores_of_the_satisfaction_bands() {
        for (r, score) in [(90.0, 4.339), (80.0, 4.024), (70.0, 3.597), (60.0, 3.100), (50.0, 2.575)] {
            assert!((mos(r) - score).abs() <= 5e-4, "{r}");
        }
        assert_eq!((mos(-1.0), mos(0.0), mos(3.22), mos(100.0), mos(129.0)), (1.0, 1.0, 1.0, 4.5, 4.5));
        let dip_end = 80.0 - 5400.0_f64.sqrt();
        assert!(mos(dip_end + 0.01) > 1.0 && mos(dip_end - 0.01) <= 1.0);
    }

    #[test]
    fn bursts_hurt_less_than_their_share_in_the_formula_and_both_estimates_agree() {
        let random =
            rate(Codec::G711, Path { one_way_ms: 50.0, loss_percent: 2.0, burst_ratio: 1.0 }, DelayModel::default());
        let bursty =
            rate(Codec::G711, Path { one_way_ms: 50.0, loss_percent: 2.0, burst_ratio: 2.0 }, DelayModel::default());
        assert!(bursty.r < random.r);
        // p = 0.01, q = 0.49: loss 2 %, mean run 1/q.
        close(burst_ratio(1.0 / 0.49, 2.0), burst_ratio_markov(0.01, 0.49), "BurstR");
    }

    #[test]
    fn late_packets_count_as_lost_and_delay_is_half_the_round_trip() {
        let path = path_from_round_trips(Codec::G711, 20.0, 5.0, 1.0, 10.0);
        close(path.one_way_ms, 10.0 + 40.0 + 40.0, "Ta");
        close(path.loss_percent, 1.0 + 9.9, "Ppl");
        close(path_from_round_trips(Codec::G729a, 20.0, 30.0, 0.0, 0.0).one_way_ms, 10.0 + 25.0 + 60.0, "Ta");
    }

    #[test]
    fn wideband_and_unpublished_codecs_are_approximate() {
        let path = Path { one_way_ms: 50.0, loss_percent: 0.0, burst_ratio: 1.0 };
        for (codec, approximate) in
            [(Codec::G722, true), (Codec::G729, true), (Codec::G72632, true), (Codec::G711, false)]
        {
            assert_eq!(rate(codec, path, DelayModel::default()).approximate, approximate, "{codec:?}");
        }
        assert!(rate(Codec::G722, path, DelayModel::default()).r < 93.2);
    }
}
