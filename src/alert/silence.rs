//! Maintenance and agreed exclusions as silences: what there should be, and the steps from what there is.
//!
//! A silence keeps people from being woken, an exclusion keeps time out of the accounts. They are linked by the
//! silence's comment, and neither makes the other: who silences an alert by hand excludes nothing, and an
//! exclusion of the past silences nothing. What there is, is asked of the Alertmanager each time, so that nothing
//! has to be remembered: ours end in a mark, `[assured/VANTAGE/KEY]`.

use serde_json::{Value, json};

use super::message::local;
use crate::config::Config;
use crate::names::{ContractIx, ServiceIx};
use crate::snapshot::ExclusionView;
use crate::units::{Sec, Span};

/// Windows that begin later than this are left for later, seconds.
const HORIZON: i64 = 7 * 86_400;
/// So many silences are kept, those that begin first.
const MOST: usize = 200;
/// Who creates ours.
pub const AUTHOR: &str = "assured";

/// A silence that there should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The end of its comment, by which it is known again.
    mark: String,
    span: Span,
    /// Label, value, whether the value is an expression.
    matchers: Vec<(&'static str, String, bool)>,
    comment: String,
}

/// A silence that there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    id: String,
    comment: String,
    author: String,
    over: bool,
    span: Span,
    matchers: Vec<(String, String, bool)>,
}

/// What to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// `POST /api/v2/silences`
    Put(Value),
    /// `DELETE /api/v2/silence/ID`
    Expire(String),
}

/// The silences that there should be at `now`: one for each window that lasts or begins soon.
#[must_use]
pub fn wanted(config: &Config, exclusions: &[ExclusionView], now: Sec) -> Vec<Wanted> {
    let near = |span: Span| span.to > now && span.from.since(now) <= HORIZON && !span.is_empty();
    let mut all = Vec::new();
    let mut seen: Vec<(ContractIx, &str)> = Vec::new();
    for window in &config.maintenance {
        // Windows of one change are told apart by their order.
        let same = (window.contract, window.reference.as_str());
        let nth = seen.iter().filter(|of| **of == same).count();
        seen.push(same);
        if !near(window.span) {
            continue;
        }
        let contract = config.contracts[window.contract.get()].id.as_str();
        let nth = if nth == 0 { String::new() } else { format!("/{}", nth + 1) };
        let key = format!("maintenance/{contract}/{}{nth}", window.reference);
        let what = format!("Announced maintenance {}", window.reference);
        let mut matchers = vec![("contract", contract.to_owned(), false)];
        if !window.services.is_empty() {
            matchers.push(services(config, &window.services));
        }
        all.push(wish(config, &what, &key, window.span, matchers));
    }
    for exclusion in exclusions.iter().filter(|exclusion| near(exclusion.span)) {
        let of = if exclusion.reference.is_empty() { String::new() } else { format!(" ({})", exclusion.reference) };
        let what = format!("Agreed exclusion {}{of}", exclusion.id);
        let key = format!("exclusion/{}", exclusion.id);
        all.push(wish(config, &what, &key, exclusion.span, vec![services(config, &exclusion.services)]));
    }
    all.sort_by(|a, b| (a.span, &a.mark).cmp(&(b.span, &b.mark)));
    all.truncate(MOST);
    all
}

fn wish(config: &Config, what: &str, key: &str, span: Span, matchers: Vec<(&'static str, String, bool)>) -> Wanted {
    let mark = format!("{}{key}]", ours(&config.monitor.vantage));
    let zone = &config.monitor.time_zone;
    let comment = format!("{what}, {} to {} {mark}", local(span.from, zone), local(span.to, zone));
    Wanted { mark, span, matchers, comment }
}

/// How the mark of this vantage's silences begins.
fn ours(vantage: &str) -> String {
    format!("[assured/{vantage}/")
}

/// Alertmanager anchors expressions itself.
fn services(config: &Config, services: &[ServiceIx]) -> (&'static str, String, bool) {
    let names: Vec<String> =
        services.iter().map(|s| config.services[s.get()].id.as_str().replace('.', "\\.")).collect();
    ("service", names.join("|"), true)
}

/// Reads the answer to `GET /api/v2/silences`.
///
/// # Errors
/// It is not a list of silences.
pub fn parse(answer: &[u8]) -> Result<Vec<Found>, &'static str> {
    let wrong = "its list of silences cannot be read";
    let Ok(Value::Array(list)) = serde_json::from_slice(answer) else { return Err(wrong) };
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let found = |value: &Value| {
        let instant = |key: &str| Some(Sec(value[key].as_str()?.parse::<jiff::Timestamp>().ok()?.as_second()));
        let matchers = value["matchers"]
            .as_array()?
            .iter()
            .map(|matcher| Some((text(&matcher["name"])?, text(&matcher["value"])?, matcher["isRegex"].as_bool()?)));
        Some(Found {
            id: text(&value["id"]).filter(|id| id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-'))?,
            comment: text(&value["comment"])?,
            author: text(&value["createdBy"])?,
            over: value["status"]["state"].as_str()? == "expired",
            span: Span::new(instant("startsAt")?, instant("endsAt")?),
            matchers: matchers.collect::<Option<_>>()?,
        })
    };
    list.iter().map(found).collect::<Option<_>>().ok_or(wrong)
}

/// The steps from what there is to what there should be.
///
/// A silence that somebody ended by hand before its time stays ended, unless its window moves.
#[must_use]
pub fn steps(wanted: &[Wanted], found: &[Found], vantage: &str, now: Sec) -> Vec<Step> {
    let ours: Vec<&Found> = found.iter().filter(|f| f.author == AUTHOR && f.comment.contains(&ours(vantage))).collect();
    let mut steps = Vec::new();
    for wish in wanted {
        let same: Vec<&&Found> = ours.iter().filter(|f| f.comment.ends_with(&wish.mark)).collect();
        let live: Vec<&&&Found> = same.iter().filter(|f| !f.over).collect();
        match live.first() {
            Some(live) if wish.is(live, now) => {}
            Some(live) => steps.push(Step::Put(wish.body(Some(&live.id), now))),
            // The comment says which window it was for.
            None if same.iter().any(|ended| ended.comment == wish.comment) => {}
            None => steps.push(Step::Put(wish.body(None, now))),
        }
        // Two daemons of one name, or an answer that got lost, may have left a second one.
        steps.extend(live.iter().skip(1).map(|more| Step::Expire(more.id.clone())));
    }
    for stale in ours.iter().filter(|f| !f.over) {
        if !wanted.iter().any(|wish| stale.comment.ends_with(&wish.mark)) {
            steps.push(Step::Expire(stale.id.clone()));
        }
    }
    steps
}

impl Wanted {
    /// Whether there is nothing to change. A silence made after its window began starts when it was made.
    fn is(&self, found: &Found, now: Sec) -> bool {
        let mut matchers: Vec<_> =
            self.matchers.iter().map(|(name, value, regex)| ((*name).to_owned(), value.clone(), *regex)).collect();
        let mut theirs = found.matchers.clone();
        matchers.sort();
        theirs.sort();
        let begun = self.span.from <= now && found.span.from <= now;
        matchers == theirs
            && found.comment == self.comment
            && found.span.to == self.span.to
            && (found.span.from == self.span.from || begun)
    }

    fn body(&self, id: Option<&str>, now: Sec) -> Value {
        let matchers: Vec<Value> = (self.matchers.iter())
            .map(|(name, value, regex)| json!({ "name": name, "value": value, "isRegex": regex, "isEqual": true }))
            .collect();
        let mut body = json!({
            "matchers": matchers,
            "startsAt": self.span.from.max(now).to_string(),
            "endsAt": self.span.to.to_string(),
            "createdBy": AUTHOR,
            "comment": self.comment,
        });
        if let Some(id) = id {
            body["id"] = id.into();
        }
        body
    }
}

#[cfg(test)]
#[path = "silence_tests.rs"]
mod tests;
