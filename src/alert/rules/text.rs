//! Annotations: the table's texts with each field as a template that looks it up when the alert is told.
//!
//! A template never holds a text of the configuration: titles, contacts and references come out of
//! queries, and what comes out of a query is not expanded again.

use crate::alert::catalogue::{About, Alert};

/// Every annotation of an alert: its name and its template.
pub(super) fn annotations(alert: &Alert) -> Vec<(&'static str, String)> {
    let mut all = vec![
        ("summary", filled(alert.summary, alert.about)),
        ("description", filled(alert.description, alert.about)),
        ("sla_impact", filled(alert.impact, alert.about)),
    ];
    if [alert.description, alert.summary].iter().any(|text| text.contains("{since}")) {
        all.push(("started_local", field("since", alert.about)));
    }
    if let Some(contracts) = contracts(alert.about) {
        all.push(("contact", listed(&format!("sum by (name, phone, email) ({contracts} * on (contract, vantage) group_left (name, phone, email) max by (contract, vantage, name, phone, email) (assured_contract_contact_info))"), alert.about,
            "name",
            r#"{{ with label "name" $c }}{{ . }}{{ else }}no name given{{ end }}{{ with label "phone" $c }}, {{ . }}{{ end }}{{ with label "email" $c }}, {{ . }}{{ end }}"#,
            "nobody is named")));
        all.push(("quote", format!(
            "{}: {}",
            listed(&format!("sum by (reference, contract) ({contracts} * on (contract, vantage) group_left (reference) max by (contract, vantage, reference) (assured_contract_info))"), alert.about,
                "contract",
                r#"{{ with label "reference" $c }}{{ . }}{{ else }}{{ label "contract" $c }}{{ end }}"#,
                "no contract"),
            quoted_subject(alert.about),
        )));
    }
    all.push(("runbook", alert.runbook()));
    all
}

/// What to say it is about: the identifier that stands in the evidence, too.
fn quoted_subject(about: About) -> &'static str {
    match about {
        About::Service => "{{ $labels.service }}",
        About::Objective => "{{ $labels.service }}, {{ $labels.class }} {{ $labels.measure }}",
        About::Site => "{{ $labels.site }}",
        About::Component => "{{ $labels.component }}",
        About::Trunk => "{{ $labels.component }} {{ $labels.trunk }}",
        About::Monitor => "{{ $labels.vantage }}",
    }
}

/// One series for each contract that is concerned.
fn contracts(about: About) -> Option<&'static str> {
    match about {
        About::Service | About::Objective => {
            Some("max by (contract, vantage) (assured_contract_info{vantage=%q,contract=%q})")
        }
        About::Site => Some("max by (contract, vantage) (assured_service_info{vantage=%q,site=%q})"),
        About::Component | About::Trunk => {
            Some("max by (contract, vantage) (assured_service_requires_info{vantage=%q,component=%q})")
        }
        About::Monitor => None,
    }
}

/// Each result `$c` of a query by `item`, with semicolons between; `none` without any.
fn listed(query: &str, about: About, sorted_by: &str, item: &str, none: &str) -> String {
    let label = match about {
        About::Service | About::Objective => "contract",
        About::Site => "site",
        About::Component | About::Trunk => "component",
        About::Monitor => "vantage",
    };
    format!(
        "{{{{ with printf {query:?} $labels.vantage $labels.{label} | query }}}}{{{{ range $i, $c := sortByLabel \"{sorted_by}\" . }}}}{{{{ if $i }}}}; {{{{ end }}}}{item}{{{{ end }}}}{{{{ else }}}}{none}{{{{ end }}}}"
    )
}

/// The text with its fields filled in.
fn filled(text: &str, about: About) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, behind) = after.split_once('}').unwrap_or((after, ""));
        out.push_str(before);
        out.push_str(&field(name, about));
        rest = behind;
    }
    out + rest
}

/// The template of one field.
fn field(name: &str, about: About) -> String {
    let service = r#"vantage=%q,service=%q"#;
    let twice = r#"vantage=%[1]q,service=%[2]q"#;
    let of_service = "$labels.vantage $labels.service";
    let objective = r#"vantage=%q,service=%q,class=%q,measure=%q"#;
    let of_objective = "$labels.vantage $labels.service $labels.class $labels.measure";
    match name {
        "site" => title("site"),
        "service" => title("service"),
        "component" => title("component"),
        "since" if about == About::Component => instant(
            "max by (vantage) (assured_component_since_timestamp_seconds{vantage=%[1]q,component=%[2]q} and on (component, vantage) assured_component_state{vantage=%[1]q,component=%[2]q,state=\"down\"} == 1)",
            "$labels.vantage $labels.component",
        ),
        "since" => instant(
            &format!(
                "max by (vantage) (assured_service_since_timestamp_seconds{{{twice}}} and on (service, vantage) assured_service_state{{{twice},state=~\"down|degraded\"}} == 1)"
            ),
            of_service,
        ),
        "deadline" => instant(
            &format!("max by (vantage) (assured_service_restore_deadline_timestamp_seconds{{{service}}})"),
            of_service,
        ),
        "left" => number(
            &format!("clamp_min(floor(100 * max(assured_service_budget_remaining_ratio{{{service}}})), 0)"),
            of_service,
            "%.0f%%",
            "nothing",
        ),
        "target" => number(
            &format!("100 * max(assured_service_availability_target_ratio{{{service}}})"),
            of_service,
            "%.7g%%",
            "more",
        ),
        // Truncated, as everywhere: what is not reached is never shown as reached.
        "achievable" => number(
            &format!("floor(1e6 * max(assured_service_availability_achievable_ratio{{{service}}}) + 1e-6) / 1e4"),
            of_service,
            "%.4f%%",
            "less",
        ),
        "value" => {
            measured(&format!("max(assured_objective_value{{{objective}}})"), of_objective, "more than was answered")
        }
        "limit" => measured(&format!("max(assured_objective_limit{{{objective}}})"), of_objective, "its limit"),
        label => format!("{{{{ $labels.{label} }}}}"),
    }
}

/// The title of what the label names; its identifier when there is none.
fn title(label: &str) -> String {
    format!(
        "{{{{ with printf \"assured_{label}_info{{vantage=%q,{label}=%q}}\" $labels.vantage $labels.{label} | query }}}}{{{{ . | first | label \"title\" }}}}{{{{ else }}}}{{{{ $labels.{label} }}}}{{{{ end }}}}"
    )
}

/// An instant in the monitor's local time, with the zone's name.
fn instant(query: &str, arguments: &str) -> String {
    let query = format!(
        "{query} + on (vantage) group_left (abbreviation) max by (vantage, abbreviation) (assured_monitor_utc_offset_seconds)"
    );
    format!(
        "{{{{ with printf {query:?} {arguments} | query }}}}{{{{ (. | first | value | toTime).Format \"2006-01-02 15:04:05\" }}}} {{{{ . | first | label \"abbreviation\" }}}}{{{{ else }}}}an earlier time{{{{ end }}}}"
    )
}

/// A number by a format of its own.
fn number(query: &str, arguments: &str, format: &str, none: &str) -> String {
    format!(
        "{{{{ with printf {query:?} {arguments} | query }}}}{{{{ . | first | value | printf \"{format}\" }}}}{{{{ else }}}}{none}{{{{ end }}}}"
    )
}

/// A measure in the unit that its limit is written in.
fn measured(query: &str, arguments: &str, none: &str) -> String {
    format!(
        "{{{{ with printf {query:?} {arguments} | query }}}}{{{{ if eq $labels.measure \"loss\" }}}}{{{{ . | first | value | humanizePercentage }}}}{{{{ else }}}}{{{{ if eq $labels.measure \"mos\" }}}}{{{{ . | first | value | printf \"%.2f\" }}}}{{{{ else }}}}{{{{ . | first | value | humanizeDuration }}}}{{{{ end }}}}{{{{ end }}}}{{{{ else }}}}{none}{{{{ end }}}}"
    )
}
