//! A server with handlers in Rust, and a client that says exactly what a test wants said.

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{HeaderMap, Method, StatusCode, Uri};
use kernel_http::access::Access;
use kernel_http::limits::Limits;
use kernel_http::message::{Choice, Reply, ReplyBody, Request, RequestBody, Respond};
use kernel_http::metrics::Metrics;
use kernel_http::problem;
use kernel_http::router::{Found, Route, Router};
use kernel_http::server::admission::Admission;
use kernel_http::server::run::{Loop, Shared};
use kernel_http::server::{listen, tls};
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Longest that a test waits for anything.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running server; it ends when this is dropped.
pub struct Server {
    pub address: SocketAddr,
    pub shared: Arc<Shared>,
    pub file: PathBuf,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What handlers of the tests do.
#[derive(Clone, Copy)]
pub enum Handler {
    /// The request's method, path, parameters and body.
    Echo,
    /// So many letters.
    Letters(usize),
    /// A header that is set by default, set otherwise.
    Header,
    /// Three pieces, one after the other.
    Pieces,
    /// A stream that breaks off after its first piece.
    Broken,
    /// Nothing for so many milliseconds.
    Slow(u64),
    /// A file of the test's.
    File,
    /// The length of a body that is read piece by piece.
    Count,
}

struct Handlers {
    router: Router<Handler>,
    file: PathBuf,
}

fn routes() -> Vec<Route<Handler>> {
    let table = [
        ("GET", "/", Handler::Letters(5)),
        ("GET", "/letters", Handler::Letters(20_000)),
        ("GET", "/huge", Handler::Letters(8 << 20)),
        ("ANY", "/echo", Handler::Echo),
        ("GET", "/users/:id", Handler::Echo),
        ("GET", "/secure", Handler::Header),
        ("GET", "/pieces", Handler::Pieces),
        ("GET", "/broken", Handler::Broken),
        ("GET", "/slow", Handler::Slow(300)),
        ("GET", "/never", Handler::Slow(3_600_000)),
        ("GET", "/file", Handler::File),
        ("POST", "/count", Handler::Count),
    ];
    table
        .map(|(method, pattern, target)| Route {
            method: (method != "ANY").then(|| method.parse().expect("is a method")),
            pattern: pattern.to_owned(),
            place: String::new(),
            target,
        })
        .into()
}

impl Respond for Handlers {
    fn choose(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Choice {
        match self.router.find(method, uri.path()) {
            Found::Target(handler, pattern, parameters) => Choice::Handler {
                run: {
                    let (handler, file) = (*handler, self.file.clone());
                    Box::new(move |request| Box::pin(answer(handler, file, request)))
                },
                streams: matches!(handler, Handler::Count),
                pattern,
                parameters,
            },
            Found::Methods(methods) => Choice::Reply(problem::not_allowed(headers, &methods)),
            Found::Nothing => Choice::Reply(problem::not_found(headers)),
        }
    }
}

async fn answer(handler: Handler, file: PathBuf, request: Request) -> Reply {
    match handler {
        Handler::Echo => echo(request),
        Handler::Letters(n_bytes) => text("a".repeat(n_bytes)),
        Handler::Header => {
            let mut reply = text("x".to_owned());
            reply
                .headers
                .insert("x-frame-options", HeaderValue::from_static("DENY"));
            reply
        }
        Handler::Pieces => Reply::new(StatusCode::OK, ReplyBody::Stream(pieces())),
        Handler::Broken => Reply::new(StatusCode::OK, ReplyBody::Stream(broken())),
        Handler::Slow(ms) => {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            text("late".to_owned())
        }
        Handler::File => {
            let n_bytes = std::fs::metadata(&file).map_or(0, |data| data.len());
            let tag = Some("t1".to_owned());
            Reply::new(
                StatusCode::OK,
                ReplyBody::File {
                    path: file,
                    n_bytes,
                    tag,
                },
            )
        }
        Handler::Count => count(request).await,
    }
}

fn text(text: String) -> Reply {
    let mut reply = Reply::new(StatusCode::OK, ReplyBody::Whole(Bytes::from(text)));
    reply.headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    reply
}

fn echo(request: Request) -> Reply {
    let body = match &request.body {
        RequestBody::Whole(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        RequestBody::Stream(_) => "a stream".to_owned(),
    };
    let parameters: Vec<String> = request
        .parameters
        .iter()
        .map(|(k, v)| format!(" {k}={v}"))
        .collect();
    text(format!(
        "{} {}{} {body}",
        request.method,
        request.uri.path(),
        parameters.concat()
    ))
}

fn pieces() -> mpsc::Receiver<kernel_http::outgoing::Part> {
    let (sender, receiver) = mpsc::channel(1);
    tokio::task::spawn_local(async move {
        for piece in ["one ", "two ", "three"] {
            if sender
                .send(Ok(Bytes::from_static(piece.as_bytes())))
                .await
                .is_err()
            {
                return;
            }
        }
    });
    receiver
}

fn broken() -> mpsc::Receiver<kernel_http::outgoing::Part> {
    let (sender, receiver) = mpsc::channel(2);
    sender
        .try_send(Ok(Bytes::from_static(b"one ")))
        .expect("has room");
    let broken = kernel_http::outgoing::Broken("on purpose".to_owned());
    sender.try_send(Err(broken)).expect("has room");
    receiver
}

async fn count(request: Request) -> Reply {
    let RequestBody::Stream(mut body) = request.body else {
        return text("no stream".to_owned());
    };
    let (mut n_pieces, mut n_bytes) = (0, 0);
    loop {
        match body.next().await {
            Ok(Some(bytes)) => {
                n_pieces += 1;
                n_bytes += bytes.len();
            }
            Ok(None) => return text(format!("{n_bytes} bytes in {} pieces", n_pieces.min(2))),
            Err(error) => return text(format!("{error:?}")),
        }
    }
}

/// A file of ten thousand bytes that tells where each lies.
fn file() -> PathBuf {
    static LAST: AtomicUsize = AtomicUsize::new(0);
    let number = LAST.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("sup-http-{}-{number}.txt", std::process::id()));
    let text: String = (0..1000).map(|number| format!("{number:09}\n")).collect();
    std::fs::write(&path, text).expect("writes");
    path
}

impl Server {
    pub fn start(set: &[(&str, i64)]) -> Server {
        Server::with(set, None)
    }

    pub fn with(set: &[(&str, i64)], certificate: Option<(&str, &str)>) -> Server {
        let mut limits = Limits::standard();
        for (name, value) in set {
            limits.set(name, *value).expect("is a limit");
        }
        let localhost = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let (address, mut listeners) = listen::open(localhost, 0, 1).expect("opens a port");
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/server");
        let tls = certificate.map(|(certificate, key)| {
            tls::acceptor(&folder.join(certificate), &folder.join(key)).expect("reads the certificate")
        });
        let shared = Arc::new(Shared {
            limits,
            admission: Arc::new(Admission::default()),
            tls,
            access: Access::default(),
            metrics: Arc::new(Metrics::default()),
        });
        let (stop, stopped) = oneshot::channel();
        let (theirs, listener, file) = (shared.clone(), listeners.remove(0), file());
        let served = file.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = { runtime }.enable_all().build().expect("makes a runtime");
            let handlers = Handlers {
                router: Router::new(routes()).expect("is a table"),
                file: served,
            };
            tokio::task::LocalSet::new().block_on(&runtime, async {
                let event_loop = Loop::new(theirs, Rc::new(handlers), 0);
                let stopped = async { drop(stopped.await) };
                event_loop
                    .clone()
                    .accept(listener, stopped)
                    .await
                    .expect("accepts");
                event_loop.drain().await;
            });
        });
        Server {
            address,
            shared,
            file,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    pub fn stop(&mut self) {
        drop(self.stop.take());
    }

    /// Waits until it has ended.
    pub fn join(mut self) {
        self.stop();
        self.thread.take().expect("runs").join().expect("ends");
    }

    pub fn connect(&self) -> Client {
        let stream = TcpStream::connect(self.address).expect("connects");
        stream.set_read_timeout(Some(PATIENCE)).expect("is set");
        stream.set_nodelay(true).expect("is set");
        Client(stream)
    }

    /// All that comes on a connection of its own after these bytes, until the server closes it.
    pub fn all(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut client = self.connect();
        client.say(bytes);
        client.rest()
    }

    /// The answer to one request on a connection of its own.
    pub fn get(&self, path: &str, headers: &str) -> Answer {
        let mut client = self.connect();
        client.say(format!("GET {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n"));
        client.answer()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
        drop(std::fs::remove_file(&self.file));
    }
}

/// A connection.
pub struct Client(pub TcpStream);

/// An answer, taken apart.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        let found = self
            .headers
            .iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Client {
    pub fn say(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).expect("the server takes it");
    }

    /// All that comes until the server closes the connection.
    pub fn rest(&mut self) -> String {
        let mut bytes = Vec::new();
        let read = self.0.read_to_end(&mut bytes);
        // A connection that is cut has told what it had to tell.
        if let Err(error) = read {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}");
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn line(&mut self) -> String {
        let mut line = Vec::new();
        let mut byte = [0];
        while !line.ends_with(b"\r\n") {
            self.0.read_exact(&mut byte).expect("a line comes");
            line.push(byte[0]);
        }
        line.truncate(line.len() - 2);
        String::from_utf8(line).expect("is text")
    }

    /// The next answer.
    pub fn answer(&mut self) -> Answer {
        self.answer_to("GET")
    }

    pub fn answer_to(&mut self, method: &str) -> Answer {
        let first = self.line();
        let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
        let mut answer = Answer {
            status: status.unwrap_or_else(|| panic!("no status: {first}")),
            headers: Vec::new(),
            body: Vec::new(),
        };
        loop {
            let line = self.line();
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(": ").unwrap_or((&line, ""));
            answer.headers.push((name.to_owned(), value.to_owned()));
        }
        if method == "HEAD" || matches!(answer.status, 204 | 304) {
            return answer;
        }
        if answer.header("transfer-encoding") == "chunked" {
            loop {
                let n_bytes = usize::from_str_radix(&self.line(), 16).expect("is a size");
                let mut chunk = vec![0; n_bytes + 2];
                self.0.read_exact(&mut chunk).expect("a chunk comes");
                if n_bytes == 0 {
                    return answer;
                }
                answer.body.extend_from_slice(&chunk[..n_bytes]);
            }
        }
        let n_bytes = answer.header("content-length").parse().unwrap_or(0);
        answer.body = vec![0; n_bytes];
        self.0.read_exact(&mut answer.body).expect("a body comes");
        answer
    }
}
