//! `kernel!`: declares a kernel, its primitives, state and resources.

/// Declares a kernel. Everything a library needs follows from it: the exported function, the table, the
/// signatures.
///
/// ```
/// use sup_kernel::{Error, Result};
///
/// sup_kernel::kernel! {
///     name: "sums", version: "1.0.0",
///
///     /// Sum of two integers; raises `alu/overflow`.
///     fn "add" (a: i64, b: i64) -> Result<i64> [pure, leaf, intrinsic = ADD_INT] {
///         a.checked_add(b).ok_or_else(Error::overflow)
///     }
/// }
/// # fn main() {}
/// ```
///
/// * After `version`, in this order and each if needed: `needs: ["sup.io/1"],` extensions without which it
///   cannot work; `capabilities: [CONSOLE | READ],` of `sup_abi::capability`, what its primitives reach outside of their
///   isolate, for those that are not pure and do not say it themselves; `state: Type,` which is a `State`; `resources: [Type],` each a `Resource`.
/// * A parameter's type is what `FromArgument` knows: `i64 f64 bool &str &[u8] String Value Number Name`,
///   `&Resource`, `Option<T>` (may be left out), `Rest<T>` (all that are left), `Quoted<T>` (not evaluated).
///   A primitive that needs the running call names it first: `(cx, a: i64)`.
/// * It answers what `IntoReply` knows: data, or a `Result` of data.
/// * Options: `pure leaf nothrow everyday async`, `intrinsic = NAME` of `sup_abi::intrinsic`,
///   `capabilities = [NONE]`, `alias = "name"`, `returns = "int"` (the result's type, where it is narrower than Rust says), and
///   `blocking`, which must come first: the body runs on the host's pool while the fiber is parked, so its
///   parameters are owned types and it sees no context.
/// * Doc comments become what `(doc name)` shows.
#[macro_export]
macro_rules! kernel {
    (
        name: $name:expr, version: $version:expr,
        $(needs: [$($need:expr),* $(,)?],)?
        $(capabilities: [$($capability:ident)|+],)?
        $(state: $state:ty,)?
        $(resources: [$($resource:ty),* $(,)?],)?
        $(
            $(#[doc = $doc:expr])*
            fn $primitive:literal $parameters:tt -> $reply:ty $([$($options:tt)*])? $body:block
        )*
    ) => {
        $($(
            impl $crate::ResourceKind for $resource {
                fn type_record() -> &'static $crate::TypeRecord {
                    static RECORD: $crate::TypeRecord = $crate::TypeRecord::of::<$resource>();
                    &RECORD
                }
            }
        )*)?

        fn __kernel_spec() -> $crate::entry::KernelSpec {
            let primitives: ::std::vec::Vec<$crate::entry::PrimitiveSpec> = ::std::vec![$(
                $crate::__primitive! {
                    [$($doc),*] $primitive $parameters [$reply] [$($($options)*)?] $body
                }
            ),*];
            let capabilities = 0 $($(| $crate::entry::capability::$capability)+)?;
            let primitives = primitives.into_iter().map(|spec| spec.or_capabilities(capabilities)).collect();
            $crate::entry::KernelSpec {
                name: $name,
                version: $version,
                needs: &[$($($need),*)?],
                primitives,
                types: ::std::vec![$($(<$resource as $crate::ResourceKind>::type_record()),*)?],
            }
        }

        /// The kernel's table, for a host that links it in or tests it.
        pub fn kernel_table() -> $crate::entry::Table {
            static TABLE: ::std::sync::OnceLock<$crate::entry::Table> = ::std::sync::OnceLock::new();
            *TABLE.get_or_init(|| $crate::entry::table::<$crate::__state!($($state)?)>(&__kernel_spec()))
        }

        $crate::__export! { kernel_table }
    };
}

/// Defines the entry that the library exports.
#[cfg(not(feature = "static"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __export {
    ($table:ident) => {
        /// What the host calls first.
        #[unsafe(no_mangle)]
        pub extern "C" fn sup_kernel_v1(host: *const $crate::entry::Host) -> *const $crate::entry::RawKernel {
            $crate::entry::set_host(host);
            $crate::entry::quiet_panics();
            $table().as_ptr()
        }
    };
}

/// Defines the entry that a binary with this kernel linked in calls.
#[cfg(feature = "static")]
#[doc(hidden)]
#[macro_export]
macro_rules! __export {
    ($table:ident) => {
        /// What the host calls first.
        pub extern "C" fn sup_kernel_v1(host: *const $crate::entry::Host) -> *const $crate::entry::RawKernel {
            $crate::entry::set_host(host);
            $table().as_ptr()
        }
    };
}

/// The kernel's state type.
#[doc(hidden)]
#[macro_export]
macro_rules! __state {
    () => {
        ()
    };
    ($state:ty) => {
        $state
    };
}

/// One primitive: its C function and its description.
#[doc(hidden)]
#[macro_export]
macro_rules! __primitive {
    ([$($doc:expr),*] $name:literal $parameters:tt [$reply:ty] [blocking $(, $($options:tt)*)?] $body:block) => {{
        let spec = $crate::entry::PrimitiveSpec::new(
            $name, &[$($doc),*], $crate::__thunk!(blocking $parameters [$reply] $body),
        );
        let spec = spec.flags($crate::entry::flag::BLOCKING | $crate::entry::flag::ASYNC);
        let spec = $crate::__parameters!(spec $parameters).result::<$reply>();
        $crate::__options!(spec $($($options)*)?)
    }};
    ([$($doc:expr),*] $name:literal $parameters:tt [$reply:ty] [$($options:tt)*] $body:block) => {{
        let spec = $crate::entry::PrimitiveSpec::new(
            $name, &[$($doc),*], $crate::__thunk!(direct $parameters [$reply] $body),
        );
        let spec = $crate::__parameters!(spec $parameters).result::<$reply>();
        $crate::__options!(spec $($options)*)
    }};
}

/// The C function of a primitive.
#[doc(hidden)]
#[macro_export]
macro_rules! __thunk {
    (direct ($user:ident $(, $argument:ident : $type:ty)* $(,)?) [$reply:ty] $body:block) => {
        $crate::__thunk! { raw context arguments {
            let $user = context;
            let mut position = 0usize;
            $(let $argument = $crate::entry::argument::<$type>($user, arguments, &mut position)?;)*
            let _ = position;
            let reply = (|| -> $reply { $body })();
            $crate::entry::finish($user, reply)
        } }
    };
    (direct ($($argument:ident : $type:ty),* $(,)?) [$reply:ty] $body:block) => {
        $crate::__thunk! { raw context arguments {
            let mut position = 0usize;
            $(let $argument = $crate::entry::argument::<$type>(context, arguments, &mut position)?;)*
            let _ = (position, arguments);
            let reply = (|| -> $reply { $body })();
            $crate::entry::finish(context, reply)
        } }
    };
    (blocking ($($argument:ident : $type:ty),* $(,)?) [$reply:ty] $body:block) => {
        $crate::__thunk! { raw context arguments {
            let mut position = 0usize;
            $(let $argument = $crate::entry::argument::<$type>(context, arguments, &mut position)?;)*
            let _ = (position, arguments);
            $crate::entry::run_blocking(context, move || -> $reply { $body })
        } }
    };
    (raw $context:ident $arguments:ident $body:block) => {{
        unsafe extern "C" fn thunk(raw: *mut $crate::entry::RawContext, argc: u32, argv: *const u64) -> u64 {
            // SAFETY: the host calls this with the running context and its own register window.
            unsafe { $crate::entry::enter(raw, argc, argv, |$context, $arguments| $body) }
        }
        thunk
    }};
}

/// Adds the parameters to a description.
#[doc(hidden)]
#[macro_export]
macro_rules! __parameters {
    ($spec:ident ($user:ident $(, $argument:ident : $type:ty)* $(,)?)) => {
        $spec$(.parameter::<$type>(::core::stringify!($argument)))*
    };
    ($spec:ident ($($argument:ident : $type:ty),* $(,)?)) => {
        $spec$(.parameter::<$type>(::core::stringify!($argument)))*
    };
}

/// Adds the options to a description.
#[doc(hidden)]
#[macro_export]
macro_rules! __options {
    ($spec:expr) => { $spec };
    ($spec:expr, $(,)?) => { $spec };
    ($spec:ident $($options:tt)*) => { $crate::__options!(@ ($spec) $($options)*) };
    (@ ($spec:expr)) => { $spec };
    (@ ($spec:expr) intrinsic = $name:ident $(, $($rest:tt)*)?) => {
        $crate::__options!(@ ($spec.intrinsic($crate::entry::intrinsic::$name)) $($($rest)*)?)
    };
    (@ ($spec:expr) capabilities = [$($capability:ident)|+] $(, $($rest:tt)*)?) => {
        $crate::__options!(@ ($spec.capabilities(0 $(| $crate::entry::capability::$capability)+)) $($($rest)*)?)
    };
    (@ ($spec:expr) alias = $name:literal $(, $($rest:tt)*)?) => {
        $crate::__options!(@ ($spec.alias($name)) $($($rest)*)?)
    };
    (@ ($spec:expr) returns = $name:literal $(, $($rest:tt)*)?) => {
        $crate::__options!(@ ($spec.returns($name)) $($($rest)*)?)
    };
    (@ ($spec:expr) $flag:ident $(, $($rest:tt)*)?) => {
        $crate::__options!(@ ($spec.flags($crate::__flag!($flag))) $($($rest)*)?)
    };
}

/// The bits of a flag by its name.
#[doc(hidden)]
#[macro_export]
macro_rules! __flag {
    (pure) => {
        $crate::entry::flag::PURE
    };
    (leaf) => {
        $crate::entry::flag::LEAF
    };
    (async) => {
        $crate::entry::flag::ASYNC
    };
    (nothrow) => {
        $crate::entry::flag::NOTHROW
    };
    (everyday) => {
        $crate::entry::flag::EVERYDAY
    };
}
