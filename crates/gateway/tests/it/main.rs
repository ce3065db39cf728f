//! The gateway's settings through its public face: declared, planned, applied, refused.

mod settings;
