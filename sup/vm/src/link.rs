//! Links: module variables that have a value of their own in each release that an isolate runs.
//!
//! Most module variables have one value in an isolate. Those that were bound to links have one in each: the values of the link
//! that runs stand in the cells, where code finds them as it finds any other, and those of the other links are parked. A fiber
//! runs under one link until it ends, and the fibers that it starts under the same. Going from one link to another swaps the
//! bound values, which happens only where fibers of different links take turns.

use std::collections::{HashMap, HashSet};

use sup_abi::word::{UNDEFINED, Word};

use crate::cells;
use crate::collect::Roots;
use crate::error::{Outcome, Raise};
use crate::fiber::FiberId;
use crate::vm::Vm;

/// Names a link of an isolate; never given out twice.
pub type LinkId = u32;

/// The link that an isolate begins with.
pub const OWN_LINK: LinkId = 0;

#[derive(Default)]
pub(crate) struct Links {
    /// The bound variables, by their numbers.
    bound: Vec<u32>,
    known: HashSet<u32>,
    current: LinkId,
    last: LinkId,
    /// The values of the links that do not run, in the order of `bound`; what is missing at the end has no value.
    parked: HashMap<LinkId, Vec<Word>>,
    n_fibers: HashMap<LinkId, usize>,
}

impl Links {
    pub fn add_roots(&mut self, roots: &mut Roots) {
        for values in self.parked.values_mut() {
            roots.add(values.as_mut_ptr(), values.len());
        }
    }

    /// A fiber begins under the current link; which that is.
    pub fn join(&mut self) -> LinkId {
        if self.current != OWN_LINK {
            *self.n_fibers.entry(self.current).or_default() += 1;
        }
        self.current
    }

    /// A fiber has ended.
    pub fn leave(&mut self, link: LinkId) {
        if let Some(count) = self.n_fibers.get_mut(&link) {
            *count = count.saturating_sub(1);
        }
    }
}

impl Vm {
    /// Makes a link in which no bound variable has a value.
    pub fn new_link(&mut self) -> LinkId {
        self.links.last += 1;
        self.links.parked.insert(self.links.last, Vec::new());
        self.links.last
    }

    /// The link that runs.
    #[must_use]
    pub fn link(&self) -> LinkId {
        self.links.current
    }

    /// Whether fibers run under a link, or it is the current one.
    #[must_use]
    pub fn is_link_used(&self, link: LinkId) -> bool {
        self.links.current == link || self.links.n_fibers.get(&link).is_some_and(|count| *count > 0)
    }

    /// Drops a link that nothing runs under, with its values. That of the isolate itself stays.
    pub fn close_link(&mut self, link: LinkId) {
        if link != OWN_LINK && !self.is_link_used(link) {
            self.links.parked.remove(&link);
            self.links.n_fibers.remove(&link);
        }
    }

    /// Has a module variable have a value in each link. What it has had becomes its value in the isolate's own.
    pub fn bind_cell(&mut self, module: &str, name: &str) {
        let id = cells::id(module, name);
        self.grow_cells(id as usize + 1);
        if !self.links.known.insert(id) {
            return;
        }
        if self.links.current != OWN_LINK {
            let word = std::mem::replace(&mut self.cells[id as usize], UNDEFINED);
            let own = self.links.parked.entry(OWN_LINK).or_default();
            own.resize(self.links.bound.len(), UNDEFINED);
            own.push(word);
        }
        self.links.bound.push(id);
    }

    /// Goes to a link. What runs next runs under it; a link that is not there any more counts as the isolate's own.
    pub fn enter_link(&mut self, link: LinkId) {
        if link == self.links.current {
            return;
        }
        let (link, mut next) = match self.links.parked.remove(&link) {
            Some(values) => (link, values),
            None => match self.links.parked.remove(&OWN_LINK) {
                Some(values) => (OWN_LINK, values),
                None => return,
            },
        };
        next.resize(self.links.bound.len(), UNDEFINED);
        for (id, word) in self.links.bound.iter().zip(&mut next) {
            std::mem::swap(&mut self.cells[*id as usize], word);
        }
        let before = std::mem::replace(&mut self.links.current, link);
        self.links.parked.insert(before, next);
    }

    /// Starts a fiber under a link; see [`Vm::spawn`].
    ///
    /// # Errors
    /// As `spawn`.
    pub fn spawn_under(&mut self, link: LinkId, callee: Word, arguments: &[Word]) -> Result<FiberId, Raise> {
        let before = self.link();
        self.enter_link(link);
        let outcome = self.spawn(callee, arguments);
        self.enter_link(before);
        outcome
    }

    /// Calls a function under a link; see [`Vm::call`].
    ///
    /// # Errors
    /// What it raises.
    pub fn call_under(&mut self, link: LinkId, callee: Word, arguments: &[Word]) -> Outcome {
        let before = self.link();
        self.enter_link(link);
        let outcome = self.call(callee, arguments);
        self.enter_link(before);
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::Extent;

    fn fixnum(value: i64) -> Word {
        sup_abi::word::fixnum(value).expect("it is small")
    }

    #[test]
    fn bound_variables_have_a_value_in_each_link_and_others_one() {
        let mut vm = Vm::for_tests();
        vm.set_cell("link-test", "shared", fixnum(1));
        vm.set_cell("link-test", "own", fixnum(2));
        vm.bind_cell("link-test", "own");
        let second = vm.new_link();
        vm.enter_link(second);
        assert_eq!(vm.cell("link-test", "own"), None);
        assert_eq!(vm.cell("link-test", "shared"), Some(fixnum(1)));
        let text = vm
            .new_str("a text that is long enough for the heap")
            .expect("there is room");
        vm.set_cell("link-test", "own", text);
        vm.set_cell("link-test", "shared", fixnum(3));
        // Bound later: the value that it had is the own link's.
        vm.set_cell("link-test", "late", fixnum(4));
        vm.bind_cell("link-test", "late");
        vm.enter_link(OWN_LINK);
        vm.collect(Extent::Everything);
        assert_eq!(vm.cell("link-test", "own"), Some(fixnum(2)));
        assert_eq!(vm.cell("link-test", "shared"), Some(fixnum(3)));
        assert_eq!(vm.cell("link-test", "late"), Some(fixnum(4)));
        vm.enter_link(second);
        let kept = vm.cell("link-test", "own").expect("it was set");
        assert_eq!(vm.repr(kept), "\"a text that is long enough for the heap\"");
        assert_eq!(vm.cell("link-test", "late"), None);
        vm.close_link(second);
        assert!(vm.is_link_used(second));
        vm.enter_link(OWN_LINK);
        vm.close_link(second);
        vm.enter_link(second);
        assert_eq!(vm.link(), OWN_LINK);
    }
}
