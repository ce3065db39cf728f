//! listen under test.
