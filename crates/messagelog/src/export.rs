//! A record as an ASiC-E container, with the names of data-plane 7.6.

use jiff::Timestamp;
use signature::SignedParts;
use signature::container::{self, AsicContainer, BatchStamp, file_name};
use signature::timestamp::Batch;

use crate::error::ReadFailure;
use crate::reader::Reader;
use crate::record::{Direction, Record, RecordId, Stamp};

/// A container, ready to be saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// Its file name (data-plane 7.6).
    pub file_name: String,
    /// When it was recorded.
    pub time: Timestamp,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Whether it has a time-stamp; without one it proves only who signed, not when.
    pub stamped: bool,
}

/// Rebuilds a record and packs it. A cut body is left out: its digest could not be verified.
pub(crate) fn export(reader: &Reader, id: RecordId) -> Result<Exported, ReadFailure> {
    let record = reader.record(id)?;
    let entry = &record.entry;
    let mut attachments = Vec::new();
    if entry.body_bytes.is_some() && entry.body_bytes == entry.body_bytes_signed {
        let mut body = Vec::new();
        reader.body(id, 1, &mut body)?;
        attachments.push(body);
    }
    let (time, stamped) = (entry.time, record.stamp.is_some());
    let direction = match entry.direction {
        Direction::Request => container::Direction::Request,
        Direction::Response => container::Direction::Response,
    };
    let file_name = file_name(&entry.query_id, direction, id.0);
    let bytes = contained(record, attachments)?
        .write(time)
        .map_err(|failure| ReadFailure::NotExportable { record: id, reason: failure.to_string() })?;
    Ok(Exported { file_name, time, bytes, stamped })
}

/// The time-stamp stands beside the signature, with the chain that leads from it to this record.
fn contained(record: Record, attachments: Vec<Vec<u8>>) -> Result<AsicContainer, ReadFailure> {
    let id = record.entry.id;
    let refused = |reason: String| ReadFailure::NotExportable { record: id, reason };
    let mut batch_stamp = None;
    if let Some(Stamp { first, token, result, leaves, .. }) = record.stamp {
        let place = id.0.checked_sub(first.0).and_then(|place| usize::try_from(place).ok());
        let chained = place.and_then(|place| leaves.get(place)) == Some(&record.signature_digest);
        let tree = Batch::new(leaves).map_err(|refusal| refused(refusal.to_string()))?;
        let chain = place.filter(|_| chained).and_then(|place| tree.chain(place));
        let chain = chain.ok_or_else(|| refused("its time-stamp does not cover its signature".to_owned()))?;
        batch_stamp = Some(BatchStamp { result, chain, token });
    }
    let signed = SignedParts {
        signatures_xml: record.signature,
        hash_chain_result: record.hash_chain_result,
        hash_chain: record.hash_chain,
    };
    Ok(AsicContainer::new(record.message, signed, batch_stamp, attachments))
}
