//! A running lab, as those see it who use it.

use std::io::{self, IoSlice, IoSliceMut, PipeWriter};
use std::mem::MaybeUninit;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::{self, JoinHandle};

use assured_probes::icmp::socket::{self, Sockets};
use assured_probes::snmp::{self, client::Caps};
use rustix::net::{self, AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendFlags};
use rustix::net::{SocketFlags, SocketType};

use super::agents::Agents;
use super::driver::{self, Shared};
use super::fleet::{Agent, Fleet};
use super::scenario::{Scenario, ScenarioError};
use super::server::{self, InsideError, Namespace, SocketKind};
use super::store::Journal;
use super::truth::Truth;
use crate::clock::{Clock, SystemClock};

/// How a lab is to be run.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many single requests the truth remembers; sums go on for ever.
    pub remember: usize,
    /// How a namespace is to be had.
    pub way: Way,
    /// The program that is run as `PROGRAM lab-helper`; this program itself when `None`.
    /// Its `main` must begin with [`server::run_if_asked`].
    pub helper: Option<PathBuf>,
    /// Where the truth is written as well, one JSON object a line; only what is remembered until it is complete.
    pub journal: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self { remember: 65_536, way: Way::Any, helper: None, journal: None }
    }
}

/// How a namespace is to be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// By a thread where that is allowed (CAP_SYS_ADMIN), else by a helper process.
    Any,
    /// By a thread.
    Thread,
    /// By a helper process, in a user namespace where need be.
    Helper,
}

/// Why there is no lab, or why something cannot be done in it.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// The scenario cannot be.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// Network namespaces or TUN devices are not to be had here.
    #[error(transparent)]
    Inside(#[from] InsideError),
    /// The helper could not be started, or has gone.
    #[error("the lab's helper process: {0}")]
    Helper(#[source] io::Error),
    /// The journal cannot be written.
    #[error("the lab's journal {0}: {1}")]
    Journal(PathBuf, #[source] io::Error),
    /// The lab's thread could not be started, or has gone.
    #[error("the lab's thread: {0}")]
    Thread(#[source] io::Error),
    /// The probing sockets cannot be had.
    #[error(transparent)]
    Sockets(#[from] socket::OpenError),
    /// The sockets for SNMP cannot be had.
    #[error(transparent)]
    Snmp(snmp::client::OpenError),
    /// Code can be run inside only where a thread has the namespace.
    #[error("the lab's namespace belongs to a helper process: ask it for a socket instead")]
    NotAThread,
}

/// A running fleet. Ends when dropped; sockets opened inside remain valid, but nobody answers them any more.
#[derive(Debug)]
pub struct Lab {
    shared: Arc<Shared>,
    inside: Inside,
    /// Closed to stop the thread.
    stop: Option<PipeWriter>,
    driver: Option<JoinHandle<()>>,
}

#[derive(Debug)]
enum Inside {
    Thread(Resident),
    Helper(Mutex<Helper>),
}

/// The thread that has the namespace and does what it is sent. It ends when it can be sent no more.
#[derive(Debug)]
struct Resident {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Resident {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

type Job = Box<dyn FnOnce(&Namespace) + Send>;

impl Lab {
    /// Starts a fleet in a network namespace of its own.
    ///
    /// # Errors
    /// The scenario cannot be; or neither way to a namespace is allowed here.
    pub fn start(scenario: &Scenario, options: &Options) -> Result<Self, LabError> {
        let mut fleet = Fleet::new(scenario, options.remember)?;
        let journal = match &options.journal {
            Some(path) => Some(Journal::create(path).map_err(|e| LabError::Journal(path.clone(), e))?),
            None => None,
        };
        let (inside, device) = match options.way {
            Way::Thread => thread_inside(scenario)?,
            Way::Helper => helper_inside(scenario, options)?,
            Way::Any => match thread_inside(scenario) {
                Ok(both) => both,
                Err(_) => helper_inside(scenario, options)?,
            },
        };
        let clock = SystemClock::default();
        let second_of_day = u64::try_from(clock.now().sec().0.rem_euclid(86_400)).unwrap_or(0);
        if let Some(agents) = Agents::of(scenario, second_of_day).map_err(ScenarioError::Agent)? {
            fleet.set_agent(Box::new(agents));
        }
        let shared = Arc::new(Shared { fleet: Mutex::new(fleet), clock, write_failures: AtomicU64::new(0) });
        let (stopped, stop) = io::pipe().map_err(LabError::Thread)?;
        let run = {
            let shared = shared.clone();
            move || {
                if let Err(error) = driver::run(&shared, &device, &stopped, journal) {
                    tracing::error!(%error, "the lab's fleet stopped answering");
                }
            }
        };
        let driver = thread::Builder::new().name("lab-fleet".into()).spawn(run).map_err(LabError::Thread)?;
        Ok(Self { shared, inside, stop: Some(stop), driver: Some(driver) })
    }

    /// A socket made inside, non-blocking and closed on exec, otherwise as the kernel makes it.
    ///
    /// # Errors
    /// The kernel's; raw ones need CAP_NET_RAW inside, which a user namespace gives.
    pub fn socket(&self, kind: SocketKind) -> Result<OwnedFd, LabError> {
        match &self.inside {
            Inside::Thread(_) => self
                .inside(move || kind.open())?
                .map_err(|source| InsideError { what: "opening a socket".into(), source }.into()),
            Inside::Helper(helper) => {
                let number = SocketKind::ALL.iter().position(|k| *k == kind).unwrap_or(0);
                let number = u8::try_from(number).expect("there are eight kinds");
                let (_, fd) = lock(helper).ask(&[server::OPEN, number])?;
                fd.ok_or_else(|| LabError::Helper(io::ErrorKind::InvalidData.into()))
            }
        }
    }

    /// Probing sockets made inside, for the engine that runs outside.
    ///
    /// # Errors
    /// Neither kind of ICMP socket is allowed inside.
    pub fn sockets(&self, options: socket::Options) -> Result<Sockets, LabError> {
        let make = |v6, mode| {
            let kind = match (v6, mode) {
                (false, socket::Mode::Datagram) => SocketKind::IcmpDatagramV4,
                (false, socket::Mode::Raw) => SocketKind::IcmpRawV4,
                (true, socket::Mode::Datagram) => SocketKind::IcmpDatagramV6,
                (true, socket::Mode::Raw) => SocketKind::IcmpRawV6,
            };
            self.socket(kind).map_err(|error| match error {
                LabError::Inside(InsideError { source, .. }) => source,
                other => io::Error::other(other),
            })
        };
        Ok(Sockets::open_by(options, make)?)
    }

    /// Whether code can be run inside, as SNMP's sockets need it.
    #[must_use]
    pub fn runs_inside(&self) -> bool {
        matches!(self.inside, Inside::Thread(_))
    }

    /// SNMP sockets made inside, read by the runtime that `runtime` belongs to.
    ///
    /// # Errors
    /// [`LabError::NotAThread`] where a helper process has the namespace: the library that asks opens its sockets itself
    /// and cannot be handed any.
    pub fn snmp_sockets(&self, caps: Caps, runtime: tokio::runtime::Handle) -> Result<snmp::client::Sockets, LabError> {
        let opened = self.inside(move || {
            let _entered = runtime.enter();
            snmp::client::Sockets::open(&caps)
        })?;
        opened.map_err(LabError::Snmp)
    }

    /// Runs `open` inside and gives back what it returns: for whoever opens sockets by itself.
    ///
    /// # Errors
    /// [`LabError::NotAThread`] where a helper process has the namespace: use [`Lab::socket`] there.
    pub fn inside<T: Send + 'static>(&self, open: impl FnOnce() -> T + Send + 'static) -> Result<T, LabError> {
        self.within(|_| open())
    }

    /// Takes the routes to all hosts away: probing them ends in "network unreachable".
    ///
    /// # Errors
    /// The kernel's.
    pub fn remove_route(&self) -> Result<(), LabError> {
        self.set_routes(false)
    }

    /// Puts the routes back.
    ///
    /// # Errors
    /// The kernel's.
    pub fn restore_route(&self) -> Result<(), LabError> {
        self.set_routes(true)
    }

    /// Packets that the device dropped because the fleet was too slow; anything but 0 makes measurements worthless.
    ///
    /// # Errors
    /// The kernel's count cannot be read.
    pub fn dropped(&self) -> Result<u64, LabError> {
        match &self.inside {
            Inside::Thread(_) => self
                .within(Namespace::dropped)?
                .map_err(|source| InsideError { what: "counting what the device dropped".into(), source }.into()),
            Inside::Helper(helper) => {
                let (bytes, _) = lock(helper).ask(&[server::DROPPED])?;
                let count = bytes.first_chunk().map(|b| u64::from_ne_bytes(*b));
                count.ok_or_else(|| LabError::Helper(io::ErrorKind::InvalidData.into()))
            }
        }
    }

    /// Whether the fleet still answers; when not, the log says why.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.driver.as_ref().is_some_and(|driver| !driver.is_finished())
    }

    /// Answers that the kernel would not take from the fleet.
    #[must_use]
    pub fn write_failures(&self) -> u64 {
        self.shared.write_failures.load(Ordering::Relaxed)
    }

    /// Looks at the truth. The fleet stands still meanwhile: copy what is needed and let go.
    pub fn truth<T>(&self, look: impl FnOnce(&Truth) -> T) -> T {
        look(lock(&self.shared.fleet).truth())
    }

    /// Number of the host with this address in the truth.
    #[must_use]
    pub fn number(&self, address: IpAddr) -> Option<usize> {
        lock(&self.shared.fleet).number(address)
    }

    /// Time since the start on the fleet's clock, nanoseconds: the scale of faults and of the truth.
    #[must_use]
    pub fn now_ns(&self) -> u64 {
        self.shared.clock.now().mono_ns
    }

    /// Gives the hosts someone who answers their UDP datagrams.
    pub fn set_agent(&self, agent: Box<dyn Agent>) {
        lock(&self.shared.fleet).set_agent(agent);
    }

    fn set_routes(&self, there: bool) -> Result<(), LabError> {
        match &self.inside {
            Inside::Thread(_) => self
                .within(move |namespace| namespace.set_routes(there))?
                .map_err(|source| InsideError { what: "changing the routes".into(), source }.into()),
            Inside::Helper(helper) => lock(helper).ask(&[server::ROUTES, u8::from(there)]).map(|_| ()),
        }
    }

    fn within<T: Send + 'static>(&self, job: impl FnOnce(&Namespace) -> T + Send + 'static) -> Result<T, LabError> {
        let Inside::Thread(resident) = &self.inside else { return Err(LabError::NotAThread) };
        let (result, done) = mpsc::sync_channel(1);
        let job: Job = Box::new(move |namespace| {
            let _ = result.send(job(namespace));
        });
        let gone = || LabError::Thread(io::ErrorKind::BrokenPipe.into());
        resident.jobs.as_ref().ok_or_else(gone)?.send(job).map_err(|_| gone())?;
        done.recv().map_err(|_| gone())
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(driver) = self.driver.take() {
            let _ = driver.join();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts a thread with a namespace of its own.
fn thread_inside(scenario: &Scenario) -> Result<(Inside, OwnedFd), LabError> {
    let prefixes = scenario.prefixes.clone();
    let (jobs, todo) = mpsc::channel::<Job>();
    let (made, device) = mpsc::sync_channel(1);
    let live = move || {
        let what = "entering a network namespace of its own";
        let namespace = server::enter()
            .map_err(|source| InsideError { what: what.into(), source })
            .and_then(|()| Namespace::furnish(prefixes));
        let namespace = match namespace {
            Ok(namespace) => namespace,
            Err(e) => {
                let _ = made.send(Err(e));
                return;
            }
        };
        let device = namespace.device();
        let what = "handing out the TUN device";
        if made.send(device.map_err(|source| InsideError { what: what.into(), source })).is_err() {
            return;
        }
        for job in todo {
            job(&namespace);
        }
    };
    let thread = thread::Builder::new().name("lab-inside".into()).spawn(live).map_err(LabError::Thread)?;
    let resident = Resident { jobs: Some(jobs), thread: Some(thread) };
    let device = device.recv().map_err(|_| LabError::Thread(io::ErrorKind::BrokenPipe.into()))??;
    Ok((Inside::Thread(resident), device))
}

fn helper_inside(scenario: &Scenario, options: &Options) -> Result<(Inside, OwnedFd), LabError> {
    let program = match &options.helper {
        Some(program) => program.clone(),
        None => std::env::current_exe().map_err(LabError::Helper)?,
    };
    let mut helper = Helper::start(program)?;
    let mut request = vec![server::FURNISH];
    for prefix in &scenario.prefixes {
        request.extend_from_slice(format!("{}/{}\n", prefix.address, prefix.length).as_bytes());
    }
    let (_, device) = helper.ask(&request)?;
    let device = device.ok_or_else(|| LabError::Helper(io::ErrorKind::InvalidData.into()))?;
    Ok((Inside::Helper(Mutex::new(helper)), device))
}

/// The helper process and the line to it. It ends when the line closes.
#[derive(Debug)]
struct Helper {
    line: Option<OwnedFd>,
    child: Child,
}

impl Helper {
    fn start(program: PathBuf) -> Result<Self, LabError> {
        let (ours, theirs) = net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
            .map_err(|e| LabError::Helper(e.into()))?;
        let child = Command::new(program)
            .arg(server::HELPER_ARGUMENT)
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::null())
            // An interrupt at the terminal is for us; the helper ends after us.
            .process_group(0)
            .spawn()
            .map_err(LabError::Helper)?;
        Ok(Self { line: Some(ours), child })
    }

    fn ask(&mut self, request: &[u8]) -> Result<(Vec<u8>, Option<OwnedFd>), LabError> {
        let failed = |e: rustix::io::Errno| LabError::Helper(e.into());
        let line = self.line.as_ref().ok_or_else(|| LabError::Helper(io::ErrorKind::BrokenPipe.into()))?;
        let part = [IoSlice::new(request)];
        net::sendmsg(line, &part, &mut net::SendAncillaryBuffer::default(), SendFlags::NOSIGNAL).map_err(failed)?;
        let mut bytes = vec![0; server::MAX_MESSAGE];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut part = [IoSliceMut::new(&mut bytes)];
        let got = net::recvmsg(line, &mut part, &mut control, RecvFlags::CMSG_CLOEXEC).map_err(failed)?;
        let fd = control.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
            _ => None,
        });
        bytes.truncate(got.bytes);
        match bytes.split_first() {
            Some((&server::DONE, rest)) => Ok((rest.to_vec(), fd)),
            Some((&server::FAILED, rest)) => {
                let (errno, what) =
                    rest.split_first_chunk().ok_or(LabError::Helper(io::ErrorKind::InvalidData.into()))?;
                let source = io::Error::from_raw_os_error(i32::from_ne_bytes(*errno));
                Err(InsideError { what: String::from_utf8_lossy(what).into_owned(), source }.into())
            }
            _ => Err(LabError::Helper(io::ErrorKind::UnexpectedEof.into())),
        }
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        drop(self.line.take());
        let _ = self.child.wait();
    }
}
