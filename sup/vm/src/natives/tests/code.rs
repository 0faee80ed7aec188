//! What compiled code calls, error values, and what is known of functions.

use sup_abi::word::NIL;

use super::{Bed, check};
use crate::primitives;

#[test]
fn asserting_and_throwing() {
    check(
        "%assert",
        &[
            ("1", "nil"),
            ("true \"no\"", "nil"),
            ("false", "!assert/failed"),
            ("0 \"zero\"", "!assert/failed"),
            ("nil nil", "!assert/failed"),
        ],
    );
    check(
        "%throw",
        &[("@{:code :app/x}", "!app/x"), ("42", "!error/raised")],
    );
    let mut bed = Bed::new();
    assert_eq!(bed.answer("%assert", "0 \"zero is false\""), "!assert/failed");
    assert_eq!(bed.message(), "zero is false");
    bed.answer("%throw", "{1 2}");
    let data = crate::data::error_field(bed.vm.pending, crate::error::field::DATA).expect("it was raised");
    assert_eq!(bed.show(data), "{1 2}");
}

#[test]
fn casting() {
    check(
        "%cast",
        &[
            (":any 5", "5"),
            (":int 2.9", "2"),
            (":real 2", "2.0"),
            (":int true", "1"),
            (":int? nil", "nil"),
            (":integer 1", "!type/unknown"),
            ("\"int\" 1", "!type/mismatch"),
            (":nowhere/point {1}", "!type/unknown"),
        ],
    );
}

#[test]
fn messages_of_errors() {
    check(
        "%error-message",
        &[
            ("@{:code :app/x :message \"m\"}", "\"m\""),
            ("@{:code :app/x}", "\"app/x\""),
            ("@(not found)", "\"(not found)\""),
            ("@{:message 5}", "\"5\""),
            ("5", "!type/mismatch"),
        ],
    );
    check(
        "%error",
        &[
            (":app/x", "@{:code :app/x}"),
            (":app/x \"m\" {1 2}", "@{:code :app/x :message \"m\" :data {1 2}}"),
            ("\"x\"", "!type/mismatch"),
            (":x 5", "!type/mismatch"),
            (":x nil 5", "@{:code :x :data 5}"),
        ],
    );
    let mut bed = Bed::new();
    let words = bed.read(":outer \"o\" nil @{:code :inner}");
    let error = bed.call("%error", &words).expect("it is well formed");
    let cause = bed.read(":cause")[0];
    assert_eq!(bed.call("%get", &[error, cause]), Ok(words[3]));
}

#[test]
fn patterns() {
    check(
        "%match-key?",
        &[
            ("{:a nil} :a", "true"),
            ("{:a 1} :b", "false"),
            ("@{:code :x} :code", "true"),
            ("@{:code :x} :message", "false"),
            ("5 :a", "false"),
            ("%{:a 1} :a", "false"),
            ("nil :a", "false"),
            ("{1} 0", "false"),
            ("{:a 1} &{}", "false"),
        ],
    );
    check(
        "%map-like?",
        &[
            ("{:a 1}", "true"),
            ("@e", "true"),
            ("{1}", "false"),
            ("%{:a 1}", "false"),
            ("nil", "false"),
        ],
    );
}

#[test]
fn quasiquotes() {
    check(
        "%list*",
        &[
            ("{1}", "{1}"),
            ("1 2 {3 4}", "{1 2 3 4}"),
            ("1 &{2}", "{1 2}"),
            ("1 nil", "{1}"),
            ("1 2", "!type/mismatch"),
        ],
    );
    check(
        "%map-from-array",
        &[
            ("&{. :a 1 :b 2}", "{:a 1 :b 2}"),
            ("&{}", "{:}"),
            ("&{. :a 1 :a 2}", "!map/duplicate"),
            ("&{1}", "!map/odd"),
            ("{1 2}", "!type/mismatch"),
        ],
    );
    check(
        "%array-extend",
        &[
            ("&{1} (2 3)", "&{1 2 3}"),
            ("&{1} nil", "&{1}"),
            ("&{1} &{2}", "&{1 2}"),
            ("&{1} \"ab\"", "!type/mismatch"),
        ],
    );
    check(
        "%prefix",
        &[
            ("0 x", "'x"),
            ("1 x", "`x"),
            ("2 x", ",x"),
            ("3 x", ",@x"),
            ("4 {:code :a :data 1}", "@{:code :a :data 1}"),
            ("4 (not found)", "@(not found)"),
            ("5 x", "#x"),
            ("6 x", "?x"),
            ("7 x", "!type/mismatch"),
            ("-1 x", "!type/mismatch"),
        ],
    );
    check(
        "%at",
        &[
            ("0 {5}", "5"),
            ("-1 \"ab\"", "98"),
            (":a {:a 1}", "1"),
            ("\"0\" {1}", "!type/mismatch"),
            ("0 5", "!type/mismatch"),
        ],
    );
    let mut bed = Bed::new();
    let words = bed.read("9 {5}");
    let answer = bed
        .call("%at", &words)
        .expect("what is not there is an error value");
    assert!(crate::data::is_error(answer));
}

#[test]
fn functions_are_known_by_arity_and_name() {
    let mut bed = Bed::new();
    for (name, arity) in [
        ("%str", "{:min 0 :max nil}"),
        ("%slice", "{:min 2 :max 3}"),
        ("%count", "{:min 1 :max 1}"),
    ] {
        let function = primitives::value(primitives::find(name).expect("it is registered"));
        let answer = bed.call("%arity", &[function]).expect("it is a function");
        assert_eq!(bed.show(answer), arity, "{name}");
        let answer = bed.call("%fn-name", &[function]).expect("it is a function");
        assert_eq!(bed.show(answer), name);
    }
    assert_eq!(bed.call("%arity", &[NIL]), Err("type/mismatch".to_owned()));
}
