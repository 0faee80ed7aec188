//! Where the checkout and its build products lie, and how child processes are started.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::json;

/// Why a chore stopped.
#[derive(Debug)]
pub enum Failure {
    /// The command line makes no sense; the usage is shown, and the exit code is 2.
    Usage(String),
    /// The chore was understood and did not succeed; the exit code is 1.
    Chore(String),
}

impl Failure {
    /// A chore that did not succeed, with the reason as a sentence.
    pub fn chore(message: impl Into<String>) -> Failure {
        Failure::Chore(message.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Usage(message) | Failure::Chore(message) => formatter.write_str(message),
        }
    }
}

/// The checkout and its target directory.
#[derive(Clone, Debug)]
pub struct House {
    /// The folder of the workspace's `Cargo.toml`.
    pub root: PathBuf,
    /// Cargo's target directory, wherever the user has put it.
    pub target: PathBuf,
    /// Variables that `cargo run` put into our environment and that no build of ours may see: those of this package, and those
    /// of `.cargo/rocksdb.toml`, which a child reads again from the file as it then is.
    inherited: Vec<OsString>,
}

impl House {
    /// The checkout that this program was started from.
    pub fn find() -> Result<House, Failure> {
        let own_folder =
            env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = Path::new(&own_folder)
            .ancestors()
            .nth(2)
            .map(Path::to_path_buf)
            .ok_or_else(|| Failure::chore("xtask does not lie two folders below the workspace"))?;
        let mut house = House::at(root);
        let mut command = house.cargo();
        command.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]);
        let metadata = captured(&mut command)?;
        if let Some(target) = json::string_field(&metadata, "target_directory") {
            house.target = PathBuf::from(target);
        }
        Ok(house)
    }

    /// A checkout with the default target directory.
    pub fn at(root: PathBuf) -> House {
        let config = fs::read_to_string(root.join(".cargo/rocksdb.toml")).unwrap_or_default();
        let inherited = env::vars_os()
            .filter(|(name, value)| is_from_cargo(name, value, &config))
            .map(|(name, _)| name);
        House {
            target: root.join("target"),
            inherited: inherited.collect(),
            root,
        }
    }

    /// The value of a variable that the user has set, as opposed to cargo.
    pub fn variable(&self, name: &str) -> Option<OsString> {
        env::var_os(name).filter(|_| !self.inherited.iter().any(|inherited| inherited == name))
    }

    /// Where a release build leaves its products.
    pub fn release(&self) -> PathBuf {
        self.target.join("release")
    }

    /// The `sup` command of the release build.
    pub fn sup(&self) -> PathBuf {
        self.release().join(format!("sup{}", env::consts::EXE_SUFFIX))
    }

    /// A command that runs in the checkout.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        command
    }

    /// A cargo command. What `cargo run` put into the environment for this program is taken out again, so that a build
    /// started here and one started by hand have the same fingerprint.
    pub fn cargo(&self) -> Command {
        let mut command = self.command(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        for name in &self.inherited {
            command.env_remove(name);
        }
        command
    }

    /// What a test needs to find the binaries: `SUP_BIN` and `SUP_KERNEL_PATH`.
    pub fn point_at_binaries(&self, command: &mut Command) {
        self.point_at_products(command, &self.release());
    }

    /// The same for the products of another build.
    pub fn point_at_products(&self, command: &mut Command, products: &Path) {
        command
            .env(
                "SUP_BIN",
                products.join(format!("sup{}", env::consts::EXE_SUFFIX)),
            )
            .env("SUP_KERNEL_PATH", products);
    }
}

/// Whether a variable of our environment comes from `cargo run`: it describes this package, or says what the config says.
fn is_from_cargo(name: &OsStr, value: &OsStr, config: &str) -> bool {
    let (name, value) = (name.to_string_lossy(), value.to_string_lossy());
    let of_this_package = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"];
    of_this_package.iter().any(|prefix| name.starts_with(prefix))
        || (name.starts_with("ROCKSDB_") && config.contains(&format!("{name} = {}\n", json::quoted(&value))))
}

/// The command line as a user would type it, for headings and messages.
pub fn shown(command: &Command) -> String {
    let mut words = vec![
        Path::new(command.get_program())
            .file_name()
            .unwrap_or(command.get_program())
            .to_string_lossy()
            .into_owned(),
    ];
    words.extend(command.get_args().map(|word| word.to_string_lossy().into_owned()));
    words.join(" ")
}

/// Runs a command to its end, with our stdout and stderr; fails when it fails.
pub fn done(command: &mut Command) -> Result<(), Failure> {
    let status = command
        .status()
        .map_err(|error| Failure::chore(format!("cannot start `{}`: {error}", shown(command))))?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure::chore(format!("`{}` failed ({status})", shown(command))))
    }
}

/// Runs a command and returns its stdout; what it wrote to stderr is part of the failure.
pub fn captured(command: &mut Command) -> Result<String, Failure> {
    let Output {
        status,
        stdout,
        stderr,
    } = command
        .output()
        .map_err(|error| Failure::chore(format!("cannot start `{}`: {error}", shown(command))))?;
    if status.success() {
        return Ok(String::from_utf8_lossy(&stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&stderr);
    Err(Failure::chore(format!(
        "`{}` failed ({status}): {}",
        shown(command),
        said.trim()
    )))
}

/// The first file of that name in the folders of `PATH`.
pub fn in_path(program: &str) -> Option<PathBuf> {
    let folders = env::var_os("PATH")?;
    env::split_paths(&folders)
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cargo_read_from_the_config_is_not_the_users() {
        let config = "[env]\nROCKSDB_LIB_DIR = \"/cache\"\nROCKSDB_STATIC = \"1\"\n";
        let is_ours = |name: &str, value: &str| is_from_cargo(OsStr::new(name), OsStr::new(value), config);
        assert!(is_ours("ROCKSDB_LIB_DIR", "/cache"));
        assert!(!is_ours("ROCKSDB_LIB_DIR", "/elsewhere"), "the user's own");
        assert!(is_ours("CARGO_PKG_NAME", "xtask"));
        assert!(!is_ours("CARGO_TARGET_DIR", "/tmp/target"));
    }
}
