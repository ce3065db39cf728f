//! The embedded database as readers see it.

use std::io::Write;

use jiff::Timestamp;
use rusqlite::Connection;
use signature::archive::Link;

use super::archive::{Deletable, Party};
use super::{KeptBody, Reading, Stamped, archive, figures, read};
use crate::error::{ReadFailure, StoreFault};
use crate::record::{ArchiveFigures, Entry, Record, RecordId, Search, Statistics};
use crate::seal::KeyName;

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

    fn kept(&self, id: RecordId, number: u32) -> Result<KeptBody, ReadFailure> {
        read::kept(self, id, number)
    }

    fn attachments(&self, record: &Record) -> Result<Vec<u32>, ReadFailure> {
        let entry = &record.entry;
        let whole = entry.body_bytes.is_some() && entry.body_bytes == entry.body_bytes_signed;
        Ok(if whole { vec![1] } else { Vec::new() })
    }

    fn unstamped(&self, limit: usize) -> Result<Vec<(RecordId, Vec<u8>)>, ReadFailure> {
        read::unstamped(self, limit)
    }

    fn statistics(&self) -> Result<Statistics, ReadFailure> {
        Ok(figures::statistics(self)?)
    }

    fn keys_needed(&self) -> Result<Vec<(KeyName, u64)>, ReadFailure> {
        Ok(figures::keys_needed(self)?)
    }

    fn archives(&self, since: Timestamp) -> Result<ArchiveFigures, StoreFault> {
        figures::archives(self, since)
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

    fn deletable(&self, before: Timestamp, after: RecordId, limit: usize) -> Result<Deletable, StoreFault> {
        archive::deletable(self, before, after, limit)
    }

    fn last_link(&self, group: Option<&str>) -> Result<Option<Link>, StoreFault> {
        archive::last_link(self, group)
    }

    fn any_archive(&self) -> Result<bool, StoreFault> {
        archive::any(self)
    }

    fn untaken(&self) -> Result<Vec<(i64, String, u64)>, StoreFault> {
        archive::untaken(self)
    }
}
