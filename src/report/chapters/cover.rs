//! The first page: was the promise kept, by how much, what is owed.

use crate::draw::badge::Tone;
use crate::draw::panel::Answer;
use crate::report::chapters::{credits, quality, reference, scorecard, timeline};
use crate::report::document::{Block, Cell, Table};
use crate::report::model::{Report, Service, Verdict};
use crate::report::words::{self, Zone, count, length};

/// How many services the cover lists, most first: as many as leave all of it on one page. The scorecard lists all.
pub const LISTED: [usize; 6] = [12, 10, 8, 6, 4, 2];

/// The cover with at most `most` services.
#[must_use]
pub fn blocks(report: &Report, zone: &Zone, most: usize) -> Vec<Block> {
    let listed = listed(report, most);
    let mut blocks = vec![Block::Answers(vec![kept(report), margin(report), owed(report)]), summary(&listed)];
    if report.services.len() > most {
        let rest = (report.services.len() - most) as u64;
        blocks.push(Block::Small(format!("{} more in {}.", count(rest, "service"), reference(scorecard::TITLE))));
    }
    blocks.extend(timeline::glance(report, zone, &listed));
    let terms = &report.terms;
    blocks.push(Block::Facts(vec![
        (
            "Contract".into(),
            format!("{}, {} ({}), reference {}", report.contract, terms.title, terms.kind, terms.reference),
        ),
        ("Parties".into(), format!("{} promises, {} receives", terms.provider, terms.customer)),
        (
            "Period".into(),
            format!(
                "{} to {} ({}), {} seconds",
                zone.moment(&report.period.start),
                zone.moment(&report.period.end),
                report.period.time_zone,
                words::grouped(seconds(report))
            ),
        ),
        ("Evidence up to".into(), zone.moment(&report.period.as_of)),
        (
            "Journal".into(),
            format!("{}, head {}", count(report.evidence.journal_records, "record"), report.evidence.journal_head),
        ),
    ]));
    blocks
}

/// What a revision changed: behind the cover's facts, as long as it is.
#[must_use]
pub fn revision(report: &Report) -> Vec<Block> {
    let Some(revision) = &report.revision else { return Vec::new() };
    let reason = format!(
        "Revision {}: {}. It replaces the pack with journal head {}.",
        revision.number, revision.reason, revision.supersedes
    );
    let mut table =
        Table::new(&[("Figure", 5.0, false), ("Before", 2.5, true), ("Now", 2.5, true)], "No figure changed.");
    for change in &revision.changes {
        table.rows.push(vec![Cell::text(&change.figure), Cell::text(&change.old), Cell::text(&change.new)]);
    }
    vec![Block::Heading("What this revision changed".into()), Block::Text(reason), Block::Table(table)]
}

fn seconds(report: &Report) -> u64 {
    let (from, to) = report.span();
    crate::units::Span::new(from, to).seconds()
}

fn titles(report: &Report, verdict: Verdict) -> Vec<&str> {
    report.promised().filter(|s| s.verdict == verdict).map(|s| s.title.as_str()).collect()
}

fn kept(report: &Report) -> Answer {
    let all = report.promised().count() as u64;
    let (breached, doubtful) = (titles(report, Verdict::Breached), titles(report, Verdict::NotProven));
    let poor = report.totals.objectives_breached;
    let mut detail = Vec::new();
    let answer = match (breached.len(), doubtful.len()) {
        _ if all == 0 => "There was nothing to keep".to_owned(),
        (0, 0) if poor > 0 => "Availability yes, quality no".to_owned(),
        (0, 0) if all == 1 => "Yes".to_owned(),
        (0, 0) => format!("Yes, for all {}", count(all, "service")),
        (0, n) => format!("Not proven for {n} of {}", count(all, "service")),
        (n, _) => format!("No: {n} of {} fell short", count(all, "service")),
    };
    if report.services.is_empty() {
        detail.push("No service stands under this contract in this month.".to_owned());
    }
    if !breached.is_empty() {
        detail.push(format!("Availability breached: {}.", words::names(&breached, 4)));
    }
    if !doubtful.is_empty() {
        detail.push(format!("Not proven, because too little was measured: {}.", words::names(&doubtful, 4)));
    }
    if poor > 0 {
        let which =
            if poor == 1 { "1 quality objective was".to_owned() } else { format!("{poor} quality objectives were") };
        let besides = if detail.is_empty() { "" } else { "Besides, " };
        detail.push(format!("{besides}{which} missed ({}).", reference(quality::TITLE)));
    } else if breached.is_empty() && doubtful.is_empty() && all > 0 {
        detail.push("Availability was as promised and every quality objective held.".to_owned());
    }
    let idle: Vec<&str> = report.services.iter().filter(|s| !s.promised()).map(|s| s.title.as_str()).collect();
    if !idle.is_empty() {
        let names = words::names(&idle, 4);
        detail.push(format!("Nothing was promised in this month, for want of acceptance or service hours: {names}."));
    }
    let tone = if poor > 0 && report.verdict() == Verdict::Met { Tone::Bad } else { words::tone(report.verdict()) };
    let answer = if report.provisional { format!("So far: {answer}") } else { answer };
    Answer { question: "Was the promise kept?".into(), answer, tone, detail: detail.join(" ") }
}

fn excess(service: &Service) -> Option<i128> {
    service.allowed_down.map(|allowed| i128::from(service.seconds.down) - i128::from(allowed))
}

fn margin(report: &Report) -> Answer {
    let question = "By how much?".to_owned();
    let short = |s: &Service| {
        format!("{} reached {} of a promised {}%", words::cut(&s.title), s.availability_shown(), s.target)
    };
    let breached = || report.services.iter().filter(|s| s.verdict == Verdict::Breached);
    if let Some(worst) = breached().max_by_key(|s| (excess(s), std::cmp::Reverse(&s.id))) {
        let answer = match excess(worst).and_then(|e| u64::try_from(e).ok()).filter(|e| *e > 0) {
            Some(over) => format!("{} beyond what was allowed", length(over)),
            None => format!("{}% where {}% was promised", worst.availability, worst.target),
        };
        let allowed = worst.allowed_down.map_or(String::new(), |a| {
            format!(" Down {} in all; {} would have been within the promise.", length(worst.seconds.down), length(a))
        });
        let which = if breached().count() > 1 { "Worst: " } else { "" };
        return Answer { question, answer, tone: Tone::Bad, detail: format!("{which}{}.{allowed}", short(worst)) };
    }
    if let Some(doubt) =
        report.promised().filter(|s| s.verdict == Verdict::NotProven).min_by_key(|s| (words::parts(&s.coverage), &s.id))
    {
        return Answer {
            question,
            answer: format!("Between {}% and {}%", doubt.lower, doubt.upper),
            tone: Tone::Doubt,
            detail: format!(
                "{}: only {}% of its time was measured. The bounds take all unknown time as down, then as up; {}% was promised.",
                words::cut(&doubt.title),
                doubt.coverage,
                doubt.target
            ),
        };
    }
    match report.promised().max_by_key(|s| (excess(s), std::cmp::Reverse(&s.id))) {
        Some(closest) => {
            let answer = match closest.allowed_down {
                Some(allowed) => {
                    format!("{} to spare at the closest", length(allowed.saturating_sub(closest.seconds.down)))
                }
                None => format!("{}% at the lowest", closest.availability),
            };
            let used = closest.allowed_down.map_or(String::new(), |a| {
                format!(" {} of {} allowed down time used.", length(closest.seconds.down), length(a))
            });
            Answer { question, answer, tone: Tone::Good, detail: format!("Closest: {}.{used}", short(closest)) }
        }
        None => Answer { question, answer: "–".into(), tone: Tone::Doubt, detail: String::new() },
    }
}

fn owed(report: &Report) -> Answer {
    let question = "What is owed?".to_owned();
    let contact = &report.terms.contact;
    let reach: Vec<String> = [&contact.name, &contact.phone, &contact.email]
        .iter()
        .filter(|t| !t.is_empty())
        .map(|t| words::cut(t))
        .collect();
    if report.totals.credits.is_empty() {
        let percent = report.services.iter().any(|s| s.credit.percent != "0.0000");
        let (answer, detail, tone) = if percent {
            (
                "A credit; its amount is not known".to_owned(),
                format!(
                    "The configuration names no monthly charge; {} gives the percentages.",
                    reference(credits::TITLE)
                ),
                Tone::Bad,
            )
        } else if report.promised().any(|s| s.verdict == Verdict::NotProven) {
            (
                "Nothing is proven to be owed".to_owned(),
                "A service that is not proven earns no credit until the missing time is settled.".to_owned(),
                Tone::Doubt,
            )
        } else {
            ("Nothing".to_owned(), "No service credit is due for this month.".to_owned(), Tone::Good)
        };
        return Answer { question, answer, tone, detail };
    }
    let deadline = match &report.totals.claim_by {
        Some(day) => format!("To be claimed by {}", words::date(day)),
        None => "To be claimed; the contract names no deadline,".into(),
    };
    let from = if reach.is_empty() { String::new() } else { format!(" ({})", reach.join(", ")) };
    Answer {
        question,
        answer: report.totals.credits.join(" + "),
        tone: Tone::Bad,
        detail: format!(
            "{deadline} from {}{from}, quoting {}. The working is in {}.",
            words::cut(&report.terms.provider),
            words::cut(&report.terms.reference),
            reference(credits::TITLE)
        ),
    }
}

/// The services that the cover has room for: breached ones first when there are too many.
fn listed(report: &Report, most: usize) -> Vec<&Service> {
    let mut services: Vec<&Service> = report.services.iter().collect();
    if services.len() > most {
        let rank = |s: &Service| match s.verdict {
            Verdict::Breached => 0,
            Verdict::NotProven if s.promised() => 1,
            Verdict::Met => 2,
            Verdict::NotProven => 3,
        };
        services.sort_by_key(|s| rank(s));
        services.truncate(most);
    }
    services
}

fn summary(services: &[&Service]) -> Block {
    let mut table = Table::new(
        &[
            ("Service", 2.7, false),
            ("Promised", 1.5, true),
            ("Achieved", 1.65, true),
            ("Down", 1.6, true),
            ("Allowed", 1.55, true),
            ("Verdict", 1.75, false),
            ("Credit", 1.5, true),
        ],
        "No service stands under this contract.",
    );
    for s in services {
        table.rows.push(vec![
            Cell::text(words::cut(&s.title)),
            Cell::text(format!("{}%", s.target)),
            Cell::strong(s.availability_shown()),
            Cell::text(length(s.seconds.down)),
            Cell::text(s.allowed_down.map_or("–".into(), length)),
            Cell::verdict_on(s),
            Cell::text(s.credit.amount.clone().unwrap_or_else(|| format!("{}%", s.credit.percent))),
        ]);
    }
    Block::Table(table)
}
