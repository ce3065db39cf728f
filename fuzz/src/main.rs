//! Every parser that reads what strangers write, under libFuzzer: one binary, the target is its last argument.
//!
//! `fuzz … -ignore_remaining_args=1 TARGET` fuzzes; `fuzz seeds TARGET FOLDER` fills a folder with what there is to begin from, and
//! writes the words that occur in it to `FOLDER.dict`. `cargo xtask fuzz` does both.
//!
//! A target asserts more than that nothing panics: what was read is written and read again as the same, what is believed is
//! what somebody signed, and memory stays within a budget. No sanitizer is linked: the house forbids `unsafe`. The C code
//! below it (AWS-LC, OpenSSL, SQLite) has no counters and is not what is tested here.

#![no_main]

mod memory;
mod mint;
mod recordings;
mod seeds;
mod targets;
mod vectors;

use std::process::exit;
use std::sync::OnceLock;

#[global_allocator]
static MEMORY: memory::Counted = memory::Counted;

static CHOSEN: OnceLock<&'static targets::Target> = OnceLock::new();

libfuzzer_sys::fuzz_target!(init: begin(), |octets: &[u8]| {
    let Some(target) = CHOSEN.get() else { return };
    memory::within(target.budget(octets.len()), || (target.run)(octets));
});

fn begin() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["seeds", name, folder] => {
            seeds::write(chosen(name), std::path::Path::new(folder));
            exit(0);
        }
        [.., name] => {
            let target = CHOSEN.get_or_init(|| chosen(name));
            // What a target prepares once is not counted against an input.
            (target.run)(b"");
        }
        [] => drop(chosen("")),
    }
}

fn chosen(name: &str) -> &'static targets::Target {
    targets::TARGETS.iter().find(|target| target.name == name).unwrap_or_else(|| {
        let names: Vec<&str> = targets::TARGETS.iter().map(|target| target.name).collect();
        eprintln!("there is no target {name:?}; there are {}", names.join(", "));
        exit(2)
    })
}
