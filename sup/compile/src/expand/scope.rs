//! Scopes: which variable a name means, which function a variable belongs to, and whether it surely has its value.

use super::{Expander, Position};
use crate::core_tree::{Body, FnId, LoopId, Origin, Var, VarId};
use crate::fault::Cause;
use crate::words;
use slp::{NodeId, Span};

/// Names that are visible until the scope is left.
pub(super) struct Scope {
    /// A `def` makes a slot of this scope.
    pub(super) has_slots: bool,
    pub(super) function: FnId,
    pub(super) names: Vec<(String, VarId)>,
    pub(super) slots: Vec<VarId>,
}

/// A function that is being expanded.
pub(super) struct Frame {
    pub(super) function: FnId,
    /// The variable whose initialiser the function is.
    pub(super) self_var: Option<VarId>,
    /// The loops around the current place that `done` can leave, innermost last.
    pub(super) loops: Vec<LoopId>,
    pub(super) recur: RecurTarget,
}

/// What a `recur` goes back to.
#[derive(Clone, Copy, Debug)]
pub(super) enum RecurTarget {
    Nothing,
    Loop { id: LoopId, n_bindings: usize },
    Function { n_params: usize },
}

impl Frame {
    pub(super) fn module() -> Frame {
        Frame {
            function: FnId(0),
            self_var: None,
            loops: Vec::new(),
            recur: RecurTarget::Nothing,
        }
    }
}

impl Expander<'_> {
    pub(super) fn frame(&mut self) -> &mut Frame {
        self.frames
            .last_mut()
            .expect("the module's own frame is never left")
    }

    pub(super) fn function(&self) -> FnId {
        self.frames
            .last()
            .expect("the module's own frame is never left")
            .function
    }

    /// Opens a scope that a `def` belongs to.
    pub(super) fn open_body(&mut self) {
        self.open_scope(true);
    }

    /// Opens a scope for the names of a pattern.
    pub(super) fn open_names(&mut self) {
        self.open_scope(false);
    }

    fn open_scope(&mut self, has_slots: bool) {
        let function = self.function();
        self.scopes.push(Scope {
            has_slots,
            function,
            names: Vec::new(),
            slots: Vec::new(),
        });
    }

    pub(super) fn close_scope(&mut self) {
        self.scopes.pop();
    }

    /// A scope of its own around statements.
    pub(super) fn scoped_body(&mut self, forms: &[NodeId], position: Position) -> Body {
        self.open_body();
        let body = self.body(forms, position);
        self.close_scope();
        body
    }

    pub(super) fn new_loop(&mut self) -> LoopId {
        self.n_loops += 1;
        LoopId(self.n_loops - 1)
    }

    pub(super) fn new_function(&mut self) -> FnId {
        self.n_functions += 1;
        FnId(self.n_functions - 1)
    }

    /// The variable that a name means here.
    pub(super) fn lookup(&self, name: &str) -> Option<VarId> {
        self.scopes.iter().rev().find_map(|scope| scope.find(name))
    }

    /// Makes a variable of the innermost scope. Slots start undefined.
    pub(super) fn declare(&mut self, name: &str, origin: Origin, span: Span) -> VarId {
        let var = self.new_var(name, origin, span);
        let scope = self.scopes.last_mut().expect("a variable is declared in a scope");
        scope.names.push((name.into(), var));
        if origin == Origin::Slot {
            scope.slots.push(var);
        }
        var
    }

    /// Makes a variable without a name that a program could write.
    pub(super) fn hidden_var(&mut self, span: Span) -> VarId {
        self.new_var("", Origin::Machine, span)
    }

    pub(super) fn new_var(&mut self, name: &str, origin: Origin, span: Span) -> VarId {
        let function = self.function();
        self.vars.push(Var {
            name: name.into(),
            span,
            function,
            origin,
            is_assigned: false,
            is_captured: false,
            is_captured_early: false,
            is_read_early: false,
            is_direct: false,
            n_uses: 0,
        });
        self.is_defined.push(origin != Origin::Slot);
        VarId(self.vars.len() as u32 - 1)
    }

    /// Reports a name that may not be bound.
    pub(super) fn check_bindable(&mut self, name: &str, span: Span) {
        if words::is_reserved(name) || words::is_machine_name(name) {
            self.fault(Cause::ReservedBound(name.into()), span);
        } else if words::split_absolute(name).is_some() {
            let short = words::split_absolute(name)
                .map_or(name, |(_, name)| name)
                .to_string();
            self.fault(Cause::QualifiedBound(short), span);
        }
    }

    /// Notes a use of a variable. Says whether it must be checked that it is defined.
    pub(super) fn touch(&mut self, var: VarId) -> bool {
        let idx = var.0 as usize;
        let function = self.function();
        let is_own_function = self.frames.iter().any(|frame| frame.self_var == Some(var));
        let is_defined = self.is_defined[idx] || is_own_function;
        let variable = &mut self.vars[idx];
        variable.n_uses += 1;
        if variable.function == function {
            variable.is_read_early |= !is_defined;
        } else {
            variable.is_captured = true;
            variable.is_captured_early |= !is_defined;
        }
        !is_defined
    }

    /// From here on the slot has its value.
    pub(super) fn define(&mut self, var: VarId) {
        let idx = var.0 as usize;
        if !self.is_defined[idx] {
            self.is_defined[idx] = true;
            self.trail.push(idx);
        }
    }

    /// Expands something that may not run, or not to its end: what it defines is not surely defined after it.
    pub(super) fn maybe<R>(&mut self, expand: impl FnOnce(&mut Self) -> R) -> R {
        let mark = self.trail.len();
        self.n_branches += 1;
        let result = expand(self);
        self.n_branches -= 1;
        for idx in self.trail.drain(mark..) {
            self.is_defined[idx] = false;
        }
        result
    }

    /// The scope that a `def` here belongs to, as an index; none for the module itself.
    pub(super) fn slot_scope(&self) -> Option<usize> {
        let function = self.function();
        self.scopes
            .iter()
            .rposition(|scope| scope.has_slots && scope.function == function)
    }

    /// Makes the slots for the `def`s among these forms, so that functions before them can name them.
    pub(super) fn declare_slots(&mut self, forms: &[NodeId]) {
        for (name, span) in self.hoisted(forms) {
            let scope = self.scopes.last().expect("a body has a scope");
            if scope.find(&name).is_none() {
                self.declare(&name, Origin::Slot, span);
            }
        }
    }

    /// The slot that a `def` of that name fills, made now if its body did not foresee it.
    pub(super) fn slot(&mut self, scope_idx: usize, name: &str, span: Span) -> VarId {
        if let Some(var) = self.scopes[scope_idx].find(name) {
            let is_slot = self.vars[var.0 as usize].origin == Origin::Slot;
            if !is_slot || !self.defs_met.insert(var.0 as usize) {
                self.fault(Cause::SecondDef(name.into()), span);
            }
            return var;
        }
        let var = self.new_var(name, Origin::Slot, span);
        self.defs_met.insert(var.0 as usize);
        let scope = &mut self.scopes[scope_idx];
        scope.names.push((name.into(), var));
        scope.slots.push(var);
        var
    }
}

impl Scope {
    pub(super) fn find(&self, name: &str) -> Option<VarId> {
        self.names
            .iter()
            .rev()
            .find(|(known, _)| known == name)
            .map(|(_, var)| *var)
    }
}
