//! The binary form of values: golden bytes, hostile bytes, canonical or refused.

mod sample;

use sample::{Lcg, hex, random_flat, unhex};
use slp::Span;
use sup_code::wire::{self, Part, Place, WireFault};
use sup_code::{Event, Flat, FlatBuilder, FlatNode, Reader, WireLimits};

const LIMITS: WireLimits = WireLimits::STANDARD;
const HEAD: &str = "f5736c76 01";

fn flat(build: impl FnOnce(&mut FlatBuilder)) -> Flat {
    let mut builder = FlatBuilder::new();
    build(&mut builder);
    builder.finish()
}

fn everything() -> Flat {
    flat(|b| {
        b.list(2, 9, None);
        b.map(2);
        b.keyword("k");
        b.int(-1);
        b.text("k");
        b.real(-0.0);
        b.list(0, 2, Some(Span { start: 3, end: 300 }));
        b.symbol("k");
        b.path("mem:x");
        b.error();
        b.map(1);
        b.keyword("code");
        b.keyword("alu/overflow");
        b.instance("geo/point", 2);
        b.real(1.5);
        b.nil();
        b.prefix(0);
        b.list(1, 0, None);
        b.primitive("alu/add");
        b.closure([7; 32], 2, 1);
        b.bytes(&[0, 255]);
        b.boolean(true);
        b.int(i64::MIN);
    })
}

fn golden() -> Vec<(&'static str, Flat, &'static str)> {
    vec![
        ("nil", flat(|b| b.nil()), "00 01 00"),
        ("false", flat(|b| b.boolean(false)), "00 01 01 00"),
        ("true", flat(|b| b.boolean(true)), "00 01 01 01"),
        ("zero", flat(|b| b.int(0)), "00 01 02 00"),
        ("minus one", flat(|b| b.int(-1)), "00 01 02 01"),
        ("last of one byte", flat(|b| b.int(125)), "00 01 02 fa"),
        ("first of three bytes", flat(|b| b.int(-126)), "00 01 02 fb fb00"),
        ("first of five bytes", flat(|b| b.int(32768)), "00 01 02 fc 00000100"),
        ("largest", flat(|b| b.int(i64::MAX)), "00 01 02 fd feffffffffffffff"),
        ("smallest", flat(|b| b.int(i64::MIN)), "00 01 02 fd ffffffffffffffff"),
        ("one and a half", flat(|b| b.real(1.5)), "00 01 03 000000000000f83f"),
        ("minus zero", flat(|b| b.real(-0.0)), "00 01 03 0000000000000080"),
        ("any NaN", flat(|b| b.real(f64::from_bits(u64::MAX))), "00 01 03 000000000000f87f"),
        ("string", flat(|b| b.text("aλ")), "00 01 04 03 61cebb"),
        ("bytes", flat(|b| b.bytes(&[0, 255])), "00 01 05 02 00ff"),
        ("symbol", flat(|b| b.symbol("ab")), "01 02 6162 01 06 00"),
        ("keyword", flat(|b| b.keyword("k")), "01 01 6b 01 07 00"),
        ("path", flat(|b| b.path("m:x")), "01 03 6d3a78 01 08 00"),
        ("empty list", flat(|b| b.list(2, 0, None)), "00 01 09 02 00 00"),
        ("list with a span", flat(|b| b.list(0, 0, Some(Span { start: 1, end: 300 }))), "00 01 09 00 00 01 01 fb2c01"),
        ("prefix", flat(|b| { b.prefix(6); b.nil() }), "00 02 0d 06 00"),
        ("primitive", flat(|b| b.primitive("p")), "01 01 70 01 0e 00"),
        (
            "everything",
            everything(),
            "06 016b 056d656d3a78 04636f6465 0c616c752f6f766572666c6f77 0967656f2f706f696e74 07616c752f616464 17
             090209000a020700020104016b03000000000000008009000201 03fb2c01 0600 0801 0b0a0107020703 0c0402 03000000000000f83f
             00 0d00 09010000 0e05 0f0707070707070707070707070707070707070707070707070707070707070707 02 01 0502 00ff 0101
             02fdffffffffffffffff",
        ),
    ]
}

#[test]
fn golden_bytes_do_not_change() {
    for (name, flat, expected) in golden() {
        let expected = unhex(&format!("{HEAD}{expected}"));
        let bytes = wire::encode(&flat);
        assert_eq!(hex(&bytes), hex(&expected), "{name}");
        let back = wire::decode(&bytes, &LIMITS).unwrap();
        assert_eq!(hex(&wire::encode(&back)), hex(&expected), "{name}");
        assert_eq!(flat.check(&LIMITS), Ok(()), "{name}");
    }
}

#[test]
fn the_hash_is_that_of_blake3() {
    let expected = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";
    assert_eq!(hex(&wire::hash(b"")), expected);
}

fn check_refused(name: &str, payload: &str, fault: WireFault) {
    let bytes = unhex(&format!("{HEAD}{payload}"));
    match wire::decode(&bytes, &LIMITS) {
        Ok(flat) => panic!("{name}: read as {flat:?}"),
        Err(error) => assert_eq!(error.fault, fault, "{name}: {error}"),
    }
}

use WireFault::{
    ErrorWithoutMap, LongNumber, MissingChild, NameOrder, NameTwice, NameUnused, NoNode, SecondRoot,
    TooLarge, TrailingBytes, Truncated, WrongNan, WrongNumber, WrongSpan, WrongTag, WrongUtf8,
};

const REFUSED: &[(&str, &str, WireFault)] = &[
    ("no node", "00 00", NoNode),
    ("two roots", "00 02 00 00", SecondRoot),
    ("trailing byte", "00 01 00 00", TrailingBytes),
    (
        "unknown node",
        "00 01 10",
        WrongTag {
            part: Part::Node,
            found: 16,
        },
    ),
    (
        "boolean 2",
        "00 01 01 02",
        WrongTag {
            part: Part::Bool,
            found: 2,
        },
    ),
    ("long count", "fb0000 01 00", LongNumber),
    ("long integer", "00 01 02 fb0200", LongNumber),
    ("long 5-byte integer", "00 01 02 fcff000000", LongNumber),
    ("long zero", "00 01 02 fd0000000000000000", LongNumber),
    (
        "integer of 128 bits",
        "00 01 02 fe00000000000000000000000000000000",
        WrongNumber,
    ),
    ("reserved width", "00 01 02 ff", WrongNumber),
    (
        "index of 64 bits",
        "01 0161 01 06 fd0000000000000000",
        WrongNumber,
    ),
    ("another NaN", "00 01 03 010000000000f87f", WrongNan),
    ("negative NaN", "00 01 03 000000000000f8ff", WrongNan),
    ("string not UTF-8", "00 01 04 01 ff", WrongUtf8),
    ("name not UTF-8", "01 01 ff 01 06 00", WrongUtf8),
    ("name twice", "02 0161 0161 03 09000200 0600 0601", NameTwice),
    ("name unused", "02 0161 0162 01 0600", NameUnused),
    ("name not there", "01 0161 01 0601", NameOrder),
    (
        "names out of order",
        "02 0161 0162 03 09000200 0601 0600",
        NameOrder,
    ),
    (
        "list kind 3",
        "00 01 09 03 00 00",
        WrongTag {
            part: Part::ListKind,
            found: 3,
        },
    ),
    (
        "prefix 7",
        "00 02 0d 07 00",
        WrongTag {
            part: Part::PrefixKind,
            found: 7,
        },
    ),
    (
        "span mark 2",
        "00 01 09 00 00 02",
        WrongTag {
            part: Part::SpanMark,
            found: 2,
        },
    ),
    ("span backwards", "00 01 09 00 00 01 02 01", WrongSpan),
    ("missing child", "00 02 09 00 02 00 00", MissingChild),
    ("missing value", "00 02 0a 01 00", MissingChild),
    ("2^32 children", "00 01 09 00 fcffffffff 00", MissingChild),
    ("error without map", "00 02 0b 00", ErrorWithoutMap),
    ("string beyond the end", "00 01 04 05 61", Truncated),
    ("huge string", "00 01 04 fc00000004 61", Truncated),
    (
        "string of 2^63 bytes",
        "00 01 04 fd0000000000000080",
        TooLarge {
            part: Part::Bytes,
            limit: LIMITS.max_bytes,
        },
    ),
    (
        "2^40 nodes",
        "00 fd0000000000010000",
        TooLarge {
            part: Part::Node,
            limit: LIMITS.max_nodes,
        },
    ),
    ("more nodes than bytes", "00 fb0001 00", Truncated),
    ("more names than bytes", "fb0001 00", Truncated),
];

#[test]
fn what_is_not_canonical_is_refused() {
    for (name, payload, fault) in REFUSED {
        check_refused(name, payload, *fault);
    }
}

#[test]
fn other_magic_and_other_versions_are_told_apart() {
    let bytes = wire::encode(&flat(|b| b.nil()));
    let mut other = bytes.clone();
    other[4] = 9;
    let error = wire::decode(&other, &LIMITS).unwrap_err();
    assert_eq!(
        (error.fault, error.code()),
        (WireFault::WrongVersion { found: 9, known: 1 }, "wire/version")
    );
    other[0] = b'(';
    let error = wire::decode(&other, &LIMITS).unwrap_err();
    assert_eq!(
        (error.fault, error.place),
        (WireFault::WrongMagic, Place::Byte(0))
    );
    assert_eq!(error.to_string(), "the bytes are not of this kind at byte 0");
}

#[test]
fn the_limit_on_depth_holds() {
    let nested = |depth: u32| {
        flat(|b| {
            (1..depth).for_each(|_| b.prefix(0));
            b.nil();
        })
    };
    let decode =
        |flat: &Flat, limits: WireLimits| wire::decode(&wire::encode(flat), &limits).map_err(|e| e.fault);
    let shallow = WireLimits {
        max_depth: 100,
        ..LIMITS
    };
    assert!(decode(&nested(100), shallow).is_ok());
    assert_eq!(
        decode(&nested(101), shallow),
        Err(TooLarge {
            part: Part::Depth,
            limit: 100
        })
    );
    assert!(nested(101).check(&shallow).is_err());
}

#[test]
fn the_limits_on_names_and_sizes_hold() {
    let decode =
        |flat: &Flat, limits: WireLimits| wire::decode(&wire::encode(flat), &limits).map_err(|e| e.fault);
    let two = flat(|b| {
        b.list(0, 2, None);
        b.symbol("long");
        b.symbol("b");
    });
    assert_eq!(
        decode(
            &two,
            WireLimits {
                max_nodes: 2,
                ..LIMITS
            }
        ),
        Err(TooLarge {
            part: Part::Node,
            limit: 2
        })
    );
    assert_eq!(
        decode(
            &two,
            WireLimits {
                max_names: 1,
                ..LIMITS
            }
        ),
        Err(TooLarge {
            part: Part::Name,
            limit: 1
        })
    );
    let short = WireLimits {
        max_name_bytes: 3,
        ..LIMITS
    };
    assert_eq!(
        decode(&two, short),
        Err(TooLarge {
            part: Part::NameBytes,
            limit: 3
        })
    );
    let small = WireLimits {
        max_bytes: 10,
        ..LIMITS
    };
    assert_eq!(
        decode(&two, small),
        Err(TooLarge {
            part: Part::Input,
            limit: 10
        })
    );
}

#[test]
fn nesting_does_not_touch_the_stack() {
    let depth = 3_000_000;
    let deep = flat(|b| {
        (1..depth).for_each(|_| b.list(0, 1, None));
        b.nil();
    });
    let bytes = wire::encode(&deep);
    assert!(wire::decode(&bytes, &LIMITS).is_err());
    let back = wire::decode(
        &bytes,
        &WireLimits {
            max_depth: depth,
            ..LIMITS
        },
    )
    .unwrap();
    assert_eq!(Reader::new(&back).count(), 2 * depth as usize - 1);
}

#[test]
fn random_values_come_back_as_they_were() {
    let mut random = Lcg(1);
    for round in 0..2000 {
        let flat = random_flat(&mut random);
        assert_eq!(flat.check(&LIMITS), Ok(()), "round {round}: {flat:?}");
        let bytes = wire::encode(&flat);
        let back = wire::decode(&bytes, &LIMITS).unwrap();
        assert_eq!(wire::encode(&back), bytes, "round {round}");
        assert_eq!(back.names, flat.names);
        assert_eq!(back.nodes.len(), flat.nodes.len());
    }
}

/// What is accepted must be well-formed and encode to the very bytes.
fn check_hostile(bytes: &[u8]) -> bool {
    let Ok(flat) = wire::decode(bytes, &LIMITS) else {
        return false;
    };
    assert_eq!(flat.check(&LIMITS), Ok(()), "{}", hex(bytes));
    assert_eq!(wire::encode(&flat), bytes, "{}", hex(bytes));
    true
}

#[test]
fn every_truncation_of_every_golden_value_is_refused() {
    for (name, flat, _) in golden() {
        let bytes = wire::encode(&flat);
        for n_bytes in 0..bytes.len() {
            assert!(!check_hostile(&bytes[..n_bytes]), "{name} cut to {n_bytes}");
        }
    }
}

#[test]
fn every_bit_flip_is_refused_or_canonical() {
    for (_, flat, _) in golden() {
        let bytes = wire::encode(&flat);
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let accepted = check_hostile(&flipped);
            assert!(!accepted || bit >= 40, "a flip in the head was accepted");
        }
    }
}

#[test]
fn random_damage_is_refused_or_canonical() {
    let mut random = Lcg(2);
    for _ in 0..20_000 {
        let mut bytes = wire::encode(&random_flat(&mut random));
        for _ in 0..=random.below(3) {
            let place = 5 + random.below(bytes.len() - 5);
            match random.below(3) {
                0 => bytes[place] = random.next() as u8,
                1 => drop(bytes.remove(place)),
                _ => bytes.insert(place, random.next() as u8),
            }
            if bytes.len() < 6 {
                break;
            }
        }
        check_hostile(&bytes);
    }
}

#[test]
fn the_walk_opens_and_closes_in_order() {
    let flat = flat(|b| {
        b.list(0, 2, None);
        b.list(1, 0, None);
        b.prefix(0);
        b.int(1);
    });
    let nodes = &flat.nodes;
    let steps: Vec<_> = Reader::new(&flat).collect();
    let expected = [
        Event::Open(&nodes[0]),
        Event::Open(&nodes[1]),
        Event::Close(&nodes[1]),
        Event::Open(&nodes[2]),
        Event::Leaf(&nodes[3]),
        Event::Close(&nodes[2]),
        Event::Close(&nodes[0]),
    ];
    assert_eq!(steps, expected);
    assert_eq!(flat.children(0).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(flat.children(2).collect::<Vec<_>>(), [3]);
    assert_eq!(flat.subtree_end(0), 4);
}

#[test]
fn a_walk_through_a_broken_flat_ends() {
    let broken = Flat {
        names: vec![],
        nodes: vec![FlatNode::Map { n_pairs: u32::MAX }, FlatNode::Nil],
    };
    assert_eq!(Reader::new(&broken).count(), 2);
    assert_eq!(broken.children(0).count(), 1);
    assert_eq!(broken.check(&LIMITS).unwrap_err().fault, WireFault::MissingChild);
}

#[test]
fn a_node_stays_small() {
    assert!(size_of::<FlatNode>() <= 48);
}
