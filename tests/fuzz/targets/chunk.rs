//! Any bytes are decoded and verified without a crash, and what decodes encodes to the very same bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sup_code::chunk::{decode, encode};
use sup_code::{CodeLimits, disassemble, verify};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(chunk) = decode(bytes, &CodeLimits::STANDARD) {
        assert_eq!(encode(&chunk), bytes);
        let _ = disassemble(&chunk);
        let _ = verify(chunk, &CodeLimits::STANDARD);
    }
});
