//! Receives SNMP notifications, where the configuration says. Each is a hint to poll, and nothing else.
//!
//! A reload may move the receiver, or give it other credentials: where it cannot listen at the new address it goes on
//! at the old one, and says so.

use std::future::pending;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;

use assured_probes::snmp::trap::{Hint, Options, Receiver};
use assured_probes::snmp::{Credential, store};
use sha2::{Digest as _, Sha256};
use tokio::sync::{mpsc, watch};

use super::credential::credential;
use crate::config::Config;

/// A receiver at work.
type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Receives for as long as anybody listens; without `monitor.traps` there is nothing to do.
///
/// That notifications cannot be received is said in the log and stops nothing: regular polls find out by themselves.
/// Cancelled anywhere it leaves nothing behind but a number that was used up.
///
/// How often it started is kept in `data_dir`.
pub async fn receive(mut reloads: watch::Receiver<Reception>, data_dir: PathBuf, hints: mpsc::Sender<Hint>) {
    let boots = data_dir.join("snmp-engine-boots");
    let mut wanted = reloads.borrow_and_update().clone();
    let mut running = start(&wanted, &boots, &hints).await;
    loop {
        let work = async {
            match &mut running {
                Some(running) => running.await,
                None => pending().await,
            }
        };
        tokio::select! {
            () = hints.closed() => return,
            () = work => running = None,
            changed = reloads.changed() => {
                if changed.is_err() {
                    return;
                }
                let now = reloads.borrow_and_update().clone();
                if now == wanted {
                    continue;
                }
                let before = std::mem::replace(&mut wanted, now);
                let Some(listen) = wanted.listen else {
                    running = None;
                    tracing::info!("SNMP notifications are received no more");
                    continue;
                };
                if before.listen == Some(listen) {
                    running = None; // two cannot listen at one address
                }
                let new = start(&wanted, &boots, &hints).await;
                if new.is_some() || running.is_none() {
                    running = new;
                } else if let Some(old) = before.listen {
                    tracing::warn!(listen = %old, "SNMP notifications go on being received at the address of before");
                    wanted.listen = before.listen;
                }
            }
        }
    }
}

/// What is to be received, and from whom.
#[derive(Clone, PartialEq)]
pub struct Reception {
    listen: Option<SocketAddr>,
    credentials: Vec<Credential>,
    engine: Vec<u8>,
}

impl Reception {
    /// As the configuration says.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        Self {
            listen: config.monitor.traps,
            credentials: config.credentials.iter().filter_map(|c| credential(&c.access).ok()).collect(),
            engine: engine(&config.monitor.vantage),
        }
    }
}

/// A receiver; `None` when none is wanted, or when there can be none, which the log says.
async fn start(wanted: &Reception, boots: &std::path::Path, hints: &mpsc::Sender<Hint>) -> Option<Running> {
    let listen = wanted.listen?;
    let file = PathBuf::from(boots);
    let boots = match tokio::task::spawn_blocking(move || store::next_epoch(&file)).await {
        Ok(Ok(boots)) => boots,
        Ok(Err(error)) => {
            tracing::error!(%listen, "no traps are received: how often we started cannot be kept: {error}");
            return None;
        }
        Err(_) => return None,
    };
    let options = Options { listen, credentials: wanted.credentials.clone(), engine: (wanted.engine.clone(), boots) };
    match Receiver::open(&options).await {
        Ok(receiver) => {
            tracing::info!(listen = %receiver.local_addr(), "receiving SNMP notifications");
            Some(Box::pin(receiver.run(hints.clone())))
        }
        Err(error) => {
            tracing::error!("{error}; polling goes on without them");
            None
        }
    }
}

/// Our engine's identity for informs: the same at every start, another for every vantage (RFC 3411 §5, format 5).
fn engine(vantage: &str) -> Vec<u8> {
    let mut id = vec![0x80, 0, 0, 0, 5];
    id.extend_from_slice(&Sha256::digest(format!("assured {vantage}"))[..16]);
    id
}
