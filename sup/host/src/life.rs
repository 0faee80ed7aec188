//! The life of a generation: it serves, drains once another has taken its place, is quiet when its last holder has left, and
//! is retired when its state is gone.
//!
//! Holders count themselves in and out on any thread without a lock. Stage and count are one number, so that of everybody who
//! may see the last holder leave exactly one ends the generation, and nobody comes in behind that.
//! `tests/life.rs` checks this very file under every order of events that `loom` finds.

use crate::sync::{AtomicU64, Ordering};

/// Where a generation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Isolates may take it.
    Serving,
    /// Another generation has taken its place, or none; those who hold it may go on.
    Draining,
    /// Nobody holds it any more; its state is being taken down.
    Quiesced,
    /// Its state is gone.
    Retired,
}

/// Who has to do what after a holder has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Duty {
    /// Nothing.
    None,
    /// The caller, and nobody else, takes the state down and calls [`Life::retire`].
    End,
}

/// Stage and number of holders of a generation.
#[derive(Debug)]
pub struct Life {
    /// The stage in the two lowest bits, the number of holders above them.
    bits: AtomicU64,
}

const STAGE: u64 = 3;
const ONE: u64 = 4;
const DRAINING: u64 = Stage::Draining as u64;

impl Life {
    /// A generation that serves and that nobody holds yet.
    #[must_use]
    pub fn serving() -> Life {
        Life {
            bits: AtomicU64::new(Stage::Serving as u64),
        }
    }

    /// Counts a holder in, unless the generation does not serve any more.
    #[must_use]
    pub fn enter(&self) -> bool {
        let mut bits = self.bits.load(Ordering::Relaxed);
        while bits & STAGE == Stage::Serving as u64 {
            let entered = self
                .bits
                .compare_exchange(bits, bits + ONE, Ordering::Acquire, Ordering::Relaxed);
            match entered {
                Ok(_) => return true,
                Err(now) => bits = now,
            }
        }
        false
    }

    /// Counts one more in beside a holder that stays meanwhile, at whatever stage.
    pub fn enter_beside(&self) {
        let before = self.bits.fetch_add(ONE, Ordering::Relaxed);
        debug_assert!(before >= ONE, "somebody holds it already");
    }

    /// Counts a holder out.
    pub fn leave(&self) -> Duty {
        // What this holder has done with the state happens before the state is taken down.
        let before = self.bits.fetch_sub(ONE, Ordering::AcqRel);
        debug_assert!(before >= ONE, "who leaves has entered");
        if before == ONE | DRAINING {
            return self.quiesce();
        }
        Duty::None
    }

    /// Lets nobody in any more who does not hold it already.
    pub fn drain(&self) -> Duty {
        let before = self.bits.fetch_or(DRAINING, Ordering::AcqRel);
        if before == Stage::Serving as u64 {
            return self.quiesce();
        }
        Duty::None
    }

    /// Goes on from draining without holders. Of those who try at the same time one succeeds.
    fn quiesce(&self) -> Duty {
        let quiet = self.bits.compare_exchange(
            DRAINING,
            Stage::Quiesced as u64,
            Ordering::AcqRel,
            Ordering::Relaxed,
        );
        if quiet.is_ok() { Duty::End } else { Duty::None }
    }

    /// The state is gone.
    pub fn retire(&self) {
        self.bits.store(Stage::Retired as u64, Ordering::Release);
    }

    /// Where it stands.
    #[must_use]
    pub fn stage(&self) -> Stage {
        match self.bits.load(Ordering::Acquire) & STAGE {
            0 => Stage::Serving,
            1 => Stage::Draining,
            2 => Stage::Quiesced,
            _ => Stage::Retired,
        }
    }

    /// How many hold it.
    #[must_use]
    pub fn n_holders(&self) -> u64 {
        self.bits.load(Ordering::Relaxed) / ONE
    }
}
