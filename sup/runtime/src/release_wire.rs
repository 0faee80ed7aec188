//! Requests about releases as texts, which is how they cross the control socket.

use crate::release_requests::ReleaseRequest;
use crate::releases::File;

impl ReleaseRequest {
    /// The request as texts, the first of which is its kind.
    #[must_use]
    pub fn texts(&self) -> Vec<String> {
        let own = |kind: &str, fields: &[&String]| {
            let mut texts = vec![kind.to_owned()];
            texts.extend(fields.iter().map(|field| (*field).clone()));
            texts
        };
        match self {
            ReleaseRequest::Publish {
                files,
                author,
                message,
                canary,
                only_check,
            } => {
                let kind = if *only_check { "check" } else { "publish" };
                let canary = canary.map_or_else(String::new, |percent| percent.to_string());
                let mut texts = own(kind, &[author, message, &canary]);
                texts.extend(file_texts(files));
                texts
            }
            ReleaseRequest::Show { release } => own("show", &[release]),
            ReleaseRequest::Files { release } => own("files", &[release]),
            ReleaseRequest::File { release, path } => own("file", &[release, path]),
            ReleaseRequest::Diff { from, to } => own("diff", &[from, to]),
            ReleaseRequest::DiffTree { from, files } => {
                let mut texts = own("diff-tree", &[from]);
                texts.extend(file_texts(files));
                texts
            }
            ReleaseRequest::Rollback { release, author } => own("rollback", &[release, author]),
            ReleaseRequest::Split { shares, by, author } => {
                let mut texts = own("split", &[by, author]);
                for (release, weight) in shares {
                    texts.extend([release.clone(), weight.to_string()]);
                }
                texts
            }
            ReleaseRequest::Collect => own("collect", &[]),
        }
    }

    /// The request that texts are.
    #[must_use]
    pub fn of_texts(texts: &[String]) -> Option<ReleaseRequest> {
        let (kind, fields) = texts.split_first()?;
        let field = |place: usize| fields.get(place).cloned();
        Some(match kind.as_str() {
            "publish" | "check" => ReleaseRequest::Publish {
                author: field(0)?,
                message: field(1)?,
                canary: match field(2)?.as_str() {
                    "" => None,
                    percent => Some(percent.parse().ok()?),
                },
                only_check: kind == "check",
                files: files_of(fields.get(3..)?)?,
            },
            "show" => ReleaseRequest::Show { release: field(0)? },
            "files" => ReleaseRequest::Files { release: field(0)? },
            "file" => ReleaseRequest::File {
                release: field(0)?,
                path: field(1)?,
            },
            "diff" => ReleaseRequest::Diff {
                from: field(0)?,
                to: field(1)?,
            },
            "diff-tree" => ReleaseRequest::DiffTree {
                from: field(0)?,
                files: files_of(fields.get(1..)?)?,
            },
            "rollback" => ReleaseRequest::Rollback {
                release: field(0)?,
                author: field(1)?,
            },
            "split" => ReleaseRequest::Split {
                by: field(0)?,
                author: field(1)?,
                shares: fields
                    .get(2..)?
                    .chunks(2)
                    .map(|pair| Some((pair.first()?.clone(), pair.get(1)?.parse().ok()?)))
                    .collect::<Option<_>>()?,
            },
            "collect" => ReleaseRequest::Collect,
            _ => return None,
        })
    }
}

fn file_texts(files: &[File]) -> impl Iterator<Item = String> + '_ {
    files.iter().flat_map(|file| {
        [
            file.path.clone(),
            text_of_bytes(file.bytes.as_deref().unwrap_or_default()),
        ]
    })
}

fn files_of(texts: &[String]) -> Option<Vec<File>> {
    let file = |pair: &[String]| {
        Some(File {
            path: pair.first()?.clone(),
            bytes: Some(bytes_of_text(pair.get(1)?)?),
        })
    };
    texts.chunks(2).map(file).collect()
}

/// Bytes as a text: `t` and the text that they are, else `x` and their digits.
#[must_use]
pub fn text_of_bytes(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => format!("t{text}"),
        Err(_) => {
            const DIGITS: &[u8; 16] = b"0123456789abcdef";
            let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
            let mut text = String::with_capacity(1 + 2 * bytes.len());
            text.push('x');
            text.extend(digits.map(|digit| char::from(DIGITS[usize::from(digit)])));
            text
        }
    }
}

/// The bytes that a text stands for.
#[must_use]
pub fn bytes_of_text(text: &str) -> Option<Vec<u8>> {
    if let Some(text) = text.strip_prefix('t') {
        return Some(text.as_bytes().to_vec());
    }
    let digits = text.strip_prefix('x')?.as_bytes();
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let byte = |pair: &[u8]| u8::try_from(digit(*pair.first()?)? * 16 + digit(*pair.get(1)?)?).ok();
    digits.chunks(2).map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_come_back_from_their_texts() {
        let file = |path: &str, bytes: &[u8]| File {
            path: path.to_owned(),
            bytes: Some(bytes.to_vec()),
        };
        let files = vec![
            file("a.slp", "(def ä 1)\n".as_bytes()),
            file("x.bin", &[0, 255, 128]),
            file("e", b""),
        ];
        let text = |text: &str| text.to_owned();
        for request in [
            ReleaseRequest::Publish {
                files: files.clone(),
                author: text("ada"),
                message: text("first"),
                canary: Some(5),
                only_check: false,
            },
            ReleaseRequest::Publish {
                files: Vec::new(),
                author: String::new(),
                message: String::new(),
                canary: None,
                only_check: true,
            },
            ReleaseRequest::Show {
                release: text("head"),
            },
            ReleaseRequest::File {
                release: text("1"),
                path: text("a"),
            },
            ReleaseRequest::DiffTree {
                from: text("1"),
                files,
            },
            ReleaseRequest::Split {
                shares: vec![(text("1"), 95), (text("2"), 5)],
                by: text("cookie:uid"),
                author: String::new(),
            },
            ReleaseRequest::Collect,
        ] {
            assert_eq!(ReleaseRequest::of_texts(&request.texts()), Some(request));
        }
        for damaged in [
            &["publish", "a", "b"][..],
            &["publish", "a", "b", "", "p", "xzz"],
            &["split", "", "", "1"],
            &["nope"],
        ] {
            let texts: Vec<String> = damaged.iter().map(|text| (*text).to_owned()).collect();
            assert_eq!(ReleaseRequest::of_texts(&texts), None, "{damaged:?}");
        }
    }
}
