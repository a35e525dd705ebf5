//! Receives SNMP notifications, when the configuration says where. Each is a hint to poll, and nothing else.

use std::sync::Arc;

use assured_probes::snmp::trap::{Hint, Options, Receiver};
use assured_probes::snmp::{Credential, store};
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;

use super::credential::credential;
use crate::config::Config;

/// Receives for as long as anybody listens; without `monitor.traps` there is nothing to do.
///
/// That notifications cannot be received is said in the log and stops nothing: regular polls find out by themselves.
pub async fn receive(config: Arc<Config>, hints: mpsc::Sender<Hint>) {
    let Some(listen) = config.monitor.traps else {
        return hints.closed().await;
    };
    let file = config.monitor.data_dir.join("snmp-engine-boots");
    let boots = tokio::task::spawn_blocking(move || store::next_epoch(&file)).await;
    let boots = match boots {
        Ok(Ok(boots)) => boots,
        Ok(Err(error)) => {
            tracing::error!(%listen, "no traps are received: how often we started cannot be kept: {error}");
            return hints.closed().await;
        }
        Err(_) => return,
    };
    let credentials: Vec<Credential> = config.credentials.iter().filter_map(|c| credential(&c.access).ok()).collect();
    let options = Options { listen, credentials, engine: (engine(&config.monitor.vantage), boots) };
    match Receiver::open(&options).await {
        Ok(receiver) => {
            tracing::info!(listen = %receiver.local_addr(), "receiving SNMP notifications");
            receiver.run(hints).await;
        }
        Err(error) => {
            tracing::error!("{error}; polling goes on without them");
            hints.closed().await;
        }
    }
}

/// Our engine's identity for informs: the same at every start, another for every vantage (RFC 3411 §5, format 5).
fn engine(vantage: &str) -> Vec<u8> {
    let mut id = vec![0x80, 0, 0, 0, 5];
    id.extend_from_slice(&Sha256::digest(format!("assured {vantage}"))[..16]);
    id
}
