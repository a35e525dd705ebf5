//! The evidence pack: the same bytes for the same evidence, and nothing can be changed in it unseen.

#[path = "report/sample.rs"]
mod sample;

use std::sync::LazyLock;

use assured::report::journal;
use assured::report::model::Report;
use assured::report::pack::{self, Contents, Files, Manifest};
use assured::report::sign::Key;
use assured::report::verify::{Holds, Wrong};
use assured::report::{json, store, verify};

fn key() -> Key {
    Key::from_random(&[42; 32])
}

fn packed() -> Files {
    static PACKED: LazyLock<Files> = LazyLock::new(|| pack::build(&sample::contents(), &key(), &mut |_| ()).unwrap());
    PACKED.clone()
}

/// Stands for the accounting: gives the report that the sample's journal belongs to, if it is that journal.
fn recompute(files: &Files) -> Result<Report, String> {
    let report = sample::report();
    let head = journal::decode(&files["journal.jsonl"]).map_err(|e| e.to_string())?.head;
    if head == report.evidence.journal_head { Ok(report) } else { Err("another journal".into()) }
}

fn check(files: &Files) -> Result<Holds, Wrong> {
    verify::verify(files, None, recompute, &mut |_| ())
}

/// Signs whatever the files have become with `key`, as one would who holds it.
fn sign_again(mut files: Files, key: &Key) -> Files {
    let mut manifest: Manifest = serde_json::from_slice(&files[pack::MANIFEST]).unwrap();
    files.remove(pack::MANIFEST);
    files.remove(pack::SIGNATURE);
    manifest.public_key = key.public().to_pem();
    manifest.key_id = key.public().id();
    manifest.files = files.iter().map(|(name, bytes)| pack::listed(name, bytes)).collect();
    let bytes = pack::encode(&manifest);
    files.insert(pack::SIGNATURE.into(), key.sign(&bytes));
    files.insert(pack::MANIFEST.into(), bytes);
    files
}

#[test]
fn an_untouched_pack_verifies_wherever_it_is() {
    let files = packed();
    let holds = check(&files).unwrap();
    assert!(!holds.trusted && holds.documents_compared);
    assert_eq!(holds.manifest.files.len(), 10);
    let elsewhere = tempfile::tempdir().unwrap();
    let (folder, archive) = store::write(elsewhere.path(), &sample::report().pack_name(), &files, false).unwrap();
    for path in [folder, archive] {
        let read = store::read(&path).unwrap();
        assert!(verify::verify(&read, Some(&key().public()), recompute, &mut |_| ()).unwrap().trusted);
    }
}

#[test]
fn the_same_evidence_gives_the_same_bytes() {
    assert!(pack::build(&sample::contents(), &key(), &mut |_| ()).unwrap() == packed());
}

#[test]
fn one_flipped_byte_anywhere_is_found_and_its_file_named() {
    let files = packed();
    for (name, bytes) in &files {
        let last = bytes.len() - 1;
        for at in [0, 1, bytes.len() / 3, bytes.len() / 2, last - 1, last] {
            for bit in [0x01, 0x80] {
                let mut changed = files.clone();
                changed.get_mut(name).unwrap()[at] ^= bit;
                let wrong = check(&changed).expect_err(name);
                // A changed manifest shows as a signature that does not belong to it.
                let named = wrong.file == *name || (name.starts_with("manifest") && wrong.file.starts_with("manifest"));
                assert!(named, "byte {at} of {name}: {wrong}");
            }
        }
    }
}

#[test]
fn missing_and_added_files_are_named() {
    let files = packed();
    for name in files.keys() {
        let mut fewer = files.clone();
        fewer.remove(name);
        let wrong = check(&fewer).unwrap_err();
        assert_eq!((&wrong.file, wrong.what.contains("missing")), (name, true));
    }
    let mut more = files;
    more.insert("notes.txt".into(), b"by the way".to_vec());
    assert_eq!(
        check(&more).unwrap_err().to_string(),
        "notes.txt: does not belong to the pack: the manifest does not list it"
    );
}

#[test]
fn removed_and_swapped_records_are_found_even_by_a_signature_that_covers_them() {
    let files = packed();
    let text = String::from_utf8(files["journal.jsonl"].clone()).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let with = |lines: Vec<&str>| {
        let mut changed = files.clone();
        changed.insert("journal.jsonl".into(), lines.concat().into_bytes());
        check(&sign_again(changed, &key())).unwrap_err()
    };
    let removed = with([&lines[..3], &lines[4..]].concat());
    assert_eq!(removed.file, "journal.jsonl");
    assert!(removed.what.starts_with("line 4: record 5 stands where record 4 belongs"), "{removed}");
    let mut swapped = lines.clone();
    swapped.swap(4, 5);
    assert!(with(swapped).what.starts_with("line 5: record 6 stands where record 5 belongs"));
    let cut = with(lines[..lines.len() - 1].to_vec());
    assert!(cut.what.contains("the manifest names record"), "{cut}");
}

#[test]
fn another_key_is_refused_by_who_trusts_one_and_named_to_who_does_not() {
    let other = Key::from_random(&[1; 32]);
    let files = sign_again(packed(), &other);
    let wrong = verify::verify(&files, Some(&key().public()), recompute, &mut |_| ()).unwrap_err();
    assert_eq!(wrong.file, "manifest.sig");
    assert!(wrong.what.contains(&other.public().id()) && wrong.what.contains(&key().public().id()), "{wrong}");
    let holds = check(&files).unwrap();
    assert!(holds.lines()[0].contains(&other.public().id()));
    assert!(holds.lines()[0].contains("whose"));
}

#[test]
fn a_figure_that_does_not_follow_from_the_records_is_named() {
    let contents = sample::contents();
    let mut report = contents.report.clone();
    report.services[1].seconds.down -= 600;
    report.services[1].seconds.up += 600;
    let files = pack::build(&Contents { report, ..contents }, &key(), &mut |_| ()).unwrap();
    let wrong = check(&files).unwrap_err();
    assert_eq!(
        wrong.to_string(),
        "report.json: services[ch-voice].seconds.down: the pack says 14111, its records say 14711"
    );
}

#[test]
fn a_document_that_shows_other_figures_is_named() {
    for name in pack::DERIVED {
        let mut files = packed();
        files.get_mut(name).unwrap().push(b' ');
        let wrong = check(&sign_again(files, &key())).unwrap_err();
        assert_eq!(wrong.file, name);
        assert!(wrong.what.contains("does not show the figures"), "{wrong}");
    }
}

#[test]
fn documents_of_another_version_are_not_held_against_the_pack() {
    let mut files = packed();
    let mut manifest: Manifest = serde_json::from_slice(&files[pack::MANIFEST]).unwrap();
    manifest.documents = "0".into();
    files.insert(pack::MANIFEST.into(), pack::encode(&manifest));
    files.get_mut("report.pdf").unwrap().push(b' ');
    assert!(!check(&sign_again(files, &key())).unwrap().documents_compared);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(300))]

    #[test]
    fn no_cut_and_paste_of_a_journal_passes(at in 0_usize..3000, cut in 0_usize..600, paste in proptest::collection::vec(proptest::num::u8::ANY, 0..40)) {
        let good = sample_journal();
        let at = at.min(good.len());
        let mut bad = good.to_vec();
        bad.splice(at..(at + cut).min(good.len()), paste);
        // Cutting away whole records at the end leaves a shorter, sound chain: its head and count give it away.
        let same_end = journal::read(&bad, |_| Ok(())).is_ok_and(|head| head == journal::decode(good).unwrap().head);
        proptest::prop_assert!(!same_end || bad == good);
    }

    #[test]
    fn no_bytes_make_the_decoder_stumble(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..400)) {
        proptest::prop_assert!(journal::decode(&bytes).is_err());
        proptest::prop_assert!(json::decode(&bytes).is_err());
    }
}

fn sample_journal() -> &'static [u8] {
    static JOURNAL: LazyLock<Vec<u8>> = LazyLock::new(sample::journal);
    &JOURNAL
}

#[test]
fn a_report_and_a_foreign_journal_make_no_pack() {
    let mut writer = journal::Writer::new();
    for record in journal::decode(&sample::journal()).unwrap().records.iter().take(3) {
        writer.push(&record.entry);
    }
    let contents = Contents { journal: writer.finish(), ..sample::contents() };
    assert!(matches!(pack::build(&contents, &key(), &mut |_| ()), Err(pack::PackError::Apart(_))));
}

#[test]
fn report_json_reads_back() {
    let report = sample::report();
    assert_eq!(json::decode(&json::encode(&report)).unwrap(), report);
    let text = String::from_utf8(json::encode(&report)).unwrap();
    assert!(json::decode(text.replace("assured-report/1", "assured-report/9").as_bytes()).is_err());
    assert!(json::decode(text.replacen("\"contract\"", "\"contrakt\"", 1).as_bytes()).is_err());
}
