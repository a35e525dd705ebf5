//! The engine that touches the network: async-snmp on a few shared sockets.
//!
//! Set up so that nothing is believed too easily: answers from another address are dropped unless the device is
//! known to give them, sockets are never shared with another process, and a device has its own cap besides the
//! one for all. Where a v3 device is silent, [`super::diagnosis`] finds out why, at most once a minute.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_snmp::client::FixedCardinalityChunkStream;
use async_snmp::v3::{DesSaltState, PersistedDesSaltState};
use async_snmp::{
    Auth as LibraryAuth, AuthProtocol, ClientBuilder, EngineCache, Error, ErrorStatus, MasterKeys, PrivProtocol, Retry,
    UdpHandle, UdpTransport, UsmConfig,
};
use tokio::net::UdpSocket;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::credential::User;
use super::diagnosis::{self, Heard};
use super::{
    Absence, Access, Ask, Auth, Binding, Credential, Engine, Exchange, Failure, Limits, Oid, Privacy, Target, Value,
    Version,
};

/// How large the sockets' receive buffers are asked to be: the answers of half a second at full pace.
const RECEIVE_BUFFER: usize = 4 << 20;
/// How often a silent v3 device is asked why.
const DIAGNOSE_EVERY: Duration = Duration::from_secs(60);
/// How many silent devices are asked why at a time.
const DIAGNOSES_AT_ONCE: usize = 8;

/// How much may be under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// Shared sockets for each address family.
    pub sockets: usize,
    /// Exchanges under way in all.
    pub in_flight: usize,
    /// Exchanges under way with one device.
    pub per_device: usize,
}

impl Default for Caps {
    fn default() -> Caps {
        Caps { sockets: 2, in_flight: 4_096, per_device: 2 }
    }
}

/// Open sockets, not yet asked anything.
pub struct Sockets {
    v4: Vec<UdpTransport>,
    v6: Vec<UdpTransport>,
    /// For the diagnosis: each is used by one question at a time.
    plain_v4: Mutex<Vec<UdpSocket>>,
    plain_v6: Mutex<Vec<UdpSocket>>,
}

/// Why there are no sockets.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The system gave none.
    #[error("no socket for SNMP: {0}")]
    Socket(String),
    /// Two transports got the same port, and would take each other's answers.
    #[error("two SNMP sockets share the port {0}")]
    SharedPort(u16),
}

impl Sockets {
    /// Opens the sockets on the calling thread, and so in its network namespace. Answers are read by the Tokio
    /// runtime that the thread has entered (`Handle::enter`), wherever its threads live.
    ///
    /// IPv6 sockets are left out where the system has none.
    ///
    /// # Errors
    /// [`OpenError`]
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    pub fn open(caps: &Caps) -> Result<Sockets, OpenError> {
        let transport = |address: &str| {
            let builder =
                UdpTransport::builder().bind(address).recv_buffer_size(RECEIVE_BUFFER).warn_on_source_mismatch(false);
            at_once(builder.build()).ok_or("did not open at once".to_owned())?.map_err(|e| e.to_string())
        };
        let count = caps.sockets.max(1);
        let v4: Result<Vec<_>, String> = (0..count).map(|_| transport("0.0.0.0:0")).collect();
        let v4 = v4.map_err(OpenError::Socket)?;
        let v6: Vec<_> = (0..count).map_while(|_| transport("[::]:0").ok()).collect();
        let mut ports: Vec<u16> = v4.iter().chain(&v6).map(|t| t.local_addr().port()).collect();
        ports.sort_unstable();
        if let Some(pair) = ports.windows(2).find(|p| p[0] == p[1]) {
            return Err(OpenError::SharedPort(pair[0]));
        }
        let plain = |address: &str| {
            std::net::UdpSocket::bind(address)
                .and_then(|s| s.set_nonblocking(true).map(|()| s))
                .and_then(UdpSocket::from_std)
        };
        let plain_v4: Vec<_> = (0..DIAGNOSES_AT_ONCE).map_while(|_| plain("0.0.0.0:0").ok()).collect();
        let plain_v6: Vec<_> = (0..DIAGNOSES_AT_ONCE).map_while(|_| plain("[::]:0").ok()).collect();
        Ok(Sockets { v4, v6, plain_v4: plain_v4.into(), plain_v6: plain_v6.into() })
    }
}

/// The result of a future that never has to wait.
fn at_once<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// What a diagnosis found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Silence {
    /// Another engine answers at this address than the one that was known.
    NewEngine,
    /// It refuses us.
    Because(Access),
}

struct Device {
    credential: Credential,
    limits: Limits,
    client: async_snmp::Client<UdpHandle>,
    cap: Arc<Semaphore>,
    diagnosed: Mutex<Option<(Instant, Option<Access>)>>,
}

/// The engine. One for the whole process is enough.
pub struct Client {
    sockets: Sockets,
    caps: Caps,
    cap: Semaphore,
    diagnoses: Semaphore,
    devices: Mutex<HashMap<SocketAddr, Arc<Device>>>,
    keys: Mutex<HashMap<Arc<User>, MasterKeys>>,
    engines: Arc<EngineCache>,
    des: DesSaltState,
}

/// The engine cannot start.
#[derive(Debug, thiserror::Error)]
#[error("the DES epoch {0} cannot be used: it lies between 1 and 2147483646")]
pub struct BadEpoch(pub u32);

impl Client {
    /// Over open sockets. `des_epoch` comes from [`super::store::next_epoch`] and is never used twice; it may be
    /// `None` where no device uses DES for longer than a one-off question: then it is random.
    ///
    /// # Errors
    /// [`BadEpoch`]
    pub fn new(sockets: Sockets, caps: Caps, des_epoch: Option<u32>) -> Result<Client, BadEpoch> {
        let epoch = des_epoch.unwrap_or_else(|| (random() as u32 >> 2) + 2);
        let before = epoch.checked_sub(1).map(PersistedDesSaltState::new);
        let des = match before {
            Some(Ok(before)) => DesSaltState::restart(before, |_| Ok::<(), Infallible>(())),
            _ => DesSaltState::install(|_| Ok::<(), Infallible>(())),
        };
        Ok(Client {
            sockets,
            cap: Semaphore::new(caps.in_flight.max(1)),
            diagnoses: Semaphore::new(DIAGNOSES_AT_ONCE),
            caps,
            devices: Mutex::default(),
            keys: Mutex::default(),
            engines: Arc::new(EngineCache::new().with_max_capacity(131_072)),
            des: des.map_err(|_| BadEpoch(epoch))?,
        })
    }

    /// Forgets a device that is no longer polled.
    pub fn forget(&self, address: SocketAddr) {
        self.devices.lock().unwrap_or_else(PoisonError::into_inner).remove(&address);
    }

    fn device(&self, target: &Target) -> Result<Arc<Device>, Failure> {
        let mut devices = self.devices.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(device) = devices.get(&target.address)
            && device.limits == target.limits
            && device.credential == target.credential
        {
            return Ok(device.clone());
        }
        let transports = if target.address.is_ipv4() { &self.sockets.v4 } else { &self.sockets.v6 };
        let spread = usize::from(target.address.port()) ^ last_octet(target.address);
        let transport = transports.get(spread % transports.len().max(1));
        let transport = transport.ok_or(Failure::Local("this machine has no socket for the address family"))?;
        let handle = transport.handle(target.address).map_err(|_| Failure::Local("not an address to send to"))?;
        let handle = handle.strict_source(!target.limits.other_address);
        let limits = &target.limits;
        let retry = Retry::exponential(limits.retries)
            .initial_delay(Duration::from_millis(100))
            .max_delay(limits.timeout)
            .jitter(0.25)
            .build()
            .map_err(|_| Failure::Local("these retries cannot be"))?;
        let client = ClientBuilder::new(self.auth(&target.credential)?)
            .request_timeout(limits.timeout)
            .exchange_timeout(Some(limits.deadline))
            .retry(retry)
            .max_oids_per_request(limits.oids.max(1))
            .des_salt_state(self.des.clone())
            .engine_cache(self.engines.clone())
            .build_with_transport(handle)
            .map_err(|_| Failure::Local("the credential cannot be used"))?;
        let device = Arc::new(Device {
            credential: target.credential.clone(),
            limits: target.limits,
            client,
            cap: Arc::new(Semaphore::new(self.caps.per_device.max(1))),
            diagnosed: Mutex::new(None),
        });
        devices.insert(target.address, device.clone());
        Ok(device)
    }

    fn auth(&self, credential: &Credential) -> Result<LibraryAuth, Failure> {
        Ok(match credential {
            Credential::Community { version: Version::V1, community } => LibraryAuth::v1(community.expose().to_vec()),
            Credential::Community { community, .. } => LibraryAuth::v2c(community.expose().to_vec()),
            Credential::User(user) => {
                let mut config = UsmConfig::new(user.name.clone().into_bytes());
                config = config.context_name(user.context.clone().into_bytes());
                if let Some(keys) = self.keys(user)? {
                    config = config.with_master_keys(keys).map_err(|_| Failure::Local("the keys cannot be used"))?;
                }
                LibraryAuth::from(config)
            }
        })
    }

    /// Hashing a password takes a megabyte of work: done once for a user, however many devices know it.
    fn keys(&self, user: &Arc<User>) -> Result<Option<MasterKeys>, Failure> {
        let Some((auth, password)) = &user.auth else { return Ok(None) };
        let mut known = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(keys) = known.get(user) {
            return Ok(Some(keys.clone()));
        }
        let unusable = |_| Failure::Local("the password cannot be used");
        let mut keys = MasterKeys::new(auth_protocol(*auth), password.expose()).map_err(unusable)?;
        if let Some((privacy, password)) = &user.privacy {
            keys = keys.with_privacy(privacy_protocol(*privacy), password.expose()).map_err(unusable)?;
        }
        known.insert(user.clone(), keys.clone());
        Ok(Some(keys))
    }

    async fn ask(&self, target: &Target, ask: &Ask) -> Result<Vec<Binding>, Failure> {
        let device = self.device(target)?;
        let closed = |_| Failure::Local("the engine is shut down");
        let _own = device.cap.acquire().await.map_err(closed)?;
        let _all = self.cap.acquire().await.map_err(closed)?;
        let answer = send(&device.client, ask).await;
        if answer == Err(Failure::Timeout)
            && let Credential::User(user) = &target.credential
        {
            return match self.why_silent(&device, target, user).await {
                Some(Silence::NewEngine) => {
                    // Replaced, or set up anew: what was known of it is worth nothing.
                    let fresh = self.replace(target)?;
                    send(&fresh.client, ask).await
                }
                Some(Silence::Because(access)) => Err(Failure::Access(access)),
                None => Err(Failure::Timeout),
            };
        }
        answer
    }

    fn replace(&self, target: &Target) -> Result<Arc<Device>, Failure> {
        self.engines.remove(&target.address);
        self.forget(target.address);
        self.device(target)
    }

    async fn why_silent(&self, device: &Device, target: &Target, user: &Arc<User>) -> Option<Silence> {
        let now = Instant::now();
        {
            let last = device.diagnosed.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((at, access)) = *last
                && now.duration_since(at) < DIAGNOSE_EVERY
            {
                return access.map(Silence::Because);
            }
        }
        // Nobody waits for a diagnosis: when many are silent at once, the rest are asked why another time.
        let _one = self.diagnoses.try_acquire().ok()?;
        let silence = self.diagnose(target, user).await;
        let access = if let Some(Silence::Because(access)) = silence { Some(access) } else { None };
        *device.diagnosed.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, access));
        silence
    }

    async fn diagnose(&self, target: &Target, user: &Arc<User>) -> Option<Silence> {
        let (engine, _) = self.plain(target, diagnosis::who_are_you).await?;
        if self.engines.get(&target.address).is_some_and(|known| *known.engine_id() != engine.id) {
            return Some(Silence::NewEngine);
        }
        self.refused(target, user, &engine).await.map(Silence::Because)
    }

    async fn refused(&self, target: &Target, user: &Arc<User>, engine: &diagnosis::Engine) -> Option<Access> {
        let keys = self.keys(user).ok()??;
        let (key, _) = keys.localize(&engine.id).ok()?;
        let (_, heard) =
            self.plain(target, |id| diagnosis::signed(id, engine, &user.name, &key).unwrap_or_default()).await?;
        if let Heard::Report(counter) = heard {
            return diagnosis::meaning(counter);
        }
        user.privacy.as_ref()?;
        let mut noise = [0u8; 56];
        getrandom::fill(&mut noise).ok()?;
        let claim = |id| diagnosis::claimed_private(id, engine, &user.name, &key, &noise).unwrap_or_default();
        match self.plain(target, claim).await {
            Some((_, Heard::Report(counter))) => diagnosis::meaning(counter),
            // The signature is good, and what was enciphered is not understood.
            _ => Some(Access::WrongPrivacy),
        }
    }

    /// Sends one message and waits for its answer, on a socket that nobody else uses meanwhile.
    async fn plain(&self, target: &Target, build: impl Fn(i32) -> Vec<u8>) -> Option<(diagnosis::Engine, Heard)> {
        let pool = if target.address.is_ipv4() { &self.sockets.plain_v4 } else { &self.sockets.plain_v6 };
        let lent = Lent { pool, socket: Some(pool.lock().unwrap_or_else(PoisonError::into_inner).pop()?) };
        let socket = lent.socket.as_ref()?;
        let msg_id = (random() as i32) & 0x7fff_ffff;
        let question = build(msg_id);
        let mut buffer = vec![0u8; 2_048];
        for _ in 0..=target.limits.retries {
            socket.send_to(&question, target.address).await.ok()?;
            let until = Instant::now() + target.limits.timeout;
            while let Ok(received) = timeout_at(until, socket.recv_from(&mut buffer)).await {
                let Ok((length, from)) = received else { continue };
                if from != target.address && !target.limits.other_address {
                    continue;
                }
                if let Some(heard) = diagnosis::read(&buffer[..length], msg_id) {
                    return Some(heard);
                }
            }
        }
        None
    }
}

/// A socket that goes back to its pool, however its user ends.
struct Lent<'a> {
    pool: &'a Mutex<Vec<UdpSocket>>,
    socket: Option<UdpSocket>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner).extend(self.socket.take());
    }
}

impl Engine for Client {
    fn exchange<'a>(&'a self, target: &'a Target, ask: &'a Ask) -> Exchange<'a> {
        Box::pin(self.ask(target, ask))
    }
}

async fn send(client: &async_snmp::Client<UdpHandle>, ask: &Ask) -> Result<Vec<Binding>, Failure> {
    let names = |oids: &[Oid]| oids.iter().map(|o| async_snmp::Oid::from_slice(o.arcs())).collect::<Vec<_>>();
    let answer = match ask {
        Ask::Get(oids) => return whole(client.get_many_chunks(&names(oids)), oids.len()).await,
        Ask::Next(oids) => return whole(client.get_next_many_chunks(&names(oids)), oids.len()).await,
        Ask::Bulk { oids, repetitions } => client.get_bulk(&names(oids), 0, *repetitions).await,
    };
    match answer {
        Ok(bindings) => Ok(bindings.into_iter().filter_map(binding).collect()),
        Err(error) => Err(failure(error.exchange_source())),
    }
}

/// The library halves a request by itself when the agent finds it too big, and would do so again each time. Here
/// that is an answer: whoever asked remembers it.
async fn whole(
    chunks: async_snmp::Result<FixedCardinalityChunkStream<UdpHandle>>,
    asked: usize,
) -> Result<Vec<Binding>, Failure> {
    let mut chunks = chunks.map_err(|error| failure(error.exchange_source()))?;
    match chunks.next().await {
        Some(Ok(chunk)) if chunk.request_range.len() < asked => Err(Failure::TooBig),
        Some(Ok(chunk)) => Ok(chunk.response.varbinds.into_iter().filter_map(binding).collect()),
        Some(Err(error)) => Err(failure(error.source.exchange_source())),
        None => Ok(Vec::new()),
    }
}

pub(super) fn binding(from: async_snmp::VarBind) -> Option<Binding> {
    use async_snmp::Value as V;
    let value = match from.value {
        V::Integer(v) => Value::Integer(v),
        V::OctetString(v) | V::Nsap(v) => Value::Bytes(v.as_ref().into()),
        V::Null => Value::Null,
        V::ObjectIdentifier(v) => Value::Oid(Oid::new(v.arcs())),
        V::IpAddress(v) => Value::Address(v),
        V::Counter32(v) => Value::Counter32(v),
        V::Gauge32(v) | V::UInteger32(v) => Value::Gauge32(v),
        V::TimeTicks(v) => Value::TimeTicks(v),
        V::Opaque(v) => Value::Opaque(v.as_ref().into()),
        V::Counter64(v) => Value::Counter64(v),
        V::NoSuchObject => Value::Absent(Absence::NoSuchObject),
        V::NoSuchInstance => Value::Absent(Absence::NoSuchInstance),
        V::EndOfMibView => Value::Absent(Absence::EndOfMib),
        _ => return None,
    };
    Some(Binding { oid: Oid::new(from.oid.arcs()), value })
}

fn failure(error: &Error) -> Failure {
    use async_snmp::v3::ReportStatus as R;
    match error {
        Error::Timeout { .. } => Failure::Timeout,
        Error::Snmp { status: ErrorStatus::TooBig, .. } | Error::OutboundMessageTooLarge { .. } => Failure::TooBig,
        Error::Snmp { status: ErrorStatus::NoSuchName, index, .. } => Failure::NoSuchName(*index),
        Error::Snmp { status, index, .. } => Failure::Agent { status: status.as_i32(), index: *index },
        Error::Auth { .. } => Failure::Access(Access::WrongPassword),
        Error::Report { status, .. } => Failure::Access(match **status {
            R::UnsupportedSecurityLevel { .. } => Access::UnsupportedLevel,
            R::NotInTimeWindow { .. } => Access::ClockSkew,
            R::UnknownUserName { .. } => Access::UnknownUser,
            R::UnknownEngineId { .. } => Access::UnknownEngine,
            R::WrongDigest { .. } => Access::WrongPassword,
            R::DecryptionError { .. } => Access::WrongPrivacy,
            _ => Access::Denied,
        }),
        Error::Network { .. } => Failure::Local("the system could not send"),
        Error::Closed { .. } => Failure::Local("the socket is closed"),
        Error::Decode(_) | Error::MalformedResponse { .. } | Error::ResponseShape { .. } => Failure::Malformed,
        _ => Failure::Local("the request could not be made"),
    }
}

pub(super) fn auth_protocol(auth: Auth) -> AuthProtocol {
    match auth {
        Auth::Md5 => AuthProtocol::Md5,
        Auth::Sha1 => AuthProtocol::Sha1,
        Auth::Sha224 => AuthProtocol::Sha224,
        Auth::Sha256 => AuthProtocol::Sha256,
        Auth::Sha384 => AuthProtocol::Sha384,
        Auth::Sha512 => AuthProtocol::Sha512,
    }
}

pub(super) fn privacy_protocol(privacy: Privacy) -> PrivProtocol {
    match privacy {
        Privacy::Des => PrivProtocol::Des,
        Privacy::Aes128 => PrivProtocol::Aes128,
        Privacy::Aes192 => PrivProtocol::Aes192Blumenthal,
        Privacy::Aes256 => PrivProtocol::Aes256Blumenthal,
        Privacy::Aes192Cisco => PrivProtocol::Aes192Reeder,
        Privacy::Aes256Cisco => PrivProtocol::Aes256Reeder,
    }
}

fn last_octet(address: SocketAddr) -> usize {
    match address {
        SocketAddr::V4(v4) => usize::from(v4.ip().octets()[3]),
        SocketAddr::V6(v6) => usize::from(v6.ip().octets()[15]),
    }
}

fn random() -> u64 {
    getrandom::u64().expect("the operating system has random numbers")
}
