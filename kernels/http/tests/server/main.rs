//! The server on loopback, asked over raw sockets: what it answers, to whom, and when it stops waiting.

mod attackers;
mod corpus;
mod files;
mod harness;
mod http2;
mod limits;
mod protocol;
