//! `credits` of an SLA: four shapes, each without gaps, overlaps or steps backwards.

use config::ValueKind;

use super::scalar;
use crate::config::model::{CreditBand, CreditSchedule, CreditTier, Formula};
use crate::config::reader::{Context, Node, Wanted};
use crate::units::Share;

/// What the rest of the SLA says that a schedule must fit.
pub struct Terms<'a> {
    /// The promised availability, when it could be read.
    pub availability: Option<Share>,
    /// The formula, when it could be read.
    pub formula: Option<&'a Formula>,
    /// Whether `restore_within` is set.
    pub restores: bool,
}

const SHAPES: &str = "write a list of { below = \"99.95%\", credit = \"5%\" } or of { over = \"43m\", credit = \"20%\" }, \
    or one { per = \"1h\", standard = \"4%\", elevated = \"8%\", month_max = \"60m\", year_max = \"8h\" }, \
    or one { per_incident = \"5%\", cap = \"50%\" }";

/// Most lines of a table.
const MAX_LINES: usize = 100;

/// Reads a schedule in whichever shape it is.
pub fn credits(cx: &Context<'_>, n: &Node<'_>, terms: &Terms<'_>) -> Option<CreditSchedule> {
    let lines = match n.value.kind {
        ValueKind::Table(_) => vec![n.clone()],
        ValueKind::Array(_) => n.items(),
        _ => Vec::new(),
    };
    if lines.is_empty() || lines.len() > MAX_LINES {
        n.problem(cx, format!("{} is not a table of credits", n.shown()), SHAPES);
        return None;
    }
    let mut shape = None;
    for line in &lines {
        if !line.expect_table(cx, SHAPES) {
            return None;
        }
        let keys = ["below", "over", "per", "per_incident"];
        let mine: Vec<&str> = keys.into_iter().filter(|k| line.get(k).is_some()).collect();
        let [key] = mine[..] else {
            line.problem(cx, "this line has none, or several, of below, over, per and per_incident", SHAPES);
            return None;
        };
        if *shape.get_or_insert(key) != key {
            line.problem(
                cx,
                format!("\"{key}\" does not mix with the \"{}\" above", shape.unwrap_or_default()),
                SHAPES,
            );
            return None;
        }
    }
    match shape? {
        "below" => tiers(cx, n, &lines, terms),
        "over" => bands(cx, &lines, terms),
        _ if lines.len() > 1 => {
            lines[1].problem(
                cx,
                "there is more than one line",
                "this kind of credit has exactly one; remove the others",
            );
            None
        }
        "per" => per_interval(cx, &lines[0], terms),
        _ => per_incident(cx, &lines[0], terms),
    }
}

/// One line of a table, with whatever it says about where it ends.
struct Line<'v> {
    node: Node<'v>,
    from: u64,
    to: Option<u64>,
    credit: Share,
}

/// What is common to tables: no edge twice, every stated end at the next line's edge, credits rising.
fn continuous(cx: &Context<'_>, lines: &[Line<'_>], end_key: &str, show: impl Fn(u64) -> String) -> bool {
    let before = cx.count();
    for pair in lines.windows(2) {
        let (a, b) = (&pair[0], &pair[1]);
        if a.from == b.from {
            b.node.problem(cx, format!("two lines begin at {}: they overlap", show(a.from)), "keep one of the two");
        } else if b.credit <= a.credit {
            let found = format!("the credit of {} is not more than the {} of the better line", b.credit, a.credit);
            b.node.problem(cx, found, "credits must rise as the service gets worse; check the two lines");
        }
        let Some(to) = a.to else { continue };
        if to != b.from {
            // Bands run downwards for availability and upwards for down time: compare lengths from the band's start.
            let kind = if to.abs_diff(a.from) < b.from.abs_diff(a.from) { "a gap" } else { "an overlap" };
            let at = a.node.get(end_key).unwrap_or_else(|| a.node.clone());
            let found = format!("{kind}: this line ends at {}, the next begins at {}", show(to), show(b.from));
            at.problem(cx, found, "let each line end where the next begins, or leave the end out");
        }
    }
    before == cx.count()
}

fn tiers(cx: &Context<'_>, n: &Node<'_>, nodes: &[Node<'_>], terms: &Terms<'_>) -> Option<CreditSchedule> {
    let mut lines = Vec::new();
    for node in nodes {
        node.only(cx, &["below", "down_to", "credit"]);
        let below = node.req(cx, "below", SHAPES, scalar::share);
        let down_to = node.opt(cx, "down_to", scalar::share);
        let credit = node.req(cx, "credit", SHAPES, scalar::share);
        if let (Some(below), Some(to)) = (below, down_to)
            && to >= below
        {
            node.problem(cx, format!("down_to {to} is not less than below {below}"), "swap or mend the two");
        }
        lines.push(Line { node: node.clone(), from: below?.0, to: down_to.map(|s| s.0), credit: credit? });
    }
    lines.sort_by_key(|l| std::cmp::Reverse(l.from));
    let show = |parts: u64| Share(parts).to_string();
    if let Some(end) = lines.last().and_then(|l| l.to).filter(|&to| to != 0) {
        let last = &lines[lines.len() - 1].node;
        last.problem(
            cx,
            format!("a gap: nothing is said below {}", show(end)),
            "let the last line end at 0%, or leave down_to out",
        );
    }
    if let Some(Formula::DowntimeBudget { .. }) = terms.formula {
        n.problem(
            cx,
            "bands of availability do not fit a budget of down time",
            "use { over = … } or { per = … } lines",
        );
    } else if let (Some(promised), Some(first)) = (terms.availability, lines.first())
        && first.from != promised.0
    {
        let begins = show(first.from);
        let found = if first.from < promised.0 {
            format!(
                "{promised} is promised, but credits begin only below {begins}: a breach above that is owed nothing"
            )
        } else {
            format!("credits begin below {begins}, where the promise of {promised} is still kept")
        };
        let help = format!("if the contract does not say so, let the first line be below = \"{promised}\"");
        first.node.warning(cx, found, help);
    }
    continuous(cx, &lines, "down_to", show).then(|| {
        CreditSchedule::Tiers(lines.iter().map(|l| CreditTier { below: Share(l.from), credit: l.credit }).collect())
    })
}

fn bands(cx: &Context<'_>, nodes: &[Node<'_>], terms: &Terms<'_>) -> Option<CreditSchedule> {
    let mut lines = Vec::new();
    for node in nodes {
        node.only(cx, &["over", "up_to", "credit"]);
        let over = node.req(cx, "over", SHAPES, scalar::seconds);
        let up_to = node.opt(cx, "up_to", scalar::seconds);
        let credit = node.req(cx, "credit", SHAPES, scalar::share);
        if let (Some(over), Some(to)) = (over, up_to)
            && to <= over
        {
            node.problem(cx, "up_to is not more than over", "swap or mend the two");
        }
        lines.push(Line { node: node.clone(), from: over?, to: up_to, credit: credit? });
    }
    lines.sort_by_key(|l| l.from);
    let show = |s: u64| crate::config::parse::show_duration(std::time::Duration::from_secs(s));
    if let Some(end) = lines.last().and_then(|l| l.to) {
        let last = &lines[lines.len() - 1].node;
        last.problem(cx, format!("a gap: nothing is said over {}", show(end)), "leave up_to out of the last line");
    }
    if let (Some(Formula::DowntimeBudget { month, .. }), Some(first)) = (terms.formula, lines.first())
        && first.from != *month
    {
        let found = format!("credits begin over {}, but the month's budget is {}", show(first.from), show(*month));
        first.node.problem(cx, found, format!("let the first line be over = \"{}\"", show(*month)));
    }
    continuous(cx, &lines, "up_to", show).then(|| {
        CreditSchedule::DowntimeBands(lines.iter().map(|l| CreditBand { over: l.from, credit: l.credit }).collect())
    })
}

fn per_interval(cx: &Context<'_>, n: &Node<'_>, terms: &Terms<'_>) -> Option<CreditSchedule> {
    n.only(cx, &["per", "standard", "elevated", "month_max", "year_max", "elevated_replaces_standard"]);
    let budget = match terms.formula {
        Some(Formula::DowntimeBudget { month, year }) => Some((*month, *year)),
        _ => None,
    };
    let interval = n.req(cx, "per", SHAPES, scalar::seconds);
    let standard = n.req(cx, "standard", SHAPES, scalar::share);
    let elevated = n.req(cx, "elevated", SHAPES, scalar::share);
    let maximum = |key: &str, own: Option<u64>| match (n.get(key), own) {
        (None, Some(own)) => Some(own),
        _ => n.req(cx, key, "say above which down time it is owed, such as \"60m\"", scalar::seconds),
    };
    let month_max = maximum("month_max", budget.map(|(month, _)| month));
    let year_max = maximum("year_max", budget.and_then(|(_, year)| year));
    let replaces = n.opt(cx, "elevated_replaces_standard", scalar::boolean).unwrap_or(true);
    let misfit = |key: &str, found: &str, help: &str| n.get(key).unwrap_or_else(|| n.clone()).problem(cx, found, help);
    if interval == Some(0) {
        misfit("per", "an interval of no length", "write per = \"1h\"");
    }
    if let (Some(s), Some(e)) = (standard, elevated)
        && e < s
    {
        misfit(
            "elevated",
            &format!("the elevated credit of {e} is less than the standard one of {s}"),
            "swap or mend the two",
        );
    }
    if let (Some(m), Some(y)) = (month_max, year_max)
        && y < m
    {
        misfit("year_max", "the year's maximum is less than the month's", "swap or mend the two");
    }
    if let (Some((month, year)), Some(m), Some(y)) = (budget, month_max, year_max) {
        if m != month {
            misfit(
                "month_max",
                "differs from the month of downtime_budget",
                "leave it out here: the budget's is taken",
            );
        }
        if year.is_some_and(|year| year != y) {
            misfit("year_max", "differs from the year of downtime_budget", "leave it out here: the budget's is taken");
        }
    }
    Some(CreditSchedule::PerInterval {
        interval: interval?,
        standard: standard?,
        elevated: elevated?,
        elevated_replaces_standard: replaces,
        month_max: month_max?,
        year_max: year_max?,
    })
}

fn per_incident(cx: &Context<'_>, n: &Node<'_>, terms: &Terms<'_>) -> Option<CreditSchedule> {
    n.only(cx, &["per_incident", "cap"]);
    let credit = n.req(cx, "per_incident", SHAPES, scalar::share);
    let cap = n.opt(cx, "cap", scalar::share).unwrap_or(Share::ONE);
    if !terms.restores {
        n.problem(
            cx,
            "a credit per incident needs a time in which to restore",
            "add restore_within = \"5h\" to this SLA",
        );
    }
    if let Some(credit) = credit
        && credit > cap
    {
        n.misfit_cap(cx, credit, cap);
    }
    Some(CreditSchedule::PerIncident { credit: credit?, cap })
}

impl Node<'_> {
    fn misfit_cap(&self, cx: &Context<'_>, credit: Share, cap: Share) {
        let at = self.get("cap").unwrap_or_else(|| self.clone());
        at.misfit(
            cx,
            &Wanted::new(
                format!("as much as one incident's {credit}"),
                format!("raise the cap of {cap}, or lower the credit"),
            ),
        );
    }
}
