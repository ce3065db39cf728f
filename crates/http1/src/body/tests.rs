//! body under test.
