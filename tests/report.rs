//! The evidence pack: the same bytes for the same evidence, and nothing can be changed in it unseen.

#[path = "report/sample.rs"]
mod sample;

use assured::report::model::Report;
use assured::report::pack::{self, Files};
use assured::report::sign::Key;
use assured::report::{json, store, verify};

fn key() -> Key {
    Key::from_random(&[42; 32])
}

fn packed() -> Files {
    pack::build(&sample::contents(), &key()).unwrap()
}

#[test]
fn write_for_looking() {
    if let Ok(dir) = std::env::var("ASSURED_LOOK") {
        store::write(std::path::Path::new(&dir), &sample::report().pack_name(), &packed(), true).unwrap();
    }
}
