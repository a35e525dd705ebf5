//! What people read in a pack: golden files, and what independent tools say of PDF, workbook and signature.
//!
//! `ASSURED_BLESS=1` writes the golden files anew; look at the pages before committing them.

#[path = "report/sample.rs"]
mod sample;

use std::path::{Path, PathBuf};
use std::process::Command;

use assured::report::model::{Report, Seconds, Verdict};
use assured::report::sign::Key;
use assured::report::{csv, document, html, journal, json, layout, pack, pdf, store, xlsx};
use calamine::{Data, Reader as _};
use sha2::{Digest as _, Sha256};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/report").join(name)
}

fn blessing() -> bool {
    std::env::var_os("ASSURED_BLESS").is_some()
}

fn pdf_of(report: &Report) -> Result<Vec<u8>, pdf::PdfError> {
    pdf::encode(&document::document(report), report, &json::encode(report))
}

fn html_of(report: &Report) -> Vec<u8> {
    html::encode(&document::document(report), report)
}

/// Output of a tool that `tests/run` installs. `None` on a machine without it, unless that machine is the CI.
fn tool(name: &str, arguments: &[&std::ffi::OsStr]) -> Option<std::process::Output> {
    match Command::new(name).args(arguments).output() {
        Ok(output) => Some(output),
        Err(e) if std::env::var_os("CI").is_some() => panic!("{name} is needed here: {e}"),
        Err(_) => None,
    }
}

#[test]
fn files_are_as_they_were_last_looked_at() {
    let report = sample::report();
    let pdf = pdf_of(&report).unwrap();
    let sums = [("report.pdf", &pdf), ("workbook.xlsx", &xlsx::encode(&report).unwrap())];
    let sums: String =
        sums.iter().map(|(name, bytes)| format!("{}  {name}\n", journal::hex(&Sha256::digest(bytes)))).collect();
    let files = [
        ("report.json", json::encode(&report)),
        ("report.html", html_of(&report)),
        ("services.csv", csv::services(&report)),
        ("outages.csv", csv::outages(&report)),
        ("exclusions.csv", csv::exclusions(&report)),
        ("journal.jsonl", sample::journal()),
        // Of these the bytes are not kept, only that they are the same: page-*.png show them.
        ("SHA256SUMS", sums.into_bytes()),
    ];
    for (name, bytes) in &files {
        if blessing() {
            std::fs::write(golden(name), bytes).unwrap();
        }
        let kept = std::fs::read(golden(name)).unwrap();
        assert!(kept == *bytes, "{name} differs from its golden file");
    }
    if blessing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("report.pdf");
        std::fs::write(&path, pdf).unwrap();
        let done = Command::new("pdftoppm").args(["-r", "50", "-png"]).arg(&path).arg(golden("page")).status().unwrap();
        assert!(done.success());
    }
}

#[test]
fn every_page_of_the_golden_pdf_has_its_picture() {
    let pages = layout::pages(&assured::report::document::document(&sample::report())).len();
    for page in 1..=pages {
        assert!(golden(&format!("page-{page}.png")).exists(), "page {page}");
    }
    assert!(!golden(&format!("page-{}.png", pages + 1)).exists());
}

fn variants() -> [(&'static str, Report); 9] {
    [
        ("one", sample::many(1)),
        ("eight", sample::many(8)),
        ("sixty", sample::many(60)),
        ("four-hundred", sample::many(400)),
        ("breached", sample::report()),
        ("kept", sample::kept()),
        ("doubtful", sample::doubtful()),
        ("hostile", sample::hostile()),
        ("empty", sample::empty()),
    ]
}

#[test]
fn every_pdf_is_whole_with_its_fonts_inside() {
    let dir = tempfile::tempdir().unwrap();
    for (name, report) in variants() {
        let path = dir.path().join(format!("{name}.pdf"));
        let bytes = pdf_of(&report).unwrap();
        // PDF/A-2b says so in its metadata, which is never compressed.
        let text = String::from_utf8_lossy(&bytes);
        assert!(
            text.contains("<pdfaid:part>2</pdfaid:part>")
                && text.contains("<pdfaid:conformance>B</pdfaid:conformance>")
        );
        std::fs::write(&path, bytes).unwrap();
        if let Some(checked) = tool("qpdf", &["--check".as_ref(), path.as_os_str()]) {
            assert!(checked.status.success(), "{name}: {}", String::from_utf8_lossy(&checked.stderr));
        }
        if let Some(fonts) = tool("pdffonts", &[path.as_os_str()]) {
            let list = String::from_utf8_lossy(&fonts.stdout).into_owned();
            let fonts: Vec<&str> = list.lines().skip(2).collect();
            assert!(fonts.len() == 2 && fonts.iter().all(|f| f.contains(" yes yes yes ")), "{name}: {list}");
        }
        if let Some(words) = tool("pdftotext", &["-layout".as_ref(), path.as_os_str(), "-".as_ref()]) {
            let words = String::from_utf8_lossy(&words.stdout).into_owned();
            assert!(words.contains("Was the promise kept?") && words.contains("What is owed?"), "{name}");
            assert!(words.contains("How to check this pack"), "{name}: the last chapter is there");
        }
    }
}

#[test]
fn nothing_on_any_page_leaves_it_or_its_margins() {
    use assured::draw::drawing::{Anchor, Item};
    for (name, report) in variants() {
        for (n, page) in layout::pages(&assured::report::document::document(&report)).iter().enumerate() {
            for item in &page.items {
                let (left, right) = match item {
                    Item::Rect { x, w, .. } => (*x, x + w),
                    Item::Line { points, .. } => (
                        points.iter().map(|p| p.0).fold(f32::MAX, f32::min),
                        points.iter().map(|p| p.0).fold(0.0, f32::max),
                    ),
                    Item::Text { x, size, face, anchor, text, .. } => {
                        let width = assured::draw::text::width(*face, *size, text);
                        match anchor {
                            Anchor::Start => (*x, x + width),
                            Anchor::Middle => (x - width / 2.0, x + width / 2.0),
                            Anchor::End => (x - width, *x),
                        }
                    }
                };
                assert!(left >= 44.0 && right <= 551.0, "{name}, page {}: {item:?}", n + 1);
            }
        }
    }
}

#[test]
fn the_cover_has_its_answers_its_figures_and_the_months_picture_on_one_page() {
    use assured::draw::drawing::Item;
    for (name, report) in variants() {
        let pages = layout::pages(&assured::report::document::document(&report));
        let first: Vec<&str> = pages[0]
            .items
            .iter()
            .filter_map(|i| if let Item::Text { text, .. } = i { Some(text.as_str()) } else { None })
            .collect();
        let mut wanted = vec!["Was the promise kept?", "By how much?", "What is owed?", "Evidence up to"];
        if !report.services.is_empty() && !report.sites.is_empty() && name != "hostile" {
            wanted.extend(["When", "resilience lost"]);
        }
        for words in wanted {
            assert!(first.iter().any(|t| t.contains(words)), "{name}: {words:?} is not on the cover: {first:?}");
        }
    }
}

#[test]
fn a_reader_is_sent_to_the_chapter_that_is_meant() {
    let document = assured::report::document::document(&sample::report());
    let titles: Vec<&str> = document.chapters.iter().map(|c| c.title.as_str()).collect();
    assert_eq!(titles, assured::report::chapters::TITLES);
    let html = String::from_utf8(html_of(&sample::report())).expect("UTF-8");
    for (said, title) in [("missed (chapter 5)", "5&ensp;Quality"), ("is in chapter 8", "8&ensp;Service credits")] {
        assert!(html.contains(said) && html.contains(title), "{said}: {title}");
    }
}

#[test]
fn what_was_not_promised_is_told_apart_from_what_is_not_proven() {
    let mut report = sample::report();
    report.services.iter_mut().for_each(|s| s.verdict = Verdict::Met);
    let idle = &mut report.services[0];
    (idle.seconds, idle.verdict) = (Seconds::default(), Verdict::NotProven);
    let all = report.services.len() - 1;
    let html = String::from_utf8(html_of(&report)).expect("UTF-8");
    assert!(html.contains("Nothing was promised in this month") && html.contains("no promise"));
    assert!(!html.contains("Not proven, because too little was measured"), "nothing was to be measured");
    assert!(report.verdict() == Verdict::Met && report.promised().count() == all);
}

#[test]
fn texts_from_outside_stay_texts() {
    let report = sample::hostile();
    let html = String::from_utf8(html_of(&report)).unwrap();
    assert!(!html.contains("<script") && html.contains("&lt;script&gt;") || html.contains("&#60;script&#62;"));
    assert!(
        !html.contains("http://www.example")
            && !html.contains("src=")
            && !html.contains("@import")
            && !html.contains("url(")
    );
    let table = String::from_utf8(csv::services(&report)).unwrap();
    assert!(table.contains("\"'=HYPERLINK(\"\"http://example.net\"\")\""));
    for row in ::csv::Reader::from_reader(&csv::outages(&report)[..]).records() {
        assert!(row.unwrap().iter().all(|cell| !cell.starts_with(['=', '+', '-', '@', '\t', '\r'])));
    }
    for (_, cells) in workbook(&report) {
        let texts = cells.rows().flatten().filter_map(|c| if let Data::String(s) = c { Some(s) } else { None });
        texts.for_each(|t| assert!(!t.starts_with(['=', '+', '-', '@']), "{t}"));
    }
}

fn workbook(report: &Report) -> Vec<(String, calamine::Range<Data>)> {
    let bytes = std::io::Cursor::new(xlsx::encode(report).unwrap());
    let mut book: calamine::Xlsx<_> = calamine::open_workbook_from_rs(bytes).unwrap();
    for name in book.sheet_names() {
        assert!(book.worksheet_formula(&name).unwrap().is_empty(), "{name} holds a formula");
    }
    book.worksheets()
}

#[test]
fn the_workbook_reads_back_with_its_figures() {
    let sheets = workbook(&sample::report());
    let names: Vec<&str> = sheets.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        ["Summary", "Services", "Outages", "Objectives", "Exclusions", "Faults", "Classes", "Voice", "Not measured"]
    );
    let services = &sheets[1].1;
    assert_eq!(services.get((2, 0)), Some(&Data::String("ch-voice".into())));
    assert_eq!(services.get((2, 7)), Some(&Data::Float(14_711.0)));
    assert_eq!(services.get((2, 11)), Some(&Data::Float(99.4514)));
    assert_eq!(sheets[6].1.height(), 1 + 4 * 32);
}

#[test]
fn openssl_checks_the_signature_and_reads_the_key() {
    let key = Key::from_random(&[42; 32]);
    let dir = tempfile::tempdir().unwrap();
    let files = pack::build(&sample::contents(), &key, &mut |_| ()).unwrap();
    let (folder, _) = store::write(dir.path(), "p", &files, false).unwrap();
    let (public, secret, raw) =
        (dir.path().join("signing.pub"), dir.path().join("signing.key"), dir.path().join("sig"));
    std::fs::write(&public, key.public().to_pem()).unwrap();
    std::fs::write(&secret, key.to_pem()).unwrap();
    let signature = String::from_utf8(files["manifest.sig"].clone()).unwrap();
    let encoded = signature.lines().find_map(|l| l.strip_prefix("signature: ")).unwrap().to_owned();
    std::fs::write(dir.path().join("b64"), format!("{encoded}\n")).unwrap();
    let os = std::ffi::OsStr::new;
    let b64 = dir.path().join("b64");
    let Some(decoded) =
        tool("openssl", &[os("base64"), os("-d"), os("-A"), os("-in"), b64.as_os_str(), os("-out"), raw.as_os_str()])
    else {
        return;
    };
    assert!(decoded.status.success());
    let manifest = folder.join("manifest.json");
    let verify = [
        os("pkeyutl"),
        os("-verify"),
        os("-pubin"),
        os("-inkey"),
        public.as_os_str(),
        os("-rawin"),
        os("-in"),
        manifest.as_os_str(),
        os("-sigfile"),
        raw.as_os_str(),
    ];
    let verified = tool("openssl", &verify).unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
    let derived = tool("openssl", &[os("pkey"), os("-in"), secret.as_os_str(), os("-pubout")]).unwrap();
    assert_eq!(String::from_utf8_lossy(&derived.stdout), key.public().to_pem());
}

/// For looking at every variant: `ASSURED_LOOK=/tmp/look cargo test --test report_documents`.
#[test]
fn packs_of_every_variant_can_be_written_out() {
    let Some(dir) = std::env::var_os("ASSURED_LOOK") else { return };
    for (name, report) in variants() {
        let files = pack::derived(&report, &json::encode(&report), &mut |_| ()).unwrap();
        store::write(Path::new(&dir), name, &files, true).unwrap();
    }
}
