//! Manifests: what a release holds, path by path. A manifest is a blob, found by its hash, and never changes.

use crate::blob::Hash;
use crate::record::{RecordBuilder, RecordReader};

/// The kind of a blob that holds a manifest.
const MANIFEST: u8 = 2;
const CODE: u8 = 1;
const ASSET: u8 = 2;

/// What a file of a release is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum FileKind {
    /// Text that the machine runs. Its path is a name of code with [`CODE_SUFFIX`] behind it.
    Code,
    /// Bytes that are served or read as they are.
    Asset,
}

/// What the path of a piece of code ends with.
pub const CODE_SUFFIX: &str = ".slp";

/// One file of a release.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReleaseFile {
    /// Its path in the tree, steps parted by `/`.
    pub path: String,
    /// What it is.
    pub kind: FileKind,
    /// The hash of its blob.
    pub hash: Hash,
    /// Bytes of its blob.
    pub n_bytes: u64,
    /// The release that put it there.
    pub since: u64,
    /// When that was.
    pub time_us: i64,
}

impl ReleaseFile {
    /// The name of the code, when it is code.
    pub fn name(&self) -> Option<&str> {
        match self.kind {
            FileKind::Code => self.path.strip_suffix(CODE_SUFFIX),
            FileKind::Asset => None,
        }
    }
}

/// A route that a file of the release declares. The store only keeps it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Route {
    /// The method, such as `GET`; `ANY` for all.
    pub method: String,
    /// The pattern, such as `/hello/:name`.
    pub pattern: String,
    /// The name of the code that declares it.
    pub name: String,
}

/// What a release needs of the instance that runs it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Needs {
    /// Kernels, by name, sorted.
    pub kernels: Vec<String>,
    /// Capabilities, by name, sorted.
    pub capabilities: Vec<String>,
}

/// Everything about a release but its number.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Manifest {
    /// The release that it was made from; 0 for none.
    pub parent: u64,
    /// When it was made.
    pub time_us: i64,
    /// Who made it.
    pub author: String,
    /// What they said of it.
    pub message: String,
    /// Its files, sorted by path.
    pub files: Vec<ReleaseFile>,
    /// Its routes, in the order of files and declarations.
    pub routes: Vec<Route>,
    /// What it needs.
    pub needs: Needs,
}

impl Manifest {
    /// What is there before the first release.
    pub(crate) const fn empty() -> Manifest {
        Manifest {
            parent: 0,
            time_us: 0,
            author: String::new(),
            message: String::new(),
            files: Vec::new(),
            routes: Vec::new(),
            needs: Needs {
                kernels: Vec::new(),
                capabilities: Vec::new(),
            },
        }
    }

    /// The file with that path.
    pub fn file(&self, path: &str) -> Option<&ReleaseFile> {
        let found = self.files.binary_search_by(|file| file.path.as_str().cmp(path));
        found.ok().map(|file_idx| &self.files[file_idx])
    }

    /// The code of that name.
    pub fn code(&self, name: &str) -> Option<&ReleaseFile> {
        self.file(&code_path(name))
            .filter(|file| file.kind == FileKind::Code)
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut record = RecordBuilder::new()
            .byte(MANIFEST)
            .number(self.parent)
            .time(self.time_us)
            .text(&self.author)
            .text(&self.message)
            .number(self.files.len() as u64);
        for file in &self.files {
            let kind = match file.kind {
                FileKind::Code => CODE,
                FileKind::Asset => ASSET,
            };
            record = record.byte(kind).text(&file.path).fixed(file.hash.as_bytes());
            record = record.number(file.n_bytes).number(file.since).time(file.time_us);
        }
        record = record.number(self.routes.len() as u64);
        for route in &self.routes {
            record = record.text(&route.method).text(&route.pattern).text(&route.name);
        }
        for list in [&self.needs.kernels, &self.needs.capabilities] {
            record = record.number(list.len() as u64);
            record = list.iter().fold(record, |record, name| record.text(name));
        }
        record.finish()
    }

    pub(crate) fn decode(blob: &[u8]) -> Option<Manifest> {
        let mut reader = RecordReader::new(blob)?;
        (reader.byte()? == MANIFEST).then_some(())?;
        let mut manifest = Manifest {
            parent: reader.number()?,
            time_us: reader.time()?,
            author: reader.text()?.to_owned(),
            message: reader.text()?.to_owned(),
            ..Manifest::empty()
        };
        for _ in 0..reader.number()? {
            manifest.files.push(decode_file(&mut reader)?);
        }
        for _ in 0..reader.number()? {
            manifest.routes.push(Route {
                method: reader.text()?.to_owned(),
                pattern: reader.text()?.to_owned(),
                name: reader.text()?.to_owned(),
            });
        }
        for list in [&mut manifest.needs.kernels, &mut manifest.needs.capabilities] {
            for _ in 0..reader.number()? {
                list.push(reader.text()?.to_owned());
            }
        }
        reader.finish()?;
        let is_sorted = manifest.files.windows(2).all(|pair| pair[0].path < pair[1].path);
        is_sorted.then_some(manifest)
    }
}

fn decode_file(reader: &mut RecordReader<'_>) -> Option<ReleaseFile> {
    let kind = match reader.byte()? {
        CODE => FileKind::Code,
        ASSET => FileKind::Asset,
        _ => return None,
    };
    let file = ReleaseFile {
        path: reader.text()?.to_owned(),
        kind,
        hash: Hash::from_bytes(reader.fixed()?),
        n_bytes: reader.number()?,
        since: reader.number()?,
        time_us: reader.time()?,
    };
    (kind == FileKind::Asset || file.name().is_some()).then_some(file)
}

/// The path of the code of that name.
pub(crate) fn code_path(name: &str) -> String {
    format!("{name}{CODE_SUFFIX}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests_come_back_and_no_truncation_passes() {
        let file = |path: &str, kind| ReleaseFile {
            path: path.to_owned(),
            kind,
            hash: Hash::of(path.as_bytes()),
            n_bytes: 7,
            since: 3,
            time_us: -1,
        };
        let manifest = Manifest {
            parent: 2,
            message: "größer".to_owned(),
            files: vec![
                file("a.slp", FileKind::Code),
                file("static/a b.css", FileKind::Asset),
            ],
            routes: vec![Route {
                method: "GET".to_owned(),
                pattern: "/:x".to_owned(),
                name: "a".to_owned(),
            }],
            needs: Needs {
                kernels: vec!["alu".to_owned()],
                capabilities: vec!["net".to_owned()],
            },
            ..Manifest::empty()
        };
        let blob = manifest.encode();
        assert_eq!(Manifest::decode(&blob), Some(manifest.clone()));
        assert!((0..blob.len()).all(|n_bytes| Manifest::decode(&blob[..n_bytes]).is_none()));
        assert_eq!(manifest.code("a").map(|file| file.path.as_str()), Some("a.slp"));
        assert_eq!(manifest.code("b"), None);
        let mut unsorted = manifest;
        unsorted.files.reverse();
        assert_eq!(Manifest::decode(&unsorted.encode()), None);
    }
}
