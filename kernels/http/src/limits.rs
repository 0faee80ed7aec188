//! Every limit of the server and of the client, in one value that somebody had to fill in.

use std::time::Duration;

/// One limit as programs see it.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its name, `body-bytes`; what follows the last dash is the unit.
    pub name: &'static str,
    /// What is in force.
    pub value: u64,
    /// What it limits.
    pub about: &'static str,
}

macro_rules! limits {
    ($($field:ident $name:literal = $value:literal, $about:literal;)*) => {
        /// What a server puts up with. `Limits::standard` is what the manual promises; nothing has a default by itself.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Limits {
            $(#[doc = $about] pub $field: u64,)*
        }

        impl Limits {
            /// The limits that hold unless somebody sets others.
            #[must_use]
            pub const fn standard() -> Limits {
                Limits { $($field: $value,)* }
            }

            /// Each limit with its name.
            #[must_use]
            pub fn entries(&self) -> Vec<Entry> {
                vec![$(Entry { name: $name, value: self.$field, about: $about },)*]
            }

            fn place(&mut self, name: &str) -> Option<&mut u64> {
                match name {
                    $($name => Some(&mut self.$field),)*
                    _ => None,
                }
            }
        }
    };
}

limits! {
    first_byte_ms "first-byte-ms" = 5_000, "from the connection to its first byte";
    header_ms "header-ms" = 10_000, "from the first byte of a request to the end of its headers";
    body_ms "body-ms" = 30_000, "for a whole request body";
    body_rate_bytes "body-rate-bytes" = 1_024, "a second, at least, of a body after its first two seconds";
    idle_ms "idle-ms" = 60_000, "between two requests of a connection";
    write_stall_ms "write-stall-ms" = 30_000, "without the client taking a byte of an answer";
    handler_ms "handler-ms" = 30_000, "for a handler, from the request to its answer";
    handler_fuel_count "handler-fuel-count" = 25_000_000, "calls and turns of loops of a handler: about 250 ms of a processor";
    handler_memory_bytes "handler-memory-bytes" = 67_108_864, "that a handler keeps alive";
    drain_ms "drain-ms" = 30_000, "for running requests when the server ends";
    uri_bytes "uri-bytes" = 8_192, "of a request's target";
    headers_count "headers-count" = 100, "headers of a request";
    headers_bytes "headers-bytes" = 32_768, "of a request's headers together";
    body_bytes "body-bytes" = 2_097_152, "of a request body, also after it is unpacked";
    response_bytes "response-bytes" = 33_554_432, "of an answer that is not streamed";
    fields_count "fields-count" = 1_000, "fields of a query, a form or a multipart body";
    cookies_count "cookies-count" = 100, "cookies of a request";
    ws_message_bytes "ws-message-bytes" = 1_048_576, "of a WebSocket message";
    ws_queue_count "ws-queue-count" = 64, "messages that wait for a slow WebSocket or event stream";
    connections_count "connections-count" = 10_000, "connections at a time";
    address_connections_count "address-connections-count" = 256, "connections of one address at a time";
    requests_count "requests-count" = 1_024, "requests that one event loop works on at a time";
    h2_streams_count "h2-streams-count" = 100, "requests at a time on one HTTP/2 connection";
    h2_resets_count "h2-resets-count" = 20, "HTTP/2 requests that a client takes back before they are looked at";
    fetch_ms "fetch-ms" = 30_000, "for a whole fetch";
    fetch_connect_ms "fetch-connect-ms" = 5_000, "for the connection of a fetch";
    fetch_bytes "fetch-bytes" = 16_777_216, "of a fetched body";
    redirects_count "redirects-count" = 5, "redirects that a fetch follows";
    pool_count "pool-count" = 32, "idle connections that fetches keep";
}

/// Why a limit could not be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetError {
    /// There is none of that name.
    Unknown,
    /// It would be zero or too large to count with.
    OutOfRange,
}

/// The largest value of any limit: what fits a signed word with room for sums.
const MAX: u64 = 1 << 40;

impl Limits {
    /// Sets a limit by its name.
    ///
    /// # Errors
    /// When there is none of that name, or the value cannot be one.
    pub fn set(&mut self, name: &str, value: i64) -> Result<(), SetError> {
        let place = self.place(name).ok_or(SetError::Unknown)?;
        let value = u64::try_from(value)
            .ok()
            .filter(|value| (1..=MAX).contains(value));
        *place = value.ok_or(SetError::OutOfRange)?;
        Ok(())
    }
}

/// A limit in milliseconds as a duration.
#[must_use]
pub const fn milliseconds(limit: u64) -> Duration {
    Duration::from_millis(limit)
}

/// A limit in bytes or of a count as a size.
#[must_use]
pub fn size(limit: u64) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Limits, SetError};

    #[test]
    fn limits_are_set_by_their_names_and_never_to_nothing() {
        let mut limits = Limits::standard();
        assert_eq!(limits.set("body-bytes", 10), Ok(()));
        assert_eq!(limits.body_bytes, 10);
        assert_eq!(limits.set("body_bytes", 10), Err(SetError::Unknown));
        for value in [0, -1, i64::MAX] {
            assert_eq!(limits.set("idle-ms", value), Err(SetError::OutOfRange));
        }
        assert_eq!(limits.idle_ms, 60_000);
    }

    #[test]
    fn every_name_ends_in_its_unit() {
        for entry in Limits::standard().entries() {
            let unit = entry.name.rsplit('-').next();
            assert!(matches!(unit, Some("ms" | "bytes" | "count")), "{}", entry.name);
        }
    }
}
