//! On record before the service hears of it (data-plane 7.1).

use super::permit::Permitted;
use crate::error::Refusal;
use crate::gateway::Gateway;
use crate::recorded::{self, Recordable, Recorded};
use messagelog::{Body, Direction, NewRecord, Side};

impl Recordable for Permitted {
    fn to_record(&self) -> NewRecord {
        let received = self.verified().received();
        NewRecord {
            query_id: received.request.id().to_owned(),
            request_id: received.request.request_id().to_owned(),
            owner: received.service().client().clone(),
            service: received.service().clone(),
            side: Side::Provider,
            direction: Direction::Request,
            message: received.message.to_vec(),
            body: received.body().map_or(Body::None, crate::spool::Spooled::to_log),
            signed: received.signed.clone(),
        }
    }
}

/// Waits until the request is on disk.
pub(crate) async fn record(gateway: &Gateway, permitted: Permitted) -> Result<Recorded<Permitted>, Refusal> {
    recorded::put(&gateway.log, permitted).await
}
