//! Certificates made on the spot by OpenSSL, and a client that shows and checks them.
#![allow(dead_code, reason = "each test uses its part")]

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};

/// A folder with `ca`, `server`, `renewed` (by the same authority), `client` (by another), and `stranger` (by itself).
pub struct Papers(pub tempfile::TempDir);

fn openssl(dir: &Path, arguments: &str) {
    let made = Command::new("openssl").args(arguments.split_whitespace()).current_dir(dir).output();
    let made = made.expect("openssl, which tests/run installs");
    assert!(made.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&made.stderr));
}

const NEW_KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";

impl Papers {
    pub fn make() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let at = dir.path();
        fs::write(at.join("server.ext"), "subjectAltName=IP:127.0.0.1,DNS:localhost\nbasicConstraints=CA:FALSE\n")
            .unwrap();
        fs::write(at.join("client.ext"), "subjectAltName=DNS:prometheus\nextendedKeyUsage=clientAuth\n").unwrap();
        for authority in ["ca", "client-ca", "stranger"] {
            openssl(
                at,
                &format!(
                    "req -x509 {NEW_KEY} -keyout {authority}.key -out {authority}.crt -days 2 -subj /CN={authority}"
                ),
            );
        }
        for (name, by, ext) in
            [("server", "ca", "server"), ("renewed", "ca", "server"), ("client", "client-ca", "client")]
        {
            openssl(at, &format!("req {NEW_KEY} -keyout {name}.key -out {name}.csr -subj /CN={name}"));
            openssl(
                at,
                &format!(
                    "x509 -req -in {name}.csr -CA {by}.crt -CAkey {by}.key -CAcreateserial -out {name}.crt -days 2 -extfile {ext}.ext"
                ),
            );
        }
        Self(dir)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("written");
    }

    fn chain(&self, name: &str) -> Vec<CertificateDer<'static>> {
        CertificateDer::pem_file_iter(self.path(&format!("{name}.crt"))).unwrap().map(Result::unwrap).collect()
    }

    /// A client that trusts `ca` and nobody else, and shows the certificate of that name.
    pub fn client(&self, shows: Option<&str>, versions: &[&'static SupportedProtocolVersion]) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(self.chain("ca"));
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)
            .expect("they are there")
            .with_root_certificates(roots);
        let config = match shows {
            None => config.with_no_client_auth(),
            Some(name) => {
                let key = PrivateKeyDer::from_pem_file(self.path(&format!("{name}.key"))).expect("a key");
                config.with_client_auth_cert(self.chain(name), key).expect("they fit")
            }
        };
        TlsConnector::from(Arc::new(config))
    }

    /// A connection by any version.
    pub async fn connect(&self, to: SocketAddr, shows: Option<&str>) -> std::io::Result<TlsStream<TcpStream>> {
        connect(&self.client(shows, &[&TLS12, &TLS13]), to).await
    }
}

pub async fn connect(client: &TlsConnector, to: SocketAddr) -> std::io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from("localhost").expect("a name");
    client.connect(name, TcpStream::connect(to).await?).await
}

/// An answer taken apart.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|l| l.split_once(": ").filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v))
    }
}

/// Sends bytes as they are and reads to the end; `None` when there is no answer.
pub async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> Option<Answer> {
    // Whoever is refused early may find nobody who takes the rest.
    let _ = stream.write_all(request.as_bytes()).await;
    let _ = stream.flush().await;
    let mut bytes = Vec::new();
    // An answer counts even when the connection ends badly after it.
    let _ = stream.read_to_end(&mut bytes).await;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Answer { status, head: head.to_owned(), body: body.to_owned() })
}

/// `GET`, with these lines in the header.
pub fn get(path: &str, lines: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{lines}\r\n")
}

/// The header of basic authentication.
pub fn basic(name: &str, password: &str) -> String {
    use base64::Engine as _;
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{name}:{password}"));
    format!("Authorization: Basic {pair}\r\n")
}
