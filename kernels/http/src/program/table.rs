//! What a program serves: its routes with their handlers, folders of files, and what answers all the rest.

use crate::finish::content_tag;
use crate::message::{Reply, ReplyBody};
use crate::problem;
use crate::router::{Route, RouteError, Router};
use bytes::Bytes;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue, LAST_MODIFIED};
use hyper::{Method, StatusCode};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;
use sup_kernel::Pin;
use sup_kernel::isolate::Shared;

/// A handler: a copy for the event loops, and the function itself for the isolate that declared it.
#[derive(Clone)]
pub struct Declared {
    /// For the event loops.
    pub shared: Shared,
    /// For `http/call`.
    pub pin: Arc<Pin>,
    /// Whether it reads bodies itself.
    pub streams: bool,
}

/// What answers a route.
#[derive(Clone)]
pub enum Target {
    /// A function of the program.
    Handler(Declared),
    /// Files below a folder; the parameter of the route that names them.
    Folder(PathBuf),
}

/// Routes of a program.
#[derive(Clone, Default)]
pub struct Table {
    routes: Vec<Route<Target>>,
}

/// The parameter of a folder's route.
pub const REST: &str = "path";

impl Table {
    /// The routes.
    #[must_use]
    pub fn routes(&self) -> &[Route<Target>] {
        &self.routes
    }

    /// Adds routes, all or none; one of the same method and pattern as an earlier one takes its place.
    ///
    /// # Errors
    /// When a pattern is none or two match the same requests.
    pub fn add(&mut self, routes: Vec<Route<Target>>) -> Result<(), RouteError> {
        let mut all = self.routes.clone();
        for route in routes {
            all.retain(|other| other.method != route.method || other.pattern != route.pattern);
            all.push(route);
        }
        Router::new(all.clone())?;
        self.routes = all;
        Ok(())
    }
}

/// What a server serves at a time.
pub struct Served {
    /// The routes.
    pub table: Table,
    /// What answers where no route matches.
    pub fallback: Option<Declared>,
}

/// A file as a body, when it is one that can be read. Its tag is made of its size and the time of its last change.
pub fn file_body(path: &Path) -> Option<ReplyBody> {
    let data = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    let changed = data.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    let tag = content_tag(format!("{}-{}", data.len(), changed.as_nanos()).as_bytes());
    Some(ReplyBody::File {
        path: path.to_owned(),
        n_bytes: data.len(),
        tag: Some(tag),
    })
}

/// How long a browser may keep a file without asking again; its tag is compared then.
const KEEP: &str = "public, max-age=60";
/// How long it may keep a file whose name says its content.
const KEEP_FOR_EVER: &str = "public, max-age=31536000, immutable";

/// The file below a folder that the rest of a path names. Hidden files are not there, and links do not lead out of it.
#[must_use]
pub fn file_reply(asked: &HeaderMap, folder: &Path, rest: &str) -> Reply {
    let (name, hash) = plain_name(rest);
    let Some((path, body)) = file_below(folder, &name) else {
        return problem::not_found(asked);
    };
    let is_named_by_content = match &hash {
        // The hash in the name is of another version: who asks has an old page, and gets what there is.
        Some(hash) => fs::read(&path).is_ok_and(|bytes| content_tag(&bytes) == *hash),
        None => false,
    };
    let mut reply = Reply::new(StatusCode::OK, body);
    let kind = mime_guess::from_path(&path).first_or_octet_stream();
    let kind = match kind.type_() == mime_guess::mime::TEXT {
        true => format!("{}; charset=utf-8", kind.essence_str()),
        false => kind.essence_str().to_owned(),
    };
    if let Ok(kind) = HeaderValue::from_str(&kind) {
        reply.headers.insert(CONTENT_TYPE, kind);
    }
    let keep = if is_named_by_content { KEEP_FOR_EVER } else { KEEP };
    reply
        .headers
        .insert(CACHE_CONTROL, HeaderValue::from_static(keep));
    if let Ok(changed) = fs::metadata(&path).and_then(|data| data.modified())
        && let Ok(changed) = HeaderValue::from_str(&httpdate::fmt_http_date(changed))
    {
        reply.headers.insert(LAST_MODIFIED, changed);
    }
    reply
}

fn file_below(folder: &Path, name: &str) -> Option<(PathBuf, ReplyBody)> {
    let is_plain =
        |part: &str| !part.is_empty() && !part.starts_with('.') && !part.contains(['/', '\\', '\0']);
    if !name.split('/').all(is_plain) {
        return None;
    }
    let path = fs::canonicalize(folder.join(name)).ok()?;
    if !path.starts_with(fs::canonicalize(folder).ok()?) {
        return None;
    }
    let body = file_body(&path)?;
    Some((path, body))
}

/// The name of a file that is named by its content: `app.css` becomes `app-0123456789abcdef.css`.
///
/// Nothing when it is no file below the folder.
#[must_use]
pub fn content_name(folder: &Path, name: &str) -> Option<String> {
    let (path, _) = file_below(folder, name)?;
    let hash = content_tag(&fs::read(path).ok()?);
    let at = name
        .rfind('.')
        .filter(|at| !name[*at..].contains('/'))
        .unwrap_or(name.len());
    Some(format!("{}-{hash}{}", &name[..at], &name[at..]))
}

/// The file's own name and the hash that a name says, when it says one.
fn plain_name(name: &str) -> (String, Option<String>) {
    let at = name
        .rfind('.')
        .filter(|at| !name[*at..].contains('/'))
        .unwrap_or(name.len());
    let (stem, extension) = name.split_at(at);
    match stem.rsplit_once('-') {
        Some((plain, hash)) if hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            (format!("{plain}{extension}"), Some(hash.to_owned()))
        }
        _ => (name.to_owned(), None),
    }
}

/// What a method that a path does not have is answered: `OPTIONS` with what it has.
#[must_use]
pub fn other_method(asked: &HeaderMap, method: &Method, methods: &[Method]) -> Reply {
    if method != Method::OPTIONS {
        return problem::not_allowed(asked, methods);
    }
    let mut reply = Reply::new(StatusCode::NO_CONTENT, ReplyBody::Whole(Bytes::new()));
    reply
        .headers
        .insert(hyper::header::ALLOW, problem::allow(methods));
    reply
}

#[cfg(test)]
mod tests {
    use super::{content_name, file_reply, plain_name};
    use crate::message::ReplyBody;
    use hyper::HeaderMap;

    #[test]
    fn names_say_contents() {
        let cases = [
            ("app.css", "app.css", None),
            ("app-0123456789abcdef.css", "app.css", Some("0123456789abcdef")),
            ("a.b/app-0123456789abcdef", "a.b/app", Some("0123456789abcdef")),
            ("app-short.css", "app-short.css", None),
        ];
        for (name, plain, hash) in cases {
            assert_eq!(
                plain_name(name),
                (plain.to_owned(), hash.map(str::to_owned)),
                "{name}"
            );
        }
    }

    #[test]
    fn only_files_below_the_folder_are_there() {
        let folder = std::env::temp_dir().join(format!("sup-http-static-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("css")).expect("makes a folder");
        std::fs::write(folder.join("css/app.css"), "a {}").expect("writes");
        std::fs::write(folder.join(".secret"), "x").expect("writes");
        std::os::unix::fs::symlink("/etc/passwd", folder.join("leak")).expect("links");
        let status = |name: &str| file_reply(&HeaderMap::new(), &folder, name).status.as_u16();
        for name in [
            "",
            "css",
            ".secret",
            "css/../.secret",
            "leak",
            "/etc/passwd",
            "css//app.css",
            "nowhere",
        ] {
            assert_eq!(status(name), 404, "{name}");
        }
        let plain = file_reply(&HeaderMap::new(), &folder, "css/app.css");
        assert_eq!(plain.headers["content-type"], "text/css; charset=utf-8");
        assert_eq!(plain.headers["cache-control"], "public, max-age=60");
        assert!(matches!(plain.body, ReplyBody::File { n_bytes: 4, .. }));
        let name = content_name(&folder, "css/app.css").expect("is a file");
        let named = file_reply(&HeaderMap::new(), &folder, &name);
        assert_eq!(
            named.headers["cache-control"],
            "public, max-age=31536000, immutable"
        );
        let old = file_reply(&HeaderMap::new(), &folder, "css/app-0123456789abcdef.css");
        assert_eq!(
            (old.status.as_u16(), &old.headers["cache-control"]),
            (200, &plain.headers["cache-control"])
        );
        std::fs::remove_dir_all(&folder).expect("removes");
    }
}
