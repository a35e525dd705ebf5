//! Which requests bring in a plan's objects, under what this agent can bear. Pure: asks are handed out,
//! answers are handed in.
//!
//! Scalars go in batches, columns side by side by GETBULK, or by GETNEXT where the agent cannot. What an agent
//! cannot bear (too big, no GETBULK, silent on large answers) is learnt once and kept in [`Quirks`].
//!
//! A hostile agent may lie: an answer is used only if it lies below the column asked and moves forward, rows
//! and requests have a bound, and an answer without progress ends the column.

use std::collections::{BTreeMap, VecDeque};

use super::{Absence, Access, Ask, Binding, Failure, Limits, Oid, Value};

/// The most exchanges that one fetch may take.
pub const MAX_REQUESTS: u32 = 20_000;
/// How many bindings a GETBULK may ask for, so that an answer usually fits one datagram unfragmented.
const ANSWER_BINDINGS: usize = 64;

/// What to bring in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Whole instances, with their `.0`.
    pub scalars: Vec<Oid>,
    /// Columns, each with how many rows it had last time (0: not known).
    pub columns: Vec<(Oid, usize)>,
}

/// What was learnt about an agent's limits. Starts from [`Limits`], only ever shrinks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quirks {
    /// The most identifiers in one request.
    pub oids: usize,
    /// The most repetitions; 0 is GETNEXT.
    pub repetitions: u32,
}

impl Quirks {
    /// What is assumed before anything is learnt. `bulk` is false for v1.
    pub fn start(limits: &Limits, bulk: bool) -> Quirks {
        Quirks { oids: limits.oids.max(1), repetitions: if bulk { limits.repetitions } else { 0 } }
    }
}

/// A column as it was walked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Column {
    /// Row index and value, in the agent's order.
    pub rows: Vec<(Box<[u32]>, Value)>,
    /// Why it is not whole.
    pub flaw: Option<Flaw>,
}

/// Why a column is not whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Flaw {
    /// More rows than [`Limits::rows`].
    TooManyRows,
    /// The agent went backwards or in a circle.
    NotIncreasing,
    /// Not even a single value fits an answer.
    TooBig,
    /// The agent refused this column.
    Refused,
}

/// What was brought in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Every scalar asked for that was answered, absent ones too.
    pub scalars: BTreeMap<Oid, Value>,
    /// Every column that was reached.
    pub columns: BTreeMap<Oid, Column>,
    /// Why it stopped early. What was brought in before stays usable.
    pub failure: Option<Failure>,
    /// How many exchanges it took.
    pub requests: u32,
    /// What was learnt about the agent.
    pub quirks: Quirks,
}

struct Walk {
    column: Oid,
    cursor: Oid,
    hint: usize,
    got: Column,
    done: bool,
}

/// A fetch under way.
pub struct Fetch {
    quirks: Quirks,
    rows: usize,
    batches: VecDeque<Vec<Oid>>,
    scalars: BTreeMap<Oid, Value>,
    walks: Vec<Walk>,
    /// Indices into `walks`, side by side in one request.
    groups: VecDeque<Vec<usize>>,
    failure: Option<Failure>,
    requests: u32,
    answered: bool,
    forgiven: bool,
    denied: bool,
}

impl Fetch {
    /// Starts.
    pub fn new(plan: &Plan, limits: &Limits, quirks: Quirks) -> Fetch {
        let walks: Vec<Walk> = plan
            .columns
            .iter()
            .map(|(c, hint)| Walk {
                column: c.clone(),
                cursor: c.clone(),
                hint: *hint,
                got: Column::default(),
                done: false,
            })
            .collect();
        let order: Vec<usize> = (0..walks.len()).collect();
        Fetch {
            quirks,
            rows: limits.rows,
            batches: plan.scalars.chunks(quirks.oids).map(<[Oid]>::to_vec).collect(),
            scalars: BTreeMap::new(),
            groups: order.chunks(quirks.oids).map(<[usize]>::to_vec).collect(),
            walks,
            failure: None,
            requests: 0,
            answered: false,
            forgiven: false,
            denied: false,
        }
    }

    /// What to ask next; `None` when there is nothing left or it failed.
    pub fn ask(&mut self) -> Option<Ask> {
        if self.failure.is_some() {
            return None;
        }
        if self.requests >= MAX_REQUESTS {
            self.failure = Some(Failure::Local("the agent has more to say than a poll may take"));
            return None;
        }
        if let Some(batch) = self.batches.front() {
            return Some(Ask::Get(batch.clone()));
        }
        while let Some(group) = self.groups.front_mut() {
            group.retain(|w| !self.walks[*w].done);
            if group.is_empty() {
                self.groups.pop_front();
                continue;
            }
            let oids: Vec<Oid> = group.iter().map(|w| self.walks[*w].cursor.clone()).collect();
            if self.quirks.repetitions == 0 {
                return Some(Ask::Next(oids));
            }
            let rest = group.iter().map(|w| &self.walks[*w]).map(|w| match w.hint {
                0 => usize::MAX,
                hint => (hint + 1).saturating_sub(w.got.rows.len()).max(1),
            });
            let wanted = rest.max().unwrap_or(1).min(ANSWER_BINDINGS / group.len()).max(1);
            let repetitions = u32::try_from(wanted).unwrap_or(1).min(self.quirks.repetitions);
            return Some(Ask::Bulk { oids, repetitions });
        }
        None
    }

    /// Takes in what came of the last ask.
    pub fn answer(&mut self, ask: &Ask, answer: Result<Vec<Binding>, Failure>) {
        self.requests += 1;
        let answered = !matches!(answer, Err(Failure::Timeout | Failure::Local(_)));
        if let Err(failure @ (Failure::Access(_) | Failure::Local(_) | Failure::Malformed)) = answer {
            self.failure = Some(failure);
            return;
        }
        if matches!(ask, Ask::Get(_)) {
            self.answer_get(answer)
        } else {
            self.answer_walk(ask, answer)
        }
        self.answered |= answered;
    }

    /// What was brought in so far.
    pub fn finish(mut self) -> Fetched {
        let some = self.scalars.values().any(|v| !matches!(v, Value::Absent(_)))
            || self.walks.iter().any(|w| !w.got.rows.is_empty());
        if self.denied && !some && self.failure.is_none() {
            self.failure = Some(Failure::Access(Access::Denied));
        }
        Fetched {
            scalars: self.scalars,
            columns: self.walks.into_iter().map(|w| (w.column, w.got)).collect(),
            failure: self.failure,
            requests: self.requests,
            quirks: self.quirks,
        }
    }

    fn answer_get(&mut self, answer: Result<Vec<Binding>, Failure>) {
        let Some(mut batch) = self.batches.pop_front() else { return };
        match answer {
            Ok(bindings) => {
                let values: BTreeMap<Oid, Value> = bindings.into_iter().map(|b| (b.oid, b.value)).collect();
                for oid in batch {
                    let value = values.get(&oid).cloned().unwrap_or(Value::Absent(Absence::NoSuchInstance));
                    self.scalars.insert(oid, value);
                }
            }
            Err(Failure::Timeout) => self.failure = Some(Failure::Timeout),
            Err(Failure::TooBig) if batch.len() > 1 => {
                self.quirks.oids = (batch.len() / 2).max(1);
                let all: Vec<Oid> = batch.into_iter().chain(self.batches.drain(..).flatten()).collect();
                self.batches = all.chunks(self.quirks.oids).map(<[Oid]>::to_vec).collect();
            }
            Err(Failure::NoSuchName(index) | Failure::Agent { index, .. }) if named(index, &batch).is_some() => {
                self.note_denied(&answer_status(&answer));
                let oid = batch.remove(index as usize - 1);
                self.scalars.insert(oid, Value::Absent(Absence::NoSuchObject));
                if !batch.is_empty() {
                    self.batches.push_front(batch);
                }
            }
            // A fault that names nobody: halve until it stands alone.
            Err(_) if batch.len() > 1 => {
                self.note_denied(&answer_status(&answer));
                let half = batch.split_off(batch.len() / 2);
                self.batches.push_front(half);
                self.batches.push_front(batch);
            }
            Err(_) => {
                self.note_denied(&answer_status(&answer));
                for oid in batch {
                    self.scalars.insert(oid, Value::Absent(Absence::NoSuchObject));
                }
            }
        }
    }

    fn answer_walk(&mut self, ask: &Ask, answer: Result<Vec<Binding>, Failure>) {
        let Some(group) = self.groups.front().cloned() else { return };
        let repetitions = if let Ask::Bulk { repetitions, .. } = ask { *repetitions } else { 0 };
        match answer {
            Ok(bindings) => self.take_rows(&group, bindings, repetitions),
            Err(Failure::TooBig) if repetitions > 1 => self.quirks.repetitions = repetitions / 2,
            Err(Failure::Timeout) if repetitions > 2 && self.answered && !self.forgiven => {
                self.forgiven = true;
                self.quirks.repetitions = (repetitions / 4).max(1);
            }
            Err(Failure::Timeout) => self.failure = Some(Failure::Timeout),
            Err(Failure::NoSuchName(index)) if named(index, &group).is_some() => {
                self.walks[group[index as usize - 1]].done = true;
            }
            Err(Failure::Agent { .. }) if repetitions > 0 => {
                self.note_denied(&answer_status(&answer));
                self.quirks.repetitions = 0;
            }
            Err(Failure::Agent { index, .. }) if named(index, &group).is_some() => {
                self.note_denied(&answer_status(&answer));
                self.end(group[index as usize - 1], Flaw::Refused);
            }
            Err(failure) if group.len() > 1 => {
                if failure == Failure::TooBig {
                    self.quirks.oids = (group.len() / 2).max(1);
                }
                self.groups.pop_front();
                let (near, far) = group.split_at(group.len() / 2);
                self.groups.push_front(far.to_vec());
                self.groups.push_front(near.to_vec());
            }
            // GETNEXT's end of the tree in v1.
            Err(Failure::NoSuchName(_)) => self.walks[group[0]].done = true,
            Err(Failure::TooBig) => self.end(group[0], Flaw::TooBig),
            Err(_) => self.end(group[0], Flaw::Refused),
        }
    }

    fn take_rows(&mut self, group: &[usize], bindings: Vec<Binding>, repetitions: u32) {
        let most = group.len().saturating_mul(repetitions.max(1) as usize);
        let count = bindings.len().min(most);
        for (position, binding) in bindings.into_iter().take(most).enumerate() {
            let limit = self.rows;
            let walk = &mut self.walks[group[position % group.len()]];
            if walk.done {
                continue;
            }
            let row = binding.oid.below(&walk.column).filter(|row| !row.is_empty());
            match (row, binding.value) {
                (None, _) | (_, Value::Absent(_)) => walk.done = true,
                (Some(_), _) if binding.oid <= walk.cursor => {
                    walk.done = true;
                    walk.got.flaw = Some(Flaw::NotIncreasing);
                }
                (Some(_), _) if walk.got.rows.len() >= limit => {
                    walk.done = true;
                    walk.got.flaw = Some(Flaw::TooManyRows);
                }
                (Some(row), value) => {
                    walk.got.rows.push((row.into(), value));
                    walk.cursor = binding.oid;
                }
            }
        }
        if count == 0 {
            group.iter().for_each(|w| self.end(*w, Flaw::Refused));
        } else if let Some(front) = self.groups.front_mut().filter(|_| count < group.len()) {
            // The agent filled less than one row: those it left out go first next time.
            front.rotate_left(count);
        }
    }

    fn end(&mut self, walk: usize, flaw: Flaw) {
        self.walks[walk].done = true;
        self.walks[walk].got.flaw = Some(flaw);
    }

    fn note_denied(&mut self, status: &Option<i32>) {
        // noAccess and authorizationError (RFC 3416 §3).
        self.denied |= matches!(status, Some(6 | 16));
    }
}

fn answer_status(answer: &Result<Vec<Binding>, Failure>) -> Option<i32> {
    if let Err(Failure::Agent { status, .. }) = answer { Some(*status) } else { None }
}

/// The item that an error index (counted from 1) names, if it names one.
fn named<T>(index: u32, items: &[T]) -> Option<&T> {
    items.get((index as usize).checked_sub(1)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn oid(text: &str) -> Oid {
        text.parse().unwrap()
    }

    fn scalars(count: u32) -> Plan {
        Plan { scalars: (1..=count).map(|n| oid("1.3.6.1.2.1.1").child(&[n, 0])).collect(), columns: vec![] }
    }

    /// Answers every request from this function until nothing is left to ask.
    fn run(plan: &Plan, bulk: bool, mut agent: impl FnMut(&Ask) -> Result<Vec<Binding>, Failure>) -> Fetched {
        let limits = Limits { oids: 10, rows: 100, ..Limits::default() };
        let mut fetch = Fetch::new(plan, &limits, Quirks::start(&limits, bulk));
        while let Some(ask) = fetch.ask() {
            let answer = agent(&ask);
            fetch.answer(&ask, answer);
        }
        fetch.finish()
    }

    fn ones(oids: &[Oid]) -> Vec<Binding> {
        oids.iter().map(|o| Binding { oid: o.clone(), value: Value::Integer(1) }).collect()
    }

    #[test]
    fn an_agent_for_which_ten_are_too_many_is_asked_for_fewer_ever_after() {
        let fetched = run(&scalars(30), true, |ask| match ask {
            Ask::Get(oids) if oids.len() > 4 => Err(Failure::TooBig),
            Ask::Get(oids) => Ok(ones(oids)),
            _ => unreachable!(),
        });
        assert_eq!(fetched.scalars.len(), 30);
        assert_eq!(fetched.quirks.oids, 2, "10, 5, then 2");
        assert_eq!(fetched.failure, None);
    }

    #[test]
    fn a_name_that_version_1_does_not_know_costs_only_itself() {
        let fetched = run(&scalars(9), false, |ask| match ask {
            Ask::Get(oids) => match oids.iter().position(|o| o.arcs()[7] % 4 == 0) {
                Some(at) => Err(Failure::NoSuchName(at as u32 + 1)),
                None => Ok(ones(oids)),
            },
            _ => unreachable!(),
        });
        let absent = fetched.scalars.values().filter(|v| matches!(v, Value::Absent(_))).count();
        assert_eq!((fetched.scalars.len(), absent), (9, 2));
    }

    #[test]
    fn an_error_that_names_nobody_is_narrowed_down() {
        let fetched = run(&scalars(8), true, |ask| match ask {
            Ask::Get(oids) if oids.iter().any(|o| o.arcs()[7] == 5) => Err(Failure::Agent { status: 5, index: 0 }),
            Ask::Get(oids) => Ok(ones(oids)),
            _ => unreachable!(),
        });
        assert_eq!(fetched.scalars[&oid("1.3.6.1.2.1.1.5.0")], Value::Absent(Absence::NoSuchObject));
        assert_eq!(fetched.scalars.values().filter(|v| **v == Value::Integer(1)).count(), 7);
    }

    fn table(ask: &Ask, rows: u32) -> Vec<Binding> {
        let (oids, repetitions) = match ask {
            Ask::Bulk { oids, repetitions } => (oids, *repetitions),
            Ask::Next(oids) => (oids, 1),
            Ask::Get(_) => unreachable!(),
        };
        let mut cursors = oids.clone();
        let mut out = Vec::new();
        for _ in 0..repetitions {
            for cursor in &mut cursors {
                // Columns 1.3.6.1.9.C with rows 1 to `rows`, then the next column.
                let (column, row) = (cursor.arcs()[5], cursor.arcs().get(6).copied().unwrap_or(0));
                let next = if row < rows { [column, row + 1] } else { [column + 1, 1] };
                *cursor = oid("1.3.6.1.9").child(&next);
                out.push(Binding { oid: cursor.clone(), value: Value::Gauge32(row) });
            }
        }
        out
    }

    fn two_columns() -> Plan {
        Plan { scalars: vec![], columns: vec![(oid("1.3.6.1.9.1"), 0), (oid("1.3.6.1.9.2"), 0)] }
    }

    #[test]
    fn columns_are_walked_side_by_side() {
        let fetched = run(&two_columns(), true, |ask| Ok(table(ask, 60)));
        for column in fetched.columns.values() {
            assert_eq!((column.rows.len(), column.flaw), (60, None));
        }
        assert_eq!(fetched.requests, 3);
    }

    #[test]
    fn an_agent_without_getbulk_is_walked_by_getnext() {
        let fetched = run(&two_columns(), true, |ask| match ask {
            Ask::Bulk { .. } => Err(Failure::Agent { status: 5, index: 0 }),
            ask => Ok(table(ask, 7)),
        });
        assert_eq!(fetched.columns.values().map(|c| c.rows.len()).collect::<Vec<_>>(), [7, 7]);
        assert_eq!(fetched.quirks.repetitions, 0);
    }

    #[test]
    fn an_agent_silent_on_large_answers_is_asked_for_small_ones() {
        let plan = Plan { scalars: vec![oid("1.3.6.1.2.1.1.3.0")], ..two_columns() };
        let fetched = run(&plan, true, |ask| match ask {
            Ask::Get(oids) => Ok(ones(oids)),
            Ask::Bulk { repetitions, .. } if *repetitions > 10 => Err(Failure::Timeout),
            ask => Ok(table(ask, 40)),
        });
        assert_eq!(fetched.failure, None);
        assert_eq!(fetched.columns.values().map(|c| c.rows.len()).collect::<Vec<_>>(), [40, 40]);
    }

    #[test]
    fn a_table_without_end_a_circle_and_an_empty_answer_all_end() {
        let endless = run(&two_columns(), true, |ask| Ok(table(ask, u32::MAX)));
        assert!(endless.columns.values().all(|c| c.rows.len() == 100 && c.flaw == Some(Flaw::TooManyRows)));

        let circle = run(&two_columns(), true, |ask| {
            let Ask::Bulk { oids, .. } = ask else { unreachable!() };
            Ok(oids
                .iter()
                .map(|o| Binding { oid: oid("1.3.6.1.9").child(&[o.arcs()[5], 3]), value: Value::Null })
                .collect())
        });
        assert!(circle.columns.values().all(|c| c.rows.len() == 1 && c.flaw == Some(Flaw::NotIncreasing)));

        let empty = run(&two_columns(), true, |_| Ok(vec![]));
        assert_eq!(empty.requests, 1);
    }

    #[test]
    fn answers_for_another_column_are_not_taken() {
        let fetched = run(&two_columns(), true, |ask| {
            let Ask::Bulk { oids, .. } = ask else { unreachable!() };
            Ok(oids.iter().map(|_| Binding { oid: oid("1.3.6.1.10.1.1"), value: Value::Integer(9) }).collect())
        });
        assert!(fetched.columns.values().all(|c| c.rows.is_empty()));
    }

    #[test]
    fn an_agent_that_denies_everything_is_denied_and_not_empty() {
        let fetched = run(&scalars(3), true, |_| Err(Failure::Agent { status: 16, index: 0 }));
        assert_eq!(fetched.failure, Some(Failure::Access(Access::Denied)));
    }

    #[test]
    fn a_time_out_keeps_what_came_before() {
        let mut asked = 0;
        let fetched = run(&scalars(25), true, |ask| {
            asked += 1;
            let Ask::Get(oids) = ask else { unreachable!() };
            if asked == 2 { Err(Failure::Timeout) } else { Ok(ones(oids)) }
        });
        assert_eq!((fetched.scalars.len(), fetched.failure), (10, Some(Failure::Timeout)));
    }
}
