//! HTTP/2, in the clear by prior knowledge and over TLS by ALPN, and clients that misuse it frame by frame.

use crate::harness::{Client, Server};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response};
use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

type Sender = hyper::client::conn::http2::SendRequest<Full<Bytes>>;

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().expect("makes a runtime");
    runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(20), work)
            .await
            .expect("in time")
    })
}

async fn client(server: &Server) -> Sender {
    let stream = TcpStream::connect(server.address).await.expect("connects");
    let io = hyper_util::rt::TokioIo::new(stream);
    let executor = hyper_util::rt::TokioExecutor::new();
    let (sender, connection) = hyper::client::conn::http2::handshake(executor, io)
        .await
        .expect("speaks HTTP/2");
    tokio::spawn(connection);
    sender
}

async fn ask(sender: &mut Sender, method: &str, path: &str, body: &'static str) -> (u16, String) {
    let request = Request::builder().method(method).uri(format!("http://x{path}"));
    let request = request
        .body(Full::new(Bytes::from_static(body.as_bytes())))
        .expect("is a request");
    sender.ready().await.expect("is open");
    let response: Response<_> = sender.send_request(request).await.expect("answers");
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.expect("is whole").to_bytes();
    (status, String::from_utf8_lossy(&body).into_owned())
}

#[test]
fn many_requests_go_over_one_connection() {
    let server = Server::start(&[]);
    block_on(async {
        let mut sender = client(&server).await;
        assert_eq!(ask(&mut sender, "GET", "/", "").await, (200, "aaaaa".to_owned()));
        assert_eq!(
            ask(&mut sender, "POST", "/echo", "hi").await,
            (200, "POST /echo hi".to_owned())
        );
        assert_eq!(ask(&mut sender, "GET", "/nowhere", "").await.0, 404);
        assert_eq!(ask(&mut sender, "GET", "/users/%2e%2e/x", "").await.0, 400);
        assert_eq!(ask(&mut sender, "GET", "/pieces", "").await.1, "one two three");
        let all = (0..50).map(|number| {
            let mut sender = sender.clone();
            async move { ask(&mut sender, "GET", &format!("/users/{number}"), "").await.1 }
        });
        for (number, all) in all.enumerate() {
            assert_eq!(all.await, format!("GET /users/{number} id={number} "));
        }
    });
}

#[test]
fn tls_speaks_what_the_client_asks_for() {
    let server = Server::with(&[], Some(("certificate.pem", "key.pem")));
    for protocol in ["h2", "http/1.1"] {
        let certificate = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/server/certificate.pem");
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_file(certificate).expect("is PEM"))
            .expect("is a certificate");
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let mut config = config
            .expect("has versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        block_on(async {
            let stream = TcpStream::connect(server.address).await.expect("connects");
            let name = ServerName::try_from("localhost").expect("is a name");
            let stream = TlsConnector::from(Arc::new(config))
                .connect(name, stream)
                .await
                .expect("speaks TLS");
            assert_eq!(stream.get_ref().1.alpn_protocol(), Some(protocol.as_bytes()));
            let io = hyper_util::rt::TokioIo::new(stream);
            if protocol == "h2" {
                let executor = hyper_util::rt::TokioExecutor::new();
                let (mut sender, connection) = hyper::client::conn::http2::handshake(executor, io)
                    .await
                    .expect("speaks HTTP/2");
                tokio::spawn(connection);
                assert_eq!(ask(&mut sender, "GET", "/", "").await.1, "aaaaa");
            } else {
                let (mut sender, connection) = hyper::client::conn::http1::handshake::<_, Full<Bytes>>(io)
                    .await
                    .expect("speaks HTTP/1");
                tokio::spawn(connection);
                let request = Request::builder()
                    .uri("/")
                    .header("host", "x")
                    .body(Full::default());
                let response = sender
                    .send_request(request.expect("is a request"))
                    .await
                    .expect("answers");
                assert_eq!(response.status(), 200);
            }
        });
    }
    let text = server.all("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(!text.starts_with("HTTP"), "{text}");
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A frame: its type, flags, stream and payload.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("is short").to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// `GET /never` by HPACK's static table, and a path as it is.
const NEVER: &[u8] = b"\x82\x86\x04\x06/never\x41\x01x";

/// Whether the server has sent GOAWAY before it closed the connection.
fn says_goodbye(client: &mut Client) -> bool {
    let mut bytes = Vec::new();
    // A connection that is cut has told what it had to tell.
    drop(client.0.read_to_end(&mut bytes));
    let mut rest = bytes.as_slice();
    while rest.len() >= 9 {
        let n_bytes = usize::from(rest[0]) << 16 | usize::from(rest[1]) << 8 | usize::from(rest[2]);
        if rest[3] == 7 {
            return true;
        }
        rest = rest.get(9 + n_bytes..).unwrap_or_default();
    }
    false
}

#[test]
fn broken_frames_end_the_connection() {
    let server = Server::start(&[]);
    let settings = frame(4, 0, 0, &[]);
    let cases: [(&str, Vec<u8>); 7] = [
        ("settings on a stream", frame(4, 0, 1, &[])),
        ("settings of a wrong length", frame(4, 0, 0, &[1])),
        ("data on stream 0", frame(0, 0, 0, b"x")),
        ("headers on an even stream", frame(1, 5, 2, NEVER)),
        ("headers that are no HPACK", frame(1, 5, 1, &[0xff; 20])),
        ("a window of zero", frame(8, 0, 0, &[0; 4])),
        ("a continuation of nothing", frame(9, 4, 1, NEVER)),
    ];
    for (name, broken) in cases {
        let mut client = server.connect();
        client.say([PREFACE, &settings, &broken].concat());
        assert!(says_goodbye(&mut client), "{name}");
    }
    assert_eq!(server.get("/", "").status, 200);
}

#[test]
fn requests_that_are_taken_back_at_once_end_the_connection() {
    let server = Server::start(&[("h2-resets-count", 10)]);
    let mut client = server.connect();
    client.say([PREFACE, &frame(4, 0, 0, &[])].concat());
    let mut flood = Vec::new();
    for stream in (1..4001).step_by(2) {
        flood.extend(frame(1, 5, stream, NEVER));
        flood.extend(frame(3, 0, stream, &8u32.to_be_bytes()));
    }
    // The server may close before it has taken all.
    drop(client.0.write_all(&flood));
    assert!(says_goodbye(&mut client));
    assert_eq!(server.get("/", "").status, 200);
}

#[test]
fn an_idle_connection_is_ended() {
    let server = Server::start(&[("idle-ms", 300)]);
    let mut client = server.connect();
    client.say([PREFACE, &frame(4, 0, 0, &[])].concat());
    let mut bytes = Vec::new();
    client.0.read_to_end(&mut bytes).expect("is closed");
}
