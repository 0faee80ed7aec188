//! The options of `http/listen` and of routes, read from maps. What is not known is refused.

use crate::limits::{Limits, SetError};
use std::net::{IpAddr, Ipv4Addr, ToSocketAddrs};
use std::path::PathBuf;
use sup_kernel::extension::{ACCESS_READ, ACCESS_WRITE, resolve_path};
use sup_kernel::{Context, Error, Result, Value};

/// Most event loops of a server.
const MAX_LOOPS: i64 = 256;

/// Where the access log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogTo {
    /// To the host's log.
    Host,
    /// Nowhere.
    Nowhere,
    /// To the end of a file.
    File(PathBuf),
}

/// How a server is set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// The address that it listens at.
    pub address: IpAddr,
    /// The port; 0 lets the system choose.
    pub port: u16,
    /// The port of metrics and limits, which are for operators only; it listens on this machine alone.
    pub admin_port: Option<u16>,
    /// Event loops.
    pub n_loops: usize,
    /// Certificate and key, both PEM files.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Its limits.
    pub limits: Limits,
    /// The access log.
    pub log: LogTo,
}

fn wrong(message: impl Into<String>) -> Error {
    Error::new("http/options", message)
}

/// The pairs of a map of options, by the names of their keys.
fn named<'c>(what: &str, map: Value<'c>) -> Result<Vec<(String, Value<'c>)>> {
    let pairs = map.pairs().ok_or_else(|| wrong(format!("{what} are a map")))?;
    let named = pairs.into_iter().map(|(key, value)| match key.as_name() {
        Some(name) => Ok((name.to_owned(), value)),
        None => Err(wrong(format!("{what} are named by keywords"))),
    });
    named.collect()
}

fn port(value: Value<'_>) -> Result<u16> {
    let port = value.as_int().and_then(|port| u16::try_from(port).ok());
    port.ok_or_else(|| wrong("a port is a number from 0 to 65535"))
}

impl Options {
    /// Reads the options of `http/listen`.
    ///
    /// # Errors
    /// `http/options` for what is none, `capability/denied` for files that may not be touched.
    pub fn read(cx: &Context, map: Value<'_>) -> Result<Options> {
        let mut options = Options {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 0,
            admin_port: None,
            n_loops: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            tls: None,
            limits: Limits::standard(),
            log: LogTo::Host,
        };
        let mut has_port = false;
        for (name, value) in named("the options of a server", map)? {
            match name.as_str() {
                "port" => {
                    options.port = port(value)?;
                    has_port = true;
                }
                "admin-port" => options.admin_port = Some(port(value)?),
                "host" => options.address = address(value)?,
                "loops" => {
                    let n_loops = value.as_int().filter(|n_loops| (1..=MAX_LOOPS).contains(n_loops));
                    let n_loops =
                        n_loops.ok_or_else(|| wrong(format!("there are 1 to {MAX_LOOPS} loops")))?;
                    options.n_loops = usize::try_from(n_loops).expect("is small");
                }
                "tls" => options.tls = Some(tls(cx, value)?),
                "limits" => read_limits(value, &mut options.limits)?,
                "log" => options.log = log(cx, value)?,
                other => {
                    let known = ":port :host :admin-port :loops :tls :limits :log";
                    return Err(wrong(format!("there is no option :{other} among {known}")));
                }
            }
        }
        if !has_port {
            return Err(wrong(
                "the option :port says where to listen; 0 lets the system choose",
            ));
        }
        Ok(options)
    }
}

fn address(value: Value<'_>) -> Result<IpAddr> {
    let name = value.as_text().ok_or_else(|| wrong("the host is a string"))?;
    if let Ok(address) = name.parse() {
        return Ok(address);
    }
    let found = (name, 0)
        .to_socket_addrs()
        .ok()
        .and_then(|mut found| found.next());
    found
        .map(|found| found.ip())
        .ok_or_else(|| wrong(format!("{name} is no address of this machine")))
}

fn tls(cx: &Context, value: Value<'_>) -> Result<(PathBuf, PathBuf)> {
    let (mut certificate, mut key) = (None, None);
    for (name, value) in named("the options :tls", value)? {
        let path = value
            .as_text()
            .ok_or_else(|| wrong("certificate and key are paths"))?;
        let path = PathBuf::from(resolve_path(cx, path, ACCESS_READ)?);
        match name.as_str() {
            "certificate" => certificate = Some(path),
            "key" => key = Some(path),
            other => return Err(wrong(format!("there is no :{other} among :certificate :key"))),
        }
    }
    certificate
        .zip(key)
        .ok_or_else(|| wrong("TLS needs a :certificate and its :key, both PEM files"))
}

fn read_limits(value: Value<'_>, limits: &mut Limits) -> Result<()> {
    for (name, value) in named("the limits", value)? {
        let number = value
            .as_int()
            .ok_or_else(|| wrong(format!("the limit :{name} is a number")))?;
        limits.set(&name, number).map_err(|error| match error {
            SetError::Unknown => wrong(format!("there is no limit :{name}; (http/limits) lists them")),
            SetError::OutOfRange => wrong(format!("{number} cannot be the limit :{name}")),
        })?;
    }
    Ok(())
}

fn log(cx: &Context, value: Value<'_>) -> Result<LogTo> {
    match (value.as_bool(), value.as_text()) {
        (Some(true), _) => Ok(LogTo::Host),
        (Some(false), _) => Ok(LogTo::Nowhere),
        (None, Some(path)) => Ok(LogTo::File(PathBuf::from(resolve_path(cx, path, ACCESS_WRITE)?))),
        (None, None) => Err(wrong("the log is true, false or a file's path")),
    }
}

/// Whether the options of a route say that its handler reads bodies itself.
///
/// # Errors
/// `http/options` for what is none.
pub fn streams(map: Option<Value<'_>>) -> Result<bool> {
    let mut streams = false;
    if let Some(map) = map {
        for (name, value) in named("the options of a route", map)? {
            match (name.as_str(), value.as_bool()) {
                ("stream", Some(value)) => streams = value,
                ("stream", None) => return Err(wrong("the option :stream is true or false")),
                (other, _) => return Err(wrong(format!("there is no option :{other} among :stream"))),
            }
        }
    }
    Ok(streams)
}
