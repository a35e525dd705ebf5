//! One device asked over SNMP, once: what `assured probe --snmp` shows and `assured discover` writes down.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use assured_probes::snmp::client::{Caps, Client, Sockets};
use assured_probes::snmp::poll::{self, Session};
use assured_probes::snmp::profile::Library;
use assured_probes::snmp::{self, Limits, Target};

use super::survey::{Chosen, Survey};
use super::{Failure, exit, load_file};
use crate::clock::{Clock, SystemClock};
use crate::config::load;
use crate::config::model::{Component, ComponentKind, Config, SnmpAccess};
use crate::daemon::poll::credential::{auth_protocol, credential, privacy_protocol};

/// Where an agent listens when nobody says otherwise.
pub(super) const PORT: u16 = 161;

/// What is to be asked, and by whose leave.
pub(super) struct Question {
    /// The host as it was given, without its port.
    pub host: String,
    /// The port that was given.
    pub port: Option<u16>,
    /// Name of the credential.
    pub credential: String,
    /// Profile from the command line.
    pub profile: Option<String>,
    /// The configuration that has the credential.
    pub config: Config,
}

/// Splits `ADDRESS[:PORT]`: addresses of both families, `[…]` around one, or a host name.
pub(super) fn split(text: &str) -> Result<(String, Option<u16>), Failure> {
    if let Ok(both) = text.parse::<SocketAddr>() {
        return Ok((both.ip().to_string(), Some(both.port())));
    }
    let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
    if bare.parse::<std::net::IpAddr>().is_ok() {
        return Ok((bare.to_owned(), None));
    }
    match text.rsplit_once(':') {
        None => Ok((text.to_owned(), None)),
        Some((host, port)) => match port.parse::<u16>() {
            Ok(port) if port > 0 && !host.is_empty() && !host.contains(':') => Ok((host.to_owned(), Some(port))),
            _ => Err(Failure::new(format!(
                "{text:?} is no address: write 192.0.2.1, 192.0.2.1:16161, [2001:db8::1]:161 or a host name"
            ))),
        },
    }
}

/// The question, with its credential looked up.
pub(super) fn question(
    address: &str,
    credential: &str,
    profile: Option<&str>,
    file: Option<&Path>,
) -> Result<Question, Failure> {
    let (host, port) = split(address)?;
    let Some(file) = file.map(Path::to_path_buf).or_else(load::find) else {
        return Err(Failure::with_code(
            exit::CONFIG,
            format!(
                "{credential:?} names a credential of the configuration, and there is none: give it with --config. It needs\n\
                 \n    [snmp.{credential}]\n    version = \"2c\"\n    community_file = \"secrets/community\""
            ),
        ));
    };
    let config = load_file(&file)?;
    if !config.credentials.iter().any(|c| c.id.as_str() == credential) {
        let there: Vec<&str> = config.credentials.iter().map(|c| c.id.as_str()).collect();
        let has = if there.is_empty() { "it has none".to_owned() } else { format!("it has {}", there.join(", ")) };
        return Err(Failure::with_code(
            exit::CONFIG,
            format!("there is no credential [snmp.{credential}] in {}: {has}", file.display()),
        ));
    }
    if let Some(name) = profile.filter(|p| *p != "auto") {
        let library = Library::embedded();
        if library.get(name).is_none() {
            let there: Vec<&str> = library.names().collect();
            return Err(Failure::new(format!("there is no profile {name:?}: there are {}, auto", there.join(", "))));
        }
    }
    Ok(Question { host, port, credential: credential.to_owned(), profile: profile.map(str::to_owned), config })
}

/// Asks the device everything that its profile reads.
///
/// # Errors
/// Our own side failed; what the device does or leaves is in the survey.
pub(super) async fn ask(question: &Question, address: std::net::IpAddr) -> Result<Survey, Failure> {
    let config = &question.config;
    // What the configuration knows of this device is believed, unless the command line says otherwise.
    let at = |c: &Component| {
        c.address.as_ref().is_some_and(|a| a.to_string() == question.host || a.to_string() == address.to_string())
    };
    let known = config.components.iter().find_map(|c| match &c.kind {
        ComponentKind::Device(device) if at(c) => Some((c.id.to_string(), device)),
        _ => None,
    });
    let port = question.port.or(known.as_ref().map(|(_, d)| d.snmp_port)).unwrap_or(PORT);
    // Another port or another credential may well be another agent.
    let same = known.filter(|(_, device)| {
        let credential = device.snmp.as_ref().map(|(c, _)| config.credentials[c.get()].id.as_str());
        device.snmp_port == port && credential == Some(question.credential.as_str())
    });
    let chosen = match (&question.profile, &same) {
        (Some(name), _) if name != "auto" => Chosen::CommandLine(name.clone()),
        (None, Some((id, device))) if device.profile != "auto" => {
            Chosen::Configuration(device.profile.clone(), id.clone())
        }
        _ => Chosen::Auto,
    };
    let access = &config.credentials.iter().find(|c| c.id.as_str() == question.credential);
    let access = &access.ok_or_else(|| Failure::new("the credential has gone"))?.access;
    let target = Target {
        address: SocketAddr::new(address, port),
        credential: credential(access).map_err(Failure::new)?,
        // A person waits: a slow device gets its time, a dead one does not take long.
        limits: Limits { retries: 2, deadline: Duration::from_secs(120), ..Limits::default() },
    };
    let library = Arc::new(Library::embedded());
    let failed = |error: &dyn std::fmt::Display| Failure::new(format!("cannot ask over SNMP: {error}"));
    let caps = Caps { sockets: 1, ..Caps::default() };
    let sockets = Sockets::open(&caps).map_err(|e| failed(&e))?;
    let client = Client::new(sockets, caps, None).map_err(|e| failed(&e))?;
    let mut session = Session::new(library.clone(), chosen.name(), &target)
        .map_err(|unknown| failed(&format!("there is no profile {:?}", unknown.0)))?;
    let clock = SystemClock::default();
    let report = poll::poll(&client, &target, &mut session, Duration::from_secs(1)).await;
    Ok(Survey {
        address: target.address,
        credential: question.credential.clone(),
        version: version(access),
        chosen,
        report,
        took: Duration::from_nanos(clock.now().mono_ns),
    })
}

/// Which version, and how it is protected: what an operator compares with the device.
fn version(access: &SnmpAccess) -> String {
    let name = |names: &[(&'static str, snmp::Auth)], wanted| names.iter().find(|n| n.1 == wanted).map_or("?", |n| n.0);
    match access {
        SnmpAccess::V1(_) => "v1".into(),
        SnmpAccess::V2c(_) => "v2c".into(),
        SnmpAccess::V3 { user, auth, privacy } => {
            let auth = auth.as_ref().map_or("no authentication", |(a, _)| name(&snmp::Auth::NAMES, auth_protocol(*a)));
            let privacy = privacy.as_ref().map_or("no privacy", |(p, _)| {
                let wanted = privacy_protocol(*p);
                snmp::Privacy::NAMES.iter().find(|n| n.1 == wanted).map_or("?", |n| n.0)
            });
            format!("v3 as {user}, {auth}, {privacy}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn an_address_may_carry_its_port() {
        for (text, host, port) in [
            ("192.0.2.1", "192.0.2.1", None),
            ("192.0.2.1:16161", "192.0.2.1", Some(16_161)),
            ("2001:db8::1", "2001:db8::1", None),
            ("[2001:db8::1]", "2001:db8::1", None),
            ("[2001:db8::1]:1161", "2001:db8::1", Some(1_161)),
            ("ch-r1.example", "ch-r1.example", None),
            ("ch-r1.example:1161", "ch-r1.example", Some(1_161)),
        ] {
            assert_eq!(split(text).unwrap(), (host.to_owned(), port), "{text}");
        }
        for text in ["ch-r1:port", "ch-r1:0", "ch-r1:70000", ":161", "a:b:1"] {
            assert!(split(text).is_err(), "{text}");
        }
    }
}
