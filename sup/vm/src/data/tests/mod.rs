//! Tests of the values: against models from the standard library, across collections, in stress.

mod casts;
mod equality;
mod flats;
mod lists;
mod maps;
mod memory;
mod numbers;
mod records;
mod shown;
mod tables;
mod texts;

use sup_abi::word::{NIL, Word};

use crate::collect::{Extent, Roots};
use crate::error::Raise;
use crate::vm::Vm;

/// A machine and words that it keeps across collections.
struct Bed {
    vm: Box<Vm>,
    kept: Box<[Word]>,
    keys: Keys,
}

/// Which keys a test uses.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keys {
    /// Of many types, in any order.
    Mixed,
    /// Integers, mostly one after another.
    Following,
}

impl Bed {
    fn new(n_kept: usize) -> Bed {
        Bed {
            vm: Vm::for_tests(),
            kept: vec![NIL; n_kept].into_boxed_slice(),
            keys: Keys::Mixed,
        }
    }

    /// The same with keys that mostly follow one another.
    fn with_following_keys(mut self) -> Bed {
        self.keys = Keys::Following;
        self
    }

    /// The number of the key to do something with next, of `n_keys`, when these are there in their order.
    fn pick(&self, random: &mut Random, there: &[(usize, i64)], n_keys: usize) -> usize {
        let (first, last) = match (there.first(), there.last()) {
            (Some((first, _)), Some((last, _))) if self.keys == Keys::Following => (*first, *last),
            _ => return random.below(n_keys),
        };
        match random.below(300) {
            0 => random.below(n_keys),
            1..40 => first,
            40..80 => last,
            _ => (last + 1) % n_keys,
        }
    }

    /// A machine whose every allocation asks for a collection.
    fn stressed(n_kept: usize) -> Bed {
        let mut bed = Bed::new(n_kept);
        bed.vm.heap.set_stress();
        bed
    }

    fn collect(&mut self, extent: Extent) {
        let mut roots = Roots::default();
        roots.add(self.kept.as_mut_ptr(), self.kept.len());
        self.vm.heap.collect(&roots, extent);
    }

    /// Runs something and gives the code of the error that it raises.
    fn code_of<T>(&mut self, run: impl FnOnce(&mut Vm) -> Result<T, Raise>) -> String {
        let Err(raise) = run(&mut self.vm) else {
            return "nothing".to_owned();
        };
        let error = self.vm.take_error(raise);
        let code = super::error_field(error, crate::error::field::CODE).expect("an error was raised");
        self.vm.repr(code)
    }

    fn str(&mut self, text: &str) -> Word {
        self.vm.new_str(text).expect("there is memory")
    }

    fn int(&mut self, value: i64) -> Word {
        self.vm.new_int(value).expect("there is memory")
    }

    fn real(&mut self, value: f64) -> Word {
        self.vm.new_real(value).expect("there is memory")
    }

    fn list(&mut self, items: &[Word]) -> Word {
        self.vm.new_list(super::BRACE, items).expect("there is memory")
    }

    fn map(&mut self, pairs: &[Word]) -> Word {
        self.vm
            .new_map(pairs)
            .expect("the keys differ and there is memory")
    }
}

/// A generator of numbers that is the same in each run (xorshift).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}

/// A key for each number, made anew each time.
fn key_of(bed: &mut Bed, number: usize) -> Word {
    if bed.keys == Keys::Following {
        return bed.int(number as i64 - 5);
    }
    match number % 8 {
        0 => bed.int(number as i64),
        1 => bed.str(&format!("k{number}")),
        2 => bed.str(&format!("a key that is long enough to be an object: {number}")),
        3 => bed.int(i64::MAX - number as i64),
        4 => {
            let parts = [bed.int(number as i64), bed.str("a part of the key")];
            bed.list(&parts)
        }
        5 => bed.real(number as f64 + 0.5),
        6 => crate::error::keyword(&format!("key-{number}")),
        _ => {
            let pair = [bed.str("under a key"), bed.int(number as i64)];
            bed.map(&pair)
        }
    }
}
