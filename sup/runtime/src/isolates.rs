//! Isolates that programs start: each on a thread of its own, with a machine and a world of its own.
//!
//! A started isolate begins as an image of the one that started it: the same code, the values of its module variables, its
//! kernels, and at most its grants and what is left of its limits. Values go over by copy (`sup_vm::send`). An isolate that
//! ends stops those that it has started.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use sup_abi::capability;
use sup_abi::word::{NIL, Word};
use sup_code::CellName;
use sup_host::services::Drive;
use sup_host::{CatchesUp, Inherited};
use sup_vm::base;
use sup_vm::data::{list_items, text_of};
use sup_vm::error::{Outcome, Raise, field};
use sup_vm::fiber::FiberId;
use sup_vm::image::Image;
use sup_vm::natives::BasePrimitive;
use sup_vm::object::{Kind, Obj, kind_of};
use sup_vm::permit::Permit;
use sup_vm::schedule::Inbox;
use sup_vm::send::Parcel;
use sup_vm::vm::{INTERRUPT, Limits, Vm};

use crate::grants::{Capability, Grants};
use crate::library;
use crate::natives::{raise_problem, world_of};
use crate::staying::{Driven, Shared};
use crate::world::World;

/// The table.
pub const TABLE: &[BasePrimitive] = &[
    base!(
        "%isolate-spawn",
        "(f :fn &rest args :any) :fiber",
        1..None,
        spawn,
        capability::NONE
    ),
    base!(
        "%isolate-spawn-with",
        "(options :map f :fn &rest args :any) :fiber",
        2..None,
        spawn_with,
        capability::NONE
    ),
];

/// How long the end of an isolate waits for those that it has stopped.
const FAREWELL: Duration = Duration::from_secs(1);

/// The isolates that an isolate has started.
#[derive(Default)]
pub struct Children {
    /// How many isolates are alive that the whole program has started.
    family: Arc<AtomicUsize>,
    /// What the isolates of the whole program share with kernels that drive some.
    staying: Arc<Shared>,
    running: Arc<Running>,
    controls: Vec<Weak<Control>>,
}

/// Counts the isolates that one has started and that still run.
#[derive(Default)]
struct Running {
    count: Mutex<usize>,
    ended: Condvar,
}

impl Running {
    fn lock(&self) -> MutexGuard<'_, usize> {
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What stops an isolate, from any thread.
#[derive(Default)]
struct Control {
    is_stopped: AtomicBool,
    switch: Mutex<Option<(Arc<AtomicU32>, Arc<Inbox>)>>,
}

impl Control {
    fn switch(&self) -> MutexGuard<'_, Option<(Arc<AtomicU32>, Arc<Inbox>)>> {
        self.switch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stop(&self) {
        self.is_stopped.store(true, Ordering::SeqCst);
        if let Some((switch, inbox)) = &*self.switch() {
            switch.store(INTERRUPT, Ordering::Relaxed);
            inbox.nudge();
        }
    }

    fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::SeqCst)
    }

    /// The isolate has a machine now, which is stopped at once if somebody wanted that before.
    fn begin(&self, vm: &Vm) {
        *self.switch() = Some((vm.interrupt_switch(), vm.inbox()));
        if self.is_stopped() {
            self.stop();
        }
    }
}

impl Children {
    /// No children yet, of an isolate of the same program.
    pub(crate) fn of_family(&self) -> Children {
        Children {
            family: self.family.clone(),
            staying: self.staying.clone(),
            running: Arc::default(),
            controls: Vec::new(),
        }
    }

    /// What the program shares with kernels that drive isolates.
    pub(crate) fn shared(&self) -> Arc<Shared> {
        self.staying.clone()
    }

    /// Counts one more; what to stop it by, and what counts it off when it is gone.
    fn add(&mut self) -> (Arc<Control>, Counted) {
        self.controls.retain(|control| control.strong_count() > 0);
        let control = Arc::new(Control::default());
        self.controls.push(Arc::downgrade(&control));
        *self.running.lock() += 1;
        self.family.fetch_add(1, Ordering::Relaxed);
        let counted = Counted {
            family: self.family.clone(),
            running: self.running.clone(),
        };
        (control, counted)
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        for control in self.controls.iter().filter_map(Weak::upgrade) {
            control.stop();
        }
        let begin = Instant::now();
        let mut count = self.running.lock();
        while *count > 0 {
            // One that waits for the operating system must not keep this one.
            let Some(left) = FAREWELL.checked_sub(begin.elapsed()) else {
                return;
            };
            let waited = self.running.ended.wait_timeout(count, left);
            count = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// An isolate that is counted until this is dropped.
struct Counted {
    family: Arc<AtomicUsize>,
    running: Arc<Running>,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.family.fetch_sub(1, Ordering::Relaxed);
        *self.running.lock() -= 1;
        self.running.ended.notify_all();
    }
}

/// What an isolate is started for.
enum Task {
    /// A function with its arguments, whose answer is the isolate's.
    Call(Parcel),
    /// A kernel that drives it.
    Drive(Drive),
}

/// Everything that an isolate starts with.
struct Start {
    image: Arc<Image>,
    task: Task,
    limits: Limits,
    is_stressed: bool,
    world: World,
    permit: Permit,
    kernels: Inherited,
    control: Arc<Control>,
    reply: Reply,
    /// Counts it among those that kernels drive.
    _driven: Option<Driven>,
    /// Dropped last: the isolate is gone then.
    _counted: Counted,
}

/// Where the answer goes. Dropped without an answer it tells that the isolate broke down.
struct Reply {
    inbox: Arc<Inbox>,
    promise: FiberId,
    is_sent: bool,
}

impl Reply {
    /// Sends the answer, and what of the standard library was carried out on the way: functions in the answer may name it.
    fn send(mut self, answer: Answer, provided: Vec<CellName>) {
        self.deliver(answer, provided);
    }

    fn deliver(&mut self, answer: Answer, provided: Vec<CellName>) {
        self.is_sent = true;
        let letter = move |vm: &mut Vm| match answer {
            Answer::Value(parcel) => {
                let world = world_of(vm);
                library::provide_names(vm, &world, provided)
                    .map_err(|problem| raise_problem(vm, &problem))?;
                vm.unpack(parcel)
            }
            Answer::Error(parcel) => {
                let error = vm.unpack(parcel)?;
                Err(vm.raise_value(error))
            }
            Answer::Broken(code, message) => Err(vm.raise(code, &message)),
        };
        // The isolate that asked may be gone.
        self.inbox.settle_with(self.promise, Box::new(letter));
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if !self.is_sent {
            let answer = Answer::Broken(
                "isolate/broken",
                "the isolate broke down and has no answer".to_owned(),
            );
            self.deliver(answer, Vec::new());
        }
    }
}

/// How an isolate ended.
enum Answer {
    Value(Parcel),
    Error(Parcel),
    /// There is nothing that could be sent.
    Broken(&'static str, String),
}

fn spawn(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let asked = Asked::like(vm);
    start(vm, asked, arguments[0], &arguments[1..])
}

fn spawn_with(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let asked = options(vm, arguments[0])?;
    start(vm, asked, arguments[1], &arguments[2..])
}

/// What an isolate is to have.
pub(crate) struct Asked {
    pub limits: Limits,
    pub grants: Grants,
    /// Kernels and primitives that it is not to have.
    pub denied: Arc<BTreeSet<String>>,
}

impl Asked {
    /// The same as the isolate that asks.
    pub(crate) fn like(vm: &Vm) -> Asked {
        Asked {
            limits: vm.limits_left(),
            grants: world_of(vm).borrow().grants,
            denied: vm.permit().denied,
        }
    }
}

/// Starts an isolate that calls a function; its handle.
fn start(vm: &mut Vm, asked: Asked, callee: Word, arguments: &[Word]) -> Outcome {
    if !sup_vm::calls::is_callable(callee) {
        let text = vm.repr(callee);
        return Err(vm.raise("call/not-callable", &format!("{text} is not a function")));
    }
    let call = vm.pack_call(callee, arguments)?;
    start_task(vm, asked, Task::Call(call))
}

/// Starts an isolate that a kernel drives; its handle.
pub(crate) fn start_driven(vm: &mut Vm, asked: Asked, drive: Drive) -> Outcome {
    start_task(vm, asked, Task::Drive(drive))
}

fn start_task(vm: &mut Vm, asked: Asked, task: Task) -> Outcome {
    let limit = vm.limits().isolates;
    if world_of(vm).borrow().children.family.load(Ordering::Relaxed) >= limit {
        let message = format!("there are too many isolates: the limit is {limit}");
        return Err(vm.raise("isolate/too-many", &message));
    }
    let world = world_of(vm);
    let macros: Vec<Word> = {
        let world = world.borrow();
        world.macro_functions.iter().map(|kept| vm.kept(kept)).collect()
    };
    let image = vm.image(&macros)?;
    let (control, counted) = world.borrow_mut().children.add();
    let driven = matches!(task, Task::Drive(_)).then(|| Driven::new(&world.borrow().children.staying));
    let stop = control.clone();
    let (promise, handle) = vm.isolate_handle(Box::new(move || stop.stop()))?;
    let seed = world.borrow().seed(asked.grants, vm.link());
    let permit = Permit {
        capabilities: asked.grants.bits(),
        denied: asked.denied,
    };
    let start = Start {
        image,
        task,
        limits: asked.limits,
        is_stressed: vm.is_stressed(),
        world: seed,
        permit,
        kernels: sup_host::inherited(vm),
        control,
        reply: Reply {
            inbox: vm.inbox(),
            promise,
            is_sent: false,
        },
        _driven: driven,
        _counted: counted,
    };
    match crate::threads::run(move || start.run()) {
        Ok(()) => Ok(handle),
        Err(error) => Err(vm.raise("isolate/thread", &format!("there is no thread for it: {error}"))),
    }
}

impl Start {
    /// Carries the isolate out, on its own thread.
    fn run(self) {
        let Start {
            image,
            task,
            limits,
            is_stressed,
            mut world,
            permit,
            kernels,
            control,
            reply,
            _driven,
            _counted,
        } = self;
        let (mut vm, macros) = Vm::of_image(limits, &image);
        drop(image);
        vm.restrict(permit);
        let services = crate::services::services(world.store.clone(), world.namespaces.clone());
        world.macro_functions = macros;
        let world = Rc::new(RefCell::new(world));
        vm.host = Some(Box::new(world.clone()));
        sup_host::attach_inherited(&mut vm, services, &kernels);
        drop(kernels);
        let catches_up = match task {
            Task::Call(_) => CatchesUp::AtOnce,
            Task::Drive(_) => CatchesUp::BetweenSlices,
        };
        crate::kernels::join(&mut vm, &world, catches_up);
        if is_stressed {
            vm.set_stress();
        }
        control.begin(&vm);
        let outcome = match task {
            Task::Call(call) => carry_out(&mut vm, call),
            Task::Drive(drive) => {
                drive(&mut vm);
                Ok(NIL)
            }
        };
        let answer = match outcome {
            Ok(word) => vm.pack(word, "the answer").map(Answer::Value),
            Err(raise) => Err(raise),
        };
        let answer = answer.unwrap_or_else(|raise| error_answer(&mut vm, raise, &control));
        // Whoever waits need not wait for the memory to be given back.
        let provided = std::mem::take(&mut world.borrow_mut().provided);
        reply.send(answer, provided);
        // The isolates that this one has started end with it.
        drop(vm);
        drop(world);
    }
}

/// Calls the function of a parcel with its arguments.
fn carry_out(vm: &mut Vm, call: Parcel) -> Outcome {
    let call = vm.unpack(call)?;
    let (callee, arguments) = list_items(call)
        .and_then(<[Word]>::split_first)
        .expect("a call is packed as a list that opens with the function");
    vm.call(*callee, arguments)
}

/// What an error becomes for the isolate that awaits it. What cannot be sent of it goes as text.
fn error_answer(vm: &mut Vm, raise: Raise, control: &Control) -> Answer {
    vm.settle_memory_error();
    let mut error = vm.take_error(raise);
    if control.is_stopped() && code_of(error) == "vm/interrupted" {
        error = match vm.make_error("fiber/cancelled", "the isolate was cancelled", NIL) {
            Ok(error) => error,
            Err(raise) => vm.take_error(raise),
        };
    }
    if let Ok(parcel) = vm.pack(error, "the error") {
        return Answer::Error(parcel);
    }
    match as_text(vm, error).and_then(|error| vm.pack(error, "the error")) {
        Ok(parcel) => Answer::Error(parcel),
        Err(_) => Answer::Broken(
            "isolate/broken",
            format!("the isolate ended with {}, which cannot be sent", code_of(error)),
        ),
    }
}

/// The error with its data and its cause as text.
fn as_text(vm: &mut Vm, error: Word) -> Outcome {
    if kind_of(error) != Some(Kind::Error) {
        let text = vm.repr(error);
        return vm.make_error("error/raised", &text, NIL);
    }
    let obj = Obj::from_word(error).expect("it has a kind");
    let mut fields = [NIL; 6];
    fields.copy_from_slice(obj.words(1, 6));
    for index in [field::DATA, field::CAUSE, field::MESSAGE] {
        let word = fields[index - 1];
        if word != NIL && text_of(&word).is_none() {
            let text = vm.repr(word);
            fields[index - 1] = vm.new_str(&text)?;
        }
    }
    vm.error_of_fields(fields)
}

fn code_of(error: Word) -> &'static str {
    let code = sup_vm::data::error_field(error, field::CODE).unwrap_or(NIL);
    if sup_vm::data::is_keyword(code) {
        sup_vm::names::text(sup_abi::word::payload(code))
    } else {
        "error/raised"
    }
}

/// Reads the options of `isolate/spawn-with`: each makes something less than the isolate has itself.
fn options(vm: &mut Vm, map: Word) -> Result<Asked, Raise> {
    let mut asked = Asked::like(vm);
    if !sup_vm::data::is_map(map) {
        return Err(vm.type_mismatch(":map", map));
    }
    for (key, value) in vm.map_cursor(map)? {
        let name = if sup_vm::data::is_keyword(key) {
            sup_vm::names::text(sup_abi::word::payload(key))
        } else {
            ""
        };
        let limits = &mut asked.limits;
        match name {
            "memory-mib" => {
                let bytes = count(vm, name, value)?.saturating_mul(1 << 20);
                limits.memory_bytes = limits
                    .memory_bytes
                    .min(usize::try_from(bytes).unwrap_or(usize::MAX));
            }
            "deadline-ms" => {
                let ms = count(vm, name, value)?;
                limits.deadline_ms = Some(limits.deadline_ms.map_or(ms, |own| own.min(ms)));
            }
            "fuel" => limits.fuel = limits.fuel.min(count(vm, name, value)?),
            "depth" => {
                let depth = count(vm, name, value)?;
                limits.depth = limits.depth.min(usize::try_from(depth).unwrap_or(usize::MAX));
            }
            "allow" => asked.grants = grants(vm, asked.grants, value)?,
            "deny" => Arc::make_mut(&mut asked.denied).extend(denied(vm, value)?),
            _ => {
                let text = vm.repr(key);
                let message = format!(
                    "{text} is no option of an isolate: there are :memory-mib, :deadline-ms, :fuel, :depth, :allow and :deny"
                );
                return Err(vm.raise_data("isolate/option", &message, key));
            }
        }
    }
    Ok(asked)
}

/// A limit: an integer above zero.
fn count(vm: &mut Vm, name: &str, value: Word) -> Result<u64, Raise> {
    let count = vm.as_int(value).and_then(|count| u64::try_from(count).ok());
    match count.filter(|count| *count > 0) {
        Some(count) => Ok(count),
        None => Err(vm.raise_data(
            "isolate/option",
            &format!("the option :{name} is an integer above zero"),
            value,
        )),
    }
}

/// The grants that a list names, each of which the isolate must have itself.
fn grants(vm: &mut Vm, own: Grants, names: Word) -> Result<Grants, Raise> {
    let mut asked = Grants::NONE;
    for name in vm.want_items(names)? {
        let text = text_of(name).unwrap_or_default();
        asked = asked.with(granted(vm, own, text)?);
    }
    Ok(asked)
}

/// The capability of that name, which the isolate must have itself.
pub(crate) fn granted(vm: &mut Vm, own: Grants, name: &str) -> Result<Capability, Raise> {
    let Some(capability) = Capability::named(name) else {
        let known: Vec<&str> = Capability::ALL.iter().map(|known| known.name()).collect();
        let message = format!("a grant is one of the texts {}", known.join(" "));
        let data = vm.new_str(name)?;
        return Err(vm.raise_data("isolate/option", &message, data));
    };
    if !own.has(capability) {
        let message = format!("{name} cannot be granted to an isolate, since it was not granted here");
        return Err(vm.raise("capability/denied", &message));
    }
    Ok(capability)
}

/// The kernels and primitives that a list names, each primitive with its other names.
fn denied(vm: &mut Vm, names: Word) -> Result<Vec<String>, Raise> {
    let world = world_of(vm);
    let mut denied = Vec::new();
    for name in vm.want_items(names)? {
        let text = text_of(name).unwrap_or_default();
        match names_of(&world.borrow(), text) {
            Ok(names) => denied.extend(names),
            Err(message) => return Err(vm.raise_data("isolate/option", &message, *name)),
        }
    }
    Ok(denied)
}

/// What taking a name away takes away, or why it cannot be.
fn names_of(world: &World, text: &str) -> Result<Vec<String>, String> {
    let full = world.everyday.get(text).map_or(text, String::as_str);
    let of_kernel = |kernel: &str| {
        let prefix = format!("{kernel}/");
        let all = world.primitives.iter();
        all.filter(move |(name, _)| name.starts_with(&prefix))
    };
    let is_primitive = full.starts_with('%') || full.contains('/');
    let is_instruction = if is_primitive {
        world.primitives.get(full).is_some_and(|info| info.intrinsic != 0)
    } else {
        of_kernel(full).any(|(_, info)| info.intrinsic != 0)
    };
    if is_instruction {
        return Err(format!(
            "{full} is carried out by instructions of the machine, which reach nothing and cannot be taken away"
        ));
    }
    if !is_primitive {
        return match sup_host::search::check_name(full) {
            Ok(()) => Ok(vec![full.to_owned()]),
            Err(error) => Err(error.to_string()),
        };
    }
    if !world.primitives.contains_key(full) {
        return Err(format!("{full} is no primitive that is known here"));
    }
    Ok(world.names_alike(full))
}
