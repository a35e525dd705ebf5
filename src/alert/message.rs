//! What is said to an Alertmanager, as its API v2 wants it: pure text, no clock, no I/O.
//!
//! Source: `api/v2/openapi.yaml` of Alertmanager, `postableAlerts` and `postableSilence`.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::queue::{Item, News};
use crate::units::Sec;

/// Longest text of an annotation, in characters; longer ones are cut.
pub const MAX_TEXT: usize = 2_000;

/// Labels: an alert's identity.
pub type Labels = BTreeMap<String, String>;

/// An alert without its times.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Alert {
    /// Who it is. They never change while it lives.
    pub labels: Labels,
    /// What is said about it. May change.
    pub annotations: BTreeMap<String, String>,
    /// The page that shows it.
    pub link: String,
}

/// The body of `POST /api/v2/alerts`.
#[must_use]
pub fn alerts(items: &[Item], zone: &TimeZone) -> String {
    Value::Array(items.iter().map(|item| alert(item, zone)).collect()).to_string()
}

fn alert(item: &Item, zone: &TimeZone) -> Value {
    let mut annotations = item.alert.annotations.clone();
    let ends_at = match item.news {
        News::Firing(until) => until,
        News::Resolved(ended) => ended,
        News::Late(ended, until) => {
            let late = format!(
                "Over already: it lasted from {} to {}. No Alertmanager could be reached in that time, so it is told only now.",
                local(item.starts_at, zone),
                local(ended, zone)
            );
            let description = annotations.entry("description".into()).or_default();
            *description = if description.is_empty() { late.clone() } else { format!("{late} {description}") };
            if let Some(summary) = annotations.get_mut("summary") {
                *summary = format!("Over already: {summary}");
            }
            annotations.insert("ended_local".into(), local(ended, zone));
            until
        }
    };
    for text in annotations.values_mut() {
        if text.chars().count() > MAX_TEXT {
            *text = text.chars().take(MAX_TEXT - 1).chain(['…']).collect();
        }
    }
    // An end before the beginning is refused; a clock that stepped back may have made one.
    json!({
        "labels": item.alert.labels,
        "annotations": annotations,
        "startsAt": item.starts_at.min(ends_at).to_string(),
        "endsAt": ends_at.to_string(),
        "generatorURL": item.alert.link,
    })
}

/// An instant as a person in that zone says it: `2026-10-25 01:30:00 BST`.
#[must_use]
pub fn local(at: Sec, zone: &TimeZone) -> String {
    match jiff::Timestamp::from_second(at.0) {
        Ok(at) => at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S %Z").to_string(),
        Err(_) => at.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(news: News) -> Item {
        let map = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        let alert = Alert {
            labels: map(&[("alertname", "A"), ("severity", "critical")]),
            annotations: map(&[("summary", "s \"quoted\"\n"), ("description", "d")]),
            link: "http://127.0.0.1:9878/services/x".into(),
        };
        Item { alert, starts_at: Sec(1_792_886_400), news }
    }

    fn told(news: News) -> Value {
        let zone = TimeZone::get("Europe/London").unwrap();
        serde_json::from_str::<Value>(&alerts(&[item(news)], &zone)).unwrap()[0].clone()
    }

    #[test]
    fn what_stands_ends_in_the_future_and_what_is_over_in_the_past() {
        let firing = told(News::Firing(Sec(1_792_890_000)));
        assert_eq!(firing["startsAt"], "2026-10-25T00:00:00Z");
        assert_eq!(firing["endsAt"], "2026-10-25T01:00:00Z");
        assert_eq!(firing["annotations"]["summary"], "s \"quoted\"\n");
        assert_eq!(firing["generatorURL"], "http://127.0.0.1:9878/services/x");
        assert_eq!(told(News::Resolved(Sec(1_792_886_460)))["endsAt"], "2026-10-25T00:01:00Z");
    }

    #[test]
    fn what_is_told_late_says_when_it_was_in_local_time() {
        let late = told(News::Late(Sec(1_792_890_000), Sec(1_792_899_999)));
        assert_eq!(late["endsAt"], "2026-10-25T03:46:39Z");
        let text = late["annotations"]["description"].as_str().unwrap();
        assert!(text.contains("from 2026-10-25 01:00:00 BST to 2026-10-25 01:00:00 GMT"), "{text}");
        assert!(text.ends_with(" d"), "{text}");
        assert_eq!(late["labels"], told(News::Firing(Sec(0)))["labels"], "labels are identity");
    }

    #[test]
    fn an_end_before_the_beginning_is_never_said() {
        let stepped = told(News::Resolved(Sec(1_000)));
        assert_eq!((&stepped["startsAt"], &stepped["endsAt"]), (&stepped["endsAt"], &stepped["endsAt"]));
    }

    #[test]
    fn long_texts_are_cut() {
        let mut long = item(News::Firing(Sec(2)));
        long.alert.annotations.insert("x".into(), "é".repeat(9_000));
        let said: Value = serde_json::from_str(&alerts(&[long], &TimeZone::UTC)).unwrap();
        assert_eq!(said[0]["annotations"]["x"].as_str().unwrap().chars().count(), MAX_TEXT);
    }
}
