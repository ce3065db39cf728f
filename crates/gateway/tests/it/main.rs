//! The gateway's settings through its public face: declared, planned, applied, refused. And the stores that archives go to.

mod settings;
mod stores;
