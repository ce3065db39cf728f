//! The binary from outside: exit codes, what it prints, what it leaves behind. Judges are openssl, xmlsec1, curl and X-Road's fixtures.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test helpers may stop a test"
)]

mod tools;
mod usage;
mod keystore;
mod take_over;
mod token;
mod evidence;
mod evidence_page;
mod archives;
mod sealed_archives;
mod postgresql;
mod bodies;
mod settings;
mod signing_keys;
mod set_up_page;
mod doctor;
mod practice;
mod nation;
mod demo;
mod apart;
mod full_disk;
mod memory;
