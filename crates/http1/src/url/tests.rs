//! url under test.
