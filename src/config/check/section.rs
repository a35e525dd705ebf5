//! Sections of named entries, and the resolving of names.

use std::collections::HashMap;

use config::Map;

use crate::config::problem::did_you_mean;
use crate::config::reader::{Context, Node, Wanted};
use crate::names::{ComponentIx, Id};

/// Most classes: every round probes each of them.
const MAX_CLASSES: usize = 16;
/// Most devices and links together.
const MAX_COMPONENTS: usize = 200_000;
/// Most services.
const MAX_SERVICES: usize = 200_000;
/// Most entries of any other section.
const MAX_OTHERS: usize = 200_000;

/// A section such as `[sites.X]`: entries in the order of their identifiers.
pub struct Section<'v> {
    /// Its name in the file.
    pub name: &'static str,
    /// One of its entries, with the article, in words.
    one: &'static str,
    /// Its entries.
    pub entries: Vec<(&'v str, Node<'v>)>,
    index: HashMap<&'v str, usize>,
}

impl<'v> Section<'v> {
    fn read(cx: &Context<'_>, root: &Node<'v>, name: &'static str, one: &'static str, max: usize) -> Self {
        let help = format!("write each as its own section: [{name}.NAME]");
        let node = root.get(name).filter(|n| n.expect_table(cx, &help));
        let mut entries = node.as_ref().map(Node::entries).unwrap_or_default();
        entries.retain(|(_, entry)| entry.expect_table(cx, &help));
        for (id, entry) in &entries {
            if let Err(e) = Id::new(id) {
                entry.problem(
                    cx,
                    format!("\"{}\" is not an identifier", crate::config::reader::visible(id)),
                    e.to_string(),
                );
            }
        }
        if entries.len() > max {
            let found = format!("{} entries are more than the {max} that one monitor takes", entries.len());
            node.iter().for_each(|n| n.problem(cx, found.clone(), "split the estate between several monitors"));
            entries.truncate(max);
        }
        let index = entries.iter().enumerate().map(|(n, (id, _))| (*id, n)).collect();
        Self { name, one, entries, index }
    }

    /// The entry's position.
    pub fn position(&self, id: &str) -> Option<usize> {
        self.index.get(id).copied()
    }

    /// Resolves a name to its entry's position.
    pub fn resolve(&self, cx: &Context<'_>, n: &Node<'_>) -> Result<usize, Wanted> {
        let id = n.text().ok_or_else(|| Wanted::new(self.one, "write its name in quotes"))?;
        self.position(id).ok_or_else(|| {
            let near = if cx.may_suggest() { did_you_mean(id, self.entries.iter().map(|(id, _)| *id)) } else { None };
            let help = near.map_or_else(
                || {
                    format!(
                        "define [{}.{}], or name one that is defined",
                        self.name,
                        crate::config::reader::visible(id)
                    )
                },
                |near| format!("did you mean \"{near}\"?"),
            );
            Wanted::new(self.one, help)
        })
    }
}

/// All sections of named entries.
pub struct Sections<'v> {
    pub snmp: Section<'v>,
    pub classes: Section<'v>,
    pub contracts: Section<'v>,
    pub slas: Section<'v>,
    pub sites: Section<'v>,
    pub devices: Section<'v>,
    pub links: Section<'v>,
    pub services: Section<'v>,
    /// Devices and links in one order; `true` for a device.
    pub components: Vec<(&'v str, bool, Node<'v>)>,
    component_index: HashMap<&'v str, ComponentIx>,
}

impl<'v> Sections<'v> {
    /// Reads the names of everything.
    pub fn read(cx: &Context<'_>, root: &Node<'v>) -> Self {
        let section = |name, one, max| Section::read(cx, root, name, one, max);
        let mut read = Self {
            snmp: section("snmp", "a credential", MAX_OTHERS),
            classes: section("classes", "a class", MAX_CLASSES),
            contracts: section("contracts", "a contract", MAX_OTHERS),
            slas: section("slas", "an SLA", MAX_OTHERS),
            sites: section("sites", "a site", MAX_OTHERS),
            devices: section("devices", "a device", MAX_COMPONENTS),
            links: section("links", "a link", MAX_COMPONENTS),
            services: section("services", "a service", MAX_SERVICES),
            components: Vec::new(),
            component_index: HashMap::new(),
        };
        let devices = read.devices.entries.iter().map(|(id, n)| (*id, true, n.clone()));
        read.components = devices.collect();
        for (id, n) in &read.links.entries {
            if let Some(device) = read.devices.position(id) {
                let at = read.devices.entries[device].1.place(cx);
                n.problem(
                    cx,
                    format!("the device at {at} has the same name"),
                    "devices and links share one list of names; rename one of them",
                );
            } else {
                read.components.push((*id, false, n.clone()));
            }
        }
        read.components.sort_unstable_by_key(|(id, ..)| *id);
        if read.components.len() > MAX_COMPONENTS {
            root.problem(
                cx,
                format!(
                    "{} devices and links are more than the {MAX_COMPONENTS} that one monitor takes",
                    read.components.len()
                ),
                "split the estate between several monitors",
            );
        }
        read.component_index = read.components.iter().enumerate().map(|(n, (id, ..))| (*id, n.into())).collect();
        read
    }

    /// The component with this identifier.
    pub fn component(&self, id: &str) -> Option<ComponentIx> {
        self.component_index.get(id).copied()
    }

    /// The name nearest to a mistyped component or, when `services` is set, service.
    pub fn near(&self, cx: &Context<'_>, id: &str, services: bool) -> Option<&'v str> {
        if !cx.may_suggest() {
            return None;
        }
        let components = self.components.iter().map(|(id, ..)| *id);
        let services = self.services.entries.iter().filter(|_| services).map(|(id, _)| *id);
        did_you_mean(id, components.chain(services))
    }
}

/// A table's keys as a set of names, for those who ask what is there.
pub fn has(table: Option<&Map<String, config::Value>>, key: &str) -> bool {
    table.is_some_and(|t| t.contains_key(key))
}
