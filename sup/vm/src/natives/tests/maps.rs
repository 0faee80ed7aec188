//! Maps and tables.

use super::{Bed, check};

#[test]
fn columns() {
    check(
        "%keys",
        &[
            ("{:a 1 :b 2}", "{. :a :b}"),
            ("nil", "{}"),
            ("%{: \"x\" 1}", "{\"x\"}"),
            ("@{:code :x :data 1}", "{. :code :data}"),
            ("{1}", "!type/mismatch"),
        ],
    );
    check(
        "%vals",
        &[
            ("{:a 1 :b 2}", "{1 2}"),
            ("nil", "{}"),
            ("%{: 1 2}", "{2}"),
            ("5", "!type/mismatch"),
        ],
    );
    check(
        "%entries",
        &[
            ("{:a 1 :b 2}", "{{. :a 1} {. :b 2}}"),
            ("nil", "{}"),
            ("{:}", "{}"),
        ],
    );
}

#[test]
fn merging() {
    check(
        "%merge",
        &[
            ("{:a 1 :b 1} {:b 2 :c 3}", "{:a 1 :b 2 :c 3}"),
            ("", "{:}"),
            ("nil nil", "{:}"),
            ("nil {:a 1} nil", "{:a 1}"),
            ("{:a 1} %{:b 2}", "{:a 1 :b 2}"),
            ("{:a 1} 5", "!type/mismatch"),
            ("%{:a 1}", "{:a 1}"),
            ("{:} {:a 1}", "{:a 1}"),
        ],
    );
    let mut bed = Bed::new();
    let big = bed.read(&format!(
        "{{: {}}}",
        (0..1000).map(|n| format!("{n} {n} ")).collect::<String>()
    ))[0];
    for small in ["{: 5 :five 2000 :new}", "{:a 1}"] {
        let more = bed.read(small)[0];
        for order in [[big, more], [more, big]] {
            let merged = bed.call("%merge", &order).expect("they are maps");
            let keys = bed.read("5 :a 2000 999");
            for key in keys {
                let there = bed.call("%get", &[order[1], key]).expect("it is a map");
                let expected = if there == sup_abi::word::NIL {
                    bed.call("%get", &[order[0], key]).expect("it is a map")
                } else {
                    there
                };
                assert_eq!(bed.call("%get", &[merged, key]), Ok(expected));
            }
        }
    }
}

#[test]
fn building() {
    check(
        "%map-from",
        &[
            ("{{. :a 1} {. :b 2} {. :a 3}}", "{:a 3 :b 2}"),
            ("{:a 1}", "{:a 1}"),
            ("%{:a 1}", "{:a 1}"),
            ("nil", "{:}"),
            ("{{1}}", "!type/mismatch"),
            ("{1}", "!type/mismatch"),
            ("{{&{} 1}}", "!map/key"),
            ("&{(1 2)}", "{: 1 2}"),
        ],
    );
    check(
        "%zipmap",
        &[
            ("{. :a :b} {1 2 3}", "{:a 1 :b 2}"),
            ("{} {1}", "{:}"),
            ("{1 1} {2 3}", "{: 1 3}"),
        ],
    );
    check(
        "%select-keys",
        &[
            ("{:a 1 :b nil :c 3} {. :c :b :x}", "{:c 3 :b nil}"),
            ("nil {1}", "{:}"),
            ("%{:a 1} {. :a}", "{:a 1}"),
        ],
    );
    check("%map-invert", &[("{:a 1 :b 1}", "{: 1 :b}"), ("nil", "{:}")]);
    check(
        "%group-pairs",
        &[
            ("{true false true} {1 2 3}", "{: true {1 3} false {2}}"),
            ("{} {}", "{:}"),
            ("{1} {}", "{:}"),
            ("{1 2 1} {:a 5}", "{: 1 {{. :a 5}}}"),
            ("{&{}} {1}", "!map/key"),
        ],
    );
}

#[test]
fn tables_change_in_place() {
    check(
        "%table-from",
        &[
            ("{:a 1}", "%{:a 1}"),
            ("{{1 2}}", "%{: 1 2}"),
            ("%{:a 1}", "%{:a 1}"),
            ("nil", "%{:}"),
            ("{1}", "!type/mismatch"),
        ],
    );
    check(
        "%table-get",
        &[
            ("%{:a 1} :a", "1"),
            ("%{:a 1} :b", "nil"),
            ("%{:a 1} :b 0", "0"),
            ("%{:a nil} :a 0", "nil"),
            ("{:a 1} :a", "!type/mismatch"),
        ],
    );
    check(
        "%table-set",
        &[
            ("%{:a 1} :a 2", "%{:a 2}"),
            ("%{:} \"k\" 2", "%{: \"k\" 2}"),
            ("%{:} &{} 2", "!map/key"),
        ],
    );
    check(
        "%table-remove",
        &[("%{:a 1 :b 2} :a", "%{:b 2}"), ("%{:a 1} :x", "%{:a 1}")],
    );
    check(
        "%table-has?",
        &[("%{:a nil} :a", "true"), ("%{:a nil} :b", "false")],
    );
    check(
        "%table-add",
        &[
            ("%{:} :a 2", "2"),
            ("%{:a 3} :a 2", "5"),
            ("%{:a 1} :a 0.5", "1.5"),
            ("%{:a 9223372036854775807} :a 1", "!alu/overflow"),
            ("%{:a \"x\"} :a 1", "!type/mismatch"),
            ("%{:} :a :b", "!type/mismatch"),
            ("%{:a 2305843009213693951} :a 1", "2305843009213693952"),
        ],
    );
    check("%table-push", &[("%{:a 1} :a 2", "!type/mismatch")]);
    check("%table-clear", &[("%{:a 1}", "%{:}")]);
    check("%table-copy", &[("%{:a 1}", "%{:a 1}")]);
    check("%table-map", &[("%{:a 1}", "{:a 1}"), ("%{:}", "{:}")]);
    let mut bed = Bed::new();
    let words = bed.read("%{:} :a 1 2");
    for item in &words[2..] {
        assert_eq!(
            bed.call("%table-push", &[words[0], words[1], *item]),
            Ok(words[0])
        );
    }
    let frozen = bed.call("%freeze", &[words[0]]).expect("it has no cycle");
    assert_eq!(bed.show(frozen), "{:a {1 2}}");
    bed.call("%table-map", &[words[0]]).expect("it is a table");
    assert_eq!(bed.show(words[0]), "%{:}");
}
