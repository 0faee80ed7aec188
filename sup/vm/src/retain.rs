//! Memory is out: which fiber keeps most of it, and fails.

use sup_abi::word::Word;

use crate::collect::Roots;
use crate::error::Raise;
use crate::fiber::{FiberId, FiberState};
use crate::schedule::Fibers;
use crate::vm::Vm;

/// What fibers may use beyond the quota until one that was told to fail has run, in bytes.
const LARGEST_LEEWAY: usize = 1024 * 1024;

impl Fibers {
    /// Has a fiber that rests raise an error next; false when it is about to raise one already.
    fn fail(&mut self, id: FiberId, error: Word) -> bool {
        let mut found = None;
        for waiters in self.waiting.values_mut() {
            if let Some(index) = waiters.iter().position(|fiber| fiber.id == id) {
                found = Some(waiters.remove(index));
            }
        }
        if let Some(index) = self.ready.iter().position(|fiber| fiber.id == id) {
            found = self.ready.remove(index);
        }
        let Some(mut fiber) = found else { return false };
        let is_new = fiber.delivered_error.is_none();
        fiber.state = FiberState::Runnable;
        fiber.delivered_error.get_or_insert(error);
        self.ready.push_front(fiber);
        is_new
    }
}

impl Vm {
    /// After everything was collected and the quota does not suffice: the fiber that keeps most gets `vm/memory`. If that
    /// is not the running one, this one goes on with a little more than the quota until the other has run.
    pub(crate) fn fail_largest(&mut self) -> Result<(), Raise> {
        let mut groups = vec![self.shared_roots()];
        let Some(fiber) = &mut self.fiber else {
            return Err(self.raise_memory());
        };
        let mut sizes = vec![(fiber.id, fiber.counted)];
        let mut roots = Roots::default();
        fiber.add_roots(&mut roots);
        groups.push(roots);
        for fiber in self.fibers.resting() {
            let mut roots = Roots::default();
            fiber.add_roots(&mut roots);
            groups.push(roots);
            sizes.push((fiber.id, fiber.counted));
        }
        if sizes.len() > 1 {
            let kept = self.heap.mark_by_group(&groups);
            for (size, kept) in sizes.iter_mut().zip(&kept[1..]) {
                size.1 += kept;
            }
        }
        let largest = sizes.iter().max_by_key(|(_, bytes)| *bytes).expect("one runs").0;
        if largest == sizes[0].0 {
            return Err(self.raise_memory());
        }
        let error = self.memory_error();
        if !self.fibers.fail(largest, error) {
            return Err(self.raise_memory());
        }
        self.heap
            .set_quota(self.limits.memory_bytes.saturating_add(LARGEST_LEEWAY));
        self.registers.fuel = self.registers.fuel.min(0);
        Ok(())
    }
}
