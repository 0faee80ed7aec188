//! What kernels call: the host's table of functions over the machine.
#![allow(unsafe_code)]

mod call;
mod make;
mod outside;
mod read;

pub use outside::{LogLine, set_logger};
pub(crate) use outside::{name, write_log};

use sup_abi::host::Host;
use sup_abi::kernel::{ABI_MAJOR, ABI_MINOR};

/// The table.
pub static HOST: Host = Host {
    size: size_of::<Host>() as u32,
    abi_major: ABI_MAJOR,
    abi_minor: ABI_MINOR,
    extension: outside::extension,
    log: outside::log,
    spawn: outside::spawn,
    unpin: outside::unpin,
    settle: outside::settle,
    settle_with: outside::settle_with,
    settle_error: outside::settle_error,
    state: call::state,
    isolate: call::isolate,
    interrupted: call::interrupted,
    raise: call::raise,
    raise_value: call::raise_value,
    take_error: call::take_error,
    call: call::call,
    slot: call::slot,
    slot_get: call::slot_get,
    slot_set: call::slot_set,
    pin: call::pin,
    pinned: call::pinned,
    promise: call::promise,
    wait: call::wait,
    tail_call: call::tail_call,
    type_of: read::type_of,
    get_int: read::get_int,
    get_real: read::get_real,
    get_text: read::get_text,
    get_bytes: read::get_bytes,
    get_name: read::get_name,
    length: read::length,
    list_at: read::list_at,
    list_items: read::list_items,
    map_get: read::map_get,
    map_pairs: read::map_pairs,
    inner: read::inner,
    instance_name: read::instance_name,
    callable: read::callable,
    display: make::display,
    repr: make::repr,
    equal: read::equal,
    get_resource: read::get_resource,
    new_int: make::new_int,
    new_real: make::new_real,
    new_text: make::new_text,
    new_bytes: make::new_bytes,
    new_symbol: make::new_symbol,
    new_keyword: make::new_keyword,
    new_path: make::new_path,
    new_list: make::new_list,
    new_map: make::new_map,
    new_error: make::new_error,
    new_resource: make::new_resource,
    encode: make::encode,
    decode: make::decode,
    post: outside::post,
    log_as: outside::log_as,
    call_then: call::call_then,
};
