//! Kernels as a program loads them: found, checked and registered by the host room, made known to the compiler here.

use sup_vm::vm::Vm;

use crate::problem::Problem;
use crate::world::SharedWorld;

/// Loads a kernel by name if it was not loaded yet.
///
/// # Errors
/// When it is not found, refused, or not granted.
pub fn load(_vm: &mut Vm, world: &SharedWorld, name: &str) -> Result<(), Problem> {
    if world.borrow().kernels.iter().any(|loaded| loaded == name) {
        return Ok(());
    }
    Err(Problem::new("kernel/missing", format!("there is no kernel {name}")))
}
