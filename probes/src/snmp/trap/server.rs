//! Receives traps and informs over UDP: v1, v2c and v3. What they say goes out as [`Hint`]s and nothing else.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_snmp::notification::NotificationReceiver;
use async_snmp::{AuthoritativeEngine, NotificationAcceptance, PersistedAuthoritativeEngine, SecurityLevel};
use tokio::sync::mpsc;

use super::hint::{Hint, about};
use crate::snmp::client::{auth_protocol, binding, privacy_protocol};
use crate::snmp::{Credential, Oid};

/// How to receive.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen, usually on port 162.
    pub listen: SocketAddr,
    /// Communities that are accepted (all others are dropped) and users. Without any, nothing is accepted.
    pub credentials: Vec<Credential>,
    /// Our own engine's identity for informs: 5 to 32 octets, kept for good, and how often it has started: counted
    /// up at every start and kept before it is used.
    pub engine: (Vec<u8>, u32),
}

/// The receiver cannot start.
#[derive(Debug, thiserror::Error)]
#[error("no traps are received on {listen}: {why}")]
pub struct ReceiverError {
    /// Where it would have listened.
    pub listen: SocketAddr,
    /// What failed.
    pub why: String,
}

/// A receiver of traps and informs. Informs are acknowledged.
pub struct Receiver {
    inner: NotificationReceiver,
    dropped: Arc<AtomicU64>,
}

impl Receiver {
    /// Opens the socket on the calling thread (and so in its network namespace) once polled.
    ///
    /// # Errors
    /// [`ReceiverError`]
    pub async fn open(options: &Options) -> Result<Receiver, ReceiverError> {
        let fail = |why: String| ReceiverError { listen: options.listen, why };
        let (id, boots) = &options.engine;
        let before = PersistedAuthoritativeEngine::new(id.clone(), boots.saturating_sub(1).max(1));
        let engine = before
            .and_then(|before| AuthoritativeEngine::restart(before, |_| Ok::<(), std::convert::Infallible>(())))
            .map_err(|e| fail(e.to_string()))?;
        let signed: Vec<bool> =
            options.credentials.iter().map(|c| matches!(c, Credential::User(u) if u.auth.is_some())).collect();
        let any_user = options.credentials.iter().any(|c| matches!(c, Credential::User(_)));
        let need_signature = any_user && signed.iter().any(|s| *s);
        let mut builder = NotificationReceiver::builder().bind(options.listen.to_string()).authoritative_engine(engine);
        let mut communities = 0;
        for credential in &options.credentials {
            match credential {
                Credential::Community { community, .. } => {
                    communities += 1;
                    builder = builder.community(community.expose().to_vec());
                }
                Credential::User(user) => {
                    builder = builder
                        .usm_user(user.name.clone().into_bytes(), |mut u| {
                            match (&user.auth, &user.privacy) {
                                (Some((auth, secret)), Some((privacy, hidden))) => {
                                    u = u.auth_priv(
                                        auth_protocol(*auth),
                                        secret.expose(),
                                        privacy_protocol(*privacy),
                                        hidden.expose(),
                                    )?;
                                }
                                (Some((auth, secret)), None) => u = u.auth(auth_protocol(*auth), secret.expose())?,
                                _ => {}
                            }
                            Ok(u)
                        })
                        .map_err(|e| fail(e.to_string()))?;
                }
            }
        }
        let accept_plain = communities > 0;
        let builder = builder.acceptance_policy(move |n| match n.security_level {
            None if accept_plain => NotificationAcceptance::Accept,
            Some(SecurityLevel::NoAuthNoPriv) if need_signature => NotificationAcceptance::Reject,
            Some(_) => NotificationAcceptance::Accept,
            None => NotificationAcceptance::Reject,
        });
        let inner = builder.build().await.map_err(|e| fail(e.to_string()))?;
        Ok(Receiver { inner, dropped: Arc::default() })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.inner.local_addr()
    }

    /// Hints thrown away because nobody was reading, since the start.
    pub fn dropped(&self) -> Arc<AtomicU64> {
        self.dropped.clone()
    }

    /// Receives until the channel's other end is gone. A full channel drops hints and counts them: the regular
    /// polls still come. Cancelling it loses at most the datagram at hand.
    pub async fn run(self, hints: mpsc::Sender<Hint>) {
        loop {
            let received = tokio::select! {
                () = hints.closed() => return,
                received = self.inner.recv() => received,
            };
            let Ok(received) = received else {
                // A transient fault of the socket; the library backs off by itself only inside a receive.
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                continue;
            };
            let notification = &received.notification;
            let Ok(trap) = notification.trap_oid() else { continue };
            let trap = Oid::new(trap.arcs());
            let bindings: Vec<_> = notification.varbinds().iter().cloned().filter_map(binding).collect();
            let authenticated = notification.security_level().is_some_and(SecurityLevel::requires_auth);
            let from = received.source.ip().to_canonical();
            let hint =
                Hint { from, authenticated, about: about(&trap, &bindings), trap, uptime: notification.uptime() };
            if hints.try_send(hint).is_err() {
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}
