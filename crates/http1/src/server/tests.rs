//! server under test.
