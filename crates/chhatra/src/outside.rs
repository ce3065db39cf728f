//! The world outside: the system clock, the random generator, the environment, signals.

use anyhow::{Context as _, Result};
use clock::{Chance, Clock};
use http1::Stopper;
use std::fmt::Arguments;
use std::io::{IsTerminal as _, Write as _};

/// The system clock.
pub(crate) fn clock() -> Clock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the system clock")]
    Clock::new(jiff::Timestamp::now)
}

/// The operating system's random generator.
pub(crate) fn chance() -> Chance {
    Chance::new(|bytes| {
        if aws_lc_rs::rand::fill(bytes).is_err() {
            // Nothing safe can be done without random numbers: message identifiers would repeat.
            eprintln!("chhatra: the random generator failed");
            std::process::abort();
        }
    })
}

/// What this process may do is as little as it needs: files that it makes are its own alone, and it may hold as many sockets as the
/// system lets it, so that strangers' connections do not use up what messages need.
pub(crate) fn confine() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit, umask};
    umask(rustix::fs::Mode::from_raw_mode(0o077));
    let limit = getrlimit(Resource::Nofile);
    // Refused or not, the process can work; `doctor` tells what it has.
    let _raised = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}

/// Logs to standard error, as `CHHATRA_LOG` says, or else from this level on. What cannot be written (the disk is full) is lost: the
/// subscriber's own complaint would go the same way, and end in a panic.
pub(crate) fn start_log(level: &str) {
    let filter = tracing_subscriber::EnvFilter::try_from_env("CHHATRA_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(level));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .log_internal_errors(false)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
}

/// A runtime for the roles that serve.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("the runtime cannot be started")
}

/// Waits for Ctrl-C or a termination signal, then asks for the stop.
pub(crate) async fn stop_on_signal(stopper: Stopper) -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt()).context("signals cannot be received")?;
    let mut terminate = signal(SignalKind::terminate()).context("signals cannot be received")?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    tracing::info!("stopping: finishing what runs");
    stopper.stop();
    Ok(())
}

/// Asks for the stop when standard input ends: the process at its other end is gone, however it ended.
pub(crate) fn stop_when_stdin_closes(stopper: Stopper) -> Result<()> {
    let wait = move || {
        // Whatever is written there is dropped; an error means the same as the end.
        let _read = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        tracing::info!("stopping: whoever started this process is gone");
        stopper.stop();
    };
    let started = std::thread::Builder::new().name("stdin".to_owned()).spawn(wait);
    started.map(|_| ()).context("a thread cannot be started")
}

/// Prints a line at once. What cannot be printed is lost: nobody reads it, and the work itself must not suffer from that.
pub(crate) fn tell(line: Arguments<'_>) {
    let mut out = std::io::stdout().lock();
    let _unread = writeln!(out, "{line}").and_then(|()| out.flush());
}
