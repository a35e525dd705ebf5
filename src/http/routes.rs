//! What stands where, and what every answer carries.

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, Request, State};
use axum::http::header::{
    ACCEPT, ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LENGTH,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH, REFERRER_POLICY, RETRY_AFTER,
    VARY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::guard::Standing;
use super::guard::layer::{Gate, admit, wants_html, words};
use super::history::client::Past;
use super::history::{HOURS, History, Lines, MAX_HOURS};
use super::live::Topic;
use super::live::driver::{Hub, Refused};
use super::page::board::Manner;
use super::page::board::find::Find;
use super::page::charts;
use super::source::{Source, SourceError};
use super::{api, devices, held, page, reports};
use crate::metrics::negotiate::gzip_accepted;
use crate::metrics::{Format, render};
use crate::names::ClassIx;
use crate::snapshot::Snapshot;

/// An answer must be made within this.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);
/// So many answers are made at a time: a crowd of readers must not take the cores from probing.
const MAX_RENDERING: usize = 2;

/// A page does not wait longer than this for what the recent hours measured; it comes without charts then.
const CHARTS_TIMEOUT: Duration = Duration::from_secs(3);

/// A file that pages load: name, type, content. What others made stands in `web/vendor` with licence and checksum.
type File = (&'static str, &'static str, &'static [u8]);

const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

/// What pages load. Served with an entity tag, compressed once.
const FILES: [File; 8] = [
    ("board.css", STYLE, include_bytes!("../../web/board.css")),
    ("board.js", SCRIPT, include_bytes!("../../web/board.js")),
    ("charts.js", SCRIPT, include_bytes!("../../web/charts.js")),
    ("htmx.js", SCRIPT, include_bytes!("../../web/vendor/htmx-2.0.11.min.js")),
    ("htmx-sse.js", SCRIPT, include_bytes!("../../web/vendor/htmx-sse-2.2.4.min.js")),
    ("uplot.js", SCRIPT, include_bytes!("../../web/vendor/uplot-1.6.32.min.js")),
    ("uplot.css", STYLE, include_bytes!("../../web/vendor/uplot-1.6.32.min.css")),
    ("icon.svg", "image/svg+xml", include_bytes!("../../web/icon.svg")),
];

#[derive(Clone)]
struct Server {
    source: Source,
    rendering: Arc<Semaphore>,
    hub: Arc<Hub>,
    past: Past,
    gate: Gate,
}

/// What holds for every answer.
#[derive(Clone)]
struct Around {
    gate: Gate,
    room: Arc<Semaphore>,
}

/// The pairs of a query; one that cannot be read has none.
type Pairs = Result<Query<Vec<(String, String)>>, QueryRejection>;

/// Every route with the headers and limits that all answers share.
pub fn router(source: Source, hub: Arc<Hub>, gate: Gate) -> Router {
    let rendering = Arc::new(Semaphore::new(MAX_RENDERING));
    let server = Server { source, rendering, hub, past: Past::default(), gate: gate.clone() };
    let around = Around { gate: gate.clone(), room: Arc::new(Semaphore::new(held::MAX_KIB as usize)) };
    Router::new()
        .route("/", get(board))
        .route("/services/{id}", get(service_page))
        .route("/sites/{id}", get(site_page))
        .route("/devices/{id}", get(device_page))
        .route("/events/board", get(|State(server): State<Server>| async move { events(&server, Topic::Board) }))
        .route("/events/wall", get(|State(server): State<Server>| async move { events(&server, Topic::Wall) }))
        .route("/events/services/{id}", get(service_events))
        .route("/events/sites/{id}", get(site_events))
        .route("/static/{name}", get(file))
        .route("/metrics", get(metrics))
        .route("/healthz", get(|| async { plain(StatusCode::OK, "alive\n".to_owned()) }))
        .route("/readyz", get(ready))
        .route("/-/reload", post(reload))
        .route("/reports", get(reports_page))
        .route("/reports/{pack}", get(archive))
        .route("/reports/{pack}/{file}", get(document))
        .route("/api/v1/openapi.json", get(|| async { json(StatusCode::OK, api::OPENAPI.to_owned()) }))
        .route("/api/v1/status", get(api_status))
        .route("/api/v1/services", get(api_services))
        .route("/api/v1/services/{id}", get(api_service))
        .route("/api/v1/services/{id}/series", get(api_service_series))
        .route("/api/v1/sites/{id}", get(api_site))
        .route("/api/v1/sites/{id}/series", get(api_site_series))
        .route("/api/v1/components", get(api_components))
        .route("/api/v1/components/{id}", get(api_component))
        .route("/api/v1/devices", get(api_devices))
        .route("/api/v1/devices/{id}", get(api_device))
        .route("/api/v1/components/{id}/series", get(api_component_series))
        .fallback(nowhere)
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn_with_state(gate, admit))
        .layer(middleware::from_fn_with_state(around, limits_and_headers))
        .with_state(server)
}

impl Server {
    /// Makes an answer from a fresh snapshot, on a thread that may compute for a while.
    async fn answer(&self, make: impl FnOnce(&Arc<Snapshot>) -> Response + Send + 'static) -> Response {
        match self.source.snapshot().await {
            Ok(snapshot) => self.answer_from(snapshot, make).await,
            Err(why) => unavailable(why),
        }
    }

    /// The same from a snapshot that is there already.
    async fn answer_from(
        &self,
        snapshot: Arc<Snapshot>,
        make: impl FnOnce(&Arc<Snapshot>) -> Response + Send + 'static,
    ) -> Response {
        let Ok(place) = Arc::clone(&self.rendering).acquire_owned().await else {
            return unavailable(SourceError::Stopping);
        };
        let made = tokio::task::spawn_blocking(move || {
            let _place = place;
            make(&snapshot)
        });
        made.await.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
    }

    /// Where packs are, for one who may have them.
    fn packs_for(&self, standing: Standing) -> Option<PathBuf> {
        self.gate.access().packs.clone().filter(|_| standing.is_trusted())
    }

    /// A pack's archive, or a document of it.
    async fn packed(&self, standing: Standing, headers: &HeaderMap, pack: String, file: Option<String>) -> Response {
        let Some(folder) = self.packs_for(standing) else { return stranger(headers) };
        let name = file.clone().unwrap_or_else(|| pack.clone());
        let opened = tokio::task::spawn_blocking(move || reports::store::open(&folder, &pack, file.as_deref())).await;
        let Ok(Some((opened, size))) = opened else { return html(headers, None) };
        let mut answer = Response::new(reports::store::body(opened, size));
        let head = answer.headers_mut();
        head.insert(CONTENT_TYPE, HeaderValue::from_static(reports::content_type(&name)));
        head.insert(CONTENT_LENGTH, HeaderValue::from(size));
        if name.ends_with(".html") {
            head.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(reports::REPORT_POLICY));
        } else {
            // It is one of the names that packs have, so there is nothing to quote in it.
            let kept = format!("attachment; filename=\"{name}\"");
            let kept = HeaderValue::try_from(kept).unwrap_or(HeaderValue::from_static("attachment"));
            head.insert(CONTENT_DISPOSITION, kept);
        }
        answer
    }

    /// What these lines measured, for a page that does not wait for it long.
    async fn history(&self, s: &Snapshot, hours: u32, lines: Lines) -> Option<Arc<History>> {
        timeout(CHARTS_TIMEOUT, self.past.read(&s.config, s.at, hours, lines)).await.ok().flatten()
    }

    /// What the lines that `which` names measured, as JSON; `None` of it is not found.
    async fn series(&self, hours: u32, which: impl FnOnce(&Snapshot) -> Option<Lines>) -> Response {
        let snapshot = match self.source.brief().await {
            Ok(snapshot) => snapshot,
            Err(why) => return unavailable(why),
        };
        let Some(lines) = which(&snapshot) else { return found(None) };
        let Some(history) = self.past.read(&snapshot.config, snapshot.at, hours, lines).await else {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        };
        self.answer_from(snapshot, move |s| found(Some(api::series(s, &history)))).await
    }
}

/// The value of that name in a query.
fn value<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

fn pairs_of(query: Pairs) -> Vec<(String, String)> {
    query.map(|Query(pairs)| pairs).unwrap_or_default()
}

/// How many hours of measurements are asked for.
fn hours(pairs: &[(String, String)]) -> u32 {
    value(pairs, "hours").and_then(|h| h.parse().ok()).unwrap_or(HOURS).clamp(1, MAX_HOURS)
}

/// The class that is asked for, else the first.
fn class(s: &Snapshot, pairs: &[(String, String)]) -> ClassIx {
    let named = value(pairs, "class").and_then(|name| s.config.classes.iter().position(|c| c.id.as_str() == name));
    ClassIx::from(named.unwrap_or(0))
}

async fn board(State(server): State<Server>, query: Pairs, headers: HeaderMap) -> Response {
    let pairs = pairs_of(query);
    let find = Find::from_pairs(&pairs);
    let manner = Manner { wall: value(&pairs, "wall").is_some(), still: value(&pairs, "still").is_some() };
    if value(&pairs, "part") == Some("sites") {
        let address = if find.is_plain() { "/".to_owned() } else { format!("/?{}", find.query(find.page)) };
        let mut answer = server.answer(move |s| html(&headers, Some(page::board::found(s, &find)))).await;
        // So that a reload, or a link given to somebody, shows the same.
        if let Ok(address) = HeaderValue::try_from(address) {
            answer.headers_mut().insert("hx-replace-url", address);
        }
        return answer;
    }
    server.answer(move |s| html(&headers, Some(page::board::render(s, manner, &find)))).await
}

async fn service_page(
    State(server): State<Server>,
    query: Pairs,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Response {
    let snapshot = match server.source.snapshot().await {
        Ok(snapshot) => snapshot,
        Err(why) => return unavailable(why),
    };
    let Some(ix) = snapshot.config.service(&id) else { return html(&headers, None) };
    let hours = hours(&pairs_of(query));
    let history = server.history(&snapshot, hours, charts::of_service(&snapshot, ix)).await;
    server
        .answer_from(snapshot, move |s| html(&headers, page::service::render(s, &id, hours, history.as_deref())))
        .await
}

async fn device_page(State(server): State<Server>, headers: HeaderMap, Path(id): Path<String>) -> Response {
    server.answer(move |s| html(&headers, page::device::render(s, &id))).await
}

async fn site_page(State(server): State<Server>, query: Pairs, headers: HeaderMap, Path(id): Path<String>) -> Response {
    let snapshot = match server.source.snapshot().await {
        Ok(snapshot) => snapshot,
        Err(why) => return unavailable(why),
    };
    let Some(ix) = page::site::index(&snapshot, &id) else { return html(&headers, None) };
    let pairs = pairs_of(query);
    let (hours, class) = (hours(&pairs), class(&snapshot, &pairs));
    let history = server.history(&snapshot, hours, charts::of_site(&snapshot, ix, class)).await;
    let page = move |s: &Arc<Snapshot>| page::site::render(s, &id, hours, class, history.as_deref());
    server.answer_from(snapshot, move |s| html(&headers, page(s))).await
}

async fn service_events(State(server): State<Server>, Path(id): Path<String>) -> Response {
    match server.source.brief().await {
        Ok(s) if s.config.service(&id).is_some() => events(&server, Topic::Service(id)),
        Ok(_) => found(None),
        Err(why) => unavailable(why),
    }
}

async fn site_events(State(server): State<Server>, Path(id): Path<String>) -> Response {
    match server.source.brief().await {
        Ok(s) if page::site::index(&s, &id).is_some() => events(&server, Topic::Site(id)),
        Ok(_) => found(None),
        Err(why) => unavailable(why),
    }
}

/// A page's changes as they happen.
fn events(server: &Server, topic: Topic) -> Response {
    let stream = match server.hub.listen(topic) {
        Ok(stream) => stream,
        Err(why @ (Refused::Full | Refused::Stopping)) => {
            let mut answer = plain(StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n"));
            answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("15"));
            return answer;
        }
    };
    let mut answer = Response::new(Body::from_stream(stream));
    let head = answer.headers_mut();
    head.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    // A proxy that collects bytes would make a live page stale.
    head.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    answer
}

async fn metrics(State(server): State<Server>, headers: HeaderMap) -> Response {
    let format = Format::accepted(&joined(&headers, &ACCEPT));
    let gzip = gzip_accepted(&joined(&headers, &ACCEPT_ENCODING));
    server
        .answer(move |s| {
            let body = if gzip { render::render_gzip(s, format) } else { render::render(s, format) };
            let mut answer = Response::new(Body::from(body));
            let head = answer.headers_mut();
            head.insert(CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
            head.insert(VARY, HeaderValue::from_static("accept, accept-encoding"));
            if gzip {
                head.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            }
            answer
        })
        .await
}

async fn ready(State(server): State<Server>) -> Response {
    match server.source.ready().await {
        Ok(Ok(())) => plain(StatusCode::OK, "ready\n".to_owned()),
        Ok(Err(missing)) => plain(StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {missing}\n")),
        Err(why) => unavailable(why),
    }
}

/// Who may, has been seen to by the guard.
async fn reload(State(server): State<Server>) -> Response {
    match server.source.reload().await {
        Ok(Ok(())) => plain(StatusCode::OK, "reloaded\n".to_owned()),
        Ok(Err(problems)) => plain(StatusCode::UNPROCESSABLE_ENTITY, format!("{problems}\n")),
        Err(why) => unavailable(why),
    }
}

async fn reports_page(
    State(server): State<Server>,
    Extension(standing): Extension<Standing>,
    headers: HeaderMap,
) -> Response {
    let Some(folder) = server.packs_for(standing) else { return stranger(&headers) };
    let looked = folder.clone();
    let packs = tokio::task::spawn_blocking(move || reports::store::list(&looked)).await;
    let packs = match packs {
        Ok(Ok(packs)) => packs,
        Ok(Err(error)) => {
            tracing::warn!(folder = %folder.display(), %error, "the folder of evidence packs cannot be read");
            return plain(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the folder of evidence packs cannot be read\n".to_owned(),
            );
        }
        Err(_) => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    };
    let folder = folder.display().to_string();
    server.answer(move |s| html(&headers, Some(page::reports::render(s, &folder, &packs)))).await
}

async fn archive(
    State(server): State<Server>,
    Extension(standing): Extension<Standing>,
    headers: HeaderMap,
    Path(pack): Path<String>,
) -> Response {
    server.packed(standing, &headers, pack, None).await
}

async fn document(
    State(server): State<Server>,
    Extension(standing): Extension<Standing>,
    headers: HeaderMap,
    Path((pack, file)): Path<(String, String)>,
) -> Response {
    server.packed(standing, &headers, pack, Some(file)).await
}

fn stranger(headers: &HeaderMap) -> Response {
    if wants_html(headers) {
        return words(StatusCode::FORBIDDEN, page::words::stranger());
    }
    plain(
        StatusCode::FORBIDDEN,
        "evidence packs are for those who are known by a password or a certificate\n".to_owned(),
    )
}

/// The files compressed, once, when the first is asked for; `None` for those that grow by it.
static COMPRESSED: LazyLock<Vec<Option<Vec<u8>>>> = LazyLock::new(|| {
    let smaller = |(_, _, content): &File| {
        Some(compressed(content, flate2::Compression::best())).filter(|small| small.len() < content.len())
    };
    FILES.iter().map(smaller).collect()
});

async fn file(headers: HeaderMap, Path(name): Path<String>, request: Request) -> Response {
    let Some(n) = FILES.iter().position(|(known, ..)| *known == name) else {
        return nowhere(request).await;
    };
    let (_, kind, content) = FILES[n];
    let small = COMPRESSED[n].as_deref().filter(|_| gzip_accepted(&joined(&headers, &ACCEPT_ENCODING)));
    let tag = format!("\"{:016x}{}\"", fingerprint(content), if small.is_some() { "z" } else { "" });
    let known = headers.get(IF_NONE_MATCH).is_some_and(|t| t.as_bytes() == tag.as_bytes());
    let mut answer = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(CONTENT_TYPE, kind)], small.unwrap_or(content)).into_response()
    };
    let head = answer.headers_mut();
    if small.is_some() && !known {
        head.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    head.insert(VARY, HeaderValue::from_static("accept-encoding"));
    head.insert(ETAG, HeaderValue::try_from(tag).expect("hexadecimal digits in quotes"));
    head.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    answer
}

async fn api_service_series(State(server): State<Server>, query: Pairs, Path(id): Path<String>) -> Response {
    let which = |s: &Snapshot| Some(charts::of_service(s, s.config.service(&id)?));
    server.series(hours(&pairs_of(query)), which).await
}

async fn api_site_series(State(server): State<Server>, query: Pairs, Path(id): Path<String>) -> Response {
    let pairs = pairs_of(query);
    let which = |s: &Snapshot| Some(charts::of_site(s, page::site::index(s, &id)?, class(s, &pairs)));
    server.series(hours(&pairs), which).await
}

async fn api_component_series(State(server): State<Server>, query: Pairs, Path(id): Path<String>) -> Response {
    let which = |s: &Snapshot| {
        let at = s.config.components.iter().position(|c| c.id.as_str() == id)?;
        Some(charts::of_component(s, at))
    };
    server.series(hours(&pairs_of(query)), which).await
}

async fn api_status(State(server): State<Server>) -> Response {
    server.answer(|s| found(Some(api::status(s)))).await
}

async fn api_services(State(server): State<Server>) -> Response {
    server.answer(|s| found(Some(api::services(s)))).await
}

async fn api_service(State(server): State<Server>, Path(id): Path<String>) -> Response {
    server.answer(move |s| found(api::service(s, &id))).await
}

async fn api_site(State(server): State<Server>, Path(id): Path<String>) -> Response {
    server.answer(move |s| found(api::site(s, &id))).await
}

async fn api_components(State(server): State<Server>) -> Response {
    server.answer(|s| found(Some(api::components(s)))).await
}

async fn api_component(State(server): State<Server>, Path(id): Path<String>) -> Response {
    server.answer(move |s| found(api::component(s, &id))).await
}

async fn api_devices(State(server): State<Server>) -> Response {
    server.answer(|s| json(StatusCode::OK, devices::all(s))).await
}

async fn api_device(State(server): State<Server>, Path(id): Path<String>) -> Response {
    server.answer(move |s| found(devices::one(s, &id))).await
}

async fn nowhere(request: Request) -> Response {
    if request.uri().path().starts_with("/api/") {
        return json(StatusCode::NOT_FOUND, api::error("there is nothing at this address"));
    }
    let mut answer = html(&HeaderMap::new(), Some(page::missing("this address")));
    *answer.status_mut() = StatusCode::NOT_FOUND;
    answer
}

async fn wrong_method(request: Request) -> Response {
    let allowed = if request.uri().path() == "/-/reload" { "POST" } else { "GET, HEAD" };
    let words = format!("{} is not done here; {allowed} is\n", display_method(request.method()));
    let mut answer = plain(StatusCode::METHOD_NOT_ALLOWED, words);
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    answer
}

/// A method of our own knowledge by its name, any other by none: it is the peer's text.
fn display_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::PATCH => "PATCH",
        Method::OPTIONS => "OPTIONS",
        _ => "this method",
    }
}

async fn limits_and_headers(State(around): State<Around>, request: Request, next: Next) -> Response {
    let answer = match timeout(REQUEST_TIMEOUT, next.run(request)).await {
        Ok(answer) => answer,
        Err(_) => plain(StatusCode::SERVICE_UNAVAILABLE, "no answer was ready in time\n".to_owned()),
    };
    let mut answer = held::hold(answer, &around.room).unwrap_or_else(|| unavailable(SourceError::Busy));
    let head = answer.headers_mut();
    // Some answers have a stricter one.
    head.entry(CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
    ));
    for (name, value) in [
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
    ] {
        head.insert(name, HeaderValue::from_static(value));
    }
    for (name, value) in &around.gate.access().web.headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            head.insert(HeaderName::from_static(name), value);
        }
    }
    head.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    answer
}

/// A page, compressed where that is allowed; `None` is a page that says so.
fn html(headers: &HeaderMap, page: Option<String>) -> Response {
    let status = if page.is_some() { StatusCode::OK } else { StatusCode::NOT_FOUND };
    let page = page.unwrap_or_else(|| page::missing("this name"));
    let gzip = gzip_accepted(&joined(headers, &ACCEPT_ENCODING));
    let body =
        if gzip { Body::from(compressed(page.as_bytes(), flate2::Compression::fast())) } else { Body::from(page) };
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    let head = answer.headers_mut();
    head.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    head.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if gzip {
        head.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    answer
}

fn compressed(bytes: &[u8], level: flate2::Compression) -> Vec<u8> {
    use std::io::Write as _;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), level);
    gzip.write_all(bytes).expect("a Vec takes every byte");
    gzip.finish().expect("a Vec takes every byte")
}

fn found(body: Option<String>) -> Response {
    match body {
        Some(body) => json(StatusCode::OK, body),
        None => json(StatusCode::NOT_FOUND, api::error("nothing of this name is configured")),
    }
}

fn json(status: StatusCode, body: String) -> Response {
    (status, [(CONTENT_TYPE, "application/json")], body).into_response()
}

fn plain(status: StatusCode, body: String) -> Response {
    (status, [(CONTENT_TYPE, "text/plain; charset=utf-8")], body).into_response()
}

fn unavailable(why: SourceError) -> Response {
    let mut answer = plain(StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n"));
    answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    answer
}

/// All values of a header that may come several times, as one list.
fn joined(headers: &HeaderMap, name: &HeaderName) -> String {
    headers.get_all(name).iter().filter_map(|v| v.to_str().ok()).collect::<Vec<_>>().join(",")
}

/// FNV-1a: tells versions of a file apart, nothing more.
fn fingerprint(content: &[u8]) -> u64 {
    content
        .iter()
        .copied()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
