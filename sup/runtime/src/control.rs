//! The control socket: how commands reach the process that owns a store.
//!
//! A message is a number of texts: a count, then for each its length and its bytes, numbers as 32 bits little-endian. A
//! request is its kind and its fields; an answer is `ok` and rows, or `problems` and the problems.

use std::io::{Error, ErrorKind, Read, Result as IoResult, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use slp::Span;

use crate::load::Problems;
use crate::problem::{Place, Problem, TraceLine};
use crate::release_requests::ReleaseRequest;
use crate::requests::{KernelRequest, Request, Rows, Wanted};

/// Most texts in one message.
const MAX_TEXTS: u32 = 1 << 20;
/// Most bytes in one message.
const MAX_BYTES: u32 = 512 << 20;
/// How long either side waits for the other's next bytes.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the listener rests when no client can be let in.
const PAUSE: Duration = Duration::from_millis(50);
/// How long the end of a listener waits for the request that it is answering.
const FAREWELL: Duration = Duration::from_secs(1);
/// How often it looks.
const POLL: Duration = Duration::from_millis(1);

/// What came of a request: rows, or problems and the sources that they point into.
pub type Outcome = Result<Rows, (Problems, Vec<(String, String)>)>;

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// What code printed on the way.
    pub printed: String,
    /// What came of it.
    pub outcome: Outcome,
}

/// Asks the process that listens at `socket`; nothing when none does.
///
/// # Errors
/// When one listens and the conversation fails.
pub fn ask(socket: &Path, request: &Request) -> IoResult<Option<Answer>> {
    let mut stream = match UnixStream::connect(socket) {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    stream.set_write_timeout(Some(PATIENCE))?;
    let texts = request_texts(request);
    let n_bytes: usize = texts.iter().map(String::len).sum();
    if n_bytes > MAX_BYTES as usize {
        let message = format!("the request has {n_bytes} bytes, and may have {MAX_BYTES}");
        return Err(Error::new(ErrorKind::InvalidInput, message));
    }
    send(&mut stream, &texts)?;
    let texts = receive(&mut stream)?;
    parse_answer(&texts)
        .map(Some)
        .ok_or_else(|| Error::new(ErrorKind::InvalidData, "the instance's answer is not understood"))
}

/// A listener that answers requests until it is dropped.
pub struct Listener {
    path: PathBuf,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    /// Listens at `socket`. `make` is run on the listener's thread and makes what answers the requests.
    ///
    /// # Errors
    /// When the socket cannot be made.
    pub fn start<A>(socket: &Path, make: impl FnOnce() -> A + Send + 'static) -> IoResult<Listener>
    where
        A: FnMut(&Request) -> Answer,
    {
        // The store's lock is held, so whoever left a socket here is gone.
        if socket.exists() {
            std::fs::remove_file(socket)?;
        }
        let listener = UnixListener::bind(socket)?;
        let ends = Arc::new(AtomicBool::new(false));
        let told = ends.clone();
        let thread = std::thread::Builder::new()
            .name("sup-control".to_owned())
            .stack_size(crate::runtime::STACK_BYTES)
            .spawn(move || {
                let mut answer = make();
                for stream in listener.incoming() {
                    if told.load(Ordering::Relaxed) {
                        return;
                    }
                    match stream {
                        // A client that goes away in the middle of its request is its own affair.
                        Ok(stream) => drop(serve(stream, &mut answer)),
                        // No more files may be opened for now.
                        Err(_) => std::thread::sleep(PAUSE),
                    }
                }
            })?;
        Ok(Listener {
            path: socket.to_path_buf(),
            ends,
            thread: Some(thread),
        })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        // Wakes the thread, which waits for a client.
        drop(UnixStream::connect(&self.path));
        drop(std::fs::remove_file(&self.path));
        let Some(thread) = self.thread.take() else { return };
        // Whoever asked for something that does not end must not keep this process.
        let begin = Instant::now();
        while !thread.is_finished() && begin.elapsed() < FAREWELL {
            std::thread::sleep(POLL);
        }
        if thread.is_finished() {
            drop(thread.join());
        }
    }
}

fn serve(mut stream: UnixStream, answer: &mut impl FnMut(&Request) -> Answer) -> IoResult<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let texts = receive(&mut stream)?;
    let answered = match parse_request(&texts) {
        Some(request) => answer(&request),
        None => {
            let problem = Problem::new("control/request", "the instance does not understand this request");
            Answer {
                printed: String::new(),
                outcome: Err((vec![problem], Vec::new())),
            }
        }
    };
    send(&mut stream, &answer_texts(&answered))
}

fn send(stream: &mut impl Write, texts: &[String]) -> IoResult<()> {
    let mut bytes = (texts.len() as u32).to_le_bytes().to_vec();
    for text in texts {
        bytes.extend((text.len() as u32).to_le_bytes());
        bytes.extend(text.as_bytes());
    }
    stream.write_all(&bytes)?;
    stream.flush()
}

fn receive(stream: &mut impl Read) -> IoResult<Vec<String>> {
    let refuse = || Error::new(ErrorKind::InvalidData, "the message is too large or damaged");
    let mut number = || -> IoResult<u32> {
        let mut bytes = [0; 4];
        stream.read_exact(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    };
    let n_texts = number()?;
    if n_texts > MAX_TEXTS {
        return Err(refuse());
    }
    let mut left = MAX_BYTES;
    let mut texts = Vec::new();
    for _ in 0..n_texts {
        let mut length = [0; 4];
        stream.read_exact(&mut length)?;
        let length = u32::from_le_bytes(length);
        left = left.checked_sub(length).ok_or_else(refuse)?;
        let mut text = Vec::new();
        stream.take(length.into()).read_to_end(&mut text)?;
        if text.len() != length as usize {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        texts.push(String::from_utf8(text).map_err(|_| refuse())?);
    }
    Ok(texts)
}

fn request_texts(request: &Request) -> Vec<String> {
    let (kind, fields): (&str, Vec<&String>) = match request {
        Request::Release(request) => return request.texts(),
        Request::Put { name, text, author } => ("put", vec![name, text, author]),
        Request::Get { name } => ("get", vec![name]),
        Request::List { prefix } => ("ls", vec![prefix]),
        Request::Remove { name, author } => ("rm", vec![name, author]),
        Request::Log { name } => ("log", vec![name]),
        Request::Call {
            name,
            arguments,
            wanted,
        } => {
            let kind = match wanted {
                Wanted::Text => "call",
                Wanted::Json => "call-json",
            };
            (kind, std::iter::once(name).chain(arguments).collect())
        }
        Request::Kernel(request) => match request {
            KernelRequest::List => ("kernel-list", vec![]),
            KernelRequest::Info { name } => ("kernel-info", vec![name]),
            KernelRequest::Load { name } => ("kernel-load", vec![name]),
            KernelRequest::Reload { name, library } => ("kernel-reload", vec![name, library]),
            KernelRequest::Unload { name } => ("kernel-unload", vec![name]),
        },
    };
    std::iter::once(kind.to_owned())
        .chain(fields.into_iter().cloned())
        .collect()
}

fn parse_request(texts: &[String]) -> Option<Request> {
    let (kind, fields) = texts.split_first()?;
    let one = || (fields.len() == 1).then(|| fields[0].clone());
    Some(match kind.as_str() {
        "put" if fields.len() == 3 => Request::Put {
            name: fields[0].clone(),
            text: fields[1].clone(),
            author: fields[2].clone(),
        },
        "get" => Request::Get { name: one()? },
        "ls" => Request::List { prefix: one()? },
        "rm" if fields.len() == 2 => Request::Remove {
            name: fields[0].clone(),
            author: fields[1].clone(),
        },
        "log" => Request::Log { name: one()? },
        "call" | "call-json" => {
            let (name, arguments) = fields.split_first()?;
            let wanted = if kind == "call" {
                Wanted::Text
            } else {
                Wanted::Json
            };
            Request::Call {
                name: name.clone(),
                arguments: arguments.to_vec(),
                wanted,
            }
        }
        _ => match parse_kernel_request(kind, fields) {
            Some(request) => Request::Kernel(request),
            None => Request::Release(ReleaseRequest::of_texts(texts)?),
        },
    })
}

fn parse_kernel_request(kind: &str, fields: &[String]) -> Option<KernelRequest> {
    Some(match (kind, fields) {
        ("kernel-list", []) => KernelRequest::List,
        ("kernel-info", [name]) => KernelRequest::Info { name: name.clone() },
        ("kernel-load", [name]) => KernelRequest::Load { name: name.clone() },
        ("kernel-reload", [name, library]) => KernelRequest::Reload {
            name: name.clone(),
            library: library.clone(),
        },
        ("kernel-unload", [name]) => KernelRequest::Unload { name: name.clone() },
        _ => return None,
    })
}

fn answer_texts(answer: &Answer) -> Vec<String> {
    let mut texts = vec![answer.printed.clone()];
    match &answer.outcome {
        Ok(rows) => {
            texts.push("ok".to_owned());
            for row in rows {
                texts.push(row.len().to_string());
                texts.extend(row.iter().cloned());
            }
        }
        Err((problems, sources)) => {
            texts.push("problems".to_owned());
            texts.push(sources.len().to_string());
            texts.extend(
                sources
                    .iter()
                    .flat_map(|(name, text)| [name.clone(), text.clone()]),
            );
            for problem in problems {
                texts.extend([
                    problem.code.clone(),
                    problem.message.clone(),
                    problem.hint.clone().unwrap_or_default(),
                    problem.data.clone().unwrap_or_default(),
                ]);
                texts.extend(place_texts(problem.place.as_ref()));
                texts.push(problem.trace.len().to_string());
                for line in &problem.trace {
                    texts.push(line.function.clone());
                    texts.extend(place_texts(Some(&line.place)));
                }
            }
        }
    }
    texts
}

fn place_texts(place: Option<&Place>) -> [String; 3] {
    match place {
        Some(place) => [
            place.source.clone(),
            place.span.start.to_string(),
            place.span.end.to_string(),
        ],
        None => Default::default(),
    }
}

fn parse_answer(texts: &[String]) -> Option<Answer> {
    let (printed, texts) = texts.split_first()?;
    let outcome = parse_outcome(texts)?;
    Some(Answer {
        printed: printed.clone(),
        outcome,
    })
}

fn parse_outcome(texts: &[String]) -> Option<Outcome> {
    let mut texts = texts.iter();
    match texts.next()?.as_str() {
        "ok" => {
            let mut rows = Rows::new();
            while let Some(count) = texts.next() {
                rows.push(
                    (0..count.parse().ok()?)
                        .map(|_| texts.next().cloned())
                        .collect::<Option<_>>()?,
                );
            }
            Some(Ok(rows))
        }
        "problems" => {
            let n_sources: usize = texts.next()?.parse().ok()?;
            let mut sources = Vec::new();
            for _ in 0..n_sources {
                sources.push((texts.next()?.clone(), texts.next()?.clone()));
            }
            let mut problems = Problems::new();
            while let Some(code) = texts.next() {
                problems.push(parse_problem(code, &mut texts)?);
            }
            Some(Err((problems, sources)))
        }
        _ => None,
    }
}

fn parse_problem<'a>(code: &str, texts: &mut impl Iterator<Item = &'a String>) -> Option<Problem> {
    let mut problem = Problem::new(code, texts.next()?);
    problem.hint = Some(texts.next()?.clone()).filter(|hint| !hint.is_empty());
    problem.data = Some(texts.next()?.clone()).filter(|data| !data.is_empty());
    problem.place = parse_place(texts)?;
    let n_lines: usize = texts.next()?.parse().ok()?;
    for _ in 0..n_lines {
        let function = texts.next()?.clone();
        problem.trace.push(TraceLine {
            function,
            place: parse_place(texts)??,
        });
    }
    Some(problem)
}

/// A place, or that there is none; nothing at all when the texts are damaged.
#[allow(clippy::option_option)]
fn parse_place<'a>(texts: &mut impl Iterator<Item = &'a String>) -> Option<Option<Place>> {
    let (source, start, end) = (texts.next()?, texts.next()?, texts.next()?);
    if start.is_empty() {
        return Some(None);
    }
    Some(Some(Place {
        source: source.clone(),
        span: Span {
            start: start.parse().ok()?,
            end: end.parse().ok()?,
        },
    }))
}
