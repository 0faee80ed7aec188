//! What answers on one event loop: the program's routes, whose handlers run as fibers of the loop's own isolate.

use super::answer::{self, Answered, Failure};
use super::ask::{self, Asking};
use super::stream::{self, Incoming, Outgoing};
use super::table::{self, REST, Served, Target};
use super::words::Words;
use crate::limits::{Limits, milliseconds};
use crate::message::{Choice, Reply, ReplyBody, Request, RequestBody, Respond};
use crate::problem;
use crate::router::{Found, Route, Router};
use crate::websocket;
use hyper::header::CONTENT_TYPE;
use hyper::{HeaderMap, Method, Uri};
use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use sup_kernel::isolate::{FiberLimits, Handler, Isolate};
use sup_kernel::{Context, Error, ResourceKind, Result, Value};

/// What answers one route on this loop.
enum Place {
    Function { handler: Handler, streams: bool },
    Folder(PathBuf),
}

/// The routes as this loop has them.
struct Built {
    router: Router<usize>,
    places: Vec<Place>,
    fallback: Option<usize>,
}

/// Answers with handlers of a program.
pub struct Handlers {
    isolate: Isolate,
    limits: Arc<Limits>,
    words: Words,
    built: RefCell<Rc<Built>>,
}

impl Handlers {
    /// What answers for a program on an event loop.
    ///
    /// # Errors
    /// When a handler cannot be taken over.
    pub fn new(isolate: Isolate, limits: Arc<Limits>, served: &Served) -> Result<Rc<Handlers>> {
        let entered = isolate.enter(Words::new);
        let words =
            entered.unwrap_or_else(|| Err(Error::new("http/loop", "the isolate cannot be entered")))?;
        let built = build(&isolate, served)?;
        Ok(Rc::new(Handlers {
            isolate,
            limits,
            words,
            built: RefCell::new(Rc::new(built)),
        }))
    }

    /// Serves something else from the next request on.
    ///
    /// # Errors
    /// When a handler cannot be taken over; what was served is served on.
    pub fn replace(&self, served: &Served) -> Result<()> {
        let built = build(&self.isolate, served)?;
        *self.built.borrow_mut() = Rc::new(built);
        Ok(())
    }

    fn fiber_limits(&self) -> FiberLimits {
        FiberLimits {
            fuel: self.limits.handler_fuel_count,
            deadline: Some(milliseconds(self.limits.handler_ms)),
            memory_bytes: self.limits.handler_memory_bytes,
        }
    }

    /// Runs a handler and sends what it answers on its way.
    async fn run(self: Rc<Self>, built: Rc<Built>, target: usize, mut request: Request) -> Reply {
        let handler = match &built.places[target] {
            Place::Function { handler, .. } => handler,
            Place::Folder(folder) => return folder_reply(folder, &request),
        };
        let streamed = match std::mem::replace(&mut request.body, RequestBody::Whole(bytes::Bytes::new())) {
            RequestBody::Stream(body) => Some(body),
            whole => {
                request.body = whole;
                None
            }
        };
        let (words, limits) = (self.words, self.limits.clone());
        let mut incoming = streamed.map(stream::read_body);
        let call = self.isolate.call(
            handler,
            self.fiber_limits(),
            |cx, arguments| arguments.push(request_map(cx, &words, &limits, &request, incoming.take())?),
            move |cx, answer| answer::read(cx, &words, answer),
        );
        let answered = call.await;
        self.settle(answered, &request)
    }

    /// What becomes of a handler's answer.
    fn settle(self: &Rc<Self>, answered: Answered, request: &Request) -> Reply {
        match answered {
            Answered::Reply(reply) => reply,
            Answered::Failed(failure) => failed(request, &failure),
            Answered::Streams(mut reply, function) => {
                let Some(handler) = self.isolate.handler(&function) else {
                    return failed(
                        request,
                        &Failure::new("http/response", "the body's function cannot be called"),
                    );
                };
                let (outgoing, receiver, gone) = stream::write_body(size_of_queue(&self.limits));
                answer::set_type(&mut reply.headers, "application/octet-stream");
                reply
                    .headers
                    .entry(hyper::header::CACHE_CONTROL)
                    .or_insert(hyper::header::HeaderValue::from_static("no-cache"));
                let this = self.clone();
                tokio::task::spawn_local(async move {
                    let writing = this.write(handler, outgoing);
                    tokio::select! {
                        () = writing => {}
                        () = gone => {}
                    }
                });
                reply.body = ReplyBody::Stream(receiver);
                reply
            }
            Answered::WebSocket(function) => {
                let Some(handler) = self.isolate.handler(&function) else {
                    return failed(
                        request,
                        &Failure::new("http/response", "the WebSocket's function cannot be called"),
                    );
                };
                websocket::accept(self.clone(), handler, request)
            }
        }
    }

    /// Runs the function that writes a body.
    async fn write(&self, handler: Handler, outgoing: Outgoing) {
        let breaks = outgoing.breaker();
        match self.run_with(&handler, outgoing).await {
            Some(failure) => {
                log(&failure, "a stream");
                breaks.break_off();
            }
            None => breaks.end(),
        }
    }

    /// Runs the function that serves a WebSocket.
    pub async fn serve(&self, handler: Handler, socket: crate::websocket::Socket) {
        if let Some(failure) = self.run_with(&handler, socket).await {
            log(&failure, "a WebSocket");
        }
    }

    /// Calls a function with a resource and gives what it raised. It has no time limit as a whole: each of its waits has one.
    async fn run_with<R: ResourceKind>(&self, handler: &Handler, resource: R) -> Option<Failure> {
        let words = self.words;
        let limits = FiberLimits {
            deadline: None,
            ..self.fiber_limits()
        };
        self.isolate
            .call(
                handler,
                limits,
                |cx, arguments| arguments.push(cx.resource(resource)?),
                move |cx, answer| answer.err().map(|error| answer::failure(cx, &words, error)),
            )
            .await
    }

    /// The limits.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }
}

fn size_of_queue(limits: &Limits) -> usize {
    crate::limits::size(limits.ws_queue_count)
}

fn request_map<'c>(
    cx: &'c Context,
    words: &Words,
    limits: &Limits,
    request: &Request,
    incoming: Option<Incoming>,
) -> Result<Value<'c>> {
    let body = match incoming {
        Some(incoming) => cx.resource(incoming)?,
        None => ask::body(cx, request)?,
    };
    ask::map(cx, words, &Asking { request, limits }, body)
}

fn log(failure: &Failure, what: &str) {
    let line = format!("http: {what} ended with {}: {}", failure.code, failure.detail);
    sup_kernel::entry::log(1, &line);
}

/// The answer to a request whose handler failed. The log has the details; the client gets none of them.
pub fn failed(request: &Request, failure: &Failure) -> Reply {
    log(failure, &format!("the request {}", request.id));
    problem::reply(&request.headers, failure.status, &failure.code, failure.message)
}

fn folder_reply(folder: &std::path::Path, request: &Request) -> Reply {
    let rest = request.parameters.iter().find(|(name, _)| name == REST);
    table::file_reply(&request.headers, folder, rest.map_or("", |(_, rest)| rest))
}

fn build(isolate: &Isolate, served: &Served) -> Result<Built> {
    let mut places = Vec::new();
    let mut routes = Vec::new();
    for route in served.table.routes() {
        routes.push(Route {
            method: route.method.clone(),
            pattern: route.pattern.clone(),
            place: route.place.clone(),
            target: places.len(),
        });
        places.push(place(isolate, &route.target)?);
    }
    let fallback = match &served.fallback {
        Some(declared) => {
            places.push(place(isolate, &Target::Handler(declared.clone()))?);
            Some(places.len() - 1)
        }
        None => None,
    };
    let router = Router::new(routes).map_err(|error| Error::new(error.code(), error.to_string()))?;
    Ok(Built {
        router,
        places,
        fallback,
    })
}

fn place(isolate: &Isolate, target: &Target) -> Result<Place> {
    match target {
        Target::Folder(folder) => Ok(Place::Folder(folder.clone())),
        Target::Handler(declared) => match isolate.handler(&declared.shared) {
            Some(handler) => Ok(Place::Function {
                handler,
                streams: declared.streams,
            }),
            None => Err(Error::new(
                "http/handler",
                "a handler is no function in the event loop's isolate",
            )),
        },
    }
}

/// The route of a fallback, for which there is no pattern.
const ANYTHING: &str = "*";

/// `Respond` is for a counted value, since its futures outlive the borrow.
pub struct Responder(pub Rc<Handlers>);

impl Respond for Responder {
    fn choose(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Choice {
        let built = self.0.built.borrow().clone();
        let chosen = |target: usize, pattern: Arc<str>, parameters| Choice::Handler {
            streams: matches!(built.places[target], Place::Function { streams: true, .. }),
            run: {
                let (handlers, built) = (self.0.clone(), built.clone());
                Box::new(move |request| Box::pin(handlers.run(built, target, request)))
            },
            pattern,
            parameters,
        };
        match built.router.find(method, uri.path()) {
            Found::Target(target, pattern, parameters) => chosen(*target, pattern, parameters),
            Found::Methods(methods) => Choice::Reply(table::other_method(headers, method, &methods)),
            Found::Nothing => match built.fallback {
                Some(target) => chosen(target, Arc::from(ANYTHING), Vec::new()),
                None => Choice::Reply(problem::not_found(headers)),
            },
        }
    }
}

/// The content type of a request, without its parameters.
#[must_use]
pub fn content_type(headers: &HeaderMap) -> &str {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    kind.map_or("", |kind| kind.split(';').next().unwrap_or_default().trim())
}
