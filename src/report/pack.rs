//! A pack as files in memory: made whole from the model, the journal and a key.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::journal::hex;
use super::model::Report;
use super::pdf::PdfError;
use super::sign::Key;
use super::xlsx::WorkbookError;
use super::{csv, document, driver, html, journal, json, pdf, xlsx};

/// File names with their bytes.
pub type Files = BTreeMap<String, Vec<u8>>;

/// The version of the manifest, in `manifest.json` under `schema`.
pub const SCHEMA: &str = "assured-manifest/1";
/// The version of the derived files' looks: raised whenever the same model would give other bytes.
pub const DOCUMENTS: &str = "4";
/// The file that lists all others.
pub const MANIFEST: &str = "manifest.json";
/// Its signature.
pub const SIGNATURE: &str = "manifest.sig";
/// Files that follow from the model alone, in the order in which they are checked.
pub const DERIVED: [&str; 6] =
    ["services.csv", "outages.csv", "exclusions.csv", "report.html", "report.pdf", "workbook.xlsx"];
/// Files that are evidence themselves.
pub const SOURCES: [&str; 4] = ["report.json", "journal.jsonl", "config.toml", "minutes.csv.zst"];

/// What a pack is made of.
#[derive(Debug, Clone)]
pub struct Contents {
    /// All figures.
    pub report: Report,
    /// The chained records from which they follow, by [`journal::Writer`].
    pub journal: Vec<u8>,
    /// The configuration without secrets.
    pub config_toml: String,
    /// By [`csv::minutes`].
    pub minutes: Vec<u8>,
}

/// A pack could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum PackError {
    #[error(transparent)]
    Pdf(#[from] PdfError),
    #[error(transparent)]
    Workbook(#[from] WorkbookError),
    #[error(transparent)]
    Journal(#[from] journal::JournalError),
    #[error("report and journal do not belong together: {0}")]
    Apart(String),
}

/// `manifest.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`SCHEMA`].
    pub schema: String,
    /// Identifier of the contract.
    pub contract: String,
    /// As in `2026-10`.
    pub month: String,
    /// Whether figures may still change.
    pub provisional: bool,
    /// Software that made it.
    pub software: String,
    /// Version of the accounting rules.
    pub calculation: String,
    /// Version of the looks of the derived files.
    pub documents: String,
    /// Version of the time-zone data.
    pub tz_data: String,
    /// Algorithms in use.
    pub algorithms: Algorithms,
    /// The chain.
    pub journal: Chain,
    /// Key that signs, PEM.
    pub public_key: String,
    /// Its id.
    pub key_id: String,
    /// Every other file, in order of name.
    pub files: Vec<Listed>,
}

/// Algorithms in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Algorithms {
    pub file_hash: String,
    pub chain: String,
    pub signature: String,
}

/// The journal's end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chain {
    /// How many records.
    pub records: u64,
    /// Hash of the last, hex.
    pub head: String,
}

/// A file in the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256, hex.
    pub sha256: String,
}

/// Makes every file of a pack; `done` hears of each step that is over. The same contents and key give the same bytes.
pub fn build(contents: &Contents, key: &Key, done: &mut dyn FnMut(&str)) -> Result<Files, PackError> {
    let report = &contents.report;
    // Whoever made the report of it has read the whole of it.
    let (records, head) = journal::end(&contents.journal)?;
    if (records, &head) != (report.evidence.journal_records, &report.evidence.journal_head) {
        return Err(PackError::Apart(format!(
            "the report names journal head {}, the journal ends with {head}",
            report.evidence.journal_head
        )));
    }
    let json = json::encode(report);
    let mut files = derived(report, &json, done)?;
    files.insert("report.json".into(), json);
    files.insert("journal.jsonl".into(), contents.journal.clone());
    files.insert("config.toml".into(), contents.config_toml.clone().into_bytes());
    files.insert("minutes.csv.zst".into(), contents.minutes.clone());
    let manifest = encode(&Manifest {
        schema: SCHEMA.into(),
        contract: report.contract.clone(),
        month: report.period.month.clone(),
        provisional: report.provisional,
        software: report.method.software.clone(),
        calculation: report.method.calculation.clone(),
        documents: DOCUMENTS.into(),
        tz_data: report.method.tz_data.clone(),
        algorithms: Algorithms {
            file_hash: "SHA-256".into(),
            chain: "SHA-256(0x01 || previous || canonical JSON)".into(),
            signature: "Ed25519".into(),
        },
        journal: Chain { records, head },
        public_key: key.public().to_pem(),
        key_id: key.public().id(),
        files: all_listed(&files),
    });
    files.insert(SIGNATURE.into(), key.sign(&manifest));
    files.insert(MANIFEST.into(), manifest);
    done("hashed and signed every file");
    Ok(files)
}

/// Files that follow from the model alone, of which `json` is the text; `done` hears of each step that is over.
pub fn derived(report: &Report, json: &[u8], done: &mut dyn FnMut(&str)) -> Result<Files, PackError> {
    let pages = || {
        let document = document::document(report);
        Ok::<_, PackError>((pdf::encode(&document, report, json)?, html::encode(&document, report)))
    };
    let (workbook, pages) = driver::both(|| xlsx::encode(report), pages);
    let (pdf, html) = pages?;
    let files = Files::from([
        ("services.csv".into(), csv::services(report)),
        ("outages.csv".into(), csv::outages(report)),
        ("exclusions.csv".into(), csv::exclusions(report)),
        ("report.html".into(), html),
        ("report.pdf".into(), pdf),
        ("workbook.xlsx".into(), workbook?),
    ]);
    done("wrote pages, workbook and tables");
    Ok(files)
}

/// The bytes of `manifest.json`.
#[must_use]
pub fn encode(manifest: &Manifest) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(manifest).expect("integers and strings always serialise");
    bytes.push(b'\n');
    bytes
}

/// Every file with its size and hash, in order of name.
#[must_use]
pub fn all_listed(files: &Files) -> Vec<Listed> {
    let files: Vec<_> = files.iter().collect();
    driver::at_once(&files, |(_, bytes)| bytes.len(), |(name, bytes)| listed(name, bytes))
}

/// A file with its size and hash.
#[must_use]
pub fn listed(name: &str, bytes: &[u8]) -> Listed {
    Listed { name: name.to_owned(), size: bytes.len() as u64, sha256: hex(&Sha256::digest(bytes)) }
}
