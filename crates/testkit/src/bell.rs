//! A bell for everything that happens: whoever waits for something looks when it rings, and not at the clock.
//!
//! There is one for all tests of a process. That it rings says nothing but "look"; who looks in vain waits on.

use anyhow::{Context as _, Result};
use std::sync::LazyLock;
use std::time::Duration;
use tokio::sync::watch;

/// How long anything may take that a test waits for; only a failure takes so long.
const WAIT_MAX: Duration = Duration::from_secs(60);

static BELL: LazyLock<watch::Sender<()>> = LazyLock::new(watch::Sender::default);

/// Something has happened. Every gateway that runs rings for itself; a service or a peer of a test has to.
pub fn ring() {
    BELL.send_replace(());
}

/// Waits until it has happened.
///
/// # Errors
/// It has not, for a minute.
pub async fn until(what: &str, mut happened: impl FnMut() -> bool) -> Result<()> {
    // From before the first look on, so that nothing falls between.
    let mut bell = BELL.subscribe();
    let waiting = async {
        while !happened() {
            // It is never melted down.
            let _rung = bell.changed().await;
        }
    };
    tokio::time::timeout(WAIT_MAX, waiting).await.with_context(|| format!("this did not happen: {what}"))
}
