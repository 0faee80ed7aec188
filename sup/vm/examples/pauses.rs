//! How long a gigabyte that is alive holds a program up: `cargo run --release -p sup-vm --example pauses [MiB]`.
//!
//! Builds the live data, then goes on allocating with a part of it replaced all the time, and prints the longest and the
//! total pauses of each phase in milliseconds of the clock.
#![allow(clippy::print_stdout, reason = "printing the table is what it is for")]

use std::time::Instant;

use sup_abi::word::{NIL, Word};
use sup_vm::collect::Extent;
use sup_vm::vm::{Kept, Limits, Vm};

/// Bytes that are allocated between two collections of the nursery.
const NURSERY_BYTES: usize = 2_000_000;

fn main() {
    let mib = std::env::args().nth(1).and_then(|text| text.parse().ok());
    let live_bytes = mib.unwrap_or(1024usize) << 20;
    println!(
        "| live data | phase | s | collections | steps | longest minor | longest step | pauses in all | MiB counted |"
    );
    println!("|---|---|--:|--:|--:|--:|--:|--:|--:|");
    for (name, n_items) in [
        ("small lists", 4),
        ("lists of 30", 30),
        ("arrays of 50,000", 50_000),
    ] {
        let mut bed = Bed::new(name, n_items, live_bytes);
        bed.phase("built", |bed, index| bed.replace(index));
        bed.phase("replaced", |bed, index| bed.replace(index * 7919));
        bed.phase("young only", |bed, _| bed.waste());
    }
}

struct Bed {
    vm: Box<Vm>,
    name: &'static str,
    n_items: usize,
    /// An array that names every part of the live data.
    all: Kept,
    n_parts: usize,
    allocated: usize,
}

impl Bed {
    fn new(name: &'static str, n_items: usize, live_bytes: usize) -> Bed {
        let mut vm = Vm::new(Limits {
            memory_bytes: 8 << 30,
            ..Limits::generous()
        });
        let n_parts = live_bytes / (8 * (n_items + 2));
        let all = vm.new_array_of(&vec![NIL; n_parts]).expect("there is memory");
        let all = vm.keep(all);
        Bed {
            vm,
            name,
            n_items,
            all,
            n_parts,
            allocated: 0,
        }
    }

    fn part(&mut self) -> Word {
        self.allocated += 8 * (self.n_items + 1);
        let items = vec![NIL; self.n_items];
        match self.n_items {
            ..100 => self.vm.new_list(0, &items),
            _ => self.vm.new_array_of(&items),
        }
        .expect("there is memory")
    }

    fn replace(&mut self, index: usize) {
        let part = self.part();
        let index = self
            .vm
            .new_int((index % self.n_parts) as i64)
            .expect("it is small");
        let all = self.vm.kept(&self.all);
        self.vm.array_set(all, index, part).expect("it lies in the array");
    }

    fn waste(&mut self) {
        self.part();
    }

    fn phase(&mut self, phase: &str, step: impl Fn(&mut Bed, usize)) {
        self.vm.heap.reset_stats();
        let start = Instant::now();
        for index in 0..self.n_parts {
            step(self, index);
            if self.allocated > NURSERY_BYTES {
                self.allocated = 0;
                self.vm.collect(Extent::Nursery);
            }
        }
        let stats = self.vm.heap.stats();
        let ms = |ns: u64| ns as f64 / 1e6;
        println!(
            "| {} | {phase} | {:.2} | {} | {} | {:.1} | {:.1} | {:.0} | {} |",
            self.name,
            start.elapsed().as_secs_f64(),
            stats.minor,
            stats.major_steps,
            ms(stats.longest_minor_ns),
            ms(stats.longest_major_ns),
            ms(stats.pause_ns),
            self.vm.heap.used_bytes() >> 20
        );
    }
}
