//! fetch under test.
