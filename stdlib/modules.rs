//! The modules of the standard library, as text: what `core` exports is seen everywhere, the others by `module/name`.

/// Every module: its name and its source.
pub const MODULES: &[(&str, &str)] = &[
    ("core", include_str!("core.slp")),
    ("list", include_str!("list.slp")),
    ("map", include_str!("map.slp")),
    ("str", include_str!("str.slp")),
    ("math", include_str!("math.slp")),
    ("fn", include_str!("fn.slp")),
    ("seq", include_str!("seq.slp")),
    ("array", include_str!("array.slp")),
    ("table", include_str!("table.slp")),
    ("buffer", include_str!("buffer.slp")),
    ("bytes", include_str!("bytes.slp")),
    ("json", include_str!("json.slp")),
    ("html", include_str!("html.slp")),
    ("isolate", include_str!("isolate.slp")),
    ("kernel", include_str!("kernel.slp")),
    ("store", include_str!("store.slp")),
    ("tx", include_str!("tx.slp")),
    ("time", include_str!("time.slp")),
    ("test", include_str!("test.slp")),
];

/// The source of a module, or nothing when there is none of that name.
#[must_use]
pub fn source(name: &str) -> Option<&'static str> {
    MODULES
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, text)| *text)
}
