//! The release that answers requests which begin now, in one isolate.

use std::sync::Arc;

use sup_vm::link::{LinkId, OWN_LINK};
use sup_vm::vm::Vm;

use super::{carry, know, link_of, tell};
use crate::releases::release::Release;
use crate::world::SharedWorld;

/// The link that requests run under which begin now: that of the head, where everything stands that this isolate's own code
/// uses. What fails to be carried out is told to the console, and unbound in that release.
pub(crate) fn link_of_head(vm: &mut Vm, world: &SharedWorld) -> LinkId {
    let lazy = world.borrow().store.clone();
    let Some(codebase) = lazy.and_then(|lazy| lazy.opened()) else {
        return OWN_LINK;
    };
    if world.borrow().adopted.is_pinned {
        return OWN_LINK;
    }
    let generation = codebase.generation();
    let answering = world.borrow().adopted.answering.clone();
    if let Some((_, release)) = answering.filter(|(since, _)| *since == generation && generation != 0) {
        return link_of(vm, world, &release);
    }
    match codebase.head_release() {
        Ok((generation, Some(release))) => {
            world.borrow_mut().adopted.answering = Some((generation, release.clone()));
            let link = link_of(vm, world, &release);
            carry_own_names(vm, world, &release, link);
            link
        }
        Ok((_, None)) => OWN_LINK,
        Err(error) => {
            tell(world, &format!("the head cannot be read: {error}\n"));
            let known = world.borrow().adopted.answering.clone();
            known.map_or(OWN_LINK, |(_, release)| link_of(vm, world, &release))
        }
    }
}

/// Carries out under a link what the isolate's own code has used so far.
fn carry_own_names(vm: &mut Vm, world: &SharedWorld, release: &Arc<Release>, link: LinkId) {
    let mut names: Vec<String> = {
        let world = world.borrow();
        let own = world.adopted.link(OWN_LINK);
        own.map(|own| own.carried.keys().cloned().collect())
            .unwrap_or_default()
    };
    names.sort();
    know(world, release);
    for name in names.iter().filter(|name| release.has(name)) {
        for problem in carry(vm, world, release, link, name).err().unwrap_or_default() {
            tell(world, &format!("{name}: {}: {}\n", problem.code, problem.message));
        }
    }
}
