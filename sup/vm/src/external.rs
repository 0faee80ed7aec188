//! What objects hold outside the heap: shared bytes and resources, counted against the quota and freed with their objects.
#![allow(unsafe_code)]

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use crate::heap::{Heap, NoMemory};
use crate::object::{Header, Kind, Obj};

/// What the allocator and the table of holders add to shared bytes.
const HOLDER_BYTES: usize = 96;
/// Bytes from which the allocator surely maps what it is asked for.
const GAPLESS_BYTES: usize = 32 << 20;
/// Bytes freed at once after which the allocator is asked to give back what it can.
const TRIMMED_BYTES: usize = 4 << 20;

/// Bytes that live outside of heaps and never move; isolates share them.
#[derive(Debug)]
pub struct Shared {
    /// The bytes.
    pub bytes: Box<[u8]>,
    /// For texts: the number of characters before each stretch of bytes, when it was first asked for.
    pub(crate) n_chars_before: std::sync::OnceLock<Box<[u32]>>,
}

impl Shared {
    /// Bytes to be shared.
    #[must_use]
    pub fn new(bytes: Box<[u8]>) -> Shared {
        Shared {
            bytes,
            n_chars_before: std::sync::OnceLock::new(),
        }
    }

    /// What they count: the allocator leaves gaps between texts that are not mapped for themselves.
    fn counted_bytes(&self) -> usize {
        let n = self.bytes.len();
        n + HOLDER_BYTES + if n < GAPLESS_BYTES { n / 8 } else { 0 }
    }
}

/// What a resource handle holds. Dropping it is its destructor.
pub trait ResourceObject: std::any::Any {
    /// Name of the resource's type, for messages.
    fn type_name(&self) -> &str;
    /// What it shows of itself in texts, beside its type.
    fn text(&self) -> Option<String> {
        None
    }
    /// Memory outside the heap that it keeps alive, in bytes. Asked when the handle is made and at each collection.
    fn extra_bytes(&self) -> usize {
        0
    }
    /// The same object for downcasting.
    fn as_any(&self) -> &dyn std::any::Any;
}

/// What a `Resource` object points at.
struct Cell {
    resource: Box<dyn ResourceObject>,
    /// What was counted for it last.
    counted: usize,
}

/// Objects of a heap that hold something outside it.
#[derive(Default)]
pub(crate) struct External {
    pub young: Vec<Obj>,
    pub old: Vec<Obj>,
    /// What all of it counts, in bytes: shared bytes once, however many objects name parts of them.
    pub bytes: usize,
    /// How many objects of this heap name some shared bytes.
    holders: HashMap<usize, u32, BuildHasherDefault<AddressHasher>>,
}

/// Addresses are spread enough when they are multiplied.
#[derive(Default)]
struct AddressHasher(u64);

impl Hasher for AddressHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _bytes: &[u8]) {
        unreachable!("only addresses are hashed");
    }

    fn write_usize(&mut self, address: usize) {
        self.0 = (address as u64 >> 4)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(20);
    }
}

impl Heap {
    /// Allocates an object that owns a count of `shared`; the count is given back when the object dies.
    ///
    /// # Errors
    /// When the quota is used up.
    pub fn alloc_shared(
        &mut self,
        header: Header,
        shared: Arc<Shared>,
        offset: usize,
    ) -> Result<Obj, NoMemory> {
        if !self.immortal && !self.has_room(self.new_bytes(&shared)) {
            return Err(NoMemory);
        }
        let obj = self.alloc(header)?;
        obj.init(1, 0);
        obj.init(2, Arc::into_raw(shared) as u64);
        obj.init(3, offset as u64);
        if !self.immortal {
            self.adopt_shared(obj);
        }
        Ok(obj)
    }

    /// What some shared bytes will count: nothing when this heap has named them before.
    fn new_bytes(&self, shared: &Shared) -> usize {
        let is_held = self
            .external
            .holders
            .contains_key(&(std::ptr::from_ref(shared) as usize));
        if is_held { 0 } else { shared.counted_bytes() }
    }

    /// Counts an object of this heap that names shared bytes, and sees to it that it gives its count back.
    pub(crate) fn adopt_shared(&mut self, obj: Obj) {
        let raw = obj.get(2) as *const Shared;
        // SAFETY: word 2 came from `Arc::into_raw` and is counted until the object dies.
        let bytes = self.new_bytes(unsafe { &*raw });
        *self.external.holders.entry(raw as usize).or_insert(0) += 1;
        self.charge_words(bytes / 8);
        self.adopt_external(obj, bytes);
    }

    /// The shared bytes of a `BigStr` or `BigBytes`.
    #[must_use]
    pub fn shared_of(obj: Obj) -> Arc<Shared> {
        debug_assert!(matches!(obj.kind(), Kind::BigStr | Kind::BigBytes));
        let raw = obj.get(2) as *const Shared;
        // SAFETY: word 2 of these kinds came from `Arc::into_raw` and is counted until the object dies.
        unsafe {
            Arc::increment_strong_count(raw);
            Arc::from_raw(raw)
        }
    }

    /// Allocates a handle for a resource; dropping it runs its destructor.
    ///
    /// # Errors
    /// When the quota is used up; the resource is dropped then.
    pub fn alloc_resource(&mut self, resource: Box<dyn ResourceObject>) -> Result<Obj, NoMemory> {
        let counted = resource.extra_bytes();
        if !self.has_room(counted) {
            return Err(NoMemory);
        }
        let obj = self.alloc(Header::new(Kind::Resource, 0))?;
        obj.init(1, Box::into_raw(Box::new(Cell { resource, counted })) as u64);
        if !self.immortal {
            self.adopt_external(obj, counted);
        }
        Ok(obj)
    }

    /// The resource that a handle holds.
    #[must_use]
    pub fn resource_of(obj: Obj) -> &'static dyn ResourceObject {
        debug_assert!(obj.kind() == Kind::Resource);
        // SAFETY: word 1 came from `Box::into_raw` in `alloc_resource` and is freed when the object dies.
        unsafe { (*(obj.get(1) as *const Cell)).resource.as_ref() }
    }

    /// The resources that were not freed yet.
    pub fn resources(&self) -> impl Iterator<Item = &'static dyn ResourceObject> {
        let all = self.external.young.iter().chain(&self.external.old);
        all.filter(|obj| obj.kind() == Kind::Resource)
            .map(|obj| Heap::resource_of(*obj))
    }

    fn adopt_external(&mut self, obj: Obj, bytes: usize) {
        if self.is_young(obj.0) {
            self.external.young.push(obj);
        } else {
            self.external.old.push(obj);
        }
        self.external.bytes += bytes;
        // Nurseries that hold little may hold on to much.
        if self.used_bytes() > self.major_at {
            self.ask_to_collect();
        }
    }

    /// After the nursery was collected: who survived is old, and what the others held is freed.
    pub(crate) fn settle_young_external(&mut self) {
        let mut young = std::mem::take(&mut self.external.young);
        for obj in young.drain(..) {
            match obj.forwarded() {
                Some(moved) => {
                    self.recount(moved);
                    self.external.old.push(moved);
                }
                None => self.finalize(obj),
            }
        }
        self.external.young = young;
    }

    /// After marking: what dead objects held is freed.
    pub(crate) fn sweep_external(&mut self) {
        let before = self.external.bytes;
        let mut old = std::mem::take(&mut self.external.old);
        old.retain(|obj| {
            let is_alive = obj.header().is_marked(self.epoch);
            if is_alive {
                self.recount(*obj);
            } else {
                self.finalize(*obj);
            }
            is_alive
        });
        if old.capacity() > 2 * old.len() + 1024 {
            old.shrink_to_fit();
        }
        self.external.old = old;
        if before > self.external.bytes + TRIMMED_BYTES {
            trim();
        }
    }

    /// Asks a resource again how much memory it keeps.
    fn recount(&mut self, obj: Obj) {
        if obj.kind() == Kind::Resource {
            // SAFETY: word 1 came from `Box::into_raw` in `alloc_resource`, and the object is alive.
            let cell = unsafe { &mut *(obj.get(1) as *mut Cell) };
            let now = cell.resource.extra_bytes();
            self.external.bytes = self.external.bytes - cell.counted + now;
            cell.counted = now;
        }
    }

    /// Frees what an object holds outside the heap, when it dies.
    fn finalize(&mut self, obj: Obj) {
        match obj.kind() {
            Kind::BigStr | Kind::BigBytes => {
                let raw = obj.get(2) as *const Shared;
                // SAFETY: word 2 came from `Arc::into_raw`; the object is dead, so this count is given back once.
                let shared = unsafe { Arc::from_raw(raw) };
                let holders = self.external.holders.get_mut(&(raw as usize));
                let n = holders.expect("whoever names shared bytes is counted");
                *n -= 1;
                if *n == 0 {
                    self.external.holders.remove(&(raw as usize));
                    self.external.bytes -= shared.counted_bytes();
                }
            }
            Kind::Resource => {
                // SAFETY: word 1 came from `Box::into_raw`; the object is dead, so this runs once.
                let cell = unsafe { Box::from_raw(obj.get(1) as *mut Cell) };
                self.external.bytes -= cell.counted;
                drop(cell);
            }
            _ => {}
        }
    }

    pub(crate) fn drop_external(&mut self) {
        for obj in std::mem::take(&mut self.external.young)
            .into_iter()
            .chain(std::mem::take(&mut self.external.old))
        {
            self.finalize(obj);
        }
    }
}

/// Has the allocator give free pages back to the operating system.
fn trim() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: the call looks at the allocator's own free memory only.
    unsafe {
        libc::malloc_trim(0);
    }
}
