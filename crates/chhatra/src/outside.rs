//! The world outside: the system clock, the random generator, the environment, signals.

use anyhow::{Context as _, Result};
use clock::{Chance, Clock};
use http1::Stopper;
use std::fmt::Arguments;
use std::io::{ErrorKind, IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The system clock.
pub(crate) fn clock() -> Clock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the system clock")]
    Clock::new(jiff::Timestamp::now)
}

/// How much is drawn from the system's generator at a time: each draw costs it about as much as a kilobyte does.
const DRAWN_BYTES: usize = 1024;

/// The operating system's random generator.
pub(crate) fn chance() -> Chance {
    let drawn = Mutex::new(Vec::new());
    Chance::new(move |bytes| {
        let mut drawn = drawn.lock().unwrap_or_else(PoisonError::into_inner);
        if drawn.len() < bytes.len() {
            drawn.resize(DRAWN_BYTES.max(bytes.len()), 0);
            draw(&mut drawn);
        }
        let rest = drawn.len().saturating_sub(bytes.len());
        // What was handed out is gone: nobody gets it a second time.
        for (byte, fresh) in bytes.iter_mut().zip(drawn.drain(rest..)) {
            *byte = fresh;
        }
    })
}

fn draw(bytes: &mut [u8]) {
    if aws_lc_rs::rand::fill(bytes).is_err() {
        // Nothing safe can be done without random numbers: message identifiers would repeat.
        eprintln!("chhatra: the random generator failed");
        std::process::abort();
    }
}

/// What this process may do is as little as it needs: files that it makes are its own alone, and it may hold as many sockets as the
/// system lets it, so that strangers' connections do not use up what messages need.
pub(crate) fn confine() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit, umask};
    umask(rustix::fs::Mode::from_raw_mode(0o077));
    let limit = getrlimit(Resource::Nofile);
    // Refused or not, the process can work.
    let _raised = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}

/// How many file handles this process may hold; none: as many as it likes.
pub(crate) fn handles() -> Option<usize> {
    use rustix::process::{Resource, getrlimit};
    getrlimit(Resource::Nofile).current.and_then(|handles| usize::try_from(handles).ok())
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

/// Does something that serves to its end. What still blocks then, a database that keeps silent, is waited for no longer than that.
pub(crate) fn serve<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = runtime()?;
    let done = runtime.block_on(work);
    runtime.shutdown_timeout(Duration::from_secs(5));
    done
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

/// Whether something was lost that somebody meant to keep.
static LOST: AtomicBool = AtomicBool::new(false);

/// Prints a line at once. What cannot be printed is lost, and the work itself does not suffer from that; a reader that has gone wanted no
/// more, any other loss is told at the end.
pub(crate) fn tell(line: Arguments<'_>) {
    let mut out = std::io::stdout().lock();
    let printed = writeln!(out, "{}", harmless(line.to_string())).and_then(|()| out.flush());
    if printed.is_err_and(|error| error.kind() != ErrorKind::BrokenPipe) {
        LOST.store(true, Ordering::Relaxed);
    }
}

/// Whether a line could not be printed though there was a place for it.
pub(crate) fn something_was_lost() -> bool {
    LOST.load(Ordering::Relaxed)
}

/// An error with its causes, each said once: many say what their cause says.
pub(crate) fn told(error: &anyhow::Error) -> String {
    let mut told = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if told.is_empty() {
            told = cause;
        } else if !told.contains(&cause) {
            told = format!("{told}: {cause}");
        }
    }
    told
}

/// As [`tell`], on standard error; what is lost there is lost.
pub(crate) fn complain(line: Arguments<'_>) {
    let _unread = writeln!(std::io::stderr(), "{}", harmless(line.to_string()));
}

/// Strangers have a part in what is printed, such as identifiers of messages, and a terminal obeys control characters: they are spelled
/// out, in a way that JSON reads too.
fn harmless(text: String) -> String {
    let obeyed = |c: char| c.is_control() && c != '\n';
    if !text.contains(obeyed) {
        return text;
    }
    let spelled = |c: char| if obeyed(c) { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() };
    text.chars().map(spelled).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_each_cause_once() {
        let error = anyhow::anyhow!("disk I/O error")
            .context("the database failed: disk I/O error")
            .context("no plan");
        assert_eq!(told(&error), "no plan: the database failed: disk I/O error");
    }

    #[test]
    fn nothing_that_is_printed_commands_a_terminal() {
        for (text, printed) in [
            ("one\ntwo ខ្មែរ", "one\ntwo ខ្មែរ"),
            ("\u{1b}[2J\r\t\u{7f}\u{9b}1m", "\\u001b[2J\\u000d\\u0009\\u007f\\u009b1m"),
        ] {
            assert_eq!(harmless(text.to_owned()), printed);
        }
        let json = serde_json::to_string("a\u{9b}b").unwrap();
        let printed = harmless(json);
        assert_eq!(serde_json::from_str::<String>(&printed).unwrap(), "a\u{9b}b");
    }
}
