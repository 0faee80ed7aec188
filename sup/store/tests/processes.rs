//! What other processes show: killed at any moment, kept out by the lock, out of room, and watched by strace.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "all of this is test code, which says what it skips"
)]

mod support;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use sup_store::key::Tuple;
use sup_store::{
    Family, FileKind, KeyRange, Names, Scan, Store, StoreError, StoreLimits, StoreLocation, Tenant, open,
    verify,
};
use support::{Chance, Scratch};

const PROBE: &str = env!("CARGO_BIN_EXE_store-probe");

/// A probe that is killed when the test ends, however it ends.
struct Probe {
    child: Child,
    said: BufReader<ChildStdout>,
}

impl Probe {
    fn start(command: &mut Command) -> Probe {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        Probe { child, said }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Everything that it says until it ends.
    fn rest(&mut self) -> Vec<String> {
        let mut text = String::new();
        self.said.read_to_string(&mut text).unwrap();
        self.child.wait().unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn probe(words: &[&str], directory: &Path) -> Command {
    let mut command = Command::new(PROBE);
    command.arg(words[0]).arg(directory).args(&words[1..]);
    command
}

/// The last acknowledged number of each thread; numbers of a thread are acknowledged in order.
fn acknowledged(lines: &[String]) -> BTreeMap<i64, u64> {
    let mut last = BTreeMap::new();
    for line in lines {
        let words: Vec<&str> = line.split(' ').collect();
        if let ["ack", thread, number] = words.as_slice() {
            last.insert(thread.parse().unwrap(), number.parse().unwrap());
        }
    }
    last
}

fn all_keys(store: &dyn Store, range: KeyRange) -> Vec<Vec<u8>> {
    let mut keys = Vec::new();
    let mut rest = Some(range);
    while let Some(range) = rest {
        let page = store.scan(&Scan::over(Family::Data, range)).unwrap();
        keys.extend(page.entries.into_iter().map(|entry| entry.key));
        rest = page.rest;
    }
    keys
}

fn reopen(directory: &Path) -> std::sync::Arc<dyn Store> {
    open(
        &StoreLocation::Directory(directory.to_owned()),
        StoreLimits::standard(),
    )
    .unwrap()
}

fn assert_clean(store: &dyn Store) {
    let report = verify(store).unwrap();
    assert!(report.is_clean(), "{report:?}");
}

#[test]
fn no_half_release_is_left_by_kill_9() {
    const N_ROUNDS: usize = 50;
    let scratch = Scratch::new();
    let directory = scratch.store_path();
    let mut chance = Chance::new(u64::from(std::process::id()));
    let mut last_told = 0;
    for round in 0..N_ROUNDS {
        let mut probe = Probe::start(&mut probe(&["publish"], &directory));
        assert_eq!(probe.line(), "open");
        std::thread::sleep(Duration::from_millis(chance.below(60)));
        probe.child.kill().unwrap();
        last_told = acknowledged(&probe.rest()).get(&0).copied().unwrap_or(last_told);
        let store = reopen(&directory);
        let names = Names::new(std::sync::Arc::clone(&store), Tenant::local());
        let last = names.version().unwrap().0;
        assert!(last >= last_told, "round {round}: {last} of {last_told}");
        for release in names.releases(1_000).unwrap() {
            let number = release.version.0.to_string();
            let manifest = names.manifest(release.version.0).unwrap();
            assert_eq!((manifest.message.as_str(), manifest.files.len()), (&*number, 8));
            for file in &manifest.files {
                let text = match file.kind {
                    FileKind::Code => names.code(&file.hash).unwrap().source,
                    FileKind::Asset => String::from_utf8(names.asset(&file.hash).unwrap()).unwrap(),
                };
                assert_eq!(text.trim_end(), number, "round {round}, {}", file.path);
            }
        }
        if round % 5 == 4 {
            assert_clean(store.as_ref());
        }
        store.close().unwrap();
    }
}

#[test]
fn no_acknowledged_write_is_lost_to_kill_9() {
    const N_ROUNDS: usize = 20;
    let scratch = Scratch::new();
    let directory = scratch.store_path();
    let mut chance = Chance::new(u64::from(std::process::id()));
    let mut all: BTreeMap<i64, u64> = BTreeMap::new();
    for round in 0..N_ROUNDS {
        let mut probe = Probe::start(&mut probe(&["write", "4", "0"], &directory));
        if round % 4 != 3 {
            assert_eq!(probe.line(), "open");
        }
        // Every fourth round dies while it opens.
        std::thread::sleep(Duration::from_millis(chance.below(if round % 4 == 3 {
            30
        } else {
            200
        })));
        probe.child.kill().unwrap();
        let acks = acknowledged(&probe.rest());
        all.extend(acks);
        let store = reopen(&directory);
        for (&thread, &last) in &all {
            let written = Tuple::new().string("local").string("acks").int(thread);
            let n_found = all_keys(store.as_ref(), written.children()).len() as u64;
            // One key says where to go on; a write after the last acknowledgement may have made it or not.
            assert!(
                n_found >= last + 2,
                "round {round}, thread {thread}: {n_found} of {}",
                last + 2
            );
            let own = written.int(last as i64).into_bytes();
            assert_eq!(
                store.get(Family::Data, &own).unwrap().unwrap(),
                last.to_be_bytes()
            );
        }
        assert_clean(store.as_ref());
    }
    let n_acknowledged: u64 = all.values().map(|last| last + 1).sum();
    eprintln!("{n_acknowledged} acknowledged writes, {N_ROUNDS} kills");
    assert!(all.len() == 4 && n_acknowledged > 100);
}

#[test]
fn a_store_held_by_another_process_is_locked_and_says_by_whom() {
    let scratch = Scratch::new();
    let mut holder = Probe::start(&mut probe(&["hold"], &scratch.store_path()));
    assert_eq!(holder.line(), "open");
    let error = open(&scratch.location(), StoreLimits::standard())
        .map(drop)
        .unwrap_err();
    assert_eq!(
        error,
        StoreError::Locked {
            path: scratch.store_path(),
            owner: Some(holder.child.id())
        }
    );
    assert!(error.hint().unwrap().contains("control socket"));
    holder.child.kill().unwrap();
    holder.rest();
    let store = scratch.open();
    let mut late = Probe::start(&mut probe(&["hold"], &scratch.store_path()));
    assert_eq!(late.rest(), ["error store/locked"]);
    drop(store);
    let mut orderly = Probe::start(&mut probe(&["hold"], &scratch.store_path()));
    assert_eq!(orderly.line(), "open");
    drop(orderly.child.stdin.take());
    assert!(orderly.rest().is_empty());
    drop(scratch.open());
}

/// A child holds copies of all open files from the moment it is forked until it runs its program.
#[test]
fn children_being_started_do_not_keep_the_lock() {
    let scratch = Scratch::new();
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !is_done.load(Ordering::Relaxed) {
                    drop(Command::new("true").status());
                }
            });
        }
        let opened: Vec<_> = (0..60)
            .map(|_| open(&scratch.location(), StoreLimits::standard()).map(drop))
            .collect();
        is_done.store(true, Ordering::Relaxed);
        assert!(opened.iter().all(Result::is_ok), "{opened:?}");
    });
}

/// A file system of a few MiB, taken away when the test ends.
struct SmallDisk<'a> {
    path: &'a Path,
}

impl SmallDisk<'_> {
    fn mount(path: &Path) -> Option<SmallDisk<'_>> {
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=8m", "tmpfs"])
            .arg(path)
            .output();
        mounted
            .is_ok_and(|output| output.status.success())
            .then_some(SmallDisk { path })
    }

    fn grow(&self) {
        let grown = Command::new("mount")
            .args(["-o", "remount,size=64m"])
            .arg(self.path)
            .status()
            .unwrap();
        assert!(grown.success());
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        drop(Command::new("umount").arg(self.path).status());
    }
}

fn assert_refused_in_order(said: &[String]) -> u64 {
    let n_said = said.len();
    assert!(n_said > 2, "{said:?}");
    assert_eq!(said[n_said - 2..], ["refused store/full", "readable true"]);
    acknowledged(said)[&0]
}

fn assert_filled_up_to(directory: &Path, last: u64) {
    let store = reopen(directory);
    let filled = Tuple::new().string("local").string("fill");
    assert!(all_keys(store.as_ref(), filled.children()).len() as u64 > last);
    assert_clean(store.as_ref());
    support::quick_put(store.as_ref(), &filled.int(-1).into_bytes(), b"writable again");
}

#[test]
fn a_full_disk_is_an_error_and_the_store_opens_again() {
    let scratch = Scratch::new();
    let Some(disk) = SmallDisk::mount(scratch.path()) else {
        eprintln!("skipped: no permission to mount a tmpfs; the limit on file sizes is tried instead");
        return;
    };
    let directory = scratch.store_path();
    let last = assert_refused_in_order(&Probe::start(&mut probe(&["fill"], &directory)).rest());
    // While there is no room, opening may be refused too, but only for that reason.
    if let Err(error) = open(&scratch.location(), StoreLimits::standard()).map(drop) {
        assert_eq!(error.code(), "store/full", "{error}");
    }
    disk.grow();
    assert_filled_up_to(&directory, last);
}

#[test]
fn a_file_that_may_not_grow_is_an_error_and_the_store_opens_again() {
    let scratch = Scratch::new();
    let directory = scratch.store_path();
    let mut limited = Command::new("sh");
    limited
        .args([
            "-c",
            "trap '' XFSZ; ulimit -f 4096; exec \"$0\" fill \"$1\"",
            PROBE,
        ])
        .arg(&directory);
    let last = assert_refused_in_order(&Probe::start(&mut limited).rest());
    assert!(last > 20);
    assert_filled_up_to(&directory, last);
}

/// Walks a trace of one writer: whenever it acknowledges, its log must have been written and synced, and the sync returned.
fn check_trace(trace: &str) -> Result<usize, String> {
    let (mut is_dirty, mut n_syncs, mut n_acks) = (false, 0, 0);
    let mut pending: BTreeMap<&str, &str> = BTreeMap::new();
    for line in trace.lines() {
        let (thread, call) = line.split_once(' ').unwrap_or(("", line));
        let call = call.trim_start();
        let is_log = |call: &str| call.contains(".log>");
        if call.ends_with("<unfinished ...>") {
            pending.insert(thread, call);
        }
        let (name_of, has_returned) = match call.strip_prefix("<... ") {
            Some(_) => (pending.remove(thread).unwrap_or(""), call.ends_with(") = 0")),
            None => (call, call.ends_with(") = 0")),
        };
        if name_of.starts_with("write(") && is_log(name_of) {
            is_dirty = true;
        } else if name_of.starts_with("fdatasync(") && is_log(name_of) && has_returned {
            is_dirty = false;
            n_syncs += 1;
        } else if call.starts_with("write(1<") && call.contains("\"ack ") {
            if is_dirty || n_syncs == 0 {
                return Err(format!("acknowledged before its sync returned: {line}"));
            }
            n_syncs = 0;
            n_acks += 1;
        }
    }
    Ok(n_acks)
}

#[test]
fn the_log_is_synced_before_each_acknowledgement() {
    const N_WRITES: usize = 40;
    let scratch = Scratch::new();
    let trace_path = scratch.path().join("trace");
    let mut traced = Command::new("strace");
    traced
        .args(["-f", "-y", "-e", "trace=write,fdatasync", "-o"])
        .arg(&trace_path)
        .arg(PROBE)
        .arg("write");
    traced
        .arg(scratch.store_path())
        .args(["1", &N_WRITES.to_string()]);
    let is_usable = match traced.output() {
        Ok(output) => output.status.success(),
        Err(_) => false,
    };
    let trace = std::fs::read_to_string(&trace_path).unwrap_or_default();
    if !is_usable || !trace.contains("fdatasync(") {
        eprintln!("skipped: strace is missing or may not trace here");
        return;
    }
    assert_eq!(check_trace(&trace), Ok(N_WRITES));
}

#[test]
fn the_walk_over_a_trace_notices_a_missing_sync() {
    let write = "7 write(9</s/db/000004.log>, \"x\"..., 40) = 40\n";
    let sync = "7 fdatasync(9</s/db/000004.log>) = 0\n";
    let halves = [
        "7 fdatasync(9</s/db/000004.log> <unfinished ...>\n",
        "7 <... fdatasync resumed>) = 0\n",
    ];
    let failed = "7 fdatasync(9</s/db/000004.log>) = -1 EIO (Input/output error)\n";
    let ack = "7 write(1<pipe:[5]>, \"ack 0 1\\n\", 8) = 8\n";
    let sound = [
        [write, sync, ack].concat(),
        [write, halves[0], halves[1], ack].concat(),
    ];
    let unsound = [
        [write, ack].concat(),
        [write, halves[0], ack].concat(),
        [write, failed, ack].concat(),
        ack.to_owned(),
    ];
    assert!(sound.iter().all(|trace| check_trace(trace) == Ok(1)));
    for trace in unsound {
        assert!(check_trace(&trace).is_err(), "{trace}");
    }
}
