//! What an answer has by default, and how connections are kept and ended.

use crate::harness::Server;
use std::time::{Duration, Instant};

#[test]
fn a_connection_is_kept_for_the_next_request() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    for number in 0..50 {
        client.say(format!("GET /users/{number} HTTP/1.1\r\nHost: x\r\n\r\n"));
        let answer = client.answer();
        assert_eq!(
            (answer.status, answer.text()),
            (200, format!("GET /users/{number} id={number} "))
        );
    }
}

#[test]
fn requests_are_answered_in_their_order_however_many_come_at_once() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    let all: String = (0..200)
        .map(|number| format!("GET /users/{number} HTTP/1.1\r\nHost: x\r\n\r\n"))
        .collect();
    client.say(all);
    for number in 0..200 {
        assert_eq!(
            client.answer().text(),
            format!("GET /users/{number} id={number} ")
        );
    }
}

#[test]
fn every_answer_has_what_browsers_and_logs_need() {
    let server = Server::start(&[]);
    let answer = server.get("/", "");
    assert_eq!(answer.text(), "aaaaa");
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "SAMEORIGIN"),
        ("referrer-policy", "strict-origin-when-cross-origin"),
        ("content-length", "5"),
    ] {
        assert_eq!(answer.header(name), value, "{name}");
    }
    assert_eq!(answer.header("x-request-id").len(), 16);
    assert!(answer.header("date").ends_with("GMT"));
    assert_ne!(
        server.get("/", "").header("x-request-id"),
        answer.header("x-request-id")
    );
    assert_eq!(server.get("/secure", "").header("x-frame-options"), "DENY");
}

#[test]
fn a_client_that_has_the_body_gets_none() {
    let server = Server::start(&[]);
    let tag = server.get("/", "").header("etag").to_owned();
    assert!(tag.starts_with("W/\""), "{tag}");
    for known in [
        tag.clone(),
        format!("\"x\", {tag}"),
        "*".to_owned(),
        tag[2..].to_owned(),
    ] {
        let answer = server.get("/", &format!("If-None-Match: {known}\r\n"));
        assert_eq!(
            (answer.status, answer.header("etag")),
            (304, tag.as_str()),
            "{known}"
        );
    }
    assert_eq!(server.get("/", "If-None-Match: \"x\"\r\n").status, 200);
}

#[test]
fn head_is_get_without_the_body() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    for _ in 0..2 {
        client.say("HEAD /letters HTTP/1.1\r\nHost: x\r\n\r\n");
        let answer = client.answer_to("HEAD");
        assert_eq!((answer.status, answer.header("content-length")), (200, "20000"));
    }
    client.say("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(client.answer().text(), "aaaaa");
}

#[test]
fn what_is_not_there_is_told_as_the_client_reads_it() {
    let server = Server::start(&[]);
    let plain = server.get("/nowhere", "");
    assert_eq!(
        (plain.status, plain.header("content-type")),
        (404, "text/plain; charset=utf-8")
    );
    assert_eq!(plain.text(), "http/not-found: there is nothing at this path\n");
    let json = server.get("/nowhere", "Accept: application/json\r\n");
    assert_eq!(json.header("content-type"), "application/json");
    let expected =
        "{\"error\":{\"code\":\"http/not-found\",\"message\":\"there is nothing at this path\"}}\n";
    assert_eq!(json.text(), expected);
    let browser = server.get(
        "/nowhere",
        "Accept: text/html,application/xhtml+xml,application/json;q=0.9\r\n",
    );
    assert_eq!(browser.header("content-type"), "text/plain; charset=utf-8");
    let mut client = server.connect();
    client.say("DELETE / HTTP/1.1\r\nHost: x\r\n\r\n");
    let answer = client.answer();
    assert_eq!(
        (answer.status, answer.header("allow")),
        (405, "GET, HEAD, OPTIONS")
    );
}

#[test]
fn bodies_come_whole_or_piece_by_piece() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    client.say("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel");
    std::thread::sleep(Duration::from_millis(30));
    client.say("lo");
    assert_eq!(client.answer().text(), "POST /echo hello");
    client.say("POST /count HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    std::thread::sleep(Duration::from_millis(30));
    client.say("2\r\nde\r\n0\r\n\r\n");
    assert_eq!(client.answer().text(), "5 bytes in 2 pieces");
    client.say("GET /pieces HTTP/1.1\r\nHost: x\r\n\r\n");
    let answer = client.answer();
    assert_eq!(
        (answer.header("transfer-encoding"), answer.text().as_str()),
        ("chunked", "one two three")
    );
    client.say("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(client.answer_to("HEAD").status, 100);
    client.say("ok");
    assert_eq!(client.answer().text(), "POST /echo ok");
}

#[test]
fn an_answer_that_breaks_off_does_not_look_whole() {
    let server = Server::start(&[]);
    let text = server.all("GET /broken HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(!text.contains("0\r\n\r\n"), "{text}");
}

#[test]
fn old_clients_get_their_answer_and_the_end() {
    let server = Server::start(&[]);
    let text = server.all("GET / HTTP/1.0\r\n\r\n");
    assert!(
        text.starts_with("HTTP/1.0 200") || text.starts_with("HTTP/1.1 200"),
        "{text}"
    );
    assert!(text.ends_with("aaaaa"), "{text}");
    let text = server.all("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert!(
        text.contains("connection: close") && text.ends_with("aaaaa"),
        "{text}"
    );
}

#[test]
fn bodies_are_packed_for_who_unpacks_them() {
    let server = Server::start(&[]);
    for (header, name) in [("gzip, br", "br"), ("gzip", "gzip"), ("", "")] {
        let answer = server.get("/letters", &format!("Accept-Encoding: {header}\r\n"));
        assert_eq!(answer.header("content-encoding"), name);
        assert_eq!(answer.header("vary"), "accept-encoding");
        let body = match name {
            "gzip" => unpacked(flate2::read::GzDecoder::new(&answer.body[..])),
            "br" => unpacked(brotli::Decompressor::new(&answer.body[..], 4096)),
            _ => answer.body,
        };
        assert_eq!(body.len(), 20_000);
        assert!(name.is_empty() || answer.headers.iter().any(|(name, _)| name == "etag"));
    }
    assert_eq!(
        server
            .get("/", "Accept-Encoding: gzip\r\n")
            .header("content-encoding"),
        ""
    );
}

fn unpacked(mut packed: impl std::io::Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    packed.read_to_end(&mut bytes).expect("unpacks");
    bytes
}

#[test]
fn a_server_that_ends_answers_what_it_has_begun() {
    let server = Server::start(&[]);
    let (mut busy, mut idle, mut silent) = (server.connect(), server.connect(), server.connect());
    idle.say("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(idle.answer().status, 200);
    busy.say("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
    std::thread::sleep(Duration::from_millis(100));
    let begin = Instant::now();
    let address = server.address;
    let ended = std::thread::spawn(move || server.join());
    let answer = busy.answer();
    assert_eq!(
        (answer.status, answer.text().as_str(), answer.header("connection")),
        (200, "late", "close")
    );
    assert_eq!((idle.rest(), silent.rest(), busy.rest()), Default::default());
    ended.join().expect("ends");
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    assert!(std::net::TcpStream::connect(address).is_err());
}

#[test]
fn the_process_tells_that_it_lives_and_takes_requests() {
    let server = Server::start(&[]);
    assert_eq!(server.get("/-/live", "").text(), "live\n");
    assert_eq!(server.get("/-/ready", "").text(), "ready\n");
    assert_eq!(server.get("/-/metrics", "").status, 404);
    let metrics = server.shared.metrics.text(server.shared.admission.count());
    assert!(
        metrics.contains("sup_http_responses_total{class=\"2xx\"} 2"),
        "{metrics}"
    );
    assert!(
        metrics.contains("sup_http_responses_total{class=\"4xx\"} 1"),
        "{metrics}"
    );
    assert!(metrics.contains("sup_http_response_seconds_count 3"), "{metrics}");
}
