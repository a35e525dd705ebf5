//! A second thread that compresses a scrape while the first one writes it.

use std::io::Write as _;
use std::sync::mpsc::sync_channel;
use std::thread;

use flate2::Compression;
use flate2::write::GzEncoder;

/// Parts that may wait to be compressed, each of some 64 KiB in text.
const WAITING: usize = 8;

/// What `fill` hands on, in that order, compressed with gzip at level 1: the scraper is near. 10,000 targets make 70 MB
/// of text.
///
/// # Panics
/// When `fill` does, or memory ends.
pub(super) fn gzip(fill: impl FnOnce(&mut dyn FnMut(&[u8]))) -> Vec<u8> {
    let (give, parts) = sync_channel::<Vec<u8>>(WAITING);
    let compress = move || {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        parts.iter().for_each(|part| gzip.write_all(&part).expect("a Vec takes every byte"));
        gzip.finish().expect("a Vec takes every byte")
    };
    thread::scope(|scope| {
        let compressor = scope.spawn(compress);
        // The compressor takes parts as long as there are any.
        fill(&mut |part| drop(give.send(part.to_vec())));
        drop(give);
        compressor.join().expect("compressing into memory does not fail")
    })
}
