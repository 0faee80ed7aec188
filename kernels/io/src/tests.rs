//! What is written for what, and what raises.

use super::kernel_table;
use sup_kernel::fake::{Data, FakeHost};

fn put(format: &str, arguments: &[Data]) -> Result<String, String> {
    let host = FakeHost::new(kernel_table());
    let mut all = vec![Data::from(format)];
    all.extend_from_slice(arguments);
    match host.call("put", &all) {
        Ok(Data::Int(n_bytes)) => {
            let text = host.terminal.borrow().out.clone();
            assert_eq!(n_bytes as usize, text.len());
            Ok(text)
        }
        Ok(other) => panic!("put answered {other}"),
        Err(error) => Err(error.error_code().unwrap_or_default().to_owned()),
    }
}

#[test]
fn places_show_values() {
    let cases: &[(&str, &[Data], &str)] = &[
        ("x: %d\n", &[42.into()], "x: 42\n"),
        ("%d %d", &[true.into(), false.into()], "1 0"),
        ("%f", &[1.5.into()], "1.500000"),
        ("%f", &[2.into()], "2.000000"),
        (
            "%.2f|%8.3f|%e",
            &[1.005.into(), (-2.5).into(), 1234.5.into()],
            "1.00|  -2.500|1.234500e3",
        ),
        ("%s, %s", &["a".into(), Data::list([1, 2])], "a, {1 2}"),
        ("%q", &["a\"b".into()], "\"a\\\"b\""),
        (
            "%5d|%-5d|%05d",
            &[42.into(), 42.into(), (-42).into()],
            "   42|42   |-0042",
        ),
        (
            "%5s|%-5s|%.2s",
            &["äb".into(), "ab".into(), "abc".into()],
            "   äb|ab   |ab",
        ),
        ("%x 100%%", &[255.into()], "ff 100%"),
        ("", &[], ""),
    ];
    for (format, arguments, expected) in cases {
        assert_eq!(put(format, arguments).as_deref(), Ok(*expected), "{format}");
    }
}

#[test]
fn places_without_their_argument_raise() {
    let cases: &[(&str, &[Data])] = &[
        ("%d", &[]),
        ("%d", &["1".into()]),
        ("%d", &[1.0.into()]),
        ("%f", &["1".into()]),
        ("%d", &[1.into(), 2.into()]),
        ("%y", &[1.into()]),
        ("%", &[]),
        ("%99999999999d", &[1.into()]),
        ("%1001d", &[1.into()]),
    ];
    for (format, arguments) in cases {
        assert_eq!(
            put(format, arguments).as_ref().map_err(String::as_str),
            Err("format/argument"),
            "{format}"
        );
    }
}

#[test]
fn print_joins_display_forms() {
    let host = FakeHost::new(kernel_table());
    let values = ["a b".into(), 1.into(), Data::Nil, Data::list(["x"])];
    assert_eq!(host.call("print", &values), Ok(Data::Nil));
    assert_eq!(host.call("println", &[]), Ok(Data::Nil));
    assert_eq!(host.call("write", &["no end".into()]), Ok(Data::Nil));
    assert_eq!(host.terminal.borrow().out, "a b 1 nil {\"x\"}\n\nno end");
    assert_eq!(host.call("eprint", &["oops".into()]), Ok(Data::Nil));
    assert_eq!(host.call("inspect", &["v".into()]), Ok("v".into()));
    assert_eq!(host.terminal.borrow().err, "oops\n\"v\"\n");
    assert_eq!(host.call("flush", &[]), Ok(Data::Nil));
}

#[test]
fn lines_arguments_and_variables_come_from_the_host() {
    let host = FakeHost::new(kernel_table());
    host.terminal.borrow_mut().input.push_back("first line".into());
    host.terminal.borrow_mut().arguments.push("--all".into());
    host.terminal
        .borrow_mut()
        .variables
        .push(("HOME".into(), "/home/somebody".into()));
    assert_eq!(host.call("read-line", &[]), Ok("first line".into()));
    assert_eq!(host.call("read-line", &[]), Ok(Data::Nil));
    assert_eq!(host.call("args", &[]), Ok(Data::list(["--all"])));
    assert_eq!(host.call("env", &["HOME".into()]), Ok("/home/somebody".into()));
    assert_eq!(host.call("env", &["NOTHING".into()]), Ok(Data::Nil));
    assert_eq!(host.raises("env", &[1.into()]), "type/mismatch");
}
