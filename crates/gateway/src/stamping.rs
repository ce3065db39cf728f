//! Time-stamps for what the log holds without one: in rounds, from the first service that answers well (data-plane 7.4).

use crate::gateway::Gateway;
use http1::{FetchLimits, Stop};
use messagelog::{Round, Stamper};
use std::sync::Arc;
use std::time::Duration;
use trust::timestamp::{self, TimeStampToken};
use trust::{Certificate, DigestAlgorithm};

const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// Stamps until the stop.
pub(crate) async fn run(gateway: Arc<Gateway>, stop: Stop) {
    let mut stamper = Stamper::new(gateway.log.clone(), gateway.clock.now());
    while !stop.is_requested() {
        if let Some(seconds) = interval(&gateway) {
            stamper.set_interval(seconds);
        }
        // A settings change or a clock set by hand is noticed within a second.
        let pause =
            stamper.wait(gateway.clock.now()).clamp(Duration::from_millis(10), Duration::from_secs(1));
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.requested() => return,
        }
        match stamper.next_round(gateway.clock.now()).await {
            Ok(Some(round)) => tokio::select! {
                () = stamp(&gateway, &mut stamper, round) => {}
                () = stop.requested() => return,
            },
            Ok(None) => {}
            Err(error) => tracing::error!("the log could not be read for time-stamping: {error}"),
        }
        // Also that nothing was due: whoever moves the clock waits for a turn.
        gateway.announcer.tell();
    }
}

fn interval(gateway: &Gateway) -> Option<u64> {
    let picture = gateway.picture().ok()?;
    let current = picture.check_current(gateway.clock.now()).ok()?;
    Some(current.time_stamping_interval_seconds())
}

async fn stamp(gateway: &Gateway, stamper: &mut Stamper, round: Round) {
    let services = gateway.settings().time_stamps().to_vec();
    let authorities = listed(gateway);
    for service in services {
        match ask(&service.url, round.algorithm(), round.imprint(), &authorities).await {
            Ok(token) => {
                if let Err(failure) = stamper.stamped(round, &token, gateway.clock.now()).await {
                    tracing::error!("a time-stamp could not be put on record: {failure}");
                }
                return;
            }
            Err(why) => tracing::warn!(service = service.name, "no time-stamp: {why}"),
        }
    }
    stamper.failed(gateway.clock.now());
}

fn listed(gateway: &Gateway) -> Vec<Certificate> {
    let Ok(picture) = gateway.picture() else {
        return Vec::new();
    };
    picture.check_current(gateway.clock.now()).map(|current| current.time_stampers()).unwrap_or_default()
}

/// Asks one service to stamp a digest. Only a token that one of the authorities signed over that digest is taken.
///
/// # Errors
/// A sentence for the operator: it was not reached, did not answer well, or is not believed.
pub async fn ask(
    url: &str,
    algorithm: DigestAlgorithm,
    digest: &[u8],
    authorities: &[Certificate],
) -> Result<TimeStampToken, String> {
    let request = timestamp::request(algorithm, digest);
    let limits = FetchLimits {
        connect_timeout: Duration::from_secs(20),
        read_timeout: Duration::from_secs(60),
        total_timeout: Duration::from_secs(90),
        body_bytes_max: ANSWER_BYTES_MAX,
    };
    let headers = [("Content-Type", "application/timestamp-query")];
    let answer =
        http1::fetch("POST", url, &headers, Some(&request), &limits).await.map_err(|e| e.to_string())?;
    if answer.status != 200 {
        return Err(format!("it answered with status {}", answer.status));
    }
    timestamp::read_response(&answer.body, algorithm, digest, authorities).map_err(|e| e.to_string())
}
