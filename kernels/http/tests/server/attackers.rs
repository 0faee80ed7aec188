//! Many slow clients of every kind at once, from another address: others are answered meanwhile, and each attacker is ended.
//! After slowhttptest's modes: slow headers, slow bodies, slow reading, and saying nothing.

use crate::harness::{Client, Server};
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Attackers of each kind.
const N_EACH: usize = 60;
/// How long each of them may be there, in milliseconds.
const LIMIT_MS: i64 = 1500;

/// A connection from another loopback address.
fn attacker(server: &Server) -> TcpStream {
    let socket =
        socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("makes a socket");
    let from: SocketAddr = "127.0.0.9:0".parse().expect("is an address");
    socket.bind(&from.into()).expect("binds");
    socket.set_recv_buffer_size(4096).expect("is set");
    socket.connect(&server.address.into()).expect("connects");
    let stream = TcpStream::from(socket);
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .expect("is set");
    stream
}

#[test]
fn slow_clients_hold_nobody_up_and_are_ended() {
    let limits = [
        "first-byte-ms",
        "header-ms",
        "body-ms",
        "idle-ms",
        "write-stall-ms",
    ];
    let mut set: Vec<(&str, i64)> = limits.iter().map(|name| (*name, LIMIT_MS)).collect();
    set.push(("address-connections-count", 1000));
    let server = Server::start(&set);
    let openings: [&[u8]; 5] = [
        b"",
        b"GET / HTTP/1.1\r\nHost: x\r\nA",
        b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nab",
        b"GET /huge HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ];
    let begin = Instant::now();
    let attackers: Vec<TcpStream> = (0..N_EACH)
        .flat_map(|_| openings)
        .map(|opening| {
            let mut stream = attacker(&server);
            stream.write_all(opening).expect("the server takes it");
            stream
        })
        .collect();
    let mut n_answered = 0;
    let mut normal = server.connect();
    while server.shared.admission.count() > 1 {
        normal.say("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_eq!(normal.answer().status, 200);
        n_answered += 1;
        assert!(
            begin.elapsed() < Duration::from_secs(20),
            "{} are there",
            server.shared.admission.count()
        );
    }
    assert!(n_answered > 200, "{n_answered} requests were answered meanwhile");
    for stream in attackers {
        // What had been answered to the attacker is read; then comes the end.
        Client(stream).rest();
    }
}
