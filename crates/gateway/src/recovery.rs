//! After a full disk, or when its database was away: the evidence log is opened anew as soon as it can be. Until then nothing is carried.

use crate::gateway::Gateway;
use http1::Stop;
use std::sync::Arc;

/// Looks after each pause that failed jobs make, until the stop.
pub(crate) async fn run(gateway: Arc<Gateway>, stop: Stop) {
    while !stop.is_requested() {
        tokio::select! {
            () = tokio::time::sleep(gateway.retry_interval()) => {}
            () = stop.requested() => return,
        }
        match gateway.log.recover().await {
            Ok(true) => tracing::info!("the message log is open again, and whole"),
            Ok(false) => {}
            Err(failure) => tracing::error!("nothing is carried: {failure}"),
        }
    }
}
