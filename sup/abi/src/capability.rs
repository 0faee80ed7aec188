//! Capabilities: what of the world outside of its isolate a primitive reaches. Each primitive says it in its table, and an
//! isolate that was not given it does not have the primitive.

/// Writing to and reading from the console.
pub const CONSOLE: u32 = 1;
/// Reading files and directories.
pub const READ: u32 = 2;
/// Writing, making, renaming and removing files and directories.
pub const WRITE: u32 = 4;
/// The clock.
pub const CLOCK: u32 = 8;
/// Environment variables and the program's arguments.
pub const ENVIRONMENT: u32 = 16;
/// Random numbers.
pub const RANDOM: u32 = 32;
/// Stores.
pub const STORE: u32 = 64;
/// Kernels: loading them, and what they do without saying what it needs.
pub const KERNEL: u32 = 128;
/// The network.
pub const NETWORK: u32 = 256;
/// Every capability.
pub const ALL: u32 = 511;

/// One of those that are named will do for some of what the primitive does; it asks for the rest when it is called.
pub const ONE_OF: u32 = 1 << 30;
/// It reaches nothing, and says so.
pub const NONE: u32 = 1 << 31;

/// Names of the capabilities, as `--allow` and declarations write them, by bit.
pub const NAMES: [(u32, &str); 9] = [
    (CONSOLE, "console"),
    (READ, "read"),
    (WRITE, "write"),
    (CLOCK, "clock"),
    (ENVIRONMENT, "env"),
    (RANDOM, "random"),
    (STORE, "store"),
    (KERNEL, "kernel"),
    (NETWORK, "net"),
];

/// Whether a primitive can say that: known bits; `NONE` alone; `ONE_OF` only with some to choose from.
#[must_use]
pub const fn is_sound(said: u32) -> bool {
    match said {
        0 | NONE => true,
        _ => said & !(ALL | ONE_OF) == 0 && (said & ONE_OF == 0 || (said & ALL).count_ones() > 1),
    }
}

/// What an isolate must have for a primitive that says `said`. One that says nothing needs `KERNEL`, unless it is pure:
/// who did not think about it must not get it by that.
#[must_use]
pub const fn needed(said: u32, is_pure: bool) -> u32 {
    match said {
        0 if is_pure => 0,
        0 => KERNEL,
        NONE => 0,
        _ => said,
    }
}

/// Whether what was granted is enough for what is needed.
#[must_use]
pub const fn suffices(granted: u32, needed: u32) -> bool {
    let wanted = needed & ALL;
    if needed & ONE_OF == 0 {
        granted & wanted == wanted
    } else {
        granted & wanted != 0
    }
}

/// Names of the capabilities that are set, in the order of their bits.
pub fn names(set: u32) -> impl Iterator<Item = &'static str> {
    let all = NAMES.iter();
    all.filter(move |(bit, _)| set & bit != 0).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_cover_every_bit() {
        assert_eq!(NAMES.iter().fold(0, |bits, (bit, _)| bits | bit), ALL);
    }

    #[test]
    fn all_or_one_of_what_is_named_is_needed() {
        assert!(suffices(0, 0) && suffices(0, needed(NONE, false)) && suffices(0, needed(0, true)));
        assert!(!suffices(ALL & !KERNEL, needed(0, false)) && suffices(KERNEL, needed(0, false)));
        assert!(!suffices(READ, READ | WRITE) && suffices(READ | WRITE | CLOCK, READ | WRITE));
        assert!(suffices(READ, ONE_OF | READ | WRITE) && !suffices(CLOCK, ONE_OF | READ | WRITE));
    }

    #[test]
    fn what_makes_no_sense_is_not_sound() {
        for sound in [0, NONE, CONSOLE, READ | WRITE, ONE_OF | READ | WRITE] {
            assert!(is_sound(sound), "{sound:#x}");
        }
        for unsound in [NONE | READ, ONE_OF, ONE_OF | READ, ALL + 1, 1 << 29] {
            assert!(!is_sound(unsound), "{unsound:#x}");
        }
    }
}
