//! Stands in front of every route: asks for the password, judges, and refuses in words that help.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{
    ACCEPT, CONNECTION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, RETRY_AFTER,
    TRANSFER_ENCODING, WWW_AUTHENTICATE,
};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::watch;

use super::driver::{Doorkeeper, Verdict};
use super::password::Claim;
use super::{Access, Peer, Standing, is_of_this_site, standing};
use crate::http::page;

/// No request here needs a body; one that announces more is refused.
const MAX_BODY_BYTES: u64 = 4 * 1024;
/// Told without a password.
const OPEN: [&str; 2] = ["/healthz", "/readyz"];

/// What the door goes by.
#[derive(Clone)]
pub struct Gate {
    access: watch::Receiver<Arc<Access>>,
    keeper: Arc<Doorkeeper>,
}

impl Gate {
    /// A door for this access.
    #[must_use]
    pub fn new(access: watch::Receiver<Arc<Access>>) -> Self {
        Self { access, keeper: Doorkeeper::new() }
    }

    /// What holds now.
    #[must_use]
    pub fn access(&self) -> Arc<Access> {
        Arc::clone(&self.access.borrow())
    }
}

/// Lets a request through with its [`Standing`], or answers it.
pub async fn admit(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    let access = gate.access();
    // Without a peer somebody built a server without ours around it; nobody is trusted then.
    let nobody = Peer { address: std::net::Ipv4Addr::UNSPECIFIED.into(), certified: false, inside: false };
    let peer = request.extensions().get::<Peer>().copied().unwrap_or(nobody);
    if is_too_large(request.headers()) {
        return closed(plain(StatusCode::PAYLOAD_TOO_LARGE, "no request here needs a body\n"));
    }
    let mut password = false;
    if !access.web.users.is_empty() && !OPEN.contains(&request.uri().path()) {
        match gate.keeper.judge(&access.web, peer, Claim::read(request.headers())).await {
            Verdict::Right => password = true,
            Verdict::Wrong => return unauthorized(request.headers()),
            Verdict::Busy => return busy(),
        }
    }
    let standing = standing(&access.web, peer, password, request.headers());
    if !matches!(*request.method(), Method::GET | Method::HEAD)
        && let Some(refused) = change(request.headers(), standing)
    {
        return refused;
    }
    request.extensions_mut().insert(standing);
    next.run(request).await
}

/// Why nothing is changed for this one; `None` when it is.
fn change(headers: &HeaderMap, standing: Standing) -> Option<Response> {
    if !is_of_this_site(headers) {
        return Some(plain(StatusCode::FORBIDDEN, "changes are not taken from other sites' pages\n"));
    }
    (!standing.is_trusted()).then(|| {
        plain(
            StatusCode::FORBIDDEN,
            "changes are for those who are known: set basic_auth_users or client certificates in \
             monitor.web_config_file, or ask from the machine itself where monitor.listen is loopback. \
             SIGHUP to the process reloads, too\n",
        )
    })
}

fn is_too_large(headers: &HeaderMap) -> bool {
    let announced = headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()).map(|v| v.trim().parse::<u64>());
    // Nobody has a reason to send a body of unknown length.
    headers.contains_key(TRANSFER_ENCODING) || announced.is_some_and(|n| n.map_or(true, |n| n > MAX_BODY_BYTES))
}

fn unauthorized(headers: &HeaderMap) -> Response {
    let mut answer = if wants_html(headers) {
        words(StatusCode::UNAUTHORIZED, page::words::unauthorized())
    } else {
        plain(StatusCode::UNAUTHORIZED, "name and password are needed\n")
    };
    let asks = HeaderValue::from_static("Basic realm=\"assured\", charset=\"UTF-8\"");
    answer.headers_mut().insert(WWW_AUTHENTICATE, asks);
    answer
}

fn busy() -> Response {
    let mut answer = plain(
        StatusCode::TOO_MANY_REQUESTS,
        "too many passwords wait to be looked at: try again in a moment. Whoever is logged in already is not affected\n",
    );
    answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("2"));
    answer
}

/// A page that brings all it needs along.
pub fn words(status: StatusCode, page: String) -> Response {
    let mut answer = (status, [(CONTENT_TYPE, "text/html; charset=utf-8")], page).into_response();
    answer.headers_mut().insert(CONTENT_SECURITY_POLICY, page::words::POLICY.clone());
    answer
}

/// Whether a person is likely to read the answer.
pub fn wants_html(headers: &HeaderMap) -> bool {
    headers.get_all(ACCEPT).iter().any(|v| v.to_str().is_ok_and(|v| v.contains("text/html")))
}

/// The same, and the connection with what is still under way on it ends.
fn closed(mut answer: Response) -> Response {
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}

fn plain(status: StatusCode, words: &'static str) -> Response {
    (status, [(CONTENT_TYPE, "text/plain; charset=utf-8")], words).into_response()
}
