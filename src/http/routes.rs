//! What stands where, and what every answer carries.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Path, RawQuery, Request, State};
use axum::http::header::{
    ACCEPT, ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    HeaderName, HeaderValue, IF_NONE_MATCH, REFERRER_POLICY, RETRY_AFTER, VARY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::source::{Source, SourceError};
use super::{api, page};
use crate::metrics::negotiate::gzip_accepted;
use crate::metrics::{Format, render};
use crate::snapshot::Snapshot;

/// An answer must be made within this.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);
/// So many answers are made at a time: a crowd of readers must not take the cores from probing.
const MAX_RENDERING: usize = 2;
/// No request here needs a body; a larger one is refused.
const MAX_BODY_BYTES: usize = 4 * 1024;

/// What pages load: name, type, content. Served with an entity tag.
const FILES: [(&str, &str, &str); 3] = [
    ("board.css", "text/css; charset=utf-8", include_str!("../../web/board.css")),
    ("live.js", "text/javascript; charset=utf-8", include_str!("../../web/live.js")),
    ("icon.svg", "image/svg+xml", include_str!("../../web/icon.svg")),
];

#[derive(Clone)]
struct Server {
    source: Source,
    rendering: Arc<Semaphore>,
}

/// Every route with the headers and limits that all answers share.
pub fn router(source: Source) -> Router {
    let server = Server { source, rendering: Arc::new(Semaphore::new(MAX_RENDERING)) };
    Router::new()
        .route("/", get(board))
        .route("/services/{id}", get(service_page))
        .route("/sites/{id}", get(site_page))
        .route("/static/{name}", get(file))
        .route("/metrics", get(metrics))
        .route("/healthz", get(|| async { plain(StatusCode::OK, "alive\n".to_owned()) }))
        .route("/readyz", get(ready))
        .route("/-/reload", post(reload))
        .route("/api/v1/openapi.json", get(|| async { json(StatusCode::OK, api::OPENAPI.to_owned()) }))
        .route("/api/v1/status", get(api_status))
        .route("/api/v1/services", get(api_services))
        .route("/api/v1/services/{id}", get(api_service))
        .route("/api/v1/sites/{id}", get(api_site))
        .route("/api/v1/components", get(api_components))
        .route("/api/v1/components/{id}", get(api_component))
        .fallback(nowhere)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn(limits_and_headers))
        .with_state(server)
}

impl Server {
    /// Makes an answer from a fresh snapshot, on a thread that may compute for a while.
    async fn answer(&self, make: impl FnOnce(&Arc<Snapshot>) -> Response + Send + 'static) -> Response {
        let Ok(place) = Arc::clone(&self.rendering).acquire_owned().await else {
            return unavailable(SourceError::Stopping);
        };
        let snapshot = match self.source.snapshot().await {
            Ok(snapshot) => snapshot,
            Err(why) => return unavailable(why),
        };
        let made = tokio::task::spawn_blocking(move || {
            let _place = place;
            make(&snapshot)
        });
        made.await.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
    }
}

async fn board(State(server): State<Server>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let still = query.is_some_and(|query| query.split('&').any(|part| part == "still" || part == "still="));
    server.answer(move |s| html(&headers, Some(page::board::render(s, still)))).await
}

async fn service_page(State(server): State<Server>, headers: HeaderMap, Path(id): Path<String>) -> Response {
    server.answer(move |s| html(&headers, page::service::render(s, &id))).await
}

async fn site_page(State(server): State<Server>, headers: HeaderMap, Path(id): Path<String>) -> Response {
    server.answer(move |s| html(&headers, page::site::render(s, &id))).await
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

async fn reload(State(server): State<Server>, headers: HeaderMap) -> Response {
    // A page elsewhere must not make an operator's browser reload us.
    if headers.get("sec-fetch-site").is_some_and(|from| from != "same-origin" && from != "none") {
        return plain(StatusCode::FORBIDDEN, "reload is not taken from other sites' pages\n".to_owned());
    }
    match server.source.reload().await {
        Ok(Ok(())) => plain(StatusCode::OK, "reloaded\n".to_owned()),
        Ok(Err(problems)) => plain(StatusCode::UNPROCESSABLE_ENTITY, format!("{problems}\n")),
        Err(why) => unavailable(why),
    }
}

async fn file(headers: HeaderMap, Path(name): Path<String>, request: Request) -> Response {
    let Some((_, kind, content)) = FILES.iter().find(|(known, ..)| *known == name) else {
        return nowhere(request).await;
    };
    let tag = format!("\"{:016x}\"", fingerprint(content));
    let known = headers.get(IF_NONE_MATCH).is_some_and(|t| t.as_bytes() == tag.as_bytes());
    let mut answer = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(CONTENT_TYPE, *kind)], *content).into_response()
    };
    answer.headers_mut().insert(ETAG, HeaderValue::try_from(tag).expect("hexadecimal digits in quotes"));
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    answer
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

async fn limits_and_headers(request: Request, next: Next) -> Response {
    let mut answer = match timeout(REQUEST_TIMEOUT, next.run(request)).await {
        Ok(answer) => answer,
        Err(_) => plain(StatusCode::SERVICE_UNAVAILABLE, "no answer was ready in time\n".to_owned()),
    };
    let head = answer.headers_mut();
    for (name, value) in [
        (
            CONTENT_SECURITY_POLICY,
            "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'",
        ),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
    ] {
        head.insert(name, HeaderValue::from_static(value));
    }
    head.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    answer
}

/// A page, compressed where that is allowed; `None` is a page that says so.
fn html(headers: &HeaderMap, page: Option<String>) -> Response {
    let status = if page.is_some() { StatusCode::OK } else { StatusCode::NOT_FOUND };
    let page = page.unwrap_or_else(|| page::missing("this name"));
    let gzip = gzip_accepted(&joined(headers, &ACCEPT_ENCODING));
    let body = if gzip { Body::from(compressed(page.as_bytes())) } else { Body::from(page) };
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

fn compressed(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
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
fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
