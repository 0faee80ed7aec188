//! Fibers that somebody outside drives: each is polled for a slice at a time, as a future is, and wakes a waker when it is
//! worth polling again. What they spawn, and letters, is carried out by `drive_letters`.

use sup_abi::waker::{OwnedWaker, WakerRef};
use sup_abi::word::Word;

use crate::account::Allowance;
use crate::error::Raise;
use crate::fiber::{Fiber, FiberId, FiberState};
use crate::link::{LinkId, OWN_LINK};
use crate::schedule::{Ending, running_in};
use crate::vm::{INTERRUPT, Vm};

/// Background fibers that one call of `drive_letters` gives a slice each.
const SLICES_AT_ONCE: usize = 4;

/// Names a driven fiber; 0 is none. Its place, one further, and how many fibers have had that place.
pub type DrivenId = u64;

/// The place of a fiber that nobody drives.
pub(crate) const NOT_DRIVEN: u32 = u32::MAX;

enum State {
    Free,
    Ready(Box<Fiber>),
    Running,
    /// It lies with what it waits for.
    Waiting(FiberId),
    Ended(Ending),
}

struct Place {
    n_uses: u32,
    state: State,
    waker: Option<OwnedWaker>,
}

/// The driven fibers of an isolate.
#[derive(Default)]
pub(crate) struct Driven {
    /// Somebody drives the isolate.
    pub is_on: bool,
    places: Vec<Place>,
    free: Vec<u32>,
}

/// What polling a driven fiber came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Polled {
    /// Its waker will be woken.
    Pending,
    /// It has ended, and is to be taken.
    Ended,
    /// There is no such fiber.
    Unknown,
}

/// What `drive_letters` found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// There is more to do, and the waker was woken.
    pub is_more: bool,
    /// The isolate was told to end.
    pub is_stopped: bool,
}

impl Driven {
    fn add(&mut self, state: State) -> u32 {
        let index = self.free.pop().unwrap_or_else(|| {
            self.places.push(Place {
                n_uses: 0,
                state: State::Free,
                waker: None,
            });
            (self.places.len() - 1) as u32
        });
        let place = &mut self.places[index as usize];
        place.n_uses = place.n_uses.wrapping_add(1);
        place.state = state;
        index
    }

    fn id(&self, index: u32) -> DrivenId {
        u64::from(self.places[index as usize].n_uses) << 32 | (u64::from(index) + 1)
    }

    /// The place of a fiber that is known.
    fn index(&self, id: DrivenId) -> Option<u32> {
        let index = (id as u32).checked_sub(1)?;
        let place = self.places.get(index as usize)?;
        let is_it = place.n_uses == (id >> 32) as u32 && !matches!(place.state, State::Free);
        is_it.then_some(index)
    }

    fn free(&mut self, index: u32) -> State {
        let place = &mut self.places[index as usize];
        place.waker = None;
        self.free.push(index);
        std::mem::replace(&mut place.state, State::Free)
    }

    /// Those that have not ended and neither run nor wait.
    pub fn resting(&mut self) -> impl Iterator<Item = &mut Box<Fiber>> {
        self.places.iter_mut().filter_map(|place| match &mut place.state {
            State::Ready(fiber) => Some(fiber),
            _ => None,
        })
    }

    /// How those have ended that were not taken yet.
    pub fn endings(&mut self) -> impl Iterator<Item = &mut Ending> {
        self.places.iter_mut().filter_map(|place| match &mut place.state {
            State::Ended(ending) => Some(ending),
            _ => None,
        })
    }

    /// A fiber is worth polling.
    pub fn ready(&mut self, fiber: Box<Fiber>) {
        let place = &mut self.places[fiber.driven as usize];
        place.state = State::Ready(fiber);
        if let Some(waker) = &place.waker {
            waker.wake();
        }
    }

    /// A fiber waits.
    pub fn waits(&mut self, index: u32, on: FiberId) {
        self.places[index as usize].state = State::Waiting(on);
    }

    /// A fiber has ended.
    pub fn ended(&mut self, index: u32, ending: Ending) {
        self.places[index as usize].state = State::Ended(ending);
    }

    /// The fiber of that number, taken from those that are ready.
    pub fn take_ready(&mut self, id: FiberId) -> Option<Box<Fiber>> {
        let place = self
            .places
            .iter_mut()
            .find(|place| matches!(&place.state, State::Ready(fiber) if fiber.id == id))?;
        match std::mem::replace(&mut place.state, State::Running) {
            State::Ready(fiber) => Some(fiber),
            _ => None,
        }
    }
}

impl Vm {
    /// From now on fibers of this isolate are polled by somebody who owns its thread.
    pub fn begin_driving(&mut self) {
        self.driven.is_on = true;
    }

    /// Ends every fiber that is left. What they wait for is given up.
    pub fn end_driving(&mut self) {
        let known: Vec<DrivenId> = (0..self.driven.places.len() as u32)
            .map(|index| self.driven.id(index))
            .collect();
        for id in known {
            self.drop_driven(id);
        }
        self.driven.is_on = false;
        self.inbox.forget_waker();
        self.stop_watching();
    }

    /// Runs something that makes or reads values of this isolate, between fibers.
    pub fn between_fibers<T>(&mut self, run: impl FnOnce(&mut Vm) -> T) -> T {
        self.enter_link(OWN_LINK);
        running_in(self, run)
    }

    /// A fiber that calls `callee` when it is polled. One that cannot begin has ended with the error that says why.
    pub fn start_driven(&mut self, callee: Word, arguments: &[Word], allowance: &Allowance) -> DrivenId {
        self.start_driven_under(OWN_LINK, callee, arguments, allowance)
    }

    /// The same under a link, which the machine stays in until something else is wanted of it.
    pub fn start_driven_under(
        &mut self,
        link: LinkId,
        callee: Word,
        arguments: &[Word],
        allowance: &Allowance,
    ) -> DrivenId {
        self.enter_link(link);
        let account = if *allowance == Allowance::default() && self.limits.deadline_ms.is_none() {
            0
        } else {
            self.new_account(allowance)
        };
        match self.new_fiber(callee, arguments, account) {
            Ok(mut fiber) => {
                let index = self.driven.add(State::Running);
                fiber.driven = index;
                self.driven.places[index as usize].state = State::Ready(fiber);
                self.driven.id(index)
            }
            Err(raise) => {
                self.accounts.join(account);
                self.accounts.leave(account);
                self.start_ended(raise)
            }
        }
    }

    /// A fiber that has ended with the error that was raised.
    pub fn start_ended(&mut self, raise: Raise) -> DrivenId {
        self.settle_memory_error();
        let error = self.take_error(raise);
        let index = self.driven.add(State::Ended(Ending::Error(error)));
        self.driven.id(index)
    }

    /// Runs a fiber for at most a slice, unless it waits.
    pub fn poll_driven(&mut self, id: DrivenId, waker: Option<WakerRef<'_>>) -> Polled {
        let Some(index) = self.driven.index(id) else {
            return Polled::Unknown;
        };
        let place = &mut self.driven.places[index as usize];
        match std::mem::replace(&mut place.state, State::Running) {
            State::Ready(fiber) => {
                // It wakes nobody while it is polled.
                let known = place.waker.take();
                self.run_slice(fiber);
                self.keep_driving();
                self.polled(index, known, waker)
            }
            State::Waiting(on) => {
                place.state = State::Waiting(on);
                let known = place.waker.take();
                self.polled(index, known, waker)
            }
            State::Ended(ending) => {
                place.state = State::Ended(ending);
                Polled::Ended
            }
            State::Running | State::Free => Polled::Unknown,
        }
    }

    fn polled(&mut self, index: u32, known: Option<OwnedWaker>, waker: Option<WakerRef<'_>>) -> Polled {
        let place = &mut self.driven.places[index as usize];
        let is_ready = match place.state {
            State::Ended(_) => return Polled::Ended,
            State::Ready(_) => true,
            _ => false,
        };
        if let Some(waker) = waker {
            place.waker = match known {
                Some(known) if known.will_wake(waker) => Some(known),
                _ => Some(waker.to_owned()),
            };
            if is_ready {
                waker.wake();
            }
        }
        Polled::Pending
    }

    /// Shows how a fiber has ended, and forgets it; false when it has not ended.
    pub fn take_driven(&mut self, id: DrivenId, visit: impl FnOnce(&mut Vm, Result<Word, Word>)) -> bool {
        let Some(index) = self.driven.index(id) else {
            return false;
        };
        if !matches!(self.driven.places[index as usize].state, State::Ended(_)) {
            return false;
        }
        if let State::Ended(ending) = self.driven.free(index) {
            let outcome = match ending {
                Ending::Answer(word) => Ok(word),
                Ending::Error(error) => Err(error),
            };
            // Nothing is collected before this returns.
            running_in(self, |vm| visit(vm, outcome));
        }
        true
    }

    /// Has a fiber raise `fiber/cancelled` when it is next polled; false when it has ended.
    pub fn cancel_driven(&mut self, id: DrivenId) -> bool {
        let Some(index) = self.driven.index(id) else {
            return false;
        };
        match &mut self.driven.places[index as usize].state {
            State::Ready(fiber) => fiber.be_cancelled(),
            State::Waiting(on) => {
                let on = *on;
                if let Some(mut fiber) = self.fibers.take_driven(index, on) {
                    fiber.state = FiberState::Runnable;
                    fiber.be_cancelled();
                    self.driven.ready(fiber);
                }
            }
            _ => return false,
        }
        true
    }

    /// Forgets a fiber, which does not run again.
    pub fn drop_driven(&mut self, id: DrivenId) {
        let Some(index) = self.driven.index(id) else {
            return;
        };
        let fiber = match self.driven.free(index) {
            State::Ready(fiber) => Some(fiber),
            State::Waiting(on) => self.fibers.take_driven(index, on),
            _ => None,
        };
        if let Some(fiber) = fiber {
            self.retire(fiber);
        }
    }

    /// Does what has come up between fibers: opens letters, ends what waited too long, gives each background fiber a slice.
    /// The waker is woken when there is more.
    pub fn drive_letters(&mut self, waker: Option<WakerRef<'_>>) -> Progress {
        if let Some(waker) = waker {
            self.inbox.wake_by(waker);
        }
        self.enter_link(OWN_LINK);
        self.end_overdue();
        self.read_inbox();
        for _ in 0..SLICES_AT_ONCE {
            let Some(fiber) = self.fibers.ready.pop_front() else {
                break;
            };
            self.run_slice(fiber);
        }
        if self.fibers.ready.is_empty() && self.heap.wants_collection {
            self.collect(crate::collect::Extent::Nursery);
        }
        let is_more = !self.fibers.ready.is_empty() || self.inbox.has_arrived();
        if let Some(waker) = waker.filter(|_| is_more) {
            waker.wake();
        }
        Progress {
            is_more,
            is_stopped: self.interrupt.load(std::sync::atomic::Ordering::Relaxed) & INTERRUPT != 0,
        }
    }

    /// Wakes whoever calls `drive_letters` when a driven fiber has left it something to do.
    fn keep_driving(&mut self) {
        if !self.fibers.ready.is_empty() {
            self.inbox.nudge();
        }
    }

    /// How many fibers are alive.
    #[must_use]
    pub fn n_fibers(&self) -> usize {
        self.fibers.n_alive()
    }

    /// How many fibers are driven, those included that have ended and were not taken.
    #[must_use]
    pub fn n_driven(&self) -> usize {
        self.driven.places.len() - self.driven.free.len()
    }
}

impl Fiber {
    /// It raises `fiber/cancelled` when it next runs.
    fn be_cancelled(&mut self) {
        self.cancelled = true;
        self.delivered_error = None;
    }
}

impl Ending {
    pub(crate) fn word_mut(&mut self) -> &mut Word {
        match self {
            Ending::Answer(word) | Ending::Error(word) => word,
        }
    }
}
