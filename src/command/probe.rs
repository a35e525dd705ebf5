//! `assured probe`: one address, now. The tool for "is my access right?"

use std::fmt::Write as _;
use std::net::IpAddr;
use std::process::ExitCode;
use std::time::Duration;

use assured_probes::icmp::batched::{self, BatchedEngine};
use assured_probes::icmp::socket::Sockets;
use assured_probes::icmp::{Engine, Event, EventKind, Failure as Unmeasured, Request, Unreachable};
use serde_json::json;

use super::run::open_sockets;
use super::survey::Survey;
use super::{Failure, Outcome, load_file, snmp};
use crate::cli::Probe;
use crate::config::load;
use crate::config::model::{Class, Codec};
use crate::daemon::core::estimate;
use crate::measurement::jitter::Jitter;
use crate::names::Id;
use crate::units::{Dscp, Micros};

/// From probe to probe.
const SPACING: Duration = Duration::from_millis(200);
/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Probes and prints; succeeds when anything answered, and with `--snmp` when its agent did.
pub fn run(args: &Probe) -> Outcome {
    let class = class_of(args)?;
    let asked = args.snmp.as_ref();
    let question = asked
        .map(|name| snmp::question(&args.address, name, args.profile.as_deref(), args.config.as_deref()))
        .transpose()?;
    // The agent can be asked without the right to send pings.
    let sockets = match (open_sockets(), &question) {
        (Err(failure), None) => return Err(failure),
        (opened, _) => opened,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("cannot start the runtime: {error}")))?;
    runtime.block_on(async {
        let (host, _) = snmp::split(&args.address)?;
        let address = resolve(&host).await?;
        let pings = async {
            match sockets {
                Ok(sockets) => ping(sockets, address, &class, args.count).await,
                Err(failure) => Err(failure),
            }
        };
        let survey = async {
            match &question {
                Some(question) => snmp::ask(question, address).await.map(Some),
                None => Ok(None),
            }
        };
        let (found, survey) = tokio::join!(pings, survey);
        let survey = survey?;
        if survey.is_none() {
            let found = found?;
            let text = if args.json {
                format!("{}\n", found.json(&host, address, &class))
            } else {
                found.text(&host, address, &class)
            };
            put!("{text}");
            return Ok(if found.rtts.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS });
        }
        let worked = survey.as_ref().is_some_and(Survey::worked);
        put!("{}", both(args.json, &host, address, &class, &found, survey.as_ref()));
        Ok(if worked { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
}

/// What pings and SNMP found, together.
fn both(
    json: bool,
    host: &str,
    address: IpAddr,
    class: &Class,
    found: &Result<Found, Failure>,
    survey: Option<&Survey>,
) -> String {
    if json {
        let mut object = match found {
            Ok(found) => found.json(host, address, class),
            Err(failure) => json!({ "host": host, "address": address, "icmp_failure": failure.message }),
        };
        object["snmp"] = survey.map_or(serde_json::Value::Null, Survey::json);
        return format!("{object}\n");
    }
    let pings = match found {
        Ok(found) => found.text(host, address, class),
        Err(failure) => format!("{host}: not pinged: {}\n", failure.message),
    };
    format!("{pings}\n{}", survey.map(Survey::text).unwrap_or_default())
}

/// Sends the probes and waits for every verdict.
async fn ping(sockets: Sockets, address: IpAddr, class: &Class, count: u16) -> Result<Found, Failure> {
    let (events_in, mut events) = tokio::sync::mpsc::channel(64);
    let engine = BatchedEngine::start(sockets, batched::Config::default(), events_in)
        .map_err(|error| Failure::new(format!("cannot start the probing engine: {error}")))?;
    let mut found = Found::default();
    let mut ticks = tokio::time::interval(SPACING);
    let mut left = count;
    while found.verdicts() < count {
        tokio::select! {
            _ = ticks.tick(), if left > 0 => {
                left -= 1;
                let key = u64::from(left);
                engine.send(vec![Request { key, address, dscp: class.dscp.get(), size: 64, timeout: TIMEOUT }]);
            }
            batch = events.recv() => match batch {
                Some(batch) => batch.iter().for_each(|event| found.take(event, class.dscp)),
                None => return Err(Failure::new("the probing engine ended before the probes were answered")),
            },
        }
    }
    Ok(found)
}

/// The class named: one of the configuration's, or a code point of its own.
fn class_of(args: &Probe) -> Result<Class, Failure> {
    let own = |text: &str, dscp| Class {
        id: Id::new(&text.to_lowercase()).unwrap_or_else(|_| Id::new("probe").expect("letters")),
        dscp,
        codec: (dscp == Dscp::parse("EF").unwrap_or_default()).then_some(Codec::G711),
    };
    let Some(name) = &args.class else { return Ok(own("default", Dscp::default())) };
    if let Some(file) = args.config.clone().or_else(load::find) {
        let config = load_file(&file)?;
        if let Some(class) = config.classes.iter().find(|c| c.id.as_str() == name) {
            return Ok(class.clone());
        }
    }
    match Dscp::parse(name) {
        Some(dscp) => Ok(own(name, dscp)),
        None => Err(Failure::new(format!(
            "class {name:?} is neither in the configuration nor a code point such as EF, AF31 or 46"
        ))),
    }
}

/// The address of a host, which may be one already.
pub(super) async fn resolve(host: &str) -> Result<IpAddr, Failure> {
    if let Ok(address) = host.parse() {
        return Ok(address);
    }
    let found = tokio::net::lookup_host((host, 0)).await;
    found
        .map_err(|error| Failure::new(format!("cannot resolve {host}: {error}")))?
        .map(|a| a.ip())
        .next()
        .ok_or_else(|| Failure::new(format!("{host} has no address")))
}

/// What the probes found out.
#[derive(Debug, Default)]
struct Found {
    rtts: Vec<Micros>,
    jitter: Jitter,
    lost: u16,
    unreachable: Option<Unreachable>,
    not_measured: Vec<Unmeasured>,
    remarked: Option<Dscp>,
    ttl: Option<u8>,
    duplicates: u16,
}

impl Found {
    fn verdicts(&self) -> u16 {
        u16::try_from(self.rtts.len() + self.not_measured.len()).unwrap_or(u16::MAX).saturating_add(self.lost)
    }

    fn take(&mut self, event: &Event, sent: Dscp) {
        match event.kind {
            EventKind::Reply { rtt, dscp, ttl } => {
                let rtt = Micros(u32::try_from(rtt.as_micros()).unwrap_or(u32::MAX));
                self.rtts.push(rtt);
                self.jitter.reply(rtt);
                self.ttl = ttl.or(self.ttl);
                if let Some(seen) = dscp.and_then(Dscp::new).filter(|d| *d != sent) {
                    self.remarked = Some(seen);
                }
            }
            EventKind::Lost { unreachable } => {
                self.lost += 1;
                self.unreachable = unreachable.or(self.unreachable);
            }
            EventKind::NotMeasured(why) => self.not_measured.push(why),
            EventKind::Duplicate => self.duplicates += 1,
            EventKind::Late => {}
        }
    }

    fn sorted(&self) -> Vec<f64> {
        let mut all: Vec<u32> = self.rtts.iter().map(|r| r.0).collect();
        all.sort_unstable();
        all.into_iter().map(|us| f64::from(us) / 1e3).collect()
    }

    fn loss(&self) -> Option<f64> {
        let measured = self.rtts.len() + usize::from(self.lost);
        (measured > 0).then(|| f64::from(self.lost) / measured as f64)
    }

    fn text(&self, host: &str, address: IpAddr, class: &Class) -> String {
        let mut out = String::new();
        let name = if host == address.to_string() { host.to_owned() } else { format!("{host} ({address})") };
        let _ = writeln!(out, "{name}, class {} ({}), {} probes", class.id, class.dscp, self.verdicts());
        let _ = writeln!(out, "  answered  {} of {}", self.rtts.len(), self.rtts.len() + usize::from(self.lost));
        let ms = self.sorted();
        if let (Some(least), Some(most)) = (ms.first(), ms.last()) {
            let mean = ms.iter().sum::<f64>() / ms.len() as f64;
            let median = ms[(ms.len() - 1) / 2];
            let _ = writeln!(
                out,
                "  RTT       {least:.3} ms least · {median:.3} ms median · {mean:.3} ms mean · {most:.3} ms most"
            );
            if let Some(jitter) = self.jitter.as_secs_f64() {
                let _ = writeln!(out, "  jitter    {:.3} ms (RFC 3550, of consecutive round trips)", jitter * 1e3);
            }
            if let (Some(codec), Some(loss)) = (class.codec, self.loss()) {
                let voice = estimate(codec, mean, self.jitter.as_secs_f64().unwrap_or(0.0) * 1e3, loss);
                let about = if voice.approximate { ", approximate" } else { "" };
                let _ = writeln!(
                    out,
                    "  voice     MOS {:.2}, R {:.1} (E-model over these probes{about})",
                    voice.mos, voice.r
                );
            }
            let marking = match self.remarked {
                Some(seen) => format!("sent as {}, came back as {seen}: somebody on the way re-marks it", class.dscp),
                None => format!("came back as sent, {}", class.dscp),
            };
            let _ = writeln!(out, "  marking   {marking}");
        }
        if let Some(u) = self.unreachable {
            let _ = writeln!(
                out,
                "  told      {} says that it cannot be reached (ICMP type {}, code {})",
                u.from, u.kind, u.code
            );
        }
        if self.duplicates > 0 {
            let _ = writeln!(out, "  twice     {} answers came more than once", self.duplicates);
        }
        if let Some(why) = self.not_measured.first() {
            let n = self.not_measured.len();
            let _ = writeln!(out, "  unknown   {n} probes were not measured: {}", in_words(*why));
        }
        out
    }

    fn json(&self, host: &str, address: IpAddr, class: &Class) -> serde_json::Value {
        let ms = self.sorted();
        let mean = (!ms.is_empty()).then(|| ms.iter().sum::<f64>() / ms.len() as f64);
        let jitter = self.jitter.as_secs_f64();
        let voice = class.codec.zip(mean).zip(self.loss()).map(|((codec, mean), loss)| {
            let v = estimate(codec, mean, jitter.unwrap_or(0.0) * 1e3, loss);
            json!({ "mos": v.mos, "r_factor": v.r, "approximate": v.approximate })
        });
        let seconds = |ms: Option<f64>| ms.map(|v| v / 1e3);
        json!({
            "host": host,
            "address": address,
            "class": class.id.as_str(),
            "dscp": class.dscp.get(),
            "probes": self.verdicts(),
            "replies": self.rtts.len(),
            "lost": self.lost,
            "not_measured": self.not_measured.len(),
            "not_measured_because": self.not_measured.first().map(|w| in_words(*w)),
            "loss_ratio": self.loss(),
            "rtt_seconds": {
                "min": seconds(ms.first().copied()),
                "mean": seconds(mean),
                "max": seconds(ms.last().copied()),
            },
            "jitter_seconds": jitter,
            "jitter_definition": "rfc3550",
            "voice": voice,
            "remarked_to": self.remarked.map(Dscp::get),
            "ttl": self.ttl,
            "duplicates": self.duplicates,
        })
    }
}

fn in_words(why: Unmeasured) -> &'static str {
    match why {
        Unmeasured::NoRoute => "this host has no route to it",
        Unmeasured::NoSocket => "this host has no socket for its address family",
        Unmeasured::SendFailed => "this host could not send",
        Unmeasured::SocketDrop => "this host dropped answers, its receive buffer was full",
        Unmeasured::Overload => "too many probes at once",
        Unmeasured::Stalled => "the program was stalled",
    }
}
