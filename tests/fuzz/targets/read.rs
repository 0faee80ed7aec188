//! Any bytes are read without a crash, every span lies in the text, and what was read without a fault prints and reads back to
//! the same tree.
#![no_main]

use libfuzzer_sys::fuzz_target;
use slp::{NodeId, ReadLimits, print, read, read_bytes, same};

fuzz_target!(|bytes: &[u8]| {
    let limits = ReadLimits::default();
    let reading = read_bytes(bytes, &limits);
    for fault in &reading.faults {
        assert!(
            fault.span.start <= fault.span.end && fault.span.end as usize <= bytes.len(),
            "{fault:?}"
        );
    }
    if !reading.faults.is_empty() {
        return;
    }
    let tree = &reading.tree;
    let roots: Vec<NodeId> = tree.roots().to_vec();
    let text: Vec<String> = roots.iter().map(|root| print(tree, *root)).collect();
    let again = read(&text.join("\n"), &limits);
    assert!(again.faults.is_empty(), "{text:?}: {:?}", again.faults);
    assert_eq!(again.tree.roots().len(), roots.len(), "{text:?}");
    for (old, new) in roots.iter().zip(again.tree.roots()) {
        assert!(same(tree, *old, &again.tree, *new), "{text:?}");
    }
});
