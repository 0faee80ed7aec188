//! What an isolate is given besides the machine: terminal, files, stores. The runtime implements these;
//! `extensions` shows them to kernels in C. What is not given raises `capability/denied`.

use std::ops::ControlFlow;
use sup_abi::extension as abi;
use sup_abi::word::Word;
use sup_vm::error::{Outcome, Raise};
use sup_vm::link::LinkId;
use sup_vm::vm::Vm;

/// Where output goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// The terminal, arguments and environment.
pub trait IoService {
    /// Writes to a stream.
    ///
    /// # Errors
    /// What is raised in the program.
    fn write(&self, vm: &mut Vm, stream: Stream, bytes: &[u8]) -> Result<(), Raise>;

    /// Hands on what is buffered.
    ///
    /// # Errors
    /// What is raised in the program.
    fn flush(&self, vm: &mut Vm, stream: Stream) -> Result<(), Raise>;

    /// The next line without its end, nil at the end of input, or the handle of a promise of one of them.
    ///
    /// # Errors
    /// What is raised in the program.
    fn read_line(&self, vm: &mut Vm) -> Outcome;

    /// The program's arguments, a list of strings.
    ///
    /// # Errors
    /// What is raised in the program.
    fn arguments(&self, vm: &mut Vm) -> Outcome;

    /// Value of an environment variable, or nil.
    ///
    /// # Errors
    /// What is raised in the program.
    fn variable(&self, vm: &mut Vm, name: &str) -> Outcome;
}

/// What will be done to a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It is read or looked at.
    Read,
    /// It is written, made, renamed or removed.
    Write,
}

/// Which files may be touched.
pub trait FilesService {
    /// The path to open for a path that the program named.
    ///
    /// # Errors
    /// `capability/denied`, raised in the program, when it may not.
    fn resolve(&self, vm: &mut Vm, path: &str, access: Access) -> Result<String, Raise>;
}

/// How sure a write is before it is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// It is on the disk.
    Sync,
    /// The operating system has it.
    Wal,
    /// It is in memory.
    None,
}

impl Durability {
    /// The durability of that number.
    #[must_use]
    pub const fn from_number(number: u32) -> Option<Durability> {
        match number {
            abi::DURABILITY_SYNC => Some(Durability::Sync),
            abi::DURABILITY_WAL => Some(Durability::Wal),
            abi::DURABILITY_NONE => Some(Durability::None),
            _ => None,
        }
    }
}

/// A change of one key: a value, or nothing to delete.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// The key.
    pub key: &'a [u8],
    /// The value.
    pub value: Option<&'a [u8]>,
}

/// The part of a store that a scan visits.
#[derive(Clone, Copy, Debug)]
pub struct ScanRange<'a> {
    /// Keys that start so.
    pub prefix: &'a [u8],
    /// Keys that come after; empty for all.
    pub after: &'a [u8],
    /// At most so many.
    pub limit: usize,
}

/// A visitor of keys and values.
pub type Visit<'a> = &'a mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>;

/// Stores of keys and values, by handles that are good in this isolate.
pub trait StoreService {
    /// Opens a store in memory, or finds the one that is open under the name.
    ///
    /// # Errors
    /// What is raised in the program.
    fn open_memory(&self, vm: &mut Vm, name: &str) -> Result<u64, Raise>;

    /// Opens a namespace of the instance's store, or with a path that of a store there.
    ///
    /// # Errors
    /// What is raised in the program.
    fn open_disk(&self, vm: &mut Vm, name: &str, path: Option<&str>) -> Result<u64, Raise>;

    /// The open store of that name.
    ///
    /// # Errors
    /// What is raised in the program.
    fn find(&self, vm: &mut Vm, name: &str) -> Result<Option<u64>, Raise>;

    /// The value at a key.
    ///
    /// # Errors
    /// What is raised in the program.
    fn get(&self, vm: &mut Vm, store: u64, key: &[u8]) -> Result<Option<Vec<u8>>, Raise>;

    /// Carries out all changes or none.
    ///
    /// # Errors
    /// What is raised in the program.
    fn write(
        &self,
        vm: &mut Vm,
        store: u64,
        changes: &[Change<'_>],
        durability: Durability,
    ) -> Result<(), Raise>;

    /// Carries out one change if the key holds what is expected; nothing stands for absence.
    ///
    /// # Errors
    /// What is raised in the program.
    fn replace(
        &self,
        vm: &mut Vm,
        store: u64,
        expected: Option<&[u8]>,
        change: Change<'_>,
        durability: Durability,
    ) -> Result<bool, Raise>;

    /// Visits keys in byte order until the visitor breaks off.
    ///
    /// # Errors
    /// What is raised in the program.
    fn scan(&self, vm: &mut Vm, store: u64, range: ScanRange<'_>, visit: Visit<'_>) -> Result<(), Raise>;
}

/// Drives an isolate, which ends when this returns.
pub type Drive = Box<dyn FnOnce(&mut Vm) + Send>;
/// Makes a value in an isolate that was shared by another one.
pub type Receive = Box<dyn Fn(&mut Vm) -> Outcome + Send + Sync>;

/// What a driven isolate is to have; what is not said is what the isolate has that starts it.
#[derive(Clone, Debug, Default)]
pub struct IsolateLimits {
    /// Fibers alive at once.
    pub fibers: Option<usize>,
    /// Its heap, in bytes.
    pub memory_bytes: Option<usize>,
    /// The most fuel of one fiber.
    pub fuel: Option<u64>,
    /// The longest that one fiber may take, in milliseconds.
    pub deadline_ms: Option<u64>,
    /// Names of its grants.
    pub grants: Option<Vec<String>>,
}

/// Isolates that kernels drive.
pub trait IsolateService {
    /// Starts an isolate with what this one has; its handle.
    ///
    /// # Errors
    /// What is raised in the program.
    fn start(&self, vm: &mut Vm, limits: &IsolateLimits, drive: Drive) -> Outcome;

    /// Copies a value for the other isolates of the program.
    ///
    /// # Errors
    /// `isolate/not-sendable`, raised in the program.
    fn share(&self, vm: &mut Vm, word: Word) -> Result<Receive, Raise>;

    /// The value of a module variable, by `module/name`.
    ///
    /// # Errors
    /// What is raised in the program.
    fn find(&self, vm: &mut Vm, name: &str) -> Result<Option<Word>, Raise>;

    /// The link that a driven fiber runs under which is started now: that of the release that answers. Asked for each.
    fn link(&self, vm: &mut Vm) -> LinkId;
}

/// What an isolate is given.
#[derive(Default)]
pub struct Services {
    /// Terminal, arguments, environment.
    pub io: Option<Box<dyn IoService>>,
    /// Which files it may touch; without it the file kernel touches none.
    pub files: Option<Box<dyn FilesService>>,
    /// Stores.
    pub store: Option<Box<dyn StoreService>>,
    /// Isolates that kernels drive.
    pub isolates: Option<Box<dyn IsolateService>>,
}
