//! Reading evidence: for a restart, a report, an audit. Never writes.
//!
//! A reader sees the evidence as it stood when it was opened, whoever writes meanwhile.
//! Nothing is believed unchecked: a record must follow from the one before it, a blob must have the hash
//! that its record names. What does not check out is passed over and told as [`Damage`]; where a
//! roll-up is damaged, what it was made from is read in its place.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _};

use super::blob;
use super::chain::{Hash, Head, link};
use super::fault::Faults;
use super::file::Name;
use super::file::store::{self as files, Context as _, StoreError};
use super::names::{Index, Names};
use super::record::{Body, Record};
use super::recover::{Chunk, Damage, Piece, pieces};
use super::rollup::{Grain, Merger};
use crate::measurement::minute::Row;
use crate::names::ComponentIx;
use crate::units::{Sec, Span};

/// Most damages that are told one by one.
const MAX_DAMAGES: usize = 1_000;

/// How often several readers are opened anew because a record came between them.
const TRIES: usize = 5;

/// The evidence of a directory, open for reading.
#[derive(Debug)]
pub struct Reader {
    pub(super) files: Vec<EvidenceFile>,
    damages: RefCell<Vec<Damage>>,
}

/// One file, at the moment of opening.
#[derive(Debug)]
pub(super) struct EvidenceFile {
    pub(super) name: Name,
    pub(super) conn: Connection,
    pub(super) anchor: Head,
    /// Component and class of each series.
    series: Vec<(String, String)>,
}

/// A record with its text and hash, checked against the record before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// What it says.
    pub record: Record,
    /// Its canonical text.
    pub text: String,
    /// Its hash in the chain.
    pub hash: Hash,
}

/// What to read.
#[derive(Debug, Clone, Copy)]
pub struct Query<'a> {
    /// When; widened to whole minutes.
    pub span: Span,
    /// Chunks are no longer than this: `Day` is fastest, `Minute` tells most about round-trip times.
    pub coarsest: Grain,
    /// The configuration to read for; what it does not name is passed over.
    pub names: &'a Names,
    /// Only these components; all when `None`.
    pub only: Option<&'a BTreeSet<ComponentIx>>,
}

impl Reader {
    /// Opens a directory's evidence. Files that cannot be read are told as damage.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let reader = Self { files: Vec::new(), damages: RefCell::default() };
        let mut found = Vec::new();
        for name in files::list(dir)? {
            match open_file(&dir.join(name.to_string()), &name) {
                Ok(file) => found.push(file),
                Err(e) if e.is_damage() || name.is_aside() => {
                    reader.note(&name, None, None, e.to_string());
                }
                Err(e) => return Err(e),
            }
        }
        if found.is_empty() && reader.damages.borrow().is_empty() {
            return Err(StoreError::Nothing(dir.to_owned()));
        }
        let mut reader = Self { files: found, ..reader };
        reader.read_series();
        Ok(reader)
    }

    /// Opens it as often as `count` says, for as many threads: all see the very same evidence. Only once when somebody
    /// writes too often for that.
    pub fn open_alike(dir: &Path, count: usize) -> Result<Vec<Self>, StoreError> {
        for _ in 0..TRIES {
            let readers = (0..count).map(|_| Self::open(dir)).collect::<Result<Vec<_>, _>>()?;
            let seen = readers.iter().map(Self::seen).collect::<Result<Vec<_>, _>>()?;
            if seen.windows(2).all(|two| two[0] == two[1]) {
                return Ok(readers);
            }
        }
        Ok(vec![Self::open(dir)?])
    }

    /// Each file with its newest record.
    fn seen(&self) -> Result<Vec<(&Name, Head)>, StoreError> {
        let head = |file: &EvidenceFile| files::head(&file.conn).during("read", Path::new(&file.name.to_string()));
        self.files.iter().map(|file| Ok((&file.name, head(file)?))).collect()
    }

    /// The newest record.
    pub fn head(&self) -> Result<Head, StoreError> {
        match self.files.last() {
            Some(file) => files::head(&file.conn).during("read", Path::new(&file.name.to_string())),
            None => Ok(Head::default()),
        }
    }

    /// From the first minute's begin to the last one's end, whatever lies between; `None` without any.
    #[must_use]
    pub fn extent(&self) -> Option<Span> {
        let ends = |file: &EvidenceFile| -> Option<Span> {
            let sql = "SELECT min(start), max(start) FROM part WHERE grain = ?1";
            let row = file.conn.query_row(sql, [Grain::Minute as i64], |r| Ok((r.get(0)?, r.get(1)?)));
            let (Some(first), Some(last)): (Option<i64>, Option<i64>) = row.ok()? else { return None };
            Some(Span::new(Sec(first), Sec(last).plus(Grain::Minute.seconds())))
        };
        let spans = self.files.iter().filter_map(ends);
        spans.reduce(|a, b| Span::new(a.from.min(b.from), a.to.max(b.to)))
    }

    /// The newest record of a minute that begins in `span`; none gives the head before all records.
    #[must_use]
    pub fn last_minute(&self, span: Span) -> Head {
        let newest = |file: &EvidenceFile| -> Option<Head> {
            let sql = "SELECT max(seq) FROM part WHERE grain = ?1 AND start >= ?2 AND start < ?3";
            let row = file.conn.query_row(sql, (Grain::Minute as i64, span.from.0, span.to.0), |r| r.get(0));
            let sequence: u64 = row.ok().flatten()?;
            let sql = "SELECT hash FROM record WHERE seq = ?1";
            let hash = file.conn.query_row(sql, [sequence], |r| files::hash_column(r, 0)).ok()?;
            Some(Head { sequence, hash })
        };
        self.files.iter().filter_map(newest).max_by_key(|h| h.sequence).unwrap_or_default()
    }

    /// Every record that is not about rounds, in order of the chain.
    pub fn facts(&self, mut each: impl FnMut(Stored)) {
        for file in &self.files {
            self.facts_of(file, |stored| {
                if !matches!(stored.record.body, Body::Series { .. }) {
                    each(stored);
                }
            });
        }
    }

    /// Every chunk of `query.span` that has rounds, in time order.
    pub fn rows(&self, query: Query<'_>, mut each: impl FnMut(Chunk)) {
        let index = query.names.index();
        let keys: Vec<_> = self.files.iter().map(|f| f.keys(&index, query.only)).collect();
        for piece in pieces(query.span, query.coarsest) {
            let mut merger = Merger::default();
            for (file, keys) in self.files.iter().zip(&keys) {
                for part in self.parts(file, piece) {
                    self.merge(file, part, keys, &mut merger);
                }
            }
            let rows: Vec<_> = merger
                .into_rows()
                .map(|(key, tally)| {
                    let (component, class) = index.of_key(key);
                    Row { component, class, tally }
                })
                .collect();
            if !rows.is_empty() {
                each(Chunk { span: piece.span(), rows });
            }
        }
    }

    /// What could not be read or believed so far.
    #[must_use]
    pub fn damages(&self) -> Vec<Damage> {
        self.damages.borrow().clone()
    }

    /// What any of these could not read or believe.
    #[must_use]
    pub fn damages_of(readers: &[Self]) -> Vec<Damage> {
        let mut all = Vec::new();
        for damage in readers.iter().flat_map(Self::damages) {
            if !all.contains(&damage) {
                all.push(damage);
            }
        }
        all
    }

    fn note(&self, name: &Name, seq: Option<u64>, span: Option<Span>, problem: String) {
        let damage = Damage { file: name.to_string(), seq, span, problem };
        let mut damages = self.damages.borrow_mut();
        if damages.len() < MAX_DAMAGES && !damages.contains(&damage) {
            damages.push(damage);
        }
    }

    fn read_series(&mut self) {
        let mut all = Vec::new();
        for file in &self.files {
            let mut series = Vec::new();
            self.facts_of(file, |stored| {
                if let Body::Series { first, names } = stored.record.body
                    && first as usize == series.len()
                {
                    series.extend(names);
                }
            });
            all.push(series);
        }
        for (file, series) in self.files.iter_mut().zip(all) {
            file.series = series;
        }
    }

    fn facts_of(&self, file: &EvidenceFile, mut each: impl FnMut(Stored)) {
        let mut read = || -> rusqlite::Result<()> {
            let sql = "SELECT seq FROM record WHERE kind NOT IN ('minute', 'hour', 'day') ORDER BY seq";
            let mut query = file.conn.prepare_cached(sql)?;
            let mut rows = query.query([])?;
            while let Some(row) = rows.next()? {
                let seq: u64 = row.get(0)?;
                match file.stored(seq) {
                    Ok(stored) => each(stored),
                    Err(problem) => self.note(&file.name, Some(seq), None, problem),
                }
            }
            Ok(())
        };
        let _ = read().map_err(|e| self.note(&file.name, None, None, e.to_string()));
    }

    /// The parts of a piece: those of its own grain, and finer ones that are in no roll-up yet.
    fn parts(&self, file: &EvidenceFile, piece: Piece) -> Vec<(u64, Piece)> {
        let read = || -> rusqlite::Result<Vec<(u64, Piece)>> {
            let mut parts = Vec::new();
            let mut own =
                file.conn.prepare_cached("SELECT seq FROM part WHERE grain = ?1 AND start = ?2 ORDER BY seq")?;
            let mut rows = own.query((piece.grain as i64, piece.start.0))?;
            while let Some(row) = rows.next()? {
                parts.push((row.get(0)?, piece));
            }
            let mut grain = piece.grain;
            while let Some(finer) = grain.finer() {
                let sql = "SELECT seq, start FROM part WHERE grain = ?1 AND start >= ?2 AND start < ?3
                           AND (rolled IS NULL OR rolled = 0) ORDER BY start, seq";
                let mut rest = file.conn.prepare_cached(sql)?;
                let span = piece.span();
                let mut rows = rest.query((finer as i64, span.from.0, span.to.0))?;
                while let Some(row) = rows.next()? {
                    parts.push((row.get(0)?, Piece { grain: finer, start: Sec(row.get(1)?) }));
                }
                grain = finer;
            }
            parts.sort_by_key(|(seq, part)| (part.start, *seq));
            Ok(parts)
        };
        read().unwrap_or_else(|e| {
            self.note(&file.name, None, Some(piece.span()), e.to_string());
            Vec::new()
        })
    }

    /// Merges a part, or when it is damaged whatever it was made from.
    fn merge(&self, file: &EvidenceFile, (seq, piece): (u64, Piece), keys: &[Option<u32>], merger: &mut Merger) {
        let mut rows = Vec::new();
        let read = file.blob(seq).and_then(|data| {
            let wanted = |first: u32, last: u32| {
                keys.get(first as usize..keys.len().min(last as usize + 1))
                    .is_some_and(|k| k.iter().any(Option::is_some))
            };
            let keep = |series: u32, tally| {
                if let Some(key) = keys.get(series as usize).copied().flatten() {
                    rows.push((key, tally));
                }
            };
            blob::decode_where(&data, wanted, keep).map_err(|e| format!("its rounds are unreadable: {e}"))
        });
        match read {
            Ok(_) => rows.into_iter().for_each(|(key, tally)| merger.add(key, tally)),
            Err(problem) => {
                self.note(&file.name, Some(seq), Some(piece.span()), problem);
                for finer in file.made_from(seq, piece) {
                    self.merge(file, finer, keys, merger);
                }
            }
        }
    }
}

/// The number of the newest import, or step in the life of any exclusion, in the newest file; cheap. Unchecked: a hint to
/// read again.
///
/// # Errors
/// The newest file cannot be opened.
pub fn newest_change(dir: &Path) -> Result<Option<u64>, StoreError> {
    let Some(name) = files::list(dir)?.into_iter().rfind(|n| !n.is_aside()) else { return Ok(None) };
    let path = dir.join(name.to_string());
    files::admit(&path)?;
    let conn = files::open_readable(&path)?;
    let sql =
        "SELECT max(seq) FROM record WHERE kind IN ('exclusion', 'import') AND kind NOT IN ('minute', 'hour', 'day')";
    conn.query_row(sql, [], |r| r.get(0)).during("read", &path)
}

/// The fault register, when the newest file has a newer step than `known`; with the number of that step. Cheap when
/// there is none.
///
/// # Errors
/// A file cannot be opened.
pub fn newer_faults(dir: &Path, known: Option<u64>) -> Result<Option<(u64, Faults)>, StoreError> {
    let Some(name) = files::list(dir)?.into_iter().rfind(|n| !n.is_aside()) else { return Ok(None) };
    let path = dir.join(name.to_string());
    files::admit(&path)?;
    let conn = files::open_readable(&path)?;
    let sql = "SELECT max(seq) FROM record WHERE kind = 'fault' AND kind NOT IN ('minute', 'hour', 'day')";
    let newest: Option<u64> = conn.query_row(sql, [], |r| r.get(0)).during("read", &path)?;
    drop(conn);
    let Some(newest) = newest.filter(|newest| Some(*newest) > known) else { return Ok(None) };
    let mut faults = Faults::default();
    Reader::open(dir)?.facts(|stored| faults.take(&stored.record));
    Ok(Some((newest, faults)))
}

fn open_file(path: &Path, name: &Name) -> Result<EvidenceFile, StoreError> {
    files::admit(path)?;
    let conn = files::open_readable(path)?;
    // From here on this connection sees one state.
    conn.execute_batch("BEGIN").during("read", path)?;
    let damaged = || StoreError::Damaged { path: path.to_owned(), problem: "it does not say what it follows".into() };
    let anchor = files::anchor(&conn).during("read", path)?.ok_or_else(damaged)?;
    files::head(&conn).during("read", path)?;
    Ok(EvidenceFile { name: name.clone(), conn, anchor, series: Vec::new() })
}

impl EvidenceFile {
    /// For each series its key in `index`; `None` for those not asked for.
    fn keys(&self, index: &Index<'_>, only: Option<&BTreeSet<ComponentIx>>) -> Vec<Option<u32>> {
        let wanted = |key: &u32| only.is_none_or(|only| only.contains(&index.of_key(*key).0));
        self.series.iter().map(|(component, class)| index.key(component, class).filter(wanted)).collect()
    }

    /// A record that follows from the one before it; else what is wrong.
    pub(super) fn stored(&self, seq: u64) -> Result<Stored, String> {
        let read = || -> rusqlite::Result<Option<(String, Hash)>> {
            let mut query = self.conn.prepare_cached("SELECT body, hash FROM record WHERE seq = ?1")?;
            query.query_row([seq], |r| Ok((r.get(0)?, files::hash_column(r, 1)?))).optional()
        };
        let before = if seq == self.anchor.sequence + 1 {
            Some(self.anchor.hash)
        } else {
            let mut query =
                self.conn.prepare_cached("SELECT hash FROM record WHERE seq = ?1").map_err(|e| e.to_string())?;
            query
                .query_row([seq.saturating_sub(1)], |r| files::hash_column(r, 0))
                .optional()
                .map_err(|e| e.to_string())?
        };
        let before = before.ok_or("the record before it is missing")?;
        let (text, hash) = read().map_err(|e| e.to_string())?.ok_or("it is missing")?;
        if link(&before, &text) != hash {
            return Err("it was changed, or does not follow from the record before it".to_owned());
        }
        let record = Record::parse(&text).map_err(|e| e.to_string())?;
        if record.seq == seq {
            Ok(Stored { record, text, hash })
        } else {
            Err("its text has another number".to_owned())
        }
    }

    /// A record's blob, when it has the hash that the record names.
    fn blob(&self, seq: u64) -> Result<Vec<u8>, String> {
        let stored = self.stored(seq)?;
        let expected = files::blob_hash(&stored.record.body).ok_or("it is no record of rounds")?;
        let mut query = self.conn.prepare_cached("SELECT data FROM blob WHERE seq = ?1").map_err(|e| e.to_string())?;
        let data: Option<Vec<u8>> = query.query_row([seq], |r| r.get(0)).optional().map_err(|e| e.to_string())?;
        let data = data.ok_or("its rounds are not there")?;
        if Hash::of(&data) == expected { Ok(data) } else { Err("its rounds were changed".to_owned()) }
    }

    /// The parts that a roll-up was made from.
    fn made_from(&self, seq: u64, piece: Piece) -> Vec<(u64, Piece)> {
        let Some(finer) = piece.grain.finer() else { return Vec::new() };
        let read = || -> rusqlite::Result<Vec<(u64, Piece)>> {
            let mut query =
                self.conn.prepare_cached("SELECT seq, start FROM part WHERE rolled = ?1 ORDER BY start, seq")?;
            let rows = query.query_map([seq], |r| Ok((r.get(0)?, Piece { grain: finer, start: Sec(r.get(1)?) })))?;
            rows.collect()
        };
        read().unwrap_or_default()
    }
}
