//! A typed reader over the layered tree: every misfit becomes a problem, none stops the reading.

use std::cell::RefCell;

use config::{Map, Value, ValueKind};

use super::file::{Origins, SECRET_KEYS};
use super::problem::{Place, Problem, did_you_mean};

/// After so many problems no more are kept: the first thousand keep an operator busy, and the rest
/// mostly follow from them. The last one kept says how many were dropped.
const MAX_PROBLEMS: usize = 1000;

/// Suggestions are looked for only among the first problems: each costs a walk over all names.
const MAX_SUGGESTIONS: usize = 100;

/// What the whole reading shares.
pub struct Context<'a> {
    /// Files and variables.
    pub origins: &'a Origins,
    problems: RefCell<Vec<Problem>>,
    warnings: RefCell<Vec<Problem>>,
    dropped: RefCell<usize>,
}

impl<'a> Context<'a> {
    /// Nothing found yet.
    #[must_use]
    pub fn new(origins: &'a Origins) -> Self {
        Self { origins, problems: RefCell::default(), warnings: RefCell::default(), dropped: RefCell::default() }
    }

    /// Keeps a problem.
    pub fn problem(&self, place: Place, key: String, found: impl Into<String>, help: impl Into<String>) {
        let mut problems = self.problems.borrow_mut();
        if problems.len() >= MAX_PROBLEMS {
            *self.dropped.borrow_mut() += 1;
        } else {
            problems.push(Problem { place, key, found: found.into(), help: help.into() });
        }
    }

    /// Keeps a warning.
    pub fn warning(&self, place: Place, key: String, found: impl Into<String>, help: impl Into<String>) {
        let mut warnings = self.warnings.borrow_mut();
        if warnings.len() < MAX_PROBLEMS {
            warnings.push(Problem { place, key, found: found.into(), help: help.into() });
        }
    }

    /// Whether a search for a near name is still worth its time.
    #[must_use]
    pub fn may_suggest(&self) -> bool {
        self.problems.borrow().len() < MAX_SUGGESTIONS
    }

    /// How many problems there are so far.
    #[must_use]
    pub fn count(&self) -> usize {
        self.problems.borrow().len()
    }

    /// Problems and warnings, sorted.
    #[must_use]
    pub fn finish(self) -> (Vec<Problem>, Vec<Problem>) {
        let (mut problems, mut warnings) = (self.problems.into_inner(), self.warnings.into_inner());
        super::problem::sort(&mut problems);
        super::problem::sort(&mut warnings);
        let dropped = self.dropped.into_inner();
        if dropped > 0 {
            problems.push(Problem {
                place: Place { order: u32::MAX, ..Place::default() },
                key: String::new(),
                found: format!("there are {dropped} more problems, not shown"),
                help: "mend these first".into(),
            });
        }
        (problems, warnings)
    }
}

/// What a parser wanted instead of what it got.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Completes the sentence "`"x"` is not …".
    pub what: String,
    /// What would do.
    pub help: String,
}

impl Wanted {
    /// Says what was wanted and what would do.
    pub fn new(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self { what: what.into(), help: help.into() }
    }
}

/// A value somewhere in the tree, or the place where one is missing.
#[derive(Clone)]
pub struct Node<'v> {
    /// What is there.
    pub value: &'v Value,
    /// Its path.
    pub path: Path<'v>,
    /// The nearest value that knows its place: this one, or the row or table around it.
    placed: &'v Value,
}

/// The path of a node; made into text only for a problem.
#[derive(Clone, Debug, Default)]
pub struct Path<'v>(Vec<Part<'v>>);

#[derive(Clone, Copy, Debug)]
enum Part<'v> {
    Key(&'v str),
    Index(usize),
}

impl<'v> Path<'v> {
    /// One step further, in one allocation: an estate takes a million of these steps.
    fn then(&self, part: Part<'v>) -> Self {
        let mut parts = Vec::with_capacity(self.0.len() + 1);
        parts.extend_from_slice(&self.0);
        parts.push(part);
        Self(parts)
    }
}

impl std::fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (n, part) in self.0.iter().enumerate() {
            match part {
                Part::Key(k) if n == 0 => write!(f, "{}", visible(k))?,
                Part::Key(k) => write!(f, ".{}", visible(k))?,
                Part::Index(i) => write!(f, "[{}]", i + 1)?,
            }
        }
        Ok(())
    }
}

/// A text of the operator's as a message may carry it: no control characters, not too long.
#[must_use]
pub fn visible(text: &str) -> String {
    let mut shown: String = text.chars().take(80).map(|c| if c.is_control() { '?' } else { c }).collect();
    if text.chars().nth(80).is_some() {
        shown.push('…');
    }
    shown
}

impl<'v> Node<'v> {
    /// The root of a tree.
    #[must_use]
    pub fn root(value: &'v Value) -> Self {
        Self { value, path: Path::default(), placed: value }
    }

    fn child(&self, value: &'v Value, part: Part<'v>) -> Self {
        let placed = if value.origin().is_some() { value } else { self.placed };
        Self { value, path: self.path.then(part), placed }
    }

    /// Where it stands.
    #[must_use]
    pub fn place(&self, cx: &Context<'_>) -> Place {
        cx.origins.place(self.placed)
    }

    /// A child by key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Self> {
        let ValueKind::Table(t) = &self.value.kind else { return None };
        let (key, value) = t.get_key_value(key)?;
        Some(self.child(value, Part::Key(key)))
    }

    /// The path of a child that is not there.
    #[must_use]
    pub fn missing(&self, key: &str) -> String {
        if self.path.0.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Children of a list with their positions.
    #[must_use]
    pub fn items(&self) -> Vec<Self> {
        let ValueKind::Array(items) = &self.value.kind else { return Vec::new() };
        items.iter().enumerate().map(|(n, value)| self.child(value, Part::Index(n))).collect()
    }

    /// Children of a table in the order of their keys.
    #[must_use]
    pub fn entries(&self) -> Vec<(&'v str, Self)> {
        let ValueKind::Table(table) = &self.value.kind else { return Vec::new() };
        let mut keys: Vec<&'v String> = table.keys().collect();
        keys.sort_unstable();
        keys.into_iter().map(|key| (key.as_str(), self.child(&table[key], Part::Key(key)))).collect()
    }

    /// The table that it is.
    #[must_use]
    pub fn table(&self) -> Option<&'v Map<String, Value>> {
        match &self.value.kind {
            ValueKind::Table(t) => Some(t),
            _ => None,
        }
    }

    /// The text that it is.
    #[must_use]
    pub fn text(&self) -> Option<&'v str> {
        match &self.value.kind {
            ValueKind::String(s) => Some(s),
            _ => None,
        }
    }

    /// What is there, in words that never give a secret away.
    #[must_use]
    pub fn shown(&self) -> String {
        let secret = self.path.0.iter().any(|p| matches!(p, Part::Key(k) if SECRET_KEYS.contains(k)));
        if secret {
            return "the value (not shown)".into();
        }
        match &self.value.kind {
            // A URL may carry a password before its '@'.
            ValueKind::String(s) if s.contains("://") && s.contains('@') => "the URL (not shown)".into(),
            ValueKind::String(s) => format!("\"{}\"", visible(s)),
            ValueKind::Table(_) => "a table".into(),
            ValueKind::Array(_) => "a list".into(),
            ValueKind::Nil => "nothing".into(),
            other => format!("{other}"),
        }
    }

    /// Reports a problem at this node.
    pub fn problem(&self, cx: &Context<'_>, found: impl Into<String>, help: impl Into<String>) {
        cx.problem(self.place(cx), self.path.to_string(), found, help);
    }

    /// Reports a warning at this node.
    pub fn warning(&self, cx: &Context<'_>, found: impl Into<String>, help: impl Into<String>) {
        cx.warning(self.place(cx), self.path.to_string(), found, help);
    }

    /// Reports that this node is not what was wanted.
    pub fn misfit(&self, cx: &Context<'_>, wanted: &Wanted) {
        self.problem(cx, format!("{} is not {}", self.shown(), wanted.what), wanted.help.clone());
    }

    /// Whether it is a table; reports when it is not.
    pub fn expect_table(&self, cx: &Context<'_>, help: &str) -> bool {
        let is = self.table().is_some();
        if !is {
            self.misfit(cx, &Wanted::new("a table", help));
        }
        is
    }

    /// Reports every key that is not among `known`.
    pub fn only(&self, cx: &Context<'_>, known: &[&str]) {
        let Some(table) = self.table() else { return };
        if table.keys().all(|k| known.contains(&k.as_str())) {
            return;
        }
        for (key, child) in self.entries() {
            if known.contains(&key) {
                continue;
            }
            let help = match did_you_mean(key, known.iter().copied()) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!("known here: {}", known.join(", ")),
            };
            child.problem(cx, "is not a known key", help);
        }
    }

    /// Reads a child; `None` when it is absent or does not fit (then reported).
    pub fn opt<T>(&self, cx: &Context<'_>, key: &str, parse: impl FnOnce(&Self) -> Result<T, Wanted>) -> Option<T> {
        let child = self.get(key)?;
        match parse(&child) {
            Ok(v) => Some(v),
            Err(wanted) => {
                child.misfit(cx, &wanted);
                None
            }
        }
    }

    /// Reads a child that must be there.
    pub fn req<T>(
        &self,
        cx: &Context<'_>,
        key: &str,
        help: &str,
        parse: impl FnOnce(&Self) -> Result<T, Wanted>,
    ) -> Option<T> {
        if self.get(key).is_none() {
            cx.problem(self.place(cx), self.missing(key), "is missing", help);
            return None;
        }
        self.opt(cx, key, parse)
    }

    /// Reads every item of a list child; an absent one is empty.
    pub fn list<T>(&self, cx: &Context<'_>, key: &str, parse: impl Fn(&Self) -> Result<T, Wanted>) -> Vec<T> {
        let Some(child) = self.get(key) else { return Vec::new() };
        if !matches!(child.value.kind, ValueKind::Array(_)) {
            child.misfit(cx, &Wanted::new("a list", format!("write {key} = [ … ]")));
            return Vec::new();
        }
        let mut read = Vec::new();
        for item in child.items() {
            match parse(&item) {
                Ok(v) => read.push(v),
                Err(wanted) => item.misfit(cx, &wanted),
            }
        }
        read
    }
}
