//! What `/metrics` says in each format: its grammar, its names, its labels, its values.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use assured::metrics::table::{self, Kind};
use assured::metrics::{Format, render};
use assured::snapshot::Snapshot;
use support::estate;

fn text(snapshot: Snapshot, format: Format) -> String {
    String::from_utf8(render(&Arc::new(snapshot), format)).expect("expositions are UTF-8")
}

/// A sample line taken apart.
#[derive(Debug)]
struct Sample {
    name: String,
    labels: Vec<(String, String)>,
    value: f64,
}

/// Reads a sample by the grammar that both text formats share here: name, labels, one number.
fn sample(line: &str) -> Sample {
    let end = line.find(['{', ' ']).expect("a name ends in a brace or a space");
    let (name, mut rest) = line.split_at(end);
    assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b':'), "{line}");
    let mut labels = Vec::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        while !rest.starts_with('}') {
            let (key, value) = rest.split_once("=\"").expect("a label has a quoted value");
            assert!(key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'), "{line}");
            let (mut unescaped, mut chars) = (String::new(), value.char_indices());
            let close = loop {
                match chars.next().expect("a label's value ends") {
                    (at, '"') => break at,
                    (_, '\\') => match chars.next().expect("an escape has a second half").1 {
                        'n' => unescaped.push('\n'),
                        c @ ('\\' | '"') => unescaped.push(c),
                        other => panic!("unknown escape \\{other} in {line}"),
                    },
                    (_, c) => unescaped.push(c),
                }
            };
            labels.push((key.to_owned(), unescaped));
            rest = &value[close + 1..];
            rest = rest.strip_prefix(',').unwrap_or(rest);
        }
        rest = &rest[1..];
    }
    let number = rest.strip_prefix(' ').expect("one space before the value");
    Sample { name: name.to_owned(), labels, value: number.parse().unwrap_or_else(|_| panic!("no number: {line}")) }
}

/// Checks an exposition by the rules of OpenMetrics 1.0 that bear on what we emit; gives back its samples by family.
fn open_metrics(text: &str) -> BTreeMap<String, (String, Vec<Sample>)> {
    assert!(text.ends_with("# EOF\n"), "the exposition ends in its end mark");
    let mut families: BTreeMap<String, (String, Vec<Sample>)> = BTreeMap::new();
    let (mut current, mut seen) = (String::new(), BTreeSet::new());
    for line in text.strip_suffix("# EOF\n").expect("checked above").lines() {
        assert!(!line.is_empty() && !line.starts_with("# EOF"), "neither empty lines nor a second end mark");
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            let (what, family, told) = (words.next(), words.next(), words.next());
            let (family, told) = (family.expect("a family").to_owned(), told.expect("something told"));
            match what {
                Some("HELP") => {
                    assert!(!families.contains_key(&family), "{family} comes once and in one piece");
                    current.clone_from(&family);
                    families.insert(family, (String::new(), Vec::new()));
                }
                Some("TYPE") => families.get_mut(&family).expect("HELP first").0 = told.to_owned(),
                Some("UNIT") => assert!(family.ends_with(&format!("_{told}")), "the unit ends the name: {family}"),
                other => panic!("unknown comment {other:?}"),
            }
            continue;
        }
        let s = sample(line);
        let (kind, samples) = families.get_mut(&current).expect("a sample follows its family's comments");
        let suffix = s.name.strip_prefix(&current).unwrap_or_else(|| panic!("{} stands under {current}", s.name));
        let suffixes: &[&str] = match kind.as_str() {
            "counter" => &["_total"],
            "gauge" => &[""],
            "info" => &["_info"],
            "histogram" => &["_bucket", "_sum", "_count"],
            other => panic!("unexpected type {other}"),
        };
        assert!(suffixes.contains(&suffix), "{} is no sample of a {kind}", s.name);
        assert!(s.value.is_finite() && (kind != "counter" || s.value >= 0.0), "{line}");
        let keys: BTreeSet<_> = s.labels.iter().map(|(k, _)| k).collect();
        assert_eq!(keys.len(), s.labels.len(), "no label twice: {line}");
        assert!(seen.insert((s.name.clone(), s.labels.clone())), "no series twice: {line}");
        samples.push(s);
    }
    families
}

#[test]
fn open_metrics_rules_hold_for_council_empty_and_hostile_estates() {
    for snapshot in [estate::council(), estate::empty(), estate::hostile()] {
        open_metrics(&text(snapshot, Format::OpenMetrics));
    }
}

#[test]
fn series_carry_exactly_the_labels_of_the_table() {
    let families = open_metrics(&text(estate::council(), Format::OpenMetrics));
    assert_eq!(families.len(), table::ALL.len());
    for metric in table::ALL {
        let family = metric.name.trim_end_matches("_total").trim_end_matches("_info");
        for s in &families[family].1 {
            let keys: BTreeSet<&str> = s.labels.iter().map(|(k, _)| k.as_str()).filter(|k| *k != "le").collect();
            let wanted: BTreeSet<&str> = metric.labels.iter().copied().chain(["vantage"]).collect();
            assert_eq!(keys, wanted, "{}", s.name);
        }
    }
}

#[test]
fn the_four_accounts_add_up_and_one_state_holds() {
    let council = estate::council();
    let window: Vec<f64> = council
        .services
        .iter()
        .map(|v| (v.accounts.up + v.accounts.down + v.accounts.unknown + v.accounts.excluded) as f64)
        .collect();
    let families = open_metrics(&text(council, Format::OpenMetrics));
    for (n, four) in families["assured_service_month_seconds"].1.chunks(4).enumerate() {
        assert!((four.iter().map(|s| s.value).sum::<f64>() - window[n]).abs() < 0.5);
    }
    for (family, states) in [("assured_service_state", 5), ("assured_component_state", 4)] {
        for all in families[family].1.chunks(states) {
            assert!((all.iter().map(|s| s.value).sum::<f64>() - 1.0).abs() < 1e-9, "{all:?}");
        }
    }
}

#[test]
fn histogram_buckets_are_cumulative_and_end_at_the_count() {
    let families = open_metrics(&text(estate::council(), Format::OpenMetrics));
    let (mut below, mut last) = (0.0, String::new());
    for s in &families["assured_probe_rtt_seconds"].1 {
        if s.name == "assured_probe_rtt_seconds_count" {
            assert_eq!(last, "+Inf");
            assert!((s.value - below).abs() < 0.5);
            below = 0.0;
        } else if let Some((_, le)) = s.labels.iter().find(|(k, _)| k == "le") {
            assert!(s.value >= below);
            (below, last) = (s.value, le.clone());
        }
    }
}

#[test]
fn the_older_text_names_counters_in_full_and_has_no_newer_words() {
    let plain = text(estate::council(), Format::Text);
    assert!(plain.contains("# TYPE assured_probe_sent_total counter\n"));
    assert!(plain.contains("# HELP assured_build_info "));
    assert!(plain.contains("# TYPE assured_build_info gauge\n"));
    for newer in ["# EOF", "# UNIT", " info\n", " unknown\n", " stateset\n"] {
        assert!(!plain.contains(newer), "{newer}");
    }
    let samples = |t: &str| t.lines().filter(|l| !l.starts_with('#')).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(samples(&plain), samples(&text(estate::council(), Format::OpenMetrics)));
}

#[test]
fn hostile_names_come_back_whole_from_their_escapes() {
    let families = open_metrics(&text(estate::hostile(), Format::OpenMetrics));
    let info = &families["assured_contract"].1[0];
    for label in ["vantage", "title", "provider", "customer", "reference"] {
        assert_eq!(info.labels.iter().find(|(k, _)| k == label).map(|(_, v)| v.as_str()), Some(estate::HOSTILE));
    }
}

#[test]
fn compressed_and_plain_are_the_same_text() {
    use std::io::Read as _;
    let snapshot = Arc::new(estate::large(300));
    for format in [Format::Text, Format::OpenMetrics, Format::Protobuf] {
        let mut plain = Vec::new();
        let gzip = assured::metrics::render::render_gzip(&snapshot, format);
        flate2::read::GzDecoder::new(gzip.as_slice()).read_to_end(&mut plain).expect("gzip");
        assert_eq!(plain, render(&snapshot, format), "{format:?}");
    }
}

#[test]
fn the_documentation_names_every_metric_as_the_table_does() {
    let documented = std::fs::read_to_string("docs/metrics.md").expect("docs/metrics.md");
    let rows: Vec<&str> = documented.lines().filter(|l| l.starts_with("| `assured_")).collect();
    let wanted: Vec<String> = table::ALL.iter().map(row).collect();
    for row in &wanted {
        assert!(rows.contains(&row.as_str()), "docs/metrics.md lacks this row:\n{row}");
    }
    assert_eq!(rows.len(), wanted.len(), "docs/metrics.md names metrics that do not exist");
}

fn row(metric: &table::Metric) -> String {
    let mut labels: Vec<String> = metric.labels.iter().map(|l| format!("`{l}`")).collect();
    labels.push("`vantage`".into());
    let kind = match metric.kind {
        Kind::StateSet => "stateset (gauge)",
        other => other.name(),
    };
    let unit = metric.unit.unwrap_or("–");
    format!("| `{}` | {kind} | {unit} | {} | {} |", metric.name, labels.join(" "), metric.help)
}

/// Every sample of the protobuf format as prometheus-client's own messages read it, keyed as in the text.
fn decoded(snapshot: &Snapshot) -> BTreeMap<String, f64> {
    use prometheus_client::encoding::prometheus_protobuf::prometheus_data_model::MetricFamily;
    use prost::Message as _;
    let bytes = render(snapshot, Format::Protobuf);
    let (mut rest, mut samples) = (bytes.as_slice(), BTreeMap::new());
    while !rest.is_empty() {
        let family = MetricFamily::decode_length_delimited(&mut rest).expect("a family");
        for m in family.metric {
            let key = |suffix: &str, le: Option<f64>| {
                let mut labels: Vec<_> = m.label.iter().map(|l| (l.name.clone(), l.value.clone())).collect();
                labels.extend(le.map(|le| ("le".to_owned(), le.to_string().replace("inf", "+Inf"))));
                labels.sort();
                format!("{}{suffix} {labels:?}", family.name)
            };
            if let Some(h) = &m.histogram {
                let native: i64 = h
                    .positive_delta
                    .iter()
                    .scan(0, |count, d| {
                        *count += d;
                        Some(*count)
                    })
                    .sum();
                assert_eq!(u64::try_from(native).expect("not negative") + h.zero_count, h.sample_count);
                assert_eq!(h.positive_span.iter().map(|s| s.length as usize).sum::<usize>(), h.positive_delta.len());
                assert_eq!(h.schema, 3);
                samples.insert(key("_sum", None), h.sample_sum);
                samples.insert(key("_count", None), h.sample_count as f64);
                for b in &h.bucket {
                    samples.insert(key("_bucket", Some(b.upper_bound)), b.cumulative_count as f64);
                }
            }
            let plain = m.counter.as_ref().map(|c| c.value).or(m.gauge.as_ref().map(|g| g.value));
            samples.extend(plain.map(|value| (key("", None), value)));
        }
    }
    samples
}

#[test]
fn protobuf_says_what_the_text_says() {
    for snapshot in [estate::council(), estate::hostile(), estate::empty()] {
        let told: BTreeMap<String, f64> = open_metrics(&text(snapshot.clone(), Format::OpenMetrics))
            .into_values()
            .flat_map(|(_, samples)| samples)
            .map(|mut s| {
                for (_, le) in s.labels.iter_mut().filter(|(k, v)| k == "le" && v != "+Inf") {
                    *le = le.parse::<f64>().expect("a bound").to_string();
                }
                s.labels.sort();
                (format!("{} {:?}", s.name, s.labels), s.value)
            })
            .collect();
        assert_eq!(decoded(&snapshot), told);
    }
}
