//! Looks into the folder of packs and opens what is in it: plain files in plain folders, through no link.

use std::fs::{self, DirEntry, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::UNIX_EPOCH;

use axum::body::{Body, Bytes};
use nix::libc;
use serde_json::Value;
use tokio::io::AsyncReadExt as _;

use super::{Pack, is_document, parse};
use crate::report::pack::MANIFEST;
use crate::units::Sec;

/// Most entries of the folder that are looked at, and of a pack.
const MAX_ENTRIES: usize = 10_000;
/// Largest manifest that is read, bytes: it lists some twelve files.
const MAX_MANIFEST: u64 = 64 * 1024;
/// So much of a file is in memory at a time.
const PIECE: usize = 64 * 1024;

/// Every pack in the folder, the newest month first; none when there is no folder.
///
/// # Errors
/// When the folder is there and cannot be read.
pub fn list(dir: &Path) -> io::Result<Vec<Pack>> {
    let mut packs: Vec<Pack> = Vec::new();
    for entry in entries(dir)? {
        let Some(name) = name_of(&entry) else { continue };
        let Ok(kind) = entry.file_type() else { continue };
        let archive = kind.is_file().then(|| name.strip_suffix(".zip")).flatten();
        let Some(stem) = archive.or_else(|| kind.is_dir().then_some(name.as_str())) else { continue };
        let Some((contract, month)) = parse(stem) else { continue };
        let Ok(seen) = entry.metadata() else { continue };
        let at = packs.iter().position(|p| p.name == stem).unwrap_or_else(|| {
            packs.push(Pack {
                name: stem.to_owned(),
                contract: contract.to_owned(),
                month: month.to_owned(),
                provisional: None,
                written: Sec(0),
                files: Vec::new(),
                archive: None,
            });
            packs.len() - 1
        });
        let pack = &mut packs[at];
        pack.written = pack.written.max(written(&seen));
        if archive.is_some() {
            pack.archive = Some(seen.len());
        } else {
            pack.files = documents(&entry.path());
            pack.provisional = provisional(&entry.path());
        }
    }
    packs.sort_by(|a, b| (&b.month, &a.contract).cmp(&(&a.month, &b.contract)));
    Ok(packs)
}

/// Opens an archive (`file` is none) or a document of a pack, with its size; `None` when there is none of this name.
#[must_use]
pub fn open(dir: &Path, pack: &str, file: Option<&str>) -> Option<(File, u64)> {
    let named = |dir: &Path, name: &str| entries(dir).ok()?.into_iter().find(|e| name_of(e).is_some_and(|n| n == name));
    let entry = match file {
        None => {
            parse(pack.strip_suffix(".zip")?)?;
            named(dir, pack)?
        }
        Some(file) => {
            parse(pack)?;
            let folder = named(dir, pack).filter(|e| e.file_type().is_ok_and(|kind| kind.is_dir()))?;
            named(&folder.path(), file).filter(|_| is_document(file))?
        }
    };
    if !entry.file_type().ok()?.is_file() {
        return None;
    }
    let opened = plainly(&entry.path()).ok()?;
    let seen = opened.metadata().ok().filter(fs::Metadata::is_file)?;
    Some((opened, seen.len()))
}

/// A file as a body, read piece by piece as its reader takes it; not a byte more than `size`.
pub fn body(file: File, size: u64) -> Body {
    let file = tokio::fs::File::from_std(file).take(size);
    Body::from_stream(futures_util::stream::unfold(Some(file), |file| async {
        let mut file = file?;
        let mut piece = Vec::with_capacity(PIECE);
        match file.read_buf(&mut piece).await {
            Ok(0) => None,
            Ok(_) => Some((Ok(Bytes::from(piece)), Some(file))),
            Err(error) => Some((Err(error), None)),
        }
    }))
}

fn entries(dir: &Path) -> io::Result<Vec<DirEntry>> {
    match fs::read_dir(dir) {
        Ok(entries) => Ok(entries.take(MAX_ENTRIES).filter_map(Result::ok).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// For reading, through no link and without waiting for a pipe's other end.
fn plainly(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)
}

fn name_of(entry: &DirEntry) -> Option<String> {
    entry.file_name().into_string().ok()
}

fn written(seen: &fs::Metadata) -> Sec {
    let since = seen.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    Sec(since.and_then(|d| i64::try_from(d.as_secs()).ok()).unwrap_or(0))
}

fn documents(folder: &Path) -> Vec<(String, u64)> {
    let mut found: Vec<(String, u64)> = entries(folder)
        .unwrap_or_default()
        .into_iter()
        .filter(|e| e.file_type().is_ok_and(|kind| kind.is_file()))
        .filter_map(|e| Some((name_of(&e).filter(|name| is_document(name))?, e.metadata().ok()?.len())))
        .collect();
    found.sort();
    found
}

/// What the manifest says; nothing of it is verified here: that is what `assured verify` is for.
fn provisional(folder: &Path) -> Option<bool> {
    let file = plainly(&folder.join(MANIFEST)).ok()?;
    let mut bytes = Vec::new();
    file.take(MAX_MANIFEST).read_to_end(&mut bytes).ok()?;
    serde_json::from_slice::<Value>(&bytes).ok()?["provisional"].as_bool()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// A folder of packs beside which something lies that is nobody's business.
    fn folder() -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a folder");
        let packs = dir.path().join("packs");
        let pack = packs.join("evidence-c-2026-10");
        fs::create_dir_all(&pack).expect("made");
        fs::write(dir.path().join("signing.key"), "secret").expect("written");
        fs::write(pack.join("report.html"), "<p>report").expect("written");
        fs::write(pack.join("manifest.json"), r#"{"provisional": true}"#).expect("written");
        fs::write(pack.join("other"), "not of a pack").expect("written");
        fs::write(packs.join("evidence-c-2026-10.zip"), "zip").expect("written");
        fs::write(packs.join("evidence-d-2026-11.zip"), "zip").expect("written");
        fs::write(packs.join("evidence-e-2026-13.zip"), "no month").expect("written");
        symlink(dir.path().join("signing.key"), pack.join("report.pdf")).expect("linked");
        symlink(dir.path(), packs.join("evidence-x-2026-01")).expect("linked");
        symlink(dir.path().join("signing.key"), packs.join("evidence-y-2026-01.zip")).expect("linked");
        dir
    }

    #[test]
    fn packs_are_listed_the_newest_first_and_links_are_not() {
        let dir = folder();
        let packs = list(&dir.path().join("packs")).expect("readable");
        let names: Vec<&str> = packs.iter().map(|p| p.name.as_str()).collect();
        assert_eq!(names, ["evidence-d-2026-11", "evidence-c-2026-10"]);
        let whole = &packs[1];
        assert_eq!((whole.provisional, whole.archive, whole.size("report.html")), (Some(true), Some(3), Some(9)));
        assert_eq!((whole.size("report.pdf"), whole.size("other")), (None, None));
        assert_eq!((packs[0].provisional, packs[0].files.len()), (None, 0));
        assert_eq!(list(&dir.path().join("nothing")).expect("no folder is no pack"), []);
        assert!(list(&dir.path().join("signing.key")).is_err());
    }

    #[test]
    fn no_name_opens_anything_but_what_is_listed() {
        let dir = folder();
        let packs = dir.path().join("packs");
        let opens = |pack: &str, file: Option<&str>| open(&packs, pack, file).map(|(_, size)| size);
        assert_eq!(opens("evidence-c-2026-10", Some("report.html")), Some(9));
        assert_eq!(opens("evidence-c-2026-10.zip", None), Some(3));
        for (pack, file) in [
            ("evidence-c-2026-10", Some("report.pdf")),
            ("evidence-c-2026-10", Some("other")),
            ("evidence-c-2026-10", Some("../evidence-d-2026-11.zip")),
            ("evidence-c-2026-10", Some("")),
            ("evidence-c-2026-10", Some("..")),
            ("evidence-c-2026-10", None),
            ("evidence-x-2026-01", Some("report.html")),
            ("evidence-x-2026-01", Some("signing.key")),
            ("evidence-y-2026-01.zip", None),
            ("..", Some("signing.key")),
            ("../packs/evidence-c-2026-10", Some("report.html")),
            ("", None),
            ("/etc/passwd", None),
        ] {
            assert_eq!(opens(pack, file), None, "{pack} {file:?}");
        }
    }
}
