//! The keys of requests and answers, looked up once.

use sup_kernel::{Context, KnownKeyword, Result};

macro_rules! words {
    ($($field:ident $name:literal)*) => {
        /// Keywords that every request needs.
        #[derive(Clone, Copy)]
        pub struct Words {
            $(#[doc = concat!("`:", $name, "`")] pub $field: KnownKeyword,)*
        }

        impl Words {
            /// Looks them up.
            ///
            /// # Errors
            /// When the table of names is full.
            pub fn new(cx: &Context) -> Result<Words> {
                Ok(Words { $($field: KnownKeyword::new(cx, $name)?,)* })
            }
        }
    };
}

words! {
    method "method" uri "uri" path "path" route "route" params "params" query "query" headers "headers" body "body"
    scheme "scheme" remote "remote" id "id" status "status" json "json" file "file" websocket "websocket" code "code"
    message "message"
}
