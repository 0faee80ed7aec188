//! Random numbers and sample data that several tests share.
#![allow(dead_code)]

use slp::Span;
use sup_code::{Flat, FlatBuilder};

/// A linear congruential generator: tests must be the same on every run.
pub struct Lcg(pub u64);

impl Lcg {
    pub fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    pub fn wide(&mut self) -> u64 {
        (self.next() << 33) ^ self.next()
    }
}

const NAMES: [&str; 6] = ["a", "b", "store:key", "geo/point", "λ", ""];

/// A random flat of every sort of node.
pub fn random_flat(random: &mut Lcg) -> Flat {
    let mut builder = FlatBuilder::new();
    let mut waiting: u32 = 1;
    while waiting > 0 {
        waiting -= 1;
        let name = NAMES[random.below(NAMES.len())];
        let room = if builder.n_nodes() < 40 {
            random.below(4) as u32
        } else {
            0
        };
        let sort = if room == 0 {
            random.below(10)
        } else {
            10 + random.below(6)
        };
        match sort {
            0 => builder.nil(),
            1 => builder.boolean(random.below(2) == 1),
            2 => builder.int((random.wide() >> random.below(64)) as i64),
            3 => builder.real(f64::from_bits(random.wide())),
            4 => builder.text(name),
            5 => builder.bytes(&random.wide().to_le_bytes()[..random.below(9)]),
            6 => builder.symbol(name),
            7 => builder.keyword(name),
            8 => builder.path(name),
            9 => builder.primitive(name),
            10 | 11 => {
                let start = random.below(70_000) as u32;
                let span = Span {
                    start,
                    end: start + random.below(300) as u32,
                };
                builder.list(random.below(3) as u8, room, (sort == 11).then_some(span));
                waiting += room;
            }
            12 => {
                builder.map(room);
                waiting += 2 * room;
            }
            13 => {
                builder.error();
                builder.map(room);
                waiting += 2 * room;
            }
            14 => {
                builder.instance(name, room);
                waiting += room;
            }
            _ => {
                builder.closure([room as u8; 32], random.next() as u32, room);
                builder.prefix(random.below(7) as u8);
                waiting += room;
            }
        }
    }
    builder.finish()
}

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The other way round; blanks do not count.
pub fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let digit = |byte: u8| (byte as char).to_digit(16).expect("a hexadecimal digit") as u8;
    digits
        .chunks(2)
        .map(|pair| digit(pair[0]) * 16 + digit(pair[1]))
        .collect()
}
