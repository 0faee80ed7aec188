//! Values and the operations on them.
//!
//! Functions that only look are free; what may allocate or raise are methods of [`Vm`](crate::vm::Vm). No collection
//! happens while any of it runs, so words and slices stay good throughout.

pub mod access;
pub mod array;
pub mod buffer;
pub mod cast;
pub mod characters;
pub mod compare;
pub mod cursor;
pub(crate) mod entries;
pub mod equal;
pub mod error_value;
pub mod flat;
pub mod hash;
pub(crate) mod index;
pub mod iterate;
pub mod list;
pub mod literal;
pub mod map;
pub mod number;
pub mod records;
pub mod show;
pub mod table;
#[cfg(test)]
mod tests;
pub mod text;
pub mod types;

pub use access::{count_word, resolve_index};
pub use array::{array_items, is_array};
pub use buffer::{buffer_bytes, is_box, is_buffer, unbox};
pub use characters::{byte_offset, char_at, char_index, text_len_chars};
pub use cursor::Cursor;
pub use error_value::{error_field, error_get, is_error, is_keyword, prefixed_value};
pub use flat::CodeNames;
pub use iterate::is_seqable;
pub use list::{BRACE, PAREN, SQUARE, is_list, list_items, list_kind, list_span};
pub use literal::{push_quoted, push_quoted_bytes};
pub use map::{is_map, map_len};
pub use number::{
    Number, as_int, as_number, as_real, compare_numbers, is_int, is_number, is_real, number_of, parse_int,
    parse_real, push_int, push_real,
};
pub use records::{instance_fields, instance_get, instance_type};
pub use table::{is_table, table_len};
pub use text::{bytes_of, is_bytes, is_str, text_of};
pub use types::{LoadedType, type_keyword, type_name};
