//! client under test.
