//! Packs and keys on disk: written whole or not at all, read within bounds.

use std::fs::{self, File};
use std::io::{self, Cursor, Read, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use zip::write::SimpleFileOptions;

use super::driver;
use super::pack::Files;
use super::sign::{Key, PublicKey};

/// The largest file of a pack that is read, bytes.
pub const MAX_FILE: u64 = 1 << 30;
/// The largest pack that is read, bytes, unpacked.
pub const MAX_PACK: u64 = 2 << 30;
/// The most files of a pack that are read.
pub const MAX_FILES: usize = 64;
/// The signing key in the data directory.
pub const SIGNING_KEY: &str = "signing.key";
/// Its public half, to be given away.
pub const PUBLIC_KEY: &str = "signing.pub";

/// What went wrong with a file.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum StoreError {
    #[error("{path}: {error}")]
    Io { path: PathBuf, error: io::Error },
    #[error("{path} holds another pack already; move it away, or replace it deliberately")]
    Exists { path: PathBuf },
    #[error("{path}: {what}")]
    Refused { path: PathBuf, what: String },
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |error| StoreError::Io { path, error }
}

fn refused(path: &Path, what: impl Into<String>) -> StoreError {
    StoreError::Refused { path: path.to_owned(), what: what.into() }
}

/// Writes `DIR/NAME/` and `DIR/NAME.zip`, and gives both paths.
///
/// Everything is written beside its place, synced and renamed, so that a crash leaves either the
/// whole pack or none. The very same pack may stand there already; another one is an error
/// unless `replace`.
pub fn write(dir: &Path, name: &str, files: &Files, replace: bool) -> Result<(PathBuf, PathBuf), StoreError> {
    fs::create_dir_all(dir).map_err(at(dir))?;
    let (folder, archive) = (dir.join(name), dir.join(format!("{name}.zip")));
    let folder_same = folder.exists() && read_folder(&folder).is_ok_and(|f| f == *files);
    let free = |path: &Path, same: bool| {
        let in_the_way = path.exists() && !same && !replace;
        if in_the_way { Err(StoreError::Exists { path: path.to_owned() }) } else { Ok(()) }
    };
    free(&folder, folder_same)?;
    let fresh = dir.join(format!(".{name}.new"));
    let beside = || if folder_same { Ok(()) } else { write_folder(&fresh, files) };
    let (zipped, written) = driver::both(|| zip_bytes(name, files).map_err(|e| refused(&archive, e)), beside);
    let (zipped, ()) = (zipped?, written?);
    let archive_same = archive.exists() && fs::read(&archive).is_ok_and(|b| b == zipped);
    free(&archive, archive_same).or_else(|other| remove(&fresh).and(Err(other)))?;
    if !folder_same {
        remove(&folder)?;
        fs::rename(&fresh, &folder).map_err(at(&folder))?;
    }
    if !archive_same {
        replace_file(&archive, &zipped, 0o644)?;
    }
    sync_dir(dir)?;
    Ok((folder, archive))
}

fn write_folder(fresh: &Path, files: &Files) -> Result<(), StoreError> {
    remove(fresh)?;
    fs::create_dir(fresh).map_err(at(fresh))?;
    for (file, bytes) in files {
        write_synced(&fresh.join(file), bytes, 0o644)?;
    }
    sync_dir(fresh)
}

fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(at(path)(e)),
        _ => Ok(()),
    }
}

fn write_synced(path: &Path, bytes: &[u8], mode: u32) -> Result<(), StoreError> {
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(at(path))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(at(path))
}

fn replace_file(path: &Path, bytes: &[u8], mode: u32) -> Result<(), StoreError> {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".new");
    let fresh = path.with_file_name(name);
    match fs::remove_file(&fresh) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(at(&fresh)(e)),
        _ => {}
    }
    write_synced(&fresh, bytes, mode)?;
    fs::rename(&fresh, path).map_err(at(path))
}

fn sync_dir(path: &Path) -> Result<(), StoreError> {
    File::open(path).and_then(|d| d.sync_all()).map_err(at(path))
}

/// The archive's bytes: entries in order of name under `NAME/`, dated 1980-01-01, the same every time.
fn zip_bytes(name: &str, files: &Files) -> Result<Vec<u8>, String> {
    let files: Vec<_> = files.iter().collect();
    let packed = driver::at_once(&files, |(_, bytes)| bytes.len(), |(file, bytes)| zip_entry(name, file, bytes));
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for one in packed {
        let mut one = zip::ZipArchive::new(Cursor::new(one?)).map_err(|e| e.to_string())?;
        zip.raw_copy_file(one.by_index_raw(0).map_err(|e| e.to_string())?).map_err(|e| e.to_string())?;
    }
    Ok(zip.finish().map_err(|e| e.to_string())?.into_inner())
}

/// An archive of one entry.
fn zip_entry(folder: &str, file: &str, bytes: &[u8]) -> Result<Vec<u8>, String> {
    let options = SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Deflated)
        .last_modified_time(zip::DateTime::default())
        .unix_permissions(0o644)
        .large_file(bytes.len() as u64 > u64::from(u32::MAX) / 2);
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file(format!("{folder}/{file}"), options).map_err(|e| e.to_string())?;
    zip.write_all(bytes).map_err(|e| e.to_string())?;
    Ok(zip.finish().map_err(|e| e.to_string())?.into_inner())
}

/// Reads a pack, a directory or a `.zip`.
///
/// Of an archive not only the files count: its own bytes must be those that [`write`](fn@write) makes of
/// them, so that nothing hides between the entries.
pub fn read(path: &Path) -> Result<Files, StoreError> {
    if fs::metadata(path).map_err(at(path))?.is_dir() { read_folder(path) } else { read_archive(path) }
}

fn read_folder(path: &Path) -> Result<Files, StoreError> {
    let mut files = Files::new();
    let mut left = MAX_PACK;
    for entry in fs::read_dir(path).map_err(at(path))? {
        let entry = entry.map_err(at(path))?;
        let file = entry.path();
        let name =
            entry.file_name().into_string().map_err(|n| refused(path, format!("{n:?} is no name of a pack's file")))?;
        if files.len() == MAX_FILES {
            return Err(refused(path, format!("holds more than {MAX_FILES} files: this is no pack")));
        }
        // Not through links: a pack is only what stands in its directory.
        if !entry.file_type().map_err(at(&file))?.is_file() {
            return Err(refused(&file, "does not belong to a pack: it is not a plain file"));
        }
        let bytes = bounded(File::open(&file).map_err(at(&file))?, &file, &mut left)?;
        files.insert(name, bytes);
    }
    Ok(files)
}

fn read_archive(path: &Path) -> Result<Files, StoreError> {
    let mut whole = MAX_PACK;
    let raw = bounded(File::open(path).map_err(at(path))?, path, &mut whole)?;
    let broken = |e: &dyn std::fmt::Display| refused(path, format!("the archive is damaged or no archive: {e}"));
    let mut zip = zip::ZipArchive::new(Cursor::new(&raw[..])).map_err(|e| broken(&e))?;
    if zip.len() > MAX_FILES {
        return Err(refused(path, format!("holds more than {MAX_FILES} files: this is no pack")));
    }
    let mut files = Files::new();
    let mut folder: Option<String> = None;
    let mut left = MAX_PACK;
    for n in 0..zip.len() {
        let entry = zip.by_index(n).map_err(|e| broken(&e))?;
        let full = entry.name().map_err(|e| broken(&e))?.into_owned();
        let (base, name) = full
            .split_once('/')
            .filter(|(b, n)| !b.is_empty() && !n.is_empty() && !n.contains('/'))
            .ok_or_else(|| refused(path, format!("holds {full:?}: a pack has one folder with plain files")))?;
        if folder.get_or_insert_with(|| base.to_owned()) != base {
            return Err(refused(path, format!("holds {full:?}: a pack has one folder only")));
        }
        let inside = path.join(&full);
        let bytes = bounded(entry, &inside, &mut left)?;
        if files.insert(name.to_owned(), bytes).is_some() {
            return Err(refused(path, format!("holds {full:?} twice")));
        }
    }
    let folder = folder.ok_or_else(|| refused(path, "the archive is empty"))?;
    let should = zip_bytes(&folder, &files).map_err(|e| broken(&e))?;
    if raw != should {
        let byte = raw.iter().zip(&should).take_while(|(a, b)| a == b).count();
        return Err(refused(
            path,
            format!(
                "the archive itself was changed or packed again: it differs from byte {byte} on. To check the files in it, unpack it and verify the folder"
            ),
        ));
    }
    Ok(files)
}

/// Reads to the end, but never more than [`MAX_FILE`] nor what is left of the pack: an archive's claims are not believed.
fn bounded(source: impl Read, path: &Path, left: &mut u64) -> Result<Vec<u8>, StoreError> {
    let most = MAX_FILE.min(*left);
    let mut bytes = Vec::new();
    source.take(most + 1).read_to_end(&mut bytes).map_err(at(path))?;
    let size = bytes.len() as u64;
    if size > most {
        return Err(refused(path, format!("is larger than {most} bytes: too large for a pack")));
    }
    *left -= size;
    Ok(bytes)
}

/// The signing key of a data directory; made on first use from `random`, which is called only then.
///
/// `signing.key` is readable by its owner only; `signing.pub` beside it is to be given away.
pub fn signing_key(data_dir: &Path, random: impl FnOnce() -> [u8; 32]) -> Result<Key, StoreError> {
    let (secret, public) = (data_dir.join(SIGNING_KEY), data_dir.join(PUBLIC_KEY));
    let key = match fs::read_to_string(&secret) {
        Ok(pem) => Key::from_pem(&pem).map_err(|e| refused(&secret, e.to_string()))?,
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            let key = Key::from_random(&random());
            fs::create_dir_all(data_dir).map_err(at(data_dir))?;
            replace_file(&secret, key.to_pem().as_bytes(), 0o600)?;
            key
        }
        Err(e) => return Err(at(&secret)(e)),
    };
    let pem = key.public().to_pem();
    if fs::read_to_string(&public).ok().as_deref() != Some(pem.as_str()) {
        replace_file(&public, pem.as_bytes(), 0o644)?;
    }
    sync_dir(data_dir)?;
    Ok(key)
}

/// Reads a public key that the reader trusts.
pub fn public_key(path: &Path) -> Result<PublicKey, StoreError> {
    let mut pem = String::new();
    let file = File::open(path).map_err(at(path))?;
    file.take(4096).read_to_string(&mut pem).map_err(at(path))?;
    PublicKey::from_pem(&pem).map_err(|e| refused(path, e.to_string()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn files() -> Files {
        Files::from([("a.txt".into(), b"alpha".to_vec()), ("b.txt".into(), vec![0; 5000])])
    }

    #[test]
    fn a_pack_reads_back_from_folder_and_archive() {
        let dir = tempfile::tempdir().unwrap();
        let (folder, archive) = write(dir.path(), "evidence-x-2026-10", &files(), false).unwrap();
        assert_eq!(read(&folder).unwrap(), files());
        assert_eq!(read(&archive).unwrap(), files());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    #[test]
    fn the_same_pack_may_be_written_twice_another_one_not() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "p", &files(), false).unwrap();
        write(dir.path(), "p", &files(), false).unwrap();
        let mut other = files();
        other.insert("c.txt".into(), Vec::new());
        assert!(matches!(write(dir.path(), "p", &other, false), Err(StoreError::Exists { .. })));
        let (folder, _) = write(dir.path(), "p", &other, true).unwrap();
        assert_eq!(read(&folder).unwrap(), other);
    }

    #[test]
    fn every_flipped_byte_of_an_archive_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let (_, archive) = write(dir.path(), "p", &files(), false).unwrap();
        let good = fs::read(&archive).unwrap();
        for byte in 0..good.len() {
            let mut bad = good.clone();
            bad[byte] ^= 0x20;
            fs::write(&archive, bad).unwrap();
            assert!(read(&archive).is_err(), "byte {byte}");
        }
    }

    #[test]
    fn what_unpacks_without_end_is_stopped_at_the_bound() {
        let mut left = 1000;
        let endless = bounded(io::repeat(0), Path::new("bomb"), &mut left);
        assert!(endless.unwrap_err().to_string().contains("larger than 1000 bytes"));
        assert_eq!(bounded(&[0; 400][..], Path::new("a"), &mut left).unwrap().len(), 400);
        assert!(bounded(&[0; 601][..], Path::new("b"), &mut left).is_err());
    }

    #[test]
    fn links_and_folders_in_a_pack_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (folder, _) = write(dir.path(), "p", &files(), false).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", folder.join("c.txt")).unwrap();
        assert!(read(&folder).unwrap_err().to_string().contains("not a plain file"));
    }

    #[test]
    fn the_key_is_made_once_and_kept_secret() {
        let dir = tempfile::tempdir().unwrap();
        let first = signing_key(dir.path(), || [9; 32]).unwrap();
        let again = signing_key(dir.path(), || panic!("a key exists")).unwrap();
        assert_eq!(first.public(), again.public());
        let mode = fs::metadata(dir.path().join(SIGNING_KEY)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(public_key(&dir.path().join(PUBLIC_KEY)).unwrap(), first.public());
        fs::write(dir.path().join(SIGNING_KEY), "nonsense").unwrap();
        assert!(signing_key(dir.path(), || [9; 32]).is_err());
    }
}
