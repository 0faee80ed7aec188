//! Sizes and offsets of the structs of the wall, as text that a C program can print too. The two are compared
//! in a test, and the sizes below hold at compile time.

use crate::drive::{FiberLimits, Fibers, IsolateOptions, Isolates, Usage, Waker, WakerTable};
use crate::extension::{Files, Io, Store, StoreWrite};
use crate::host::Host;
use crate::kernel::{Bytes, Kernel, Primitive, ResourceType};
use crate::registry::{Metrics, Scheme, Stage, Stages};
use core::mem::{align_of, offset_of, size_of};

const _: () = assert!(
    size_of::<usize>() == 8,
    "the value word holds addresses of 64 bits"
);
const _: () = assert!(size_of::<Bytes>() == 16);
const _: () = assert!(size_of::<Primitive>() == 48);
const _: () = assert!(size_of::<ResourceType>() == 48);
const _: () = assert!(size_of::<Kernel>() == 112);
const _: () = assert!(size_of::<Host>() == 8 + 8 * N_HOST_FUNCTIONS);
const _: () = assert!(align_of::<Kernel>() == 8 && align_of::<Host>() == 8);

/// Number of functions in the host's table.
pub const N_HOST_FUNCTIONS: usize = 56;

macro_rules! describe {
    ($text:ident, $($struct:ident: $c_name:literal { $($field:ident $c_field:literal)* })*) => {
        $(
            $text.push_str(&format!("{} {}\n", $c_name, size_of::<$struct>()));
            $($text.push_str(&format!("{}.{} {}\n", $c_name, $c_field, offset_of!($struct, $field)));)*
        )*
    };
}

/// One line for each struct, `name size`, and each of its fields, `name.field offset`, by the names of the C
/// header.
#[must_use]
pub fn describe() -> String {
    let mut text = String::new();
    describe! { text,
        Bytes: "sup_bytes" { data "p" len "n" }
        Primitive: "sup_prim" {
            name "name" signature "sig" doc "doc" function "fn" min_args "min_args" max_args "max_args"
            flags "flags" intrinsic "intrinsic" capabilities "capabilities"
        }
        ResourceType: "sup_type" {
            size "size" version "version" name "name" drop "drop" extra_memory "extra_mem" to_text "to_text" takeover "takeover"
        }
        Kernel: "sup_kernel" {
            magic "magic" size "size" abi_major "abi_major" abi_minor "abi_minor" value_layout "value_layout"
            name "name" version "version" needs "needs" primitives "prims" types "types" n_primitives "nprims"
            n_types "ntypes" primitive_size "prim_size" state_version "state_version" flags "flags"
            reserved "reserved" load "load" save "save" quiesce "quiesce" unload "unload"
        }
        StoreWrite: "sup_store_write" { key "key" value "value" delete "del" reserved "reserved" }
    }
    describe_host(&mut text);
    describe_extensions(&mut text);
    text
}

fn describe_host(text: &mut String) {
    describe! { text,
        Host: "sup_host" {
            size "size" abi_major "abi_major" abi_minor "abi_minor" extension "extension" log "log"
            spawn "spawn" unpin "unpin" settle "settle" settle_with "settle_with"
            settle_error "settle_error" state "state" isolate "isolate" interrupted "interrupted"
            raise "raise" raise_value "raise_value" take_error "take_error" call "call" slot "slot"
            slot_get "slot_get" slot_set "slot_set" pin "pin" pinned "pinned" promise "promise"
            wait "wait" tail_call "tail_call" type_of "type_of" get_int "get_int" get_real "get_real"
            get_text "get_text" get_bytes "get_bytes" get_name "get_name" length "length"
            list_at "list_at" list_items "list_items" map_get "map_get" map_pairs "map_pairs"
            inner "inner" instance_name "instance_name" callable "callable" display "display" repr "repr"
            equal "equal" get_resource "get_res" new_int "new_int" new_real "new_real" new_text "new_text"
            new_bytes "new_bytes" new_symbol "new_symbol" new_keyword "new_keyword" new_path "new_path"
            new_list "new_list" new_map "new_map" new_error "new_error" new_resource "new_res"
            encode "encode" decode "decode" post "post" log_as "log_as" call_then "call_then"
        }
    }
}

fn describe_extensions(text: &mut String) {
    describe! { text,
        Io: "sup_io" {
            size "size" reserved "reserved" write "write" flush "flush" read_line "read_line"
            arguments "arguments" variable "variable"
        }
        Files: "sup_files" { size "size" reserved "reserved" resolve "resolve" }
        Store: "sup_store" {
            size "size" reserved "reserved" open_memory "open_memory" open_disk "open_disk" find "find"
            get "get" write "write" replace "replace" scan "scan"
        }
    }
    describe_drive(text);
}

fn describe_drive(text: &mut String) {
    describe! { text,
        Waker: "sup_waker" { data "data" more "more" table "table" }
        WakerTable: "sup_waker_table" { size "size" reserved "reserved" clone "clone" wake "wake" drop "drop" }
        IsolateOptions: "sup_isolate_options" {
            size "size" n_fibers "n_fibers" memory_bytes "memory_bytes" fuel "fuel" deadline_ms "deadline_ms"
            grants "grants"
        }
        FiberLimits: "sup_fiber_limits" {
            size "size" reserved "reserved" fuel "fuel" deadline_ns "deadline_ns" memory_bytes "memory_bytes"
        }
        Usage: "sup_usage" {
            size "size" reserved "reserved" heap_bytes "heap_bytes" n_fibers "n_fibers" n_driven "n_driven"
        }
        Isolates: "sup_isolates" {
            size "size" reserved "reserved" start "start" share "share" handler "handler"
            handler_named "handler_named" drop_handler "drop_handler" poll "poll" enter "enter" rest "rest"
            usage "usage"
        }
        Fibers: "sup_fibers" {
            size "size" reserved "reserved" start "start" poll "poll" take "take" cancel "cancel" drop "drop"
        }
    }
    describe_registries(text);
}

fn describe_registries(text: &mut String) {
    describe! { text,
        Metrics: "sup_metrics" {
            size "size" reserved "reserved" counter "counter" gauge "gauge" histogram "histogram" add "add"
            set "set" observe "observe"
        }
        Stage: "sup_stage" {
            size "size" version "version" name "name" signature "sig" doc "doc" open "open" feed "feed"
            finish "finish" close "close" data "data"
        }
        Scheme: "sup_scheme" {
            size "size" directions "directions" name "name" doc "doc" open_source "open_source" read "read"
            open_sink "open_sink" write "write" close "close" data "data"
        }
        Stages: "sup_stages" {
            size "size" reserved "reserved" add_stage "add_stage" add_scheme "add_scheme" remove "remove"
            stage "stage" scheme "scheme" each_stage "each_stage" each_scheme "each_scheme"
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_host_function_is_described() {
        let text = super::describe();
        let described = text.lines().filter(|line| line.starts_with("sup_host.")).count();
        assert_eq!(described, super::N_HOST_FUNCTIONS + 3);
    }
}
