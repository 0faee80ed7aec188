//! Requests that two servers could read differently, and paths that lead out of a folder: a table of answers.
//! Collected from RFC 9112 (sections 2.2, 5.2, 6 and 11) and from what has been used against proxies.

use crate::harness::Server;

/// What is said on one connection, and the statuses that come until it is closed or nothing more is answered.
const CORPUS: &[(&str, &str, &str)] = &[
    (
        "a request as it should be",
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "200",
    ),
    (
        "two in one packet",
        "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n",
        "200 404",
    ),
    (
        "empty lines before it",
        "\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "200",
    ),
    (
        "length and chunks",
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        "400",
    ),
    (
        "chunks and length",
        "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
        "400",
    ),
    (
        "two lengths that agree",
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
        "400",
    ),
    (
        "two lengths that differ",
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "400",
    ),
    (
        "a list of lengths",
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 1\r\n\r\na",
        "400",
    ),
    (
        "a length with a sign",
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\na",
        "400",
    ),
    (
        "a negative length",
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        "400",
    ),
    (
        "a hexadecimal length",
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 0x1\r\n\r\na",
        "400",
    ),
    (
        "a length beyond 64 bits",
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "400",
    ),
    (
        "an encoding before chunked",
        "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "400",
    ),
    (
        "an encoding after chunked",
        "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "400",
    ),
    (
        "a wrong encoding",
        "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "400",
    ),
    (
        "chunked twice",
        "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "400",
    ),
    (
        "a blank before the colon",
        "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        "400",
    ),
    (
        "chunks under HTTP/1.0",
        "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "400",
    ),
    (
        "a header over two lines",
        "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n",
        "400",
    ),
    (
        "a header without a name",
        "GET / HTTP/1.1\r\nHost: x\r\n: b\r\n\r\n",
        "400",
    ),
    (
        "a header without a colon",
        "GET / HTTP/1.1\r\nHost: x\r\nabc\r\n\r\n",
        "400",
    ),
    ("a line feed alone", "GET / HTTP/1.1\nHost: x\n\n", "400"),
    (
        "a line feed alone in the second",
        "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\nHost: x\n\n",
        "200 400",
    ),
    (
        "a carriage return alone",
        "GET / HTTP/1.1\r\nHost: x\rA: b\r\n\r\n",
        "400",
    ),
    (
        "a zero byte in a header",
        "GET / HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n",
        "400",
    ),
    ("two hosts", "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", "400"),
    ("two blanks", "GET  / HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
    ("no version", "GET /\r\n\r\n", "400"),
    ("another version", "GET / HTTP/3.0\r\nHost: x\r\n\r\n", "400"),
    ("no method", " / HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
    (
        "chunks as they should be",
        "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "200",
    ),
    (
        "a chunk's size beyond 64 bits",
        "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n100000000000000003\r\nabc\r\n0\r\n\r\n",
        "400",
    ),
    (
        "a chunk's size with a sign",
        "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n+3\r\nabc\r\n0\r\n\r\n",
        "400",
    ),
    (
        "a chunk's size with 0x",
        "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n",
        "400",
    ),
    (
        "a chunk longer than its size",
        "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
        "400",
    ),
    (
        "chunks that end in line feeds",
        "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\n0\n\n",
        "400",
    ),
    (
        "a request behind chunks is not looked at",
        "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "200",
    ),
    (
        "a request behind a body",
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "200 200",
    ),
    (
        "an absolute target",
        "GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n",
        "200",
    ),
    ("CONNECT", "CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
    ("dots", "GET /../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
    (
        "dots in the middle",
        "GET /users/../x HTTP/1.1\r\nHost: x\r\n\r\n",
        "400",
    ),
    (
        "escaped dots",
        "GET /users/%2e%2e/x HTTP/1.1\r\nHost: x\r\n\r\n",
        "400",
    ),
    (
        "an escaped dot",
        "GET /users/.%2E/x HTTP/1.1\r\nHost: x\r\n\r\n",
        "400",
    ),
    (
        "dots behind an escaped slash",
        "GET /users/a%2f..%2fx HTTP/1.1\r\nHost: x\r\n\r\n",
        "400",
    ),
    ("a zero byte", "GET /users/%00 HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
    (
        "an escaped line end",
        "GET /users/a%0d%0aSet-Cookie:x HTTP/1.1\r\nHost: x\r\n\r\n",
        "400",
    ),
    (
        "a backslash",
        "GET /users/%5c..%5cx HTTP/1.1\r\nHost: x\r\n\r\n",
        "400",
    ),
    (
        "half an escape",
        "GET /users/%4 HTTP/1.1\r\nHost: x\r\n\r\n",
        "400",
    ),
    ("no UTF-8", "GET /users/%ff HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
    (
        "overlong dots",
        "GET /users/%c0%ae%c0%ae/x HTTP/1.1\r\nHost: x\r\n\r\n",
        "400",
    ),
    (
        "TLS to a port without it",
        "\x16\x03\x01\x02\0\x01\0\x01\u{7f}\x03\x03\r\n\r\n",
        "400",
    ),
];

/// The statuses of the answers in what came.
fn statuses(text: &str) -> String {
    let found = text.match_indices("HTTP/1.1 ").filter(|(at, _)| {
        let before = &text[..*at];
        before.is_empty() || !before.ends_with(' ')
    });
    let found: Vec<&str> = found
        .map(|(at, mark)| &text[at + mark.len()..at + mark.len() + 3])
        .collect();
    found.join(" ")
}

#[test]
fn each_request_of_the_corpus_is_answered_as_the_table_says() {
    let server = Server::start(&[("idle-ms", 300), ("header-ms", 300)]);
    let mut wrong = Vec::new();
    for (name, request, expected) in CORPUS {
        let answered = statuses(&server.all(request));
        if answered != *expected {
            wrong.push(format!("{name}: {answered}, not {expected}"));
        }
    }
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn a_connection_is_closed_after_a_request_that_was_refused() {
    let server = Server::start(&[]);
    let text = server.all("GET / HTTP/1.1\nHost: x\n\nGET / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(statuses(&text), "400", "{text}");
    assert!(
        text.contains("http/bad-request: a line ends without a carriage return"),
        "{text}"
    );
    assert!(text.contains("connection: close"), "{text}");
}
