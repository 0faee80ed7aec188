//! What a request costs: CPU time of the server for each, beside a server of hyper alone, in turns.
//!
//! `cargo xtask bench --http`. One event loop each, 64 connections that ask again at once. The figure is the CPU time of the
//! server's process (user and system), which does not change with what else the machine does as much as throughput.
#![allow(clippy::print_stdout, reason = "a benchmark prints its table")]

use bytes::Bytes;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper::{Request, Response};
use std::convert::Infallible;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Connections that ask.
const CONNECTIONS: usize = 64;
/// Requests of one turn.
const REQUESTS: usize = 100_000;
/// Turns, of which the median counts.
const TURNS: usize = 5;

/// A case: its name, its most as a multiple of hyper's, and what is asked.
const CASES: [(&str, f64, &str); 4] = [
    ("hyper alone", 1.0, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("constant map", 1.5, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"),
    (
        "route parameters and a JSON body",
        2.0,
        "POST /users/42 HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 27\r\n\r\n{\"name\":\"Ada\",\"born\": 1815}",
    ),
    ("one kv read", 2.1, "GET /read HTTP/1.1\r\nHost: x\r\n\r\n"),
];

/// What the program of the cases serves.
const PROGRAM: &str = r#"
#(load "http" "kv")
(kv/open-memory mem)
(kv/set mem:x "hello")
(route GET "/hello" (fn (req) {:status 200 :body "hello"}))
(route POST "/users/:id" (fn (req) [
  (let (user (json/decode (get req :body)))
    {:status 200 :headers {:content-type "application/json"}
     :body (json/encode {:id (at :id (at :params req)) :name (get user "name")})})]))
(route GET "/read" (fn (req) {:status 200 :body (kv/get mem:x)}))
(print (get (http/listen {:port 0 :loops 1}) :port))
"#;

struct Server {
    process: Child,
    port: u16,
}

impl Server {
    fn start(command: &mut Command) -> Server {
        let mut process = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server starts");
        let output = process.stdout.take().expect("is piped");
        let mut line = String::new();
        BufReader::new(output)
            .read_line(&mut line)
            .expect("the server prints its port");
        let port = line.trim().parse().unwrap_or_else(|_| panic!("no port: {line}"));
        Server { process, port }
    }

    /// CPU time of the process so far, in microseconds.
    fn cpu_us(&self) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/schedstat", self.process.id()));
        let own = text
            .ok()
            .and_then(|text| text.split(' ').next()?.parse::<u64>().ok());
        own.map_or(0, |_| threads_us(self.process.id()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// CPU time of all threads of a process, in microseconds, by the scheduler's own counts of nanoseconds.
fn threads_us(process: u32) -> u64 {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task"))
        .into_iter()
        .flatten()
        .flatten();
    let each = tasks.filter_map(|task| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    });
    each.sum::<u64>() / 1000
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().expect("makes a runtime");
    let local = tokio::task::LocalSet::new();
    if std::env::args().any(|argument| argument == "--alone") {
        return local.block_on(&runtime, alone());
    }
    let own = std::env::current_exe().expect("has a path");
    let folder = std::env::temp_dir().join(format!("sup-bench-http-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("makes a folder");
    let program = folder.join("init.slp");
    std::fs::write(&program, PROGRAM).expect("writes");
    let servers = [
        Server::start(Command::new(&own).arg("--alone")),
        Server::start(
            Command::new(sup(&own))
                .arg("run")
                .arg(&program)
                .current_dir(&folder),
        ),
    ];
    let mut times = vec![Vec::new(); CASES.len()];
    for turn in 0..=TURNS {
        for (case, (_, _, request)) in CASES.iter().enumerate() {
            let server = &servers[usize::from(case > 0)];
            let before = server.cpu_us();
            local.block_on(&runtime, load(server.port, request));
            // The first turn warms up.
            if turn > 0 {
                times[case].push((server.cpu_us() - before) as f64 / REQUESTS as f64);
            }
        }
    }
    drop(servers);
    drop(std::fs::remove_dir_all(&folder));
    report(&mut times);
}

fn report(times: &mut [Vec<f64>]) {
    for times in times.iter_mut() {
        times.sort_by(f64::total_cmp);
    }
    let median = |times: &Vec<f64>| times[times.len() / 2];
    let hyper = median(&times[0]);
    println!(
        "{:<36} {:>10} {:>8} {:>6} {:>16}",
        "case", "us/request", "/ hyper", "bar", "lowest-highest"
    );
    for ((name, bar, _), times) in CASES.iter().zip(times.iter()) {
        let (low, high) = (times[0], times[times.len() - 1]);
        let us = median(times);
        println!(
            "{name:<36} {us:>10.2} {:>8.2} {bar:>6.2} {:>16}",
            us / hyper,
            format!("{low:.2}-{high:.2}")
        );
    }
}

/// The `sup` of the same build.
fn sup(own: &Path) -> PathBuf {
    let target = own
        .parent()
        .and_then(Path::parent)
        .expect("lies in target/PROFILE/examples");
    target.join("sup")
}

/// A server of hyper and nothing else.
async fn alone() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("opens a port");
    println!("{}", listener.local_addr().expect("has an address").port());
    loop {
        let (stream, _) = listener.accept().await.expect("accepts");
        drop(stream.set_nodelay(true));
        tokio::task::spawn_local(async move {
            let answer = service_fn(|_: Request<hyper::body::Incoming>| async {
                Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"hello"))))
            });
            let io = hyper_util::rt::TokioIo::new(stream);
            // A client that goes away ends its connection.
            drop(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(io, answer)
                    .await,
            );
        });
    }
}

/// Asks so often, over all connections.
async fn load(port: u16, request: &'static str) {
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        clients.push(tokio::task::spawn_local(ask(
            port,
            request,
            REQUESTS / CONNECTIONS,
        )));
    }
    for client in clients {
        client.await.expect("a client ends");
    }
}

async fn ask(port: u16, request: &'static str, n_times: usize) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("connects");
    stream.set_nodelay(true).expect("is set");
    let mut buffer = vec![0; 4096];
    for _ in 0..n_times {
        stream
            .write_all(request.as_bytes())
            .await
            .expect("the server takes it");
        let mut n_read = 0;
        while !is_whole(&buffer[..n_read]) {
            let n_bytes = stream
                .read(&mut buffer[n_read..])
                .await
                .expect("the server answers");
            assert!(n_bytes > 0, "cut: {}", String::from_utf8_lossy(&buffer[..n_read]));
            n_read += n_bytes;
        }
        assert!(
            buffer.starts_with(b"HTTP/1.1 200"),
            "{}",
            String::from_utf8_lossy(&buffer[..n_read])
        );
    }
}

/// Whether an answer with a length has come to its end.
fn is_whole(bytes: &[u8]) -> bool {
    let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n") else {
        return false;
    };
    let head = &bytes[..end];
    let Some(at) = memchr::memmem::find(head, b"content-length: ") else {
        return false;
    };
    let digits = head[at + 16..].iter().take_while(|byte| byte.is_ascii_digit());
    let n_bytes = digits.fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0'));
    bytes.len() >= end + 4 + n_bytes
}
