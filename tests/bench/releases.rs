//! What publishing takes: from the beginning of a publication until a serving isolate answers from it, beside a bare synced write;
//! memory over a thousand publications; and trees of a hundred files. `releases [N_LIVE] [N_MEMORY]` prints the figures.

#![allow(clippy::print_stdout, reason = "printing figures is what it is for")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use sup_runtime::codebase::Codebase;
use sup_runtime::release_requests::ReleaseRequest;
use sup_runtime::releases::{self, File, Order};
use sup_runtime::requests::{self, Request};
use sup_runtime::runtime::with_stack;
use sup_runtime::{Audience, Base, Grants, KernelRegistry, Limits, Runtime, StoreLocation};
use sup_store::{Batch, Durability, Family, StoreLimits, open};

/// The kernels of the process, as an instance has them.
static KERNELS: LazyLock<Arc<KernelRegistry>> = LazyLock::new(Arc::default);

/// Files of the larger tree.
const N_FILES: usize = 100;

fn main() -> ExitCode {
    let numbers: Vec<usize> = std::env::args()
        .skip(1)
        .filter_map(|word| word.parse().ok())
        .collect();
    let n_live = numbers.first().copied().unwrap_or(200);
    let n_memory = numbers.get(1).copied().unwrap_or(1_000);
    let folder = std::env::temp_dir().join(format!("sup-bench-releases-{}", std::process::id()));
    let outcome = with_stack(|| run(&folder, n_live, n_memory));
    let removed = std::fs::remove_dir_all(&folder);
    match outcome.and_then(|()| removed.map_err(|error| error.to_string())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            println!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn run(folder: &Path, n_live: usize, n_memory: usize) -> Result<(), String> {
    let store = open(
        &StoreLocation::Directory(folder.to_owned()),
        StoreLimits::standard(),
    );
    let codebase = Arc::new(Codebase::new(store.map_err(|error| error.to_string())?));
    give(&codebase, &[("page.slp".to_owned(), page(0))], Base::Head)?;
    live(&codebase, n_live)?;
    memory(&codebase, n_memory)?;
    trees(&codebase)?;
    codebase.store.close().map_err(|error| error.to_string())
}

fn isolate(codebase: &Arc<Codebase>) -> Result<Runtime, String> {
    let own = std::env::current_exe().unwrap_or_default();
    let kernels: PathBuf = own.ancestors().nth(2).unwrap_or(Path::new(".")).to_path_buf();
    let builder = Runtime::builder(Limits::generous())
        .grants(Grants::all())
        .image(sup_image::IMAGE)
        .kernel_path(kernels)
        .kernels(KERNELS.clone())
        .codebase(codebase.clone());
    builder.build().map_err(|problems| format!("{problems:?}"))
}

/// Publishes in a fresh isolate, as an instance does.
fn give(codebase: &Arc<Codebase>, files: &[(String, String)], base: Base) -> Result<(), String> {
    let mut publisher = isolate(codebase)?;
    let file = |(path, text): &(String, String)| File {
        path: path.clone(),
        bytes: Some(text.clone().into_bytes()),
    };
    let order = Order {
        base,
        files: files.iter().map(file).collect(),
        author: "bench".to_owned(),
        message: String::new(),
        audience: Audience::All,
        only_check: false,
    };
    releases::publish(&mut publisher.vm, &publisher.world, &order)
        .map(drop)
        .map_err(|problems| format!("{problems:?}"))
}

fn page(number: usize) -> String {
    format!(
        "(defn greeting (name) [(str \"hello, \" name)])\n(defn body (name) [{{:status 200 :body (page/greeting name)}}])\n\
         (fn () [(page/body \"you\") {number}])"
    )
}

fn answered(runtime: &mut Runtime) -> Result<i64, String> {
    let failed = |problems: Vec<sup_runtime::Problem>| format!("{problems:?}");
    let release = releases::pin(&runtime.world, None).map_err(|problem| failed(vec![problem]))?;
    let release = release.ok_or("nothing was published")?;
    let (vm, world) = (&mut runtime.vm, &runtime.world);
    let handler = releases::value(vm, world, &release, "page").map_err(failed)?;
    let answer = releases::call(vm, world, &release, handler, &[]);
    let answer = answer.map_err(|_| "the handler raised".to_owned())?;
    runtime
        .repr(answer)
        .parse()
        .map_err(|_| "the handler gives a number".to_owned())
}

fn live(codebase: &Arc<Codebase>, n_rounds: usize) -> Result<(), String> {
    let seen = AtomicU64::new(0);
    let is_over = AtomicBool::new(false);
    let (mut live, mut synced) = (Vec::new(), Vec::new());
    std::thread::scope(|scope| -> Result<(), String> {
        let server = scope.spawn(|| {
            with_stack(|| -> Result<(), String> {
                let mut runtime = isolate(codebase)?;
                let mut generation = 0;
                while !is_over.load(Ordering::Relaxed) {
                    let now = codebase.generation();
                    if now == generation {
                        std::thread::sleep(Duration::from_micros(50));
                        continue;
                    }
                    generation = now;
                    seen.store(answered(&mut runtime)? as u64, Ordering::Release);
                }
                Ok(())
            })
        });
        for number in 1..=n_rounds {
            let files = [("page.slp".to_owned(), page(number))];
            let begin = Instant::now();
            give(codebase, &files, Base::Head)?;
            while seen.load(Ordering::Acquire) != number as u64 {
                if server.is_finished() {
                    break;
                }
                std::thread::sleep(Duration::from_micros(20));
            }
            live.push(begin.elapsed());
            let mut batch = Batch::new();
            batch.put(
                Family::Data,
                b"\x02bench\x00\x02sync\x00".to_vec(),
                vec![7; 1_500],
            );
            let begin = Instant::now();
            codebase
                .store
                .commit(batch, Durability::Sync)
                .map_err(|error| error.to_string())?;
            synced.push(begin.elapsed());
        }
        is_over.store(true, Ordering::Relaxed);
        server.join().map_err(|_| "the server panicked".to_owned())?
    })?;
    println!("publish to live, {n_rounds} times, ms");
    print_times("  publish to live", &mut live);
    print_times("  a synced write", &mut synced);
    Ok(())
}

fn print_times(label: &str, times: &mut [Duration]) {
    times.sort();
    let at = |part: usize| times[(times.len() - 1) * part / 100].as_secs_f64() * 1e3;
    println!(
        "{label}: p50 {:.2}  p90 {:.2}  p99 {:.2}  most {:.2}",
        at(50),
        at(90),
        at(99),
        at(100)
    );
}

/// Memory of the process that is in use, in KiB.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("RssAnon:"));
    let word = line.and_then(|line| line.split_whitespace().nth(1));
    word.and_then(|word| word.parse().ok()).unwrap_or(0)
}

fn memory(codebase: &Arc<Codebase>, n_rounds: usize) -> Result<(), String> {
    let mut runtime = isolate(codebase)?;
    println!("memory, KiB of anonymous pages; pieces of code");
    let told = |what: &str| {
        println!(
            "  {what}: {} KiB, {} pieces",
            resident_kib(),
            releases::n_loaded()
        )
    };
    told("before");
    for number in 0..n_rounds {
        give(
            codebase,
            &[("page.slp".to_owned(), page(1_000_000 + number % 4))],
            Base::Head,
        )?;
        answered(&mut runtime)?;
        if number == n_rounds / 10 {
            told("a tenth of the publications of four texts in turn");
        }
    }
    told("after all of them");
    for number in 0..n_rounds {
        give(
            codebase,
            &[("page.slp".to_owned(), page(2_000_000 + number))],
            Base::Head,
        )?;
        answered(&mut runtime)?;
        if number == n_rounds / 10 {
            told("a tenth of the publications of new texts");
        }
    }
    told("after all of them");
    let mut publisher = isolate(codebase)?;
    for number in 0..n_rounds {
        let head = codebase
            .head_release()
            .map_err(|error| error.to_string())?
            .1
            .map_or(0, |head| head.number());
        let back = if number % 2 == 0 { head - 1 } else { head + 1 };
        let request = Request::Release(ReleaseRequest::Rollback {
            release: back.to_string(),
            author: String::new(),
        });
        requests::answer(&mut publisher, &request).map_err(|problems| format!("{problems:?}"))?;
        answered(&mut runtime)?;
    }
    told("after as many rollbacks");
    Ok(())
}

fn trees(codebase: &Arc<Codebase>) -> Result<(), String> {
    let mut files: Vec<(String, String)> = (0..N_FILES)
        .map(|number| {
            let next = (number + 1) % N_FILES;
            let text = format!(
                "; file {number}\n(defn greet (name) [(str \"hello, \" name \" from {number}\")])\n(defn next (n) [(if (= n 0) {number} \
                 (tree/f{next}/next (- n 1)))])\n(fn (req) [{{:status 200 :body (tree/f{number}/greet (get req :name))}}])\n"
            );
            (format!("tree/f{number}.slp"), text)
        })
        .collect();
    files.push(("page.slp".to_owned(), page(7)));
    let timed = |files: &[(String, String)]| -> Result<f64, String> {
        let begin = Instant::now();
        give(codebase, files, Base::Nothing)?;
        Ok(begin.elapsed().as_secs_f64() * 1e3)
    };
    println!("a tree of {N_FILES} files that call each other in a circle, ms");
    println!("  published anew: {:.1}", timed(&files)?);
    println!("  nothing changed: {:.1}", timed(&files)?);
    files[N_FILES].1 = page(8);
    println!("  a file that nothing names changed: {:.1}", timed(&files)?);
    files[5].1.push_str("; changed\n");
    println!("  a file that all depend on changed: {:.1}", timed(&files)?);
    Ok(())
}
