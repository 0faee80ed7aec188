//! What happens in a directory of the test's own.

use super::kernel_table;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use sup_kernel::ListKind;
use sup_kernel::fake::{Data, FakeHost};

/// A directory that is removed with all that is in it.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Scratch {
        static LAST: AtomicUsize = AtomicUsize::new(0);
        let number = LAST.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("sup-fs-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).expect("makes a directory");
        Scratch(path)
    }

    fn path(&self, name: &str) -> Data {
        Data::Str(self.0.join(name).to_string_lossy().into_owned())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

fn int(value: i64) -> Data {
    Data::Int(value)
}

#[test]
fn a_file_is_written_and_read_by_handle() {
    let (host, scratch) = (FakeHost::new(kernel_table()), Scratch::new());
    let path = scratch.path("a.txt");
    let call = |name: &str, arguments: &[Data]| host.call(name, arguments);
    let file = call("open", &["w+".into(), path.clone()]).expect("opens");
    assert!(matches!(file, Data::Int(handle) if handle >= 1));
    assert_eq!(call("write", &[file.clone(), "hello wörld".into()]), Ok(int(12)));
    assert_eq!(
        call("write", &[file.clone(), Data::Bytes(vec![0, b'!'])]),
        Ok(int(2))
    );
    assert_eq!(call("tell", std::slice::from_ref(&file)), Ok(int(14)));
    assert_eq!(call("size", std::slice::from_ref(&file)), Ok(int(14)));
    assert_eq!(
        call("read", std::slice::from_ref(&file)),
        Ok("hello wörld\0!".into())
    );
    assert_eq!(call("seek", &[file.clone(), int(6), int(0)]), Ok(int(6)));
    assert_eq!(call("read_bytes", &[file.clone(), int(3)]), Ok("wö".into()));
    assert_eq!(
        host.raises("read_bytes", &[file.clone(), int(-1)]),
        "fs/too-large"
    );
    assert_eq!(call("seek", &[file.clone(), int(8), int(0)]), Ok(int(8)));
    assert_eq!(host.raises("read_bytes", &[file.clone(), int(1)]), "str/utf8");
    assert_eq!(call("seek", &[file.clone(), int(-1), int(2)]), Ok(int(13)));
    assert_eq!(
        call("read-binary", &[file.clone(), int(10)]),
        Ok(Data::Bytes(b"!".to_vec()))
    );
    assert_eq!(call("seek", &[file.clone(), int(-1), int(0)]), Ok(int(-1)));
    assert_eq!(call("flush", std::slice::from_ref(&file)), Ok(int(0)));
    assert_eq!(call("close", std::slice::from_ref(&file)), Ok(int(0)));
    assert_eq!(host.raises("close", std::slice::from_ref(&file)), "fs/handle");
    assert_eq!(host.raises("read", &[file]), "fs/handle");
}

#[test]
fn what_cannot_be_opened_is_minus_one() {
    let (host, scratch) = (FakeHost::new(kernel_table()), Scratch::new());
    assert_eq!(
        host.call("open", &["r".into(), scratch.path("none")]),
        Ok(int(-1))
    );
    assert_eq!(
        host.raises("open", &["x".into(), scratch.path("none")]),
        "fs/mode"
    );
    assert_eq!(
        host.raises("open", &[int(1), scratch.path("none")]),
        "type/mismatch"
    );
    assert_eq!(host.call("exists", &[scratch.path("none")]), Ok(int(0)));
    assert_eq!(host.call("remove", &[scratch.path("none")]), Ok(int(-1)));
    assert_eq!(
        host.call("rename", &[scratch.path("none"), scratch.path("x")]),
        Ok(int(-1))
    );
    assert_eq!(host.call("rmdir", &[scratch.path("none")]), Ok(int(-1)));
    assert_eq!(host.call("rmdir_recursive", &[scratch.path("none")]), Ok(int(0)));
}

#[test]
fn a_handle_is_good_in_its_isolate_only() {
    let scratch = Scratch::new();
    let (one, other) = (FakeHost::new(kernel_table()), FakeHost::new(kernel_table()));
    let file = one.call("open", &["w".into(), scratch.path("a")]).expect("opens");
    assert_eq!(other.raises("write", &[file, "x".into()]), "fs/handle");
}

#[test]
fn directories_are_made_listed_and_removed() {
    let (host, scratch) = (FakeHost::new(kernel_table()), Scratch::new());
    assert_eq!(host.call("mkdir", &[scratch.path("a/b/c")]), Ok(int(0)));
    assert_eq!(host.call("mkdir", &[scratch.path("a/b/c")]), Ok(int(-1)));
    for name in ["a/two", "a/one", "a/b/c/deep \"quoted\""] {
        assert_eq!(
            host.call("write-text", &[scratch.path(name), "x".into()]),
            Ok(Data::Nil)
        );
    }
    let names = Data::List(ListKind::Square, vec!["b".into(), "one".into(), "two".into()]);
    assert_eq!(host.call("ls", &[scratch.path("a")]), Ok(names));
    assert_eq!(host.raises("ls", &[scratch.path("none")]), "fs/missing");
    assert_eq!(host.raises("ls", &[scratch.path("a/one")]), "fs/not-directory");
    assert_eq!(host.call("rmdir", &[scratch.path("a")]), Ok(int(-1)));
    assert_eq!(host.call("rmdir_recursive", &[scratch.path("a")]), Ok(int(6)));
    assert_eq!(host.call("exists", &[scratch.path("a")]), Ok(int(0)));
}

#[test]
fn whole_files() {
    let (host, scratch) = (FakeHost::new(kernel_table()), Scratch::new());
    let path = scratch.path("t");
    assert_eq!(
        host.raises("read-text", std::slice::from_ref(&path)),
        "fs/missing"
    );
    assert_eq!(
        host.call("append-text", &[path.clone(), "one\n".into()]),
        Ok(Data::Nil)
    );
    assert_eq!(
        host.call("append-text", &[path.clone(), "two\n".into()]),
        Ok(Data::Nil)
    );
    assert_eq!(
        host.call("read-text", std::slice::from_ref(&path)),
        Ok("one\ntwo\n".into())
    );
    assert_eq!(
        host.call("copy", &[path.clone(), scratch.path("u")]),
        Ok(Data::Nil)
    );
    assert_eq!(
        host.call("read-file", &[scratch.path("u")]),
        Ok(Data::Bytes(b"one\ntwo\n".to_vec()))
    );
    assert_eq!(
        host.call("write-file", &[path.clone(), Data::Bytes(vec![0xff])]),
        Ok(Data::Nil)
    );
    assert_eq!(host.raises("read-text", std::slice::from_ref(&path)), "str/utf8");
    assert_eq!(
        host.raises("write-text", &[path.clone(), int(1)]),
        "type/mismatch"
    );
    assert_eq!(host.raises("append-text", &[path, int(1)]), "type/mismatch");
    assert_eq!(host.raises("read-text", &[scratch.path("")]), "fs/is-directory");
}

fn field(data: &Data, name: &str) -> Data {
    let Data::Map(pairs) = data else {
        panic!("{data} is no map")
    };
    pairs
        .iter()
        .find(|(key, _)| *key == Data::keyword(name))
        .map(|(_, value)| value.clone())
        .expect("has the field")
}

#[test]
fn what_is_there_is_described() {
    let (host, scratch) = (FakeHost::new(kernel_table()), Scratch::new());
    host.call("write-text", &[scratch.path("f"), "12345".into()])
        .expect("writes");
    let stat = host.call("stat", &[scratch.path("f")]).expect("looks");
    assert_eq!(
        (field(&stat, "kind"), field(&stat, "size")),
        (Data::keyword("file"), int(5))
    );
    assert!(matches!(field(&stat, "modified"), Data::Int(time) if time > 1_600_000_000_000_000));
    assert_eq!(host.call("stat", &[scratch.path("none")]), Ok(Data::Nil));
    assert_eq!(host.call("file?", &[scratch.path("f")]), Ok(true.into()));
    assert_eq!(host.call("dir?", &[scratch.path("f")]), Ok(false.into()));
    assert_eq!(host.call("dir?", &[scratch.path("")]), Ok(true.into()));
    let Ok(Data::List(_, entries)) = host.call("list-dir", &[scratch.path("")]) else {
        panic!("no list")
    };
    assert_eq!(
        entries
            .iter()
            .map(|entry| field(entry, "name"))
            .collect::<Vec<_>>(),
        ["f".into()]
    );
}

#[test]
fn a_walk_finds_files_in_order_and_skips_names() {
    let (host, scratch) = (FakeHost::new(kernel_table()), Scratch::new());
    for name in ["b/x", "a/y", "a/deep/z", ".git/config", "top"] {
        let directory = scratch.0.join(name).parent().expect("has one").to_owned();
        std::fs::create_dir_all(directory).expect("makes a directory");
        std::fs::write(scratch.0.join(name), name).expect("writes");
    }
    std::os::unix::fs::symlink(&scratch.0, scratch.0.join("loop")).expect("links");
    let Ok(Data::List(_, files)) = host.call("walk", &[scratch.path(""), Data::list([".git"])]) else {
        panic!("no list");
    };
    let found: Vec<Data> = files.iter().map(|file| field(file, "path")).collect();
    let expected: Vec<Data> = ["a/deep/z", "a/y", "b/x", "top"]
        .iter()
        .map(|name| scratch.path(name))
        .collect();
    assert_eq!(found, expected);
    assert_eq!(host.raises("walk", &[scratch.path("none")]), "fs/missing");
    assert_eq!(host.raises("walk", &[scratch.path(""), int(1)]), "type/mismatch");
}

#[test]
fn paths_are_texts() {
    let host = FakeHost::new(kernel_table());
    assert_eq!(
        host.call("join_path", &["a".into(), "b/".into(), "c".into()]),
        Ok("a/b/c".into())
    );
    assert_eq!(host.call("base-name", &["a/b.txt".into()]), Ok("b.txt".into()));
    assert_eq!(host.call("dir-name", &["a/b.txt".into()]), Ok("a".into()));
    assert_eq!(host.call("extension", &["a/b.txt".into()]), Ok("txt".into()));
    assert_eq!(host.call("extension", &["a/b".into()]), Ok(Data::Nil));
    assert_eq!(
        host.call("tmp", &[]),
        Ok(std::env::temp_dir().to_string_lossy().into_owned().into())
    );
}
