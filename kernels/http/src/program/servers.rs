//! What the kernel keeps between calls: the routes of each program, and the servers that run.

use super::handlers::{Handlers, Responder};
use super::options::{LogTo, Options};
use super::table::{Declared, Served, Table, Target};
use crate::access::Access;
use crate::admin;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::router::Route;
use crate::server::admission::Admission;
use crate::server::run::{Loop, Shared};
use crate::server::{listen, tls};
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use sup_kernel::isolate::{self, Isolate, IsolateOptions};
use sup_kernel::{Context, Error, Pin, Promise, Result, State, Value};
use tokio::sync::mpsc;

/// Most servers of a process.
const MAX_SERVERS: usize = 64;

/// What an event loop is told.
pub enum Order {
    /// Serve this from now on.
    Serve(Arc<Served>),
    /// Take no new requests, and end.
    Drain,
}

/// Counts the event loops of a server down; tells who waits when the last has ended.
#[derive(Default)]
struct Ending {
    state: Mutex<(usize, Vec<Promise>)>,
    changed: Condvar,
}

impl Ending {
    fn lock(&self) -> MutexGuard<'_, (usize, Vec<Promise>)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An event loop that runs until this is dropped.
pub struct Ends(Arc<Ending>);

impl Ends {
    fn new(ending: &Arc<Ending>) -> Ends {
        ending.lock().0 += 1;
        Ends(ending.clone())
    }
}

impl Drop for Ends {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.0 -= 1;
        if state.0 > 0 {
            return;
        }
        let waiting = std::mem::take(&mut state.1);
        drop(state);
        self.0.changed.notify_all();
        for promise in waiting {
            promise.settle(Ok(()));
        }
    }
}

struct Running {
    isolate: u64,
    address: SocketAddr,
    loops: Vec<mpsc::UnboundedSender<Order>>,
    shared: Arc<Shared>,
    fallback: Option<Declared>,
    ending: Arc<Ending>,
    /// Keeps the isolates' handles.
    handles: Vec<Pin>,
}

impl Running {
    /// Serves operators on these sockets.
    fn administer(&mut self, listeners: Vec<TcpListener>) -> Result<()> {
        for listener in listeners {
            let (orders, taken) = mpsc::unbounded_channel();
            admin::start(self.shared.clone(), listener, taken, Ends::new(&self.ending))
                .map_err(|error| Error::new("http/loop", error.to_string()))?;
            self.loops.push(orders);
        }
        Ok(())
    }

    fn order(&self, order: impl Fn() -> Order) {
        for event_loop in &self.loops {
            // One that has ended takes no orders.
            drop(event_loop.send(order()));
        }
    }
}

#[derive(Default)]
struct Inner {
    last: i64,
    tables: HashMap<u64, Table>,
    servers: HashMap<i64, Running>,
}

impl Inner {
    fn forget_ended(&mut self) {
        self.servers.retain(|_, server| server.ending.lock().0 > 0);
    }
}

/// The kernel's state.
#[derive(Default)]
pub struct Http(Mutex<Inner>);

/// How long the end of an event loop waits for its access log.
const LOG_PATIENCE: Duration = Duration::from_secs(1);

impl State for Http {
    fn load(_saved: Option<(u32, &[u8])>) -> Result<Http> {
        Ok(Http::default())
    }

    fn quiesce(&self, within: Duration) -> Result<()> {
        let endings: Vec<Arc<Ending>> = {
            let inner = self.lock();
            let servers = inner.servers.values();
            servers
                .inspect(|server| server.order(|| Order::Drain))
                .map(|server| server.ending.clone())
                .collect()
        };
        let deadline = Instant::now() + within;
        for ending in endings {
            let mut state = ending.lock();
            while state.0 > 0 {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Err(Error::new("http/draining", "requests are still being answered"));
                }
                let waited = ending.changed.wait_timeout(state, left);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
        }
        Ok(())
    }
}

impl Http {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The routes of the isolate that calls.
    pub fn table(&self, cx: &Context) -> Table {
        self.lock().tables.get(&cx.isolate()).cloned().unwrap_or_default()
    }

    /// Adds routes to those of the isolate that calls; its servers serve them from the next request on.
    ///
    /// # Errors
    /// When a pattern is none, or two match the same requests.
    pub fn add(&self, cx: &Context, routes: Vec<Route<Target>>) -> Result<()> {
        let mut inner = self.lock();
        let inner = &mut *inner;
        let table = inner.tables.entry(cx.isolate()).or_default();
        table
            .add(routes)
            .map_err(|error| Error::new(error.code(), error.to_string()))?;
        for server in inner
            .servers
            .values()
            .filter(|server| server.isolate == cx.isolate())
        {
            let served = Arc::new(Served {
                table: table.clone(),
                fallback: server.fallback.clone(),
            });
            server.order(|| Order::Serve(served.clone()));
        }
        Ok(())
    }

    fn make_room(&self) -> Result<()> {
        let mut inner = self.lock();
        inner.forget_ended();
        if inner.servers.len() < MAX_SERVERS {
            return Ok(());
        }
        Err(Error::new(
            "http/too-many-servers",
            format!("there are {MAX_SERVERS} servers"),
        ))
    }

    /// Starts a server for the routes of the isolate that calls, and answers its number and address.
    ///
    /// # Errors
    /// When the port cannot be had, the certificate cannot be read, or there are too many servers or isolates.
    pub fn listen(
        &self,
        cx: &Context,
        options: &Options,
        fallback: Option<Declared>,
    ) -> Result<(i64, SocketAddr)> {
        self.make_room()?;
        let unusable = |error: &std::io::Error, port| port_problem(error, options.address, port);
        let (address, listeners) = listen::open(options.address, options.port, options.n_loops)
            .map_err(|error| unusable(&error, options.port))?;
        let tls = options
            .tls
            .as_ref()
            .map(|(certificate, key)| tls::acceptor(certificate, key));
        let tls = tls.transpose().map_err(|error| Error::new("http/tls", error.0))?;
        let shared = Arc::new(Shared {
            limits: options.limits.clone(),
            admission: Arc::new(Admission::default()),
            tls,
            access: access(&options.log)?,
            metrics: Arc::new(Metrics::default()),
        });
        let ending = Arc::new(Ending::default());
        let mut running = Running {
            isolate: cx.isolate(),
            address,
            loops: Vec::new(),
            shared: shared.clone(),
            fallback: fallback.clone(),
            ending: ending.clone(),
            handles: Vec::new(),
        };
        if let Some(port) = options.admin_port {
            let localhost = IpAddr::V4(Ipv4Addr::LOCALHOST);
            let (_, listeners) = listen::open(localhost, port, 1).map_err(|error| unusable(&error, port))?;
            running.administer(listeners)?;
        }
        let served = Arc::new(Served {
            table: self.table(cx),
            fallback,
        });
        for listener in listeners {
            let (orders, taken) = mpsc::unbounded_channel();
            running.loops.push(orders);
            let start = Start {
                listener,
                shared: shared.clone(),
                served: served.clone(),
                orders: taken,
                ends: Ends::new(&ending),
            };
            let handle = isolate::start(cx, &IsolateOptions::default(), move |isolate| {
                drive(isolate, start)
            });
            match handle {
                Ok(handle) => running.handles.push(cx.pin(handle)),
                Err(error) => {
                    running.order(|| Order::Drain);
                    return Err(error);
                }
            }
        }
        let mut inner = self.lock();
        inner.last += 1;
        let number = inner.last;
        inner.servers.insert(number, running);
        Ok((number, address))
    }

    /// The limits that a server of that number has, or those that hold unless others are set.
    ///
    /// # Errors
    /// When there is no such server.
    pub fn limits(&self, server: Option<i64>) -> Result<Limits> {
        let Some(number) = server else {
            return Ok(Limits::standard());
        };
        let inner = self.lock();
        let server = inner.servers.get(&number).ok_or_else(|| none(number))?;
        Ok(server.shared.limits.clone())
    }

    /// The numbers and addresses of the servers that run.
    pub fn running(&self) -> Vec<(i64, SocketAddr)> {
        let mut inner = self.lock();
        inner.forget_ended();
        let mut all: Vec<_> = inner
            .servers
            .iter()
            .map(|(number, server)| (*number, server.address))
            .collect();
        all.sort_unstable();
        all
    }

    /// Parks the fiber until a server has ended; tells it to end first, if wanted. One that has ended is waited for no more.
    ///
    /// # Errors
    /// When the isolate has too many promises.
    pub fn wait<'c>(&self, cx: &'c Context, number: i64, wish: Wish) -> Result<Value<'c>> {
        let inner = self.lock();
        let Some(server) = inner.servers.get(&number) else {
            return Ok(cx.nil());
        };
        if wish == Wish::End {
            server.order(|| Order::Drain);
        }
        let mut state = server.ending.lock();
        if state.0 == 0 {
            return Ok(cx.nil());
        }
        let (promise, handle) = cx.promise()?;
        state.1.push(promise);
        drop(state);
        drop(inner);
        cx.wait(handle)
    }
}

/// Whether a server that is waited for is told to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// It is.
    End,
    /// It goes on until something else ends it.
    Await,
}

fn none(number: i64) -> Error {
    Error::new("http/server", format!("there is no server {number}"))
}

fn port_problem(error: &std::io::Error, address: IpAddr, port: u16) -> Error {
    use std::io::ErrorKind;
    let place = SocketAddr::new(address, port);
    match error.kind() {
        ErrorKind::AddrInUse => Error::new("http/port-in-use", format!("another process listens at {place}")),
        ErrorKind::PermissionDenied => Error::new(
            "http/port-denied",
            format!("listening at {place} needs more rights; ports from 1024 on need none"),
        ),
        ErrorKind::AddrNotAvailable => {
            Error::new("http/address", format!("{address} is no address of this machine"))
        }
        _ => Error::new("http/listen", format!("{place}: {error}")),
    }
}

fn access(log: &LogTo) -> Result<Access> {
    let failed = |error: std::io::Error| Error::new("http/log", error.to_string());
    match log {
        LogTo::Nowhere => Ok(Access::default()),
        LogTo::Host => Access::to(Box::new(|lines| {
            // The host takes one line at a time.
            for line in String::from_utf8_lossy(lines).lines() {
                sup_kernel::entry::log(3, line);
            }
            Ok(())
        }))
        .map_err(failed),
        LogTo::File(path) => {
            let file = std::fs::OpenOptions::new().append(true).create(true).open(path);
            let mut file =
                file.map_err(|error| Error::new("http/log", format!("{}: {error}", path.display())))?;
            Access::to(Box::new(move |lines| file.write_all(lines))).map_err(failed)
        }
    }
}

/// What an event loop starts with.
struct Start {
    listener: TcpListener,
    shared: Arc<Shared>,
    served: Arc<Served>,
    orders: mpsc::UnboundedReceiver<Order>,
    ends: Ends,
}

/// One event loop, on the thread of its isolate.
fn drive(isolate: Isolate, start: Start) {
    let Start {
        listener,
        shared,
        served,
        mut orders,
        ends,
    } = start;
    let failed = |what: &str| sup_kernel::entry::log(1, &format!("http: an event loop ends: {what}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.to_string()),
    };
    let handlers = match Handlers::new(isolate, Arc::new(shared.limits.clone()), &served) {
        Ok(handlers) => handlers,
        Err(error) => return failed(&error.to_string()),
    };
    let whole = shared.clone();
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        let event_loop = Loop::new(shared, Rc::new(Responder(handlers.clone())), request_prefix());
        let told = async {
            while let Some(order) = orders.recv().await {
                match order {
                    Order::Serve(served) => {
                        if let Err(error) = handlers.replace(&served) {
                            sup_kernel::entry::log(
                                1,
                                &format!("http: the routes stay as they were: {error}"),
                            );
                        }
                    }
                    Order::Drain => return,
                }
            }
        };
        let serving = async {
            if let Err(error) = event_loop.clone().accept(listener, told).await {
                failed(&error.to_string());
            }
            event_loop.drain().await;
        };
        tokio::select! {
            () = serving => {}
            _ = isolate.run_until_stopped() => {}
        }
    });
    // The tasks and the fibers that they drive go before the isolate.
    drop((local, runtime));
    // The process may end as soon as no loop runs.
    whole.access.flush(LOG_PATIENCE);
    drop(ends);
}

fn request_prefix() -> u64 {
    RandomState::new().hash_one(0)
}
