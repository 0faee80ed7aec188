//! Memory is out: which fiber keeps most of it, and fails.

use sup_abi::word::Word;

use crate::collect::Roots;
use crate::driven::NOT_DRIVEN;
use crate::error::Raise;
use crate::fiber::{FiberId, FiberState};
use crate::vm::Vm;

/// What fibers may use beyond the quota until one that was told to fail has run, in bytes.
const LARGEST_LEEWAY: usize = 1024 * 1024;

/// What a fiber keeps.
pub(crate) struct Size {
    pub id: FiberId,
    pub account: u32,
    pub bytes: usize,
}

impl Vm {
    /// Has a fiber that rests raise an error next; false when it is about to raise one already.
    pub(crate) fn fail_fiber(&mut self, id: FiberId, error: Word) -> bool {
        let waiting = self.fibers.take_waiting(|fiber| fiber.id == id).pop();
        let found = waiting
            .or_else(|| {
                let index = self.fibers.ready.iter().position(|fiber| fiber.id == id)?;
                self.fibers.ready.remove(index)
            })
            .or_else(|| self.driven.take_ready(id));
        let Some(mut fiber) = found else { return false };
        let is_new = fiber.delivered_error.is_none();
        fiber.state = FiberState::Runnable;
        fiber.delivered_error.get_or_insert(error);
        if fiber.driven == NOT_DRIVEN {
            self.fibers.ready.push_front(fiber);
        } else {
            self.driven.ready(fiber);
        }
        is_new
    }

    /// What each fiber keeps, the running one first. To be called after everything was collected.
    pub(crate) fn sizes_by_fiber(&mut self) -> Vec<Size> {
        let mut groups = vec![self.shared_roots()];
        let mut sizes = Vec::new();
        let resting = self.fibers.resting().chain(self.driven.resting());
        for fiber in self.fiber.iter_mut().chain(resting) {
            let mut roots = Roots::default();
            fiber.add_roots(&mut roots);
            groups.push(roots);
            sizes.push(Size {
                id: fiber.id,
                account: fiber.account,
                bytes: fiber.counted,
            });
        }
        if sizes.len() > 1 {
            let kept = self.heap.mark_by_group(&groups);
            for (size, kept) in sizes.iter_mut().zip(&kept[1..]) {
                size.bytes += kept;
            }
        }
        sizes
    }

    /// After everything was collected and the quota does not suffice: the fiber that keeps most gets `vm/memory`. If that
    /// is not the running one, this one goes on with a little more than the quota until the other has run.
    pub(crate) fn fail_largest(&mut self) -> Result<(), Raise> {
        if self.fiber.is_none() || self.is_over_slice_cap() {
            return Err(self.raise_memory());
        }
        let sizes = self.sizes_by_fiber();
        let largest = sizes.iter().max_by_key(|size| size.bytes).expect("one runs").id;
        if largest == sizes[0].id {
            return Err(self.raise_memory());
        }
        let error = self.memory_error();
        if !self.fail_fiber(largest, error) {
            return Err(self.raise_memory());
        }
        self.accounts.base_quota = self.limits.memory_bytes.saturating_add(LARGEST_LEEWAY);
        self.apply_quota();
        self.registers.fuel = self.registers.fuel.min(0);
        Ok(())
    }
}
