//! The isolates that kernels drive: what `sup.isolate/1` asks of the runtime.

use sup_abi::word::Word;
use sup_host::services::{Drive, IsolateLimits, IsolateService, Receive};
use sup_vm::error::{Outcome, Raise};
use sup_vm::link::LinkId;
use sup_vm::vm::Vm;

use crate::isolates::{self, Asked};
use crate::library;
use crate::natives::{raise_problem, world_of};
use crate::releases;

/// Starts isolates for the kernels of one.
pub(crate) struct Isolates;

impl IsolateService for Isolates {
    fn start(&self, vm: &mut Vm, limits: &IsolateLimits, drive: Drive) -> Outcome {
        let mut asked = Asked::like(vm);
        let own = &mut asked.limits;
        own.fibers = limits.fibers.unwrap_or(own.fibers).min(own.fibers);
        own.memory_bytes = limits
            .memory_bytes
            .unwrap_or(own.memory_bytes)
            .min(own.memory_bytes);
        own.fuel = limits.fuel.unwrap_or(own.fuel).min(own.fuel);
        own.deadline_ms = match (own.deadline_ms, limits.deadline_ms) {
            (Some(own), Some(asked)) => Some(own.min(asked)),
            (own, asked) => own.or(asked),
        };
        if let Some(names) = &limits.grants {
            let own = asked.grants;
            asked.grants = crate::grants::Grants::NONE;
            for name in names {
                asked.grants = asked.grants.with(isolates::granted(vm, own, name)?);
            }
        }
        isolates::start_driven(vm, asked, drive)
    }

    fn share(&self, vm: &mut Vm, word: Word) -> Result<Receive, Raise> {
        let parcel = vm.pack_shared(word, "the value")?;
        let provided = world_of(vm).borrow().provided.clone();
        Ok(Box::new(move |vm| {
            let world = world_of(vm);
            library::provide_names(vm, &world, provided.clone())
                .map_err(|problem| raise_problem(vm, &problem))?;
            vm.unpack_shared(&parcel)
        }))
    }

    fn find(&self, vm: &mut Vm, name: &str) -> Result<Option<Word>, Raise> {
        let Some((module, name)) = name.rsplit_once('/') else {
            return Ok(None);
        };
        Ok(vm.cell(module, name))
    }

    fn link(&self, vm: &mut Vm) -> LinkId {
        let world = world_of(vm);
        releases::link_of_head(vm, &world)
    }
}
