//! The server: sockets, connections, and what every request goes through. `listen` opens ports, `run` is one event loop,
//! `connection` serves one connection, `guard` stands between the socket and hyper, `service` answers one request.

pub mod admission;
pub mod connection;
pub mod guard;
pub mod head;
pub mod listen;
pub mod run;
pub mod service;
pub mod tls;
pub mod watch;
