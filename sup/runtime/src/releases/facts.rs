//! What a release says of itself: routes, which must not be in each other's way, and what it needs, which must be there.

use std::collections::{BTreeSet, HashMap};

use slp::{BraceShape, NodeId, NodeKind, ReadLimits, Tree, brace_shape};
use sup_store::{Needs, Route};

use super::release::Release;
use super::unit::{Unit, module_of};
use crate::grants::{Capability, Grants};
use crate::load::Problems;
use crate::problem::{Place, Problem};
use crate::world::SharedWorld;

/// The methods that a route may have.
const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "ANY"];

/// Whether the file means something else by the word for routes.
pub(crate) fn is_own(world: &SharedWorld, module: &str, word: &str) -> bool {
    let world = world.borrow();
    let Some(own) = world.modules.get(module) else {
        return false;
    };
    let is_imported = word
        .split_once('/')
        .is_some_and(|(alias, _)| own.imports.contains_key(alias));
    is_imported
        || own.promised.iter().any(|name| name == word)
        || own.entries.contains_key(word)
        || own.macros.contains_key(word)
}

/// Method, pattern and handler of `(route METHOD "PATTERN" HANDLER)`.
pub(crate) fn parse_route(tree: &Tree, form: NodeId) -> Result<(String, String, NodeId), Problem> {
    let shape = || {
        Problem::new("release/route", "a route has a method, a pattern and a handler")
            .with_hint("such as (route GET \"/hello/:name\" handlers/hello)")
    };
    let [_, method, pattern, handler] = tree.children(form) else {
        return Err(shape());
    };
    let method = match tree.kind(*method) {
        NodeKind::Symbol(text) | NodeKind::Str(text) | NodeKind::Keyword(text) => text.to_uppercase(),
        _ => return Err(shape()),
    };
    if !METHODS.contains(&method.as_str()) {
        let message = format!("{method} is no method of a route");
        return Err(Problem::new("release/route", message).with_hint(METHODS.join(" ")));
    }
    let Some(pattern) = tree.string(*pattern) else {
        return Err(shape());
    };
    check_pattern(pattern)?;
    Ok((method, pattern.to_owned(), *handler))
}

fn check_pattern(pattern: &str) -> Result<(), Problem> {
    let wrong = |detail: &str| {
        let message = format!("{pattern:?} is no pattern of a route: {detail}");
        Problem::new("release/route", message)
            .with_hint("such as \"/\", \"/hello/:name\" or \"/files/*rest\"")
    };
    let Some(rest) = pattern.strip_prefix('/') else {
        return Err(wrong("it begins with /"));
    };
    let steps: Vec<&str> = rest.split('/').collect();
    let mut names = BTreeSet::new();
    for (step_idx, step) in steps.iter().enumerate() {
        let is_last = step_idx + 1 == steps.len();
        if step.is_empty() && !is_last {
            return Err(wrong("a step of it is empty"));
        }
        let name = step.strip_prefix(':').or_else(|| step.strip_prefix('*'));
        let Some(name) = name else {
            if step.contains([':', '*', '?', '#']) || step.contains(char::is_whitespace) {
                return Err(wrong(
                    "`:` and `*` open a step, and `?`, `#` and blanks are no part of a path",
                ));
            }
            continue;
        };
        if name.is_empty() || !names.insert(name) {
            return Err(wrong("each parameter has a name of its own"));
        }
        if step.starts_with('*') && !is_last {
            return Err(wrong("`*` takes the rest and is the last step"));
        }
    }
    Ok(())
}

/// A pattern without the names of its parameters: two routes of the same method and shape are in each other's way.
fn shape(pattern: &str) -> String {
    let steps = pattern.split('/').map(|step| match step.chars().next() {
        Some(':') => ":",
        Some('*') => "*",
        _ => step,
    });
    steps.collect::<Vec<_>>().join("/")
}

/// The routes of units, and what is wrong with them together.
pub(crate) fn routes(units: &[std::sync::Arc<Unit>]) -> (Vec<Route>, Problems) {
    let mut routes = Vec::new();
    let mut problems = Problems::new();
    let mut taken: HashMap<(&str, String), &str> = HashMap::new();
    for unit in units {
        for declared in &unit.routes {
            let key = (declared.method.as_str(), shape(&declared.pattern));
            if let Some(first) = taken.insert(key, &unit.name) {
                let message = format!(
                    "{} {} is declared twice: by {first} and by {}",
                    declared.method, declared.pattern, unit.name
                );
                let mut problem = Problem::new("release/route-conflict", message);
                problem.place = Some(Place {
                    source: unit.module.clone(),
                    span: declared.span,
                });
                problems.push(problem.with_hint("one method and shape of path has one handler"));
            }
            routes.push(Route {
                method: declared.method.clone(),
                pattern: declared.pattern.clone(),
                name: unit.name.clone(),
            });
        }
    }
    (routes, problems)
}

/// What a release needs: the kernels that its code loads and its `project.slp` names, and the capabilities that this names.
/// Capabilities must be granted to whoever publishes.
pub(crate) fn needs(release: &Release, units: &[std::sync::Arc<Unit>], grants: Grants) -> (Needs, Problems) {
    let mut kernels: BTreeSet<String> = units.iter().flat_map(|unit| unit.kernels.clone()).collect();
    let mut capabilities = BTreeSet::new();
    let mut problems = Problems::new();
    if let Ok(Some(text)) = release.text("project") {
        let reading = slp::read(&text, &ReadLimits::default());
        let source = module_of("project");
        problems.extend(
            reading
                .faults
                .iter()
                .map(|fault| Problem::from_fault(&source, fault)),
        );
        let tree = &reading.tree;
        for (key, value) in tree
            .roots()
            .first()
            .map_or_else(Vec::new, |root| entries(tree, *root))
        {
            match key.as_str() {
                "kernels" => kernels.extend(words(tree, value)),
                "capabilities" => {
                    for word in words(tree, value) {
                        let place = Place {
                            source: source.clone(),
                            span: tree.span(value),
                        };
                        problems.extend(refused(&word, grants).map(|problem| Problem {
                            place: Some(place),
                            ..problem
                        }));
                        capabilities.insert(word);
                    }
                }
                _ => {}
            }
        }
    }
    let needs = Needs {
        kernels: kernels.into_iter().collect(),
        capabilities: capabilities.into_iter().collect(),
    };
    (needs, problems)
}

fn refused(word: &str, grants: Grants) -> Option<Problem> {
    match Capability::named(word) {
        None => {
            let known: Vec<&str> = Capability::ALL.iter().map(|known| known.name()).collect();
            let problem = Problem::new("release/capability", format!("{word} is no capability"));
            Some(problem.with_hint(format!("there are {}", known.join(" "))))
        }
        Some(capability) if !grants.has(capability) => {
            let message = format!("the release needs the capability {word}, which is not granted here");
            Some(Problem::new("release/capability", message).with_hint(format!("run with --allow {word}")))
        }
        Some(_) => None,
    }
}

/// Keys and values of a map in a text.
fn entries(tree: &Tree, node: NodeId) -> Vec<(String, NodeId)> {
    let (BraceShape::Map, elements) = brace_shape(tree, node) else {
        return Vec::new();
    };
    let pairs = elements.chunks_exact(2);
    pairs
        .filter_map(|pair| Some((tree.keyword(pair[0])?.to_owned(), pair[1])))
        .collect()
}

/// The words of a list, or the keys of a map.
fn words(tree: &Tree, node: NodeId) -> Vec<String> {
    let keys = entries(tree, node);
    if !keys.is_empty() {
        return keys.into_iter().map(|(key, _)| key).collect();
    }
    let (_, elements) = brace_shape(tree, node);
    elements
        .iter()
        .filter_map(|child| match tree.kind(*child) {
            NodeKind::Symbol(text) | NodeKind::Str(text) | NodeKind::Keyword(text) => Some(text.to_string()),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_checked_and_have_shapes() {
        for pattern in ["/", "/a", "/a/", "/hello/:name", "/:a/b/:c", "/files/*rest"] {
            assert!(check_pattern(pattern).is_ok(), "{pattern}");
        }
        for pattern in [
            "", "a", "//", "/a//b", "/:", "/*", "/:a/:a", "/*rest/b", "/a:b", "/a b", "/a?b",
        ] {
            assert!(check_pattern(pattern).is_err(), "{pattern}");
        }
        assert_eq!(shape("/:a/b/*rest"), "/:/b/*");
    }
}
