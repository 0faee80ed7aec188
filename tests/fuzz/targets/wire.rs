//! Any bytes are decoded without a crash, and what decodes encodes to the very same bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sup_code::WireLimits;
use sup_code::wire::{decode, encode};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(flat) = decode(bytes, &WireLimits::STANDARD) {
        assert_eq!(encode(&flat), bytes);
    }
});
