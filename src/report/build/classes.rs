//! Round-trip times, loss, jitter and voice quality per component and class, by local day.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::history::{ClassRow, History};
use crate::config::Config;
use crate::config::model::{Codec, Limit, Measure};
use crate::names::{ClassIx, ComponentIx, SlaIx};
use crate::report::model::{self, ClassStats, DayStats, VoiceDay, VoiceQuality};
use crate::sla::objective::ClassAggregate;
use crate::units::{Sec, Share};
use crate::voice::{self, DelayModel};

type Key = (ComponentIx, ClassIx);

/// The agreements that the services of the contract have which need a component.
type Agreements = BTreeMap<ComponentIx, BTreeSet<SlaIx>>;

pub(super) fn all(config: &Config, history: &History) -> Vec<ClassStats> {
    let agreements = agreements(config, history);
    rows(history)
        .into_iter()
        .map(|((component, class), rows)| {
            let limit = rtt_limit(config, &agreements, component, class);
            let days = days(config, &rows);
            let mut month = ClassAggregate::default();
            days.values().for_each(|d| month.merge(d));
            ClassStats {
                component: config.components[component.get()].id.to_string(),
                class: config.classes[class.get()].id.to_string(),
                dscp: config.classes[class.get()].dscp.to_string(),
                rtt_limit_us: limit.map(|(us, _)| us),
                rtt_limit_measure: limit.map(|(_, measure)| measure.name().to_owned()),
                month: stats(history.month.to_string(), &month),
                days: days.into_iter().map(|(date, day)| stats(date, &day)).collect(),
            }
        })
        .collect()
}

pub(super) fn voice(config: &Config, history: &History) -> Vec<VoiceQuality> {
    let agreements = agreements(config, history);
    let mut found = Vec::new();
    for ((component, class), rows) in rows(history) {
        let Some(codec) = config.classes[class.get()].codec else { continue };
        found.push(quality(config, &agreements, (component, class), codec, &rows));
    }
    found
}

fn quality(
    config: &Config,
    agreements: &Agreements,
    (component, class): Key,
    codec: Codec,
    rows: &[&ClassRow],
) -> VoiceQuality {
    let model = DelayModel::default();
    let mos = |a: &ClassAggregate| a.voice(codec, model).map(|v| (v.mos * 1e4) as u64);
    let mut month = ClassAggregate::default();
    let (mut minutes, mut poor, mut bad) = (0_u64, 0_u64, 0_u64);
    let mut worst: BTreeMap<String, u64> = BTreeMap::new();
    for row in rows {
        month.merge(&row.aggregate);
        if !row.parts.is_empty() {
            // What was lost meanwhile stands elsewhere.
            continue;
        }
        let Some(mos) = mos(&row.aggregate) else { continue };
        let weight = row.span.seconds().div_ceil(60).max(1);
        minutes += weight;
        poor += if mos < 40_000 { weight } else { 0 };
        bad += if mos < 36_000 { weight } else { 0 };
        let day = worst.entry(local_date(config, row.span.from)).or_insert(mos);
        *day = (*day).min(mos);
    }
    let rating = month.voice(codec, model);
    VoiceQuality {
        component: config.components[component.get()].id.to_string(),
        class: config.classes[class.get()].id.to_string(),
        codec: codec_name(codec).into(),
        approximate: voice::parameters(codec).approximate,
        delay_model: format!("{}: half the round trip, the codec's own delay, and a de-jitter buffer", model.name()),
        r_tenths: rating.map(|r| (r.r.max(0.0) * 10.0) as u64),
        mos_e4: rating.map(|r| (r.mos * 1e4) as u64),
        mos_limit_e4: mos_limit(config, agreements, component, class),
        minutes,
        below_4_0: model::percent(poor, minutes),
        below_3_6: model::percent(bad, minutes),
        days: days(config, rows)
            .into_iter()
            .map(|(date, day)| VoiceDay { mos_e4: mos(&day), worst_e4: worst.get(&date).copied(), date })
            .collect(),
    }
}

/// A codec's name in configuration and reports.
fn codec_name(codec: Codec) -> &'static str {
    match codec {
        Codec::G711 => "G.711",
        Codec::G711NoPlc => "G.711-no-PLC",
        Codec::G729a => "G.729A",
        Codec::G729 => "G.729",
        Codec::G7231 => "G.723.1",
        Codec::GsmEfr => "GSM-EFR",
        Codec::G72632 => "G.726-32",
        Codec::G722 => "G.722",
    }
}

fn rows(history: &History) -> BTreeMap<Key, Vec<&ClassRow>> {
    let mut all: BTreeMap<Key, Vec<&ClassRow>> = BTreeMap::new();
    for row in history.classes.iter().filter(|r| history.month_span.contains(r.span.from)) {
        all.entry((row.component, row.class)).or_default().push(row);
    }
    all
}

fn local_date(config: &Config, at: Sec) -> String {
    let stamp = Timestamp::from_second(at.0).unwrap_or(Timestamp::UNIX_EPOCH);
    stamp.to_zoned(config.monitor.time_zone.clone()).date().to_string()
}

fn days(config: &Config, rows: &[&ClassRow]) -> BTreeMap<String, ClassAggregate> {
    let mut days: BTreeMap<String, ClassAggregate> = BTreeMap::new();
    for row in rows {
        days.entry(local_date(config, row.span.from)).or_default().merge(&row.aggregate);
    }
    days
}

fn stats(date: String, all: &ClassAggregate) -> DayStats {
    let quantile = |percent: u64| all.sketch.quantile(Share(percent * 1_000_000)).map(|m| u64::from(m.0));
    DayStats {
        date,
        sent: all.population(),
        lost: all.lost,
        not_measured: all.not_measured,
        min_us: all.rtt_min.map(|m| u64::from(m.0)),
        mean_us: all.rtt_sum_us.checked_div(all.timed),
        p95_us: quantile(95),
        p99_us: quantile(99),
        max_us: all.rtt_max.map(|m| u64::from(m.0)),
        jitter_us: all.jitter_nanos.checked_div(all.jitter_minutes.saturating_mul(1000)),
        loss: (all.population() > 0).then(|| model::percent(all.lost, all.population())),
    }
}

/// The objectives that touch a component's class, through the services that need it.
fn limits<'a>(
    config: &'a Config,
    agreements: &'a Agreements,
    component: ComponentIx,
    class: ClassIx,
) -> impl Iterator<Item = (Measure, Limit)> + 'a {
    let slas = agreements.get(&component).into_iter().flatten();
    slas.flat_map(|sla| &config.slas[sla.get()].objectives)
        .filter(move |o| o.class == class)
        .map(|o| (o.measure, o.limit))
}

fn agreements(config: &Config, history: &History) -> Agreements {
    let mut found = Agreements::new();
    for service in config.services.iter().filter(|s| s.contract == history.contract) {
        for component in service.requires.components() {
            found.entry(component).or_default().insert(service.sla);
        }
    }
    found
}

fn rtt_limit(
    config: &Config,
    agreements: &Agreements,
    component: ComponentIx,
    class: ClassIx,
) -> Option<(u64, Measure)> {
    limits(config, agreements, component, class)
        .filter_map(|(measure, limit)| match (measure, limit) {
            (Measure::RttMean | Measure::RttP95, Limit::Micros(us)) => Some((us, measure)),
            _ => None,
        })
        .min_by_key(|(us, _)| *us)
}

fn mos_limit(config: &Config, agreements: &Agreements, component: ComponentIx, class: ClassIx) -> Option<u64> {
    limits(config, agreements, component, class)
        .filter_map(|(_, limit)| match limit {
            Limit::Mos(mos) => Some(u64::from(mos)),
            Limit::Micros(_) | Limit::Share(_) => None,
        })
        .max()
}
