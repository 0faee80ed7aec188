//! The same programs in other languages: hands over to the driver, which prints its tables as Markdown.

use super::build;
use crate::house::{Failure, House, done, in_path, shown};

/// A language of the driver, and how a machine without it comes by it.
struct Peer {
    program: &'static str,
    /// A Debian package.
    package: Option<&'static str>,
    /// What else there is to say.
    otherwise: &'static str,
}

const PEERS: [Peer; 9] = [
    Peer::packaged("lua5.4", "lua5.4"),
    Peer::packaged("luajit", "luajit"),
    Peer::elsewhere("janet", "https://janet-lang.org; few distributions have it"),
    Peer::elsewhere("steel", "cargo install steel-interpreter"),
    Peer::packaged("guile", "guile-3.0"),
    Peer::packaged("chezscheme", "chezscheme"),
    Peer::packaged("sbcl", "sbcl"),
    Peer::packaged("python3", "python3"),
    Peer::packaged("node", "nodejs"),
];

/// Where the peers' programs lie: those that are compared in every report, and more of our own in fewer languages.
const FOLDERS: [&str; 2] = ["tests/bench/peers", "tests/bench/peers-extra"];

impl Peer {
    const fn packaged(program: &'static str, package: &'static str) -> Peer {
        Peer {
            program,
            package: Some(package),
            otherwise: "",
        }
    }

    const fn elsewhere(program: &'static str, otherwise: &'static str) -> Peer {
        Peer {
            program,
            package: None,
            otherwise,
        }
    }
}

/// Runs the driver over each folder of programs, one set of tables for each.
pub fn run(house: &House, arguments: &[&str]) -> Result<(), Failure> {
    build(house)?;
    if in_path("python3").is_none() {
        return Err(Failure::chore(
            "the driver of the peers is written in Python: apt-get install python3",
        ));
    }
    for line in advice(|program| in_path(program).is_some()) {
        println!("bench: {line}");
    }
    // Whoever names benchmarks means those of the first table.
    let n_tables = if arguments.contains(&"-b") {
        1
    } else {
        FOLDERS.len()
    };
    for folder in &FOLDERS[..n_tables] {
        let mut command = house.command("python3");
        command
            .arg("tests/bench/peers/peers.py")
            .args(["--programs", folder])
            .arg("--sup")
            .arg(format!("{} run", house.sup().display()))
            .args(["--sup-dir", "tests/bench"])
            .args(arguments);
        println!("\n## {folder}\n\nrunning `{}`", shown(&command));
        house.point_at_binaries(&mut command);
        done(&mut command)?;
    }
    Ok(())
}

/// Which peers are not there, and how to get them.
fn advice(is_there: impl Fn(&str) -> bool) -> Vec<String> {
    let missing: Vec<&Peer> = PEERS.iter().filter(|peer| !is_there(peer.program)).collect();
    let mut lines: Vec<String> = missing
        .iter()
        .filter(|peer| peer.package.is_none())
        .map(|peer| {
            format!(
                "the peer {} is not installed and is left out: {}",
                peer.program, peer.otherwise
            )
        })
        .collect();
    let packages: Vec<&str> = missing.iter().filter_map(|peer| peer.package).collect();
    if !packages.is_empty() {
        lines.push(format!(
            "peers that are not installed are left out; to have them: apt-get install {}",
            packages.join(" ")
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_missing_peer_is_named_with_where_to_get_it() {
        assert_eq!(advice(|_| true), Vec::<String>::new());
        let lines = advice(|program| !["steel", "guile", "node"].contains(&program));
        assert_eq!(
            lines,
            [
                "the peer steel is not installed and is left out: cargo install steel-interpreter",
                "peers that are not installed are left out; to have them: apt-get install guile-3.0 nodejs",
            ]
        );
    }
}
