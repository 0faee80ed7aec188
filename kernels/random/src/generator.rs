//! The generator: xoshiro256** by Blackman and Vigna (public domain, prng.di.unimi.it), seeded through
//! splitmix64.

use std::hash::{BuildHasher, Hasher, RandomState};

/// Four words that are never all zero.
#[derive(Clone, Debug, PartialEq)]
pub struct Generator([u64; 4]);

impl Generator {
    /// What follows from a number.
    pub fn from_seed(seed: i64) -> Generator {
        let mut state = seed as u64;
        Generator(std::array::from_fn(|_| {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            mixed ^ (mixed >> 31)
        }))
    }

    /// What follows from the operating system's chance, which the standard library's hasher keys are made of.
    pub fn by_chance() -> Generator {
        Generator::from_seed(RandomState::new().build_hasher().finish() as i64)
    }

    /// The state as bytes, for the next generation of the kernel.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    /// The generator that was saved as bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Generator> {
        let (words, rest) = bytes.as_chunks::<8>();
        let words: [u64; 4] = words
            .iter()
            .map(|word| u64::from_le_bytes(*word))
            .collect::<Vec<_>>()
            .try_into()
            .ok()?;
        (rest.is_empty() && words != [0; 4]).then_some(Generator(words))
    }

    /// The next 64 bits.
    pub fn next(&mut self) -> u64 {
        let [a, b, c, d] = &mut self.0;
        let result = b.wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let shifted = *b << 17;
        *c ^= *a;
        *d ^= *b;
        *b ^= *c;
        *a ^= *d;
        *c ^= shifted;
        *d = d.rotate_left(45);
        result
    }

    /// A number below a bound, each as likely (Lemire, "Fast Random Integer Generation in an Interval").
    pub fn below(&mut self, bound: u64) -> u64 {
        let mut product = u128::from(self.next()) * u128::from(bound);
        if (product as u64) < bound {
            let threshold = bound.wrapping_neg() % bound;
            while (product as u64) < threshold {
                product = u128::from(self.next()) * u128::from(bound);
            }
        }
        (product >> 64) as u64
    }

    /// An integer of a range, both ends included.
    pub fn between(&mut self, min: i64, max: i64) -> i64 {
        let span = max.wrapping_sub(min) as u64;
        match span.checked_add(1) {
            Some(bound) => min.wrapping_add(self.below(bound) as i64),
            None => self.next() as i64,
        }
    }

    /// A real from 0 up to 1, of 53 bits.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Changes the order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u64 + 1) as usize);
        }
    }
}
