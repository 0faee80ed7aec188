//! The kernel `http`: a server over hyper that answers with handlers of the program. Start with `server::run`, one event loop,
//! `message`, what stands between the server and what answers, and `program`, where that is SLP.

pub mod access;
pub mod admin;
pub mod finish;
pub mod incoming;
pub mod limits;
pub mod message;
pub mod metrics;
pub mod outgoing;
pub mod path;
pub mod problem;
pub mod program;
pub mod router;
pub mod server;
pub mod websocket;

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, COOKIE};
use program::servers::{Http, Wish};
use program::stream::{Incoming, Outgoing};
use program::table::{Declared, REST, Target};
use program::{ask, call, options, parts};
use router::Route;
use std::sync::Arc;
use sup_kernel::{Context, Error, List, ListKind, Quoted, Result, Rooted, Value};
use websocket::Socket;

/// A function of the program as what answers routes.
fn declared(cx: &Context, handler: Value<'_>, streams: bool) -> Result<Declared> {
    if !handler.is_callable() {
        let found = handler.value_type().name();
        return Err(Error::type_mismatch(format!(
            "a handler is a function of a request, not :{found}"
        )));
    }
    Ok(Declared {
        shared: sup_kernel::isolate::share(cx, handler)?,
        pin: Arc::new(cx.pin(handler)),
        streams,
    })
}

fn route(
    cx: &Context,
    method: Value<'_>,
    pattern: &str,
    handler: Value<'_>,
    streams: bool,
) -> Result<Route<Target>> {
    Ok(Route {
        method: call::read_method(method)?,
        pattern: pattern.to_owned(),
        place: String::new(),
        target: Target::Handler(declared(cx, handler, streams)?),
    })
}

/// A field of a request's map.
fn text_field(request: Value<'_>, name: &str) -> Option<String> {
    let headers = request.field("headers")?;
    let found = headers
        .pairs()?
        .into_iter()
        .find(|(key, _)| key.as_text() == Some(name));
    found.and_then(|(_, value)| value.as_text().map(str::to_owned))
}

/// The body of a request whose content type is the wanted one.
fn body_of(request: Value<'_>, wanted: &str) -> Result<Vec<u8>> {
    let kind = text_field(request, CONTENT_TYPE.as_str()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case(wanted) {
        return Err(Error::new(
            "http/unsupported",
            format!("the body is {kind}, not {wanted}"),
        ));
    }
    let body = request.field("body");
    Ok(body
        .and_then(|body| body.as_bytes().map(<[u8]>::to_vec))
        .unwrap_or_default())
}

fn n_fields() -> usize {
    limits::size(limits::Limits::standard().fields_count)
}

/// The number of a server, given as such or as the map that `listen` answers.
fn server_number(server: Value<'_>) -> Result<i64> {
    let number = server.as_int().or_else(|| server.field("server")?.as_int());
    number.ok_or_else(|| Error::type_mismatch("a server is what http/listen answers"))
}

sup_kernel::kernel! {
    name: "http", version: env!("CARGO_PKG_VERSION"),
    needs: ["sup.isolate/1", "sup.fiber/1"],
    capabilities: [NONE],
    state: Http,
    resources: [Outgoing, Incoming, Socket],

    // ---- serving ----

    /// Starts a server for the program's routes and answers `{:server :host :port :url}`:
    /// `(http/listen {:port 8080} handler)`. The handler, which may be left out, answers where no route matches. Options:
    /// `:port` (0 lets the system choose), `:host` (this machine alone unless it says more), `:tls {:certificate :key}`,
    /// `:limits` (a map; `http/limits` lists them), `:log` (true, false or a file), `:admin-port`, `:loops`.
    fn "listen" (cx, options: Value, handler: Option<Value>) -> Result<Value> [returns = "map", capabilities = [NETWORK]] {
        let options = options::Options::read(cx, options)?;
        let fallback = handler.map(|handler| declared(cx, handler, false)).transpose()?;
        let scheme = if options.tls.is_some() { "https" } else { "http" };
        let (number, address) = cx.state::<Http>()?.listen(cx, &options, fallback)?;
        cx.map(&[
            (cx.keyword("server")?, cx.int(number)?),
            (cx.keyword("host")?, cx.text(&address.ip().to_string())?),
            (cx.keyword("port")?, cx.int(i64::from(address.port()))?),
            (cx.keyword("url")?, cx.text(&format!("{scheme}://{address}"))?),
        ])
    }

    /// Ends a server: it takes no new requests, answers those that it has, and is gone when this answers.
    fn "stop" (cx, server: Value) -> Result<Value> [async, returns = "none"] {
        cx.state::<Http>()?.wait(cx, server_number(server)?, Wish::End)
    }

    /// Waits until a server has ended.
    fn "wait" (cx, server: Value) -> Result<Value> [async, returns = "none"] {
        cx.state::<Http>()?.wait(cx, server_number(server)?, Wish::Await)
    }

    /// The servers that run, as a list of maps `{:server :host :port}`.
    fn "servers" (cx) -> Result<List<Value>> {
        let mut servers = Vec::new();
        for (number, address) in cx.state::<Http>()?.running() {
            servers.push(cx.map(&[
                (cx.keyword("server")?, cx.int(number)?),
                (cx.keyword("host")?, cx.text(&address.ip().to_string())?),
                (cx.keyword("port")?, cx.int(i64::from(address.port()))?),
            ])?);
        }
        Ok(List(ListKind::Brace, servers))
    }

    /// The limits that a server has, by name; without one those that hold unless `http/listen` is told others. What follows
    /// the last dash of a name is its unit.
    fn "limits" (cx, server: Option<Value>) -> Result<Value> [returns = "map"] {
        let number = server.map(server_number).transpose()?;
        let mut pairs = Vec::new();
        for entry in cx.state::<Http>()?.limits(number)?.entries() {
            pairs.push((cx.keyword(entry.name)?, cx.int(i64::try_from(entry.value).unwrap_or(i64::MAX))?));
        }
        cx.map(&pairs)
    }

    // ---- routes ----

    /// Has a function answer a method and a path: `(route GET "/hello/:name" (fn (req) …))`. A segment `:name` takes one
    /// segment, `*name` at the end all that is left; the longest static match wins. `ANY` stands for every method. A route
    /// declared again takes the place of the earlier one. With `{:stream true}` the handler reads the body with `http/read`.
    fn "route" (cx, method: Quoted<Value>, path: &str, handler: Value, options: Option<Value>) -> Result<()> [everyday] {
        let route = route(cx, method.0, path, handler, options::streams(options)?)?;
        cx.state::<Http>()?.add(cx, vec![route])
    }

    /// Declares many routes, all or none: a list of `{method path handler}`. Without it answers the routes that there are, as
    /// a list of `{method path}`.
    fn "routes" (cx, routes: Option<Value>) -> Result<Value> [returns = "list?"] {
        let Some(routes) = routes else {
            let mut all = Vec::new();
            for route in cx.state::<Http>()?.table(cx).routes() {
                let method = route.method.as_ref().map_or("ANY", |method| method.as_str());
                all.push(cx.list(ListKind::Brace, &[cx.text(method)?, cx.text(&route.pattern)?])?);
            }
            return cx.list(ListKind::Brace, &all);
        };
        let no_route = || Error::type_mismatch("a route is a list of a method, a path and a handler");
        let mut all = Vec::new();
        for declaration in routes.elements().ok_or_else(no_route)? {
            let parts = declaration.elements().ok_or_else(no_route)?;
            let [method, path, handler] = parts.as_slice() else { return Err(no_route()) };
            let path = path.as_text().ok_or_else(no_route)?.to_owned();
            all.push(route(cx, *method, &path, *handler, false)?);
        }
        cx.state::<Http>()?.add(cx, all)?;
        Ok(cx.nil())
    }

    /// Serves the files of a folder below a path: `(static "/assets" "public")`. Hidden files are not there. A name as
    /// `http/asset` gives it may be kept by browsers for ever.
    fn "static" (cx, path: &str, folder: &str) -> Result<()> [everyday, capabilities = [READ]] {
        let folder = sup_kernel::extension::resolve_path(cx, folder, sup_kernel::extension::ACCESS_READ)?;
        let route = Route {
            method: Some(hyper::Method::GET),
            pattern: format!("{}/*{REST}", path.trim_end_matches('/')),
            place: String::new(),
            target: Target::Folder(folder.into()),
        };
        cx.state::<Http>()?.add(cx, vec![route])
    }

    /// The path of a file with its content's hash in the name, so that browsers may keep it: `(http/asset "/assets/app.css")`
    /// is `"/assets/app-0123456789abcdef.css"`. Raises `http/asset` for what no `static` serves.
    fn "asset" (cx, path: &str) -> Result<String> {
        for route in cx.state::<Http>()?.table(cx).routes() {
            let Target::Folder(folder) = &route.target else { continue };
            let prefix = route.pattern.trim_end_matches(REST).trim_end_matches('*');
            let name = path.strip_prefix(prefix).and_then(|rest| program::table::content_name(folder, rest));
            if let Some(name) = name {
                return Ok(format!("{prefix}{name}"));
            }
        }
        Err(Error::new("http/asset", format!("no folder serves {path}")))
    }

    /// Answers a request without a socket, through the program's routes, as a client would see it: a target, or a map
    /// `{:method :uri :headers :body}`. Answers `{:status :headers :body}`. A handler that waits cannot be asked so.
    fn "call" (cx, request: Rooted) -> Result<Rooted> [returns = "map"] { call::call(cx, request) }

    // ---- parts of requests ----

    /// The fields of a form that was sent as `application/x-www-form-urlencoded`, a map of strings; a name that came more than
    /// once has a list. Another type raises `http/unsupported`, which is answered with 415.
    fn "form" (cx, request: Value) -> Result<Value> [returns = "map"] {
        ask::fields(cx, &body_of(request, "application/x-www-form-urlencoded")?, n_fields())
    }

    /// The parts of a body that was sent as `multipart/form-data`: a map of `{:filename :type :body}` by the names of the
    /// fields; a name that came more than once has a list.
    fn "multipart" (cx, request: Value) -> Result<Value> [returns = "map"] {
        let body = body_of(request, "multipart/form-data")?;
        let kind = text_field(request, CONTENT_TYPE.as_str()).unwrap_or_default();
        let boundary = parts::boundary(&kind).ok_or_else(|| ask::bad(parts::PartError::Framing))?;
        let found = parts::multipart(&body, &boundary, n_fields()).map_err(ask::bad)?;
        let found: Vec<_> = found.into_iter().map(|part| (part.name.clone(), part)).collect();
        ask::grouped(cx, &found, |part| {
            cx.map(&[
                (cx.keyword("filename")?, cx.make(part.filename.clone())?),
                (cx.keyword("type")?, cx.make(part.content_type.clone())?),
                (cx.keyword("body")?, cx.bytes(part.body)?),
            ])
        })
    }

    /// The cookies of a request, a map of strings.
    fn "cookies" (cx, request: Value) -> Result<Value> [returns = "map"] {
        let header = text_field(request, COOKIE.as_str()).unwrap_or_default();
        let most = limits::size(limits::Limits::standard().cookies_count);
        let found = parts::cookies(&header, most).map_err(ask::bad)?;
        ask::grouped(cx, &found, |value| cx.text(value))
    }

    /// The next piece of a request's body, bytes, or nil at its end: for routes declared with `{:stream true}`.
    fn "read" (cx, body: &Incoming) -> Result<Value> [async, returns = "bytes?"] { body.read(cx) }

    // ---- answers ----

    /// The value of a header `Set-Cookie`. Options: `:path` ("/"), `:max-age` in seconds, `:domain`, `:same-site` (`:lax`
    /// unless `:strict` or `:none`), `:http-only` and `:secure` (both true unless false).
    fn "cookie" (cx, name: &str, value: &str, options: Option<Value>) -> Result<String> {
        program::cookie::text(cx, name, value, options)
    }

    /// The answer that sends a client elsewhere: 303 unless another status of 300 to 399 is given.
    fn "redirect" (cx, location: &str, status: Option<i64>) -> Result<Value> [returns = "map"] {
        let status = status.unwrap_or(303);
        if !(300..400).contains(&status) {
            return Err(Error::new("http/response", "a redirect has a status of 300 to 399"));
        }
        let headers = cx.map(&[(cx.text("location")?, cx.text(location)?)])?;
        cx.map(&[(cx.keyword("status")?, cx.int(status)?), (cx.keyword("headers")?, headers)])
    }

    /// The answer with a page: `(http/html (html/render tree))`.
    fn "html" (cx, text: Value) -> Result<Value> [returns = "map"] {
        let headers = cx.map(&[(cx.text("content-type")?, cx.text("text/html; charset=utf-8")?)])?;
        cx.map(&[
            (cx.keyword("status")?, cx.int(200)?),
            (cx.keyword("headers")?, headers),
            (cx.keyword("body")?, text),
        ])
    }

    /// The answer with an event stream, whose events a function sends: `(http/sse (fn (out) (http/event out "hello")))`.
    fn "sse" (cx, function: Value) -> Result<Value> [returns = "map"] {
        let headers = cx.map(&[
            (cx.text("content-type")?, cx.text("text/event-stream")?),
            (cx.text("cache-control")?, cx.text("no-cache")?),
        ])?;
        cx.map(&[
            (cx.keyword("status")?, cx.int(200)?),
            (cx.keyword("headers")?, headers),
            (cx.keyword("body")?, function),
        ])
    }

    /// Sends an event: a string, or a map of `:data` (a string, or a value that becomes JSON), `:event`, `:id`, `:retry`.
    /// Raises `http/closed` when the client has gone.
    fn "event" (cx, out: &Outgoing, event: Value) -> Result<Value> [async, returns = "none"] {
        out.write(cx, Bytes::from(program::stream::event(cx, event)?))
    }

    /// Sends a piece of a body that a function writes: `{:body (fn (out) (http/write out "piece"))}`. Waits while the client
    /// takes nothing; raises `http/closed` when it has gone.
    fn "write" (cx, out: &Outgoing, data: Value) -> Result<Value> [async, returns = "none"] {
        let bytes = data.as_bytes().map(Bytes::copy_from_slice);
        out.write(cx, bytes.ok_or_else(|| Error::type_mismatch("a piece is a string or bytes"))?)
    }

    /// The answer that turns the connection into a WebSocket, which a function serves:
    /// `(http/ws (fn (ws) (http/send ws (http/receive ws))))`. It closes when the function returns. Pages of other sites are
    /// refused.
    fn "ws" (cx, function: Value) -> Result<Value> [returns = "map"] {
        cx.map(&[(cx.keyword("websocket")?, function)])
    }

    /// The next message of a WebSocket, a string or bytes; nil when the client has closed it.
    fn "receive" (cx, ws: &Socket) -> Result<Value> [async, returns = "any"] { ws.receive(cx) }

    /// Sends a message, a string or bytes. Raises `http/closed` when the WebSocket is closed.
    fn "send" (cx, ws: &Socket, message: Value) -> Result<Value> [async, returns = "none"] { ws.send(cx, message) }

    /// Closes a WebSocket.
    fn "close" (cx, ws: &Socket) -> Result<()> {
        let _ = cx;
        ws.close();
        Ok(())
    }
}
