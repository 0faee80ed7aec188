//! What the machine must have before anything of ours compiles, and how its package manager is asked for what it lacks.

use std::env;
use std::fs;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::house::{Failure, captured, done, in_path, shown};

/// A thing that must be there before a build or a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thing {
    /// A C++20 compiler, for RocksDB.
    CppCompiler,
    /// libclang with its own headers, for bindgen, which reads RocksDB's C header.
    Libclang,
    /// A C compiler called `cc`, for the tests that build a kernel in C.
    CCompiler,
}

impl Thing {
    fn is_there(self) -> bool {
        match self {
            Thing::CppCompiler => {
                env::var_os("CXX").is_some() || in_path("c++").is_some() || in_path("g++").is_some()
            }
            Thing::CCompiler => env::var_os("CC").is_some() || in_path("cc").is_some(),
            Thing::Libclang => libclang_given() || libclang_under(Path::new("/")),
        }
    }

    fn sentence(self) -> &'static str {
        match self {
            Thing::CppCompiler => "no C++ compiler (RocksDB is C++)",
            Thing::Libclang => "no libclang (bindgen reads RocksDB's C header with it)",
            Thing::CCompiler => "no `cc` (tests compile a kernel written in C)",
        }
    }
}

/// A package manager: how it is called and what it calls our things.
struct Manager {
    program: &'static str,
    refresh: &'static [&'static str],
    install: &'static [&'static str],
    as_root: AsRoot,
    cpp_compiler: &'static str,
    libclang: &'static str,
    c_compiler: &'static str,
}

#[derive(PartialEq, Eq)]
enum AsRoot {
    Needed,
    Refused,
}

const MANAGERS: [Manager; 4] = [
    Manager {
        program: "apt-get",
        refresh: &["update"],
        install: &["install", "-y", "--no-install-recommends"],
        as_root: AsRoot::Needed,
        cpp_compiler: "g++",
        libclang: "libclang-dev",
        c_compiler: "gcc",
    },
    Manager {
        program: "dnf",
        refresh: &[],
        install: &["install", "-y"],
        as_root: AsRoot::Needed,
        cpp_compiler: "gcc-c++",
        libclang: "clang-devel",
        c_compiler: "gcc",
    },
    Manager {
        program: "pacman",
        refresh: &["-Sy"],
        install: &["-S", "--noconfirm", "--needed"],
        as_root: AsRoot::Needed,
        cpp_compiler: "gcc",
        libclang: "clang",
        c_compiler: "gcc",
    },
    Manager {
        program: "brew",
        refresh: &[],
        install: &["install"],
        as_root: AsRoot::Refused,
        cpp_compiler: "gcc",
        libclang: "llvm",
        c_compiler: "gcc",
    },
];

impl Manager {
    fn package(&self, thing: Thing) -> &'static str {
        match thing {
            Thing::CppCompiler => self.cpp_compiler,
            Thing::Libclang => self.libclang,
            Thing::CCompiler => self.c_compiler,
        }
    }
}

/// Looks for every thing and installs those that are missing, saying what it runs.
pub fn ensure(things: &[Thing]) -> Result<(), Failure> {
    let missing: Vec<Thing> = things.iter().copied().filter(|thing| !thing.is_there()).collect();
    if missing.is_empty() {
        println!("setup: the system has what the build needs");
        return Ok(());
    }
    for thing in &missing {
        println!("setup: this machine has {}", thing.sentence());
    }
    let manager = MANAGERS.iter().find(|manager| in_path(manager.program).is_some()).ok_or_else(|| {
        Failure::chore(
            "none of apt-get, dnf, pacman and brew is here to install them; install a C++20 compiler and libclang by hand \
             (with LIBCLANG_PATH set to libclang's folder when it is not in a usual place)",
        )
    })?;
    let prefix = privilege(manager, &missing)?;
    for command in &mut commands(manager, &missing, &prefix) {
        println!("setup: running `{}`", shown(command));
        done(command.env("DEBIAN_FRONTEND", "noninteractive"))?;
    }
    let still: Vec<&str> = missing
        .iter()
        .filter(|thing| !thing.is_there())
        .map(|thing| thing.sentence())
        .collect();
    if still.is_empty() || manager.as_root == AsRoot::Refused {
        return Ok(());
    }
    Err(Failure::chore(format!(
        "installed without an error, and yet there is {}",
        still.join(" and ")
    )))
}

/// The package manager's commands, in order.
fn commands(manager: &Manager, missing: &[Thing], prefix: &[String]) -> Vec<Command> {
    let mut packages: Vec<&str> = Vec::new();
    for thing in missing {
        let package = manager.package(*thing);
        if !packages.contains(&package) {
            packages.push(package);
        }
    }
    let mut lines: Vec<Vec<&str>> = Vec::new();
    if !manager.refresh.is_empty() {
        lines.push(manager.refresh.to_vec());
    }
    lines.push(manager.install.iter().copied().chain(packages).collect());
    lines
        .into_iter()
        .map(|arguments| {
            let mut words = prefix
                .iter()
                .map(String::as_str)
                .chain([manager.program])
                .chain(arguments);
            let mut command = Command::new(words.next().expect("a manager has a name"));
            command.args(words);
            command
        })
        .collect()
}

/// What must stand before the manager's command so that it may install: nothing, or sudo.
fn privilege(manager: &Manager, missing: &[Thing]) -> Result<Vec<String>, Failure> {
    let is_root = captured(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    if manager.as_root == AsRoot::Refused || is_root {
        return Ok(Vec::new());
    }
    if in_path("sudo").is_some() {
        // Without a terminal nobody can type a password: fail at once rather than wait for one.
        let unattended = !std::io::stdin().is_terminal();
        return Ok(["sudo"]
            .into_iter()
            .chain(unattended.then_some("-n"))
            .map(str::to_owned)
            .collect());
    }
    let by_hand: Vec<String> = commands(manager, missing, &[]).iter().map(shown).collect();
    Err(Failure::chore(format!(
        "installing needs root, and there is no sudo; run this as root and start again: {}",
        by_hand.join(" && ")
    )))
}

/// Whether the user or LLVM itself says where libclang lies.
fn libclang_given() -> bool {
    if let Some(given) = env::var_os("LIBCLANG_PATH") {
        return Path::new(&given).exists();
    }
    let from_llvm = captured(Command::new("llvm-config").arg("--libdir")).ok();
    from_llvm.is_some_and(|folder| {
        let folder = Path::new(folder.trim());
        holds_libclang(folder) && holds_clang_headers(folder)
    })
}

/// Looks where bindgen's loader looks: `lib` folders of `usr` and `usr/local` and two levels below them, and Apple's tools.
/// The library alone is not enough: without clang's own headers (`stddef.h`) bindgen cannot read a line of C.
fn libclang_under(root: &Path) -> bool {
    let mut folders = vec![
        root.join("Library/Developer/CommandLineTools/usr/lib"),
        root.join("Applications/Xcode.app/Contents/Developer/Toolchains/XcodeDefault.xctoolchain/usr/lib"),
    ];
    for parent in [root.join("usr"), root.join("usr/local")] {
        for folder in subfolders(&parent) {
            let name = folder
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if name.starts_with("lib") || name.starts_with("llvm") {
                let below: Vec<PathBuf> = subfolders(&folder);
                folders.extend(below.iter().flat_map(|inner| subfolders(inner)));
                folders.extend(below);
                folders.push(folder);
            }
        }
    }
    folders.iter().any(|folder| holds_libclang(folder))
        && folders.iter().any(|folder| holds_clang_headers(folder))
}

fn subfolders(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect()
}

fn holds_libclang(folder: &Path) -> bool {
    let Ok(entries) = fs::read_dir(folder) else {
        return false;
    };
    entries
        .flatten()
        .any(|entry| is_libclang(&entry.file_name().to_string_lossy()))
}

/// `libclang.so`, `libclang-14.so`, either with a version behind, or `libclang.dylib`; not `libclang-cpp.so`.
fn is_libclang(name: &str) -> bool {
    let Some(rest) = name.strip_prefix("libclang") else {
        return false;
    };
    let versioned = rest.starts_with('-') && !rest.starts_with("-cpp") && rest.contains(".so");
    rest == ".dylib" || rest.starts_with(".so") || versioned
}

fn holds_clang_headers(folder: &Path) -> bool {
    subfolders(&folder.join("clang"))
        .iter()
        .any(|version| version.join("include/stddef.h").is_file())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::scratch::Scratch;

    #[test]
    fn libclang_counts_only_with_its_headers() {
        let machine = Scratch::new("libclang");
        assert!(!libclang_under(machine.path()));
        machine.write("usr/lib/x86_64-linux-gnu/libclang-cpp.so.14", "");
        machine.write("usr/lib/llvm-14/lib/clang/14.0.6/include/stddef.h", "");
        assert!(!libclang_under(machine.path()), "libclang-cpp is another library");
        machine.write("usr/lib/x86_64-linux-gnu/libclang-14.so.1", "");
        assert!(libclang_under(machine.path()));

        let bare = Scratch::new("libclang-bare");
        bare.write("usr/lib/x86_64-linux-gnu/libclang-14.so.1", "");
        assert!(
            !libclang_under(bare.path()),
            "the library without clang's headers"
        );
    }

    #[test]
    fn names_of_the_library() {
        for name in [
            "libclang.so",
            "libclang.so.1",
            "libclang-14.so",
            "libclang-14.so.13",
            "libclang.dylib",
        ] {
            assert!(is_libclang(name), "{name}");
        }
        for name in [
            "libclang-cpp.so.14",
            "libclangAST.a",
            "libclang.a",
            "libclang-14.txt",
            "libllvm.so",
        ] {
            assert!(!is_libclang(name), "{name}");
        }
    }

    #[test]
    fn what_is_installed_is_what_is_missing_and_once() {
        let lines = |manager: usize, missing: &[Thing], prefix: &[&str]| -> Vec<String> {
            let prefix: Vec<String> = prefix.iter().map(|word| (*word).to_owned()).collect();
            commands(&MANAGERS[manager], missing, &prefix)
                .iter()
                .map(shown)
                .collect()
        };
        assert_eq!(
            lines(0, &[Thing::CppCompiler, Thing::Libclang], &[]),
            [
                "apt-get update",
                "apt-get install -y --no-install-recommends g++ libclang-dev"
            ]
        );
        assert_eq!(
            lines(1, &[Thing::Libclang], &["sudo", "-n"]),
            ["sudo -n dnf install -y clang-devel"]
        );
        assert_eq!(
            lines(2, &[Thing::CppCompiler, Thing::Libclang, Thing::CCompiler], &[]),
            ["pacman -Sy", "pacman -S --noconfirm --needed gcc clang"]
        );
        assert_eq!(lines(3, &[Thing::Libclang], &[]), ["brew install llvm"]);
    }
}
