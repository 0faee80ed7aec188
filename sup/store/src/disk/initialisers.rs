//! RocksDB's static objects, made when the first database is opened.
//!
//! Their 170 constructors lie all over ten megabytes of code and would run whenever `sup` starts, store or not. So
//! `cargo xtask setup` gives their table in the archive a name that the C runtime does not look for, and this runs it.

/// Makes them, once in a process.
pub(super) fn run() {
    #[cfg(deferred_initialisers)]
    deferred::run();
}

#[cfg(deferred_initialisers)]
#[allow(unsafe_code, reason = "calls the constructors of linked C++ code")]
mod deferred {
    use std::ffi::{c_char, c_int};
    use std::sync::Once;

    /// What glibc hands to each entry of such a table: the program's arguments and environment.
    type Initialiser = unsafe extern "C" fn(c_int, *const *const c_char, *const *const c_char);

    unsafe extern "C" {
        // The linker defines both around an output section whose name could be a C identifier.
        #[link_name = "__start_rocksdb_init"]
        static START: Initialiser;
        #[link_name = "__stop_rocksdb_init"]
        static STOP: Initialiser;
    }

    pub(super) fn run() {
        static DONE: Once = Once::new();
        DONE.call_once(|| {
            let end = &raw const STOP;
            let mut entry = &raw const START;
            while entry < end {
                // SAFETY: the linker laid the table's entries out between the two symbols, and each is a constructor that the
                // compiler made to be called once, in this order; C++ constructors use none of the arguments.
                unsafe { (*entry)(0, std::ptr::null(), std::ptr::null()) };
                entry = entry.wrapping_add(1);
            }
        });
    }
}
