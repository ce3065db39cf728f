//! Every command we have.
fn main() {}
