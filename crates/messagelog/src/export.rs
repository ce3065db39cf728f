//! A record as an ASiC-E container, with the names of data-plane 7.6.

use jiff::Timestamp;
use signature::SignedParts;
use signature::container::{self, AsicContainer, BatchStamp, file_name};
use signature::hashchain::{Absent, Input, TIME_STAMP_CHAIN, verify};
use signature::timestamp::{Batch, SIGNATURES};

use crate::error::ReadFailure;
use crate::reader::Reader;
use crate::record::{Direction, Record, RecordId, Stamp};
use crate::store::{Stamped, Way};

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
    /// Whether a body is left out that is not the one that was signed, of a record that does not say whether it was cut or is damaged.
    pub left_out: bool,
}

/// Rebuilds records and packs them. Those of one time-stamp, one after another, share its tree: it may have ten thousand leaves.
#[derive(Debug)]
pub(crate) struct Exporter<'r> {
    reader: &'r Reader,
    grown: Option<Grown>,
}

/// A time-stamp with its tree.
#[derive(Debug)]
struct Grown {
    stamp: Stamp,
    leaves: Vec<Vec<u8>>,
    tree: Batch,
}

/// How a record is time-stamped.
enum Covered {
    Not,
    /// In the signature.
    Inside,
    /// Beside the signature, with the chain that leads from it to this record.
    Beside(BatchStamp),
}

impl<'r> Exporter<'r> {
    pub(crate) fn new(reader: &'r Reader) -> Self {
        Self { reader, grown: None }
    }

    pub(crate) fn export(&mut self, id: RecordId) -> Result<Exported, ReadFailure> {
        let record = self.reader.record_without_stamp(id)?;
        let (attachments, left_out) = self.attachments(&record)?;
        let covered = self.covered(&record)?;
        let entry = &record.entry;
        let time = entry.time;
        let direction = match entry.direction {
            Direction::Request => container::Direction::Request,
            Direction::Response => container::Direction::Response,
        };
        let file_name = file_name(&entry.query_id, direction, id.0);
        let stamped = !matches!(covered, Covered::Not);
        let stamp = match covered {
            Covered::Beside(stamp) => Some(stamp),
            Covered::Inside | Covered::Not => None,
        };
        let signed = SignedParts {
            signatures_xml: record.signature,
            hash_chain_result: record.hash_chain_result,
            hash_chain: record.hash_chain,
        };
        let bytes = AsicContainer::new(record.message, signed, stamp, attachments)
            .write(time)
            .map_err(|failure| not_exportable(id, failure.to_string()))?;
        Ok(Exported { file_name, time, bytes, stamped, left_out })
    }

    /// A cut body is left out, and those behind it: its digest could not be verified, and their numbers would be others'.
    /// Whether any was left out that was not known to be cut.
    fn attachments(&self, record: &Record) -> Result<(Vec<Vec<u8>>, bool), ReadFailure> {
        let mut attachments = Vec::new();
        for number in self.reader.tables().attachments(record)? {
            let mut body = Vec::new();
            self.reader.body(record.entry.id, number, &mut body)?;
            if !self.reader.tables().is_whole(record, &body) {
                return Ok((attachments, true));
            }
            attachments.push(body);
        }
        Ok((attachments, false))
    }

    fn covered(&mut self, record: &Record) -> Result<Covered, ReadFailure> {
        let id = record.entry.id;
        let covers = |known: &Grown| (known.stamp.first..=known.stamp.last).contains(&id);
        if let Some(known) = self.grown.as_ref().filter(|known| covers(known)) {
            return known.chained(record);
        }
        let Some(Stamped { stamp, way }) = self.reader.tables().stamp(id)? else { return Ok(Covered::Not) };
        match way {
            Way::Leaves(leaves) => {
                let tree = Batch::new(leaves.iter().cloned())
                    .map_err(|refusal| not_exportable(id, refusal.to_string()))?;
                self.grown.insert(Grown { stamp, leaves, tree }).chained(record)
            }
            Way::Chain(chain) => {
                proven(record, BatchStamp { result: stamp.result, chain, token: stamp.token })
            }
            Way::Inside if contains(&record.signature, b"SignatureTimeStamp") => Ok(Covered::Inside),
            Way::Inside => Err(not_exportable(id, "its time-stamp is not in its signature".to_owned())),
        }
    }
}

impl Grown {
    fn chained(&self, record: &Record) -> Result<Covered, ReadFailure> {
        let id = record.entry.id;
        let place = id.0.checked_sub(self.stamp.first.0).and_then(|place| usize::try_from(place).ok());
        let chained = place.and_then(|place| self.leaves.get(place)) == Some(&record.signature_digest);
        let chain = place.filter(|_| chained).and_then(|place| self.tree.chain(place));
        let chain = chain.ok_or_else(|| does_not_cover(id))?;
        let (result, token) = (self.stamp.result.clone(), self.stamp.token.clone());
        Ok(Covered::Beside(BatchStamp { result, chain, token }))
    }
}

/// Whether the chain that is kept with the record leads from its signature to what the time-stamp covers.
fn proven(record: &Record, stamp: BatchStamp) -> Result<Covered, ReadFailure> {
    let signature = Input { name: SIGNATURES, digest: None, bytes: Some(&record.signature) };
    match verify(&stamp.result, &stamp.chain, TIME_STAMP_CHAIN, &[signature], Absent::Refuse) {
        Ok(_) => Ok(Covered::Beside(stamp)),
        Err(_) => Err(does_not_cover(record.entry.id)),
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|seen| seen == part)
}

fn does_not_cover(record: RecordId) -> ReadFailure {
    not_exportable(record, "its time-stamp does not cover its signature".to_owned())
}

fn not_exportable(record: RecordId, reason: String) -> ReadFailure {
    ReadFailure::NotExportable { record, reason }
}
