//! Clients that are slow, many or large: each limit ends them, in its time, with its status.

use crate::harness::{Client, Server};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// What came until the connection was closed, and after how long that was.
fn end_of(client: &mut Client) -> (String, Duration) {
    let begin = Instant::now();
    let text = client.rest();
    (text, begin.elapsed())
}

/// Whether a time lies between a limit and what a busy machine adds.
fn is_about(took: Duration, limit_ms: u64) -> bool {
    took >= Duration::from_millis(limit_ms.saturating_sub(60))
        && took < Duration::from_millis(limit_ms + 4000)
}

#[test]
fn clients_that_let_the_server_wait_are_ended() {
    let server = Server::start(&[
        ("first-byte-ms", 300),
        ("header-ms", 500),
        ("idle-ms", 700),
        ("body-ms", 400),
    ]);
    let cases = [
        ("", 300, ""),
        ("GET", 500, "408"),
        ("GET / HTTP/1.1\r\nHost: x\r\n", 500, "408"),
        ("PRI * HT", 500, "408"),
        ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", 700, "200"),
        (
            "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab",
            400,
            "408",
        ),
        (
            "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
            400,
            "408",
        ),
    ];
    for (said, limit_ms, status) in cases {
        let mut client = server.connect();
        client.say(said);
        let (text, took) = end_of(&mut client);
        assert_eq!(
            text.split(' ').nth(1).unwrap_or_default(),
            status,
            "{said:?}: {text}"
        );
        assert!(is_about(took, limit_ms), "{said:?}: {took:?}");
    }
}

#[test]
fn a_byte_now_and_then_does_not_keep_a_head_open() {
    let server = Server::start(&[("header-ms", 600), ("idle-ms", 60_000)]);
    let mut client = server.connect();
    let begin = Instant::now();
    client.say("GET / HTTP/1.1\r\n");
    for _ in 0..100 {
        std::thread::sleep(Duration::from_millis(50));
        if std::io::Write::write_all(&mut client.0, b"a: b\r\n").is_err() {
            break;
        }
    }
    assert!(begin.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_body_must_keep_its_rate() {
    let server = Server::start(&[("body-rate-bytes", 1_000_000), ("body-ms", 60_000)]);
    let mut client = server.connect();
    client.say("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n");
    let begin = Instant::now();
    for _ in 0..40 {
        std::thread::sleep(Duration::from_millis(100));
        if std::io::Write::write_all(&mut client.0, b"a").is_err() {
            break;
        }
    }
    let text = client.rest();
    assert!(text.starts_with("HTTP/1.1 408"), "{text}");
    assert!(begin.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_client_that_takes_nothing_is_ended() {
    let server = Server::start(&[("write-stall-ms", 500)]);
    let mut client = server.connect();
    client.say("GET /huge HTTP/1.1\r\nHost: x\r\n\r\n");
    std::io::Read::read_exact(&mut client.0, &mut [0]).expect("the answer begins");
    let begin = Instant::now();
    while server.shared.admission.count() > 0 {
        assert!(
            begin.elapsed() < Duration::from_secs(10),
            "the connection is still there"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(is_about(begin.elapsed(), 500), "{:?}", begin.elapsed());
}

#[test]
fn a_handler_that_does_not_answer_is_ended() {
    let server = Server::start(&[("handler-ms", 200)]);
    let mut client = server.connect();
    client.say("GET /never HTTP/1.1\r\nHost: x\r\n\r\n");
    let answer = client.answer();
    assert_eq!(answer.status, 504);
    assert!(
        answer.text().starts_with("http/handler-timeout"),
        "{}",
        answer.text()
    );
}

#[test]
fn what_is_too_long_has_its_own_status() {
    let server = Server::start(&[
        ("uri-bytes", 100),
        ("headers-bytes", 1000),
        ("headers-count", 10),
        ("body-bytes", 50),
    ]);
    let header = |name: &str, n_bytes: usize| format!("{name}: {}\r\n", "x".repeat(n_bytes));
    let many: String = (0..11).map(|number| header(&format!("h{number}"), 1)).collect();
    let cases = [
        (
            format!("GET /users/{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(120)),
            "414",
        ),
        (
            format!("GET /users/{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(5000)),
            "414",
        ),
        (
            format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", header("a", 2000)),
            "431",
        ),
        (format!("GET / HTTP/1.1\r\nHost: x\r\n{many}\r\n"), "431"),
        (
            // Its body is not sent: a connection that is closed before all was read is reset, and the answer may be lost.
            "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 51\r\n\r\n".to_owned(),
            "413",
        ),
        (
            format!(
                "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n{}\r\n0\r\n\r\n",
                "x".repeat(64)
            ),
            "413",
        ),
        (
            "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\na"
                .to_owned(),
            "415",
        ),
    ];
    for (said, status) in cases {
        let mut client = server.connect();
        client.say(&said);
        client.0.shutdown(std::net::Shutdown::Write).expect("is open");
        let text = client.rest();
        assert_eq!(text.split(' ').nth(1), Some(status), "{}: {text}", &said[..60]);
    }
    assert_eq!(server.get("/", "").status, 200);
}

#[test]
fn connections_of_one_address_and_in_all_are_limited() {
    let server = Server::start(&[("address-connections-count", 5), ("connections-count", 8)]);
    let held: Vec<Client> = (0..5).map(|_| ready(&server)).collect();
    let text = server.connect().rest();
    assert!(
        text.starts_with("HTTP/1.1 429") && text.contains("retry-after: 1"),
        "{text}"
    );
    let others: Vec<Client> = (0..3).map(|_| from_elsewhere(&server)).collect();
    let mut last = connect_from_elsewhere(&server);
    let text = last.rest();
    assert!(
        text.starts_with("HTTP/1.1 503") && text.contains("retry-after: 1"),
        "{text}"
    );
    drop((held, others));
    let begin = Instant::now();
    while server.shared.admission.count() > 0 {
        assert!(
            begin.elapsed() < Duration::from_secs(5),
            "{}",
            server.shared.admission.count()
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(server.get("/", "").status, 200);
}

/// A connection that was answered once, so that it is counted.
fn ready(server: &Server) -> Client {
    let mut client = server.connect();
    client.say("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(client.answer().status, 200);
    client
}

/// A connection from another loopback address.
fn connect_from_elsewhere(server: &Server) -> Client {
    let socket =
        socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("makes a socket");
    let from: std::net::SocketAddr = "127.0.0.2:0".parse().expect("is an address");
    socket.bind(&from.into()).expect("binds");
    socket.connect(&server.address.into()).expect("connects");
    let stream = TcpStream::from(socket);
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .expect("is set");
    Client(stream)
}

fn from_elsewhere(server: &Server) -> Client {
    let mut client = connect_from_elsewhere(server);
    client.say("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(client.answer().status, 200);
    client
}
