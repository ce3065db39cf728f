//! The one binary: `chhatra gateway|registry|keystore|evidence|trust|doctor|demo`.
//!
//! Only here are the environment, the system clock and the random generator touched; every room gets them handed in.
//! Exit codes: 0 done, 1 refused or failed, 2 wrong usage.

/// As `println!`, but a reader that has gone (`| head`) is no reason to panic.
macro_rules! tell {
    ($($text:tt)*) => { crate::outside::tell(format_args!($($text)*)) };
}

/// As [`tell!`], on standard error.
macro_rules! complain {
    ($($text:tt)*) => { crate::outside::complain(format_args!($($text)*)) };
}

mod config;
mod outside;
mod plan;
mod gateway;
mod registry;
mod keystore;
mod evidence;
mod practice;
mod doctor;
mod demo;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// An exchange makes thousands of small allocations on several threads: the system's allocator spends a sixth of the time with them, and
/// keeps what a flood of strangers once took.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// One platform under which a government's digital systems hang.
#[derive(Debug, Parser)]
#[command(name = "chhatra", version, about, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    role: Role,
}

#[derive(Debug, Subcommand)]
#[expect(clippy::large_enum_variant, reason = "there is one, read from the command line")]
enum Role {
    /// The data plane of one organisation: run it, or declare what it serves.
    #[command(subcommand)]
    Gateway(gateway::Command),
    /// The authority of an instance: members, servers, trust services, and the signed picture of them.
    #[command(subcommand)]
    Registry(registry::Command),
    /// A gateway's private keys and certificates.
    #[command(subcommand)]
    Keystore(keystore::Command),
    /// What was exchanged: list it, take it out, prove it.
    #[command(subcommand)]
    Evidence(evidence::Command),
    /// Practice trust services: CA, OCSP responder, time-stamp authority. For practice and tests only.
    #[command(subcommand)]
    Trust(practice::Command),
    /// Explains what is wrong with a set-up, and what will expire when.
    Doctor(doctor::Arguments),
    /// A small nation on this machine.
    Demo(demo::Arguments),
}

impl Role {
    /// Roles that serve tell what they do; commands and the demonstration speak for themselves.
    const fn log_level(&self) -> &'static str {
        match self {
            Self::Gateway(gateway::Command::Run { .. })
            | Self::Registry(registry::Command::Run { .. })
            | Self::Trust(practice::Command::Run(_)) => "info",
            Self::Gateway(gateway::Command::Plan(_) | gateway::Command::Apply(_))
            | Self::Registry(
                registry::Command::Init { .. }
                | registry::Command::Plan(_)
                | registry::Command::Apply(_)
                | registry::Command::Keys(_),
            )
            | Self::Keystore(_)
            | Self::Evidence(_)
            | Self::Doctor(_)
            | Self::Demo(_) => "warn",
        }
    }
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(usage) => {
            // Help goes to standard output with code 0, a mistake to standard error with code 2.
            let _printed = usage.print();
            return if usage.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
        }
    };
    outside::confine();
    outside::start_log(arguments.role.log_level());
    let done = match arguments.role {
        Role::Gateway(command) => gateway::run(&command),
        Role::Registry(command) => registry::run(&command),
        Role::Keystore(command) => keystore::run(&command),
        Role::Evidence(command) => evidence::run(&command),
        Role::Trust(command) => practice::run(&command),
        Role::Doctor(arguments) => doctor::run(&arguments),
        Role::Demo(arguments) => demo::run(&arguments),
    };
    match done {
        Ok(_) if outside::something_was_lost() => {
            complain!("chhatra: not everything could be printed; is the disk full?");
            ExitCode::FAILURE
        }
        Ok(code) => code,
        Err(error) => {
            complain!("chhatra: {}", outside::told(&error));
            ExitCode::FAILURE
        }
    }
}
