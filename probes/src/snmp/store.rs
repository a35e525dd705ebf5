//! The DES epoch on disk: DES privacy must never use a salt twice with the same key (RFC 3414 §8.1.1.1), not even
//! after a restart, so that each start gets a number of its own, kept in a file.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// The largest epoch (RFC 3414 §2.2).
const MOST: u32 = i32::MAX as u32;

/// Takes the next epoch and keeps it, before anything is encrypted with it.
///
/// # Errors
/// The file cannot be read or written, or does not hold a number: then DES must not be used.
pub fn next_epoch(path: &Path) -> io::Result<u32> {
    let last = match fs::read_to_string(path) {
        Ok(text) => text
            .trim()
            .parse::<u32>()
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "the DES epoch file does not hold a number"))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(error),
    };
    let next =
        last.checked_add(1).filter(|n| *n < MOST).ok_or_else(|| io::Error::other("the DES epochs are used up"))?;
    let beside = path.with_extension("new");
    let mut file = File::create(&beside)?;
    writeln!(file, "{next}")?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    if let Some(folder) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
        File::open(folder)?.sync_all()?;
    }
    Ok(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_start_has_an_epoch_of_its_own() {
        let folder = std::env::temp_dir().join(format!("assured-des-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("des-epoch");
        assert_eq!([next_epoch(&path).unwrap(), next_epoch(&path).unwrap()], [1, 2]);
        fs::write(&path, "rubbish").unwrap();
        assert!(next_epoch(&path).is_err());
        fs::remove_dir_all(&folder).unwrap();
    }
}
