//! What the server shows: pages, JSON, limits, headers. Nothing that anybody named runs.

mod support;

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use support::{Served, estate, serve};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// An answer taken apart.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|l| l.split_once(": ").filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v))
    }
}

/// Sends bytes as they are and reads to the end.
async fn raw(served: &Served, request: &str) -> Answer {
    let mut stream = TcpStream::connect(served.address).await.expect("a connection");
    stream.write_all(request.as_bytes()).await.expect("a request");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.expect("an answer");
    let text = String::from_utf8(bytes).expect("UTF-8");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).expect("a status").parse().expect("a number");
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

async fn get(served: &Served, path: &str) -> Answer {
    raw(served, &format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).await
}

async fn council() -> Served {
    let snapshot = Arc::new(estate::council());
    serve(move |_| Arc::clone(&snapshot)).await
}

#[tokio::test]
async fn the_board_says_what_is_wrong_since_when_whom_to_call_and_what_is_left() {
    let served = council().await;
    let page = get(&served, "/").await;
    assert_eq!(page.status, 200);
    for words in [
        "2 services are down",
        "Hatfield Library",
        "lib-hatfield-r1: 3 rounds lost since 08:12:27Z",
        "Sun 22 Nov 08:12:27 GMT",
        "2026-11-22T08:12:27Z",
        "29 min",
        "BT service desk",
        "href=\"tel:08000000000\"",
        "ASE-0001",
        "overspent by 34%",
        "http-equiv=\"refresh\"",
    ] {
        assert!(page.body.contains(words), "the board lacks: {words}");
    }
    assert!(!get(&served, "/?still").await.body.contains("http-equiv=\"refresh\""));
    served.stop().await;
}

#[tokio::test]
async fn every_service_and_site_of_the_board_has_a_page() {
    let served = council().await;
    let board = get(&served, "/").await.body;
    let mut links: Vec<&str> = board.split("href=\"").skip(1).filter_map(|l| l.split('"').next()).collect();
    links.retain(|l| l.starts_with("/services/") || l.starts_with("/sites/"));
    links.sort_unstable();
    links.dedup();
    assert!(links.len() >= 42, "{links:?}");
    for link in links {
        let page = get(&served, link.split('#').next().expect("a path")).await;
        assert_eq!(page.status, 200, "{link}");
    }
    served.stop().await;
}

#[tokio::test]
async fn a_site_page_says_what_devices_say_of_their_interfaces_and_what_dates_it() {
    let served = council().await;
    let page = get(&served, "/sites/county-hall").await.body;
    for words in
        ["(what it runs over is down)", "by the device&#39;s own clock", "its SNMP agent is silent", "Last it said up"]
    {
        assert!(page.contains(words), "{words}");
    }
    served.stop().await;
}

#[tokio::test]
async fn a_percentile_of_lost_probes_is_lost_and_little_measured_is_not_nothing() {
    let mut s = estate::council();
    let ix = s.config.services.iter().position(|of| of.id.as_str() == "ch-voice").expect("it is in the council");
    let view = &mut s.services[ix];
    view.objectives[0].value = Some(f64::INFINITY);
    view.objectives[0].met = Some(false);
    view.availability.as_mut().expect("it is measured").coverage = 0.0017;
    let s = Arc::new(s);
    let served = serve(move |_| Arc::clone(&s)).await;
    let page = get(&served, "/services/ch-voice").await.body;
    assert!(page.contains(">lost<") && !page.contains("inf "), "{page}");
    let board = get(&served, "/").await.body;
    assert!(board.contains("under 1% measured") && !board.contains("0% measured"));
    served.stop().await;
}

#[tokio::test]
async fn a_service_page_shows_tree_accounts_objectives_outages_and_month() {
    let served = council().await;
    let page = get(&served, "/services/ch-voice").await.body;
    for words in [
        "any one of",
        "ch-backup",
        "all of",
        "November 2026",
        "99.9776%",
        "412",
        "mean RTT",
        "broken",
        "not measured",
        "class=\"timeline\"",
    ] {
        assert!(page.contains(words), "the page lacks: {words}");
    }
    assert!(!page.contains("not proven"), "enough of it was measured");
    let works = get(&served, "/services/sch-hertford-voice").await.body;
    assert!(works.contains("CHG-77"));
    served.stop().await;
}

#[tokio::test]
async fn a_figure_that_proves_nothing_says_so_beside_it() {
    let mut council = estate::council();
    for service in &mut council.services {
        service.accounts.unknown = service.accounts.up / 50;
    }
    let council = Arc::new(council);
    let served = serve(move |_| Arc::clone(&council)).await;
    let page = get(&served, "/services/ch-voice").await.body;
    assert!(page.contains("not proven") && page.contains("below 99% nothing is proven"), "{page}");
    served.stop().await;
}

#[tokio::test]
async fn hostile_names_run_nowhere() {
    let snapshot = Arc::new(estate::hostile());
    let served = serve(move |_| Arc::clone(&snapshot)).await;
    for path in [
        "/",
        "/?wall",
        "/?part=sites&q=%3Cscript%3E",
        "/?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E",
        "/services/ch-voice",
        "/services/sch-hertford-voice",
        "/sites/county-hall",
        "/nowhere/%3Cscript%3E",
    ] {
        let page = get(&served, path).await;
        let scripts: Vec<&str> = page.body.split("<script").skip(1).collect();
        let ours = |s: &&str| {
            let rest = s.strip_prefix(" src=\"/static/").and_then(|s| s.split_once(".js\" defer></script>"));
            rest.is_some_and(|(name, _)| ["htmx", "htmx-sse", "board", "uplot", "charts"].contains(&name))
        };
        assert!(scripts.iter().all(ours) && scripts.len() <= 5, "{path}");
        assert!(!page.body.contains(&estate::HOSTILE[..8]), "{path}");
        assert!(!page.body.contains("style=\"") && !page.body.contains(" onload="), "{path}");
    }
    for path in ["/api/v1/status", "/api/v1/services/ch-voice", "/api/v1/sites/county-hall", "/api/v1/components/ch-r1"]
    {
        let answer = get(&served, path).await;
        let body: Value = serde_json::from_str(&answer.body).expect("JSON");
        assert!(!answer.body.contains('<'), "{path}");
        assert!(body.is_object());
    }
    let status: Value = serde_json::from_str(&get(&served, "/api/v1/status").await.body).expect("JSON");
    assert_eq!(status["vantage"], estate::HOSTILE);
    served.stop().await;
}

#[tokio::test]
async fn a_device_shows_what_it_says_and_how_it_lets_us_in() {
    let snapshot = Arc::new(estate::council());
    let ids = [0, 1].map(|n| snapshot.config.components[snapshot.devices[n].component.get()].id.to_string());
    let served = serve(move |_| Arc::clone(&snapshot)).await;
    let page = get(&served, &format!("/devices/{}", ids[0])).await;
    assert_eq!(page.status, 200);
    for words in
        ["The agent lets us in", "Gi0/0", "switched off", "1.0 Gbit/s", "31.5 celsius", "Se0/1/0", "has no interface"]
    {
        assert!(page.body.contains(words), "{words}: {}", page.body);
    }
    let refusing = get(&served, &format!("/devices/{}", ids[1])).await;
    assert!(refusing.body.contains("password or protocol is wrong"));
    assert_eq!(get(&served, "/devices/lib-hatfield-nothing").await.status, 404);
    served.stop().await;
}

#[tokio::test]
async fn an_empty_estate_is_explained_in_words() {
    let snapshot = Arc::new(estate::empty());
    let served = serve(move |_| Arc::clone(&snapshot)).await;
    let page = get(&served, "/").await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("No service is configured") && page.body.contains("No site is configured"));
    served.stop().await;
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let served = council().await;
    for path in ["/", "/metrics", "/api/v1/status", "/static/board.css", "/healthz", "/nothing", "/services/nobody"] {
        let answer = get(&served, path).await;
        let policy = answer.header("content-security-policy").expect("a policy");
        assert!(policy.contains("default-src 'self'") && policy.contains("frame-ancestors 'none'"), "{path}");
        assert!(!policy.contains("unsafe"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{path}");
    }
    served.stop().await;
}

#[tokio::test]
async fn unknown_names_and_paths_are_not_found_and_say_so() {
    let served = council().await;
    for path in ["/services/nobody", "/sites/nobody", "/nothing", "/static/../Cargo.toml", "/static/%2e%2e/Cargo.toml"]
    {
        let answer = get(&served, path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(!answer.body.contains("[package]"));
    }
    for path in ["/api/v1/services/nobody", "/api/v1/sites/x", "/api/v1/components/x", "/api/v1/nothing"] {
        let answer = get(&served, path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(serde_json::from_str::<Value>(&answer.body).expect("JSON")["error"].is_string());
    }
    served.stop().await;
}

#[tokio::test]
async fn reload_is_posted_and_tells_its_outcome() {
    let served = council().await;
    assert_eq!(get(&served, "/-/reload").await.status, 405);
    let post = "POST /-/reload HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
    let foreign = raw(&served, &format!("{post}Sec-Fetch-Site: cross-site\r\n\r\n")).await;
    assert_eq!((foreign.status, served.reloads.load(std::sync::atomic::Ordering::Relaxed)), (403, 0));
    assert_eq!(raw(&served, &format!("{post}\r\n")).await.status, 200);
    let again = raw(&served, &format!("{post}\r\n")).await;
    assert_eq!((again.status, again.body.as_str()), (422, "services.x: no such site\n"));
    served.stop().await;
}

#[tokio::test]
async fn the_style_sheet_is_sent_once() {
    let served = council().await;
    let first = get(&served, "/static/board.css").await;
    let tag = first.header("etag").expect("a tag").to_owned();
    let known =
        format!("GET /static/board.css HTTP/1.1\r\nHost: x\r\nConnection: close\r\nIf-None-Match: {tag}\r\n\r\n");
    let second = raw(&served, &known).await;
    assert_eq!((second.status, second.body.as_str()), (304, ""));
    served.stop().await;
}

#[tokio::test]
async fn oversized_headers_are_refused() {
    let served = council().await;
    let answer = raw(&served, &format!("GET / HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "a".repeat(40_000))).await;
    assert_eq!(answer.status, 431);
    served.stop().await;
}

#[tokio::test]
async fn a_daemon_that_is_gone_is_unavailable_and_no_reader_hangs() {
    let (source, questions) = assured::http::Source::new();
    drop(questions);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let server = tokio::spawn(assured::http::serve(listener, source, std::future::pending()));
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.expect("a request");
    let mut text = String::new();
    stream.read_to_string(&mut text).await.expect("an answer");
    assert!(text.starts_with("HTTP/1.1 503") && text.contains("the daemon is stopping"), "{text}");
    server.abort();
}

#[tokio::test]
async fn a_stop_ends_idle_connections_at_once() {
    let served = council().await;
    let mut idle = TcpStream::connect(served.address).await.expect("a connection");
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("a request");
    let mut first = [0; 12];
    idle.read_exact(&mut first).await.expect("an answer");
    tokio::time::timeout(Duration::from_secs(20), served.stop()).await.expect("an idle connection holds up no stop");
}

#[tokio::test]
async fn two_thousand_services_load_in_under_300_kilobytes() {
    let snapshot = Arc::new(estate::large(2_000));
    let served = serve(move |_| Arc::clone(&snapshot)).await;
    let mut stream = TcpStream::connect(served.address).await.expect("a connection");
    let request = b"GET / HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n";
    stream.write_all(request).await.expect("a request");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.expect("an answer");
    assert!(bytes.len() + get(&served, "/static/board.css").await.body.len() < 300_000, "{}", bytes.len());
    served.stop().await;
}

/// What a stream says until it has said something with `words`.
async fn hear(stream: &mut TcpStream, words: &str) -> String {
    let mut heard = Vec::new();
    let hearing = async {
        while !String::from_utf8_lossy(&heard).contains(words) {
            assert!(stream.read_buf(&mut heard).await.expect("it goes on") > 0, "it ended: {}", heard.len());
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(30), hearing).await.is_ok();
    let heard = String::from_utf8_lossy(&heard).into_owned();
    assert!(in_time, "never said {words}: {heard}");
    heard
}

async fn listen(served: &Served, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(served.address).await.expect("a connection");
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("a request");
    stream
}

#[tokio::test]
async fn who_listens_gets_the_whole_page_once_and_then_what_changes_and_hears_that_it_lives() {
    let worse = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let seen = Arc::clone(&worse);
    let (calm, council) = (Arc::new(estate::calm()), Arc::new(estate::council()));
    let served =
        serve(move |_| Arc::clone(if seen.load(std::sync::atomic::Ordering::SeqCst) { &council } else { &calm })).await;
    let mut board = listen(&served, "/events/board").await;
    let mut site = listen(&served, "/events/sites/lib-hatfield").await;
    let first = hear(&mut board, "event: clock").await;
    assert!(first.contains("content-type: text/event-stream") && first.contains("event: verdict"), "{first}");
    assert!(first.contains("All is well") && first.contains("event: sites") && !first.contains("event: say"));
    let quiet = hear(&mut board, "event: clock").await;
    assert!(!quiet.contains("event: verdict"), "only what changed is said: {quiet}");
    hear(&mut site, "Hatfield Library: up").await;
    worse.store(true, std::sync::atomic::Ordering::SeqCst);
    let news = hear(&mut board, "event: say").await;
    assert!(news.contains("2 services are down"), "{news}");
    let news = hear(&mut site, "Hatfield Library: down").await + &hear(&mut site, "event: clock").await;
    assert!(!news.contains("County Hall"), "nobody hears of what is not on the page: {news}");
    let late = hear(&mut listen(&served, "/events/board").await, "event: clock").await;
    assert!(late.contains("2 services are down"), "who comes later gets what holds now");
    tokio::time::timeout(Duration::from_secs(20), served.stop()).await.expect("listeners hold up no stop");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn who_comes_while_pages_are_made_hears_the_page_before_the_time() {
    let (begun, mut begins) = tokio::sync::mpsc::channel(1);
    let (go, gone) = std::sync::mpsc::channel::<()>();
    let council = Arc::new(estate::council());
    let served = serve(move |asked| {
        if asked == 0 {
            begun.try_send(()).expect("room");
            tokio::task::block_in_place(|| gone.recv_timeout(Duration::from_secs(60))).expect("it goes on");
        }
        Arc::clone(&council)
    })
    .await;
    let mut wall = listen(&served, "/events/wall").await;
    begins.recv().await.expect("a picture is asked for");
    let mut board = listen(&served, "/events/board").await;
    hear(&mut board, "retry: ").await;
    go.send(()).expect("somebody waits");
    assert!(hear(&mut wall, "event: clock").await.contains("event: verdict"));
    assert!(hear(&mut board, "event: clock").await.contains("event: verdict"));
    served.stop().await;
}

#[tokio::test]
async fn listeners_are_bounded_and_nobody_listens_to_what_is_not_there() {
    let served = council().await;
    for path in ["/events/services/nobody", "/events/sites/nobody"] {
        assert_eq!(get(&served, path).await.status, 404, "{path}");
    }
    let mut all = Vec::new();
    for _ in 0..assured::http::live::driver::MAX_STREAMS {
        all.push(listen(&served, "/events/wall").await);
    }
    for stream in &mut all {
        hear(stream, "event: clock").await;
    }
    let refused = get(&served, "/events/board").await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("15")));
    assert_eq!(get(&served, "/").await.status, 200, "pages are still there");
    all.truncate(1);
    let place = async {
        while get_head(&served, "/events/board").await != 200 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), place).await.expect("who goes leaves a place");
    served.stop().await;
}

/// The status of an answer that does not end.
async fn get_head(served: &Served, path: &str) -> u16 {
    let mut stream = listen(served, path).await;
    let mut head = [0; 12];
    stream.read_exact(&mut head).await.expect("a head");
    String::from_utf8_lossy(&head[9..]).parse().expect("a status")
}

#[tokio::test]
async fn sites_are_found_filtered_and_paged_on_the_server() {
    let snapshot = Arc::new(estate::large(2_000));
    let served = serve(move |_| Arc::clone(&snapshot)).await;
    let page = get(&served, "/?part=sites&page=13").await;
    assert!(page.body.contains("Sites 481 to 500 of 500") && page.body.len() < 60_000, "{}", page.body.len());
    assert_eq!(page.header("hx-replace-url"), Some("/?q=&state=&page=13"));
    assert!(get(&served, "/?part=sites&page=99").await.body.contains("Sites 481 to 500 of 500"));
    assert!(get(&served, "/?part=sites&state=down").await.body.contains("No site"));
    assert!(get(&served, "/?part=sites&q=service-00013").await.body.contains("1 of 500 sites"));
    assert!(get(&served, "/?part=sites&q=10.1.0.77").await.body.contains("8 of 500 sites"));
    assert_eq!(get(&served, "/?q=%ff%fe&page=x&state=%00&&&=").await.status, 200);
    let council = council().await;
    assert!(get(&council, "/?part=sites&state=down").await.body.contains("1 of 14 sites"));
    assert!(!get(&council, "/?part=sites&state=down").await.body.contains("Tring"));
    served.stop().await;
    council.stop().await;
}

#[tokio::test]
async fn a_reason_is_told_in_local_time() {
    let mut snapshot = estate::council();
    let mut config = (*snapshot.config).clone();
    config.monitor.time_zone = jiff::tz::TimeZone::get("Europe/Berlin").expect("a bundled zone");
    snapshot.config = Arc::new(config);
    snapshot.services[4].reason = "no answer since 2026-11-22T08:12:27Z".into();
    let snapshot = Arc::new(snapshot);
    let served = serve(move |_| Arc::clone(&snapshot)).await;
    assert!(get(&served, "/").await.body.contains("no answer since 09:12:27 CET"));
    served.stop().await;
}

#[test]
fn what_others_made_is_as_its_checksum_and_licence_say() {
    use sha2::Digest as _;
    let sums = include_str!("../web/vendor/SHA256SUMS");
    let mut told = Vec::new();
    for line in sums.lines() {
        let (sum, name) = line.split_once("  ").expect("a checksum and a name");
        let file = std::fs::read(format!("web/vendor/{name}")).expect("it is there");
        let hash: String = sha2::Sha256::digest(&file).iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hash, sum, "{name}");
        told.push(name.to_owned());
    }
    for entry in std::fs::read_dir("web/vendor").expect("a folder") {
        let name = entry.expect("an entry").file_name().into_string().expect("UTF-8");
        let known = name == "SHA256SUMS" || name.starts_with("LICENCE-") || told.contains(&name);
        assert!(known, "{name} has no checksum");
    }
    for licence in ["htmx", "htmx-sse", "uplot"] {
        assert!(std::fs::metadata(format!("web/vendor/LICENCE-{licence}.txt")).is_ok_and(|m| m.len() > 200));
    }
}

#[tokio::test]
async fn answers_are_what_the_description_says() {
    let description: Value = serde_json::from_str(assured::http::api::OPENAPI).expect("JSON");
    for make in [estate::council as fn() -> assured::snapshot::Snapshot, estate::empty, estate::hostile] {
        let snapshot = Arc::new(make());
        let has_services = !snapshot.services.is_empty();
        let served = serve(move |_| Arc::clone(&snapshot)).await;
        for (path, item) in description["paths"].as_object().expect("paths") {
            let id = match path.as_str() {
                p if p.starts_with("/api/v1/services/{id}") => "sch-hertford-voice",
                p if p.starts_with("/api/v1/sites/{id}") => "lib-hatfield",
                p if p.starts_with("/api/v1/devices/{id}") => "ch-r1",
                _ => "lib-hatfield-r1",
            };
            if path.contains("{id}") && !has_services {
                continue;
            }
            let answer = get(&served, &path.replace("{id}", id)).await;
            assert_eq!(answer.status, 200, "{path}");
            assert_eq!(answer.header("content-type"), Some("application/json"));
            let body = serde_json::from_str(&answer.body).expect("JSON");
            let schema = &item["get"]["responses"]["200"]["content"]["application/json"]["schema"];
            fits(&body, schema, &description, path);
        }
        let served_description: Value =
            serde_json::from_str(&get(&served, "/api/v1/openapi.json").await.body).expect("JSON");
        assert_eq!(served_description, description);
        served.stop().await;
    }
}

/// Whether a value fits a schema of the few words that our description uses.
fn fits(value: &Value, schema: &Value, description: &Value, at: &str) {
    if let Some(target) = schema["$ref"].as_str() {
        let name = target.strip_prefix("#/components/schemas/").expect("a reference inside the description");
        let schema = &description["components"]["schemas"][name];
        assert!(schema.is_object(), "{at}: {name} is described");
        return fits(value, schema, description, at);
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().map(|k| k.as_str().expect("a type's name")).collect(),
        other => panic!("{at}: no type: {other}"),
    };
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(n) if n.is_u64() || n.is_i64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    assert!(
        kinds.contains(&kind) || (kind == "integer" && kinds.contains(&"number")),
        "{at} is a {kind}, not {kinds:?}"
    );
    if let Some(words) = schema["enum"].as_array() {
        assert!(words.contains(value), "{at}: {value}");
    }
    if let (Some("date-time"), Some(text)) = (schema["format"].as_str(), value.as_str()) {
        assert!(text.ends_with('Z') && text.parse::<jiff::Timestamp>().is_ok(), "{at}: {text}");
    }
    for (n, item) in value.as_array().into_iter().flatten().enumerate() {
        fits(item, &schema["items"], description, &format!("{at}[{n}]"));
    }
    let Some(object) = value.as_object() else { return };
    for key in schema["required"].as_array().into_iter().flatten() {
        assert!(object.contains_key(key.as_str().expect("a key")), "{at} lacks {key}");
    }
    for (key, inner) in object {
        let schema = schema["properties"].get(key).unwrap_or(&schema["additionalProperties"]);
        assert!(schema.is_object(), "{at}.{key} is not described");
        fits(inner, schema, description, &format!("{at}.{key}"));
    }
}
