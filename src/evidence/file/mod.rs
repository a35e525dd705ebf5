//! The files: `evidence-YYYY-MM.db`, one per month, each an SQLite database of ours.

use crate::units::Sec;

pub mod store;

/// `application_id` of our files: `ASRE`.
pub const APPLICATION_ID: u32 = 0x4153_5245;

/// `user_version` of the files that this version writes, and the newest that it reads.
pub const SCHEMA: u32 = 1;

/// The tables; `docs/evidence.md` explains them.
pub const TABLES: &str = "
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE record(seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, hash BLOB NOT NULL, body TEXT NOT NULL);
CREATE INDEX fact ON record(seq) WHERE kind NOT IN ('minute', 'hour', 'day');
CREATE TABLE part(seq INTEGER PRIMARY KEY, grain INTEGER NOT NULL, start INTEGER NOT NULL, rolled INTEGER);
CREATE INDEX part_time ON part(grain, start, rolled);
CREATE INDEX part_open ON part(grain, start) WHERE rolled IS NULL;
CREATE INDEX part_rolled ON part(rolled) WHERE rolled IS NOT NULL;
CREATE TABLE blob(seq INTEGER PRIMARY KEY, data BLOB NOT NULL);
";

/// The month (UTC) that `at` is in, as `YYYY-MM`.
#[must_use]
pub fn month_of(at: Sec) -> String {
    let stamp = jiff::Timestamp::from_second(at.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let date = stamp.to_zoned(jiff::tz::TimeZone::UTC).date();
    format!("{:04}-{:02}", date.year(), date.month())
}

/// What a file's name says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    /// `YYYY-MM`.
    pub month: String,
    /// Which one of the damaged ones set aside, from 1; `u32::MAX` for the one in use, so that it sorts last.
    pub aside: u32,
}

impl Name {
    /// The file of a month that is in use.
    #[must_use]
    pub fn of(month: &str) -> Self {
        Self { month: month.to_owned(), aside: u32::MAX }
    }

    /// Whether the file was damaged and set aside.
    #[must_use]
    pub fn is_aside(&self) -> bool {
        self.aside != u32::MAX
    }

    /// Reads a file's name; `None` when it is none of ours.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (month, rest) = text.strip_prefix("evidence-")?.split_at_checked(7)?;
        let shape = month.bytes().enumerate().all(|(n, b)| if n == 4 { b == b'-' } else { b.is_ascii_digit() });
        let aside = match rest.strip_prefix(".db")? {
            "" => u32::MAX,
            ".corrupt" => 1,
            numbered => numbered.strip_prefix(".corrupt-")?.parse().ok().filter(|n| *n > 1)?,
        };
        shape.then(|| Self { month: month.to_owned(), aside })
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "evidence-{}.db", self.month)?;
        match self.aside {
            u32::MAX => Ok(()),
            1 => f.write_str(".corrupt"),
            n => write!(f, ".corrupt-{n}"),
        }
    }
}

/// What the first 100 bytes of a file say (<https://www.sqlite.org/fileformat.html> §1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Header {
    /// One of ours that this version reads.
    Ours,
    /// One of ours by a newer version, with its schema.
    Newer(u32),
    /// Somebody else's.
    Foreign,
    /// Empty or zeroed: what a failing disk leaves of a file.
    Blank,
}

/// Tells whose file it is by its first bytes (up to 100).
#[must_use]
pub fn inspect(first: &[u8]) -> Header {
    let number = |at: usize| first.get(at..at + 4).and_then(|b| b.try_into().ok()).map(u32::from_be_bytes);
    if first.iter().all(|b| *b == 0) {
        return Header::Blank;
    }
    if !first.starts_with(b"SQLite format 3\0") || number(68) != Some(APPLICATION_ID) {
        return Header::Foreign;
    }
    match number(60) {
        Some(schema) if schema > SCHEMA => Header::Newer(schema),
        Some(_) => Header::Ours,
        None => Header::Foreign,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written_and_sort_in_order_of_the_chain() {
        let texts = [
            "evidence-2026-10.db",
            "evidence-2026-11.db.corrupt",
            "evidence-2026-11.db.corrupt-2",
            "evidence-2026-11.db",
        ];
        let names: Vec<_> = texts.iter().map(|t| Name::parse(t).expect("ours")).collect();
        assert!(names.is_sorted());
        assert_eq!(names.iter().map(Name::to_string).collect::<Vec<_>>(), texts);
        for other in
            ["evidence-2026-11.db-wal", "evidence-2026.db", "evidence-2026-11.db.corrupt-1", "evidence-2026-11.db.new"]
        {
            assert_eq!(Name::parse(other), None, "{other}");
        }
    }

    #[test]
    fn headers_tell_whose_file_it_is() {
        let mut ours = [0_u8; 100];
        ours[..16].copy_from_slice(b"SQLite format 3\0");
        assert_eq!(inspect(&ours), Header::Foreign);
        ours[68..72].copy_from_slice(b"ASRE");
        ours[63] = 1;
        assert_eq!(inspect(&ours), Header::Ours);
        ours[63] = 2;
        assert_eq!(inspect(&ours), Header::Newer(2));
        assert_eq!(inspect(b"to do: buy milk"), Header::Foreign);
        assert_eq!(inspect(&[0; 100]), Header::Blank);
        assert_eq!(inspect(&[]), Header::Blank);
    }

    #[test]
    fn months_are_utc() {
        assert_eq!(month_of(Sec(1_793_491_199)), "2026-10");
        assert_eq!(month_of(Sec(1_793_491_200)), "2026-11");
    }
}
