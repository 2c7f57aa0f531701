//! Which module uses which, and circles among them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::{Module, ModulePath};

/// How many imports are followed to find what a name stands for.
const HOPS: usize = 8;

/// Modules of one parent of which each needs, by way of others, itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Circle {
    /// The modules, in order.
    pub modules: Vec<String>,
    /// One use for each pair of them: `a → b (src/a.rs:3)`.
    pub uses: Vec<String>,
}

impl fmt::Display for Circle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}\n  {}",
            self.modules.join(", "),
            self.uses.join("\n  ")
        )
    }
}

/// Sisters that use each other, with one place of each use.
type Uses = BTreeMap<String, BTreeMap<String, String>>;

/// Every circle among the modules of a crate.
///
/// Modules are rooms: what is used inside of one is its own business, as is
/// what it and its parent have of each other. So the circles are those among
/// the children of one module, where using what is in a child is using the
/// child.
#[must_use]
pub fn circles(modules: &BTreeMap<ModulePath, Module>) -> Vec<Circle> {
    let mut uses: BTreeMap<ModulePath, Uses> = BTreeMap::new();
    for (user, module) in modules {
        for (path, line) in &module.paths {
            let Some(used) = resolve(modules, user, path, HOPS) else {
                continue;
            };
            let shared = user.iter().zip(&used).take_while(|(a, b)| a == b).count();
            let (Some(from), Some(to)) = (user.get(shared), used.get(shared)) else {
                continue;
            };
            let below = |name: &String| {
                [&user[..shared], std::slice::from_ref(name)]
                    .concat()
                    .join("::")
            };
            let file = module
                .file
                .file_name()
                .unwrap_or_default()
                .to_string_lossy();
            uses.entry(user[..shared].to_vec())
                .or_default()
                .entry(below(from))
                .or_default()
                .entry(below(to))
                .or_insert_with(|| format!("{file}:{line}"));
        }
    }
    uses.values().flat_map(circles_of).collect()
}

/// The module that an item of this path is in.
fn resolve(
    modules: &BTreeMap<ModulePath, Module>,
    user: &ModulePath,
    path: &[String],
    hops: usize,
) -> Option<ModulePath> {
    let mut here = user.clone();
    for (n, part) in path.iter().enumerate() {
        match (n, part.as_str()) {
            (0, "crate") => here.clear(),
            (0, "self") => {}
            (_, "super") => {
                here.pop()?;
            }
            _ => {
                let child = [here.as_slice(), std::slice::from_ref(part)].concat();
                if modules.contains_key(&child) {
                    here = child;
                    continue;
                }
                let import = modules.get(&here)?.imports.get(part);
                // A name that stands for itself is of another crate.
                return match import
                    .filter(|import| hops > 0 && (n > 0 || import.as_slice() != path))
                {
                    Some(import) => {
                        let whole = [import.as_slice(), &path[n + 1..]].concat();
                        resolve(modules, &here, &whole, hops - 1)
                    }
                    None => (n > 0).then_some(here),
                };
            }
        }
    }
    Some(here)
}

/// The circles among sisters: modules that reach each other.
fn circles_of(uses: &Uses) -> Vec<Circle> {
    let reach = |from: &String| {
        let mut seen = BTreeSet::new();
        let mut next = vec![from];
        while let Some(module) = next.pop() {
            for used in uses.get(module).into_iter().flat_map(BTreeMap::keys) {
                if seen.insert(used.clone()) {
                    next.push(used);
                }
            }
        }
        seen
    };
    let reached: BTreeMap<&String, BTreeSet<String>> =
        uses.keys().map(|module| (module, reach(module))).collect();
    let mut circles: Vec<Circle> = Vec::new();
    for (module, others) in &reached {
        let is_known = circles.iter().any(|circle| circle.modules.contains(module));
        if is_known || !others.contains(*module) {
            continue;
        }
        let members: Vec<String> = others
            .iter()
            .filter(|other| {
                reached
                    .get(other)
                    .is_some_and(|others| others.contains(*module))
            })
            .cloned()
            .collect();
        let places = members.iter().flat_map(|from| {
            let used = uses.get(from).into_iter().flatten();
            used.filter(|(to, _)| members.contains(to))
                .map(move |(to, place)| format!("{from} → {to} ({place})"))
        });
        circles.push(Circle {
            uses: places.collect(),
            modules: members.clone(),
        });
    }
    circles
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::tokens;

    fn modules(texts: &[(&str, &str)]) -> BTreeMap<ModulePath, Module> {
        let module = |(path, code): &(&str, &str)| {
            let path: ModulePath = path
                .split("::")
                .filter(|part| !part.is_empty())
                .map(Into::into)
                .collect();
            let (paths, imports) = tokens::paths(code);
            let file = format!("{}.rs", path.join("/")).into();
            (
                path,
                Module {
                    file,
                    paths,
                    imports,
                },
            )
        };
        texts.iter().map(module).collect()
    }

    #[test]
    fn a_circle_is_found_through_exports_and_children() {
        let texts = [
            ("", "mod a; mod b; mod c; pub use b::Error;"),
            ("a", "use crate::Error;"),
            ("b", "use self::x::Y; mod x;"),
            ("b::x", "use super::Z; use crate::c;"),
            ("c", "fn f() { crate::a::g() }"),
        ];
        let found = circles(&modules(&texts));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].modules, ["a", "b", "c"]);
        assert_eq!(
            found[0].uses,
            ["a → b (a.rs:1)", "b → c (x.rs:1)", "c → a (c.rs:1)"]
        );
    }

    #[test]
    fn parents_and_children_are_no_circle() {
        let texts = [
            ("", "mod a; pub struct Root; use a::A;"),
            (
                "a",
                "mod x; mod y; use crate::Root; pub struct A; use x::f;",
            ),
            ("a::x", "use super::A; use super::y::g;"),
            ("a::y", "use super::A; use std::fmt; use other::x;"),
        ];
        assert_eq!(circles(&modules(&texts)), []);
    }
}
