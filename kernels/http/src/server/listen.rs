//! Opening ports: one socket for each event loop, between which the system distributes connections.

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};

/// Connections that wait to be accepted.
const BACKLOG: i32 = 1024;

/// Opens a port for that many event loops and answers the sockets with the address that they have.
///
/// # Errors
/// When another process has the port, or the address is none of this machine's.
pub fn open(address: IpAddr, port: u16, n_loops: usize) -> io::Result<(SocketAddr, Vec<TcpListener>)> {
    let mut wanted = SocketAddr::new(address, port);
    if port != 0 {
        // Sockets that share a port would silently share it with another server of the same user, too.
        drop(bound(wanted, Sharing::Alone)?);
    }
    let mut listeners = Vec::with_capacity(n_loops);
    for _ in 0..n_loops {
        let listener = bound(wanted, Sharing::Among)?;
        wanted = listener.local_addr()?;
        listeners.push(listener);
    }
    Ok((wanted, listeners))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sharing {
    Alone,
    Among,
}

fn bound(address: SocketAddr, sharing: Sharing) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if sharing == Sharing::Among {
        socket.set_reuse_port(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    if sharing == Sharing::Among {
        socket.listen(BACKLOG)?;
    } else {
        // A port that somebody listens at can be bound to, but not listened at.
        socket.listen(1)?;
    }
    Ok(socket.into())
}

/// What is set on each connection: no waiting to fill packets, and a look now and then whether the other side lives.
///
/// # Errors
/// When the connection is gone already.
pub fn prepare(stream: &tokio::net::TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    SockRef::from(stream).set_keepalive(true)
}
