//! Appending to the evidence of a directory: one chain over the files of all months.
//!
//! Two locks: `writer.lock` is held by the daemon for as long as it runs, so that there is one;
//! `append.lock` by whoever appends, daemon or command, for the moment of one transaction, so that the
//! chain stays one line. Records are durable when [`Store::append`] returns.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::{Connection, TransactionBehavior};

use super::blob::{self, Encoder};
use super::chain::{Hash, Head};
pub use super::file::store::StoreError;
use super::file::store::{self as files, Context as _};
use super::file::{Name, month_of};
use super::names::Names;
use super::record::{Body, Record, RollUp, Rows};
use super::rollup::{self, Grain, Merger, Part};
use crate::measurement::minute::{Minute, Tally};
use crate::names::{ClassIx, ComponentIx};
use crate::units::Sec;

/// Something to append.
#[derive(Debug, Clone)]
pub enum Entry {
    /// A record without rounds.
    Fact(Body),
    /// A minute's rounds as they were measured.
    Minute(Minute, Arc<Names>),
    /// A minute's rounds from an import whose record stands before it in the same batch.
    Imported(Minute, Arc<Names>),
}

/// What opening found out, for the daemon's log and its first picture.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Opened {
    /// The newest record.
    pub head: Head,
    /// Files that were damaged, under the names they were set aside with, and what was wrong.
    pub set_aside: Vec<(PathBuf, String)>,
}

/// The evidence of one directory, open for appending.
#[derive(Debug)]
pub struct Store {
    dir: PathBuf,
    append: File,
    _writer: Option<File>,
    current: Current,
    encoder: Encoder,
}

/// The newest file.
#[derive(Debug)]
struct Current {
    path: PathBuf,
    month: String,
    conn: Connection,
    series: Series,
}

/// Numbers by index.
type Quick = HashMap<(ComponentIx, ClassIx), u32>;

/// The numbers that the newest file gives to components and classes.
#[derive(Debug, Default)]
struct Series {
    names: Vec<(String, String)>,
    numbers: HashMap<(String, String), u32>,
    /// The newest record that `names` takes account of.
    seen: u64,
    /// Numbers by the indices of the configuration last used.
    quick: Option<(Arc<Names>, Quick)>,
}

/// An exclusive lock on `append.lock`, given back when dropped.
struct Turn<'a>(&'a File);

impl<'a> Turn<'a> {
    fn take(file: &'a File, dir: &Path) -> Result<Self, StoreError> {
        file.lock().during("lock", dir)?;
        Ok(Self(file))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        // Closing the file would give it back too.
        let _ = self.0.unlock();
    }
}

impl Store {
    /// Opens a directory's evidence for the daemon, which alone may begin a new month; `now` is the wall clock's time.
    ///
    /// Makes the directory and the first file when there are none. A damaged newest file is set aside.
    pub fn open_as_daemon(dir: &Path, now: Sec) -> Result<(Self, Opened), StoreError> {
        fs::create_dir_all(dir).during("create", dir)?;
        let lock = lock_file(dir, "writer.lock")?;
        match lock.try_lock() {
            Ok(()) => Self::open_with(dir, now, Some(lock)),
            Err(TryLockError::WouldBlock) => Err(StoreError::InUse(dir.to_owned())),
            Err(TryLockError::Error(e)) => Err(e).during("lock", dir),
        }
    }

    /// Opens a directory's evidence for a command that appends a few records, whether or not the daemon runs.
    pub fn open_as_command(dir: &Path, now: Sec) -> Result<(Self, Opened), StoreError> {
        fs::create_dir_all(dir).during("create", dir)?;
        Self::open_with(dir, now, None)
    }

    fn open_with(dir: &Path, now: Sec, writer: Option<File>) -> Result<(Self, Opened), StoreError> {
        let append = lock_file(dir, "append.lock")?;
        let turn = Turn::take(&append, dir)?;
        let mut opened = Opened::default();
        for name in files::list(dir)?.iter().filter(|n| !n.is_aside()) {
            match files::admit(&dir.join(name.to_string())) {
                // Only the newest is written to; readers tell of the others.
                Err(e) if !e.is_damage() => return Err(e),
                _ => {}
            }
        }
        let current = match files::list(dir)?.pop() {
            None => {
                let month = month_of(now);
                let genesis = Body::Genesis { version: env!("CARGO_PKG_VERSION").to_owned() };
                files::create(dir, &month, Head::default(), now, genesis)?;
                Current::open(dir, &month)?
            }
            Some(newest) if newest.is_aside() => {
                go_on(dir, &month_of(now).max(newest.month), now, "it was set aside before")?
            }
            Some(newest) => match Current::open_checked(dir, &newest.month) {
                Ok(current) => current,
                Err(e) if e.is_damage() => {
                    let aside = files::set_aside(dir, &newest.month)?;
                    opened.set_aside.push((dir.join(aside.to_string()), e.to_string()));
                    go_on(dir, &month_of(now).max(newest.month), now, &e.to_string())?
                }
                Err(e) => return Err(e),
            },
        };
        opened.head = files::head(&current.conn).during("read", &current.path)?;
        drop(turn);
        let store = Self { dir: dir.to_owned(), append, _writer: writer, current, encoder: Encoder::new() };
        Ok((store, opened))
    }

    /// Appends all of the entries, or none of them. On success they are on the disk.
    ///
    /// `at` is the wall clock's time. A minute of a later month than the newest file's begins a new file,
    /// after whatever hours and days of the old one are not rolled up yet.
    pub fn append(&mut self, at: Sec, entries: &[Entry]) -> Result<Head, StoreError> {
        let turn = Turn::take(&self.append, &self.dir)?;
        self.current.follow(&self.dir)?;
        let months = entries.iter().filter_map(|e| match e {
            Entry::Minute(minute, _) => Some(month_of(minute.start)),
            Entry::Fact(_) | Entry::Imported(..) => None,
        });
        if let Some(month) = months.max().filter(|month| *month > self.current.month) {
            self.current.roll_up(at, Sec(i64::MAX), &mut self.encoder)?;
            let head = self.current.head()?;
            files::create(&self.dir, &month, head, at, Body::File { month: month.clone() })?;
            self.current = Current::open(&self.dir, &month)?;
        }
        let head = self.current.append(at, entries, &mut self.encoder);
        drop(turn);
        head
    }

    /// Appends all of the entries in one transaction, however many, to the newest file. For imports.
    pub fn append_stream(&mut self, at: Sec, entries: impl Iterator<Item = Entry>) -> Result<Head, StoreError> {
        let _turn = Turn::take(&self.append, &self.dir)?;
        self.current.follow(&self.dir)?;
        self.current.append(at, entries, &mut self.encoder)
    }

    /// Makes roll-ups of all hours and days that end at or before `before` and have none yet. Gives how many were made.
    pub fn roll_up(&mut self, at: Sec, before: Sec) -> Result<usize, StoreError> {
        let _turn = Turn::take(&self.append, &self.dir)?;
        self.current.follow(&self.dir)?;
        self.current.roll_up(at, before, &mut self.encoder)
    }

    /// Sets the newest file aside because it turned out damaged, and goes on in a new one.
    pub fn abandon(&mut self, at: Sec, problem: &str) -> Result<PathBuf, StoreError> {
        let _turn = Turn::take(&self.append, &self.dir)?;
        let month = self.current.month.clone();
        let aside = files::set_aside(&self.dir, &month)?;
        self.current = go_on(&self.dir, &month, at, problem)?;
        Ok(self.dir.join(aside.to_string()))
    }

    /// The newest record.
    pub fn head(&self) -> Result<Head, StoreError> {
        self.current.head()
    }

    /// Where it is.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

fn lock_file(dir: &Path, name: &str) -> Result<File, StoreError> {
    let path = dir.join(name);
    OpenOptions::new().create(true).truncate(false).write(true).open(&path).during("open", &path)
}

/// Begins a new file after one that was set aside.
fn go_on(dir: &Path, month: &str, at: Sec, problem: &str) -> Result<Current, StoreError> {
    let (mut good, mut newest, mut damaged) = (Head::default(), 0, String::new());
    for name in files::list(dir)?.into_iter().rev() {
        if damaged.is_empty() {
            damaged = name.to_string();
        }
        if let Some((head, last)) = files::salvage(&dir.join(name.to_string())) {
            (good, newest) = (head, last);
            break;
        }
    }
    // Numbers that may have been given out are not given again.
    const LEAP: u64 = 1_000_000;
    let sequence = (newest.max(good.sequence) / LEAP + 1) * LEAP;
    let first = Body::Recovered {
        file: damaged,
        problem: problem.to_owned(),
        last_good: good.sequence,
        last_good_hash: good.hash,
    };
    files::create(dir, month, Head { sequence, hash: good.hash }, at, first)?;
    Current::open(dir, month)
}

impl Current {
    fn open(dir: &Path, month: &str) -> Result<Self, StoreError> {
        let path = dir.join(Name::of(month).to_string());
        let conn = files::open_writable(&path)?;
        Ok(Self { path, month: month.to_owned(), conn, series: Series::default() })
    }

    fn open_checked(dir: &Path, month: &str) -> Result<Self, StoreError> {
        files::admit(&dir.join(Name::of(month).to_string()))?;
        let current = Self::open(dir, month)?;
        files::check(&current.conn, &current.path)?;
        Ok(current)
    }

    /// Goes over to a newer file that another process began.
    fn follow(&mut self, dir: &Path) -> Result<(), StoreError> {
        let newest = files::list(dir)?.into_iter().rfind(|n| !n.is_aside());
        match newest {
            Some(name) if name.month != self.month => *self = Self::open(dir, &name.month)?,
            _ => {}
        }
        Ok(())
    }

    fn head(&self) -> Result<Head, StoreError> {
        files::head(&self.conn).during("read", &self.path)
    }

    fn append(
        &mut self,
        at: Sec,
        entries: impl IntoIterator<Item = impl Borrow<Entry>>,
        encoder: &mut Encoder,
    ) -> Result<Head, StoreError> {
        let Self { conn, path, series, .. } = self;
        let write = || -> rusqlite::Result<Head> {
            let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let mut head = files::head(&tx)?;
            series.catch_up(&tx, head.sequence)?;
            let mut import = None;
            for entry in entries {
                head = match entry.borrow() {
                    Entry::Fact(body) => {
                        let next = files::insert(&tx, head, at, body.clone())?;
                        if matches!(body, Body::Import { .. }) {
                            import = Some(next.sequence);
                        }
                        next
                    }
                    Entry::Minute(minute, names) => append_minute(&tx, head, at, minute, names, None, series, encoder)?,
                    Entry::Imported(minute, names) => {
                        append_minute(&tx, head, at, minute, names, import, series, encoder)?
                    }
                };
            }
            tx.commit()?;
            series.seen = head.sequence;
            Ok(head)
        };
        let result = write().during("write to", path);
        if result.is_err() {
            // Numbers given in a transaction that failed were never given.
            *series = Series::default();
        }
        result
    }

    /// Hours first, in order, then days.
    fn roll_up(&mut self, at: Sec, before: Sec, encoder: &mut Encoder) -> Result<usize, StoreError> {
        let Self { conn, path, series, .. } = self;
        let mut made = 0;
        for grain in [Grain::Hour, Grain::Day] {
            let from = grain.finer().expect("hours and days are made from something");
            let open = open_starts(conn, from, grain, before).during("read", path)?;
            for some in open.chunks(ROLL_UPS_AT_ONCE) {
                let mut write = || -> rusqlite::Result<()> {
                    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
                    let head = files::head(&tx)?;
                    series.catch_up(&tx, head.sequence)?;
                    for start in some {
                        roll_up_one(&tx, files::head(&tx)?, at, (grain, *start), series, encoder)?;
                    }
                    tx.commit()
                };
                write().during("roll up in", path)?;
                made += some.len();
            }
        }
        Ok(made)
    }
}

/// The starts of those hours or days that have parts without a roll-up, and that are over.
fn open_starts(conn: &Connection, from: Grain, to: Grain, before: Sec) -> rusqlite::Result<Vec<Sec>> {
    let mut starts = Vec::new();
    let mut query = conn.prepare_cached("SELECT start FROM part WHERE grain = ?1 AND rolled IS NULL ORDER BY start")?;
    let mut rows = query.query([from as i64])?;
    while let Some(row) = rows.next()? {
        let start = to.floor(Sec(row.get(0)?));
        if start.plus(to.seconds()) <= before && starts.last() != Some(&start) {
            starts.push(start);
        }
    }
    Ok(starts)
}

/// Roll-ups in one transaction: after an import there are hundreds.
const ROLL_UPS_AT_ONCE: usize = 24;

/// Marks a part whose rounds are damaged: no roll-up will ever have it.
const NEVER_ROLLED: i64 = 0;

fn roll_up_one(
    tx: &Connection,
    head: Head,
    at: Sec,
    (grain, start): (Grain, Sec),
    series: &Series,
    encoder: &mut Encoder,
) -> rusqlite::Result<()> {
    let from = grain.finer().expect("hours and days are made from something") as i64;
    let mut merger = Merger::default();
    let mut parts = Vec::new();
    let mut query = tx.prepare_cached(
        "SELECT p.seq, r.body, b.data FROM part p JOIN record r USING (seq) LEFT JOIN blob b USING (seq)
         WHERE p.grain = ?1 AND p.start >= ?2 AND p.start < ?3 AND p.rolled IS NULL ORDER BY p.start, p.seq",
    )?;
    let mut rows = query.query((from, start.0, start.0 + grain.seconds()))?;
    let mut damaged = Vec::new();
    while let Some(row) = rows.next()? {
        let (seq, text, data): (u64, String, Option<Vec<u8>>) = (row.get(0)?, row.get(1)?, row.get(2)?);
        match data.and_then(|data| sound_rows(&text, &data)) {
            Some((sha256, tallies)) => {
                tallies.into_iter().for_each(|(series, tally)| merger.add(series, tally));
                parts.push(Part { seq, sha256 });
            }
            None => damaged.push(seq),
        }
    }
    let mut mark = tx.prepare_cached("UPDATE part SET rolled = ?2 WHERE seq = ?1")?;
    for seq in damaged {
        mark.execute((seq, NEVER_ROLLED))?;
    }
    if parts.is_empty() {
        return Ok(());
    }
    parts.sort_by_key(|p| p.seq);
    let (data, roll) = rollup::roll_up(start, &merger, &parts, |n| series.name(n), encoder);
    let body = if grain == Grain::Hour { Body::Hour(roll) } else { Body::Day(roll) };
    let head = files::insert(tx, head, at, body)?;
    insert_part(tx, head.sequence, grain, start, &data)?;
    for part in parts {
        mark.execute((part.seq, head.sequence))?;
    }
    Ok(())
}

/// A part's rows, when the record is right about them.
fn sound_rows(text: &str, data: &[u8]) -> Option<(Hash, Vec<(u32, Tally)>)> {
    let hash = Hash::of(data);
    let record = Record::parse(text).ok()?;
    let mut tallies = Vec::new();
    blob::decode(data, |series, tally| tallies.push((series, tally))).ok()?;
    (files::blob_hash(&record.body) == Some(hash)).then_some((hash, tallies))
}

fn insert_part(tx: &Connection, seq: u64, grain: Grain, start: Sec, data: &[u8]) -> rusqlite::Result<()> {
    tx.prepare_cached("INSERT INTO part(seq, grain, start) VALUES (?1, ?2, ?3)")?.execute((
        seq,
        grain as i64,
        start.0,
    ))?;
    tx.prepare_cached("INSERT INTO blob(seq, data) VALUES (?1, ?2)")?.execute((seq, data))?;
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "one step of a transaction, called twice")]
fn append_minute(
    tx: &Connection,
    mut head: Head,
    at: Sec,
    minute: &Minute,
    names: &Arc<Names>,
    import: Option<u64>,
    series: &mut Series,
    encoder: &mut Encoder,
) -> rusqlite::Result<Head> {
    let known = series.names.len();
    let mut rows: Vec<(u32, &Tally)> = Vec::with_capacity(minute.rows.len());
    for row in &minute.rows {
        // An index outside its own configuration names nobody: a bug of the caller that must not stop the others' evidence.
        if let Some(number) = series.number(row.component, row.class, names) {
            rows.push((number, &row.tally));
        }
    }
    rows.sort_unstable_by_key(|(number, _)| *number);
    rows.dedup_by_key(|(number, _)| *number);
    if series.names.len() > known {
        let first = u32::try_from(known).expect("fewer series than u32::MAX");
        let body = Body::Series { first, names: series.names[known..].to_vec() };
        head = files::insert(tx, head, at, body)?;
    }
    let data = encoder.encode(minute.start, &rows);
    let totals = blob::totals_of(rows.iter().map(|(_, t)| *t));
    let body = Body::Minute(Rows { start: minute.start, sha256: Hash::of(&data), totals, import });
    let head = files::insert(tx, head, at, body)?;
    insert_part(tx, head.sequence, Grain::Minute, minute.start, &data)?;
    Ok(head)
}

impl Series {
    fn name(&self, number: u32) -> (&str, &str) {
        self.names.get(number as usize).map_or(("?", "?"), |(component, class)| (component, class))
    }

    /// Takes in what this or another process numbered since.
    fn catch_up(&mut self, conn: &Connection, newest: u64) -> rusqlite::Result<()> {
        if self.seen == newest {
            return Ok(());
        }
        let mut query = conn.prepare_cached("SELECT body FROM record WHERE kind = 'series' AND kind NOT IN ('minute', 'hour', 'day') AND seq > ?1 ORDER BY seq")?;
        let mut rows = query.query([self.seen])?;
        while let Some(row) = rows.next()? {
            let text: String = row.get(0)?;
            if let Ok(Record { body: Body::Series { names, .. }, .. }) = Record::parse(&text) {
                for name in names {
                    self.add(name);
                }
            }
        }
        self.seen = newest;
        Ok(())
    }

    fn add(&mut self, name: (String, String)) -> u32 {
        let number = u32::try_from(self.names.len()).expect("fewer series than u32::MAX");
        self.numbers.insert(name.clone(), number);
        self.names.push(name);
        number
    }

    fn number(&mut self, component: ComponentIx, class: ClassIx, names: &Arc<Names>) -> Option<u32> {
        if !self.quick.as_ref().is_some_and(|(of, _)| Arc::ptr_eq(of, names)) {
            self.quick = Some((names.clone(), HashMap::new()));
        }
        let known = self.quick.as_ref().and_then(|(_, quick)| quick.get(&(component, class)).copied());
        if known.is_some() {
            return known;
        }
        let (component_name, class_name) = names.get(component, class)?;
        let name = (component_name.to_owned(), class_name.to_owned());
        let number = match self.numbers.get(&name) {
            Some(number) => *number,
            None => self.add(name),
        };
        if let Some((_, quick)) = &mut self.quick {
            quick.insert((component, class), number);
        }
        Some(number)
    }
}

/// The roll-up in a record, when it is one.
#[must_use]
pub fn roll_up_of(body: &Body) -> Option<&RollUp> {
    match body {
        Body::Hour(roll) | Body::Day(roll) => Some(roll),
        _ => None,
    }
}
