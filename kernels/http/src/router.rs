//! Routes: which handler answers which method and path.
//!
//! A pattern is a path whose segments may be `:name`, one segment, or `*name` at its end, all that is left. The longest static
//! match wins. Two patterns that match the same paths and differ are refused, with the places of both.

use crate::path;
use hyper::Method;
use std::fmt;
use std::sync::Arc;

/// Most routes of one table.
pub const MAX_ROUTES: usize = 10_000;

/// One route, as a program declares it; `T` is what answers it.
#[derive(Clone, Debug)]
pub struct Route<T> {
    /// The method; nothing stands for any.
    pub method: Option<Method>,
    /// The pattern.
    pub pattern: String,
    /// Where it was declared, for messages.
    pub place: String,
    /// What answers.
    pub target: T,
}

/// Why a route was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteError {
    /// The pattern is none.
    Pattern {
        /// As it was written.
        pattern: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// Another route matches the same paths.
    Conflict {
        /// The later one, with its place.
        later: String,
        /// The earlier one, with its place.
        earlier: String,
    },
    /// There are too many.
    TooMany,
}

impl RouteError {
    /// The code of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            RouteError::Pattern { .. } => "http/pattern",
            RouteError::Conflict { .. } => "http/route-conflict",
            RouteError::TooMany => "http/too-many-routes",
        }
    }
}

impl fmt::Display for RouteError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RouteError::Pattern { pattern, what } => write!(out, "`{pattern}` is no route: {what}"),
            RouteError::Conflict { later, earlier } => {
                write!(out, "the route {later} matches the same requests as {earlier}")
            }
            RouteError::TooMany => write!(out, "there are more than {MAX_ROUTES} routes"),
        }
    }
}

impl<T> Route<T> {
    fn shown(&self) -> String {
        let method = self.method.as_ref().map_or("ANY", Method::as_str);
        match self.place.as_str() {
            "" => format!("{method} {}", self.pattern),
            place => format!("{method} {} at {place}", self.pattern),
        }
    }
}

/// What answers the methods of one pattern.
struct Node<T> {
    /// The pattern as it was written.
    pattern: Arc<str>,
    /// Names of its parameters, in order.
    routes: Vec<Route<T>>,
}

/// A table of routes, made once and then only read.
pub struct Router<T> {
    paths: matchit::Router<usize>,
    nodes: Vec<Node<T>>,
}

/// What was found for a request.
pub enum Found<'r, T> {
    /// The route's target, its pattern, and the parameters by name, with their escapes resolved.
    Target(&'r T, Arc<str>, Vec<(String, String)>),
    /// The path has routes, for these methods.
    Methods(Vec<Method>),
    /// Nothing matches the path.
    Nothing,
}

impl<T> Router<T> {
    /// A table of routes.
    ///
    /// # Errors
    /// When a pattern is none, or two match the same requests.
    pub fn new(routes: Vec<Route<T>>) -> Result<Router<T>, RouteError> {
        if routes.len() > MAX_ROUTES {
            return Err(RouteError::TooMany);
        }
        let mut router = Router {
            paths: matchit::Router::new(),
            nodes: Vec::new(),
        };
        for route in routes {
            router.add(route)?;
        }
        Ok(router)
    }

    fn add(&mut self, route: Route<T>) -> Result<(), RouteError> {
        let path = translated(&route.pattern)?;
        if let Some(node) = self.nodes.iter_mut().find(|node| *node.pattern == *route.pattern) {
            if let Some(earlier) = node.routes.iter().find(|other| other.method == route.method) {
                return Err(conflict(&route, earlier));
            }
            node.routes.push(route);
            return Ok(());
        }
        match self.paths.insert(path, self.nodes.len()) {
            Ok(()) => {
                self.nodes.push(Node {
                    pattern: Arc::from(route.pattern.as_str()),
                    routes: vec![route],
                });
                Ok(())
            }
            Err(matchit::InsertError::Conflict { with }) => {
                let earlier = self
                    .nodes
                    .iter()
                    .find(|node| translated(&node.pattern).is_ok_and(|translated| translated == with));
                match earlier.and_then(|node| node.routes.first()) {
                    Some(earlier) => Err(conflict(&route, earlier)),
                    None => Err(RouteError::Conflict {
                        later: route.shown(),
                        earlier: with,
                    }),
                }
            }
            Err(_) => Err(RouteError::Pattern {
                pattern: route.pattern,
                what: "its parameters cannot be told apart",
            }),
        }
    }

    /// What answers a method and a path, which `path::check` has let through.
    #[must_use]
    pub fn find(&self, method: &Method, request_path: &str) -> Found<'_, T> {
        let Ok(matched) = self.paths.at(request_path) else {
            return Found::Nothing;
        };
        let node = &self.nodes[*matched.value];
        let wanted =
            |wanted: Option<&Method>| node.routes.iter().find(|route| route.method.as_ref() == wanted);
        let mut route = wanted(Some(method));
        if route.is_none() && method == Method::HEAD {
            route = wanted(Some(&Method::GET));
        }
        let Some(route) = route.or_else(|| wanted(None)) else {
            return Found::Methods(node.methods());
        };
        let mut parameters = Vec::with_capacity(matched.params.len());
        for (name, value) in matched.params.iter() {
            // `check` has looked at every escape.
            let value = path::decode(value).map_or_else(|_| value.to_owned(), |text| text.into_owned());
            parameters.push((name.to_owned(), value));
        }
        Found::Target(&route.target, node.pattern.clone(), parameters)
    }

    /// Every route, in the order of patterns.
    pub fn routes(&self) -> impl Iterator<Item = &Route<T>> {
        self.nodes.iter().flat_map(|node| node.routes.iter())
    }
}

impl<T> Node<T> {
    /// What `Allow` lists.
    fn methods(&self) -> Vec<Method> {
        let mut methods: Vec<Method> = self
            .routes
            .iter()
            .filter_map(|route| route.method.clone())
            .collect();
        if methods.contains(&Method::GET) && !methods.contains(&Method::HEAD) {
            methods.push(Method::HEAD);
        }
        if !methods.contains(&Method::OPTIONS) {
            methods.push(Method::OPTIONS);
        }
        methods.sort_by(|a, b| a.as_str().cmp(b.as_str()));
        methods
    }
}

fn conflict<T>(later: &Route<T>, earlier: &Route<T>) -> RouteError {
    RouteError::Conflict {
        later: later.shown(),
        earlier: earlier.shown(),
    }
}

/// The pattern as matchit writes it: `:name` becomes `{name}`, `*name` becomes `{*name}`.
fn translated(pattern: &str) -> Result<String, RouteError> {
    let fault = |what| RouteError::Pattern {
        pattern: pattern.to_owned(),
        what,
    };
    let rest = pattern
        .strip_prefix('/')
        .ok_or_else(|| fault("it must start with a slash"))?;
    let mut names: Vec<&str> = Vec::new();
    let mut path = String::new();
    let mut segments = rest.split('/').peekable();
    while let Some(segment) = segments.next() {
        path.push('/');
        let (prefix, name) = match segment.as_bytes().first() {
            Some(b':') => ("", &segment[1..]),
            Some(b'*') if segments.peek().is_some() => {
                return Err(fault("what takes the rest of a path must stand at its end"));
            }
            Some(b'*') => ("*", &segment[1..]),
            _ => {
                path.push_str(&segment.replace('{', "{{").replace('}', "}}"));
                continue;
            }
        };
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if name.is_empty() || !name.bytes().all(is_name) {
            return Err(fault(
                "the name of a parameter is of letters, digits, `-` and `_`",
            ));
        }
        if names.contains(&name) {
            return Err(fault("two of its parameters have the same name"));
        }
        names.push(name);
        path.push_str(&format!("{{{prefix}{name}}}"));
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::{Found, Route, RouteError, Router};
    use hyper::Method;

    fn route(method: &str, pattern: &str) -> Route<String> {
        let any = method == "ANY";
        Route {
            method: (!any).then(|| method.parse().expect("is a method")),
            pattern: pattern.to_owned(),
            place: "app.slp:1".to_owned(),
            target: format!("{method} {pattern}"),
        }
    }

    fn answer(router: &Router<String>, method: Method, path: &str) -> String {
        match router.find(&method, path) {
            Found::Target(target, _, parameters) => {
                let parameters: Vec<String> = parameters.iter().map(|(k, v)| format!(" {k}={v}")).collect();
                format!("{target}{}", parameters.concat())
            }
            Found::Methods(methods) => {
                let methods: Vec<&str> = methods.iter().map(Method::as_str).collect();
                methods.join(",")
            }
            Found::Nothing => "nothing".to_owned(),
        }
    }

    #[test]
    fn the_longest_static_match_wins_and_parameters_are_decoded() {
        let routes = vec![
            route("GET", "/"),
            route("GET", "/users/:id"),
            route("POST", "/users/:id"),
            route("GET", "/users/me"),
            route("GET", "/files/*rest"),
            route("ANY", "/any"),
            route("GET", "/{brace}"),
        ];
        let router = Router::new(routes).expect("is a table");
        let cases = [
            (Method::GET, "/", "GET /"),
            (Method::GET, "/users/me", "GET /users/me"),
            (Method::GET, "/users/a%20b", "GET /users/:id id=a b"),
            (Method::HEAD, "/users/7", "GET /users/:id id=7"),
            (Method::POST, "/users/7", "POST /users/:id id=7"),
            (Method::PUT, "/users/7", "GET,HEAD,OPTIONS,POST"),
            (Method::GET, "/users/7/", "nothing"),
            (Method::GET, "/files/a/b", "GET /files/*rest rest=a/b"),
            (Method::DELETE, "/any", "ANY /any"),
            (Method::GET, "/{brace}", "GET /{brace}"),
            (Method::GET, "/nowhere", "nothing"),
        ];
        for (method, path, expected) in cases {
            assert_eq!(answer(&router, method, path), expected, "{path}");
        }
    }

    #[test]
    fn conflicts_name_both_places() {
        for (first, second) in [
            (route("GET", "/a"), route("GET", "/a")),
            (route("GET", "/a/:x"), route("GET", "/a/:y")),
            (route("GET", "/a/*x"), route("POST", "/a/*y")),
        ] {
            let error = Router::new(vec![first, second]).map(|_| ()).unwrap_err();
            let RouteError::Conflict { later, earlier } = &error else {
                panic!("{error}")
            };
            assert!(
                later.contains("at app.slp:1") && earlier.contains("at app.slp:1"),
                "{error}"
            );
        }
    }

    #[test]
    fn what_is_no_pattern_is_told() {
        for pattern in ["a", "/*rest/b", "/:", "/:a b", "/:x/:x"] {
            let error = Router::new(vec![route("GET", pattern)]).map(|_| ()).unwrap_err();
            assert_eq!(error.code(), "http/pattern", "{pattern}");
        }
    }
}
