//! `requires`: trees over components and other services, and circles in any graph.

use std::collections::HashSet;

use config::ValueKind;

use super::scalar;
use super::section::Sections;
use crate::config::model::Tree;
use crate::config::reader::{Context, Node, Wanted};
use crate::names::{ComponentIx, ServiceIx};

/// Deepest tree as written, and longest chain of services behind services.
const MAX_DEPTH: usize = 32;
/// Most components in one tree once services are followed: shared services multiply.
const MAX_LEAVES: usize = 100_000;

const SHAPES: &str =
    "write the name of a device, link or service, { all = [ … ] }, { any = [ … ] } or { at_least = 2, of = [ … ] }";

/// A tree as written: services are not yet followed.
#[derive(Debug, Clone)]
pub enum Written {
    Component(ComponentIx),
    Service(ServiceIx),
    AtLeast(usize, Vec<Written>),
}

impl Written {
    /// The services it names.
    pub fn services(&self, into: &mut Vec<usize>) {
        match self {
            Self::Component(_) => {}
            Self::Service(s) => into.push(s.get()),
            Self::AtLeast(_, of) => of.iter().for_each(|t| t.services(into)),
        }
    }
}

/// Reads a `requires`; `None` when anything in it is wrong (then reported).
pub fn read<'v>(cx: &Context<'_>, sections: &Sections<'_>, n: &Node<'v>) -> Option<Written> {
    branch(cx, sections, n, 0, &mut HashSet::new())
}

fn branch<'v>(
    cx: &Context<'_>,
    sections: &Sections<'_>,
    n: &Node<'v>,
    depth: usize,
    named: &mut HashSet<&'v str>,
) -> Option<Written> {
    match &n.value.kind {
        ValueKind::String(_) => leaf(cx, sections, n, named),
        ValueKind::Table(_) if depth < MAX_DEPTH => group(cx, sections, n, depth),
        ValueKind::Table(_) => {
            n.problem(
                cx,
                format!("the tree is more than {MAX_DEPTH} levels deep"),
                "flatten it: { all = [a, { all = [b] }] } is { all = [a, b] }",
            );
            None
        }
        _ => {
            n.misfit(cx, &Wanted::new("a requirement", SHAPES));
            None
        }
    }
}

fn leaf<'v>(cx: &Context<'_>, sections: &Sections<'_>, n: &Node<'v>, named: &mut HashSet<&'v str>) -> Option<Written> {
    let id = n.text()?;
    let found = match (sections.component(id), sections.services.position(id)) {
        (Some(_), Some(_)) => {
            n.problem(
                cx,
                format!("\"{id}\" is both a service and a device or link"),
                "rename one of them, so that it is clear which is required",
            );
            return None;
        }
        (Some(c), None) => Written::Component(c),
        (None, Some(s)) => Written::Service(ServiceIx::from(s)),
        (None, None) => {
            let help = sections
                .near(cx, id, true)
                .map_or_else(|| SHAPES.to_owned(), |near| format!("did you mean \"{near}\"?"));
            n.misfit(cx, &Wanted::new("a device, link or service", help));
            return None;
        }
    };
    if !named.insert(id) {
        n.problem(
            cx,
            format!("\"{id}\" is named twice in this list"),
            "name each once; { at_least = …, of = [ … ] } says how many are needed",
        );
    }
    Some(found)
}

fn group(cx: &Context<'_>, sections: &Sections<'_>, n: &Node<'_>, depth: usize) -> Option<Written> {
    n.only(cx, &["all", "any", "at_least", "of"]);
    let present: Vec<&str> = ["all", "any", "of"].into_iter().filter(|k| n.get(k).is_some()).collect();
    let [key] = present[..] else {
        n.problem(cx, "a group needs exactly one of all, any, or at_least with of", SHAPES);
        return None;
    };
    let list = n.get(key)?;
    if !matches!(list.value.kind, ValueKind::Array(_)) {
        list.misfit(cx, &Wanted::new("a list", SHAPES));
        return None;
    }
    let items = list.items();
    if items.is_empty() {
        list.problem(cx, "the group is empty", "name at least one device, link or service, or remove the group");
    }
    // Two branches may need the same device: the way to both of two links, say. One list counts each once.
    let mut named = HashSet::new();
    let of: Vec<_> = items.iter().map(|n| branch(cx, sections, n, depth + 1, &mut named)).collect();
    let size = i64::try_from(items.len()).unwrap_or(i64::MAX).max(1);
    let k = match key {
        "of" => {
            let k = n.req(cx, "at_least", "say how many are needed: at_least = 2", |n| scalar::integer(n, 1, size))?;
            usize::try_from(k).ok()?
        }
        _ => {
            if let Some(n) = n.get("at_least") {
                n.problem(cx, format!("at_least does not go with {key}"), "write { at_least = 2, of = [ … ] }");
            }
            if key == "all" { items.len() } else { 1 }
        }
    };
    let of: Vec<Written> = of.into_iter().collect::<Option<_>>()?;
    (!of.is_empty()).then_some(Written::AtLeast(k, of))
}

/// Follows services into one tree; `None` when it grows out of bounds. Circles must have been ruled out.
pub fn follow(written: &Written, all: &[Option<Written>]) -> Option<Tree> {
    let mut leaves = 0;
    expand(written, all, 0, &mut leaves)
}

fn expand(written: &Written, all: &[Option<Written>], depth: usize, leaves: &mut usize) -> Option<Tree> {
    Some(match written {
        Written::Component(c) => {
            *leaves += 1;
            if *leaves > MAX_LEAVES {
                return None;
            }
            Tree::Leaf(*c)
        }
        Written::Service(s) if depth < MAX_DEPTH => {
            let behind = all[s.get()].as_ref()?;
            Tree::Service(*s, Box::new(expand(behind, all, depth + 1, leaves)?))
        }
        Written::Service(_) => return None,
        Written::AtLeast(k, of) => {
            Tree::AtLeast { k: *k, of: of.iter().map(|t| expand(t, all, depth, leaves)).collect::<Option<_>>()? }
        }
    })
}

/// The circles of a graph, each once and from its smallest member; without recursion, for chains may be long.
pub fn circles(len: usize, next: impl Fn(usize) -> Vec<usize>) -> Vec<Vec<usize>> {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        Open,
        Done,
    }
    let mut marks = vec![Mark::New; len];
    let mut found = Vec::new();
    for start in 0..len {
        if marks[start] != Mark::New {
            continue;
        }
        marks[start] = Mark::Open;
        let mut path = vec![(start, next(start))];
        while let Some((node, rest)) = path.last_mut() {
            let node = *node;
            let Some(to) = rest.pop() else {
                marks[node] = Mark::Done;
                path.pop();
                continue;
            };
            match marks[to] {
                Mark::New => {
                    marks[to] = Mark::Open;
                    path.push((to, next(to)));
                }
                Mark::Open => {
                    let from = path.iter().position(|(n, _)| *n == to).unwrap_or(0);
                    let mut circle: Vec<usize> = path[from..].iter().map(|(n, _)| *n).collect();
                    let smallest = circle.iter().enumerate().min_by_key(|(_, n)| **n).map_or(0, |(at, _)| at);
                    circle.rotate_left(smallest);
                    found.push(circle);
                }
                Mark::Done => {}
            }
        }
    }
    found
}

/// `a → b → a`, shortened when it is long.
pub fn circle_names<'a>(circle: &[usize], name: impl Fn(usize) -> &'a str) -> String {
    let mut names: Vec<&str> = circle.iter().take(8).map(|&n| name(n)).collect();
    if circle.len() > 8 {
        names.push("…");
    }
    names.push(name(circle[0]));
    names.join(" → ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circle_is_found_once_whatever_leads_into_it() {
        let graph = [vec![1], vec![2], vec![3], vec![1], vec![3], vec![5]];
        assert_eq!(circles(graph.len(), |n| graph[n].clone()), [vec![1, 2, 3], vec![5]]);
    }

    #[test]
    fn a_long_chain_needs_no_stack() {
        let len = 200_000;
        assert!(circles(len, |n| if n + 1 < len { vec![n + 1] } else { vec![] }).is_empty());
    }
}
