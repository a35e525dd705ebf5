//! The usual lint rules, and those of our own: nothing literal, nothing unnamed, nothing that lies when data is missing.

use std::collections::{BTreeMap, BTreeSet};

use assured::metrics::table::{self, Kind};
use serde_json::Value;

use crate::files::{dashboards, panels};

/// A query of a panel.
pub struct Query {
    pub at: String,
    pub panel: String,
    pub expr: String,
    pub instant: bool,
    /// The least that Grafana takes for a scrape interval here, seconds.
    pub step_s: u64,
    /// Labels that its panel shows: in its legend, or as columns of its table.
    pub labels: BTreeSet<String>,
}

/// Labels in a legend, `{{like this}}`.
fn in_legend(target: &Value) -> BTreeSet<String> {
    let legend = target["legendFormat"].as_str().unwrap_or_default();
    legend.split("{{").skip(1).filter_map(|rest| rest.split("}}").next()).map(|l| l.trim().to_owned()).collect()
}

/// Labels that are columns of a table: all that its first query brings. A matrix makes its columns of values.
fn in_columns(panel: &Value, target: &Value) -> BTreeSet<String> {
    let matrix = panel["transformations"].as_array().is_some_and(|t| t.iter().any(|t| t["id"] == "groupingToMatrix"));
    if panel["type"] != "table" || matrix || target != &panel["targets"][0] {
        return BTreeSet::new();
    }
    let overrides = panel["fieldConfig"]["overrides"].as_array().expect("overrides").iter();
    let names = overrides.filter_map(|o| o["matcher"]["options"].as_str()).filter(|name| !name.starts_with("Value"));
    names.map(str::to_owned).collect()
}

/// Every query of every panel.
pub fn queries(name: &str, dashboard: &Value) -> Vec<Query> {
    let of = |panel: &Value, target: &Value| Query {
        at: format!(
            "{name}: {} ({})",
            panel["title"].as_str().expect("a title"),
            target["refId"].as_str().expect("a name")
        ),
        panel: panel["title"].as_str().expect("a title").to_owned(),
        expr: target["expr"].as_str().expect("a query").to_owned(),
        instant: target["instant"].as_bool().expect("told"),
        step_s: target["interval"]
            .as_str()
            .map_or(1, |i| i.strip_suffix('s').expect("seconds").parse().expect("whole")),
        labels: in_legend(target).into_iter().chain(in_columns(panel, target)).collect(),
    };
    panels(dashboard).flat_map(|p| p["targets"].as_array().expect("targets").iter().map(move |t| of(p, t))).collect()
}

fn each_panel(mut check: impl FnMut(&str, &Value)) {
    for (path, dashboard) in dashboards() {
        for panel in panels(&dashboard) {
            check(&format!("{}: {}", path.display(), panel["title"].as_str().unwrap_or("?")), panel);
        }
    }
}

fn each_query(mut check: impl FnMut(&Query)) {
    for (path, dashboard) in dashboards() {
        queries(&path.display().to_string(), &dashboard).iter().for_each(&mut check);
    }
}

#[test]
fn every_panel_has_a_title_and_a_description_of_its_own() {
    for (path, dashboard) in dashboards() {
        let mut titles = BTreeSet::new();
        for panel in panels(&dashboard) {
            let (title, text) = (panel["title"].as_str().unwrap_or(""), panel["description"].as_str().unwrap_or(""));
            assert!(!title.is_empty() && titles.insert(title.to_owned()), "{}: {title}", path.display());
            assert!(text.len() > 20 && text.ends_with('.') && text != title, "{}: {title}: {text}", path.display());
        }
        assert!(dashboard["description"].as_str().is_some_and(|d| d.ends_with('.')));
        assert_eq!(dashboard["editable"], false);
    }
}

#[test]
fn what_has_no_data_says_what_that_means() {
    each_panel(|at, panel| {
        let no = panel["fieldConfig"]["defaults"]["noValue"].as_str().unwrap_or("");
        assert!(no.len() > 5 && !no.eq_ignore_ascii_case("no data"), "{at}: {no}");
        assert!(!no.starts_with(|c: char| c.is_ascii_digit()), "{at}: nothing is not a number");
    });
    each_query(|q| {
        // `or vector(0)` makes a figure out of nothing.
        assert!(!q.expr.contains("vector("), "{}", q.at);
    });
}

#[test]
fn every_number_has_a_unit() {
    each_panel(|at, panel| {
        let defaults = &panel["fieldConfig"]["defaults"];
        let mapped = defaults["mappings"].as_array().is_some_and(|m| !m.is_empty());
        if panel["type"] != "table" {
            assert!(mapped || defaults["unit"].is_string(), "{at}");
        }
        for over in panel["fieldConfig"]["overrides"].as_array().expect("overrides") {
            let (name, properties) = (&over["matcher"]["options"], over["properties"].as_array().expect("properties"));
            let has = |id: &str| properties.iter().any(|p| p["id"] == id);
            let title =
                properties.iter().find(|p| p["id"] == "displayName").map_or("", |p| p["value"].as_str().unwrap_or(""));
            // Counts of things need none, and objectives of every measure stand in one column in their base units.
            let counts =
                ["Services", "Services that need it", "Outages", "MOS", "R", "In service", "Busy", "Month", "Promised"];
            if panel["type"] == "table" && name.as_str().is_some_and(|n| n.starts_with("Value")) {
                assert!(has("unit") || has("mappings") || counts.contains(&title), "{at}: {name} {title}");
            }
        }
    });
}

#[test]
fn only_the_data_source_variable_is_asked() {
    for (path, dashboard) in dashboards() {
        let mut sources = Vec::new();
        gather(&dashboard, "datasource", &mut sources);
        assert!(sources.len() > 10);
        for source in sources {
            assert_eq!(
                (source["type"].as_str(), source["uid"].as_str()),
                (Some("prometheus"), Some("${datasource}")),
                "{}",
                path.display()
            );
        }
    }
}

fn gather<'v>(value: &'v Value, key: &str, into: &mut Vec<&'v Value>) {
    match value {
        Value::Array(all) => all.iter().for_each(|v| gather(v, key, into)),
        Value::Object(all) => {
            for (k, v) in all {
                if k == key {
                    into.push(v);
                }
                gather(v, key, into);
            }
        }
        _ => {}
    }
}

#[test]
fn variables_are_chained_and_safe_with_thousands_of_values() {
    for (path, dashboard) in dashboards() {
        let list = dashboard["templating"]["list"].as_array().expect("variables");
        let names: Vec<&str> = list.iter().map(|v| v["name"].as_str().expect("a name")).collect();
        assert_eq!(&names[..2], ["datasource", "vantage"], "{}", path.display());
        for (n, v) in list.iter().enumerate().filter(|(_, v)| v["type"] == "query") {
            assert_eq!(v["refresh"], 2, "asked again when the time changes");
            let query = v["query"]["query"].as_str().expect("a query");
            for (m, other) in names.iter().enumerate() {
                assert!(
                    !query.contains(&format!("${other}")) || m < n,
                    "{}: {} needs {other} first",
                    path.display(),
                    v["name"]
                );
            }
            if v["multi"] == true {
                // Without it "All" would be a pattern of every name there is.
                assert_eq!(
                    (&v["includeAll"], v["allValue"].as_str()),
                    (&Value::Bool(true), Some(".*")),
                    "{}",
                    v["name"]
                );
            }
        }
        let text = dashboard["panels"].to_string();
        for name in &names {
            assert!(
                ["datasource", "board"].contains(name)
                    || text.contains(&format!("${name}"))
                    || text.contains(&format!("${{{name}"))
                    || *name == "contract",
                "{}: {name} is used",
                path.display()
            );
        }
    }
    each_query(|q| {
        for many in ["contract", "site", "service", "component", "trunk"] {
            let wrong = [format!("=\"${many}\""), format!("!=\"${many}\"")];
            let used = q.expr.matches(&format!("\"${many}\"")).count();
            assert_eq!(used, q.expr.matches(&format!("{many}=~\"${many}\"")).count(), "{}: {wrong:?}", q.at);
        }
    });
}

/// What stands in brackets right after `open`, the closing one found by counting.
fn bracketed(text: &str, open: usize) -> &str {
    let mut depth = 0;
    for (at, c) in text[open..].char_indices() {
        depth += match c {
            '(' => 1,
            ')' => -1,
            _ => 0,
        };
        if depth == 0 {
            return &text[open + 1..open + at];
        }
    }
    panic!("an open bracket in {text}")
}

#[test]
fn rates_are_taken_over_the_rate_interval() {
    each_query(|q| {
        for word in ["rate(", "irate("] {
            for (at, _) in q.expr.match_indices(word) {
                if q.expr[..at].ends_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
                    continue;
                }
                let inside = bracketed(&q.expr, at + word.len() - 1);
                let ranges: Vec<&str> = inside.split('[').skip(1).map(|r| r.split(']').next().unwrap_or("")).collect();
                assert_eq!(ranges, ["$__rate_interval"], "{}: {inside}", q.at);
            }
        }
    });
}

/// What is polled once a minute is a step once a minute: over less than a few polls its rate is either nothing or too much.
#[test]
fn rates_of_what_is_polled_are_taken_over_several_polls() {
    let polled = ["rate(assured_interface_", "rate(assured_snmp_", "rate(assured_device_", "rate(assured_gateway_"];
    let mut found = 0;
    each_query(|q| {
        let of_polls = polled.iter().any(|rate| q.expr.contains(rate));
        assert_eq!(q.step_s, if of_polls { 60 } else { 1 }, "{}", q.at);
        found += usize::from(of_polls);
    });
    assert!(found > 8, "{found}");
}

/// Every metric of ours in a query: its name, what follows it, and the function directly around it.
fn metrics(expr: &str) -> Vec<(String, &str, String)> {
    expr.match_indices("assured_")
        .filter(|(at, _)| !expr[..*at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_'))
        .map(|(at, _)| {
            let length = expr[at..].find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(expr.len() - at);
            let around: String = match expr[..at].strip_suffix('(') {
                Some(before) => {
                    let start = before.rfind(|c: char| !c.is_ascii_alphanumeric() && c != '_').map_or(0, |n| n + 1);
                    before[start..].to_owned()
                }
                None => String::new(),
            };
            (expr[at..at + length].to_owned(), &expr[at + length..], around)
        })
        .collect()
}

/// Kind and labels of a metric, by the table.
fn known(name: &str) -> (bool, Vec<&'static str>) {
    let base = name.trim_end_matches("_bucket").trim_end_matches("_sum").trim_end_matches("_count");
    let of_table = table::ALL.iter().find(|m| m.name == name || (m.kind == Kind::Histogram && m.name == base));
    let metric = of_table.unwrap_or_else(|| panic!("no metric is named {name}"));
    (metric.kind == Kind::Counter, metric.labels.to_vec())
}

#[test]
fn queries_name_metrics_and_labels_that_exist_and_one_vantage() {
    each_query(|q| {
        let found = metrics(&q.expr);
        assert!(!found.is_empty() || q.expr.starts_with("scrape_"), "{}", q.at);
        for (name, after, _) in found {
            let (_, labels) = known(&name);
            let selector = after
                .strip_prefix('{')
                .and_then(|s| s.split('}').next())
                .unwrap_or_else(|| panic!("{}: {name} has a selector", q.at));
            assert!(selector.contains("vantage=\"$vantage\""), "{}: {name} looks from one vantage", q.at);
            for matcher in selector.split("\",") {
                let label = matcher.split(['=', '!']).next().expect("a label");
                assert!(label == "vantage" || labels.contains(&label), "{}: {name} has no label {label}", q.at);
            }
        }
    });
}

#[test]
fn counters_are_only_looked_at_as_rates() {
    each_query(|q| {
        for (name, _, around) in metrics(&q.expr) {
            if known(&name).0 {
                assert!(["rate", "irate", "increase"].contains(&around.as_str()), "{}: {around}({name})", q.at);
            }
        }
    });
}

#[test]
fn thresholds_on_promises_are_the_contracts_own() {
    // The only literal steps: nothing or something, exactly the promise, a quarter of it left, and a channel or a link that is full.
    let allowed = [0.0, 1.0, 0.25, 1e-9, 0.8, 0.95];
    each_panel(|at, panel| {
        let mut found = Vec::new();
        gather(panel, "steps", &mut found);
        for step in found.iter().flat_map(|s| s.as_array().expect("steps")) {
            let value = step["value"].as_f64();
            assert!(value.is_none_or(|v| allowed.contains(&v)), "{at}: {value:?}");
        }
    });
    // Limits are drawn where lines have a promise to be held against.
    let drawn: BTreeSet<String> = dashboards()
        .iter()
        .flat_map(|(p, d)| queries(&p.display().to_string(), d))
        .filter(|q| q.at.ends_with("(L)") && q.expr.contains("assured_objective_limit"))
        .map(|q| q.panel)
        .collect();
    assert!(drawn.len() >= 5, "{drawn:?}");
}

#[test]
fn panels_have_numbers_of_their_own_and_do_not_overlap() {
    for (path, dashboard) in dashboards() {
        let (mut ids, mut taken) = (BTreeSet::new(), BTreeMap::new());
        for panel in dashboard["panels"].as_array().expect("panels") {
            assert!(ids.insert(panel["id"].as_u64().expect("a number")), "{}", path.display());
            let side = |k: &str| panel["gridPos"][k].as_u64().expect("a side");
            assert!(side("w") > 0 && side("h") > 0 && side("x") + side("w") <= 24);
            for x in side("x")..side("x") + side("w") {
                for y in side("y")..side("y") + side("h") {
                    let former = taken.insert((x, y), panel["title"].clone());
                    assert!(
                        former.is_none(),
                        "{}: {} lies over {}",
                        path.display(),
                        panel["title"],
                        former.unwrap_or_default()
                    );
                }
            }
        }
    }
}

#[test]
fn links_lead_to_dashboards_that_are_there_with_variables_that_they_have() {
    let all = dashboards();
    let known: BTreeMap<&str, BTreeSet<&str>> = all
        .iter()
        .map(|(_, d)| {
            let names = d["templating"]["list"]
                .as_array()
                .expect("variables")
                .iter()
                .map(|v| v["name"].as_str().expect("a name"))
                .collect();
            (d["uid"].as_str().expect("an identifier"), names)
        })
        .collect();
    assert_eq!(known.len(), all.len(), "identifiers are unique");
    let mut reached = BTreeSet::new();
    for (path, dashboard) in &all {
        assert!(
            dashboard["tags"].as_array().is_some_and(|t| t.contains(&"assured".into())),
            "found by the others' row of links"
        );
        let mut urls = Vec::new();
        gather(dashboard, "url", &mut urls);
        for url in urls.iter().map(|u| u.as_str().expect("text")) {
            if let Some(rest) = url.strip_prefix("/d/") {
                let (uid, query) = rest.split_once('?').expect("a query");
                let has = known.get(uid).unwrap_or_else(|| panic!("{}: {url}", path.display()));
                reached.insert(uid.to_owned());
                for name in query
                    .split('&')
                    .filter_map(|p| p.strip_prefix("var-"))
                    .map(|p| p.split('=').next().expect("a name"))
                {
                    assert!(has.contains(name), "{}: {uid} has no variable {name}", path.display());
                }
                assert!(query.contains("${datasource:queryparam}") && query.contains("${vantage:queryparam}"), "{url}");
            } else {
                assert!(
                    url == "${board:raw}/" || url.starts_with("${board:raw}/services/${__data.fields."),
                    "{}: {url}",
                    path.display()
                );
            }
        }
        // A link can only carry a field that the table has.
        for panel in panels(dashboard).filter(|p| p["type"] == "table") {
            let text = panel.to_string();
            for field in text.split("__data.fields.").skip(1).map(|t| t.split('}').next().expect("a name")) {
                assert!(
                    text.contains(&format!("\"options\":\"{field}\"")),
                    "{}: {}: {field}",
                    path.display(),
                    panel["title"]
                );
            }
        }
    }
    assert!(reached.len() >= 2, "{reached:?}");
}
