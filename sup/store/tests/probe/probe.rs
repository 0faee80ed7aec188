//! The process that the tests kill, starve of disk and trace: it writes to a store and prints what was acknowledged.
//!
//! `write DIR N_THREADS N_EACH` writes synced records until killed (or `N_EACH` per thread, if not 0) and prints `ack THREAD N`
//! after each acknowledgement; `publish DIR` publishes trees of files that all say the same number, rolls back and collects, and
//! prints `ack 0 N`; `fill DIR` writes until the store refuses and prints the code; `hold DIR` opens it and waits.

use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use sup_store::key::Tuple;
use sup_store::{
    Audience, Base, Batch, Change, Collection, Durability, Family, MAIN_CHANNEL, Names, Publication, Stamp,
    Store, StoreError, StoreLimits, StoreLocation, Tenant,
};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["write", directory, n_threads, n_each] => match (n_threads.parse(), n_each.parse()) {
            (Ok(n_threads), Ok(n_each)) => write(directory, n_threads, n_each),
            _ => return ExitCode::from(2),
        },
        ["publish", directory] => publish(directory),
        ["fill", directory] => fill(directory),
        ["hold", directory] => hold(directory),
        _ => return ExitCode::from(2),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error {}", error.code()));
            ExitCode::FAILURE
        }
    }
}

fn open(directory: &str) -> Result<Arc<dyn Store>, StoreError> {
    let limits = StoreLimits {
        releases_kept: 20,
        ..StoreLimits::standard()
    };
    sup_store::open(&StoreLocation::Directory(PathBuf::from(directory)), limits)
}

/// One line in one write, so that lines of threads never mix and none is held back.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("{line}\n").as_bytes())
        .expect("the test reads what the probe says");
}

fn write(directory: &str, n_threads: u64, n_each: u64) -> Result<(), StoreError> {
    let store = open(directory)?;
    say("open");
    let names = Names::new(Arc::clone(&store), Tenant::local());
    let (store, names) = (&store, &names);
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..n_threads)
            .map(|thread| scope.spawn(move || write_records(store, names, thread, n_each)))
            .collect();
        writers
            .into_iter()
            .try_for_each(|writer| writer.join().expect("a writer does not panic"))
    })
}

/// Records go on where an earlier process was killed; every eighth is code under a name, which spans families.
fn write_records(store: &Arc<dyn Store>, names: &Names, thread: u64, n_each: u64) -> Result<(), StoreError> {
    let thread_key = Tuple::new().string("local").string("acks").int(thread as i64);
    let at = thread_key.as_bytes();
    let start = match store.get(Family::Data, at)? {
        Some(bytes) => u64::from_be_bytes(bytes.try_into().expect("a counter has eight bytes")) + 1,
        None => 0,
    };
    let end = if n_each == 0 { u64::MAX } else { start + n_each };
    for number in start..end {
        if number % 8 == 7 {
            let source = format!("; written by thread {thread}\n{number}\n");
            let stamp = Stamp {
                time_us: number as i64,
                durability: Durability::Sync,
            };
            names.put_code(&format!("probe/{thread}"), &source, &number.to_be_bytes(), stamp)?;
            names.collect(&[], Collection::WhenDue)?;
        }
        let mut batch = Batch::new();
        batch.put(
            Family::Data,
            thread_key.clone().int(number as i64).into_bytes(),
            number.to_be_bytes(),
        );
        batch.put(Family::Data, at, number.to_be_bytes());
        store.commit(batch, Durability::Sync)?;
        say(&format!("ack {thread} {number}"));
    }
    Ok(())
}

/// Every file of a release says its number, so that half of one would show. Some are too large for one batch.
fn publish(directory: &str) -> Result<(), StoreError> {
    let store = open(directory)?;
    say("open");
    let names = Names::new(Arc::clone(&store), Tenant::local());
    for number in names.version()?.0 + 1.. {
        let text = format!("{number}");
        let mut asset = text.clone().into_bytes();
        asset.resize(if number % 16 == 0 { 3 << 20 } else { 100 }, b' ');
        let paths: Vec<String> = (0..5).map(|file| format!("file-{file}")).collect();
        let mut changes: Vec<Change<'_>> = paths
            .iter()
            .map(|name| Change::Put {
                name,
                source: &text,
                encoded: text.as_bytes(),
            })
            .collect();
        let assets: Vec<String> = (0..3).map(|file| format!("static/{file}")).collect();
        changes.extend(assets.iter().map(|path| Change::PutAsset { path, bytes: &asset }));
        let stamp = Stamp {
            time_us: number as i64,
            durability: Durability::Sync,
        };
        names.publish(&Publication {
            channel: MAIN_CHANNEL,
            base: Base::Nothing,
            changes: &changes,
            facts: None,
            author: "probe",
            message: &text,
            audience: Audience::All,
            expected_head: None,
            stamp,
        })?;
        say(&format!("ack 0 {number}"));
        if number % 5 == 4 {
            names.roll_back(MAIN_CHANNEL, None, "probe", stamp)?;
        }
        names.collect(&[], Collection::WhenDue)?;
    }
    Ok(())
}

fn fill(directory: &str) -> Result<(), StoreError> {
    let store = open(directory)?;
    // Bytes that do not compress, so that the disk fills and not only the log.
    let mut state = 1_u64;
    for number in 0_i64.. {
        let value: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        })
        .take(16 * 1024)
        .collect();
        let mut batch = Batch::new();
        batch.put(
            Family::Data,
            Tuple::new()
                .string("local")
                .string("fill")
                .int(number)
                .into_bytes(),
            value,
        );
        match store.commit(batch, Durability::Sync) {
            Ok(_) => say(&format!("ack 0 {number}")),
            Err(error) => {
                say(&format!("refused {}", error.code()));
                break;
            }
        }
    }
    // What is there can still be read.
    let first = Tuple::new().string("local").string("fill").int(0).into_bytes();
    say(&format!(
        "readable {}",
        store.get(Family::Data, &first)?.is_some()
    ));
    Ok(())
}

fn hold(directory: &str) -> Result<(), StoreError> {
    let store = open(directory)?;
    say("open");
    let mut until_closed = Vec::new();
    drop(std::io::stdin().read_to_end(&mut until_closed));
    store.close()
}
