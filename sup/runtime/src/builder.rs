//! Making a runtime: it starts with nothing, and the builder gives.

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use sup_abi::capability;
use sup_host::Trust;
use sup_store::{Store, StoreLocation};
use sup_vm::natives::BasePrimitive;
use sup_vm::permit::Permit;
use sup_vm::vm::{Limits, Vm};

use crate::codebase::Codebase;
use crate::console::{Console, SharedConsole};
use crate::control::Listener;
use crate::grants::{Capability, Grants};
use crate::lazy::{Greeter, LazyStore};
use crate::load::{self, Problems};
use crate::modules::PrimitiveInfo;
use crate::problem::Problem;
use crate::runtime::Runtime;
use crate::serving::Opened;
use crate::world::World;

/// What a runtime is made of.
pub struct Builder {
    limits: Limits,
    world: World,
    core: Core,
    stress: bool,
    greeter: Option<Greeter>,
    /// Why no runtime is made.
    refused: Option<Problem>,
}

/// Whether programs see the everyday definitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Core {
    Loaded,
    Bare,
}

impl Builder {
    pub(crate) fn new(limits: Limits) -> Builder {
        Builder {
            limits,
            world: World::default(),
            core: Core::Loaded,
            stress: false,
            greeter: None,
            refused: None,
        }
    }

    /// Grants one capability.
    #[must_use]
    pub fn grant(mut self, capability: Capability) -> Builder {
        self.world.grants = self.world.grants.with(capability);
        self
    }

    /// Grants these.
    #[must_use]
    pub fn grants(mut self, grants: Grants) -> Builder {
        self.world.grants = grants;
        self
    }

    /// The runtime looks at sources and runs nothing but what macros need: names mean what they do to a program with those
    /// grants, and no primitive that needs one can be called.
    #[must_use]
    pub fn looks_for(mut self, grants: Grants) -> Builder {
        self.world.names = Some(grants);
        self
    }

    /// Where the program's text goes and comes from; it needs the capability `console` besides.
    #[must_use]
    pub fn console(mut self, console: Box<dyn Console>) -> Builder {
        self.world.console = Some(SharedConsole::new(console));
        self
    }

    /// The program's arguments.
    #[must_use]
    pub fn arguments(mut self, arguments: Vec<String>) -> Builder {
        self.world.arguments = arguments.into();
        self
    }

    /// A directory in which imports are looked for.
    #[must_use]
    pub fn import_path(mut self, directory: PathBuf) -> Builder {
        self.world.import_paths.push(directory);
        self
    }

    /// The store that its code and data live in.
    #[must_use]
    pub fn store(self, store: std::sync::Arc<dyn Store>) -> Builder {
        self.codebase(Arc::new(Codebase::new(store)))
    }

    /// The code of a store, shared with others who run it.
    #[must_use]
    pub fn codebase(mut self, codebase: Arc<Codebase>) -> Builder {
        self.world.store = Some(Arc::new(LazyStore::over(codebase)));
        self
    }

    /// Where the store is that its code and data live in; it is opened when code first needs it.
    #[must_use]
    pub fn store_at(mut self, location: StoreLocation) -> Builder {
        self.world.store = Some(Arc::new(LazyStore::at(location)));
        self
    }

    /// What is done once the store has been opened.
    #[must_use]
    pub fn when_store_opens(
        mut self,
        greeter: impl FnOnce(Opened) -> Option<Listener> + Send + 'static,
    ) -> Builder {
        self.greeter = Some(Box::new(greeter));
        self
    }

    /// A directory in which kernels are looked for, after those that were given before.
    #[must_use]
    pub fn kernel_path(mut self, directory: PathBuf) -> Builder {
        self.world.kernel_paths.push(directory);
        self
    }

    /// Which kernels may be loaded; without this every one, as in development. With a problem no runtime is made.
    #[must_use]
    pub fn trust(mut self, trust: Result<Trust, Problem>) -> Builder {
        match trust {
            Ok(trust) => {
                self.world.trust = Arc::new(trust);
                self.refused = None;
            }
            Err(problem) => self.refused = Some(problem),
        }
        self
    }

    /// The compiled standard library, as [`crate::recorder::image`] wrote it. Without one, or when it does not fit, the
    /// library's text is compiled: the same comes out, some ten milliseconds later.
    #[must_use]
    pub fn image(mut self, bytes: &'static [u8]) -> Builder {
        self.world.library = crate::library::Library::of_image(bytes);
        self
    }

    /// The kernels of a program that it becomes a part of: what is loaded there is not loaded again, and what is replaced there
    /// is replaced here.
    #[must_use]
    pub fn kernels(mut self, registry: Arc<sup_host::Registry>) -> Builder {
        self.world.registry = registry;
        self
    }

    /// Where private copies of kernels are made while they are opened.
    #[must_use]
    pub fn temporary(mut self, directory: PathBuf) -> Builder {
        self.world.temporary = directory;
        self
    }

    /// The environment variables that the program may see, with the capability `env`.
    #[must_use]
    pub fn environment(mut self, variables: std::collections::HashMap<String, String>) -> Builder {
        self.world.environment = variables.into();
        self
    }

    /// Starts without the core library and without kernels.
    #[must_use]
    pub fn bare(mut self) -> Builder {
        self.core = Core::Bare;
        self
    }

    /// Collects garbage at every safepoint: slow, and finds code that forgets a root.
    #[must_use]
    pub fn stress(mut self) -> Builder {
        self.stress = true;
        self
    }

    /// Makes the runtime.
    ///
    /// # Errors
    /// When the core library cannot be loaded.
    pub fn build(self) -> Result<Runtime, Problems> {
        if let Some(problem) = self.refused {
            return Err(vec![problem]);
        }
        let mut vm = Vm::new(self.limits);
        let world = Rc::new(RefCell::new(self.world));
        vm.host = Some(Box::new(world.clone()));
        let callable = {
            let world = world.borrow();
            let is_looking = world.names.is_some();
            if is_looking { 0 } else { world.grants.bits() }
        };
        vm.restrict(Permit {
            capabilities: callable,
            ..Permit::all()
        });
        add_base_primitives(&mut vm, &mut world.borrow_mut());
        let store = world.borrow().store.clone();
        if let (Some(store), Some(greeter)) = (&store, self.greeter) {
            store.greet(greeter, vm.inbox(), world.borrow().registry.clone());
        }
        let services = crate::services::services(store, world.borrow().namespaces.clone());
        sup_host::attach(&mut vm, services);
        crate::kernels::join(&mut vm, &world, sup_host::CatchesUp::AtOnce);
        if self.core == Core::Loaded {
            load::standard_module(&mut vm, &world, crate::world::CORE)?;
        }
        if self.stress {
            vm.set_stress();
        }
        let mut runtime = Runtime {
            vm,
            world,
            bare: self.core == Core::Bare,
        };
        runtime.enter_module(crate::world::MAIN);
        Ok(runtime)
    }
}

/// The primitives that need the runtime.
fn own_primitives() -> impl Iterator<Item = &'static BasePrimitive> {
    crate::natives::TABLE
        .iter()
        .chain(crate::store_natives::TABLE)
        .chain(crate::isolates::TABLE)
        .chain(crate::transactions::TABLE)
        .chain(crate::swap::TABLE)
}

fn add_base_primitives(vm: &mut Vm, world: &mut World) {
    // Of the runtime's own, one that says nothing is held back as a kernel's is; the machine's reach nothing.
    let needs_of = |own: &BasePrimitive| capability::needed(own.capabilities, false);
    for primitive in own_primitives() {
        sup_vm::natives::register(vm, primitive, needs_of(primitive));
    }
    let tables = sup_vm::natives::TABLES.iter().flat_map(|table| table.iter());
    let machines = tables.map(|primitive| (primitive, 0, true));
    let own = own_primitives().map(|own| (own, needs_of(own), own.capabilities != 0));
    for (primitive, needs, is_decided) in machines.chain(own) {
        let info = PrimitiveInfo {
            min: primitive.min,
            max: primitive.max,
            quoted: 0,
            intrinsic: 0,
            signature: primitive.signature.to_owned(),
            doc: String::new(),
            everyday: false,
            needs,
            is_decided,
        };
        world.primitives.insert(primitive.name.to_owned(), info);
    }
}
