//! Answers that the host gives inside an isolate, and who goes on when something ends.

use sup_abi::word::Word;

use crate::fiber::FiberId;
use crate::schedule::{Ending, Observer};
use crate::vm::Vm;

impl Vm {
    /// Something that a fiber can be parked on until `give_answer`. No other thread knows of it, so that a fiber that waits for
    /// it in vain is found out.
    pub fn open_answer(&mut self) -> FiberId {
        self.fibers.new_id()
    }

    /// What those get who are parked on an answer.
    pub fn give_answer(&mut self, id: FiberId, outcome: Result<Word, Word>) {
        let ending = match outcome {
            Ok(word) => Ending::Answer(word),
            Err(error) => Ending::Error(error),
        };
        self.end(id, ending);
    }

    /// Has somebody go on when a fiber or promise ends that has not ended yet.
    pub fn observe(&mut self, id: FiberId, observer: Observer) {
        self.fibers.add_observer(id, observer);
    }
}
