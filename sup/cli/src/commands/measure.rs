//! `--stats` and `--profile`: what a program used, and where its time went.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::TimeVal;
use serde_json::json;
use sup_runtime::profile::Profiler;
use sup_runtime::{Problem, Runtime, Statistics};

use crate::arguments::Options;
use crate::console;
use crate::exit::Exit;
use crate::session::Teller;

/// The options of `run` and `eval`.
#[derive(Args, Debug)]
pub struct Measures {
    /// Tell on standard error what the program used: collections, memory, fuel, time
    #[arg(long)]
    stats: bool,

    /// Write where the time goes, as folded stacks that flame-graph tools read; - for standard output
    #[arg(long, value_name = "FILE|-")]
    profile: Option<PathBuf>,
}

/// What is measured while a program runs.
pub struct Measuring {
    tells_stats: bool,
    profile: Option<(Profiler, Target)>,
    start: Instant,
    cpu_before: Duration,
    before: Statistics,
}

enum Target {
    Output,
    File(PathBuf, File),
}

impl Measures {
    /// Starts to measure.
    ///
    /// # Errors
    /// When the profile's file cannot be made, or it has no clock; that was told.
    pub fn start(self, runtime: &mut Runtime, options: &Options) -> Result<Measuring, Exit> {
        let profile = match self.profile {
            None => None,
            Some(path) => {
                let started = Target::open(path).and_then(|target| Ok((runtime.start_profile()?, target)));
                let told = started.map_err(|problem| {
                    Teller::new(options).tell_without_sources(&problem);
                    Exit::Usage
                })?;
                Some(told)
            }
        };
        Ok(Measuring {
            tells_stats: self.stats,
            profile,
            cpu_before: cpu(usage().as_ref()),
            before: runtime.statistics(),
            start: Instant::now(),
        })
    }
}

impl Measuring {
    /// Writes the profile and tells the figures, whatever became of the program.
    pub fn finish(self, runtime: &mut Runtime, options: &Options, exit: Exit) -> Exit {
        let wall = self.start.elapsed();
        let usage = usage();
        let used = cpu(usage.as_ref()).saturating_sub(self.cpu_before);
        let mut exit = exit;
        if let Some((profiler, target)) = self.profile {
            let text = runtime.finish_profile(profiler);
            if let Err(problem) = target.write(&text) {
                Teller::new(options).tell_without_sources(&problem);
                exit = Exit::Raised;
            }
        }
        if self.tells_stats {
            console::flush();
            let figures = Figures {
                statistics: runtime.statistics().since(&self.before),
                peak_resident_bytes: usage.as_ref().map_or(0, peak_resident_bytes),
                cpu: used,
                wall,
            };
            let text = if options.json {
                figures.json()
            } else {
                figures.text()
            };
            console::complain(&text);
        }
        exit
    }
}

impl Target {
    fn open(path: PathBuf) -> Result<Target, Problem> {
        if path.as_os_str() == "-" {
            return Ok(Target::Output);
        }
        match File::create(&path) {
            Ok(file) => Ok(Target::File(path, file)),
            Err(error) => Err(Problem::new(
                "profile/file",
                format!("cannot make {}: {error}", path.display()),
            )),
        }
    }

    fn write(self, text: &str) -> Result<(), Problem> {
        match self {
            Target::Output => {
                console::print(text);
                Ok(())
            }
            Target::File(path, mut file) => file.write_all(text.as_bytes()).map_err(|error| {
                Problem::new(
                    "profile/file",
                    format!("cannot write {}: {error}", path.display()),
                )
            }),
        }
    }
}

struct Figures {
    statistics: Statistics,
    peak_resident_bytes: u64,
    cpu: Duration,
    wall: Duration,
}

impl Figures {
    fn text(&self) -> String {
        let used = &self.statistics;
        let milliseconds = |nanoseconds: u64| nanoseconds as f64 / 1e6;
        let mebibytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let lines = [
            format!(
                "collections    {} of the nursery, {} of everything",
                used.minor_collections, used.major_collections
            ),
            format!(
                "pauses         longest {:.3} ms, {:.3} ms in all",
                milliseconds(used.longest_pause_ns),
                milliseconds(used.pause_ns)
            ),
            format!(
                "allocated      {:.1} MiB, {:.1} MiB copied",
                mebibytes(used.allocated_bytes),
                mebibytes(used.copied_bytes)
            ),
            format!("peak heap      {:.1} MiB", mebibytes(used.peak_heap_bytes)),
            format!("peak resident  {:.1} MiB", mebibytes(self.peak_resident_bytes)),
            format!("fuel           {}", used.fuel),
            format!("fibers         {}", used.fibers),
            format!(
                "time           {:.3} s of CPU, {:.3} s",
                self.cpu.as_secs_f64(),
                self.wall.as_secs_f64()
            ),
        ];
        lines.join("\n") + "\n"
    }

    fn json(&self) -> String {
        let used = &self.statistics;
        let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let value = json!({
            "minor_collections": used.minor_collections,
            "major_collections": used.major_collections,
            "longest_pause_ns": used.longest_pause_ns,
            "pause_ns": used.pause_ns,
            "allocated_bytes": used.allocated_bytes,
            "copied_bytes": used.copied_bytes,
            "peak_heap_bytes": used.peak_heap_bytes,
            "peak_resident_bytes": self.peak_resident_bytes,
            "fuel": used.fuel,
            "fibers": used.fibers,
            "cpu_ns": nanoseconds(self.cpu),
            "wall_ns": nanoseconds(self.wall),
        });
        format!("{value}\n")
    }
}

/// What the operating system counts for this process; nothing where it does not.
fn usage() -> Option<Usage> {
    getrusage(UsageWho::RUSAGE_SELF).ok()
}

fn cpu(usage: Option<&Usage>) -> Duration {
    let duration = |time: TimeVal| {
        let microseconds = time.tv_sec() * 1_000_000 + time.tv_usec();
        Duration::from_micros(u64::try_from(microseconds).unwrap_or(0))
    };
    usage.map_or(Duration::ZERO, |usage| {
        duration(usage.user_time()) + duration(usage.system_time())
    })
}

/// Most memory that the process had at once. Apple counts it in bytes, everybody else in KiB.
fn peak_resident_bytes(usage: &Usage) -> u64 {
    let counted = u64::try_from(usage.max_rss()).unwrap_or(0);
    if cfg!(target_vendor = "apple") {
        counted
    } else {
        counted * 1024
    }
}
