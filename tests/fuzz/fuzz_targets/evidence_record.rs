//! Text read as what the evidence store and a pack keep as text: no panic, and what was read writes the same text.
#![no_main]

use assured::evidence::record::{Body, Record};
use assured::evidence::{canonical, fault, rollup};
use assured::sketch::Sketch;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(value) = canonical::parse(text) {
        assert_eq!(canonical::to_string(&value).as_deref(), Ok(text));
    }
    if let Ok(record) = Record::parse(text)
        && !matches!(record.body, Body::Other(_))
    {
        assert!(Record::parse(&record.to_text()).is_ok());
    }
    let _ = rollup::parse_row(text);
    let _ = fault::reference::parse(text);
    if let Ok(sketch) = Sketch::from_text(text) {
        assert_eq!(sketch.to_text(), text);
    }
});
