//! The wall from outside: the header as C and C++ see it, a kernel in C, kernels that are wrong, and the
//! stock ones, all loaded as libraries and called by the real machine.

mod build;
mod c_kernel;
mod far;
mod header;
mod hostile;
mod machine;
mod rust_kernel;
mod stock;
mod swap;
mod table;
