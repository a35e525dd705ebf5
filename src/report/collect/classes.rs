//! What the classes measured, in records as long as they can be: by the hour, or by the day for a large contract,
//! and finer only where the service's up time, which objectives are about, begins or ends inside.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::Arc;

use super::Asked;
use super::rounds::source_of;
use crate::evidence::client::{Query, Reader};
use crate::evidence::recover::Chunk;
use crate::evidence::rollup::Grain;
use crate::measurement::minute::{Replies, Row, Tally};
use crate::measurement::rounds::Rounds;
use crate::names::{ClassIx, ComponentIx, ServiceIx};
use crate::report::build::counted_spans_of;
use crate::report::driver;
use crate::report::journal::{Entry, Source};
use crate::sketch::Sketch;
use crate::units::{Sec, Span};

/// Contracts with more series (components times classes) than this have records by the day (UTC): by the hour
/// 10,000 series would make 7.4 million records a month, some 2 GB.
pub(super) const BY_THE_HOUR: usize = 2_000;

/// Gives every class record of the month, in order of time and then of component and class. Days are read by as many
/// threads as there are readers.
pub(super) fn read(asked: &Asked<'_>, readers: &mut [Reader], each: &mut dyn FnMut(Entry)) {
    let coarsest = if asked.series() > BY_THE_HOUR { Grain::Day } else { Grain::Hour };
    let classes = Classes { asked, span: asked.span(), counted: counted(asked), coarsest };
    let (days, only) = (days(classes.span), asked.components());
    let day = |reader: &mut Reader, n: usize| {
        let mut entries = Vec::new();
        classes.read(reader, days[n], coarsest, &only, &mut |at, entry| entries.push((at, entry)));
        entries.sort_by_key(|(at, _)| *at);
        entries
    };
    let in_order = driver::in_order(readers, days.len(), day, |entries| {
        entries.into_iter().for_each(|(_, entry)| each(entry));
        Ok::<_, Infallible>(())
    });
    let Ok(()) = in_order;
}

/// Parts of `span`, cut where a day (UTC) begins: no record is longer.
fn days(span: Span) -> Vec<Span> {
    let end = |from: Sec| Grain::Day.floor(from).plus(Grain::Day.seconds()).min(span.to);
    let first = (span.from < span.to).then(|| Span::new(span.from, end(span.from)));
    std::iter::successors(first, |day| (day.to < span.to).then(|| Span::new(day.to, end(day.to)))).collect()
}

/// Where a record stands among those of its day.
type Place = (Sec, ComponentIx, ClassIx);

/// Takes records in any order.
type Each<'a> = &'a mut dyn FnMut(Place, Entry);

/// For each component, the up time of every service that has objectives and needs it.
type Counted = BTreeMap<ComponentIx, Vec<Arc<[Span]>>>;

fn counted(asked: &Asked<'_>) -> Counted {
    let mut counted = Counted::new();
    for (n, service) in asked.config.services.iter().enumerate() {
        let objectives = &asked.config.slas[service.sla.get()].objectives;
        if service.contract != asked.contract || objectives.is_empty() {
            continue;
        }
        let spans: Arc<[Span]> = counted_spans_of(asked.history, ServiceIx::from(n)).into();
        for component in service.requires.components() {
            let users = counted.entry(component).or_default();
            if !users.contains(&spans) {
                users.push(Arc::clone(&spans));
            }
        }
    }
    counted
}

struct Classes<'a> {
    asked: &'a Asked<'a>,
    span: Span,
    counted: Counted,
    coarsest: Grain,
}

/// A component and one of its classes.
type Key = (ComponentIx, ClassIx);

/// For which of a component's users a stretch counts.
type Signature = Vec<bool>;

/// A part of a row: when, for whom it counts, and its rounds.
type Part = (Span, Option<Signature>, Rounds);

impl Classes<'_> {
    fn read(&self, reader: &Reader, span: Span, coarsest: Grain, only: &BTreeSet<ComponentIx>, each: Each<'_>) {
        let query = Query { span, coarsest, names: self.asked.names, only: Some(only) };
        let mut joined = Joined::default();
        reader.rows(query, |chunk| {
            let cut = self.take(&chunk, &mut joined, each);
            if !cut.is_empty() {
                joined.flush(self, |c| cut.contains(&c), each);
                let finer = if chunk.span.seconds() > Grain::Hour.seconds().unsigned_abs() {
                    Grain::Hour
                } else {
                    Grain::Minute
                };
                self.read(reader, chunk.span, finer, &cut, each);
            }
        });
        joined.flush(self, |_| true, each);
    }

    /// Gives what counts as a whole, or does not as a whole, and the components of which neither is true.
    fn take(&self, chunk: &Chunk, joined: &mut Joined, each: Each<'_>) -> BTreeSet<ComponentIx> {
        let mut cut = BTreeSet::new();
        for rows in chunk.rows.chunk_by(|a, b| a.component == b.component) {
            // What interfaces said measures no class.
            let rows: Vec<&Row> = rows.iter().filter(|row| source_of(row) == Source::Ping).collect();
            if rows.is_empty() {
                continue;
            }
            let component = rows[0].component;
            let exact = rows.iter().all(|row| self.is_exact(row));
            if !exact && chunk.span.seconds() > Grain::Minute.seconds().unsigned_abs() {
                cut.insert(component);
                continue;
            }
            for row in rows {
                let Some(tight) = tight(&row.tally.rounds) else { continue };
                match self.signature(component, tight) {
                    Some(signature) if self.coarsest == Grain::Day => joined.add(self, row, signature, each),
                    Some(_) => self.give((component, row.class), tight, &row.tally.rounds, &row.tally.replies, each),
                    None => {
                        joined.flush(self, |c| c == component, each);
                        self.split(row, tight, each);
                    }
                }
            }
        }
        cut
    }

    /// For whom all of a stretch counts; `None` when it is cut for somebody, or by the end of what is looked at.
    fn signature(&self, component: ComponentIx, stretch: Span) -> Option<Signature> {
        let users = self.counted.get(&component).map_or(&[][..], Vec::as_slice);
        if stretch.intersect(self.span) != Some(stretch) {
            return None;
        }
        users.iter().map(|spans| counts(spans, stretch)).collect()
    }

    /// Whether everything that a row says can be told as it stands: all of it counts alike, or all that answered does.
    /// An outage in which nothing answered cuts a day, but no round-trip time: nobody has to look at its minutes.
    fn is_exact(&self, row: &Row) -> bool {
        let Some(tight) = tight(&row.tally.rounds) else { return true };
        self.signature(row.component, tight).is_some() || self.parts(row, tight).1.is_ok()
    }

    /// A row that is cut, part by part. Which rounds were lost is known to the second; round-trip times are known
    /// of the whole row only: they are told with the part in which they were when all that answered counts alike, and
    /// else in a record of their own, with how many replies came when.
    fn split(&self, row: &Row, tight: Span, each: Each<'_>) {
        let (parts, timed) = self.parts(row, tight);
        let key = (row.component, row.class);
        for (span, signature, rounds) in &parts {
            if signature.is_some() {
                let nothing = Replies::default();
                let replies = if timed == Ok(Some(*span)) { &row.tally.replies } else { &nothing };
                self.give(key, *span, rounds, replies, each);
            }
        }
        let answered = |(_, _, rounds): &&Part| rounds.replies() > 0;
        let divided: Vec<(Span, u32)> =
            parts.iter().filter(answered).map(|(span, _, r)| (*span, r.replies())).collect();
        let whole = divided.first().zip(divided.last()).map(|((a, _), (b, _))| Span::new(a.from, b.to));
        if let (Err(()), Some(whole)) = (timed, whole) {
            self.give_divided(key, whole, &row.tally.replies, &divided, each);
        }
    }

    /// The parts of a row that count for different users, and the one that its round-trip times belong to: none when
    /// nothing answered, an error when parts that answered count differently.
    fn parts(&self, row: &Row, tight: Span) -> (Vec<Part>, Result<Option<Span>, ()>) {
        let users = self.counted.get(&row.component).map_or(&[][..], Vec::as_slice);
        let ends = users.iter().flat_map(|spans| touching(spans, tight)).chain([&self.span]);
        let ends = ends.flat_map(|s| [s.from, s.to]);
        let mut edges: BTreeSet<Sec> = ends.filter(|at| tight.from < *at && *at < tight.to).collect();
        edges.extend([tight.from, tight.to]);
        let edges: Vec<Sec> = edges.into_iter().collect();
        let parts = edges.windows(2).filter_map(|edge| {
            let rounds = row.tally.rounds.clip(Span::new(edge[0], edge[1]));
            let part = self::tight(&rounds)?;
            Some((part, self.signature(row.component, part), rounds))
        });
        let parts: Vec<Part> = parts.collect();
        let mut answered = parts.iter().filter(|(.., rounds)| rounds.replies() > 0);
        let timed = match answered.next() {
            None => Ok(None),
            Some((span, first, _)) if first.is_some() && answered.all(|(_, other, _)| other == first) => {
                Ok(Some(*span))
            }
            Some(_) => Err(()),
        };
        (parts, timed)
    }

    fn give(&self, key: Key, span: Span, rounds: &Rounds, replies: &Replies, each: Each<'_>) {
        each((span.from, key.0, key.1), self.entry(key, span, rounds, replies, Vec::new()));
    }

    fn give_divided(&self, key: Key, span: Span, replies: &Replies, parts: &[(Span, u32)], each: Each<'_>) {
        let part = |(part, replies): &(Span, u32)| format!("{} {} {replies}", part.from.0, part.to.0);
        let parts = parts.iter().map(part).collect();
        each((span.from, key.0, key.1), self.entry(key, span, &Rounds::default(), replies, parts));
    }

    fn entry(
        &self,
        (component, class): Key,
        span: Span,
        rounds: &Rounds,
        replies: &Replies,
        parts: Vec<String>,
    ) -> Entry {
        Entry::Class {
            component: self.asked.config.components[component.get()].id.to_string(),
            class: self.asked.config.classes[class.get()].id.to_string(),
            from: span.from.0,
            to: span.to.0,
            sent: u64::from(rounds.replies()) + u64::from(rounds.lost()),
            lost: u64::from(rounds.lost()),
            not_measured: u64::from(rounds.not_measured()),
            rtt_count: u64::from(replies.count),
            rtt_sum_us: replies.sum_us,
            rtt_min_us: u64::from(replies.min.0),
            rtt_max_us: u64::from(replies.max.0),
            jitter_sum_us: replies.jitter_sum_us,
            jitter_count: u64::from(replies.jitter_minutes),
            sketch: Sketch::from(&replies.buckets).to_text(),
            parts,
        }
    }
}

/// Neighbouring stretches that count for the same users, put together as long as nothing is cut.
#[derive(Default)]
struct Joined(BTreeMap<Key, (Signature, Tally)>);

impl Joined {
    fn add(&mut self, classes: &Classes<'_>, row: &Row, signature: Signature, each: Each<'_>) {
        let key = (row.component, row.class);
        if let Some((open, tally)) = self.0.get_mut(&key) {
            let whole = tally.rounds.first().zip(row.tally.rounds.last()).map(|(a, b)| Span::new(a, b.plus(1)));
            let day = |at: Option<Sec>| at.map(|at| Grain::Day.floor(at));
            let fits = *open == signature
                && whole.is_some_and(|whole| classes.signature(row.component, whole).as_ref() == Some(open))
                && day(tally.rounds.first()) == day(row.tally.rounds.last());
            if fits {
                tally.merge(&row.tally);
                return;
            }
            let ended = std::mem::replace(tally, row.tally.clone());
            *open = signature;
            write(classes, key, &ended, each);
            return;
        }
        self.0.insert(key, (signature, row.tally.clone()));
    }

    fn flush(&mut self, classes: &Classes<'_>, which: impl Fn(ComponentIx) -> bool, each: Each<'_>) {
        let (ended, kept) = std::mem::take(&mut self.0).into_iter().partition(|((component, _), _)| which(*component));
        let ended: BTreeMap<_, (Signature, Tally)> = ended;
        self.0 = kept;
        ended.iter().for_each(|(key, (_, tally))| write(classes, *key, tally, each));
    }
}

fn write(classes: &Classes<'_>, key: Key, tally: &Tally, each: Each<'_>) {
    if let Some(span) = tight(&tally.rounds) {
        classes.give(key, span, &tally.rounds, &tally.replies, each);
    }
}

/// Those of the disjoint, sorted `spans` that touch `stretch`.
fn touching(spans: &[Span], stretch: Span) -> impl Iterator<Item = &Span> {
    let from = spans.partition_point(|s| s.to <= stretch.from);
    spans[from..].iter().take_while(move |s| s.from < stretch.to)
}

/// From the first round to behind the last.
fn tight(rounds: &Rounds) -> Option<Span> {
    rounds.first().zip(rounds.last()).map(|(first, last)| Span::new(first, last.plus(1)))
}

/// Whether all of `stretch` lies in one of the disjoint, sorted `spans`; `None` when a part of it does.
fn counts(spans: &[Span], stretch: Span) -> Option<bool> {
    let n = spans.partition_point(|s| s.to <= stretch.from);
    match spans.get(n).and_then(|s| s.intersect(stretch)) {
        None => Some(false),
        Some(part) if part == stretch => Some(true),
        Some(_) => None,
    }
}
