//! Reading the log: lists, records, bodies, containers, figures.

use std::fmt;
use std::io::Write;

use crate::error::{OpenFailure, ReadFailure};
use crate::export::{Exported, Exporter};
use crate::place::Place;
use crate::record::{Entry, Record, RecordId, Search, Statistics};
use crate::store::{Reading, schema, xroad};

/// A reading connection. Any number of them, in any process, beside the writer. All calls block.
pub struct Reader {
    tables: Box<dyn Reading>,
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
        Ok(Self { tables })
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
        Ok(Record { stamp, ..self.tables.record(id)? })
    }

    /// Writes attachment `number` (from 1; a REST body is number 1) into `out`; gives its length.
    ///
    /// # Errors
    /// There is none, or it is damaged, or `out` failed.
    pub fn body(&self, id: RecordId, number: u32, out: &mut dyn Write) -> Result<u64, ReadFailure> {
        self.tables.body(id, number, out)
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

    /// Records without a time-stamp, oldest first, with the SHA-512 of their signatures.
    pub(crate) fn unstamped(&self, limit: usize) -> Result<Vec<(RecordId, Vec<u8>)>, ReadFailure> {
        self.tables.unstamped(limit)
    }

    pub(crate) fn rebuild_newest(&self, count: usize) -> Result<(), ReadFailure> {
        let newest = self.find(&Search { limit: count, ..Search::default() })?;
        newest.iter().try_for_each(|entry| match self.tables.record(entry.id) {
            // What another key keeps is no sign of damage.
            Ok(_) | Err(ReadFailure::NotExportable { .. }) => Ok(()),
            Err(failure) => Err(failure),
        })
    }
}
