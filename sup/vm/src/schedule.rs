//! Fibers of one isolate taking turns: spawning, waiting, promises that other threads settle, limits of a run.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use sup_abi::word::{NIL, Word};

use crate::collect::Roots;
use crate::driven::NOT_DRIVEN;
use crate::error::{Outcome, Raise};
use crate::fiber::{Fiber, FiberId, FiberState};
use crate::inbox::Lasts;
pub use crate::inbox::{Inbox, Letter};
use crate::interp::Exit;
use crate::object::{Header, Kind, Obj, kind_of};
use crate::slow::{Carried, Flow};
use crate::vm::Vm;

/// Fuel of one slice: about 200 microseconds.
const SLICE_FUEL: i64 = 20_000;
/// What a fiber that rests counts: the first pages of its stacks, and what is kept of it elsewhere.
pub(crate) const RESTING_BYTES: usize = 10 * 1024;
/// Fibers kept ready for the next spawn.
const SPARE_FIBERS: usize = 4;
/// The same where fibers are driven: each request is one.
const DRIVEN_SPARE_FIBERS: usize = 256;
/// How long an isolate waits for letters before it takes it that it has nothing to do.
const IDLE_AFTER: Duration = Duration::from_millis(5);
/// How long it waits before it looks about, when nobody wakes it.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// How a fiber or promise ended.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ending {
    Answer(Word),
    Error(Word),
}

/// The fibers that do not run right now, and what is known of promises.
#[derive(Default)]
pub(crate) struct Fibers {
    pub(crate) next_id: FiberId,
    pub(crate) ready: VecDeque<Box<Fiber>>,
    // The running fiber is a box too: moving one between them moves a pointer.
    #[allow(clippy::vec_box)]
    pub(crate) waiting: HashMap<FiberId, Vec<Box<Fiber>>>,
    /// The runs that are on, innermost last, and how those of them ended that have.
    runs: Vec<FiberId>,
    endings: HashMap<FiberId, Ending>,
    /// The handles of what is still to end. Once it has ended, its answer is kept by its handle only.
    handles: HashMap<FiberId, Word>,
    /// What stops the isolates that this one waits for.
    stops: HashMap<FiberId, Stop>,
    /// Who goes on when something ends.
    pub(crate) observers: HashMap<FiberId, Observer>,
    #[allow(clippy::vec_box)]
    spare: Vec<Box<Fiber>>,
    pub(crate) alive: usize,
    pub(crate) n_started: u64,
}

/// Goes on with what a fiber or promise has come to: its answer, or the error value that it raised. Runs on the isolate's
/// thread, between fibers, and must not collect.
pub type Observer = Box<dyn FnOnce(&mut Vm, Result<Word, Word>)>;

/// What stops an isolate.
pub type Stop = Box<dyn FnOnce()>;

/// Set in `aux` of a handle when what it stands for has given an answer.
const ANSWERED: u16 = 1;
/// Set when it has raised.
const RAISED: u16 = 2;
/// Set when it stands for an isolate.
const OF_ISOLATE: u16 = 4;

impl Fibers {
    pub fn add_roots(&mut self, roots: &mut Roots) {
        for fiber in self.resting() {
            fiber.add_roots(roots);
        }
    }

    /// How fibers and promises ended belongs to no fiber.
    pub fn add_endings(&mut self, roots: &mut Roots) {
        for ending in self.endings.values_mut() {
            roots.add(ending.word_mut(), 1);
        }
        for handle in self.handles.values_mut() {
            roots.add(handle, 1);
        }
    }

    /// Gives back the memory that no fiber needs for now.
    pub fn rest(&mut self) {
        self.spare.clear();
        for fiber in self.ready.iter_mut().chain(self.waiting.values_mut().flatten()) {
            fiber.rest();
        }
    }

    /// The fibers that do not run right now, but for driven ones that could.
    pub(crate) fn resting(&mut self) -> impl Iterator<Item = &mut Box<Fiber>> {
        self.ready.iter_mut().chain(self.waiting.values_mut().flatten())
    }
}

impl Vm {
    /// Starts a fiber that calls `callee`; it runs when the running one waits or its slice ends.
    ///
    /// # Errors
    /// When the callee is no function, or there are too many fibers.
    pub fn spawn(&mut self, callee: Word, arguments: &[Word]) -> Result<FiberId, Raise> {
        let fiber = self.new_fiber(callee, arguments, self.accounts.current())?;
        let id = fiber.id;
        self.fibers.ready.push_back(fiber);
        Ok(id)
    }

    /// A fiber that is to call `callee`, on that account.
    pub(crate) fn new_fiber(
        &mut self,
        callee: Word,
        arguments: &[Word],
        account: u32,
    ) -> Result<Box<Fiber>, Raise> {
        if self.fibers.alive >= self.limits.fibers {
            let message = format!("there are too many fibers: the limit is {}", self.limits.fibers);
            return Err(self.raise("vm/fibers", &message));
        }
        if arguments.len() > crate::fiber::WINDOW_WORDS / 2 {
            return Err(self.raise(
                "call/too-many-arguments",
                "a fiber starts with too many arguments",
            ));
        }
        if !crate::calls::is_callable(callee) {
            let text = self.repr(callee);
            return Err(self.raise("call/not-callable", &format!("{text} is not a function")));
        }
        if !self.heap.has_room(RESTING_BYTES) {
            return Err(self.raise_memory());
        }
        self.fibers.next_id += 1;
        let id = self.fibers.next_id;
        let depth = self.limits.depth;
        let spare = self.fibers.spare.pop().filter(|fiber| fiber.depth == depth);
        let mut fiber = match spare {
            Some(mut fiber) => {
                fiber.id = id;
                fiber.reset(self.heap.n_collections());
                fiber
            }
            None => match Fiber::new(id, depth) {
                Some(fiber) => fiber,
                None => return Err(self.raise_memory()),
            },
        };
        fiber.counted = RESTING_BYTES;
        self.heap.stack_bytes += RESTING_BYTES;
        fiber.account = account;
        self.accounts.join(account);
        fiber.link = self.links.join();
        fiber.start(callee, arguments);
        self.fibers.alive += 1;
        self.fibers.n_started += 1;
        Ok(fiber)
    }

    /// The value that stands for a fiber or promise in programs. To be made before it can end.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn fiber_handle(&mut self, id: FiberId) -> Outcome {
        self.handle(id, 0)
    }

    /// Opens a promise for the answer of an isolate, which `stop` stops; the value that stands for it in programs.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn isolate_handle(&mut self, stop: Stop) -> Result<(FiberId, Word), Raise> {
        self.fibers.next_id += 1;
        let id = self.fibers.next_id;
        let handle = self.handle(id, OF_ISOLATE)?;
        self.inbox.open(id, Lasts::Isolate);
        self.fibers.stops.insert(id, stop);
        Ok((id, handle))
    }

    fn handle(&mut self, id: FiberId, state: u16) -> Outcome {
        let obj = self.alloc(Header::new(Kind::Fiber, 0).with_aux(state))?;
        obj.init(1, id);
        obj.init(2, NIL);
        self.fibers.handles.insert(id, obj.word());
        Ok(obj.word())
    }

    /// The id in a handle, when the word is one.
    #[must_use]
    pub fn fiber_id(&self, handle: Word) -> Option<FiberId> {
        (kind_of(handle) == Some(Kind::Fiber)).then(|| Obj::from_word(handle).expect("it has a kind").get(1))
    }

    /// The id of the fiber that runs; 0 when none does.
    #[must_use]
    pub fn running_fiber_id(&self) -> FiberId {
        self.fiber.as_ref().map_or(0, |fiber| fiber.id)
    }

    /// Opens a promise that any thread may settle through the [`Inbox`] while the run lasts.
    pub fn open_promise(&mut self) -> FiberId {
        self.fibers.next_id += 1;
        let lasts = if self.driven.is_on {
            Lasts::Isolate
        } else {
            Lasts::Run
        };
        self.inbox.open(self.fibers.next_id, lasts);
        self.fibers.next_id
    }

    /// Gives up a promise that nobody will settle and nobody was told of.
    pub fn forget_promise(&mut self, promise: FiberId) {
        self.inbox.forget(promise);
    }

    /// Whether the running primitive may ask for its fiber to be parked: not when native code called back into the program.
    #[must_use]
    pub fn can_park(&self) -> bool {
        self.n_native_calls == 0
    }

    /// The inbox of this isolate.
    #[must_use]
    pub fn inbox(&self) -> std::sync::Arc<Inbox> {
        self.inbox.clone()
    }

    /// The answer of what a handle stands for, or nothing while it is to come.
    ///
    /// # Errors
    /// What it has raised; `type/mismatch` when the word is no handle.
    pub fn answer_of(&mut self, handle: Word) -> Result<Option<Word>, Raise> {
        let Some(obj) = Obj::from_word(handle).filter(|obj| obj.kind() == Kind::Fiber) else {
            return Err(self.type_mismatch(":fiber", handle));
        };
        let state = obj.header().aux();
        if state & ANSWERED != 0 {
            return Ok(Some(obj.get(2)));
        }
        if state & RAISED != 0 {
            return Err(self.raise_value(obj.get(2)));
        }
        Ok(None)
    }

    /// Asks a fiber or an isolate to stop; it raises `fiber/cancelled`, which no handler takes, when it next runs.
    pub fn cancel(&mut self, id: FiberId) {
        if let Some(stop) = self.fibers.stops.remove(&id) {
            return stop();
        }
        for mut fiber in self.fibers.take_waiting(|fiber| fiber.id == id) {
            fiber.state = FiberState::Runnable;
            self.fibers.ready.push_back(fiber);
        }
        for fiber in &mut self.fibers.ready {
            if fiber.id == id {
                fiber.cancelled = true;
            }
        }
    }

    /// Parks the running fiber until `id` ends. `pc` is past the instruction whose register `a` takes the answer.
    pub(crate) fn park(&mut self, id: FiberId) -> Carried {
        self.running_fiber().state = FiberState::Waiting(id);
        Ok(Flow::Leave(Exit::Park))
    }

    /// Runs fibers in turn until that one ends.
    pub(crate) fn run_until(&mut self, id: FiberId) -> Outcome {
        self.fibers.runs.push(id);
        let outcome = self.take_turns(id);
        self.fibers.runs.pop();
        outcome
    }

    fn take_turns(&mut self, id: FiberId) -> Outcome {
        loop {
            if let Some(ending) = self.fibers.endings.remove(&id) {
                return match ending {
                    Ending::Answer(word) => Ok(word),
                    Ending::Error(error) => Err(self.raise_value(error)),
                };
            }
            self.read_inbox();
            match self.fibers.ready.pop_front() {
                Some(fiber) => self.run_slice(fiber),
                // A letter that ran code has carried this fiber to its end.
                None if self.fibers.endings.contains_key(&id) => {}
                None => self.wait_for_letters()?,
            }
        }
    }

    /// Waits for letters, since no fiber can run. After a while the isolate gives back what it does not need to wait.
    fn wait_for_letters(&mut self) -> Result<(), Raise> {
        if !self.inbox.is_waited_for() {
            self.abandon();
            return Err(self.raise("fiber/deadlock", "every fiber waits for another one"));
        }
        if let Err(raise) = self.check_limits() {
            let error = self.take_error(raise);
            self.abandon();
            return Err(self.raise_value(error));
        }
        let patience = if self.is_resting { LONGEST_WAIT } else { IDLE_AFTER };
        let at_most = self.deadline.map_or(patience, |deadline| {
            deadline.saturating_duration_since(Instant::now()).min(patience)
        });
        if self.inbox.wait(at_most) {
            self.is_resting = false;
        } else if !self.is_resting {
            self.rest();
            self.is_resting = true;
        }
        Ok(())
    }

    /// Drops every fiber; the run that they belong to is over. What was started in other isolates goes on.
    fn abandon(&mut self) {
        let mut fibers: Vec<Box<Fiber>> = self.fibers.ready.drain(..).collect();
        fibers.extend(self.fibers.take_waiting(|fiber| fiber.driven == NOT_DRIVEN));
        for fiber in fibers {
            self.retire(fiber);
        }
        self.inbox.close_run();
        drop(std::mem::take(&mut self.fibers.observers));
        let is_of_run = |word: Word| {
            let obj = Obj::from_word(word).expect("handles are objects");
            obj.header().aux() & OF_ISOLATE == 0
        };
        let open = self.fibers.handles.iter();
        let ended: Vec<FiberId> = open
            .filter(|(_, handle)| is_of_run(**handle))
            .map(|(id, _)| *id)
            .collect();
        if ended.is_empty() {
            return;
        }
        let error = match self.make_error(
            "fiber/cancelled",
            "the run that the fiber was part of is over",
            NIL,
        ) {
            Ok(error) => error,
            Err(raise) => self.take_error(raise),
        };
        self.out_of_memory = false;
        for id in ended {
            self.end(id, Ending::Error(error));
        }
    }

    /// Runs what was posted to this isolate, at once; for natives that have waited outside of the machine.
    pub fn read_posts(&mut self) {
        for letter in self.inbox.take_posts() {
            if let Err(raise) = letter(self) {
                self.take_error(raise);
            }
        }
    }

    pub(crate) fn read_inbox(&mut self) {
        let outer = RUNNING.replace(self);
        for (promise, _, letter) in self.inbox.take() {
            let outcome = letter(self);
            if promise == 0 {
                continue;
            }
            let ending = match outcome {
                Ok(word) => Ending::Answer(word),
                Err(raise) => Ending::Error(self.take_error(raise)),
            };
            self.end(promise, ending);
        }
        RUNNING.set(outer);
    }

    /// Records how a fiber or promise ended, and wakes who waits for it.
    pub(crate) fn end(&mut self, id: FiberId, ending: Ending) {
        for mut fiber in self.fibers.waiting.remove(&id).unwrap_or_default() {
            fiber.state = FiberState::Runnable;
            deliver(&mut fiber, ending);
            self.make_ready(fiber);
        }
        self.fibers.stops.remove(&id);
        if let Some(handle) = self.fibers.handles.remove(&id).and_then(Obj::from_word) {
            let (state, word) = match ending {
                Ending::Answer(word) => (ANSWERED, word),
                Ending::Error(word) => (RAISED, word),
            };
            let header = handle.header();
            handle.set_header(header.with_aux(header.aux() | state));
            self.heap.write(handle, 2, word);
        }
        if self.fibers.runs.contains(&id) {
            self.fibers.endings.insert(id, ending);
        }
        if !self.fibers.observers.is_empty()
            && let Some(observer) = self.fibers.observers.remove(&id)
        {
            let outcome = match ending {
                Ending::Answer(word) => Ok(word),
                Ending::Error(error) => Err(error),
            };
            running_in(self, |vm| observer(vm, outcome));
        }
    }

    /// A fiber can go on: in turn, or when it is polled.
    pub(crate) fn make_ready(&mut self, fiber: Box<Fiber>) {
        if fiber.driven == NOT_DRIVEN {
            self.fibers.ready.push_back(fiber);
        } else {
            self.driven.ready(fiber);
        }
    }

    pub(crate) fn run_slice(&mut self, fiber: Box<Fiber>) {
        let (id, driven) = (fiber.id, fiber.driven);
        let outer_account = self.enter_account(fiber.account);
        self.switch_in(fiber);
        let outer = RUNNING.replace(self);
        let exit = self.run_fiber();
        RUNNING.set(outer);
        let fiber = self.switch_out();
        match exit {
            Exit::Yield => self.make_ready(fiber),
            Exit::Park => match fiber.state {
                // Nothing ends between the look at a handle and this.
                FiberState::Waiting(on) => {
                    if driven != NOT_DRIVEN {
                        self.driven.waits(driven, on);
                    }
                    self.fibers.waiting.entry(on).or_default().push(fiber);
                }
                FiberState::Runnable => self.make_ready(fiber),
            },
            Exit::Halt => {
                self.retire(fiber);
                self.end_of_fiber(id, driven, Ending::Answer(self.result));
            }
            Exit::Raised => {
                let error = std::mem::replace(&mut self.pending, NIL);
                self.retire(fiber);
                self.end_of_fiber(id, driven, Ending::Error(error));
            }
        }
        self.leave_account(outer_account);
    }

    fn end_of_fiber(&mut self, id: FiberId, driven: u32, ending: Ending) {
        if driven == NOT_DRIVEN {
            self.end(id, ending);
        } else {
            // There is no handle of it.
            self.driven.ended(driven, ending);
        }
    }

    fn run_fiber(&mut self) -> Exit {
        self.profile_begins();
        if self.running_fiber().cancelled {
            self.raise("fiber/cancelled", "the fiber was cancelled");
            return Exit::Raised;
        }
        if self.is_overdue()
            && let Err(raise) = self.check_limits()
            && let Flow::Leave(exit) = self.unwind(raise)
        {
            return exit;
        }
        if let Some(error) = self.running_fiber().delivered_error.take() {
            self.accounts.base_quota = self.limits.memory_bytes;
            self.apply_quota();
            let raise = self.raise_value(error);
            if let Flow::Leave(exit) = self.unwind(raise) {
                return exit;
            }
        } else if !std::mem::replace(&mut self.running_fiber().started, true) {
            match self.begin() {
                Ok(Flow::Continue) => {}
                Ok(Flow::Leave(exit)) => return exit,
                Err(raise) => {
                    if let Flow::Leave(exit) = self.unwind(raise) {
                        return exit;
                    }
                }
            }
        }
        self.enter_loop()
    }

    /// Makes the call that a fresh fiber begins with.
    fn begin(&mut self) -> Carried {
        let argc = self.running_fiber().n_arguments;
        let callee = self.r(0);
        self.open_first_frame(callee, argc)
    }

    fn switch_in(&mut self, fiber: Box<Fiber>) {
        let fuel = self.next_slice();
        self.registers = crate::vm::Registers {
            fuel,
            ..fiber.registers
        };
        self.stack_soft = fiber.stack_soft;
        self.frame_end = fiber.frame_end();
        self.enter_link(fiber.link);
        self.fiber = Some(fiber);
    }

    fn switch_out(&mut self) -> Box<Fiber> {
        self.settle_fuel();
        self.park_registers();
        self.fiber.take().expect("a fiber was switched in")
    }

    /// A fiber has ended: counts it off, and keeps it for the next one.
    pub(crate) fn retire(&mut self, mut fiber: Box<Fiber>) {
        self.fibers.alive = self.fibers.alive.saturating_sub(1);
        self.heap.stack_bytes = self.heap.stack_bytes.saturating_sub(fiber.counted);
        self.accounts.leave(fiber.account);
        self.links.leave(fiber.link);
        let n_kept = if self.driven.is_on {
            DRIVEN_SPARE_FIBERS
        } else {
            SPARE_FIBERS
        };
        if self.fibers.spare.len() < n_kept {
            fiber.put_by(self.heap.n_collections());
            self.fibers.spare.push(fiber);
        }
    }

    /// Takes the next slice out of the run's fuel.
    pub(crate) fn next_slice(&mut self) -> i64 {
        self.fuel_slice = SLICE_FUEL.min(i64::try_from(self.fuel_left).unwrap_or(SLICE_FUEL));
        self.fuel_slice
    }

    /// Counts what the slice has used.
    pub(crate) fn settle_fuel(&mut self) {
        let used = (self.fuel_slice - self.registers.fuel).max(0) as u64;
        self.fuel_left = self.fuel_left.saturating_sub(used);
        self.fuel_used += used;
        self.fuel_slice = 0;
        self.registers.fuel = 0;
    }

    /// Calls a function as part of what runs now, with at most that much of its fuel. Using that up is an error that can be
    /// handled, unlike the end of the whole run's fuel.
    ///
    /// # Errors
    /// What the function raises.
    pub fn call_within(&mut self, callee: Word, arguments: &[Word], fuel: u64) -> Outcome {
        if self.fiber.is_none() {
            let limits = self.limits;
            self.limits.fuel = limits.fuel.min(fuel);
            let outcome = self.call(callee, arguments);
            self.limits.fuel = limits.fuel;
            return outcome;
        }
        self.settle_fuel();
        let before = self.fuel_left;
        self.fuel_left = before.min(fuel);
        self.registers.fuel = self.next_slice();
        let outcome = self.call(callee, arguments);
        self.settle_fuel();
        let used = before.min(fuel) - self.fuel_left;
        if self.fuel_left == 0 && before > used {
            self.running_fiber().cancelled = false;
        }
        self.fuel_left = before - used;
        self.registers.fuel = self.next_slice();
        outcome
    }

    /// The slice is used up: counts it, looks at the limits, lets other fibers run. `pc` is on the instruction that is
    /// to be carried out next.
    pub(crate) fn out_of_fuel(&mut self) -> Carried {
        self.settle_fuel();
        if let Err(raise) = self.check_limits() {
            // SAFETY: the error is told of the instruction that `pc` is on.
            self.registers.pc = unsafe { self.registers.pc.add(1) };
            return Err(raise);
        }
        let is_wanted = || self.driven.is_on || !self.fibers.ready.is_empty() || self.inbox.has_arrived();
        // Native code that has called back into the program holds its fiber.
        if self.n_native_calls == 0 && is_wanted() {
            return Ok(Flow::Leave(Exit::Yield));
        }
        self.registers.fuel = self.next_slice();
        Ok(Flow::Continue)
    }
}

thread_local! {
    static RUNNING: Cell<*mut Vm> = const { Cell::new(std::ptr::null_mut()) };
}

/// The machine that runs on this thread, or null when none does.
#[must_use]
pub fn running() -> *mut Vm {
    RUNNING.get()
}

/// Runs something in a machine that then is the one that runs on this thread.
pub(crate) fn running_in<T>(vm: &mut Vm, run: impl FnOnce(&mut Vm) -> T) -> T {
    let outer = RUNNING.replace(vm);
    let done = run(vm);
    RUNNING.set(outer);
    done
}

/// Puts the answer that a fiber waited for into its register, or the error where the fiber raises it.
fn deliver(fiber: &mut Fiber, ending: Ending) {
    match ending {
        Ending::Answer(word) => {
            // SAFETY: the fiber was parked past the instruction whose register `a` takes the answer.
            unsafe {
                let register = (*fiber.registers.pc.sub(1)).a();
                *fiber.registers.base.add(register as usize) = word;
            }
        }
        Ending::Error(error) => fiber.delivered_error = Some(error),
    }
}
