//! Text that means harm: the reader answers soon, and its stack does not notice.

use std::time::{Duration, Instant};

use slp::{ReadLimits, Reading, read_bytes};

use crate::generate::{self, Random};

/// Reads on a stack of 128 KiB, within a time that even a busy machine keeps.
fn check(name: &str, text: Vec<u8>, limits: ReadLimits) -> Reading {
    let name = name.to_owned();
    let reader = std::thread::Builder::new().stack_size(128 << 10);
    let work = move || {
        let start = Instant::now();
        let reading = read_bytes(&text, &limits);
        assert!(
            start.elapsed() < Duration::from_secs(5),
            "{name} took {:?}",
            start.elapsed()
        );
        for fault in &reading.faults {
            let end = fault.span.end as usize;
            assert!(
                fault.span.start <= fault.span.end && end <= text.len(),
                "{name}: {fault:?}"
            );
        }
        for &root in reading.tree.roots() {
            slp::print(&reading.tree, root);
            slp::print_pretty(&reading.tree, root, 80);
        }
        reading
    };
    let thread = reader.spawn(work).expect("the machine has a thread to spare");
    thread.join().expect("the reader does not panic")
}

const MEGABYTE: usize = 1_000_000;

#[test]
fn floods_of_one_piece_are_answered_with_a_fault() {
    let cases: &[(&str, &str)] = &[
        ("(", "slp/too-deep"),
        (")", "slp/stray"),
        ("[", "slp/too-deep"),
        ("{", "slp/too-deep"),
        ("(]", "slp/mismatch"),
        ("([{", "slp/too-deep"),
        ("'", "slp/too-deep"),
        ("' ", "slp/too-deep"),
        (",@", "slp/too-deep"),
        ("#", "slp/too-deep"),
        ("#;", "slp/too-deep"),
        ("#;(", "slp/too-deep"),
        ("#|", "slp/unclosed"),
        ("\0", "slp/control"),
        ("\0 ", "slp/control"),
        ("(\0", "slp/control"),
        ("{:a 1 :a 2}", "slp/duplicate-key"),
        ("{:a", "slp/too-deep"),
        ("99999999999999999999 ", "slp/int-range"),
    ];
    for (piece, code) in cases {
        for length in [40_000, MEGABYTE] {
            let reading = check(
                piece,
                piece.repeat(length / piece.len()).into(),
                ReadLimits::default(),
            );
            let found = reading.faults.iter().any(|fault| fault.code == *code);
            assert!(found, "{piece:?} repeated: {:?}", reading.faults.first());
            assert!(reading.faults.len() <= slp::MAX_FAULTS + 1);
        }
    }
}

#[test]
fn depth_without_a_limit_still_keeps_off_the_stack() {
    let limits = ReadLimits {
        max_depth: u32::MAX,
        ..ReadLimits::default()
    };
    for (open, close) in [("(", ")"), ("'", "x"), ("#;", "x"), ("{", "}"), ("[a ", "b]")] {
        let text = open.repeat(MEGABYTE / 4) + &close.repeat(MEGABYTE / 4);
        check(open, text.into(), limits);
        check(open, open.repeat(MEGABYTE / 4).into(), limits);
    }
    let mixed = "([{'".repeat(MEGABYTE / 8) + &"}".repeat(MEGABYTE / 8) + &")]".repeat(MEGABYTE / 8);
    check("mixed closers", mixed.into(), limits);
}

#[test]
fn atoms_of_a_megabyte_are_read_and_larger_ones_refused() {
    let limits = ReadLimits::default();
    for piece in ["a", "1", "0", "1_", ".", "1.", ":", "é", "|", "0x", "-", "e9"] {
        let text = piece.repeat(MEGABYTE / piece.len());
        let reading = check(piece, text.clone().into(), limits);
        assert_eq!(reading.tree.roots().len(), 1, "{piece:?} repeated is one atom");
        let reading = check(piece, (text.clone() + &text).into(), limits);
        assert_eq!(reading.faults[0].code, "slp/large-atom");
    }
    let digits = format!("0.{}", "7".repeat(MEGABYTE));
    assert!(check("digits", digits.into(), limits).faults.is_empty());
    for piece in ["x", "\\n", "\\x41", "\\u{41}", "é"] {
        let text = format!("\"{}\"", piece.repeat(MEGABYTE / piece.len()));
        assert!(
            check(piece, text.into(), limits).faults.is_empty(),
            "{piece:?} in a string"
        );
    }
    let bad = format!("\"{}\"", "\\q".repeat(MEGABYTE / 2));
    assert_eq!(
        check("escapes", bad.into(), limits).faults.len(),
        slp::MAX_FAULTS + 1
    );
}

#[test]
fn a_map_of_many_keys_is_judged_in_linear_time() {
    let mut text = String::from("{");
    for number in 0..100_000 {
        text.push_str(&format!(":k{number} 1 "));
    }
    assert!(
        check("map", format!("{text}}}").into(), ReadLimits::default())
            .faults
            .is_empty()
    );
    let reading = check("map", format!("{text}:k7 2}}").into(), ReadLimits::default());
    assert_eq!(reading.faults[0].code, "slp/duplicate-key");
}

#[test]
fn a_source_beyond_its_limit_is_refused_unread() {
    let reading = check("large", vec![b' '; (16 << 20) + 1], ReadLimits::default());
    assert_eq!(
        (reading.faults[0].code, reading.tree.len()),
        ("slp/large-source", 0)
    );
}

#[test]
fn limits_of_zero_refuse_everything_and_break_nothing() {
    let limits = ReadLimits {
        max_depth: 0,
        max_bytes: 100,
        max_atom_bytes: 0,
    };
    let mut random = Random::new(17);
    for _ in 0..500 {
        let text = generate::noise(&mut random, 20);
        check("zero", text, limits);
    }
}

#[test]
fn noise_is_always_read_to_its_end() {
    let mut random = Random::new(11);
    for round in 0..20_000 {
        let n_pieces = 1 + random.below(40);
        let text = generate::noise(&mut random, n_pieces);
        let limits = ReadLimits {
            max_depth: 1 + random.next() % 6,
            ..ReadLimits::default()
        };
        let reading = read_bytes(&text, &limits);
        for fault in &reading.faults {
            assert!(
                fault.span.start <= fault.span.end && fault.span.end as usize <= text.len(),
                "round {round}"
            );
        }
        let n_links: usize = (0..reading.tree.len() as u32)
            .map(|node| reading.tree.children(slp::NodeId(node)).len())
            .sum();
        assert_eq!(
            n_links + reading.tree.roots().len(),
            reading.tree.len(),
            "every node stands in one place"
        );
        let closed = [text.as_slice(), b" x"].concat();
        if reading.faults.is_empty() {
            assert!(
                read_bytes(&closed, &limits).faults.is_empty(),
                "more forms do no harm: {text:?}"
            );
            for &root in reading.tree.roots() {
                let back = slp::read(&slp::print(&reading.tree, root), &ReadLimits::default());
                assert!(
                    slp::same(&reading.tree, root, &back.tree, back.tree.roots()[0]),
                    "round {round}: {text:?}"
                );
            }
        }
    }
}
