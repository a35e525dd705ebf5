//! Talks HTTP to an Alertmanager, and trusts nothing that it answers.
//!
//! A connection for each request: a few a minute need no pool, and a name that moved is looked up anew. All of
//! it, look-up and handshake included, has one time limit; an answer is read up to a bound; redirects are
//! not followed, because alerts and the password go where the configuration says and nowhere else.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, AUTHORIZATION, CONNECTION, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Response, Uri};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_util::task::AbortOnDropHandle;

use crate::config::model::Alerting;

/// A request may take this long, all in all.
pub const TIMEOUT: Duration = Duration::from_secs(10);
/// So much of an answer that says what went wrong is read, bytes.
const MAX_EXCUSE: usize = 2_048;
/// So many characters of it are passed on.
const MAX_SHOWN: usize = 200;
/// Largest head of an answer, bytes.
const MAX_HEAD: usize = 16 * 1024;

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// Nobody there.
    #[error("cannot connect: {0}")]
    Connect(std::io::Error),
    /// The certificate, most likely.
    #[error("no secure connection: {0}")]
    Tls(std::io::Error),
    /// Too slow.
    #[error("no answer within {} s", TIMEOUT.as_secs())]
    Slow,
    /// What came back is no HTTP.
    #[error("it does not speak HTTP: {0}")]
    Garbage(hyper::Error),
    /// It said no.
    #[error("it answered {status}{}", if .said.is_empty() { String::new() } else { format!(": {}", .said) })]
    Refused {
        /// HTTP status.
        status: u16,
        /// What it said, cut and cleaned.
        said: String,
    },
    /// The answer does not end where it should.
    #[error("its answer is longer than {0} bytes")]
    Long(usize),
    /// The address is none; the configuration's check keeps this from happening.
    #[error("the address cannot be used")]
    Address,
}

impl Failed {
    /// Whether it will say the same whenever it is asked.
    #[must_use]
    pub fn is_verdict(&self) -> bool {
        matches!(self, Self::Refused { status: 400 | 413 | 422, .. })
    }
}

/// How requests are made.
#[derive(Clone)]
pub struct Client {
    tls: Option<TlsConnector>,
    authorization: Option<HeaderValue>,
}

impl Client {
    /// Prepares requests to these Alertmanagers. Reads the system's certificate authorities when one of them wants
    /// `https` and no others were named. Blocks.
    #[must_use]
    pub fn new(alerting: &Alerting, urls: &[String]) -> Self {
        let tls = urls.iter().any(|url| url.starts_with("https:")).then(|| connector(alerting.authorities.as_deref()));
        let authorization = alerting.basic_auth.as_ref().and_then(|(user, password)| {
            let pair = STANDARD.encode(format!("{user}:{}", password.reveal()));
            let mut value = HeaderValue::from_str(&format!("Basic {pair}")).ok()?;
            value.set_sensitive(true);
            Some(value)
        });
        Self { tls, authorization }
    }

    /// Sends a request to `path` below `base` and gives the answer's body, at most `most` bytes of it, when the answer
    /// is a success. With `most` 0 no body is waited for.
    ///
    /// # Errors
    /// See [`Failed`]. Anything but a status of 200 to 299 is a refusal.
    pub async fn ask(
        &self,
        method: Method,
        base: &str,
        path: &str,
        body: Option<String>,
        most: usize,
    ) -> Result<Vec<u8>, Failed> {
        timeout(TIMEOUT, self.exchange(method, base, path, body, most)).await.unwrap_or(Err(Failed::Slow))
    }

    async fn exchange(
        &self,
        method: Method,
        base: &str,
        path: &str,
        body: Option<String>,
        most: usize,
    ) -> Result<Vec<u8>, Failed> {
        let uri: Uri = format!("{base}{path}").parse().map_err(|_| Failed::Address)?;
        let authority = uri.authority().ok_or(Failed::Address)?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let secure = uri.scheme_str() == Some("https");
        let port = authority.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let target = uri.path_and_query().map_or("/", |p| p.as_str());
        let mut request = Request::builder()
            .method(method)
            .uri(target)
            .header(HOST, authority.as_str())
            .header(USER_AGENT, concat!("assured/", env!("CARGO_PKG_VERSION")))
            .header(ACCEPT, "application/json")
            .header(CONNECTION, "close");
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request.body(Full::new(Bytes::from(body.unwrap_or_default()))).map_err(|_| Failed::Address)?;

        let stream = TcpStream::connect((host.as_str(), port)).await.map_err(Failed::Connect)?;
        // Small messages at once; a socket that cannot do it is only slower.
        let _ = stream.set_nodelay(true);
        if !secure {
            return over(stream, request, most).await;
        }
        let name = ServerName::try_from(host).map_err(|_| Failed::Address)?;
        let tls = self.tls.as_ref().ok_or(Failed::Address)?;
        over(tls.connect(name, stream).await.map_err(Failed::Tls)?, request, most).await
    }
}

/// One request over a connection.
async fn over<S>(stream: S, request: Request<Full<Bytes>>, most: usize) -> Result<Vec<u8>, Failed>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = http1::Builder::new();
    builder.max_buf_size(MAX_HEAD);
    let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(Failed::Garbage)?;
    // Ends with this future, whatever the other side does.
    let _connection = AbortOnDropHandle::new(tokio::spawn(async move {
        // Its fault shows in the answer.
        let _ = connection.await;
    }));
    let answer = sender.send_request(request).await.map_err(Failed::Garbage)?;
    let status = answer.status();
    if status.is_success() {
        return if most == 0 { Ok(Vec::new()) } else { read(answer, most).await };
    }
    // The excuse may be cut short, and may fail to come.
    let said = match read(answer, MAX_EXCUSE).await {
        Ok(said) => presentable(&said),
        Err(_) => String::new(),
    };
    Err(Failed::Refused { status: status.as_u16(), said })
}

async fn read(answer: Response<Incoming>, most: usize) -> Result<Vec<u8>, Failed> {
    let mut body = answer.into_body();
    let mut read = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(Failed::Garbage)?.into_data() else { continue };
        if read.len() + data.len() > most {
            return Err(Failed::Long(most));
        }
        read.extend_from_slice(&data);
    }
    Ok(read)
}

/// What a stranger said, fit for a log line.
fn presentable(said: &[u8]) -> String {
    let text = String::from_utf8_lossy(said);
    text.trim().chars().take(MAX_SHOWN).map(|c| if c.is_control() || c == '\u{202e}' { '?' } else { c }).collect()
}

fn connector(authorities: Option<&str>) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    match authorities {
        Some(pem) => {
            let named: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes()).filter_map(Result::ok).collect();
            let (taken, ignored) = roots.add_parsable_certificates(named);
            if taken == 0 || ignored > 0 {
                tracing::error!(
                    taken,
                    ignored,
                    "monitor.alertmanager_ca_file: not every certificate in it can be used"
                );
            }
        }
        None => {
            let found = rustls_native_certs::load_native_certs();
            let (taken, _) = roots.add_parsable_certificates(found.certs);
            if taken == 0 {
                tracing::error!(
                    "this system has no certificate authorities: no Alertmanager is trusted; install ca-certificates \
                     or name monitor.alertmanager_ca_file"
                );
            }
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has the default versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}
