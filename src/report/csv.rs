//! `services.csv`, `outages.csv`, `exclusions.csv` and `minutes.csv.zst` (RFC 4180, UTF-8, header line).
//!
//! A text that a spreadsheet would take for a formula is prefixed with an apostrophe; see [`guard`].

use std::io::Write as _;

use super::model::{Dated, Report, Service};
use crate::units::Sec;

/// Makes a text safe to open in a spreadsheet: what starts with `=`, `+`, `-`, `@`, tab or carriage return gets an apostrophe.
#[must_use]
pub fn guard(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

/// A table of texts with its header.
struct Table(csv::Writer<Vec<u8>>);

impl Table {
    fn new(header: &[&str]) -> Self {
        let mut table = Self(csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new()));
        table.row(&header.iter().map(|h| (*h).to_owned()).collect::<Vec<_>>());
        table
    }

    fn row(&mut self, cells: &[String]) {
        self.0
            .write_record(cells.iter().map(|c| guard(c)))
            .expect("every row has the header's width, and memory takes it");
    }

    fn finish(self) -> Vec<u8> {
        self.0.into_inner().expect("memory takes every write")
    }
}

/// `services.csv`: a line for each service.
#[must_use]
pub fn services(report: &Report) -> Vec<u8> {
    let mut table = Table::new(&[
        "contract",
        "month",
        "service",
        "title",
        "site",
        "sla",
        "formula",
        "window_s",
        "up_s",
        "down_s",
        "unknown_s",
        "excluded_s",
        "degraded_s",
        "availability_percent",
        "lower_percent",
        "upper_percent",
        "coverage_percent",
        "target_percent",
        "verdict",
        "credit_percent",
        "credit_amount",
        "availability_without_exclusions_percent",
        "verdict_without_exclusions",
    ]);
    for s in &report.services {
        table.row(&[
            report.contract.clone(),
            report.period.month.clone(),
            s.id.clone(),
            s.title.clone(),
            s.site.clone(),
            s.sla.clone(),
            s.formula.clone(),
            s.seconds.window.to_string(),
            s.seconds.up.to_string(),
            s.seconds.down.to_string(),
            s.seconds.unknown.to_string(),
            s.seconds.excluded.to_string(),
            s.degraded.to_string(),
            s.availability.clone(),
            s.lower.clone(),
            s.upper.clone(),
            s.coverage.clone(),
            s.target.clone(),
            s.verdict.name().to_owned(),
            s.credit.percent.clone(),
            s.credit.amount.clone().unwrap_or_default(),
            s.without_exclusions.availability.clone(),
            s.without_exclusions.verdict.name().to_owned(),
        ]);
    }
    table.finish()
}

/// `outages.csv`: a line for each outage of each service.
#[must_use]
pub fn outages(report: &Report) -> Vec<u8> {
    let mut table = Table::new(&[
        "contract",
        "service",
        "site",
        "from_utc",
        "to_utc",
        "seconds",
        "excluded_s",
        "counted_s",
        "began_before",
        "lasts",
        "cause",
        "components",
        "restored",
        "clock_stopped_s",
        "faults",
        "from_source",
        "from_dated_by",
        "to_source",
        "to_dated_by",
        "notes",
    ]);
    let by = |dated: &Option<Dated>, of: fn(&Dated) -> &String| dated.as_ref().map(of).cloned().unwrap_or_default();
    let row = |s: &Service, o: &super::model::Outage| {
        [
            report.contract.clone(),
            s.id.clone(),
            s.site.clone(),
            o.from.clone(),
            o.to.clone(),
            o.seconds.to_string(),
            o.excluded.to_string(),
            o.counted.to_string(),
            o.began_before.to_string(),
            o.lasts.to_string(),
            o.cause.clone(),
            o.components.join(" "),
            o.restored.clone().unwrap_or_default(),
            o.stopped.to_string(),
            o.faults.join("; "),
            by(&o.from_by, |d| &d.source),
            by(&o.from_by, |d| &d.dated_by),
            by(&o.to_by, |d| &d.source),
            by(&o.to_by, |d| &d.dated_by),
            o.notes.join("; "),
        ]
    };
    for service in &report.services {
        for outage in &service.outages {
            table.row(&row(service, outage));
        }
    }
    table.finish()
}

/// `exclusions.csv`: a line for each step of each exclusion or maintenance window.
#[must_use]
pub fn exclusions(report: &Report) -> Vec<u8> {
    let mut table = Table::new(&[
        "contract",
        "exclusion",
        "kind",
        "state",
        "counted",
        "services",
        "from_utc",
        "to_utc",
        "down_inside_s",
        "reason",
        "reference",
        "step_at_utc",
        "step_by",
        "step",
        "step_note",
    ]);
    for x in &report.exclusions {
        for step in &x.history {
            table.row(&[
                report.contract.clone(),
                x.id.clone(),
                x.kind.clone(),
                x.state.clone(),
                x.counted.to_string(),
                x.services.join(" "),
                x.from.clone(),
                x.to.clone(),
                x.down_inside.to_string(),
                x.reason.clone(),
                x.reference.clone(),
                step.at.clone(),
                step.by.clone(),
                step.action.clone(),
                step.note.clone(),
            ]);
        }
    }
    table.finish()
}

/// One minute of one class to one component, for analysts; nothing in the report is computed from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Minute<'a> {
    /// Its first second.
    pub at: Sec,
    /// Identifier.
    pub component: &'a str,
    /// Class, empty for none.
    pub class: &'a str,
    /// Probes sent.
    pub sent: u64,
    /// Lost of those.
    pub lost: u64,
    /// Due, but not measured.
    pub not_measured: u64,
    /// Replies with a round-trip time.
    pub rtt_count: u64,
    /// Their sum, microseconds.
    pub rtt_sum_us: u64,
    /// Shortest, when there was a reply.
    pub rtt_min_us: Option<u64>,
    /// Longest, when there was a reply.
    pub rtt_max_us: Option<u64>,
    /// RFC 3550 §6.4.1 at the minute's end.
    pub jitter_us: Option<u64>,
}

/// Compresses as it goes; the text is never whole in memory.
pub struct Compressed(zstd::Encoder<'static, Vec<u8>>);

impl Compressed {
    /// Without any text.
    #[must_use]
    pub fn new() -> Self {
        const LEVEL: i32 = 3;
        let mut out = zstd::Encoder::new(Vec::new(), LEVEL).expect("memory takes the header");
        out.include_checksum(true).expect("memory takes every write");
        Self(out)
    }

    /// Adds text.
    pub fn push(&mut self, text: &[u8]) {
        self.0.write_all(text).expect("memory takes every write");
    }

    /// The bytes of the file.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.0.finish().expect("memory takes every write")
    }
}

impl Default for Compressed {
    fn default() -> Self {
        Self::new()
    }
}

/// The first line of `minutes.csv.zst`; of a large contract it lists hours.
#[must_use]
pub fn header(hours: bool) -> &'static [u8] {
    if hours {
        b"hour_utc,component,class,sent,lost,not_measured,rtt_count,rtt_sum_us,rtt_min_us,rtt_max_us,jitter_us\r\n"
    } else {
        b"minute_utc,component,class,sent,lost,not_measured,rtt_count,rtt_sum_us,rtt_min_us,rtt_max_us,jitter_us\r\n"
    }
}

/// Appends a line; `at` is the minute's time as text.
pub fn minute(lines: &mut Vec<u8>, at: &str, m: &Minute<'_>) {
    // Identifiers are made of a-z, 0-9, '-', '_' and '.', so nothing here needs a quote or a guard.
    lines.extend_from_slice(at.as_bytes());
    for text in [m.component, m.class] {
        lines.push(b',');
        lines.extend_from_slice(text.as_bytes());
    }
    for number in [m.sent, m.lost, m.not_measured, m.rtt_count, m.rtt_sum_us].map(Some) {
        decimal(lines, number);
    }
    for number in [m.rtt_min_us, m.rtt_max_us, m.jitter_us] {
        decimal(lines, number);
    }
    lines.extend_from_slice(b"\r\n");
}

/// A comma and the number: there are many millions of them in a file, and `write!` takes thrice as long.
fn decimal(lines: &mut Vec<u8>, number: Option<u64>) {
    lines.push(b',');
    let Some(mut rest) = number else { return };
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    lines.extend_from_slice(&digits[at..]);
}

/// All of `rows` at once.
#[must_use]
pub fn minutes<'a>(rows: impl IntoIterator<Item = Minute<'a>>) -> Vec<u8> {
    let mut out = Compressed::new();
    out.push(header(false));
    for m in rows {
        let mut line = Vec::new();
        minute(&mut line, &m.at.to_string(), &m);
        out.push(&line);
    }
    out.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_disarmed() {
        for evil in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"] {
            assert!(guard(evil).starts_with('\''), "{evil:?}");
        }
        assert_eq!(guard("a=b"), "a=b");
    }

    #[test]
    fn minutes_read_back() {
        let minute = Minute {
            at: Sec(1_790_000_040),
            component: "ch-r1",
            class: "voice",
            sent: 60,
            lost: 60,
            not_measured: 0,
            rtt_count: 0,
            rtt_sum_us: 0,
            rtt_min_us: None,
            rtt_max_us: None,
            jitter_us: None,
        };
        let text = String::from_utf8(zstd::decode_all(&minutes([minute])[..]).unwrap()).unwrap();
        assert_eq!(text.lines().nth(1), Some("2026-09-21T14:14:00Z,ch-r1,voice,60,60,0,0,0,,,"));
    }
}
