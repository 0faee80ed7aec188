//! Running macros: the forms of a call become values, the macro's function runs, its value becomes forms again.
//!
//! Forms that come back as they went in are put back as the very nodes of the call, so that errors in them still point at
//! what was written.

use std::collections::HashMap;

use slp::{Fault, NodeId, NodeKind, Span, Tree, same};
use sup_abi::word::Word;
use sup_code::form;
use sup_vm::names;
use sup_vm::vm::Vm;

use crate::library;
use crate::natives::without_grants;
use crate::problem::Problem;
use crate::world::SharedWorld;

/// Fuel that one expansion may use.
const EXPANSION_FUEL: u64 = 2_000_000;

/// Runs a macro on a call of it.
///
/// # Errors
/// What the macro raised, or that what it gave is no form; both point at the call.
pub fn expand(
    vm: &mut Vm,
    world: &SharedWorld,
    macro_name: &str,
    tree: &mut Tree,
    call: NodeId,
) -> Result<NodeId, Fault> {
    let span = tree.span(call);
    let function = macro_function(vm, world, macro_name)
        .map_err(|problem| told_at(span, macro_name, problem))?
        .ok_or_else(|| fault(span, "macro/unknown", "no such macro"))?;
    let arguments: Vec<NodeId> = tree.children(call)[1..].to_vec();
    let answer =
        run(vm, world, function, tree, &arguments).map_err(|problem| told_at(span, macro_name, problem))?;
    let flat = match vm.to_flat(answer) {
        Ok(flat) => flat,
        Err(raise) => {
            let error = vm.take_error(raise);
            return Err(told_at(span, macro_name, Problem::from_error(vm, error)));
        }
    };
    let grown = form::value_to_tree(&flat).map_err(|_| {
        fault(
            span,
            "macro/not-a-form",
            "the macro gave a value that no form stands for",
        )
    })?;
    let root = grown.roots()[0];
    Ok(Graft::new(tree, call).graft(tree, &grown, root))
}

fn macro_function(vm: &mut Vm, world: &SharedWorld, macro_name: &str) -> Result<Option<Word>, Problem> {
    let Some((module, name)) = macro_name.rsplit_once('/') else {
        return Ok(None);
    };
    let place = library::macro_function(vm, world, module, name)?;
    Ok(place.map(|place| vm.kept(&world.borrow().macro_functions[place])))
}

/// Calls the macro's function on the forms, without grants. An expansion at load time has limits of its own.
fn run(
    vm: &mut Vm,
    world: &SharedWorld,
    function: Word,
    tree: &Tree,
    arguments: &[NodeId],
) -> Result<Word, Problem> {
    let mut words = Vec::with_capacity(arguments.len());
    let mut outcome = Ok(());
    for argument in arguments {
        match vm.from_flat(&sup_compile::datum(tree, *argument)) {
            Ok(word) => words.push(word),
            Err(raise) => {
                outcome = Err(raise);
                break;
            }
        }
    }
    let answer = outcome
        .and_then(|()| without_grants(vm, world, |vm| vm.call_within(function, &words, EXPANSION_FUEL)));
    answer.map_err(|raise| {
        let error = vm.take_error(raise);
        Problem::from_error(vm, error)
    })
}

fn told_at(span: Span, macro_name: &str, problem: Problem) -> Fault {
    // The code of an error is a keyword, whose text lives as long as the process.
    let code = names::text(names::try_intern(&problem.code).unwrap_or_default());
    let mut fault = fault(
        span,
        code,
        &format!("the macro {macro_name} raised: {}", problem.message),
    );
    fault.hint = problem.hint;
    fault
}

fn fault(span: Span, code: &'static str, message: &str) -> Fault {
    Fault {
        code,
        span,
        message: message.to_owned(),
        hint: None,
        unfinished: false,
    }
}

/// Puts forms that a macro gave into the tree of the call.
struct Graft {
    span: Span,
    lists: HashMap<Span, NodeId>,
    names: HashMap<String, Span>,
}

impl Graft {
    fn new(tree: &Tree, call: NodeId) -> Graft {
        let mut graft = Graft {
            span: tree.span(call),
            lists: HashMap::new(),
            names: HashMap::new(),
        };
        let mut open = vec![call];
        while let Some(node) = open.pop() {
            match tree.kind(node) {
                NodeKind::List(_) if node != call => {
                    graft.lists.insert(tree.span(node), node);
                }
                NodeKind::Symbol(name) => {
                    graft
                        .names
                        .entry(name.to_string())
                        .or_insert_with(|| tree.span(node));
                }
                _ => {}
            }
            open.extend(tree.children(node).iter().rev());
        }
        graft
    }

    /// The node of the call that this form is, if it came through unchanged.
    fn original(&self, tree: &Tree, grown: &Tree, node: NodeId) -> Option<NodeId> {
        let found = *self.lists.get(&grown.span(node))?;
        same(tree, found, grown, node).then_some(found)
    }

    fn graft(&self, tree: &mut Tree, grown: &Tree, root: NodeId) -> NodeId {
        enum Step {
            Enter(NodeId),
            Leave(NodeId),
        }
        let mut done: Vec<NodeId> = Vec::new();
        let mut steps = vec![Step::Enter(root)];
        while let Some(step) = steps.pop() {
            match step {
                Step::Enter(node) => {
                    if matches!(grown.kind(node), NodeKind::List(_))
                        && let Some(found) = self.original(tree, grown, node)
                    {
                        done.push(found);
                        continue;
                    }
                    steps.push(Step::Leave(node));
                    steps.extend(grown.children(node).iter().rev().map(|child| Step::Enter(*child)));
                }
                Step::Leave(node) => {
                    let children = done.split_off(done.len() - grown.children(node).len());
                    let span = self.span_of(grown, node);
                    let added = tree.add(grown.kind(node).clone(), span, &children);
                    done.push(added);
                }
            }
        }
        done.pop().expect("the root was entered and left")
    }

    fn span_of(&self, grown: &Tree, node: NodeId) -> Span {
        match grown.kind(node) {
            NodeKind::Symbol(name) => self.names.get(&**name).copied().unwrap_or(self.span),
            NodeKind::List(_) if self.lists.contains_key(&grown.span(node)) => grown.span(node),
            _ => self.span,
        }
    }
}
