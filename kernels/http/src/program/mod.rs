//! Between the server and programs: requests as maps, maps as answers, handlers as fibers of the event loop's isolate.

pub mod answer;
pub mod ask;
pub mod call;
pub mod cookie;
pub mod handlers;
pub mod json;
pub mod options;
pub mod parts;
pub mod servers;
pub mod stream;
pub mod table;
pub mod words;
