//! The truth as a file: one JSON object a line, written by a thread of its own so that no answer waits for a disk.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use super::truth::Sighting;

/// Lines that wait for the disk; further ones are dropped and counted.
const MAX_WAITING: usize = 65_536;

/// Takes sightings that are complete; the file ends when it is dropped.
#[derive(Debug)]
pub struct Journal {
    lines: Option<SyncSender<Sighting>>,
    writer: Option<JoinHandle<()>>,
    lost: u64,
}

impl Journal {
    /// Makes the file, or empties it.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = BufWriter::new(File::create(path)?);
        let (lines, waiting) = sync_channel(MAX_WAITING);
        let write = move || {
            if let Err(error) = write_all(file, &waiting) {
                tracing::warn!(%error, "the lab's journal stops here");
            }
        };
        let writer = thread::Builder::new().name("lab-journal".into()).spawn(write)?;
        Ok(Self { lines: Some(lines), writer: Some(writer), lost: 0 })
    }

    /// Hands over one line; never waits.
    pub fn record(&mut self, sighting: Sighting) {
        if self.lines.as_ref().is_none_or(|lines| lines.try_send(sighting).is_err()) {
            self.lost += 1;
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        drop(self.lines.take());
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
        if self.lost > 0 {
            tracing::warn!(lines = self.lost, "the lab's journal is not complete: the disk was too slow");
        }
    }
}

fn write_all(mut file: BufWriter<File>, waiting: &Receiver<Sighting>) -> io::Result<()> {
    for sighting in waiting {
        serde_json::to_writer(&mut file, &sighting)?;
        file.write_all(b"\n")?;
    }
    file.flush()
}
