//! The compiler from outside: text in, instructions or faults out.

mod table_host;

mod faults;
mod forms;
mod lowering;
