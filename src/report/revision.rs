//! A closed month's figures change only by a revision, which lists every figure with its old and new value.

use std::collections::BTreeMap;

use super::model::{Change, Report};
use crate::evidence::chain::Hash;

/// A month's figures by name, in the order of the report.
pub type Figures = Vec<(String, String)>;

/// Every figure that a party could hold us to.
#[must_use]
pub fn figures(report: &Report) -> Figures {
    let mut all = Vec::new();
    for service in &report.services {
        let mut add = |name: &str, value: String| all.push((format!("{}.{name}", service.id), value));
        let s = &service.seconds;
        for (name, seconds) in
            [("window", s.window), ("up", s.up), ("down", s.down), ("unknown", s.unknown), ("excluded", s.excluded)]
        {
            add(&format!("seconds.{name}"), seconds.to_string());
        }
        add("availability", service.availability.clone());
        add("lower", service.lower.clone());
        add("upper", service.upper.clone());
        add("coverage", service.coverage.clone());
        add("verdict", service.verdict.name().into());
        add("outages", service.outages.len().to_string());
        for o in &service.objectives {
            let value = o.value.as_deref().unwrap_or("not measured");
            add(&format!("{}.{}", o.class, o.measure), format!("{value} ({})", o.verdict.words()));
        }
        add("credit", service.credit.amount.clone().unwrap_or_else(|| format!("{}%", service.credit.percent)));
    }
    all
}

/// What stands for figures in the evidence.
#[must_use]
pub fn hash(figures: &Figures) -> Hash {
    let lines: Vec<String> = figures.iter().map(|(name, value)| format!("{name}\t{value}\n")).collect();
    Hash::of(lines.concat().as_bytes())
}

/// Every figure that is another than before, or is new or gone.
#[must_use]
pub fn changes(old: &Figures, new: &Figures) -> Vec<Change> {
    let by_name = |list: &Figures| -> BTreeMap<String, String> { list.iter().rev().cloned().collect() };
    let (before, after) = (by_name(old), by_name(new));
    let change = |figure: &str, old: Option<String>, new: Option<String>| Change {
        figure: figure.to_owned(),
        old: old.unwrap_or_else(|| "none".into()),
        new: new.unwrap_or_else(|| "none".into()),
    };
    let changed = new.iter().filter_map(|(name, value)| {
        let before = before.get(name).cloned();
        (before.as_ref() != Some(value)).then(|| change(name, before, Some(value.clone())))
    });
    let gone = old.iter().filter(|(name, _)| !after.contains_key(name));
    changed.chain(gone.map(|(name, value)| change(name, Some(value.clone()), None))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(list: &[(&str, &str)]) -> Figures {
        list.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn only_what_changed_is_listed_with_old_and_new() {
        let old = figures(&[("a.down", "60"), ("a.up", "10"), ("b.up", "1")]);
        let new = figures(&[("a.down", "0"), ("a.up", "10"), ("c.up", "2")]);
        let listed: Vec<String> =
            changes(&old, &new).iter().map(|c| format!("{} {} {}", c.figure, c.old, c.new)).collect();
        assert_eq!(listed, ["a.down 60 0", "c.up none 2", "b.up 1 none"]);
        assert!(changes(&old, &old).is_empty());
        assert_ne!(hash(&old), hash(&new));
    }
}
