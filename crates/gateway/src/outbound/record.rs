//! On record before the signature leaves: message, body and signature, on disk (data-plane 7.1).

use super::sign::Signed;
use crate::error::Refusal;
use crate::gateway::Gateway;
use crate::recorded::{self, Recordable, Recorded};
use messagelog::{Body, Direction, NewRecord, Side};

impl Recordable for Signed {
    fn to_record(&self) -> NewRecord {
        let request = self.request();
        NewRecord {
            query_id: request.id().to_owned(),
            request_id: request.request_id().to_owned(),
            owner: request.client().clone(),
            service: request.service().clone(),
            side: Side::Consumer,
            direction: Direction::Request,
            message: self.carried.message.clone(),
            body: self.carried.body.as_ref().map_or(Body::None, |body| body.spooled.to_log()),
            signed: self.parts.clone(),
        }
    }
}

/// Waits until the request is on disk.
pub(crate) async fn record(gateway: &Gateway, signed: Signed) -> Result<Recorded<Signed>, Refusal> {
    recorded::put(&gateway.log, signed).await
}
