//! YAML as a tree in which every value knows its line: just as much of YAML as Prometheus' web configuration uses.
//!
//! Every scalar stays text; what it has to be is for its reader to say. Anchors, aliases, tags of one's own and
//! further documents are refused: nothing here needs them, and they are how small files grow large.

use std::collections::BTreeMap;

use config::{Map, Value, ValueKind};
use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};

use super::file::{Origins, origin};
use super::problem::Problem;

/// Deepest nesting; the format has three levels.
const MAX_DEPTH: usize = 16;
/// Most values in a file.
const MAX_VALUES: usize = 10_000;

/// Reads YAML text as a table; what is wrong with it comes beside whatever could be read before.
pub fn read_yaml(text: &str, file: u32, origins: &Origins) -> (Value, Vec<Problem>) {
    let mut reading =
        Reading { parser: Parser::new_from_str(text), file, origins, problems: Vec::new(), values: 0, stopped: false };
    let value = reading.document();
    (value, reading.problems)
}

struct Reading<'t> {
    parser: Parser<'t, saphyr_parser::StrInput<'t>>,
    file: u32,
    origins: &'t Origins,
    problems: Vec<Problem>,
    values: usize,
    /// Nothing after this can be believed.
    stopped: bool,
}

impl<'t> Reading<'t> {
    fn document(&mut self) -> Value {
        let mut root = None;
        while let Some((event, span)) = self.next() {
            match event {
                Event::StreamEnd => break,
                Event::Nothing | Event::StreamStart | Event::DocumentEnd => {}
                Event::DocumentStart(_) if root.is_some() => {
                    self.stop(Some(span), "a second document begins", "put everything into one, without lines of ---");
                }
                Event::DocumentStart(_) => {}
                first => root = Some(self.value(first, span, 0)),
            }
        }
        let root = root.unwrap_or_else(|| Value::new(None, ValueKind::Nil));
        match root.kind {
            ValueKind::Table(_) => root,
            // An empty file sets nothing.
            ValueKind::Nil => Value::new(root.origin().map(str::to_owned).as_ref(), Map::<String, Value>::new()),
            _ => {
                self.stop(None, "the file is not a mapping", "write key: value lines, such as tls_server_config:");
                Value::new(None, Map::<String, Value>::new())
            }
        }
    }

    fn next(&mut self) -> Option<(Event<'t>, Span)> {
        if self.stopped {
            return None;
        }
        match self.parser.next_event()? {
            Ok(next) => Some(next),
            Err(error) => {
                // The scanner's words may quote the text, and the text may be a secret: its place is enough.
                let line = u32::try_from(error.marker().line()).ok();
                self.stopped = true;
                self.problems.push(Problem {
                    place: self.origins.at(self.file, line),
                    key: String::new(),
                    found: "this is not YAML from here on".into(),
                    help: "look at the indentation, the quotes and the colons of this line and the one before".into(),
                });
                None
            }
        }
    }

    fn value(&mut self, event: Event<'t>, span: Span, depth: usize) -> Value {
        self.values += 1;
        if depth > MAX_DEPTH || self.values > MAX_VALUES {
            self.stop(
                Some(span),
                "there is more in this file than the format has room for",
                "remove what does not belong",
            );
        }
        let at = self.at(span);
        let kind = match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.plain(anchor, tag.as_deref(), span);
                let nothing = style == ScalarStyle::Plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                if nothing { ValueKind::Nil } else { ValueKind::String(text.into_owned()) }
            }
            Event::SequenceStart(anchor, tag) => {
                self.plain(anchor, tag.as_deref(), span);
                let mut items = Vec::new();
                while let Some((event, span)) = self.next() {
                    if matches!(event, Event::SequenceEnd) {
                        break;
                    }
                    items.push(self.value(event, span, depth + 1));
                }
                ValueKind::Array(items)
            }
            Event::MappingStart(anchor, tag) => {
                self.plain(anchor, tag.as_deref(), span);
                ValueKind::Table(self.mapping(depth))
            }
            Event::Alias(_) => {
                self.stop(Some(span), "an alias is not understood here", "write the value itself");
                ValueKind::Nil
            }
            _ => ValueKind::Nil,
        };
        Value::new(Some(&at), kind)
    }

    fn mapping(&mut self, depth: usize) -> Map<String, Value> {
        let mut table = Map::new();
        let mut lines: BTreeMap<String, usize> = BTreeMap::new();
        while let Some((event, at)) = self.next() {
            let key = match event {
                Event::MappingEnd => break,
                Event::Scalar(text, _, anchor, tag) => {
                    self.plain(anchor, tag.as_deref(), at);
                    text.into_owned()
                }
                _ => {
                    self.stop(Some(at), "a key is not a plain word", "write key: value");
                    break;
                }
            };
            let Some((event, span)) = self.next() else { break };
            let mut value = self.value(event, span, depth + 1);
            // Where its key stands is where somebody looks for it.
            value = Value::new(Some(&self.at(at)), value.kind);
            match lines.get(&key) {
                Some(before) => self.problems.push(Problem {
                    place: self.origins.at(self.file, line(at)),
                    key: super::reader::visible(&key),
                    found: format!("is already set on line {before}"),
                    help: "keep one of the two".into(),
                }),
                None => {
                    lines.insert(key.clone(), at.start.line());
                    table.insert(key, value);
                }
            }
        }
        table
    }

    /// Reports what could make something else of a value than what stands there.
    fn plain(&mut self, anchor: usize, tag: Option<&Tag>, span: Span) {
        if anchor > 0 {
            self.complain(Some(span), "an anchor is not understood here", "write the value wherever it is wanted");
        }
        if tag.is_some_and(|tag| !tag.is_yaml_core_schema()) {
            self.complain(Some(span), "a tag of one's own is not understood here", "write the value without it");
        }
    }

    fn stop(&mut self, span: Option<Span>, found: &str, help: &str) {
        if !self.stopped {
            self.complain(span, found, help);
        }
        self.stopped = true;
    }

    fn complain(&mut self, span: Option<Span>, found: &str, help: &str) {
        let place = self.origins.at(self.file, span.and_then(line));
        self.problems.push(Problem { place, key: String::new(), found: found.into(), help: help.into() });
    }

    fn at(&self, span: Span) -> String {
        origin(self.file, line(span).unwrap_or(0))
    }
}

fn line(span: Span) -> Option<u32> {
    u32::try_from(span.start.line()).ok().filter(|line| *line > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> (Value, Vec<Problem>) {
        let mut origins = Origins::default();
        let file = origins.add("web.yml");
        read_yaml(text, file, &origins)
    }

    fn complaints(text: &str) -> Vec<String> {
        read(text).1.iter().map(|p| format!("{}: {}", p.place, p.found)).collect()
    }

    #[test]
    fn values_know_their_lines_and_stay_text() {
        let (value, problems) = read("a:\n  b: true\n  c: [1, 'two']\n\nd: ~\n");
        assert!(problems.is_empty(), "{problems:?}");
        let ValueKind::Table(root) = &value.kind else { panic!("{value:?}") };
        let ValueKind::Table(a) = &root["a"].kind else { panic!("{value:?}") };
        assert_eq!((a["b"].kind.clone(), a["b"].origin()), (ValueKind::String("true".into()), Some("0:2")));
        assert!(matches!(&a["c"].kind, ValueKind::Array(items) if items.len() == 2));
        assert_eq!((root["d"].kind.clone(), root["d"].origin()), (ValueKind::Nil, Some("0:5")));
    }

    #[test]
    fn an_empty_file_is_an_empty_table() {
        for text in ["", "# nothing\n", "---\n", "~"] {
            let (value, problems) = read(text);
            assert!(problems.is_empty() && matches!(&value.kind, ValueKind::Table(t) if t.is_empty()), "{text:?}");
        }
    }

    #[test]
    fn what_makes_small_files_large_is_refused() {
        assert_eq!(
            complaints("a: &x 1\nb: *x\n"),
            ["web.yml:1: an anchor is not understood here", "web.yml:2: an alias is not understood here"]
        );
        assert_eq!(complaints("a: 1\n---\nb: 2\n"), ["web.yml:2: a second document begins"]);
        assert_eq!(complaints("a: !python/object x\n"), ["web.yml:1: a tag of one's own is not understood here"]);
        assert_eq!(complaints("a: 1\nb: 2\na: 3\n"), ["web.yml:3: is already set on line 1"]);
        assert_eq!(complaints("- a\n"), ["web.yml: the file is not a mapping"]);
        assert!(!complaints(&format!("a: {}", "[".repeat(300))).is_empty());
    }

    #[test]
    fn a_syntax_error_has_its_line_and_quotes_nothing() {
        let said = complaints("a: 1\nb: 'hunter2\n");
        assert!(said.len() == 1 && said[0].ends_with("this is not YAML from here on"), "{said:?}");
        assert!(!said[0].contains("hunter2"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[\\[\\]{}:,&*!|>'\"%@`#?\\- \\n\\ta-c0~\\\\\u{feff}]{0,200}") {
            let _ = read(&text);
        }
    }
}
