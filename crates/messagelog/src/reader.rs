//! Reading the log: lists, records, bodies, containers, figures.

use std::fmt;
use std::io::Write;

use jiff::Timestamp;

use crate::error::{OpenFailure, ReadFailure};
use crate::export::{Exported, Exporter};
use crate::place::Place;
use crate::record::{ArchiveFigures, Entry, Record, RecordId, Search, Statistics};
use crate::seal::{self, BodyDecryption, BodyOpening, Kept, KeyName, Keys, Sealer, Unopened};
use crate::store::{KeptBody, Reading, SealedBody, schema, xroad};

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
        let place = place.into();
        let begun = Some(place.lock_file()).filter(|mark| mark.exists());
        let tables: Box<dyn Reading> = match place {
            Place::Folder(directory) => Box::new(schema::open_for_reading(&directory)?),
            Place::Database { url, instance, .. } => {
                Box::new(xroad::open_for_reading(&url, instance, begun)?)
            }
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
        match self.tables.kept(id, number)? {
            KeptBody::Open => self.tables.body(id, number, out),
            KeptBody::Sealed(sealed) => self.sealed_body(id, number, &sealed, out),
            KeptBody::Xroad(name) => {
                let key = self.keys.of_xroad(&name).map_err(|why| unopened(id, &why))?;
                self.tables.body(id, number, &mut BodyDecryption::new(key, id, number, out))
            }
        }
    }

    fn sealed_body(
        &self,
        id: RecordId,
        number: u32,
        sealed: &SealedBody,
        out: &mut dyn Write,
    ) -> Result<u64, ReadFailure> {
        // A body without an octet is not kept, so nothing would be left to show that all of it is gone.
        if sealed.bytes == 0 {
            return Err(unopened(id, &Unopened::Changed));
        }
        let sealer =
            Sealer::again(&self.keys, &sealed.seal, &sealed.binding).map_err(|why| unopened(id, &why))?;
        let mut opening = BodyOpening::new(&sealer, sealed.bytes, out);
        let read = self.tables.body(id, number, &mut opening).and_then(|_| {
            opening.finish().map_err(|error| ReadFailure::Output(error.to_string()))?;
            Ok(sealed.bytes)
        });
        if opening.changed { Err(unopened(id, &Unopened::Changed)) } else { read }
    }

    /// A whole record for those who have its time-stamp already.
    pub(crate) fn record_without_stamp(&self, id: RecordId) -> Result<Record, ReadFailure> {
        self.opened(self.tables.record(id)?)
    }

    fn opened(&self, mut record: Record) -> Result<Record, ReadFailure> {
        let id = record.entry.id;
        match &record.kept {
            Kept::Open => {}
            Kept::Sealed(seal) => {
                let Entry { query_id, request_id, direction, .. } = &record.entry;
                let binding = seal::binding(&record.signature_digest, query_id, request_id, *direction);
                let opened = Sealer::again(&self.keys, seal, &binding)
                    .and_then(|sealer| sealer.open_message(&record.message));
                record.message = opened.map_err(|why| unopened(id, &why))?;
            }
            Kept::Xroad(name) => {
                let opened = self.keys.of_xroad(name).and_then(|key| {
                    key.message(id, &record.message).map_err(|seal::NotSealed| Unopened::Changed)
                });
                record.message = opened.map_err(|why| unopened(id, &why))?;
                // Another key opens it too, to noise, which must not leave in the place of a message.
                if record.message.contains(&0) || std::str::from_utf8(&record.message).is_err() {
                    let what = format!(
                        "what X-Road's key {name:?} decrypts is no text: it was changed, or is that another key of this name?"
                    );
                    return Err(ReadFailure::Damaged { record: id, what });
                }
            }
        }
        Ok(record)
    }

    /// The keys that are not at hand, of records that are in no archive yet, and how many records need each: they are not archived, and stay.
    ///
    /// # Errors
    /// The storage failed.
    pub fn missing_keys(&self) -> Result<Vec<(KeyName, u64)>, ReadFailure> {
        let mut needed = self.tables.keys_needed()?;
        needed.retain(|(key, _)| !self.keys.holds(key));
        Ok(needed)
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
            // What X-Road has encrypted is no sign of damage where its keys are not at hand.
            Ok(_) | Err(ReadFailure::NoKey { key: KeyName::Xroad(_), .. }) => Ok(()),
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
