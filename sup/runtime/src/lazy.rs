//! The store of an isolate: opened when code first needs it, never before, because most programs need none.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use sup_store::{StoreError, StoreLimits, StoreLocation};

use crate::codebase::Codebase;
use crate::control::Listener;
use crate::serving::Opened;

/// What is done once the store is open; the listener is kept for as long as the store.
pub type Greeter = Box<dyn FnOnce(Opened) -> Option<Listener> + Send>;

/// What is greeted with: the inbox of the isolate that has the store, and the kernels of its program.
type Greeting = (Greeter, Arc<sup_vm::schedule::Inbox>, Arc<sup_host::Registry>);

/// A store that may still be unopened.
pub struct LazyStore {
    // Dropped first: it answers out of the store.
    listener: OnceLock<Listener>,
    opened: OnceLock<Arc<Codebase>>,
    location: StoreLocation,
    /// Locked by whoever opens the store: of several isolates one does.
    greeting: Mutex<Option<Greeting>>,
}

impl LazyStore {
    /// The store at a place, opened when it is needed.
    #[must_use]
    pub fn at(location: StoreLocation) -> LazyStore {
        LazyStore {
            listener: OnceLock::new(),
            opened: OnceLock::new(),
            location,
            greeting: Mutex::default(),
        }
    }

    /// The code of a store that is open.
    #[must_use]
    pub fn over(codebase: Arc<Codebase>) -> LazyStore {
        let lazy = LazyStore::at(StoreLocation::Memory);
        drop(lazy.opened.set(codebase));
        lazy
    }

    /// Has that done when the store is opened.
    pub(crate) fn greet(
        &self,
        greeter: Greeter,
        inbox: Arc<sup_vm::schedule::Inbox>,
        kernels: Arc<sup_host::Registry>,
    ) {
        *self.greeting() = Some((greeter, inbox, kernels));
    }

    fn greeting(&self) -> MutexGuard<'_, Option<Greeting>> {
        self.greeting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The code of the store, which is opened now if it was not.
    ///
    /// # Errors
    /// When it cannot be opened; the next one who needs it tries again.
    pub fn codebase(&self) -> Result<Arc<Codebase>, StoreError> {
        if let Some(codebase) = self.opened.get() {
            return Ok(codebase.clone());
        }
        let mut greeting = self.greeting();
        if let Some(codebase) = self.opened.get() {
            return Ok(codebase.clone());
        }
        let store = sup_store::open(&self.location, StoreLimits::standard())?;
        let codebase = self.opened.get_or_init(|| Arc::new(Codebase::new(store))).clone();
        let greeting = greeting.take();
        if let Some((greeter, inbox, kernels)) = greeting {
            let socket = self.location.control_socket();
            let opened = Opened {
                codebase: codebase.clone(),
                socket,
                inbox,
                kernels,
            };
            if let Some(listener) = greeter(opened) {
                drop(self.listener.set(listener));
            }
        }
        Ok(codebase)
    }

    /// The code of the store if it is open.
    #[must_use]
    pub fn opened(&self) -> Option<Arc<Codebase>> {
        self.opened.get().cloned()
    }

    /// The code of the store if there is one already: looking for a name makes no store.
    ///
    /// # Errors
    /// When there is one and it cannot be opened.
    pub fn existing(&self) -> Result<Option<Arc<Codebase>>, StoreError> {
        let exists = match &self.location {
            StoreLocation::Memory => self.opened.get().is_some(),
            StoreLocation::Directory(path) => path.is_dir(),
        };
        if exists {
            self.codebase().map(Some)
        } else {
            Ok(None)
        }
    }
}
