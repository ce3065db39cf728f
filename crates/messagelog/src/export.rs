//! A record as an ASiC-E container, with the names of data-plane 7.6.

use jiff::Timestamp;
use signature::SignedParts;
use signature::container::{self, AsicContainer, BatchStamp, file_name};
use signature::timestamp::Batch;

use crate::error::ReadFailure;
use crate::reader::Reader;
use crate::record::{Direction, Record, RecordId, Stamp};
use crate::store::read;

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

/// Rebuilds records and packs them. Those of one time-stamp, one after another, share its tree: it may have ten thousand leaves.
#[derive(Debug)]
pub(crate) struct Exporter<'r> {
    reader: &'r Reader,
    stamped: Option<Stamped>,
}

/// A time-stamp with its tree.
#[derive(Debug)]
struct Stamped {
    stamp: Stamp,
    tree: Batch,
}

impl<'r> Exporter<'r> {
    pub(crate) fn new(reader: &'r Reader) -> Self {
        Self { reader, stamped: None }
    }

    /// A cut body is left out: its digest could not be verified.
    pub(crate) fn export(&mut self, id: RecordId) -> Result<Exported, ReadFailure> {
        let record = self.reader.record_without_stamp(id)?;
        let entry = &record.entry;
        let mut attachments = Vec::new();
        if entry.body_bytes.is_some() && entry.body_bytes == entry.body_bytes_signed {
            let mut body = Vec::new();
            self.reader.body(id, 1, &mut body)?;
            attachments.push(body);
        }
        let time = entry.time;
        let direction = match entry.direction {
            Direction::Request => container::Direction::Request,
            Direction::Response => container::Direction::Response,
        };
        let file_name = file_name(&entry.query_id, direction, id.0);
        let stamp = self.batch_stamp(&record)?;
        let stamped = stamp.is_some();
        let signed = SignedParts {
            signatures_xml: record.signature,
            hash_chain_result: record.hash_chain_result,
            hash_chain: record.hash_chain,
        };
        let bytes = AsicContainer::new(record.message, signed, stamp, attachments)
            .write(time)
            .map_err(|failure| not_exportable(id, failure.to_string()))?;
        Ok(Exported { file_name, time, bytes, stamped })
    }

    /// The time-stamp stands beside the signature, with the chain that leads from it to this record.
    fn batch_stamp(&mut self, record: &Record) -> Result<Option<BatchStamp>, ReadFailure> {
        let id = record.entry.id;
        let covers = |known: &Stamped| (known.stamp.first..=known.stamp.last).contains(&id);
        if !self.stamped.as_ref().is_some_and(covers) {
            self.stamped = Stamped::read(self.reader, id)?;
        }
        let Some(Stamped { stamp, tree }) = &self.stamped else { return Ok(None) };
        let place = id.0.checked_sub(stamp.first.0).and_then(|place| usize::try_from(place).ok());
        let chained = place.and_then(|place| stamp.leaves.get(place)) == Some(&record.signature_digest);
        let chain = place.filter(|_| chained).and_then(|place| tree.chain(place));
        let chain = chain
            .ok_or_else(|| not_exportable(id, "its time-stamp does not cover its signature".to_owned()))?;
        Ok(Some(BatchStamp { result: stamp.result.clone(), chain, token: stamp.token.clone() }))
    }
}

impl Stamped {
    fn read(reader: &Reader, id: RecordId) -> Result<Option<Self>, ReadFailure> {
        let Some(stamp) = read::stamp(reader.connection(), id)? else { return Ok(None) };
        let tree = Batch::new(stamp.leaves.iter().cloned())
            .map_err(|refusal| not_exportable(id, refusal.to_string()))?;
        Ok(Some(Self { stamp, tree }))
    }
}

fn not_exportable(record: RecordId, reason: String) -> ReadFailure {
    ReadFailure::NotExportable { record, reason }
}
