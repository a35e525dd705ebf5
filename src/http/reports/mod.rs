//! Evidence packs as they lie in their folder, to be listed and fetched by those who are known.
//!
//! Nothing that a request says ever becomes a path: it is compared with the names that the folder has.

pub mod store;

use crate::names::Id;
use crate::report::pack::{DERIVED, MANIFEST, SIGNATURE, SOURCES};
use crate::sla::calendar::Month;
use crate::units::Sec;

/// A pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pack {
    /// `evidence-CONTRACT-YYYY-MM`.
    pub name: String,
    /// The contract's identifier.
    pub contract: String,
    /// As in `2026-10`.
    pub month: String,
    /// Whether its figures may still change; `None` when the pack does not say.
    pub provisional: Option<bool>,
    /// When it was written.
    pub written: Sec,
    /// Its documents by name, with their sizes in bytes; empty when there is only the archive.
    pub files: Vec<(String, u64)>,
    /// Size of the archive in bytes, when there is one.
    pub archive: Option<u64>,
}

impl Pack {
    /// The size of a document, when it is there.
    #[must_use]
    pub fn size(&self, file: &str) -> Option<u64> {
        self.files.iter().find(|(name, _)| name == file).map(|(_, size)| *size)
    }
}

/// Contract and month of a pack's name; `None` when it is the name of something else.
#[must_use]
pub fn parse(name: &str) -> Option<(&str, &str)> {
    let rest = name.strip_prefix("evidence-")?;
    let (contract, month) = rest.split_at_checked(rest.len().checked_sub(8)?)?;
    let month = month.strip_prefix('-')?;
    (Id::new(contract).is_ok() && Month::parse(month).is_some()).then_some((contract, month))
}

/// Whether a pack has files of this name.
#[must_use]
pub fn is_document(name: &str) -> bool {
    DERIVED.contains(&name) || SOURCES.contains(&name) || name == MANIFEST || name == SIGNATURE
}

/// The type of a file, by the end of its name.
#[must_use]
pub fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "pdf" => "application/pdf",
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "csv" => "text/csv; charset=utf-8",
        "json" => "application/json",
        "jsonl" => "application/x-ndjson",
        "toml" => "text/plain; charset=utf-8",
        "zip" => "application/zip",
        "zst" => "application/zstd",
        _ => "application/octet-stream",
    }
}

/// What a report may do in the browser: show itself, and nothing else. It brings its style along.
pub const REPORT_POLICY: &str = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_packs_are_packs() {
        assert_eq!(parse("evidence-converged-2026-10"), Some(("converged", "2026-10")));
        assert_eq!(parse("evidence-a.b-c_9-2026-10"), Some(("a.b-c_9", "2026-10")));
        for other in [
            "",
            "evidence-",
            "evidence-2026-10",
            "evidence--2026-10",
            "evidence-x-2026-13",
            "evidence-x-202610",
            "evidence-../x-2026-10",
            "evidence-..-2026-10",
            "evidence-X-2026-10",
            "evidence-x-2026-10.zip",
            ".evidence-x-2026-10.new",
            "evidence-x-2026-10/..",
            "evidence-é-2026-10",
            "evidence-é2026-10",
        ] {
            assert_eq!(parse(other), None, "{other}");
        }
    }

    #[test]
    fn documents_are_those_of_a_pack_and_have_a_type() {
        for name in ["report.html", "report.pdf", "workbook.xlsx", "manifest.sig", "minutes.csv.zst", "journal.jsonl"] {
            assert!(is_document(name), "{name}");
        }
        for name in ["", "..", "report.HTML", "report.html/", "signing.key", "evidence-2026-10.db"] {
            assert!(!is_document(name), "{name}");
        }
        assert_eq!(content_type("minutes.csv.zst"), "application/zstd");
        assert_eq!(content_type("manifest.sig"), "application/octet-stream");
    }
}
