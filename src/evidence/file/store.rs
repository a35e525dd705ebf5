//! Finding, creating, opening and setting aside evidence files.

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::{APPLICATION_ID, Header, Name, SCHEMA, TABLES, inspect};
use crate::evidence::chain::{Hash, Head, Verifier};
use crate::evidence::record::{Body, Record};
use crate::units::Sec;

/// How long to wait for another process that writes.
const BUSY: Duration = Duration::from_secs(5);

/// Up to this size a file is checked throughout when it is opened for writing: a second or two of reading.
pub const THOROUGH_BYTES: u64 = 256 << 20;

/// How many of the newest records are checked with their blobs when a file is opened for writing.
pub const TAIL: u64 = 128;

/// Why the store cannot be opened or used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another daemon writes to the same directory.
    #[error("another assured daemon already writes evidence to {0}: stop it, or give this one a data_dir of its own")]
    InUse(PathBuf),
    /// The file is not ours.
    #[error("{0} is not an evidence file of assured: move it away, or set another data_dir")]
    Foreign(PathBuf),
    /// A newer version wrote it.
    #[error(
        "{path} was written by a newer version of assured (schema {schema}, this one reads {SCHEMA}): upgrade, or set another data_dir"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        schema: u32,
    },
    /// There is no evidence.
    #[error(
        "there is no evidence in {0}: `assured run` and `assured import` write it, into monitor.data_dir or the folder that \
         --data-dir names"
    )]
    Nothing(PathBuf),
    /// The file system refuses.
    #[error("cannot {what} {path}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The database refuses.
    #[error("cannot {what} {path}: {}", explain(.source))]
    Sqlite {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: rusqlite::Error,
    },
    /// The newest records do not check out.
    #[error("{path} is damaged: {problem}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong, in words.
        problem: String,
    },
}

impl StoreError {
    /// Whether the file's content is at fault, so that setting it aside helps.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
        match self {
            Self::Damaged { .. } => true,
            Self::Sqlite { source, .. } => {
                matches!(source.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase))
                    || matches!(source, rusqlite::Error::InvalidColumnType(..) | rusqlite::Error::QueryReturnedNoRows)
            }
            _ => false,
        }
    }
}

/// In words for an operator at night.
fn explain(error: &rusqlite::Error) -> String {
    use rusqlite::ErrorCode as C;
    let known = match error.sqlite_error_code() {
        Some(C::DiskFull) => "the disk is full",
        Some(C::ReadOnly) => {
            "it can only be read: the file system is mounted read-only or the file's permissions forbid writing"
        }
        Some(C::SystemIoFailure) => "the disk reports an input/output error",
        Some(C::CannotOpen | C::PermissionDenied) => {
            "it cannot be opened: check the directory's permissions and free space"
        }
        Some(C::DatabaseBusy | C::DatabaseLocked) => "another process holds it for too long",
        Some(C::DatabaseCorrupt) => "its content is damaged",
        Some(C::NotADatabase) => "it is not a database any more",
        _ => return error.to_string(),
    };
    format!("{known} ({error})")
}

/// Adds what was tried on what.
pub(crate) trait Context<T> {
    fn during(self, what: &'static str, path: &Path) -> Result<T, StoreError>;
}

impl<T> Context<T> for Result<T, rusqlite::Error> {
    fn during(self, what: &'static str, path: &Path) -> Result<T, StoreError> {
        self.map_err(|source| StoreError::Sqlite { what, path: path.to_owned(), source })
    }
}

impl<T> Context<T> for Result<T, std::io::Error> {
    fn during(self, what: &'static str, path: &Path) -> Result<T, StoreError> {
        self.map_err(|source| StoreError::Io { what, path: path.to_owned(), source })
    }
}

/// The evidence files of a directory in order of the chain.
pub fn list(dir: &Path) -> Result<Vec<Name>, StoreError> {
    let mut names = Vec::new();
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(StoreError::Nothing(dir.to_owned())),
        entries => entries.during("list", dir)?,
    };
    for entry in entries {
        let entry = entry.during("list", dir)?;
        names.extend(entry.file_name().to_str().and_then(Name::parse));
    }
    names.sort();
    Ok(names)
}

/// Bytes of all evidence files, what is not yet merged into them included.
pub fn size(dir: &Path) -> Result<u64, StoreError> {
    let mut bytes = 0;
    for name in list(dir)? {
        let path = dir.join(name.to_string());
        for suffix in ["", "-wal"] {
            // A file may go between listing and looking.
            bytes += fs::metadata(beside(&path, suffix)).map_or(0, |m| m.len());
        }
    }
    Ok(bytes)
}

/// Tells whose a file is.
pub fn header(path: &Path) -> Result<Header, StoreError> {
    let mut first = Vec::new();
    File::open(path).and_then(|f| f.take(100).read_to_end(&mut first)).during("read", path)?;
    Ok(inspect(&first))
}

/// Refuses a file that is not ours or newer than we are; a blank one is damaged.
pub fn admit(path: &Path) -> Result<(), StoreError> {
    match header(path)? {
        Header::Ours => Ok(()),
        Header::Foreign => Err(StoreError::Foreign(path.to_owned())),
        Header::Newer(schema) => Err(StoreError::Newer { path: path.to_owned(), schema }),
        Header::Blank => Err(StoreError::Damaged { path: path.to_owned(), problem: "it is empty".into() }),
    }
}

/// Makes a month's file with its first record, which follows `previous`. It appears whole or not at all.
pub fn create(dir: &Path, month: &str, previous: Head, at: Sec, first: Body) -> Result<(), StoreError> {
    let path = dir.join(Name::of(month).to_string());
    let draft = dir.join(format!("{}.new", Name::of(month)));
    for stale in [draft.clone(), beside(&draft, "-journal"), beside(&draft, "-wal"), beside(&draft, "-shm")] {
        if stale.exists() {
            fs::remove_file(&stale).during("remove", &stale)?;
        }
    }
    // A left-over log under the new file's name would be taken for its own.
    for stale in [beside(&path, "-wal"), beside(&path, "-shm")] {
        if stale.exists() {
            fs::rename(&stale, beside(&stale, ".orphan")).during("set aside", &stale)?;
        }
    }
    let write = || -> rusqlite::Result<()> {
        let mut conn = Connection::open(&draft)?;
        conn.pragma_update(None, "synchronous", "FULL")?;
        conn.pragma_update(None, "application_id", APPLICATION_ID)?;
        let tx = conn.transaction()?;
        tx.execute_batch(TABLES)?;
        tx.pragma_update(None, "user_version", SCHEMA)?;
        let mut meta = tx.prepare("INSERT INTO meta VALUES (?1, ?2)")?;
        meta.execute(("month", month))?;
        meta.execute(("previous_seq", previous.sequence.to_string()))?;
        meta.execute(("previous_hash", previous.hash.to_string()))?;
        drop(meta);
        insert(&tx, previous, at, first.clone())?;
        tx.commit()?;
        conn.pragma_update(None, "journal_mode", "WAL")?;
        conn.close().map_err(|(_, e)| e)
    };
    write().during("create", &draft)?;
    File::open(&draft).and_then(|f| f.sync_all()).during("flush", &draft)?;
    fs::rename(&draft, &path).during("create", &path)?;
    sync_dir(dir)
}

/// Files one record after `head`; gives the new head.
pub fn insert(conn: &Connection, head: Head, at: Sec, body: Body) -> rusqlite::Result<Head> {
    let record = Record { seq: head.sequence + 1, at, body };
    let text = record.to_text();
    let next = head.after(&text);
    let mut statement = conn.prepare_cached("INSERT INTO record(seq, kind, hash, body) VALUES (?1, ?2, ?3, ?4)")?;
    statement.execute((next.sequence, record.body.kind(), next.hash.0.as_slice(), text))?;
    Ok(next)
}

/// Opens for writing, as durable as the disk allows.
pub fn open_writable(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || -> rusqlite::Result<Connection> {
        let conn = Connection::open_with_flags(path, flags)?;
        conn.busy_timeout(BUSY)?;
        conn.pragma_update(None, "synchronous", "FULL")?;
        conn.pragma_update(None, "fullfsync", true)?;
        conn.pragma_update(None, "trusted_schema", false)?;
        conn.pragma_update(None, "cell_size_check", true)?;
        conn.pragma_update(None, "journal_size_limit", 16 << 20)?;
        let mode: String = conn.pragma_update_and_check(None, "journal_mode", "WAL", |r| r.get(0))?;
        debug_assert_eq!(mode, "wal");
        Ok(conn)
    };
    open().during("open", path)
}

/// Opens for reading, also from a medium or directory that cannot be written.
pub fn open_readable(path: &Path) -> Result<Connection, StoreError> {
    let open = |uri: &str| -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
        let conn = Connection::open_with_flags(uri, flags)?;
        conn.busy_timeout(BUSY)?;
        conn.pragma_update(None, "trusted_schema", false)?;
        conn.query_row("SELECT count(*) FROM meta", [], |_| Ok(()))?;
        Ok(conn)
    };
    let uri = file_uri(path);
    match open(&uri) {
        Ok(conn) => Ok(conn),
        // Without a log nothing is pending, and nobody who could write is at work: the file alone is all there is.
        Err(_) if fs::metadata(beside(path, "-wal")).map_or(true, |m| m.len() == 0) => {
            open(&format!("{uri}?immutable=1")).during("open", path)
        }
        Err(e) => Err(e).during("open", path),
    }
}

/// A `file:` URI; whatever is not plainly a path character is escaped.
fn file_uri(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt as _;
    let mut uri = String::from("file:");
    for &byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02x}"));
        }
    }
    uri
}

/// What a file's first record follows.
pub fn anchor(conn: &Connection) -> rusqlite::Result<Option<Head>> {
    let value = |key: &str| conn.query_row("SELECT value FROM meta WHERE key = ?1", [key], |r| r.get::<_, String>(0));
    let (sequence, hash) = (value("previous_seq")?, value("previous_hash")?);
    Ok(sequence.parse().ok().zip(Hash::parse(&hash)).map(|(sequence, hash)| Head { sequence, hash }))
}

/// A file's newest record, or what its first follows when it has none.
pub fn head(conn: &Connection) -> rusqlite::Result<Head> {
    use rusqlite::OptionalExtension as _;
    let mut newest = conn.prepare_cached("SELECT seq, hash FROM record ORDER BY seq DESC LIMIT 1")?;
    let found = newest.query_row([], |r| Ok(Head { sequence: r.get(0)?, hash: hash_column(r, 1)? })).optional()?;
    match found {
        Some(head) => Ok(head),
        None => anchor(conn)?.ok_or(rusqlite::Error::QueryReturnedNoRows),
    }
}

/// A hash from a column.
pub fn hash_column(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Hash> {
    let bytes: [u8; 32] = row.get(column)?;
    Ok(Hash(bytes))
}

/// Checks a file before it is written to: the whole of its structure while it is small, and its newest records.
pub fn check(conn: &Connection, path: &Path) -> Result<(), StoreError> {
    let damaged = |problem: String| StoreError::Damaged { path: path.to_owned(), problem };
    if fs::metadata(path).during("read", path)?.len() <= THOROUGH_BYTES {
        let verdict: String = conn.pragma_query_value(None, "quick_check", |r| r.get(0)).during("check", path)?;
        if verdict != "ok" {
            return Err(damaged(verdict.lines().next().unwrap_or("its structure is broken").to_owned()));
        }
    }
    let newest = head(conn).during("check", path)?;
    let origin =
        anchor(conn).during("check", path)?.ok_or_else(|| damaged("it does not say what it follows".into()))?;
    let from = newest.sequence.saturating_sub(TAIL);
    let start = if from <= origin.sequence { origin } else { head_at(conn, from).during("check", path)? };
    let mut verifier = Verifier::after(start);
    let mut records = conn
        .prepare("SELECT r.seq, r.body, r.hash, b.data FROM record r LEFT JOIN blob b USING (seq) WHERE r.seq > ?1 ORDER BY r.seq")
        .during("check", path)?;
    let mut rows = records.query([start.sequence]).during("check", path)?;
    while let Some(row) = rows.next().during("check", path)? {
        let read = || -> rusqlite::Result<(u64, String, Hash, Option<Vec<u8>>)> {
            Ok((row.get(0)?, row.get(1)?, hash_column(row, 2)?, row.get(3)?))
        };
        let (seq, text, hash, data) = read().during("check", path)?;
        verifier.check(seq, &text, &hash).map_err(|e| damaged(e.to_string()))?;
        let record = Record::parse(&text).map_err(|e| damaged(format!("record {seq}: {e}")))?;
        if let (Some(expected), Some(data)) = (blob_hash(&record.body), data)
            && Hash::of(&data) != expected
        {
            return Err(damaged(format!("the rounds of record {seq} were changed")));
        }
    }
    Ok(())
}

/// The hash of a record's blob, when its kind has one.
#[must_use]
pub fn blob_hash(body: &Body) -> Option<Hash> {
    match body {
        Body::Minute(rows) => Some(rows.sha256),
        Body::Hour(roll) | Body::Day(roll) => Some(roll.sha256),
        _ => None,
    }
}

fn head_at(conn: &Connection, seq: u64) -> rusqlite::Result<Head> {
    conn.query_row("SELECT hash FROM record WHERE seq = ?1", [seq], |r| {
        Ok(Head { sequence: seq, hash: hash_column(r, 0)? })
    })
}

/// What can be told of a damaged file's end: the last record up to which its chain holds, and the greatest number in it.
pub fn salvage(path: &Path) -> Option<(Head, u64)> {
    let conn = open_readable(path).ok()?;
    let origin = anchor(&conn).ok()??;
    let mut verifier = Verifier::after(origin);
    let mut newest = origin.sequence;
    let mut records = conn.prepare("SELECT seq, body, hash FROM record ORDER BY seq").ok()?;
    let mut rows = records.query([]).ok()?;
    let mut whole = true;
    while let Ok(Some(row)) = rows.next() {
        let (Ok(seq), Ok(text), Ok(hash)) = (row.get(0), row.get::<_, String>(1), hash_column(row, 2)) else { break };
        whole = whole && verifier.check(seq, &text, &hash).is_ok();
        newest = newest.max(seq);
    }
    let last: Option<u64> = conn.query_row("SELECT max(seq) FROM record", [], |r| r.get(0)).ok();
    Some((verifier.head(), newest.max(last.unwrap_or(0))))
}

/// Gives a damaged file another name, under which it is read as far as it can be but never written. Nothing is deleted.
pub fn set_aside(dir: &Path, month: &str) -> Result<Name, StoreError> {
    let taken = list(dir)?;
    let aside = (1..u32::MAX).find(|n| !taken.contains(&Name { month: month.to_owned(), aside: *n }));
    let name = Name { month: month.to_owned(), aside: aside.expect("fewer damaged files than numbers") };
    let (from, to) = (dir.join(Name::of(month).to_string()), dir.join(name.to_string()));
    // The log goes first: left behind, it would be taken for the new file's.
    for suffix in ["-wal", "-shm", ""] {
        let from = beside(&from, suffix);
        if from.exists() {
            fs::rename(&from, beside(&to, suffix)).during("set aside", &from)?;
        }
    }
    sync_dir(dir)?;
    Ok(name)
}

/// Makes names in a directory durable.
pub fn sync_dir(dir: &Path) -> Result<(), StoreError> {
    File::open(dir).and_then(|d| d.sync_all()).during("flush", dir)
}

/// The path with something appended to its last part.
#[must_use]
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
