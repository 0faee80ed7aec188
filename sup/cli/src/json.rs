//! Problems as lines of JSON, for programs that read what `sup` says.

use std::sync::Arc;

use serde_json::{Value, json};
use slp::LineIndex;
use sup_runtime::{Place, Problem};

use crate::draw::Weight;

/// A problem as one JSON object. Lines and columns count from 1, columns in characters; `start` and `end` are bytes.
pub fn problem(problem: &Problem, weight: Weight, text_of: &dyn Fn(&str) -> Option<Arc<str>>) -> Value {
    let severity = match weight {
        Weight::Error => "error",
        Weight::Warning => "warning",
    };
    let trace: Vec<Value> = problem
        .trace
        .iter()
        .map(|line| {
            let mut called = place(&line.place, text_of);
            called["function"] = json!(line.function);
            called
        })
        .collect();
    json!({
        "severity": severity,
        "code": problem.code,
        "message": problem.message,
        "hint": problem.hint,
        "data": problem.data,
        "place": problem.place.as_ref().map(|found| place(found, text_of)),
        "trace": trace,
    })
}

/// A place as a JSON object; without lines and columns when the text of its source is not known.
pub fn place(place: &Place, text_of: &dyn Fn(&str) -> Option<Arc<str>>) -> Value {
    let mut value = json!({ "source": place.source, "start": place.span.start, "end": place.span.end });
    if let Some(text) = text_of(&place.source) {
        let index = LineIndex::new(&text);
        let (line, column) = index.position(place.span.start);
        let (end_line, end_column) = index.position(place.span.end);
        value["line"] = json!(line);
        value["column"] = json!(column);
        value["end_line"] = json!(end_line);
        value["end_column"] = json!(end_column);
    }
    value
}
