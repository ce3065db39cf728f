//! head under test.
