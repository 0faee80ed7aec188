//! Who may write a file, and the directories by which it is reached: what others may change is not run.
//!
//! The rules are those of OpenSSH's `StrictModes`, with two differences. A directory such as `/tmp`, which everybody may
//! write and whose sticky bit keeps what is in it from others, is well when what is taken from it belongs to this user or
//! root. And a group that has nobody in it but the owner of its files is no others.

use crate::error::LoadError;
use std::fs::{self, File, Metadata};
use std::path::{Path, PathBuf};

/// Most symbolic links that a path goes through.
const MAX_LINKS: usize = 40;

/// A file that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Where it lies when all links are followed.
    pub path: PathBuf,
    /// Device and number, by which it is known again once it is open.
    identity: (u64, u64),
    /// Owners of it and of each directory on the way.
    owners: Vec<u32>,
}

impl Seen {
    /// Whether the open file is the one that was looked at.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn is(&self, file: &File) -> std::io::Result<bool> {
        file.metadata().map(|data| identity(&data) == self.identity)
    }

    /// Whether it, and each directory on the way, belongs to root or to that user.
    #[must_use]
    pub fn belongs_to(&self, user: u32) -> bool {
        self.owners.iter().all(|owner| *owner == 0 || *owner == user)
    }

    /// Whom it belongs to.
    #[must_use]
    pub fn owner(&self) -> u32 {
        self.owners.last().copied().unwrap_or_default()
    }
}

/// Looks at a file or directory and every directory on the way to it.
///
/// # Errors
/// `LoadError::Writable` with the first of them that others may write; `LoadError::Unreadable` when something is not there.
#[cfg(unix)]
pub fn check(path: &Path) -> Result<Seen, LoadError> {
    use std::ffi::OsString;
    use std::path::Component;
    let unreadable = |reason: std::io::Error| LoadError::Unreadable {
        path: path.display().to_string(),
        reason: reason.to_string(),
    };
    // An empty path means the directory that the process is in, as it does for the system.
    let named = if path.as_os_str().is_empty() {
        Path::new(".")
    } else {
        path
    };
    let start = std::path::absolute(named).map_err(unreadable)?;
    // The parts that are still to be walked, the next one last.
    let mut parts: Vec<OsString> = Vec::new();
    let push = |parts: &mut Vec<OsString>, path: &Path| {
        let components = path.components().rev().filter_map(|component| match component {
            Component::Normal(part) => Some(part.to_owned()),
            Component::ParentDir => Some(OsString::from("..")),
            _ => None,
        });
        parts.extend(components);
    };
    push(&mut parts, &start);
    let mut at = PathBuf::from("/");
    let mut data = fs::symlink_metadata(&at).map_err(unreadable)?;
    let mut owners = vec![Ground::of(&data).owner];
    let (mut n_links, mut is_sticky) = (0, judge(&at, &data)?);
    while let Some(part) = parts.pop() {
        if part == ".." {
            at.pop();
            is_sticky = judge(&at, &fs::symlink_metadata(&at).map_err(unreadable)?)?;
            continue;
        }
        at.push(&part);
        data = fs::symlink_metadata(&at).map_err(unreadable)?;
        if is_sticky && !Ground::of(&data).is_ours() {
            return Err(LoadError::Writable {
                path: at.display().to_string(),
                who: "it lies in a directory that everybody may write, and belongs to another user",
                hint: format!(
                    "take it from a directory of your own, or own it: chown $USER {}",
                    at.display()
                ),
            });
        }
        if data.is_symlink() {
            n_links += 1;
            if n_links > MAX_LINKS {
                return Err(unreadable(std::io::Error::other(
                    "it goes through too many links",
                )));
            }
            let target = fs::read_link(&at).map_err(unreadable)?;
            at.pop();
            if target.is_absolute() {
                at = PathBuf::from("/");
            }
            is_sticky = judge(&at, &fs::symlink_metadata(&at).map_err(unreadable)?)?;
            push(&mut parts, &target);
            continue;
        }
        owners.push(Ground::of(&data).owner);
        is_sticky = judge(&at, &data)?;
    }
    Ok(Seen {
        path: at,
        identity: identity(&data),
        owners,
    })
}

/// On other systems there are no such bits to look at.
///
/// # Errors
/// When the file is not there.
#[cfg(not(unix))]
pub fn check(path: &Path) -> Result<Seen, LoadError> {
    let found = path.canonicalize().map_err(|error| LoadError::Unreadable {
        path: path.display().to_string(),
        reason: error.to_string(),
    })?;
    Ok(Seen {
        path: found,
        identity: (0, 0),
        owners: Vec::new(),
    })
}

#[cfg(unix)]
fn identity(data: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    (data.dev(), data.ino())
}

#[cfg(not(unix))]
fn identity(_data: &Metadata) -> (u64, u64) {
    (0, 0)
}

/// What decides who may write something.
#[cfg(unix)]
#[derive(Clone, Copy)]
struct Ground {
    mode: u32,
    owner: u32,
    group: u32,
    is_directory: bool,
}

#[cfg(unix)]
impl Ground {
    fn of(data: &Metadata) -> Ground {
        use std::os::unix::fs::MetadataExt;
        Ground {
            mode: data.mode(),
            owner: data.uid(),
            group: data.gid(),
            is_directory: data.is_dir(),
        }
    }

    fn is_sticky(self) -> bool {
        self.is_directory && self.mode & 0o1000 != 0
    }

    /// Whether it belongs to root or to whoever runs this.
    fn is_ours(self) -> bool {
        self.owner == 0 || self.owner == own_user()
    }

    /// Who may write it besides its owner.
    fn others(self, is_private: impl FnOnce(u32, u32) -> bool) -> Option<&'static str> {
        if self.mode & 0o002 != 0 {
            Some("everybody may write it")
        } else if self.mode & 0o020 != 0 && !is_private(self.owner, self.group) {
            Some("others of its group may write it")
        } else {
            None
        }
    }
}

/// Whether a directory is one that others may write and whose sticky bit keeps what is in it; refuses what others may write
/// otherwise.
#[cfg(unix)]
fn judge(path: &Path, data: &Metadata) -> Result<bool, LoadError> {
    let ground = Ground::of(data);
    match ground.others(is_private_group) {
        None => Ok(false),
        Some(_) if ground.is_sticky() => Ok(true),
        Some(who) => Err(LoadError::Writable {
            path: path.display().to_string(),
            who,
            hint: format!("chmod go-w {}", path.display()),
        }),
    }
}

#[cfg(unix)]
#[allow(unsafe_code)]
fn own_user() -> u32 {
    // SAFETY: the call has no conditions and cannot fail.
    unsafe { libc::geteuid() }
}

/// Whether a group has nobody in it but that user, as the system's own files say. A user or group that another service
/// knows is not found there, and the group then counts as others.
#[cfg(unix)]
fn is_private_group(user: u32, group: u32) -> bool {
    const MAX_FILE_BYTES: u64 = 4 << 20;
    let read = |path: &str| {
        let is_short = fs::metadata(path).is_ok_and(|data| data.len() <= MAX_FILE_BYTES);
        is_short.then(|| fs::read_to_string(path).ok()).flatten()
    };
    match (read("/etc/passwd"), read("/etc/group")) {
        (Some(users), Some(groups)) => has_nobody_else(&users, &groups, user, group),
        _ => false,
    }
}

/// The same for the texts of the two files.
fn has_nobody_else(users: &str, groups: &str, user: u32, group: u32) -> bool {
    fn fields(line: &str) -> Vec<&str> {
        line.split(':').collect()
    }
    let is_number = |text: Option<&&str>, number: u32| text.is_some_and(|text| text.parse() == Ok(number));
    let name = users
        .lines()
        .map(fields)
        .find(|user_line| is_number(user_line.get(2), user));
    let Some(name) = name.and_then(|line| line.first().copied()) else {
        return false;
    };
    let has_primary = |line: Vec<&str>| is_number(line.get(3), group) && line.first() != Some(&name);
    let Some(own) = groups
        .lines()
        .map(fields)
        .find(|line| is_number(line.get(2), group))
    else {
        return false;
    };
    let members = own.get(3).copied().unwrap_or_default();
    !users.lines().map(fields).any(has_primary)
        && members
            .split(',')
            .all(|member| member.is_empty() || member == name)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    /// A directory of the test's own with a library in it, and what undoes it.
    fn ground(name: &str) -> (PathBuf, PathBuf) {
        let root = std::env::temp_dir().join(format!("sup-places-{}-{name}", std::process::id()));
        let directory = root.join("kernels/own");
        fs::create_dir_all(&directory).expect("makes directories");
        let library = directory.join("libkernel_own.so");
        fs::write(&library, "library").expect("writes");
        for path in [&root, &root.join("kernels"), &directory] {
            allow(path, 0o755);
        }
        allow(&library, 0o644);
        (root, library)
    }

    fn allow(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("sets the mode");
    }

    fn refused(path: &Path) -> String {
        match check(path) {
            Err(LoadError::Writable { path, .. }) => path,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_everybody_may_write_is_refused_wherever_it_is_on_the_way() {
        let (root, library) = ground("open");
        let seen = check(&library).expect("nobody else may write it");
        assert!(
            seen.is(&File::open(&library).expect("opens"))
                .expect("the system tells")
        );
        assert!(
            !seen
                .is(&File::open("/etc/passwd").expect("opens"))
                .expect("the system tells")
        );
        for (path, mode) in [
            (library.clone(), 0o646),
            (root.join("kernels/own"), 0o757),
            (root.join("kernels"), 0o777),
            (root.clone(), 0o757),
        ] {
            let before = fs::metadata(&path).expect("is there").permissions();
            allow(&path, mode);
            assert_eq!(refused(&library), path.display().to_string());
            fs::set_permissions(&path, before).expect("sets the mode");
        }
        assert!(check(&library).is_ok());
        fs::remove_dir_all(root).expect("cleans up");
    }

    #[test]
    fn a_sticky_directory_is_well_for_what_is_ones_own() {
        let (root, library) = ground("sticky");
        allow(&root.join("kernels"), 0o1777);
        assert!(check(&library).is_ok());
        fs::remove_dir_all(root).expect("cleans up");
    }

    #[test]
    fn a_link_is_followed_and_where_it_lies_counts_too() {
        let (root, library) = ground("link");
        let open = root.join("open");
        fs::create_dir(&open).expect("makes a directory");
        allow(&open, 0o777);
        let (good, bad) = (root.join("good.so"), open.join("bad.so"));
        for (link, target) in [(&good, &library), (&bad, &library)] {
            symlink(target, link).expect("links");
        }
        assert_eq!(check(&good).expect("is well").path, library);
        assert_eq!(refused(&bad), open.display().to_string());
        let around = root.join("around");
        symlink(&around, &around).expect("links");
        assert_eq!(
            check(&around).expect_err("is endless").code(),
            "kernel/unreadable"
        );
        fs::remove_dir_all(root).expect("cleans up");
    }

    #[test]
    fn a_group_counts_as_others_unless_it_is_the_owners_own() {
        let users = "root:x:0:0::/root:/bin/sh\nada:x:1000:1000::/home/ada:/bin/sh\nbob:x:1001:50::/home/bob:/bin/sh\n";
        let groups = "root:x:0:\nada:x:1000:ada\nstaff:x:50:ada\nempty:x:60:\n";
        for (user, group, is_private) in [
            (0, 0, true),
            (1000, 1000, true),
            (1000, 50, false),
            (1001, 50, false),
            (1000, 60, true),
            (1000, 70, false),
            (1002, 1000, false),
        ] {
            assert_eq!(
                has_nobody_else(users, groups, user, group),
                is_private,
                "{user} {group}"
            );
        }
        let ground = |mode| Ground {
            mode,
            owner: 1000,
            group: 50,
            is_directory: false,
        };
        assert!(ground(0o664).others(|_, _| false).is_some() && ground(0o664).others(|_, _| true).is_none());
        assert!(ground(0o666).others(|_, _| true).is_some() && ground(0o644).others(|_, _| false).is_none());
    }
}
