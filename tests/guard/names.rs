//! Names that want to be markup: on every page and in every answer they are text.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use assured::http::Limits;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::papers::{Answer, Papers, get};
use crate::support::{estate, serve_as};
use crate::{access, packs, plain};

/// A whole answer, or of a stream what comes in its first message.
async fn read(at: SocketAddr, path: &str) -> Answer {
    if !path.starts_with("/events/") {
        return plain(at, &get(path, "")).await.unwrap_or_else(|| panic!("no answer for {path}"));
    }
    let mut stream = TcpStream::connect(at).await.expect("a connection");
    let request = format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut heard = Vec::new();
    let whole = |heard: &[u8]| {
        let text = String::from_utf8_lossy(heard).into_owned();
        text.find("event: clock").is_some_and(|at| text[at..].contains("\n\n")).then_some(text)
    };
    let text = timeout(Duration::from_secs(30), async {
        loop {
            if let Some(text) = whole(&heard) {
                return text;
            }
            assert!(stream.read_buf(&mut heard).await.expect("it goes on") > 0, "{path} ended");
        }
    });
    let text = text.await.expect("a message");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    let body = body.rsplit_once("\n\n").expect("a whole event").0;
    Answer { status: 200, head: head.to_owned(), body: body.to_owned() }
}

/// What `names.py` says of these answers.
async fn parsed(answers: &serde_json::Map<String, serde_json::Value>) -> (serde_json::Value, String) {
    let asked = serde_json::to_vec(answers).expect("JSON");
    let looked = tokio::task::spawn_blocking(move || {
        let mut python = std::process::Command::new("python3")
            .arg("tests/guard/names.py")
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("python3");
        std::io::Write::write_all(&mut python.stdin.take().expect("piped"), &asked).expect("it reads");
        String::from_utf8(python.wait_with_output().expect("it ends").stdout).expect("UTF-8")
    });
    let said = looked.await.expect("it looks");
    (serde_json::from_str(said.lines().last().expect("a verdict")).expect("JSON"), said)
}

const HOSTILE: &str = "%22%3E%3Cscript%3Ealert(1)%3C/script%3E";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn script_in_every_name_is_text_on_every_page_and_in_every_answer() {
    let papers = Papers::make();
    packs(papers.0.path());
    let (_access, seen) = watch::channel(Arc::new(access(&papers, "{}").expect("it is right")));
    let snapshot = Arc::new(estate::hostile());
    let served = serve_as(move |_| Arc::clone(&snapshot), seen, Limits::default()).await;
    let mut wanted: Vec<String> = [
        "/",
        "/?wall",
        "/?still",
        "/metrics",
        "/events/board",
        "/events/wall",
        "/nowhere",
        "/api/v1/services",
        "/api/v1/devices",
        "/reports/%3Cscript%3E/%22%3E%3Cscript%3E",
    ]
    .map(str::to_owned)
    .into();
    wanted.extend([
        format!("/?q={HOSTILE}&state={HOSTILE}&page={HOSTILE}"),
        format!("/?part=sites&q={HOSTILE}"),
        format!("/services/{HOSTILE}"),
        format!("/sites/lib-hatfield?class={HOSTILE}&hours={HOSTILE}"),
    ]);
    let mut names = std::collections::BTreeMap::new();
    // Pages lead to pages: look until there is nothing that was not looked at.
    for _ in 0..4 {
        // A report is shown in a sandbox; what is in it, the report's own tests look at.
        let others = |path: &String| [".zip", ".pdf", "/report.html"].iter().any(|end| path.ends_with(end));
        wanted.retain(|path| !others(path) && !path.starts_with("/static/") && !names.contains_key(path));
        wanted.sort();
        wanted.dedup();
        let mut answers = serde_json::Map::new();
        for some in std::mem::take(&mut wanted).chunks(24) {
            let asked = some.iter().map(|path| async { (path.clone(), read(served.address, path).await) });
            for (path, answer) in futures_util::future::join_all(asked).await {
                assert!(matches!(answer.status, 200 | 404), "{path}: {}", answer.status);
                assert!(answer.header("set-cookie").is_none() && answer.header("location").is_none(), "{path}");
                let kind = answer.header("content-type").and_then(|kind| kind.split(';').next()).expect("a type");
                answers.insert(path, serde_json::json!([kind, answer.body]));
            }
        }
        let (seen, said) = parsed(&answers).await;
        assert_eq!(seen["wrong"], 0, "{said}");
        wanted =
            seen["links"].as_array().expect("links").iter().map(|l| l.as_str().unwrap_or("/").to_owned()).collect();
        let counted = seen["names"].as_object().expect("names").iter();
        names.extend(counted.map(|(path, n)| (path.clone(), n.as_u64().expect("a number"))));
    }
    for path in ["/", "/?wall", "/events/board", "/metrics", "/api/v1/services", "/devices/ch-r1", "/reports"] {
        assert!(names.get(path) > Some(&0), "{path} does not show what it is about");
    }
    assert!(names.keys().filter(|path| path.starts_with("/events/")).count() > 20, "pages lead to their streams");
    let shown = names.values().filter(|n| **n > 0).count();
    assert!(names.len() > 100 && shown > 80, "{} answers, {shown} of them with the name", names.len());
    let split = plain(served.address, &get("/?part=sites&q=%0d%0aSet-Cookie:%20x=y", "")).await.expect("an answer");
    assert!(split.header("set-cookie").is_none() && split.status == 200);
    served.stop().await;
}
