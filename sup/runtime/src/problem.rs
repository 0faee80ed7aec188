//! What went wrong, as data: a code, a place, a message, a hint, and the calls that led there. The CLI draws it.

use slp::{Fault, Span};
use sup_abi::word::{Immediate, NIL, Word, is_immediate, payload};
use sup_vm::error::field;
use sup_vm::names;
use sup_vm::object::{Kind, Obj, kind_of};
use sup_vm::vm::Vm;

/// A place in a source text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Name of the source.
    pub source: String,
    /// The bytes of it.
    pub span: Span,
}

/// One call that led to the problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceLine {
    /// Name of the function, empty when it has none.
    pub function: String,
    /// Where it was.
    pub place: Place,
}

/// A problem.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Problem {
    /// Its stable code, such as `name/unbound`.
    pub code: String,
    /// What happened.
    pub message: String,
    /// What may help.
    pub hint: Option<String>,
    /// Where, if anywhere.
    pub place: Option<Place>,
    /// The calls that led there, innermost first.
    pub trace: Vec<TraceLine>,
    /// The data that the error carries, as text that reads back.
    pub data: Option<String>,
    /// Whether more text could make it right: the form is unfinished.
    pub unfinished: bool,
}

impl Problem {
    /// A problem without a place.
    #[must_use]
    pub fn new(code: &str, message: impl Into<String>) -> Problem {
        Problem {
            code: code.to_owned(),
            message: message.into(),
            ..Problem::default()
        }
    }

    /// The same problem with a hint.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Problem {
        self.hint = Some(hint.into());
        self
    }

    /// A fault of reading or compiling.
    #[must_use]
    pub fn from_fault(source: &str, fault: &Fault) -> Problem {
        Problem {
            code: fault.code.to_owned(),
            message: fault.message.clone(),
            hint: fault.hint.clone(),
            place: Some(Place {
                source: source.to_owned(),
                span: fault.span,
            }),
            unfinished: fault.unfinished,
            ..Problem::default()
        }
    }

    /// An error value that nothing handled.
    #[must_use]
    pub fn from_error(vm: &mut Vm, error: Word) -> Problem {
        let Some(obj) = Obj::from_word(error).filter(|_| kind_of(error) == Some(Kind::Error)) else {
            return Problem::new("vm/unknown", vm.repr(error));
        };
        let code = obj.get(field::CODE);
        let code = if is_immediate(code, Immediate::Keyword) {
            names::text(payload(code))
        } else {
            "error/raised"
        };
        let message = obj.get(field::MESSAGE);
        let message = if message == NIL {
            String::new()
        } else {
            vm.display(message)
        };
        let trace = trace_lines(vm, obj.get(field::TRACE));
        let data = obj.get(field::DATA);
        Problem {
            code: code.to_owned(),
            message,
            place: trace.first().map(|line| line.place.clone()),
            trace,
            data: (data != NIL).then(|| vm.repr(data)),
            ..Problem::default()
        }
    }
}

fn trace_lines(vm: &Vm, trace: Word) -> Vec<TraceLine> {
    let Some(entries) = vm.list_items(trace) else {
        return Vec::new();
    };
    entries
        .iter()
        .filter_map(|entry| trace_line(vm, *entry))
        .collect()
}

fn trace_line(vm: &Vm, entry: Word) -> Option<TraceLine> {
    let [source, start, end, function] = *vm.list_items(entry)? else {
        return None;
    };
    let span = Span {
        start: vm.as_int(start)? as u32,
        end: vm.as_int(end)? as u32,
    };
    let place = Place {
        source: vm.text_of(&source)?.to_owned(),
        span,
    };
    Some(TraceLine {
        function: vm.text_of(&function)?.to_owned(),
        place,
    })
}
