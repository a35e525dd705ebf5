//! History from elsewhere: `time,component,class,outcome,rtt_us`, checked as a whole before any of it is kept.

use std::collections::HashMap;
use std::fmt;
use std::io::BufRead;
use std::iter::Peekable;

use crate::config::Config;
use crate::config::model::{Component, ComponentKind};
use crate::evidence::names::{Index, Names};
use crate::measurement::minute::{MINUTE, Minute, MinuteAggregator, minute_of};
use crate::measurement::{Cause, Outcome, Round};
use crate::names::{ClassIx, ComponentIx};
use crate::units::{Micros, Sec, Span};

mod store;

pub use store::{ImportError, Imported, import};

/// The first line, to the letter.
pub const HEADER: &str = "time,component,class,outcome,rtt_us";

/// Longest line accepted, bytes.
pub const MAX_LINE: usize = 512;

/// Most rounds accepted: a year of 100 components at a round a minute, in 1.3 GB of memory.
pub const MAX_ROUNDS: usize = 53_000_000;

/// Most problems told one by one.
pub const MAX_PROBLEMS: usize = 100;

/// One line of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// When the round was, floored to the second.
    pub at: Sec,
    /// Who was probed.
    pub component: ComponentIx,
    /// In which class.
    pub class: ClassIx,
    /// What became of it.
    pub outcome: Outcome,
}

/// Something wrong with a line of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The line, from 1.
    pub line: u64,
    /// What is wrong, in words.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

/// What the configuration says of each component that a file does not.
#[derive(Debug, Clone)]
pub struct Targets {
    /// The configuration's identifiers.
    pub names: Names,
    /// Class of a line that names none, and interval in seconds, of each component.
    of: Vec<(ClassIx, u32)>,
}

impl Targets {
    /// Those of a configuration: the first class probed and the interval of ICMP, else of SNMP, else a minute.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let target = |c: &Component| {
            let class = c.icmp.as_ref().and_then(|i| i.classes.first().copied()).unwrap_or(ClassIx(0));
            let snmp = match &c.kind {
                ComponentKind::Device(device) => device.snmp.as_ref().map(|(_, s)| s.interval),
                ComponentKind::Link(_) => None,
            };
            let interval = c.icmp.as_ref().map(|i| i.interval).or(snmp).map_or(60, |i| i.as_secs());
            (class, u32::try_from(interval).unwrap_or(u32::MAX).max(1))
        };
        Self::new(Names::of(config), config.components.iter().map(target))
    }

    /// Those given, parallel to the components of `names`: class of a line that names none, interval in seconds.
    pub fn new(names: Names, of: impl IntoIterator<Item = (ClassIx, u32)>) -> Self {
        Self { names, of: of.into_iter().collect() }
    }

    /// The interval of a component, seconds.
    #[must_use]
    pub fn interval(&self, component: ComponentIx) -> u32 {
        self.of.get(component.get()).map_or(60, |(_, interval)| *interval)
    }
}

/// Reads a whole file. Every problem is told, up to [`MAX_PROBLEMS`]; with any, nothing is given.
pub fn parse(mut input: impl BufRead, targets: &Targets) -> Result<Vec<Line>, Vec<Problem>> {
    let index = targets.names.index();
    let mut lines: Vec<Line> = Vec::new();
    let mut problems = Vec::new();
    let mut newest: HashMap<ComponentIx, Vec<(ClassIx, Sec)>> = HashMap::new();
    let mut buffer = Vec::new();
    for number in 1.. {
        if problems.len() >= MAX_PROBLEMS {
            problems.push(Problem { line: number, what: "too many problems; the rest was not read".into() });
            break;
        }
        let text = match read_line(&mut input, &mut buffer) {
            Ok(None) if number == 1 => Err("the file is empty".to_owned()),
            Ok(None) => break,
            Ok(Some(text)) => Ok(text),
            Err(what) => Err(what),
        };
        let checked = text.and_then(|text| {
            if number == 1 {
                let text = text.strip_prefix('\u{feff}').unwrap_or(text);
                return if text == HEADER { Ok(None) } else { Err(format!("the first line must be {HEADER}")) };
            }
            if lines.len() >= MAX_ROUNDS {
                return Err(format!("more than {MAX_ROUNDS} rounds: split the file"));
            }
            if text.is_empty() {
                return Ok(None);
            }
            let line = parse_line(text, &index, targets)?;
            in_order(&mut newest, &line)?;
            Ok(Some(line))
        });
        match checked {
            Ok(line) => lines.extend(line),
            Err(what) => {
                problems.push(Problem { line: number, what });
                // Without the right header no line means what it says; beyond the bound none would be kept.
                if number == 1 || lines.len() >= MAX_ROUNDS {
                    break;
                }
            }
        }
    }
    if problems.is_empty() { Ok(lines) } else { Err(problems) }
}

/// The next line without its end; `None` at the end of the file.
fn read_line<'b>(input: &mut impl BufRead, buffer: &'b mut Vec<u8>) -> Result<Option<&'b str>, String> {
    buffer.clear();
    let mut length = 0;
    loop {
        let chunk = match input.fill_buf() {
            Ok(chunk) => chunk,
            Err(e) => return Err(format!("cannot be read: {e}")),
        };
        let end = chunk.iter().position(|b| *b == b'\n');
        let part = &chunk[..end.unwrap_or(chunk.len())];
        length += part.len();
        buffer.extend_from_slice(&part[..part.len().min((MAX_LINE + 1).saturating_sub(buffer.len()))]);
        let (used, done) = (part.len() + usize::from(end.is_some()), end.is_some() || chunk.is_empty());
        if done && used == 0 && length == 0 {
            return Ok(None);
        }
        input.consume(used);
        if done {
            break;
        }
    }
    if length > MAX_LINE {
        return Err(format!("longer than {MAX_LINE} bytes"));
    }
    let text = std::str::from_utf8(buffer).map_err(|_| "not UTF-8".to_owned())?;
    Ok(Some(text.strip_suffix('\r').unwrap_or(text)))
}

fn parse_line(text: &str, index: &Index<'_>, targets: &Targets) -> Result<Line, String> {
    let mut fields = text.split(',').map(unquoted);
    let [Some(time), Some(component), Some(class), Some(outcome), Some(rtt), None] = [(); 6].map(|()| fields.next())
    else {
        return Err(format!("{} fields instead of 5", text.split(',').count()));
    };
    let stamp: jiff::Timestamp =
        time.parse().map_err(|_| format!("{time:?} is not an RFC 3339 time, as in 2026-10-25T01:00:00Z"))?;
    let at = Sec(i64::try_from(stamp.as_nanosecond().div_euclid(1_000_000_000)).expect("jiff's range fits"));
    let found = index.component(component);
    let component = found.ok_or_else(|| format!("no device or link {component:?} is configured"))?;
    let class = match class {
        "" => targets.of.get(component.get()).map_or(ClassIx(0), |(class, _)| *class),
        named => index.class(named).ok_or_else(|| format!("no class {named:?} is configured"))?,
    };
    let outcome = match (outcome, rtt) {
        ("reply", rtt) => {
            let us = rtt
                .parse()
                .map_err(|_| format!("a reply needs its rtt_us as a whole number of microseconds, not {rtt:?}"))?;
            Outcome::Reply { rtt: Micros(us) }
        }
        ("lost", "") => Outcome::Lost,
        ("not_measured", "") => Outcome::NotMeasured(Cause::Imported),
        ("lost" | "not_measured", rtt) => return Err(format!("only a reply has an rtt_us, here is {rtt:?}")),
        (other, _) => return Err(format!("outcome {other:?} is none of reply, lost, not_measured")),
    };
    Ok(Line { at, component, class, outcome })
}

fn unquoted(field: &str) -> &str {
    field.strip_prefix('"').and_then(|f| f.strip_suffix('"')).unwrap_or(field)
}

fn in_order(newest: &mut HashMap<ComponentIx, Vec<(ClassIx, Sec)>>, line: &Line) -> Result<(), String> {
    let classes = newest.entry(line.component).or_default();
    if let Some((_, last)) = classes.iter().find(|(_, last)| *last > line.at) {
        return Err(format!("{} comes after {last} of the same component: lines must be in time order", line.at));
    }
    match classes.iter_mut().find(|(class, _)| *class == line.class) {
        Some((_, last)) => *last = line.at,
        None => classes.push((line.class, line.at)),
    }
    Ok(())
}

/// From the first line's minute to the end of the last one's; `None` without lines.
#[must_use]
pub fn span_of(lines: &[Line]) -> Option<Span> {
    let first = lines.iter().map(|l| l.at).min()?;
    let last = lines.iter().map(|l| l.at).max()?;
    Some(Span::new(minute_of(first), minute_of(last).plus(MINUTE)))
}

/// The lines as minutes of rounds, in time order.
pub fn minutes(mut lines: Vec<Line>, targets: &Targets) -> impl Iterator<Item = Minute> + '_ {
    lines.sort_by_key(|l| (l.at, l.component, l.class));
    Minutes { lines: lines.into_iter().peekable(), targets, aggregator: MinuteAggregator::new() }
}

struct Minutes<'t, I: Iterator<Item = Line>> {
    lines: Peekable<I>,
    targets: &'t Targets,
    aggregator: MinuteAggregator,
}

impl<I: Iterator<Item = Line>> Iterator for Minutes<'_, I> {
    type Item = Minute;

    fn next(&mut self) -> Option<Minute> {
        let start = minute_of(self.lines.peek()?.at);
        let end = start.plus(MINUTE);
        while let Some(line) = self.lines.next_if(|l| l.at < end) {
            let mut outcomes = vec![(line.class, line.outcome)];
            while let Some(same) = self.lines.next_if(|l| l.at == line.at && l.component == line.component) {
                match outcomes.last_mut().filter(|(class, _)| *class == same.class) {
                    Some((_, outcome)) => *outcome = of_one_second(*outcome, same.outcome),
                    None => outcomes.push((same.class, same.outcome)),
                }
            }
            let round = Round { at: line.at, component: line.component, outcomes };
            let interval = self.targets.interval(line.component);
            self.aggregator.add(&round, interval).expect("sorted and without doubles");
        }
        self.aggregator.take_before(end).pop()
    }
}

/// Two outcomes of one class in one second are one round: a reply if there was one, the first one's; else lost, if
/// anything was measured.
fn of_one_second(first: Outcome, second: Outcome) -> Outcome {
    let rank = |outcome: Outcome| match outcome {
        Outcome::Reply { .. } => 2,
        Outcome::Lost | Outcome::Refused => 1,
        Outcome::NotMeasured(_) => 0,
    };
    if rank(second) > rank(first) { second } else { first }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measurement::rounds::Fate;

    fn targets() -> Targets {
        Targets::new(Names::new(["ch-r1", "core-r1"], ["voice", "data"]), [(ClassIx(1), 60), (ClassIx(0), 1)])
    }

    fn parsed(lines: &str) -> Result<Vec<Line>, Vec<String>> {
        let text = format!("{HEADER}\n{lines}");
        parse(text.as_bytes(), &targets()).map_err(|p| p.iter().map(Problem::to_string).collect())
    }

    #[test]
    fn lines_become_rounds_with_floored_times_and_the_first_class() {
        let lines = parsed(
            "2026-10-25T01:00:00.999Z,ch-r1,,reply,20000\r\n2026-10-25T01:01:00Z,ch-r1,voice,lost,\n\"2026-10-25T01:01:00Z\",\"ch-r1\",data,not_measured,",
        );
        let at = |second: i64| Sec(1_792_890_000 + second);
        let line =
            |second, class, outcome| Line { at: at(second), component: ComponentIx(0), class: ClassIx(class), outcome };
        let expected = vec![
            line(0, 1, Outcome::Reply { rtt: Micros(20_000) }),
            line(60, 0, Outcome::Lost),
            line(60, 1, Outcome::NotMeasured(Cause::Imported)),
        ];
        assert_eq!(lines, Ok(expected.clone()));
        let targets = targets();
        let minutes: Vec<_> = minutes(expected, &targets).collect();
        assert_eq!(minutes.iter().map(|m| (m.start, m.rows.len())).collect::<Vec<_>>(), [(at(0), 1), (at(60), 2)]);
        assert_eq!(minutes[0].rows[0].tally.rounds.segments()[0].interval, 60);
    }

    #[test]
    fn every_problem_is_told_with_its_line() {
        let found = parsed(
            "2026-10-25T01:00:00Z,ch-r9,,lost,\n\
             yesterday,ch-r1,,lost,\n\
             2026-10-25T01:00:00Z,ch-r1,video,lost,\n\
             2026-10-25T01:00:00Z,ch-r1,,gone,\n\
             2026-10-25T01:00:00Z,ch-r1,,reply,\n\
             2026-10-25T01:00:00Z,ch-r1,,lost,5\n\
             2026-10-25T01:00:00Z,ch-r1,lost\n\
             \n\
             2026-10-25T01:02:00Z,ch-r1,,lost,\n\
             2026-10-25T01:01:00Z,ch-r1,,lost,\n",
        )
        .expect_err("full of problems");
        let expected = [
            "line 2: no device or link \"ch-r9\" is configured",
            "line 3: \"yesterday\" is not an RFC 3339 time, as in 2026-10-25T01:00:00Z",
            "line 4: no class \"video\" is configured",
            "line 5: outcome \"gone\" is none of reply, lost, not_measured",
            "line 6: a reply needs its rtt_us as a whole number of microseconds, not \"\"",
            "line 7: only a reply has an rtt_us, here is \"5\"",
            "line 8: 3 fields instead of 5",
            "line 11: 2026-10-25T01:01:00Z comes after 2026-10-25T01:02:00Z of the same component: lines must be in time order",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn rounds_of_one_class_in_one_second_are_one_round_and_a_reply_if_any_was() {
        let lines = parsed(
            "2026-10-25T01:00:00.1Z,ch-r1,,lost,\n\
             2026-10-25T01:00:00.9Z,ch-r1,,reply,7\n\
             2026-10-25T01:01:00.1Z,ch-r1,,lost,\n\
             2026-10-25T01:01:00.9Z,ch-r1,,not_measured,\n",
        );
        let targets = targets();
        let minutes: Vec<Minute> = minutes(lines.expect("no problem"), &targets).collect();
        let rounds = |n: usize| minutes[n].rows[0].tally.rounds.outcomes().map(|(_, f)| f).collect::<Vec<_>>();
        assert_eq!((rounds(0), rounds(1)), (vec![Fate::Reply], vec![Fate::Lost]));
        assert_eq!(minutes[0].rows[0].tally.replies.sum_us, 7);
    }

    #[test]
    fn the_header_must_be_to_the_letter_and_lines_bounded() {
        let problems = |text: &str| parse(text.as_bytes(), &targets()).expect_err("refused")[0].to_string();
        assert_eq!(problems(""), "line 1: the file is empty");
        assert!(problems("time,component\n").starts_with("line 1: the first line must be"));
        let long = format!("{HEADER}\n{}\n", "x".repeat(1 << 20));
        assert_eq!(problems(&long), "line 2: longer than 512 bytes");
        assert_eq!(parse(format!("\u{feff}{HEADER}\r\n").as_bytes(), &targets()), Ok(vec![]));
    }
}
