//! `monitor.profiles`, and the profiles that devices name.

use std::sync::Arc;

use assured_probes::snmp::profile::Library;

use super::scalar;
use super::{Mode, ReadFile};
use crate::config::problem::did_you_mean;
use crate::config::reader::{Context, Node};

/// The embedded profiles with those of the named files laid over them, and every device's choice held against them.
///
/// To recompute figures no device is read: its profile, which need not be there any more, is not wanted then.
pub fn profiles(cx: &Context<'_>, root: &Node<'_>, mode: Mode, read_file: &ReadFile<'_>) -> Arc<Library> {
    if mode == Mode::Evidence {
        return Arc::new(Library::embedded());
    }
    let named = root.get("monitor").and_then(|m| m.get("profiles"));
    let mut files = Vec::new();
    for n in named.iter().flat_map(Node::items) {
        let Ok(path) = scalar::text(&n) else {
            n.problem(
                cx,
                format!("{} is not the name of a file or folder", n.shown()),
                "write profiles = [\"my-box.toml\", \"profiles.d\"]",
            );
            continue;
        };
        match read_file(&path).map(String::from_utf8) {
            Ok(Ok(text)) => files.push((path, text)),
            Ok(Err(_)) => n.problem(cx, format!("{} is not UTF-8 text", n.shown()), "save it as UTF-8"),
            Err(error) => n.problem(
                cx,
                format!("{} cannot be read: {error}", n.shown()),
                "name a profile's file, relative to the configuration, that the user who runs assured may read",
            ),
        }
    }
    if let Some(n) = named.as_ref().filter(|n| n.table().is_some() || n.text().is_some()) {
        n.problem(
            cx,
            format!("{} is not a list of files or folders", n.shown()),
            "write profiles = [\"my-box.toml\", \"profiles.d\"]",
        );
    }
    let library = match Library::with(&files) {
        Ok(library) => Arc::new(library),
        Err(problems) => {
            for problem in problems {
                if let Some(n) = &named {
                    n.problem(cx, problem.to_string(), "docs/profiles.md says what a profile may hold");
                }
            }
            return Arc::new(Library::embedded()); // names of the broken ones are not held against anybody
        }
    };
    for (_, device) in root.get("devices").iter().flat_map(Node::entries) {
        let Some(n) = device.get("profile") else { continue };
        let Some(name) = n.text().filter(|name| *name != "auto" && library.get(name).is_none()) else { continue };
        let known: Vec<&str> = library.names().chain(["auto"]).collect();
        let help = did_you_mean(name, known.iter().copied())
            .map_or_else(|| format!("choose one of {}", known.join(", ")), |near| format!("did you mean \"{near}\"?"));
        n.problem(cx, format!("there is no profile {}", n.shown()), help);
    }
    library
}
