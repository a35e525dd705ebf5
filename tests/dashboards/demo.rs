//! Every query of every panel and variable over the demo: the real program, its network with agents that answer SNMP,
//! an Alertmanager that it tells, and a Prometheus with the rules that were made for it. No series is written by hand.
//!
//! Needs root for the demo's network, and the Debian packages `prometheus` and `prometheus-alertmanager`.

use std::process::{Command, Stdio};
use std::time::Duration;

use crate::alerts::{Alertmanager, Mood, Server};
use crate::daemon::{ASSURED, free_address, until};
use crate::lint::Query;
use crate::live::{Prometheus, Running, all_queries, until_all_answer, variables_have_values};

/// Panels that are empty while all is well, and what the demo would have to suffer for them. Their queries must be
/// understood all the same.
const EMPTY_WHEN_ALL_IS_WELL: [(&str, &str); 1] =
    [("voice.json: Gateways (A)", "a gateway that was not up throughout; the demo's never fail")];

fn may_be_empty(query: &Query) -> bool {
    EMPTY_WHEN_ALL_IS_WELL.iter().any(|(at, _)| query.at.ends_with(at))
}

#[test]
fn every_query_of_every_panel_and_variable_answers_over_the_demo() {
    let dir = tempfile::tempdir().expect("a folder");
    let (page, evidence) = (free_address().to_string(), dir.path().join("evidence"));
    std::fs::create_dir(&evidence).expect("made");
    let sink = Server::start(Mood::Fine);
    let alertmanager = Alertmanager::start(free_address(), dir.path(), &sink, ("5s", "15s"), None);
    let _demo = Running(
        Command::new(ASSURED)
            .args(["demo", "--seconds", "600", "--listen", &page, "--alertmanager", &alertmanager.url(), "--data-dir"])
            .arg(&evidence)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program"),
    );
    let config = evidence.join("assured.toml");
    until("the demo has written its configuration", || config.exists().then_some(()));
    let rules = Command::new(ASSURED).args(["rules", "--out"]).arg(dir.path()).arg("--config").arg(&config).output();
    let rules = rules.expect("the program");
    assert!(rules.status.success(), "{}", String::from_utf8_lossy(&rules.stderr));
    let prometheus = Prometheus::over(&page, dir.path(), &[]);

    let (quiet, asked): (Vec<Query>, Vec<Query>) = all_queries().into_iter().partition(may_be_empty);
    assert_eq!(quiet.len(), EMPTY_WHEN_ALL_IS_WELL.len(), "the list names queries that are there");
    until_all_answer(&prometheus, asked, "county-hall", Duration::from_secs(360));
    for query in quiet {
        // Panics when Prometheus does not understand it.
        prometheus.answers(&query, "county-hall");
    }
    variables_have_values(&prometheus, "county-hall");

    let rules = prometheus.ask("/api/v1/rules", &[]).expect("a question").expect("it is up");
    let rules: Vec<_> =
        rules["groups"].as_array().expect("groups").iter().flat_map(|g| g["rules"].as_array()).collect();
    let rules: Vec<_> = rules.into_iter().flatten().collect();
    assert!(rules.len() > 10, "{}", rules.len());
    for rule in rules {
        assert_eq!(rule["health"], "ok", "{rule}");
    }
}
