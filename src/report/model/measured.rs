//! What a month looked like: states of sites, what classes measured, voice quality.

use serde::{Deserialize, Serialize};

/// What a site looked like through the month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteTimeline {
    /// Identifier.
    pub site: String,
    /// A name for people.
    pub title: String,
    /// Its services first, then the components behind them.
    pub rows: Vec<TimelineRow>,
}

/// One line of a timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimelineRow {
    /// Identifier.
    pub id: String,
    /// `service` or `component`.
    pub kind: String,
    /// State runs in order, from the start of the month to its end without a hole.
    pub runs: Vec<StateRun>,
}

/// A run of one state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateRun {
    /// First second.
    pub from: String,
    /// First second after.
    pub to: String,
    /// The state.
    pub state: RunState,
}

/// A state in a timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Up.
    Up,
    /// Up without resilience.
    Degraded,
    /// Down.
    Down,
    /// Nobody can say.
    Unknown,
    /// Agreed as excluded.
    Excluded,
    /// Outside service hours, acceptance or contract.
    Outside,
}

/// One class to one component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassStats {
    /// The component probed.
    pub component: String,
    /// The class.
    pub class: String,
    /// DSCP name.
    pub dscp: String,
    /// RTT limit to draw, microseconds, when an objective on `rtt_mean` or `rtt_p95` exists.
    pub rtt_limit_us: Option<u64>,
    /// What the limit is about: `rtt_mean` …
    pub rtt_limit_measure: Option<String>,
    /// The whole month.
    pub month: DayStats,
    /// Every local day.
    pub days: Vec<DayStats>,
}

/// Statistics of a local day or of the month; times in microseconds, absent where nothing was measured.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DayStats {
    /// `2026-10-03`, or `2026-10` for the month.
    pub date: String,
    /// Probes sent.
    pub sent: u64,
    /// Lost of those.
    pub lost: u64,
    /// Due, but not measured.
    pub not_measured: u64,
    /// Shortest.
    pub min_us: Option<u64>,
    /// Mean.
    pub mean_us: Option<u64>,
    /// 95th percentile, within the sketch's error.
    pub p95_us: Option<u64>,
    /// 99th percentile, within the sketch's error.
    pub p99_us: Option<u64>,
    /// Longest.
    pub max_us: Option<u64>,
    /// RFC 3550 §6.4.1, the mean of the minutes' values.
    pub jitter_us: Option<u64>,
    /// Percentage lost of those sent.
    pub loss: Option<String>,
}

/// Voice quality of one class to one component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VoiceQuality {
    /// The component.
    pub component: String,
    /// The class.
    pub class: String,
    /// As configured.
    pub codec: String,
    /// Whether the narrow-band model only approximates the codec.
    pub approximate: bool,
    /// How mouth-to-ear delay was estimated, in words.
    pub delay_model: String,
    /// Transmission rating over the month in tenths.
    pub r_tenths: Option<u64>,
    /// Mean opinion score over the month in ten-thousandths.
    pub mos_e4: Option<u64>,
    /// The limit of an objective on `mos`, in ten-thousandths.
    pub mos_limit_e4: Option<u64>,
    /// Minutes judged.
    pub minutes: u64,
    /// Share of them below 4.0.
    pub below_4_0: String,
    /// Share of them below 3.6.
    pub below_3_6: String,
    /// Every local day.
    pub days: Vec<VoiceDay>,
}

/// A day's voice quality.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VoiceDay {
    /// As in `2026-10-03`.
    pub date: String,
    /// Mean opinion score in ten-thousandths.
    pub mos_e4: Option<u64>,
    /// The worst minute's.
    pub worst_e4: Option<u64>,
}
