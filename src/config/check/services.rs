//! `[services.X]`: a promise over a tree of components.

use super::section::Sections;
use super::{scalar, terms, tree};
use crate::config::model::{Contract, ContractKind, Service, Site, Tree};
use crate::config::reader::{Context, Node};
use crate::names::{ContractIx, Id, ServiceIx, SiteIx, SlaIx};

const KEYS: [&str; 8] = ["title", "site", "contract", "sla", "class", "monthly_charge", "requires", "probing"];

/// `[services.X]`.
pub fn services(
    cx: &Context<'_>,
    sections: &Sections<'_>,
    classes: usize,
    contracts: &[Option<Contract>],
    sites: &[Option<Site>],
) -> Vec<Option<Service>> {
    let entries = &sections.services.entries;
    let help = "say what must be up: requires = { all = [\"ch-r1\", { any = [\"ch-primary\", \"ch-backup\"] }] }";
    let written: Vec<Option<tree::Written>> = entries
        .iter()
        .map(|(_, n)| match n.get("requires") {
            Some(n) => tree::read(cx, sections, &n),
            None => {
                cx.problem(n.place(cx), n.missing("requires"), "is missing", help);
                None
            }
        })
        .collect();
    let circular = service_circles(cx, sections, &written);
    let mut accepted_early = vec![false; sites.len()];
    entries
        .iter()
        .enumerate()
        .map(|(position, (id, n))| {
            let tree = if circular { None } else { follow(cx, n, &written, position) };
            service(cx, sections, classes, id, n, tree).inspect(|s| {
                acceptance(cx, sections, contracts, sites, s, n, &mut accepted_early);
            })
        })
        .collect()
}

fn service_circles(cx: &Context<'_>, sections: &Sections<'_>, written: &[Option<tree::Written>]) -> bool {
    let next = |position: usize| {
        let mut named = Vec::new();
        written[position].iter().for_each(|w| w.services(&mut named));
        named
    };
    let circles = tree::circles(written.len(), next);
    for circle in &circles {
        let (_, n) = &sections.services.entries[circle[0]];
        let at = n.get("requires").unwrap_or_else(|| n.clone());
        let names = tree::circle_names(circle, |p| sections.services.entries[p].0);
        at.problem(
            cx,
            format!("services require each other in a circle: {names}"),
            "a service stands on components or on other services, never on itself; take one of these out",
        );
    }
    !circles.is_empty()
}

fn follow(cx: &Context<'_>, n: &Node<'_>, written: &[Option<tree::Written>], position: usize) -> Option<Tree> {
    let before = written[position].as_ref()?;
    let mut named = Vec::new();
    before.services(&mut named);
    // A broken tree behind this one has been reported where it stands.
    if named.iter().any(|&s| written[s].is_none()) {
        return None;
    }
    let tree = tree::follow(before, written);
    if tree.is_none() && cx.count() == 0 {
        let at = n.get("requires").unwrap_or_else(|| n.clone());
        at.problem(
            cx,
            "the tree is too large once the services in it are followed",
            "name the components themselves, or fewer levels of services",
        );
    }
    tree
}

fn service(
    cx: &Context<'_>,
    sections: &Sections<'_>,
    classes: usize,
    id: &str,
    n: &Node<'_>,
    tree: Option<Tree>,
) -> Option<Service> {
    n.only(cx, &KEYS[..7]);
    let title = n.opt(cx, "title", scalar::text).unwrap_or_else(|| id.to_owned());
    let site = n.req(cx, "site", "say where it is used: site = \"…\"", |n| sections.sites.resolve(cx, n));
    let contract =
        n.req(cx, "contract", "say under which contract: contract = \"…\"", |n| sections.contracts.resolve(cx, n));
    let sla = n.req(cx, "sla", "say on which terms: sla = \"…\"", |n| sections.slas.resolve(cx, n));
    let class = terms::class_of(cx, sections, classes, n);
    let monthly_charge = n.opt(cx, "monthly_charge", scalar::money);
    Some(Service {
        id: Id::new(id).ok()?,
        title,
        site: SiteIx::from(site?),
        contract: ContractIx::from(contract?),
        sla: SlaIx::from(sla?),
        class: class?,
        monthly_charge,
        // Only reached in a configuration that is refused anyway; what follows must still be checked.
        requires: tree.unwrap_or(Tree::AtLeast { k: 1, of: Vec::new() }),
    })
}

/// The site's acceptance must lie inside the consolidated contract that its services are under.
/// Legacy contracts may have ended before the site was accepted into the new one.
fn acceptance(
    cx: &Context<'_>,
    sections: &Sections<'_>,
    contracts: &[Option<Contract>],
    sites: &[Option<Site>],
    service: &Service,
    _: &Node<'_>,
    reported: &mut [bool],
) {
    let (Some(contract), Some(site)) = (&contracts[service.contract.get()], &sites[service.site.get()]) else { return };
    let Some(accepted) = site.accepted else { return };
    let early = accepted < contract.starts;
    let outside = early || accepted > contract.ends;
    if contract.kind == ContractKind::Legacy || !outside || std::mem::replace(&mut reported[service.site.get()], true) {
        return;
    }
    let n = &sections.sites.entries[service.site.get()].1;
    let at = n.get("accepted").unwrap_or_else(|| n.clone());
    let found =
        format!("accepted on {accepted}, outside contract {} ({} to {})", contract.id, contract.starts, contract.ends);
    let help = "acceptance lies between the first and the last day of the contract; mend the day or the contract";
    if early {
        at.warning(cx, found + ": counted from its first day", help);
    } else {
        at.problem(cx, found, help);
    }
}

/// Positions of the services under a contract.
pub fn under(services: &[Option<Service>], contract: ContractIx) -> impl Iterator<Item = ServiceIx> {
    services
        .iter()
        .enumerate()
        .filter(move |(_, s)| s.as_ref().is_some_and(|s| s.contract == contract))
        .map(|(n, _)| ServiceIx::from(n))
}
