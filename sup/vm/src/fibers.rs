//! What is done with fibers that do not run: taking them out, numbering what they wait for, counting their stacks.

use crate::fiber::{Fiber, FiberId};
use crate::schedule::{Fibers, Observer, RESTING_BYTES};

impl Fibers {
    /// Takes those out that wait and are meant.
    #[allow(clippy::vec_box)]
    pub(crate) fn take_waiting(&mut self, is_meant: impl Fn(&Fiber) -> bool) -> Vec<Box<Fiber>> {
        let mut taken = Vec::new();
        self.waiting.retain(|_, waiters| {
            let mut index = 0;
            while index < waiters.len() {
                if is_meant(&waiters[index]) {
                    taken.push(waiters.remove(index));
                } else {
                    index += 1;
                }
            }
            !waiters.is_empty()
        });
        taken
    }
}

impl Fibers {
    /// A number that no fiber, promise or answer has had.
    pub(crate) fn new_id(&mut self) -> FiberId {
        self.next_id += 1;
        self.next_id
    }

    pub(crate) fn add_observer(&mut self, id: FiberId, observer: Observer) {
        self.observers.insert(id, observer);
    }

    pub(crate) fn n_alive(&self) -> usize {
        self.alive
    }

    /// Takes a driven fiber out that waits for that.
    pub(crate) fn take_driven(&mut self, driven: u32, on: FiberId) -> Option<Box<Fiber>> {
        let waiters = self.waiting.get_mut(&on)?;
        let index = waiters.iter().position(|fiber| fiber.driven == driven)?;
        let fiber = waiters.remove(index);
        if waiters.is_empty() {
            self.waiting.remove(&on);
        }
        Some(fiber)
    }
}

impl Fiber {
    /// Forgets what lies above the top of its stack; answers what its stacks count.
    pub(crate) fn settle(&mut self) -> usize {
        self.clear_above_top();
        self.counted = RESTING_BYTES + self.stack_used_bytes();
        self.counted
    }
}
