//! `workbook.xlsx`: the same figures for those who calculate on. A convenience; `report.json` is authoritative.
//!
//! Texts are written as texts, never as formulas, and carry the same guard as in CSV, so that
//! they stay harmless when the sheet is saved as CSV.

use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, FormatBorder, Workbook, Worksheet, XlsxError};

use super::csv::guard;
use super::model::{Dated, DayStats, Report, VoiceQuality, instant};

/// The workbook could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("workbook.xlsx cannot be made: {0}")]
pub struct WorkbookError(String);

impl From<XlsxError> for WorkbookError {
    fn from(e: XlsxError) -> Self {
        Self(e.to_string())
    }
}

/// Rows below the head that a sheet can hold.
const MOST_ROWS: usize = 1_048_575;
/// Most rows of days that a sheet gets. Of a large contract it has months only: 10,000 components would make 300,000
/// rows of days, which `report.json` has.
const MOST_DAYS: usize = 50_000;

/// The bytes of `workbook.xlsx`.
pub fn encode(report: &Report) -> Result<Vec<u8>, WorkbookError> {
    let mut book = Workbook::new();
    book.set_properties(&properties(report)?);
    summary(&mut book, report)?;
    services(&mut book, report)?;
    outages(&mut book, report)?;
    objectives(&mut book, report)?;
    exclusions(&mut book, report)?;
    faults(&mut book, report)?;
    classes(&mut book, report)?;
    voice(&mut book, report)?;
    gaps(&mut book, report)?;
    Ok(book.save_to_buffer()?)
}

fn properties(report: &Report) -> Result<DocProperties, WorkbookError> {
    let at = ExcelDateTime::from_timestamp(instant(&report.period.as_of).0)?;
    Ok(DocProperties::new()
        .set_title(guard(&format!("Service level evidence {} {}", report.contract, report.period.month)))
        .set_author(guard(&report.method.software))
        .set_creation_datetime(&at))
}

/// A cell.
enum V {
    /// A text.
    T(String),
    /// An integer.
    I(u64),
    /// A decimal text such as `99.9537`, shown with so many decimals; empty when it is none.
    D(String, usize),
    /// Nothing.
    None,
}

fn t(text: impl AsRef<str>) -> V {
    V::T(text.as_ref().to_owned())
}

fn i(number: Option<u64>) -> V {
    number.map_or(V::None, V::I)
}

fn d(text: &str) -> V {
    V::D(text.to_owned(), 4)
}

fn sheet<'b>(book: &'b mut Workbook, name: &str, head: &[(&str, f64)]) -> Result<&'b mut Worksheet, WorkbookError> {
    let bold = Format::new()
        .set_bold()
        .set_text_wrap()
        .set_background_color(0x00F1_F3F5)
        .set_border_bottom(FormatBorder::Thin);
    let sheet = book.add_worksheet().set_name(name)?;
    for (column, (title, width)) in (0_u16..).zip(head) {
        sheet.write_string_with_format(0, column, *title, &bold)?;
        sheet.set_column_width(column, *width)?;
    }
    sheet.set_freeze_panes(1, 0)?;
    sheet.set_landscape();
    sheet.set_print_fit_to_pages(1, 0);
    sheet.set_repeat_rows(0, 0)?;
    Ok(sheet)
}

fn fill(sheet: &mut Worksheet, rows: impl IntoIterator<Item = Vec<V>>) -> Result<(), WorkbookError> {
    let integer = Format::new().set_num_format("#,##0");
    let decimals = [
        Format::new().set_num_format("0"),
        Format::new().set_num_format("0.0"),
        Format::new().set_num_format("0.00"),
        Format::new().set_num_format("0.000"),
        Format::new().set_num_format("0.0000"),
    ];
    for (n, row) in rows.into_iter().take(MOST_ROWS).enumerate() {
        let n = u32::try_from(n + 1).expect("bounded by the rows of a sheet");
        for (column, value) in (0_u16..).zip(row) {
            match value {
                V::T(text) => {
                    // A cell holds 32,767 characters at most.
                    let text: String = guard(&text).chars().take(32_000).collect();
                    sheet.write_string(n, column, text)?;
                }
                V::I(number) => {
                    sheet.write_number_with_format(n, column, number as f64, &integer)?;
                }
                V::D(text, places) => {
                    if let Ok(number) = text.parse::<f64>() {
                        sheet.write_number_with_format(n, column, number, &decimals[places.min(4)])?;
                    }
                }
                V::None => {}
            }
        }
    }
    Ok(())
}

fn summary(book: &mut Workbook, report: &Report) -> Result<(), WorkbookError> {
    let terms = &report.terms;
    let rows = [
        ("Contract", report.contract.clone()),
        ("Title", terms.title.clone()),
        ("Provider", terms.provider.clone()),
        ("Customer", terms.customer.clone()),
        ("Reference", terms.reference.clone()),
        ("Month", report.period.month.clone()),
        ("Period start (UTC)", report.period.start.clone()),
        ("Period end (UTC)", report.period.end.clone()),
        ("Time zone", report.period.time_zone.clone()),
        ("Provisional", if report.provisional { "yes" } else { "no" }.to_owned()),
        ("Verdict", report.verdict().words().to_owned()),
        ("Services met", report.totals.met.to_string()),
        ("Services breached", report.totals.breached.to_string()),
        ("Services not proven", report.totals.not_proven.to_string()),
        ("Credits", report.totals.credits.join(" + ")),
        ("Claim by", report.totals.claim_by.clone().unwrap_or_default()),
        ("Journal head", report.evidence.journal_head.clone()),
        ("Authoritative", "report.json; this workbook is a convenience".to_owned()),
    ];
    let sheet = sheet(book, "Summary", &[("What", 22.0), ("Value", 70.0)])?;
    fill(sheet, rows.into_iter().map(|(name, value)| vec![t(name), t(value)]))
}

fn services(book: &mut Workbook, report: &Report) -> Result<(), WorkbookError> {
    let head = [
        ("Service", 18.0),
        ("Title", 26.0),
        ("Site", 16.0),
        ("SLA", 16.0),
        ("Formula", 12.0),
        ("Window s", 12.0),
        ("Up s", 12.0),
        ("Down s", 10.0),
        ("Unknown s", 10.0),
        ("Excluded s", 10.0),
        ("Resilience lost s", 11.0),
        ("Availability %", 11.0),
        ("Lower %", 10.0),
        ("Upper %", 10.0),
        ("Measured %", 10.0),
        ("Target %", 10.0),
        ("Verdict", 12.0),
        ("Credit %", 10.0),
        ("Credit", 14.0),
        ("Availability without exclusions %", 14.0),
        ("Verdict without exclusions", 14.0),
    ];
    let rows = report.services.iter().map(|s| {
        vec![
            t(&s.id),
            t(&s.title),
            t(&s.site),
            t(&s.sla),
            t(&s.formula),
            V::I(s.seconds.window),
            V::I(s.seconds.up),
            V::I(s.seconds.down),
            V::I(s.seconds.unknown),
            V::I(s.seconds.excluded),
            V::I(s.degraded),
            d(&s.availability),
            d(&s.lower),
            d(&s.upper),
            d(&s.coverage),
            d(&s.target),
            t(s.verdict.words()),
            d(&s.credit.percent),
            t(s.credit.amount.as_deref().unwrap_or("")),
            d(&s.without_exclusions.availability),
            t(s.without_exclusions.verdict.words()),
        ]
    });
    fill(sheet(book, "Services", &head)?, rows)
}

fn outages(book: &mut Workbook, report: &Report) -> Result<(), WorkbookError> {
    let head = [
        ("Service", 18.0),
        ("From (UTC)", 21.0),
        ("To (UTC)", 21.0),
        ("Seconds", 10.0),
        ("Excluded s", 10.0),
        ("Counted s", 10.0),
        ("Cause", 40.0),
        ("Components", 30.0),
        ("Restored", 10.0),
        ("Restore clock stood s", 11.0),
        ("Faults", 26.0),
        ("From dated by", 24.0),
        ("To dated by", 24.0),
        ("Notes", 50.0),
    ];
    let rows = report.services.iter().flat_map(|s| {
        s.outages.iter().map(|o| {
            vec![
                t(&s.id),
                t(&o.from),
                t(&o.to),
                V::I(o.seconds),
                V::I(o.excluded),
                V::I(o.counted),
                t(&o.cause),
                t(o.components.join(" ")),
                t(o.restored.as_deref().unwrap_or("")),
                V::I(o.stopped),
                t(o.faults.join("; ")),
                t(o.from_by.as_ref().map_or("", Dated::words)),
                t(o.to_by.as_ref().map_or("", Dated::words)),
                t(o.notes.join("; ")),
            ]
        })
    });
    fill(sheet(book, "Outages", &head)?, rows)
}

fn objectives(book: &mut Workbook, report: &Report) -> Result<(), WorkbookError> {
    let head = [
        ("Service", 18.0),
        ("Class", 12.0),
        ("Measure", 14.0),
        ("Limit", 12.0),
        ("Measured", 12.0),
        ("At best", 12.0),
        ("At worst", 12.0),
        ("Verdict", 12.0),
    ];
    let rows = report.services.iter().flat_map(|s| {
        s.objectives.iter().map(|o| {
            vec![
                t(&s.id),
                t(&o.class),
                t(&o.measure),
                t(&o.limit),
                t(o.value.as_deref().unwrap_or("")),
                t(o.between.as_ref().map_or("", |[best, _]| best)),
                t(o.between.as_ref().map_or("", |[_, worst]| worst)),
                t(o.verdict.words()),
            ]
        })
    });
    fill(sheet(book, "Objectives", &head)?, rows)
}

fn faults(book: &mut Workbook, report: &Report) -> Result<(), WorkbookError> {
    let head = [
        ("Fault", 12.0),
        ("Supplier's reference", 18.0),
        ("State", 14.0),
        ("Severity", 9.0),
        ("Site", 16.0),
        ("Services", 30.0),
        ("Components", 30.0),
        ("Symptom", 40.0),
        ("Responsible", 14.0),
        ("Cause", 16.0),
        ("Noticed (UTC)", 21.0),
        ("Reported (UTC)", 21.0),
        ("Restored (UTC)", 21.0),
        ("Closed (UTC)", 21.0),
        ("Restore within s", 11.0),
        ("Clock ran s", 11.0),
        ("Clock stood s", 11.0),
        ("Restored late", 10.0),
        ("Stops", 50.0),
        ("Steps", 60.0),
    ];
    let time = |at: &Option<String>| t(at.as_deref().unwrap_or(""));
    let rows = report.faults.iter().map(|f| {
        let stops = f.stops.iter().map(|s| {
            let to = s.to.as_deref().unwrap_or("now");
            format!("{} to {to} {}: {} ({})", s.from, s.reason, s.note, s.by)
        });
        let steps = f.history.iter().map(|s| format!("{} {} by {}: {}", s.at, s.action, s.by, s.note));
        let clock = |of: fn(&super::model::FaultClock) -> u64| i(f.clock.as_ref().map(of));
        vec![
            t(&f.id),
            t(&f.supplier_reference),
            t(&f.state),
            V::I(f.severity),
            t(f.site.as_deref().unwrap_or("")),
            t(f.services.join(" ")),
            t(f.components.join(" ")),
            t(&f.symptom),
            t(&f.responsible),
            t(f.cause.as_deref().unwrap_or("")),
            t(&f.detected),
            time(&f.reported),
            time(&f.cleared),
            time(&f.closed),
            clock(|c| c.within),
            clock(|c| c.run),
            clock(|c| c.stopped),
            t(f.clock.as_ref().map_or("", |c| if c.late { "yes" } else { "no" })),
            t(stops.collect::<Vec<_>>().join("; ")),
            t(steps.collect::<Vec<_>>().join("; ")),
        ]
    });
    fill(sheet(book, "Faults", &head)?, rows)
}

fn exclusions(book: &mut Workbook, report: &Report) -> Result<(), WorkbookError> {
    let head = [
        ("Exclusion", 16.0),
        ("Kind", 12.0),
        ("State", 12.0),
        ("Counted", 9.0),
        ("Services", 24.0),
        ("From (UTC)", 21.0),
        ("To (UTC)", 21.0),
        ("Down inside s", 11.0),
        ("Reason", 40.0),
        ("Reference", 16.0),
        ("Step at (UTC)", 21.0),
        ("By", 20.0),
        ("Step", 12.0),
        ("Note", 40.0),
    ];
    let rows = report.exclusions.iter().flat_map(|x| {
        x.history.iter().map(|step| {
            vec![
                t(&x.id),
                t(&x.kind),
                t(&x.state),
                t(if x.counted { "yes" } else { "no" }),
                t(x.services.join(" ")),
                t(&x.from),
                t(&x.to),
                V::I(x.down_inside),
                t(&x.reason),
                t(&x.reference),
                t(&step.at),
                t(&step.by),
                t(&step.action),
                t(&step.note),
            ]
        })
    });
    fill(sheet(book, "Exclusions", &head)?, rows)
}

fn classes(book: &mut Workbook, report: &Report) -> Result<(), WorkbookError> {
    let head = [
        ("Component", 18.0),
        ("Class", 12.0),
        ("Day", 12.0),
        ("Sent", 12.0),
        ("Lost", 10.0),
        ("Not measured", 10.0),
        ("Loss %", 10.0),
        ("Shortest us", 11.0),
        ("Mean us", 11.0),
        ("95% us", 11.0),
        ("99% us", 11.0),
        ("Longest us", 11.0),
        ("Jitter us", 11.0),
    ];
    let row = |component: &str, class: &str, day: &DayStats| {
        vec![
            t(component),
            t(class),
            t(&day.date),
            V::I(day.sent),
            V::I(day.lost),
            V::I(day.not_measured),
            day.loss.as_deref().map_or(V::None, d),
            i(day.min_us),
            i(day.mean_us),
            i(day.p95_us),
            i(day.p99_us),
            i(day.max_us),
            i(day.jitter_us),
        ]
    };
    let listed = report.classes.iter().map(|c| c.days.len()).sum::<usize>() <= MOST_DAYS;
    let rows = report.classes.iter().flat_map(|c| {
        let days = if listed { &c.days[..] } else { &[] };
        days.iter().chain([&c.month]).map(move |day| row(&c.component, &c.class, day))
    });
    fill(sheet(book, "Classes", &head)?, rows)
}

fn voice(book: &mut Workbook, report: &Report) -> Result<(), WorkbookError> {
    let head = [
        ("Component", 18.0),
        ("Class", 12.0),
        ("Codec", 14.0),
        ("Day", 12.0),
        ("MOS", 9.0),
        ("Worst minute MOS", 11.0),
    ];
    let mos = |e4: Option<u64>| e4.map_or(V::None, |v| V::D(format!("{}.{:04}", v / 10_000, v % 10_000), 2));
    let row = |v: &VoiceQuality, date: &str, mean, worst| {
        vec![t(&v.component), t(&v.class), t(&v.codec), t(date), mos(mean), mos(worst)]
    };
    let listed = report.voice.iter().map(|v| v.days.len()).sum::<usize>() <= MOST_DAYS;
    let rows = report.voice.iter().flat_map(|v| {
        let days = if listed { &v.days[..] } else { &[] };
        let days = days.iter().map(|day| row(v, &day.date, day.mos_e4, day.worst_e4));
        let worst = v.days.iter().filter_map(|day| day.worst_e4).min();
        days.chain((!listed).then(|| row(v, &report.period.month, v.mos_e4, worst)))
    });
    fill(sheet(book, "Voice", &head)?, rows)
}

fn gaps(book: &mut Workbook, report: &Report) -> Result<(), WorkbookError> {
    let head = [("From (UTC)", 21.0), ("To (UTC)", 21.0), ("Seconds", 10.0), ("Cause", 16.0), ("Components", 12.0)];
    let rows = report
        .monitor
        .gaps
        .iter()
        .map(|g| vec![t(&g.from), t(&g.to), V::I(g.seconds), t(&g.cause), V::I(g.components)]);
    fill(sheet(book, "Not measured", &head)?, rows)
}
