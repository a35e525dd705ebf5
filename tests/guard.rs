//! The pages' door: TLS, certificates, passwords, evidence packs, and whoever tries the walls beside it.

mod support;

#[path = "guard/names.rs"]
mod names;
#[path = "guard/papers.rs"]
mod papers;

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use assured::config::{Mode, parse_str};
use assured::http::{Access, Limits};
use assured::snapshot::Snapshot;
use papers::{Answer, Papers, basic, connect, exchange, get};
use support::{Served, estate, serve_as};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::rustls::version::{TLS12, TLS13};

const TLS: &str = "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n";

/// A hash as `htpasswd -B` makes it, as cheap as is allowed.
fn hash(password: &str) -> String {
    bcrypt::hash_with_result(password, 8).expect("made").format_for_version(bcrypt::Version::TwoY)
}

/// What a web configuration beside the certificates says, or every problem with it.
fn access(papers: &Papers, yaml: &str) -> Result<Access, String> {
    papers.write("web.yml", yaml);
    let base = fs::read_to_string("tests/check/base/base.toml").expect("the base");
    let text = format!("[monitor]\nweb_config_file = \"web.yml\"\nreports_dir = \"packs\"\n{base}");
    match parse_str(&text, papers.0.path(), Mode::Run) {
        Ok(loaded) => Ok(Access::of(&loaded.config)),
        Err(problems) => Err(problems.iter().map(|p| format!("{p}\n")).collect()),
    }
}

struct Door {
    papers: Papers,
    served: Served,
    access: watch::Sender<Arc<Access>>,
}

impl Door {
    async fn open(papers: Papers, yaml: &str, limits: Limits) -> Self {
        Self::open_on(estate::council(), papers, yaml, limits).await
    }

    async fn open_on(snapshot: Snapshot, papers: Papers, yaml: &str, limits: Limits) -> Self {
        let access = access(&papers, yaml).unwrap_or_else(|problems| panic!("{problems}"));
        let (access, seen) = watch::channel(Arc::new(access));
        let snapshot = Arc::new(snapshot);
        let served = serve_as(move |_| Arc::clone(&snapshot), seen, limits).await;
        Self { papers, served, access }
    }

    fn at(&self) -> SocketAddr {
        self.served.address
    }

    /// Over TLS, showing the certificate of that name.
    async fn ask(&self, shows: Option<&str>, request: &str) -> Option<Answer> {
        exchange(self.papers.connect(self.at(), shows).await.ok()?, request).await
    }

    async fn get(&self, shows: Option<&str>, path: &str, lines: &str) -> Answer {
        self.ask(shows, &get(path, lines)).await.unwrap_or_else(|| panic!("no answer for {path}"))
    }

    fn replace(&self, yaml: &str) {
        let next = access(&self.papers, yaml).unwrap_or_else(|problems| panic!("{problems}"));
        self.access.send_replace(Arc::new(next));
    }
}

/// Without TLS.
async fn plain(at: SocketAddr, request: &str) -> Option<Answer> {
    exchange(TcpStream::connect(at).await.expect("a connection"), request).await
}

/// Waits for a connection to be closed by the other side, whatever is said before.
async fn closed(stream: &mut (impl tokio::io::AsyncRead + Unpin), what: &str) -> Vec<u8> {
    let mut said = Vec::new();
    let end = timeout(Duration::from_secs(30), stream.read_to_end(&mut said)).await;
    assert!(end.is_ok(), "{what} is not closed");
    said
}

/// Every address there is, and some that are none.
const EVERYWHERE: [&str; 16] = [
    "/",
    "/?wall",
    "/services/ch-voice",
    "/sites/lib-hatfield",
    "/devices/ch-r1",
    "/events/board",
    "/events/sites/lib-hatfield",
    "/static/board.css",
    "/metrics",
    "/reports",
    "/reports/evidence-converged-2026-10.zip",
    "/api/v1/openapi.json",
    "/api/v1/status",
    "/healthz/",
    "/nowhere",
    "/-/reload",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_but_health_asks_for_a_password() {
    let yaml = format!("{TLS}basic_auth_users:\n  noc: {}\n", hash("correct horse"));
    let door = Door::open(Papers::make(), &yaml, Limits::default()).await;
    let right = basic("noc", "correct horse");
    for path in EVERYWHERE {
        for lines in ["", &basic("noc", "wrong"), &basic("nobody", "correct horse"), "Authorization: Bearer x\r\n"] {
            let refused = door.get(None, path, lines).await;
            assert_eq!(refused.status, 401, "{path} {lines}");
            assert!(refused.header("www-authenticate").is_some_and(|v| v.starts_with("Basic realm=")), "{path}");
            assert!(refused.body.len() < 100, "{path} tells nothing: {}", refused.body);
        }
    }
    for path in ["/", "/metrics", "/api/v1/status", "/reports", "/static/board.css"] {
        assert_eq!(door.get(None, path, &right).await.status, 200, "{path}");
    }
    for path in ["/healthz", "/readyz"] {
        assert_eq!(door.get(None, path, "").await.status, 200, "{path}");
    }
    // The same for a person, and with every method.
    let page = door.get(None, "/", "Accept: text/html\r\n").await;
    assert!(page.body.contains("<h1>Name and password, please</h1>") && !page.body.contains("src="), "{}", page.body);
    assert!(page.header("content-security-policy").is_some_and(|p| p.contains("default-src 'none'")));
    for method in ["HEAD", "POST", "PUT", "OPTIONS", "BREW"] {
        let request = get("/", "").replacen("GET", method, 1);
        assert_eq!(door.ask(None, &request).await.expect("an answer").status, 401, "{method}");
    }
    let reload = |lines: &str| get("/-/reload", lines).replacen("GET", "POST", 1);
    assert_eq!(door.ask(None, &reload("")).await.expect("an answer").status, 401);
    for foreign in ["Sec-Fetch-Site: cross-site\r\n", "Origin: https://evil.example.net\r\n"] {
        let answer = door.ask(None, &reload(&format!("{right}{foreign}"))).await.expect("an answer");
        assert_eq!(answer.status, 403, "a browser sends the password along: {foreign}");
    }
    assert_eq!(door.served.reloads.load(Ordering::Relaxed), 0);
    assert_eq!(door.ask(None, &reload(&right)).await.expect("an answer").status, 200);
    door.served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_speaks_plain_http_or_an_old_version_is_told_or_turned_away() {
    let yaml = format!(
        "{TLS}  min_version: TLS13\nhttp_server_config:\n  headers:\n    Strict-Transport-Security: max-age=63072000\n"
    );
    let door = Door::open(Papers::make(), &yaml, Limits::default()).await;
    let told = plain(door.at(), &get("/metrics", "")).await.expect("an answer");
    assert_eq!((told.status, told.body.as_str()), (400, "this address speaks https, not http\n"));
    assert!(connect(&door.papers.client(None, &[&TLS12]), door.at()).await.is_err(), "TLS 1.2 is not wanted");
    let stream = connect(&door.papers.client(None, &[&TLS13]), door.at()).await.expect("TLS 1.3");
    let answer = exchange(stream, &get("/", "")).await.expect("an answer");
    assert_eq!((answer.status, answer.header("strict-transport-security")), (200, Some("max-age=63072000")));
    // Garbage, and the beginning of a handshake that goes nowhere.
    for bytes in [&b"\x00\x00\x00"[..], b"\x16\x03\x01\xff\xff\x01", b"\x16\x03\x01\x00\x05hello", b"SSH-2.0-x\r\n"] {
        let mut stream = TcpStream::connect(door.at()).await.expect("a connection");
        stream.write_all(bytes).await.expect("sent");
        stream.shutdown().await.expect("half closed");
        closed(&mut stream, "garbage").await;
    }
    assert_eq!(door.get(None, "/healthz", "").await.status, 200);
    door.served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn client_certificates_are_verified_and_whoever_shows_one_is_known() {
    let mutual = |kind: &str| format!("{TLS}  client_auth_type: {kind}\n  client_ca_file: client-ca.crt\n");
    let door = Door::open(Papers::make(), &mutual("RequireAndVerifyClientCert"), Limits::default()).await;
    for path in ["/", "/reports", "/healthz"] {
        assert_eq!(door.get(Some("client"), path, "").await.status, 200, "{path}");
        for shows in [None, Some("stranger"), Some("server")] {
            assert!(door.ask(shows, &get(path, "")).await.is_none(), "{path} {shows:?}");
        }
    }
    door.replace(&mutual("VerifyClientCertIfGiven"));
    let reload = get("/-/reload", "").replacen("GET", "POST", 1);
    assert_eq!(door.get(None, "/", "").await.status, 200, "reading is for everybody");
    assert_eq!(door.get(None, "/reports", "").await.status, 403, "but packs are not, even on loopback");
    assert_eq!(door.ask(None, &reload).await.expect("an answer").status, 403);
    assert!(door.ask(Some("stranger"), &get("/", "")).await.is_none());
    assert_eq!(door.get(Some("client"), "/reports", "").await.status, 200);
    assert_eq!(door.ask(Some("client"), &reload).await.expect("an answer").status, 200);
    door.served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewed_certificate_and_a_removed_user_hold_at_once_also_for_open_connections() {
    let users = |names: &[&str]| names.iter().map(|n| format!("  {n}: {}\n", hash(n))).collect::<String>();
    let both = format!("{TLS}basic_auth_users:\n{}", users(&["noc", "wall"]));
    let door = Door::open(Papers::make(), &both, Limits::default()).await;
    let mut live = door.papers.connect(door.at(), None).await.expect("a connection");
    let shown = |stream: &tokio_rustls::client::TlsStream<TcpStream>| {
        stream.get_ref().1.peer_certificates().expect("a certificate")[0].clone()
    };
    let before = shown(&live);
    live.write_all(get("/events/board", &basic("wall", "wall")).as_bytes()).await.expect("sent");
    let mut head = [0; 15];
    live.read_exact(&mut head).await.expect("it is live");
    assert_eq!(&head, b"HTTP/1.1 200 OK");

    // The same again changes nothing; another certificate and one user fewer do.
    door.replace(&both);
    door.replace(&format!("{}basic_auth_users:\n{}", TLS.replace("server.", "renewed."), users(&["noc"])));
    closed(&mut live, "a stream of somebody who was removed").await;
    let after = shown(&door.papers.connect(door.at(), None).await.expect("a connection"));
    assert_ne!(before, after);
    assert_eq!(door.get(None, "/", &basic("wall", "wall")).await.status, 401);
    assert_eq!(door.get(None, "/", &basic("noc", "noc")).await.status, 200);
    door.served.stop().await;
}

/// A folder of packs, and around it what nobody may ever see.
fn packs(dir: &Path) {
    let pack = dir.join("packs/evidence-converged-2026-10");
    fs::create_dir_all(&pack).expect("made");
    let report = fs::read_to_string("tests/golden/report/report.html").expect("the golden report");
    fs::write(pack.join("report.html"), report).expect("written");
    fs::write(pack.join("report.pdf"), "%PDF-1.7").expect("written");
    fs::write(pack.join("manifest.json"), r#"{"provisional": false}"#).expect("written");
    fs::write(dir.join("packs/evidence-converged-2026-10.zip"), vec![b'z'; 3_000_000]).expect("written");
    for secret in ["signing.key", "packs/signing.key", "packs/evidence-converged-2026-10/signing.key"] {
        fs::write(dir.join(secret), "LEAKED").expect("written");
    }
    std::os::unix::fs::symlink(dir.join("signing.key"), pack.join("workbook.xlsx")).expect("linked");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn packs_are_listed_and_served_to_those_who_are_known_and_a_report_runs_nothing() {
    let papers = Papers::make();
    packs(papers.0.path());
    let yaml = format!("{TLS}basic_auth_users:\n  noc: {}\n", hash("x"));
    let door = Door::open(papers, &yaml, Limits::default()).await;
    let noc = basic("noc", "x");
    let page = door.get(None, "/reports", &noc).await;
    for words in
        ["Converged network", "2026-10", "final", "/reports/evidence-converged-2026-10/report.pdf", "3.0\u{a0}MB"]
    {
        assert!(page.body.contains(words), "{words}: {}", page.body);
    }
    assert!(!page.body.contains("workbook.xlsx"), "a link is no document");
    assert!(!page.body.contains("assured report"), "last month's is there");
    let report = door.get(None, "/reports/evidence-converged-2026-10/report.html", &noc).await;
    assert_eq!((report.status, report.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let policy = report.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("sandbox; default-src 'none'") && !policy.contains("script"), "{policy}");
    let pdf = door.get(None, "/reports/evidence-converged-2026-10/report.pdf", &noc).await;
    assert_eq!(pdf.header("content-disposition"), Some("attachment; filename=\"report.pdf\""));
    let zip = door.get(None, "/reports/evidence-converged-2026-10.zip", &noc).await;
    assert_eq!((zip.header("content-length"), zip.body.len()), (Some("3000000"), 3_000_000));
    assert!(zip.body.bytes().all(|b| b == b'z'));
    assert_eq!(zip.header("cache-control"), Some("no-store"));
    let folder = door.papers.0.path().join("packs");
    fs::rename(folder.join("evidence-converged-2026-10.zip"), folder.join("evidence-converged-2026-09.zip"))
        .expect("renamed");
    fs::remove_dir_all(folder.join("evidence-converged-2026-10")).expect("removed");
    let page = door.get(None, "/reports", &noc).await;
    for words in ["Not there yet: 2026-10 of converged", "assured report --contract converged --month 2026-10 --out "] {
        assert!(page.body.contains(words), "{words}: {}", page.body);
    }
    fs::remove_file(folder.join("evidence-converged-2026-09.zip")).expect("removed");
    let page = door.get(None, "/reports", &noc).await;
    assert!(page.body.contains("There are none yet") && page.body.contains("--month 2026-10"), "{}", page.body);
    door.served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_nothing_was_promised_it_is_said_that_there_is_nothing_to_report() {
    let door = Door::open_on(estate::empty(), Papers::make(), "{}", Limits::default()).await;
    let page = plain(door.at(), &get("/reports", "")).await.expect("an answer");
    assert_eq!(page.status, 200);
    for words in ["There are none yet", "They are looked for in", "no service stands under a contract"] {
        assert!(page.body.contains(words), "{words}: {}", page.body);
    }
    assert!(!page.body.contains("assured report"), "a command that would fail: {}", page.body);
    door.served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_any_door_packs_and_changes_are_for_the_machine_itself_and_for_nobody_behind_a_proxy() {
    let papers = Papers::make();
    packs(papers.0.path());
    let door = Door::open(papers, "{}", Limits::default()).await;
    let asked = |method: &str, path: &str, host: &str, lines: &str| {
        let request = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{lines}\r\n");
        let at = door.at();
        async move { plain(at, &request).await.expect("an answer").status }
    };
    let pack = "/reports/evidence-converged-2026-10/report.html";
    for path in ["/reports", pack] {
        assert_eq!(asked("GET", path, "localhost:9878", "").await, 200);
        for (host, lines) in [
            ("evil.example.net", ""),
            ("localhost", "X-Forwarded-For: 192.0.2.1\r\n"),
            ("localhost", "Forwarded: for=192.0.2.1\r\n"),
            ("localhost", "Via: 1.1 proxy\r\n"),
        ] {
            assert_eq!(asked("GET", path, host, lines).await, 403, "{path} {host} {lines}");
        }
    }
    assert_eq!(asked("POST", "/-/reload", "evil.example.net", "").await, 403);
    assert_eq!(asked("POST", "/-/reload", "localhost", "Origin: http://evil.example.net\r\n").await, 403);
    assert_eq!(door.served.reloads.load(Ordering::Relaxed), 0);
    assert_eq!(asked("POST", "/-/reload", "127.0.0.1", "Sec-Fetch-Site: same-origin\r\n").await, 200);
    assert_eq!(asked("GET", "/", "evil.example.net", "").await, 200, "pages without money are for who gets here");
    door.served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_trick_with_a_path_leads_anywhere() {
    let papers = Papers::make();
    packs(papers.0.path());
    let door = Door::open(papers, "{}", Limits::default()).await;
    let (packs, pack) = ("/reports", "/reports/evidence-converged-2026-10");
    let mut tried = 0;
    for before in [packs, pack, "/static", "/services", "/api/v1/components", "/events/sites", ""] {
        for up in ["..", "%2e%2e", ".%2E", "%252e%252e", "..%00", "%c0%ae%c0%ae", "..;", "\\..", "%5c.."] {
            for slash in ["/", "%2f", "\\", "%5C", "//", "%252f"] {
                for target in ["signing.key", "signing.key%00.html", "etc/passwd"] {
                    let path = format!("{before}/{up}{slash}{up}{slash}{target}");
                    let answer = plain(door.at(), &get(&path, "")).await.expect("an answer");
                    assert!(matches!(answer.status, 400 | 404), "{path}: {}", answer.status);
                    assert!(!answer.body.contains("LEAKED") && !answer.body.contains("root:"), "{path}");
                    tried += 1;
                }
            }
        }
    }
    for path in [
        "/reports/signing.key",
        "/reports/evidence-converged-2026-10/signing.key",
        "/reports/evidence-converged-2026-10/workbook.xlsx",
        "/reports/evidence-converged-2026-10/report.html%00",
        "/reports/evidence-converged-2026-10%2freport.html",
        "/reports/evidence-converged-2026-10/./report.html",
        "/reports//etc/passwd",
        "/reports/%2fetc%2fpasswd",
        "//etc/passwd",
        "/static/%2e%2e%2fCargo.toml",
        "/static//board.css",
        "/%00",
        "/%ff%fe",
        "/%",
        "/%zz",
    ] {
        let answer = plain(door.at(), &get(path, "")).await.expect("an answer");
        assert!(matches!(answer.status, 400 | 404) && !answer.body.contains("LEAKED"), "{path}: {}", answer.status);
        tried += 1;
    }
    assert!(tried > 1_000);
    // An absolute address is one of ours, whatever machine it names.
    let absolute =
        "GET http://evil.example.net/reports/../signing.key HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    assert_eq!(plain(door.at(), absolute).await.expect("an answer").status, 404);
    assert_eq!(plain(door.at(), &get("/reports", "")).await.expect("an answer").status, 200);
    door.served.stop().await;
}

/// Less patient than an operator's server.
fn impatient() -> Limits {
    let soon = Duration::from_millis(700);
    Limits { handshake: soon, header: soon, write: soon, connections: 64, handshakes: 8, ..Limits::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_are_too_large_are_refused_and_bodies_are_not_waited_for() {
    let door = Door::open(Papers::make(), "{}", impatient()).await;
    let at = door.at();
    let long = |n: usize| "a".repeat(n);
    for (request, wanted) in [
        (get(&format!("/{}", long(100_000)), ""), &[414_u16, 431][..]),
        (get(&format!("/?q={}", long(100_000)), ""), &[414, 431]),
        (get("/", &format!("X: {}\r\n", long(100_000))), &[431]),
        (get("/", &"X: y\r\n".repeat(10_000)), &[431]),
        (get("/", "Content-Length: 5000\r\n"), &[413]),
        (get("/", "Content-Length: 99999999999999999999\r\n"), &[400, 413]),
        (get("/", "Content-Length: -1\r\n"), &[400, 413]),
        (get("/-/reload", "Content-Length: 1000000000\r\n").replacen("GET", "POST", 1), &[413]),
        (get("/-/reload", "Transfer-Encoding: chunked\r\n").replacen("GET", "POST", 1), &[413]),
        (get("/", "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"), &[400, 413]),
        ("BREW / HTTP/9.9\r\n\r\n".into(), &[400, 505]),
        ("\r\n\r\n\r\nnonsense\r\n\r\n".into(), &[400]),
    ] {
        let answer = timeout(Duration::from_secs(30), plain(at, &request)).await.expect("soon");
        let status = answer.map(|a| a.status);
        assert!(status.is_some_and(|s| wanted.contains(&s)), "{:?}: {status:?}", &request[..60.min(request.len())]);
    }
    // A body that never comes holds nothing up: the answer is there, and the connection ends.
    let mut stream = TcpStream::connect(at).await.expect("a connection");
    stream
        .write_all(get("/healthz", "Content-Length: 4000\r\n").replace("close", "keep-alive").as_bytes())
        .await
        .unwrap();
    let said = closed(&mut stream, "a body that never comes").await;
    assert!(String::from_utf8_lossy(&said).starts_with("HTTP/1.1 200"));
    door.served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_slow_with_a_header_or_says_nothing_is_cut_off_and_others_are_served() {
    let door = Door::open(Papers::make(), "{}", impatient()).await;
    let at = door.at();
    let mut idle = Vec::new();
    for _ in 0..impatient().connections {
        idle.push(TcpStream::connect(at).await.expect("a connection"));
    }
    // Every place is taken by somebody who says nothing: whoever comes now waits until they are gone, and no longer.
    let served = timeout(Duration::from_secs(30), plain(at, &get("/healthz", ""))).await.expect("a place");
    assert_eq!(served.expect("an answer").status, 200);
    for mut stream in idle {
        closed(&mut stream, "who says nothing").await;
    }
    // A byte now and then is no header.
    let (mut slow, mut sender) = TcpStream::connect(at).await.expect("a connection").into_split();
    let trickle = tokio::spawn(async move {
        for byte in get("/", &format!("X: {}\r\n", "a".repeat(10_000))).into_bytes() {
            if sender.write_all(&[byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    closed(&mut slow, "a trickle").await;
    trickle.abort();
    // Somebody who asks once and then stays.
    let mut stays = TcpStream::connect(at).await.expect("a connection");
    stays.write_all(get("/healthz", "").replace("close", "keep-alive").as_bytes()).await.expect("sent");
    assert!(closed(&mut stays, "who stays").await.starts_with(b"HTTP/1.1 200"));
    door.served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_never_reads_is_cut_off() {
    let papers = Papers::make();
    packs(papers.0.path());
    // Larger than anything that kernels keep between two sockets.
    let zip = fs::File::create(papers.path("packs/evidence-converged-2026-09.zip")).expect("made");
    zip.set_len(256 << 20).expect("sparse");
    let door = Door::open(papers, "{}", impatient()).await;
    let mut readers = Vec::new();
    for _ in 0..impatient().connections {
        let mut stream = TcpStream::connect(door.at()).await.expect("a connection");
        let request = get("/reports/evidence-converged-2026-09.zip", "");
        stream.write_all(request.as_bytes()).await.expect("sent");
        readers.push(stream);
    }
    // Each of them loses its place: as many others find one at the same time.
    let asking = get("/events/board", "").replace("close", "keep-alive");
    let mut others = Vec::new();
    for _ in 0..impatient().connections {
        let mut stream = TcpStream::connect(door.at()).await.expect("a connection");
        stream.write_all(asking.as_bytes()).await.expect("sent");
        others.push(stream);
    }
    for stream in &mut others {
        let mut head = [0; 15];
        timeout(Duration::from_secs(60), stream.read_exact(&mut head)).await.expect("a place").expect("an answer");
        assert_eq!(&head, b"HTTP/1.1 200 OK");
    }
    let got = timeout(Duration::from_secs(60), async {
        let mut bytes = 0;
        let mut piece = vec![0; 1 << 20];
        while let Ok(n @ 1..) = readers[0].read(&mut piece).await {
            bytes += n;
        }
        bytes
    });
    assert!(got.await.expect("it ends") < 256 << 20, "the rest never comes");
    door.served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handshakes_that_go_nowhere_are_bounded_and_ended_and_open_connections_do_not_notice() {
    let door = Door::open(Papers::make(), TLS, impatient()).await;
    let mut open = door.papers.connect(door.at(), None).await.expect("a connection");
    open.write_all(get("/events/board", "").as_bytes()).await.expect("sent");
    let mut stalled = Vec::new();
    for n in 0..impatient().handshakes * 3 {
        let mut stream = TcpStream::connect(door.at()).await.expect("a connection");
        // Half of them begin to speak.
        if n % 2 == 0 {
            stream.write_all(b"\x16\x03\x01\x02\x00\x01\x00").await.expect("sent");
        }
        stalled.push(stream);
    }
    for stream in &mut stalled {
        closed(stream, "a handshake that goes nowhere").await;
    }
    let mut heard = [0; 400];
    open.read_exact(&mut heard).await.expect("it is still live");
    assert_eq!(door.get(None, "/healthz", "").await.status, 200);
    door.served.stop().await;
}

#[test]
fn what_does_not_work_is_said_with_file_line_and_what_would_do() {
    let papers = Papers::make();
    std::process::Command::new("openssl")
        .args(["ec", "-aes128", "-passout", "pass:hunter2", "-in", "server.key", "-out", "locked.key"])
        .current_dir(papers.0.path())
        .output()
        .expect("openssl");
    papers.write("empty.pem", "");
    let of = |yaml: &str| access(&papers, yaml).expect_err("it is wrong");
    let tls = |cert: &str, key: &str| of(&format!("tls_server_config:\n  cert_file: {cert}\n  key_file: {key}\n"));
    let key = fs::read_to_string(papers.path("server.key")).expect("there");
    let inside = key.lines().nth(1).expect("what nobody may see");
    for (said, wanted) in [
        (tls("client.crt", "server.key"), "web.yml:2: tls_server_config.cert_file: certificate and key do not belong"),
        (tls("server.crt", "locked.key"), "web.yml:3: tls_server_config.key_file: the key is encrypted"),
        (tls("server.crt", "server.crt"), "web.yml:3: tls_server_config.key_file: holds no private key"),
        (tls("server.key", "server.key"), "web.yml:2: tls_server_config.cert_file: holds no certificate"),
        (tls("empty.pem", "server.key"), "web.yml:2: tls_server_config.cert_file: holds no certificate"),
        (tls("missing.crt", "server.key"), "web.yml:2: tls_server_config.cert_file: cannot read it: it does not exist"),
        (
            of(&format!("{TLS}  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: empty.pem\n")),
            "web.yml:5: tls_server_config.client_ca_file: holds no certificate",
        ),
    ] {
        assert!(said.contains(wanted), "{wanted}\nis not what is said:\n{said}");
        assert!(!said.contains(inside) && !said.contains("hunter2"), "{said}");
    }
    // Text in place of files, as the toolkit of today allows.
    let indented = |name: &str| {
        let pem = fs::read_to_string(papers.path(name)).expect("there");
        pem.lines().map(|l| format!("    {l}\n")).collect::<String>()
    };
    let inline =
        format!("tls_server_config:\n  cert: |\n{}  key: |\n{}", indented("server.crt"), indented("server.key"));
    let access = access(&papers, &inline).expect("it is right");
    let tls = access.web.tls.as_ref().expect("TLS");
    assert!(tls.until.is_some_and(|until| until.0 > 1_790_000_000), "{:?}", tls.until);
    assert!(!format!("{access:?}").contains("PRIVATE"));
}

#[test]
fn the_shipped_example_and_the_one_in_the_documentation_are_taken() {
    let papers = Papers::make();
    fs::create_dir(papers.path("tls")).expect("made");
    for end in ["crt", "key"] {
        fs::copy(papers.path(&format!("server.{end}")), papers.path(&format!("tls/server.{end}"))).expect("copied");
    }
    let shipped = fs::read_to_string("deploy/examples/web.yml").expect("the example");
    let example = access(&papers, &shipped).expect("it is right");
    assert_eq!((example.web.users.len(), example.web.headers.len()), (2, 1));
    let users = &example.web.users;
    assert!(users.iter().all(|u| bcrypt::verify("change-me", u.hash.reveal()).unwrap_or(false)), "as the comment says");
    let page = fs::read_to_string("docs/web-configuration.md").expect("the page");
    let block = page.split("```yaml\n").nth(1).and_then(|b| b.split("```").next()).expect("an example");
    assert_eq!(access(&papers, block).expect("it is right").web.users.len(), 2);
    let documented = |option: &str| page.contains(&format!("`{option}"));
    for option in ["cert_file", "client_allowed_sans", "cipher_suites", "curve_preferences", "rate_limit"] {
        assert!(documented(option) || page.contains(option), "{option}");
    }
}
