//! Primitives that need the runtime: evaluating, reading, debugging, the clock.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use slp::ReadLimits;
use sup_abi::capability;
use sup_abi::word::{NIL, Word};
use sup_code::form;
use sup_vm::base;
use sup_vm::error::{Outcome, Raise};
use sup_vm::natives::BasePrimitive;
use sup_vm::object::{Kind, kind_of};
use sup_vm::vm::{Signal, Vm};

use crate::grants::{Capability, Grants};
use crate::load::{self, Evaluation, Source};
use crate::problem::Problem;
use crate::world::{MAIN, SharedWorld};

/// The table.
pub const TABLE: &[BasePrimitive] = &[
    base!(
        "%eval",
        "(x :any &opt module :str) :any",
        1..Some(2),
        eval,
        capability::NONE
    ),
    base!("%read", "(text :str) :list", 1..Some(1), read, capability::NONE),
    base!(
        "%debug",
        "(&rest xs :any) :none",
        0..None,
        debug,
        capability::CONSOLE
    ),
    base!("%time-now", "() :int", 0..Some(0), time_now, capability::CLOCK),
    base!(
        "%time-monotonic",
        "() :int",
        0..Some(0),
        time_monotonic,
        capability::CLOCK
    ),
    base!("%sleep", "(ms :real) :none", 1..Some(1), sleep, capability::NONE),
];

/// How many evaluated texts keep their source for errors to point into.
const KEPT_EVALUATIONS: u64 = 64;

/// The world that hangs on the machine.
pub(crate) fn world_of(vm: &Vm) -> SharedWorld {
    let host = vm
        .host
        .as_ref()
        .and_then(|host| host.downcast_ref::<SharedWorld>());
    host.expect("the runtime hangs its world on every machine that it makes")
        .clone()
}

/// Runs something that reaches nothing: no grants, and no primitive that needs one.
pub(crate) fn without_grants<T>(vm: &mut Vm, world: &SharedWorld, run: impl FnOnce(&mut Vm) -> T) -> T {
    let grants = std::mem::replace(&mut world.borrow_mut().grants, Grants::NONE);
    let answer = vm.without_capabilities(run);
    world.borrow_mut().grants = grants;
    answer
}

/// Raises a problem as an error value.
pub(crate) fn raise_problem(vm: &mut Vm, problem: &Problem) -> Raise {
    let message = match &problem.hint {
        Some(hint) => format!("{} ({hint})", problem.message),
        None => problem.message.clone(),
    };
    let data = match &problem.place {
        Some(place) => place_word(vm, place),
        None => Ok(NIL),
    };
    match data {
        Ok(data) => vm.raise_data(&problem.code, &message, data),
        Err(raise) => raise,
    }
}

fn place_word(vm: &mut Vm, place: &crate::problem::Place) -> Outcome {
    let source = vm.new_str(&place.source)?;
    let (start, end) = (
        vm.new_int(place.span.start.into())?,
        vm.new_int(place.span.end.into())?,
    );
    vm.new_list(2, &[source, start, end])
}

fn eval(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let world = world_of(vm);
    let module = match arguments.get(1) {
        Some(word) => vm.text_of(word).unwrap_or(MAIN).to_owned(),
        None => MAIN.to_owned(),
    };
    let source = {
        let mut world = world.borrow_mut();
        world.n_evaluations += 1;
        Source::named(format!("eval:{}", world.n_evaluations % KEPT_EVALUATIONS))
    };
    let outcome = match vm.text_of(&arguments[0]).map(str::to_owned) {
        Some(text) => eval_text(vm, &world, &module, &source, &text),
        None => eval_form(vm, &world, &module, &source, arguments[0]),
    };
    match outcome {
        Ok(Evaluation::Done(answer)) => Ok(answer),
        Ok(Evaluation::Call(function)) => call_instead(vm, function),
        Err(Failure::Raised(raise)) => Err(raise),
        Err(Failure::Problem(problem)) => Err(raise_problem(vm, &problem)),
    }
}

enum Failure {
    Raised(Raise),
    Problem(Problem),
}

impl From<Raise> for Failure {
    fn from(raise: Raise) -> Failure {
        Failure::Raised(raise)
    }
}

fn eval_text(
    vm: &mut Vm,
    world: &SharedWorld,
    module: &str,
    source: &Source,
    text: &str,
) -> Result<Evaluation, Failure> {
    world
        .borrow_mut()
        .sources
        .insert(source.name.clone(), text.into());
    let mut reading = slp::read(text, &ReadLimits::default());
    if let Some(fault) = reading.faults.first() {
        return Err(Failure::Problem(Problem::from_fault(&source.name, fault)));
    }
    load::evaluate(vm, world, module, source, &mut reading.tree).map_err(first_failure)
}

fn eval_form(
    vm: &mut Vm,
    world: &SharedWorld,
    module: &str,
    source: &Source,
    x: Word,
) -> Result<Evaluation, Failure> {
    let flat = vm.to_flat(x)?;
    let mut tree = match form::value_to_tree(&flat) {
        Ok(tree) => tree,
        Err(_) if matches!(kind_of(x), Some(Kind::Closure | Kind::Instance)) => {
            return Ok(Evaluation::Done(x));
        }
        Err(error) => {
            return Err(Failure::Problem(Problem::new(
                "eval/not-a-form",
                error.to_string(),
            )));
        }
    };
    let text = tree
        .roots()
        .first()
        .map(|root| slp::print(&tree, *root))
        .unwrap_or_default();
    let mut reading = slp::read(&text, &ReadLimits::default());
    if reading.faults.is_empty() {
        world
            .borrow_mut()
            .sources
            .insert(source.name.clone(), text.into());
        std::mem::swap(&mut tree, &mut reading.tree);
    }
    load::evaluate(vm, world, module, source, &mut tree).map_err(first_failure)
}

fn first_failure(problems: load::Problems) -> Failure {
    Failure::Problem(
        problems
            .into_iter()
            .next()
            .expect("a failed load tells at least one problem"),
    )
}

/// Answers `%eval` by having the machine call the function in its place.
fn call_instead(vm: &mut Vm, function: Word) -> Outcome {
    let arguments = vm.new_list(2, &[])?;
    vm.signal = Signal::Call {
        callee: function,
        arguments,
    };
    Err(Raise)
}

fn read(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let Some(text) = vm.text_of(&arguments[0]).map(str::to_owned) else {
        return Err(vm.raise_data("type/mismatch", "read takes a string", arguments[0]));
    };
    let reading = slp::read(&text, &ReadLimits::default());
    if let Some(fault) = reading.faults.first() {
        return Err(raise_problem(vm, &Problem::from_fault("text", fault)));
    }
    let mut words = Vec::new();
    for root in reading.tree.roots() {
        words.push(vm.from_flat(&sup_compile::datum(&reading.tree, *root))?);
    }
    vm.new_list(2, &words)
}

fn debug(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let mut line = "[DEBUG]".to_owned();
    for word in arguments {
        line.push(' ');
        line.push_str(&vm.repr(*word));
    }
    line.push('\n');
    write(vm, &line)?;
    Ok(NIL)
}

/// Writes to the program's console.
pub(crate) fn write(vm: &mut Vm, text: &str) -> Result<(), Raise> {
    let world = world_of(vm);
    if !world.borrow().grants.has(Capability::Console) {
        return Err(vm.raise("capability/denied", "writing to the console was not granted"));
    }
    let console = world.borrow().console.clone();
    let outcome = console.map_or(Ok(()), |console| console.lock().write(text));
    outcome.map_err(|error| vm.raise("io/write", &format!("the console cannot be written: {error}")))
}

fn time_now(vm: &mut Vm, _arguments: &[Word]) -> Outcome {
    if !world_of(vm).borrow().grants.has(Capability::Clock) {
        return Err(vm.raise("capability/denied", "reading the clock was not granted"));
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    vm.new_int(i64::try_from(now.as_micros()).unwrap_or(i64::MAX))
}

fn time_monotonic(vm: &mut Vm, _arguments: &[Word]) -> Outcome {
    static START: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    vm.new_int(i64::try_from(START.elapsed().as_micros()).unwrap_or(i64::MAX))
}

fn sleep(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let ms = match (vm.as_int(arguments[0]), vm.as_real(arguments[0])) {
        (Some(ms), _) => ms as f64,
        (None, Some(ms)) => ms,
        _ => {
            return Err(vm.raise_data(
                "type/mismatch",
                "sleep takes a number of milliseconds",
                arguments[0],
            ));
        }
    };
    if !(0.0..=86_400_000.0).contains(&ms) {
        return Err(vm.raise("value/invalid", "sleep takes 0 to 86400000 milliseconds"));
    }
    let promise = vm.open_promise();
    let inbox = vm.inbox();
    let nil = vm.encode_value(NIL)?;
    crate::timer::after(Duration::from_secs_f64(ms / 1000.0), move || {
        inbox.settle(promise, Ok(nil));
    });
    vm.signal = Signal::Park(promise);
    Err(Raise)
}
