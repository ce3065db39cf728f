//! The embedded database as readers see it.

use std::io::Write;

use rusqlite::Connection;
use signature::archive::Link;

use super::archive::Party;
use super::{Reading, Stamped, archive, figures, read};
use crate::error::{ReadFailure, StoreFault};
use crate::record::{Entry, Record, RecordId, Search, Statistics};

impl Reading for Connection {
    fn find(&self, search: &Search) -> Result<Vec<Entry>, ReadFailure> {
        read::find(self, search)
    }

    fn record(&self, id: RecordId) -> Result<Record, ReadFailure> {
        read::record(self, id)
    }

    fn stamp(&self, id: RecordId) -> Result<Option<Stamped>, ReadFailure> {
        read::stamp(self, id)
    }

    fn body(&self, id: RecordId, number: u32, out: &mut dyn Write) -> Result<u64, ReadFailure> {
        read::body(self, id, number, out)
    }

    /// A cut body is left out: its digest could not be verified.
    fn attachments(&self, record: &Record) -> Result<Vec<Vec<u8>>, ReadFailure> {
        let entry = &record.entry;
        if entry.body_bytes.is_none() || entry.body_bytes != entry.body_bytes_signed {
            return Ok(Vec::new());
        }
        let mut body = Vec::new();
        read::body(self, entry.id, 1, &mut body)?;
        Ok(vec![body])
    }

    fn unstamped(&self, limit: usize) -> Result<Vec<(RecordId, Vec<u8>)>, ReadFailure> {
        read::unstamped(self, limit)
    }

    fn statistics(&self) -> Result<Statistics, ReadFailure> {
        Ok(figures::statistics(self)?)
    }

    fn parties(&self) -> Result<Vec<Party>, ReadFailure> {
        archive::parties(self)
    }

    fn waiting(
        &self,
        party: &Party,
        after: RecordId,
        through: RecordId,
        limit: usize,
    ) -> Result<Vec<RecordId>, StoreFault> {
        archive::waiting(self, party.id, after, through, limit)
    }

    fn last_link(&self, group: Option<&str>) -> Result<Option<Link>, StoreFault> {
        archive::last_link(self, group)
    }

    fn untaken(&self) -> Result<Vec<(i64, String)>, StoreFault> {
        archive::untaken(self)
    }
}
