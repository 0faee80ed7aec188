//! Reading changed sources again while their program runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sup_abi::word::{NIL, Word};
use sup_vm::schedule::Inbox;
use sup_vm::users;
use sup_vm::vm::Vm;

use crate::load::{self, Problems, Source};
use crate::natives::world_of;
use crate::problem::Problem;
use crate::runtime::Runtime;
use crate::world::SharedWorld;

/// Has an isolate read files again, from any thread.
#[derive(Clone)]
pub struct Reader {
    inbox: Arc<Inbox>,
}

/// What is told of a file that was read again: its path, and what went wrong.
pub type Told = Box<dyn FnOnce(&Path, Result<(), Vec<Problem>>) + Send>;

impl Runtime {
    /// What has this isolate read files again.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader {
            inbox: self.vm.inbox(),
        }
    }

    /// Carries a file out once more as the module `main`, after it has ended.
    ///
    /// # Errors
    /// As [`Runtime::run_file`].
    pub fn run_file_again(&mut self, file: &Path) -> Result<Word, Problems> {
        users::forget(self.vm.program, &Source::file(file).name, users::now());
        self.run_file(file)
    }

    /// Does what other threads have asked of the isolate meanwhile.
    pub fn attend(&mut self) {
        self.vm.read_posts();
    }
}

impl Reader {
    /// Has a file read again between two slices of what runs, if it was imported: its forms are carried out once more, so that
    /// its names have their new values. Nothing is told of a file that is no module of the isolate. When it does not read, all
    /// stays as it was.
    pub fn read_again(&self, file: PathBuf, told: Told) {
        self.inbox.post(Box::new(move |vm| {
            let world = world_of(vm);
            if let Some(module) = module_of(&world, &file) {
                let outcome = read_again(vm, &world, &module);
                told(Path::new(&module), outcome);
            }
            Ok(NIL)
        }));
    }
}

/// The module that was loaded from a file; its name is a path.
fn module_of(world: &SharedWorld, file: &Path) -> Option<String> {
    let wanted = file.canonicalize().ok()?;
    let world = world.borrow();
    let mut names = world.modules.iter().filter(|(_, module)| module.loaded);
    names
        .find(|(name, _)| Path::new(name).canonicalize().is_ok_and(|path| path == wanted))
        .map(|(name, _)| name.clone())
}

fn read_again(vm: &mut Vm, world: &SharedWorld, module: &str) -> Result<(), Problems> {
    let begin = users::now();
    load::load_file(vm, world, module, Path::new(module))?;
    users::forget(vm.program, &Source::file(Path::new(module)).name, begin);
    Ok(())
}
