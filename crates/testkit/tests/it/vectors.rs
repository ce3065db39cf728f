//! X-Road's own expectations of whole REST exchanges, as its test suite states them.

mod rest;
