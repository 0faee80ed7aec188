//! Sorting, against what the standard library gives.

use std::cmp::Ordering;

use sup_abi::word::Word;

use super::{Bed, Random, check};

#[test]
fn sorting() {
    check(
        "%sort",
        &[
            ("{3 1 2}", "{1 2 3}"),
            ("(2 1)", "(1 2)"),
            ("{}", "{}"),
            ("nil", "{}"),
            ("{3 1.5 2 -1}", "{-1 1.5 2 3}"),
            ("{\"b\" \"a\" \"ab\"}", "{\"a\" \"ab\" \"b\"}"),
            ("{. :b :a}", "{. :a :b}"),
            ("{b a}", "{a b}"),
            ("{{2 1} {1 2} {1}}", "{{1} {1 2} {2 1}}"),
            ("{1 \"a\"}", "!type/mismatch"),
            ("{true false nil}", "{nil false true}"),
            ("{1 1.0 0.0 -0.0 0}", "{0.0 -0.0 0 1 1.0}"),
            ("{1.0 -0.0 0.0 -1.0}", "{-1.0 -0.0 0.0 1.0}"),
            ("{+nan 1.0 +inf -inf}", "{-inf 1.0 +inf +nan}"),
            ("\"cab\"", "{97 98 99}"),
            ("&{2 1}", "{1 2}"),
            (
                "{9223372036854775807 -9223372036854775808 0}",
                "{-9223372036854775808 0 9223372036854775807}",
            ),
            ("{:a 1}", "{{. :a 1}}"),
            ("{b\"b\" b\"a\"}", "{b\"a\" b\"b\"}"),
            ("5", "!type/mismatch"),
            ("{. :k a}", "!type/mismatch"),
        ],
    );
    check(
        "%sort-by-keys",
        &[
            ("{3 1 2} {. :c :a :b}", "{. :a :b :c}"),
            ("{1 1 0} {. :x :y :z}", "{. :z :x :y}"),
            ("{} {}", "{}"),
            ("{1} {}", "!value/invalid"),
            ("{\"b\" \"a\"} {1 2}", "{2 1}"),
            ("{1.5 0.5} {1 2}", "{2 1}"),
            ("{1.5 1} {1 2}", "{2 1}"),
            ("{. :b :a} {1 2}", "{2 1}"),
            ("{{1} {0}} {1 2}", "{2 1}"),
            ("{1 nil} {1 2}", "{2 1}"),
            ("{1 \"a\"} {1 2}", "!type/mismatch"),
        ],
    );
}

/// An element of each type whose order counts, with a number that tells equal ones apart where anything can.
fn element(bed: &mut Bed, random: &mut Random, sort: usize) -> Word {
    let n = random.below(50) as i64 - 25;
    let text = match sort {
        0 => n.to_string(),
        1 => format!("{:?}", n as f64 / 4.0),
        2 => {
            if n % 2 == 0 {
                n.to_string()
            } else {
                format!("{:?}", n as f64 / 2.0)
            }
        }
        3 => format!(
            "\"{}\"",
            "common ".repeat(n.unsigned_abs() as usize % 3) + &n.to_string()
        ),
        4 => format!(":key{}", n.unsigned_abs()),
        5 => format!("{{{} {}}}", n % 5, n),
        6 => (i64::MAX - n.abs()).to_string(),
        _ => format!("\"{n}\""),
    };
    bed.read(&text)[0]
}

#[test]
fn every_sort_is_stable_and_agrees_with_compare() {
    let mut random = Random(0x5eed);
    let mut bed = Bed::new();
    for sort in 0..8 {
        for len in [1, 2, 7, 8, 9, 16, 17, 100, 1000, 30_000] {
            let keys: Vec<Word> = (0..len).map(|_| element(&mut bed, &mut random, sort)).collect();
            let mut expected: Vec<usize> = (0..len).collect();
            expected.sort_by(|a, b| bed.vm.compare(keys[*a], keys[*b]).expect("they have an order"));
            let list = bed
                .vm
                .new_list(crate::data::BRACE, &keys)
                .expect("there is memory");
            let sorted = bed.call("%sort", &[list]).expect("they have an order");
            let sorted = crate::data::list_items(sorted).expect("it is a list");
            for (word, index) in sorted.iter().zip(&expected) {
                assert_eq!(
                    bed.vm.compare(*word, keys[*index]),
                    Ok(Ordering::Equal),
                    "sort {sort} of {len}"
                );
            }
            let numbers = bed.read(&(0..len).map(|n| format!("{n} ")).collect::<String>());
            let items = bed
                .vm
                .new_list(crate::data::BRACE, &numbers)
                .expect("there is memory");
            let ordered = bed
                .call("%sort-by-keys", &[list, items])
                .expect("they have an order");
            let ordered = crate::data::list_items(ordered).expect("it is a list");
            let expected: Vec<Word> = expected.into_iter().map(|index| numbers[index]).collect();
            assert_eq!(ordered, expected, "sort {sort} of {len}");
        }
    }
}
