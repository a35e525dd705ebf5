//! Whether a pack is what it was when it was signed, and whether its figures follow from its records.
//!
//! Needs the pack only, and optionally the public key that the reader trusts. Checks in this
//! order and says the first thing that is wrong: signature, every file's hash, no file missing
//! or added, the chain of records, every figure, every derived file.

use std::collections::BTreeSet;

use super::json;
use super::model::Report;
use super::pack::{self, Files, MANIFEST, Manifest, SIGNATURE};
use super::sign::PublicKey;
use super::{journal, words};

/// A pack that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holds {
    /// The pack's own words on itself.
    pub manifest: Manifest,
    /// Whether the signing key is one that the reader trusts; without, it is only the pack's own.
    pub trusted: bool,
    /// Whether HTML, PDF, workbook and CSV were made again and compared. Not so when another
    /// version of the documents' looks made them; their hashes were checked all the same.
    pub documents_compared: bool,
}

impl Holds {
    /// What was checked, in lines for people.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let m = &self.manifest;
        let key =
            if self.trusted { "the key you trust" } else { "the key in the pack; give --key to check whose it is" };
        let mut lines = vec![
            format!("signature holds: key {} ({key})", m.key_id),
            format!("{} are unchanged", words::count(m.files.len() as u64, "file")),
            format!("{} in an unbroken chain, head {}", words::count(m.journal.records, "record"), m.journal.head),
            "every figure follows from the records".to_owned(),
        ];
        lines.push(if self.documents_compared {
            "documents, tables and workbook show these figures and no others".to_owned()
        } else {
            format!(
                "documents were made by {} in another layout: unchanged since signing, but not made again",
                m.software
            )
        });
        if m.provisional {
            lines.push("the month was not closed: figures may still change".to_owned());
        }
        lines
    }
}

/// The first thing that is wrong: in which file, and what.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {what}")]
pub struct Wrong {
    /// File name.
    pub file: String,
    /// In plain words.
    pub what: String,
}

fn wrong(file: &str, what: impl Into<String>) -> Wrong {
    Wrong { file: file.to_owned(), what: what.into() }
}

/// Checks everything. `recompute` makes the report anew from `journal.jsonl` and `config.toml`; `done` hears of each
/// step that is over.
pub fn verify(
    files: &Files,
    trusted: Option<&PublicKey>,
    recompute: impl Fn(&Files) -> Result<Report, String>,
    done: &mut dyn FnMut(&str),
) -> Result<Holds, Wrong> {
    let manifest = signed(files, trusted)?;
    unchanged(files, &manifest)?;
    done("checked the signature and every file's hash");
    chained(files, &manifest)?;
    done("checked the journal's chain");
    let report =
        recompute(files).map_err(|e| wrong("journal.jsonl", format!("the figures cannot be computed from it: {e}")))?;
    done("computed every figure from the journal");
    let documents_compared = follows(files, &manifest, &report, done)?;
    Ok(Holds { manifest, trusted: trusted.is_some(), documents_compared })
}

fn signed(files: &Files, trusted: Option<&PublicKey>) -> Result<Manifest, Wrong> {
    let bytes = files.get(MANIFEST).ok_or_else(|| wrong(MANIFEST, "is missing"))?;
    let signature = files.get(SIGNATURE).ok_or_else(|| wrong(SIGNATURE, "is missing"))?;
    // Before anything in the manifest is believed, its signature under the trusted key is checked.
    if let Some(key) = trusted {
        let own = serde_json::from_slice::<Manifest>(bytes).ok().map(|m| m.key_id);
        if let Some(own) = own.filter(|own| *own != key.id()) {
            return Err(wrong(SIGNATURE, format!("signed with key {own}, not with the key you trust, {}", key.id())));
        }
        key.check(bytes, signature).map_err(|what| wrong(SIGNATURE, what))?;
    }
    let manifest: Manifest = serde_json::from_slice(bytes)
        .map_err(|e| wrong(MANIFEST, format!("was changed or is of another version: {e}")))?;
    if manifest.schema != pack::SCHEMA {
        return Err(wrong(
            MANIFEST,
            format!("has schema {:?}; this version reads {:?}", manifest.schema, pack::SCHEMA),
        ));
    }
    let key = PublicKey::from_pem(&manifest.public_key)
        .map_err(|e| wrong(MANIFEST, format!("its public key was changed: {e}")))?;
    key.check(bytes, signature).map_err(|what| wrong(SIGNATURE, what))?;
    if manifest.key_id != key.id() || pack::encode(&manifest) != *bytes {
        return Err(wrong(MANIFEST, "is not in the form in which it is written"));
    }
    Ok(manifest)
}

fn unchanged(files: &Files, manifest: &Manifest) -> Result<(), Wrong> {
    let listed: BTreeSet<&str> = manifest.files.iter().map(|f| f.name.as_str()).collect();
    let needed = pack::DERIVED.iter().chain(&pack::SOURCES);
    if let Some(name) = needed.into_iter().find(|name| !listed.contains(*name)) {
        return Err(wrong(MANIFEST, format!("does not list {name}")));
    }
    let found = pack::all_listed(files);
    for file in &manifest.files {
        let found = found.iter().find(|found| found.name == file.name);
        if found.ok_or_else(|| wrong(&file.name, "is missing from the pack"))? != file {
            return Err(wrong(&file.name, "was changed after it was signed: its hash is not the one in the manifest"));
        }
    }
    let extra =
        files.keys().map(String::as_str).find(|name| !listed.contains(name) && *name != MANIFEST && *name != SIGNATURE);
    extra.map_or(Ok(()), |name| Err(wrong(name, "does not belong to the pack: the manifest does not list it")))
}

fn chained(files: &Files, manifest: &Manifest) -> Result<(), Wrong> {
    let mut records = 0;
    let mut about = None;
    let head = journal::read(&files["journal.jsonl"], |record| {
        records += 1;
        if let journal::Entry::Genesis { contract, period, .. } = record.entry {
            about = Some((contract, period));
        }
        Ok(())
    })
    .map_err(|e| wrong("journal.jsonl", format!("line {}: {}", e.line, e.what)))?;
    if (records, &head) != (manifest.journal.records, &manifest.journal.head) {
        return Err(wrong(
            "journal.jsonl",
            format!(
                "ends with record {records}, head {head}; the manifest names record {}, head {}",
                manifest.journal.records, manifest.journal.head
            ),
        ));
    }
    if about != Some((manifest.contract.clone(), manifest.month.clone())) {
        return Err(wrong("journal.jsonl", "is about another contract or month than the manifest"));
    }
    Ok(())
}

fn follows(files: &Files, manifest: &Manifest, report: &Report, done: &mut dyn FnMut(&str)) -> Result<bool, Wrong> {
    let json = json::encode(report);
    if let Some(what) = json::first_difference(&files["report.json"], &json) {
        return Err(wrong("report.json", what));
    }
    let same = (&manifest.contract, &manifest.month, manifest.provisional)
        == (&report.contract, &report.period.month, report.provisional);
    if !same {
        return Err(wrong(MANIFEST, "names another contract or month than the report, or another state of closing"));
    }
    if manifest.documents != pack::DOCUMENTS || manifest.software != report.method.software {
        return Ok(false);
    }
    let derived = pack::derived(report, &json, done)
        .map_err(|e| wrong("report.json", format!("no documents can be made of it: {e}")))?;
    for name in pack::DERIVED {
        let (is, should) = (&files[name], &derived[name]);
        if is != should {
            let at = is.iter().zip(should).take_while(|(a, b)| a == b).count();
            return Err(wrong(name, format!("does not show the figures of report.json: it differs from byte {at} on")));
        }
    }
    Ok(true)
}
