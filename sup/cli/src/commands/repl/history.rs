//! Where the lines typed in earlier sessions are kept.

use std::env;
use std::path::PathBuf;

/// Lines that are kept.
pub const MAX_LINES: usize = 10_000;

/// The file, its directory made: `$XDG_STATE_HOME/sup/history`, else `~/.local/state/sup/history`. Nothing when there is no place
/// for it; a session without a history is still a session.
pub fn file() -> Option<PathBuf> {
    let absolute = |name: &str| {
        env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let state =
        absolute("XDG_STATE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/state")))?;
    let directory = state.join("sup");
    std::fs::create_dir_all(&directory).ok()?;
    Some(directory.join("history"))
}
