//! Transactions of programs: which fiber is in one, and the primitives under `tx/run`.
//!
//! A transaction belongs to the fiber that began it, and what that fiber reads and writes through `sup.store/1` meanwhile goes
//! through it. Its store is that of the first namespace it touches; its moment is that touch. The token that a program holds
//! owns it, so that a fiber that dies without a word leaves nothing behind once the token is collected.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use sup_abi::capability::{NONE, STORE};
use sup_abi::word::{NIL, Word, boolean, payload};
use sup_store::{Commit, Durability, Isolation, Namespace, Store, StoreError, Transaction};
use sup_vm::base;
use sup_vm::error::{Outcome, Raise};
use sup_vm::fiber::FiberId;
use sup_vm::heap::Heap;
use sup_vm::heap::ResourceObject;
use sup_vm::natives::BasePrimitive;
use sup_vm::object::Obj;
use sup_vm::vm::{Signal, Vm};

use crate::codebase::told;
use crate::natives::{raise_problem, world_of};

/// The table.
pub const TABLE: &[BasePrimitive] = &[
    base!("%tx-begin", "(isolation :keyword) :any", 1..Some(1), begin, STORE),
    base!(
        "%tx-commit",
        "(token :any durability :keyword) :bool",
        2..Some(2),
        commit,
        STORE
    ),
    base!("%tx-abort", "(token :any) :none", 1..Some(1), abort, STORE),
    base!("%tx-pause", "(attempt :int) :none", 1..Some(1), pause, NONE),
];

/// How long a transaction may be open: what it saw is kept by the store until then.
const LONGEST: Duration = Duration::from_secs(10);
/// The pause before another attempt is drawn from 0 to this many milliseconds at most.
const LONGEST_PAUSE_MS: u64 = 64;

/// The transactions of an isolate, by the fibers that are in them.
#[derive(Default)]
pub(crate) struct Transactions {
    by_fiber: RefCell<HashMap<FiberId, Weak<Open>>>,
}

/// A transaction under way.
struct Open {
    isolation: Isolation,
    since: Instant,
    /// None before anything was read or written, and after the end.
    transaction: Mutex<Option<Transaction>>,
}

impl Open {
    /// Only its isolate's thread asks, so that nobody waits; the lock is there because worlds are made on other threads.
    fn transaction(&self) -> MutexGuard<'_, Option<Transaction>> {
        self.transaction.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a program holds of a transaction.
struct Token(Arc<Open>);

impl ResourceObject for Token {
    fn type_name(&self) -> &str {
        "transaction"
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

impl Transactions {
    /// The transaction that the running fiber is in.
    fn of_fiber(&self, vm: &Vm) -> Option<Arc<Open>> {
        let by_fiber = self.by_fiber.borrow();
        if by_fiber.is_empty() {
            return None;
        }
        by_fiber.get(&vm.running_fiber_id()).and_then(Weak::upgrade)
    }

    fn enter(&self, fiber: FiberId, open: &Arc<Open>) {
        let mut by_fiber = self.by_fiber.borrow_mut();
        by_fiber.retain(|_, open| open.strong_count() > 0);
        by_fiber.insert(fiber, Arc::downgrade(open));
    }

    fn leave(&self, open: &Arc<Open>) {
        let is_other = |known: &Weak<Open>| !std::ptr::eq(known.as_ptr(), Arc::as_ptr(open));
        self.by_fiber.borrow_mut().retain(|_, known| is_other(known));
    }
}

/// Does something in the transaction that the running fiber is in; `None` when it is in none.
///
/// # Errors
/// What the work answers, and `tx/too-long`.
pub(crate) fn within<T>(
    vm: &mut Vm,
    namespace: &Namespace,
    work: impl FnOnce(&mut Transaction) -> Result<T, StoreError>,
) -> Result<Option<T>, Raise> {
    let world = world_of(vm);
    let Some(open) = world.borrow().transactions.of_fiber(vm) else {
        return Ok(None);
    };
    if open.since.elapsed() > LONGEST {
        let message = format!("a transaction may be open for {} seconds", LONGEST.as_secs());
        return Err(vm.raise("tx/too-long", &message));
    }
    let done = in_transaction(&open, namespace.store(), work);
    done.map(Some).map_err(|error| raise_problem(vm, &told(&error)))
}

fn in_transaction<T>(
    open: &Open,
    store: &Arc<dyn Store>,
    work: impl FnOnce(&mut Transaction) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let mut slot = open.transaction();
    let transaction = match &mut *slot {
        Some(transaction) => transaction,
        empty => empty.insert(Transaction::begin(store, open.isolation)?),
    };
    work(transaction)
}

fn keyword_text(word: Word) -> Option<&'static str> {
    sup_vm::data::is_keyword(word).then(|| sup_vm::names::text(payload(word)))
}

/// Begins a transaction; nil when the fiber is in one, of which this is then a part.
fn begin(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let isolation = match keyword_text(arguments[0]) {
        Some("serializable") => Isolation::Serializable,
        Some("snapshot") => Isolation::Snapshot,
        Some("read-only") => Isolation::ReadOnly,
        _ => {
            let message = "an isolation is :serializable, :snapshot or :read-only";
            return Err(vm.raise_data("tx/isolation", message, arguments[0]));
        }
    };
    let world = world_of(vm);
    if world.borrow().transactions.of_fiber(vm).is_some() {
        return Ok(NIL);
    }
    let open = Arc::new(Open {
        isolation,
        since: Instant::now(),
        transaction: Mutex::new(None),
    });
    let token = match vm.heap.alloc_resource(Box::new(Token(open.clone()))) {
        Ok(token) => token.word(),
        Err(_) => return Err(vm.raise_memory()),
    };
    world.borrow().transactions.enter(vm.running_fiber_id(), &open);
    Ok(token)
}

/// The transaction of a token, which its fiber leaves.
fn ended(vm: &mut Vm, token: Word) -> Result<Option<Transaction>, Raise> {
    let found = Obj::from_word(token)
        .filter(|obj| obj.kind() == sup_vm::object::Kind::Resource)
        .and_then(|obj| Heap::resource_of(obj).as_any().downcast_ref::<Token>());
    let Some(Token(open)) = found else {
        return Err(vm.raise_data("type/mismatch", "a transaction is needed", token));
    };
    let open = open.clone();
    world_of(vm).borrow().transactions.leave(&open);
    let transaction = open.transaction().take();
    Ok(transaction)
}

/// Commits: whether nobody was faster. The fiber waits, and the isolate goes on.
fn commit(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let durability = match keyword_text(arguments[1]) {
        Some("sync") => Durability::Sync,
        Some("wal") => Durability::Wal,
        Some("none") => Durability::None,
        _ => {
            return Err(vm.raise_data("kv/durability", "a write is :sync, :wal or :none", arguments[1]));
        }
    };
    let Some(transaction) = ended(vm, arguments[0])? else {
        return Ok(boolean(true));
    };
    if !transaction.writes_something() || !vm.can_park() {
        let committed = transaction.commit(durability);
        return answer(vm, committed);
    }
    let promise = vm.open_promise();
    let inbox = vm.inbox();
    transaction.submit(
        durability,
        Box::new(move |committed| {
            inbox.settle_with(promise, Box::new(move |vm| answer(vm, committed)));
        }),
    );
    vm.signal = Signal::Park(promise);
    Err(Raise)
}

fn answer(vm: &mut Vm, committed: Result<Commit, StoreError>) -> Outcome {
    match committed {
        Ok(_) => Ok(boolean(true)),
        Err(error) if error.is_conflict() => Ok(boolean(false)),
        Err(error) => Err(raise_problem(vm, &told(&error))),
    }
}

fn abort(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    ended(vm, arguments[0])?;
    Ok(NIL)
}

/// Waits before another attempt: full jitter over a time that doubles, as Brooker's "Exponential Backoff And Jitter" found best.
fn pause(vm: &mut Vm, arguments: &[Word]) -> Outcome {
    let attempt = vm.as_int(arguments[0]).unwrap_or(0).clamp(0, 16) as u32;
    let most_us = (1_000 << attempt).min(1_000 * LONGEST_PAUSE_MS);
    let drawn = std::collections::hash_map::RandomState::new().hash_one(attempt);
    let time = Duration::from_micros(drawn % most_us);
    if !vm.can_park() {
        std::thread::sleep(time);
        return Ok(NIL);
    }
    let promise = vm.open_promise();
    let inbox = vm.inbox();
    crate::timer::after(time, move || {
        inbox.settle_with(promise, Box::new(|_| Ok(NIL)));
    });
    vm.signal = Signal::Park(promise);
    Err(Raise)
}
