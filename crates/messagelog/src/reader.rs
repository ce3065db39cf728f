//! Reading the log: lists, records, bodies, containers, figures.

use std::fmt;
use std::io::Write;

use jiff::Timestamp;

use crate::error::{OpenFailure, ReadFailure};
use crate::export::{Exported, Exporter};
use crate::place::Place;
use crate::record::{ArchiveFigures, Entry, Record, RecordId, Search, Statistics};
use crate::seal::{self, BodyOpening, Keys, Sealer, Unopened};
use crate::store::{Reading, schema, xroad};

/// A reading connection. Any number of them, in any process, beside the writer. All calls block.
pub struct Reader {
    tables: Box<dyn Reading>,
    keys: Keys,
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").finish_non_exhaustive()
    }
}

impl Reader {
    /// Opens the log in a place for reading. The log must exist.
    ///
    /// # Errors
    /// There is none, or it is of another schema.
    pub fn open(place: impl Into<Place>) -> Result<Self, OpenFailure> {
        let tables: Box<dyn Reading> = match place.into() {
            Place::Folder(directory) => Box::new(schema::open_for_reading(&directory)?),
            Place::Database { url, instance, .. } => Box::new(xroad::open_for_reading(&url, instance)?),
        };
        Ok(Self { tables, keys: Keys::default() })
    }

    /// The same with the keys under which records are sealed. Without them lists and figures can be had, and open records.
    #[must_use]
    pub fn with_keys(self, keys: Keys) -> Self {
        Self { keys, ..self }
    }

    /// The records that fit a search, newest first, a page at a time.
    ///
    /// # Errors
    /// The storage failed.
    pub fn find(&self, search: &Search) -> Result<Vec<Entry>, ReadFailure> {
        self.tables.find(search)
    }

    /// A whole record, byte for byte as it was recorded.
    ///
    /// # Errors
    /// There is none, or it is damaged.
    pub fn record(&self, id: RecordId) -> Result<Record, ReadFailure> {
        let stamp = self.tables.stamp(id)?.map(|stamped| stamped.stamp);
        Ok(Record { stamp, ..self.record_without_stamp(id)? })
    }

    /// Writes attachment `number` (from 1; a REST body is number 1) into `out`; gives its length.
    ///
    /// # Errors
    /// There is none, or it is damaged, or `out` failed.
    pub fn body(&self, id: RecordId, number: u32, out: &mut dyn Write) -> Result<u64, ReadFailure> {
        let Some(sealed) = self.tables.seal(id, number)? else {
            return self.tables.body(id, number, out);
        };
        let sealer =
            Sealer::again(&self.keys, &sealed.seal, &sealed.binding).map_err(|why| unopened(id, &why))?;
        let mut opening = BodyOpening::new(&sealer, sealed.bytes, out);
        let read = self.tables.body(id, number, &mut opening).and_then(|length| {
            opening.finish().map_err(|error| ReadFailure::Output(error.to_string()))?;
            Ok(length)
        });
        if opening.changed { Err(unopened(id, &Unopened::Changed)) } else { read }
    }

    /// A whole record for those who have its time-stamp already.
    pub(crate) fn record_without_stamp(&self, id: RecordId) -> Result<Record, ReadFailure> {
        self.opened(self.tables.record(id)?)
    }

    fn opened(&self, mut record: Record) -> Result<Record, ReadFailure> {
        if let Some(seal) = &record.seal {
            let Entry { query_id, request_id, direction, .. } = &record.entry;
            let binding = seal::binding(&record.signature_digest, query_id, request_id, *direction);
            let opened = Sealer::again(&self.keys, seal, &binding)
                .and_then(|sealer| sealer.open_message(&record.message));
            record.message = opened.map_err(|why| unopened(record.entry.id, &why))?;
        }
        Ok(record)
    }

    /// The record as an ASiC-E container (data-plane 7.6), with its body in memory.
    ///
    /// # Errors
    /// There is no such record, or it is damaged.
    pub fn export(&self, id: RecordId) -> Result<Exported, ReadFailure> {
        Exporter::new(self).export(id)
    }

    pub(crate) fn tables(&self) -> &dyn Reading {
        self.tables.as_ref()
    }

    /// Figures of the whole log.
    ///
    /// # Errors
    /// The storage failed.
    pub fn statistics(&self) -> Result<Statistics, ReadFailure> {
        self.tables.statistics()
    }

    /// How archiving fares, and what has been written since a time, a week ago for instance.
    ///
    /// # Errors
    /// The storage failed.
    pub fn archives(&self, since: Timestamp) -> Result<ArchiveFigures, ReadFailure> {
        Ok(self.tables.archives(since)?)
    }

    /// Records without a time-stamp, oldest first, with the SHA-512 of their signatures.
    pub(crate) fn unstamped(&self, limit: usize) -> Result<Vec<(RecordId, Vec<u8>)>, ReadFailure> {
        self.tables.unstamped(limit)
    }

    pub(crate) fn rebuild_newest(&self, count: usize) -> Result<(), ReadFailure> {
        let newest = self.find(&Search { limit: count, ..Search::default() })?;
        newest.iter().try_for_each(|entry| match self.record_without_stamp(entry.id) {
            // What X-Road has encrypted is no sign of damage.
            Ok(_) | Err(ReadFailure::NotExportable { .. }) => Ok(()),
            Err(failure) => Err(failure),
        })
    }
}

fn unopened(record: RecordId, why: &Unopened) -> ReadFailure {
    match why {
        Unopened::NoKey(key) => ReadFailure::NoKey { record, key: key.clone() },
        Unopened::Changed => {
            ReadFailure::Damaged { record, what: "what was sealed does not open: it was changed".to_owned() }
        }
    }
}
