//! What stops a run: its fuel, its deadline, an interrupt. Looked at when a slice is used up, and when another thread calls.

use std::sync::atomic::Ordering;
use std::time::Instant;

use crate::error::Raise;
use crate::vm::{INTERRUPT, Vm};

impl Vm {
    /// Whether another thread calls: the run was interrupted, or its time is over.
    #[inline(always)]
    pub(crate) fn is_called(&self) -> bool {
        self.interrupt.load(Ordering::Relaxed) != 0
    }

    /// Looks at the limits since another thread called. Natives may take long and cost one unit of fuel, so the end of a slice
    /// is not soon enough.
    #[cold]
    #[inline(never)]
    pub(crate) fn answer_call(&mut self) -> Result<(), Raise> {
        self.interrupt
            .fetch_and(!crate::clock::TIME_IS_OVER, Ordering::Relaxed);
        self.end_overdue();
        if self.fiber.is_none() {
            return Ok(());
        }
        let (slice, fuel) = (self.fuel_slice, self.registers.fuel);
        self.check_limits()?;
        (self.fuel_slice, self.registers.fuel) = (slice, fuel);
        Ok(())
    }

    pub(crate) fn check_limits(&mut self) -> Result<(), Raise> {
        if self.fuel_left == 0 {
            let limit = self.fuel_limit();
            self.running_cancelled();
            return Err(self.raise("vm/fuel", &format!("the program used up its fuel of {limit}")));
        }
        if self.interrupt.load(Ordering::Relaxed) & INTERRUPT != 0 {
            self.running_cancelled();
            return Err(self.raise("vm/interrupted", "the evaluation was interrupted"));
        }
        if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            let limit = self.deadline_limit_ms();
            self.running_cancelled();
            return Err(self.raise(
                "vm/deadline",
                &format!("the program ran longer than its limit of {limit} ms"),
            ));
        }
        Ok(())
    }

    /// Told by a native function that it did as much as `n` turns of a loop take: counts the fuel and, when that was a slice,
    /// looks at the limits, so that a long native is stopped as a loop is.
    ///
    /// # Errors
    /// When the run is out of fuel or time, or was interrupted.
    #[inline]
    pub fn work(&mut self, n: usize) -> Result<(), Raise> {
        self.registers.fuel = self.registers.fuel.saturating_sub(n as i64);
        if self.registers.fuel > 0 {
            return Ok(());
        }
        self.work_beyond_slice()
    }

    #[cold]
    #[inline(never)]
    fn work_beyond_slice(&mut self) -> Result<(), Raise> {
        if self.fiber.is_none() {
            return Ok(());
        }
        self.settle_fuel();
        self.check_limits()?;
        self.registers.fuel = self.next_slice();
        Ok(())
    }

    /// Whether a native function that takes long should give up: the run was interrupted or its time is over.
    #[must_use]
    pub fn interrupted(&self) -> bool {
        self.interrupt.load(Ordering::Relaxed) & INTERRUPT != 0
            || self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// No handler takes what ends a whole run.
    fn running_cancelled(&mut self) {
        if let Some(fiber) = &mut self.fiber {
            fiber.cancelled = true;
        }
    }
}
