//! The listener for operators: metrics and limits, on a port of its own that listens on this machine alone.

use crate::limits::Limits;
use crate::message::{Choice, Reply, ReplyBody, Respond};
use crate::problem;
use crate::program::servers::{Ends, Order};
use crate::server::admission::Admission;
use crate::server::run::{Loop, Shared};
use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{HeaderMap, Method, StatusCode, Uri};
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use tokio::sync::mpsc;

struct Admin(Arc<Shared>);

impl Respond for Admin {
    fn choose(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Choice {
        let text = match uri.path() {
            "/-/metrics" => self.0.metrics.text(self.0.admission.count()),
            "/-/limits" => {
                let entries = self.0.limits.entries();
                let lines = entries
                    .iter()
                    .map(|entry| format!("{} {}\n", entry.name, entry.value));
                lines.collect()
            }
            _ => return Choice::Reply(problem::not_found(headers)),
        };
        if method != Method::GET && method != Method::HEAD {
            return Choice::Reply(problem::not_allowed(headers, &[Method::GET, Method::HEAD]));
        }
        let mut reply = Reply::new(StatusCode::OK, ReplyBody::Whole(Bytes::from(text)));
        let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
        reply.headers.insert(CONTENT_TYPE, kind);
        Choice::Reply(reply)
    }
}

/// Serves what operators ask of a server, on a thread of its own.
///
/// # Errors
/// When there can be no more threads.
pub fn start(
    server: Arc<Shared>,
    listener: TcpListener,
    mut orders: mpsc::UnboundedReceiver<Order>,
    ends: Ends,
) -> std::io::Result<()> {
    let thread = std::thread::Builder::new().name("sup-http-admin".to_owned());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    thread.spawn(move || {
        let own = Arc::new(Shared {
            limits: Limits::standard(),
            admission: Arc::new(Admission::default()),
            tls: None,
            access: crate::access::Access::default(),
            metrics: Arc::default(),
        });
        tokio::task::LocalSet::new().block_on(&runtime, async {
            let event_loop = Loop::new(own, Rc::new(Admin(server)), 0);
            let told = async { while let Some(Order::Serve(_)) = orders.recv().await {} };
            if let Err(error) = event_loop.clone().accept(listener, told).await {
                sup_kernel::entry::log(1, &format!("http: the admin listener ends: {error}"));
            }
            event_loop.drain().await;
        });
        drop(ends);
    })?;
    Ok(())
}
