//! A second thread that compresses while the first one reads.

use std::sync::mpsc::sync_channel;
use std::thread;

use crate::report::csv::Compressed;

/// Batches that may wait: reading stops while the compressor is this far behind.
const WAITING: usize = 4;

/// Compresses what `fill` hands on, in that order. The bytes do not depend on the threads.
///
/// # Panics
/// When `fill` does, or memory ends.
pub(super) fn compressed(fill: impl FnOnce(&mut dyn FnMut(Vec<u8>))) -> Vec<u8> {
    let (send, batches) = sync_channel::<Vec<u8>>(WAITING);
    thread::scope(|scope| {
        let compressor = scope.spawn(move || {
            let mut out = Compressed::new();
            batches.iter().for_each(|batch| out.push(&batch));
            out.finish()
        });
        // The compressor ends only when everything was handed on, so nobody refuses a batch before that.
        fill(&mut |batch| drop(send.send(batch)));
        drop(send);
        compressor.join().expect("compressing into memory does not fail")
    })
}
