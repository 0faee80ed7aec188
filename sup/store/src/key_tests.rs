//! Tests of keys: order, round trips, and bytes that are no keys.

use super::*;
use std::cmp::Ordering;

const REALS: [f64; 13] = [
    f64::NEG_INFINITY,
    f64::MIN,
    -1.5,
    -1.0,
    -f64::MIN_POSITIVE,
    -0.0,
    0.0,
    5e-324,
    0.5,
    1.0,
    1.5,
    f64::MAX,
    f64::INFINITY,
];
const STRINGS: [&str; 10] = ["", "\0", "\0\0", "\0a", "a", "a\0", "a\0b", "aa", "b", "ä"];

fn ints() -> Vec<i64> {
    let mut ints = vec![0, i64::MIN, i64::MIN + 1, i64::MAX];
    for shift in 0..63 {
        for near in [-1, 0, 1] {
            ints.extend([(1_i64 << shift) + near, -(1_i64 << shift) + near]);
        }
    }
    ints
}

fn order(left: &Part<'_>, right: &Part<'_>) -> Ordering {
    fn rank(part: &Part<'_>) -> u8 {
        match part {
            Part::Bytes(_) => 0,
            Part::String(_) => 1,
            Part::Int(_) => 2,
            Part::Real(_) => 3,
            Part::Bool(_) => 4,
        }
    }
    match (left, right) {
        (Part::Bytes(left), Part::Bytes(right)) => left.cmp(right),
        (Part::String(left), Part::String(right)) => left.cmp(right),
        (Part::Int(left), Part::Int(right)) => left.cmp(right),
        (Part::Real(left), Part::Real(right)) => left.total_cmp(right),
        (Part::Bool(left), Part::Bool(right)) => left.cmp(right),
        _ => rank(left).cmp(&rank(right)),
    }
}

fn samples() -> Vec<Part<'static>> {
    let mut samples: Vec<Part<'static>> = Vec::new();
    samples.extend(STRINGS.iter().map(|text| Part::Bytes(text.as_bytes().into())));
    samples.push(Part::Bytes((&[0xff, 0x00, 0xff]).into()));
    samples.extend(STRINGS.iter().map(|&text| Part::String(text.into())));
    samples.extend(ints().into_iter().map(Part::Int));
    samples.extend(REALS.map(Part::Real));
    samples.extend([Part::Real(f64::NAN), Part::Real(-f64::NAN)]);
    samples.extend([Part::Bool(false), Part::Bool(true)]);
    samples
}

#[test]
fn keys_sort_as_their_parts() {
    let samples = samples();
    for left in &samples {
        for right in &samples {
            let left_key = Tuple::new().part(left);
            let right_key = Tuple::new().part(right);
            assert_eq!(left_key.cmp(&right_key), order(left, right), "{left:?} {right:?}");
        }
    }
}

#[test]
fn the_first_differing_part_decides() {
    let mut keys = Vec::new();
    for text in STRINGS {
        for int in [-300, -1, 0, 7, 1 << 40] {
            keys.push((text, int, Tuple::new().string(text).int(int)));
        }
    }
    for (left_text, left_int, left) in &keys {
        for (right_text, right_int, right) in &keys {
            assert_eq!(
                left.cmp(right),
                (left_text, left_int).cmp(&(right_text, right_int))
            );
        }
    }
}

#[test]
fn every_part_comes_back_with_its_bits() {
    for sample in samples() {
        let key = Tuple::new().part(&sample).part(&Part::Bool(true)).into_bytes();
        let parsed = parse(&key).unwrap();
        assert_eq!(parsed.len(), 2);
        assert_eq!(order(&parsed[0], &sample), Ordering::Equal);
        assert_eq!(Tuple::new().part(&parsed[0]).part(&parsed[1]).into_bytes(), key);
    }
}

#[test]
fn plain_strings_are_borrowed_when_parsed() {
    let key = Tuple::new().string("plain").into_bytes();
    assert!(matches!(
        parse(&key).unwrap()[0],
        Part::String(Cow::Borrowed("plain"))
    ));
}

#[test]
fn every_truncation_is_an_error_or_fewer_parts() {
    let key = Tuple::new()
        .string("a\0b")
        .int(-70_000)
        .real(2.5)
        .bytes(b"\0\xff")
        .into_bytes();
    for n_bytes in 0..key.len() {
        let cut = &key[..n_bytes];
        if let Ok(parts) = parse(cut) {
            let rebuilt = parts.iter().fold(Tuple::new(), |tuple, part| tuple.part(part));
            assert_eq!(rebuilt.as_bytes(), cut);
        }
    }
}

#[test]
fn random_bytes_parse_only_to_what_they_were_built_from() {
    let mut state = 1_u64;
    for _ in 0..200_000 {
        let mut bytes = Vec::new();
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        for shift in 0..(state >> 60) {
            bytes.push((state >> (8 + shift * 3)) as u8 & 0x3f);
        }
        if let Ok(parts) = parse(&bytes) {
            let rebuilt = parts.iter().fold(Tuple::new(), |tuple, part| tuple.part(part));
            assert_eq!(rebuilt.as_bytes(), bytes);
        }
    }
}

#[test]
fn bytes_that_are_no_key_are_refused_with_their_place() {
    let cases: [(&[u8], &str); 9] = [
        (b"\x00", "an unknown tag"),
        (b"\xff", "an unknown tag"),
        (b"\x02abc", "a part is cut short"),
        (b"\x02\xff\xfe\x00", "a string is not UTF-8"),
        (b"\x15\x00", "an integer is longer than it need be"),
        (b"\x16\x00\x05", "an integer is longer than it need be"),
        (b"\x13\xff", "an integer is longer than it need be"),
        (
            b"\x1c\xff\xff\xff\xff\xff\xff\xff\xff",
            "an integer has more than 64 bits",
        ),
        (b"\x21\x00", "a part is cut short"),
    ];
    for (bytes, expected) in cases {
        match parse(bytes) {
            Err(StoreError::Key { detail, .. }) => assert_eq!(detail, expected, "{bytes:?}"),
            other => panic!("{bytes:?}: {other:?}"),
        }
    }
}

#[test]
fn a_prefix_range_holds_exactly_the_keys_with_that_prefix() {
    let cases: [(&[u8], &[u8], bool); 7] = [
        (b"a", b"a", true),
        (b"a", b"a\xff\xff", true),
        (b"a", b"b", false),
        (b"a\xff", b"a\xff\x00", true),
        (b"a\xff", b"b", false),
        (b"\xff\xff", b"\xff\xff\xff", true),
        (b"", b"", true),
    ];
    for (prefix, key, is_inside) in cases {
        assert_eq!(
            KeyRange::prefix(prefix).contains(key),
            is_inside,
            "{prefix:?} {key:?}"
        );
    }
    let names = Tuple::new().string("t").strings_from("util/");
    assert!(names.contains(Tuple::new().string("t").string("util/sum").as_bytes()));
    assert!(!names.contains(Tuple::new().string("t").string("util").as_bytes()));
    assert!(!names.contains(Tuple::new().string("t").string("utim").as_bytes()));
}

#[test]
fn tenants_have_printable_names() {
    assert_eq!(Tenant::new("ada").unwrap().name(), "ada");
    for name in ["", "a\nb", &"x".repeat(129)] {
        assert_eq!(Tenant::new(name).unwrap_err().code(), "store/name");
    }
}
