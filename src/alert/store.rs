//! Keeps the queue over a restart: one small file, replaced as a whole.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::queue::Kept;

/// The file's name in the data folder.
pub const NAME: &str = "alerts.json";
/// Version of what is in it.
const VERSION: u32 = 1;
/// A larger file was not written by us.
const MAX_BYTES: u64 = 64 << 20;

#[derive(serde::Serialize, serde::Deserialize)]
struct Content {
    version: u32,
    alerts: Vec<Kept>,
}

/// What was kept; nothing when there is no file. One that cannot be read is set aside, and said so: the alerts that
/// stand are found again by looking, only the ends that were still to be told are lost.
pub fn load(dir: &Path) -> Vec<Kept> {
    let path = dir.join(NAME);
    match read(&path) {
        Ok(Some(alerts)) => alerts,
        Ok(None) => Vec::new(),
        Err(problem) => {
            let aside = path.with_extension("json.damaged");
            let moved = fs::rename(&path, &aside);
            tracing::error!(
                file = %path.display(), set_aside = moved.is_ok(),
                "the alerts that were kept cannot be read, Alertmanager forgets by itself what ended meanwhile: {problem}"
            );
            Vec::new()
        }
    }
}

fn read(path: &Path) -> Result<Option<Vec<Kept>>, String> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    let mut text = String::new();
    let read = file.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(|error| error.to_string())?;
    if read as u64 > MAX_BYTES {
        return Err(format!("it is larger than {MAX_BYTES} bytes"));
    }
    let content: Content = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    if content.version != VERSION {
        return Err(format!("its version is {}, not {VERSION}", content.version));
    }
    Ok(Some(content.alerts))
}

/// Replaces the file. Blocks; afterwards the new content is on the disk, or the old one still is.
///
/// # Errors
/// What the system says.
pub fn save(dir: &Path, alerts: Vec<Kept>) -> io::Result<()> {
    let path = dir.join(NAME);
    let new: PathBuf = path.with_extension("json.new");
    let text = serde_json::to_vec(&Content { version: VERSION, alerts }).map_err(io::Error::other)?;
    let mut file = File::create(&new)?;
    file.write_all(&text)?;
    file.sync_all()?;
    fs::rename(&new, &path)?;
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::message::Alert;
    use crate::units::Sec;

    fn kept() -> Vec<Kept> {
        let alert = Alert {
            labels: [("alertname".into(), "A".into())].into(),
            annotations: [("summary".into(), "s".into())].into(),
            link: "http://x/".into(),
        };
        vec![Kept { alert, starts_at: Sec(7), ended: Some(Sec(9)), told: true, resolved: vec!["http://am".into()] }]
    }

    #[test]
    fn what_was_saved_is_loaded_and_a_torn_file_is_set_aside() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(load(dir.path()), []);
        save(dir.path(), kept()).unwrap();
        assert_eq!(load(dir.path()), kept());
        let text = fs::read(dir.path().join(NAME)).unwrap();
        fs::write(dir.path().join(NAME), &text[..text.len() / 2]).unwrap();
        assert_eq!(load(dir.path()), []);
        assert!(dir.path().join("alerts.json.damaged").exists());
        // A power cut while writing leaves a half-written new file beside the old one.
        save(dir.path(), kept()).unwrap();
        fs::write(dir.path().join("alerts.json.new"), &text[..9]).unwrap();
        assert_eq!(load(dir.path()), kept());
    }

    #[test]
    fn a_file_of_another_version_is_not_guessed_at() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(NAME), r#"{"version":2,"alerts":[]}"#).unwrap();
        assert_eq!(load(dir.path()), []);
        assert!(!dir.path().join(NAME).exists());
    }
}
