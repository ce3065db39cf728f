//! The reading half: messages, bodies and time-stamps out of X-Road's tables, whoever wrote them.

use std::fmt;
use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use database::{Fault, Session};
use identifier::ClientId;
use jiff::Timestamp;
use postgres::types::ToSql;
use postgres::{Client, Row};
use signature::archive::Link;
use trust::algorithm::DigestAlgorithm;

use super::{archive, kept};
use crate::error::{ReadFailure, StoreFault};
use crate::record::{ArchiveFigures, Direction, Entry, Owner, Record, RecordId, Search, Stamp, Statistics};
use crate::seal::{Kept, KeyName};
use crate::store::archive::{Deletable, Party};
use crate::store::read::page;
use crate::store::values::{signed, time, unsigned};
use crate::store::{KeptBody, Reading, Stamped, Way};

/// Bytes of a body that are in memory at a time.
const CHUNK_BYTES: usize = 262_144;
/// Octets of the digest that a time-stamp covers: SHA-512.
const LEAF_BYTES: usize = 64;
const ALIVE: Duration = Duration::from_secs(5);

/// 262144 is the mode that reads; 2 is the end.
const ENTRY: &str =
    "SELECT r.id, r.time, r.queryid, r.xrequestid, r.response, r.memberclass, r.membercode, r.subsystemcode,
 (SELECT lo_lseek64(lo_open(l.oid, 262144), 0, 2) FROM message_attachment a
  JOIN pg_catalog.pg_largeobject_metadata l ON l.oid = a.attachment
  WHERE a.logrecord_id = r.id AND a.attachment_no = 1),
 r.timestamprecord IS NOT NULL, r.keyid";

/// A connection that reads.
pub(crate) struct Tables {
    session: Mutex<Session>,
    instance: String,
    /// The time-stamp that was read last, by its number: records of one time-stamp are asked for one after another.
    known: Mutex<Option<(i64, Stamp)>>,
}

impl fmt::Debug for Tables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tables").finish_non_exhaustive()
    }
}

type Value = Box<dyn ToSql + Sync + Send>;

impl Tables {
    pub(super) fn new(session: Session, instance: String) -> Self {
        Self { session: Mutex::new(session), instance, known: Mutex::default() }
    }

    fn ask<T: Send, E: Send + From<Fault>>(
        &self,
        act: impl FnOnce(&mut Client) -> Result<T, E> + Send,
    ) -> Result<T, E> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner).run(act)
    }

    fn entry(&self, row: &Row) -> Result<Entry, ReadFailure> {
        let id = RecordId(unsigned(row.try_get(0)?));
        let damaged = |what: &str| ReadFailure::Damaged { record: id, what: what.to_owned() };
        let text = |column: usize| -> Result<Option<String>, ReadFailure> { Ok(row.try_get(column)?) };
        let (class, code) = (text(5)?.unwrap_or_default(), text(6)?.unwrap_or_default());
        let owner = ClientId::new(&self.instance, class, code, text(7)?.as_deref())
            .map_err(|_| damaged("the owner"))?;
        let keyid = row.try_get(10)?;
        let bytes = row.try_get::<_, Option<i64>>(8)?.map(|stored| kept::body_bytes(keyid, unsigned(stored)));
        let moment: Option<i64> = row.try_get(1)?;
        Ok(Entry {
            id,
            time: moment.and_then(time).ok_or_else(|| damaged("the time"))?,
            query_id: text(2)?.unwrap_or_default(),
            request_id: text(3)?.unwrap_or_default(),
            owner,
            direction: match row.try_get::<_, Option<bool>>(4)? {
                Some(true) => Direction::Response,
                Some(false) | None => Direction::Request,
            },
            body_bytes: bytes,
            // X-Road does not keep how long a cut body was.
            body_bytes_signed: bytes,
            stamped: row.try_get(9)?,
        })
    }

    fn read_stamp(&self, number: i64, record: RecordId) -> Result<Stamp, ReadFailure> {
        let held = |known: &Mutex<Option<(i64, Stamp)>>| {
            known.lock().unwrap_or_else(PoisonError::into_inner).clone()
        };
        if let Some((_, stamp)) = held(&self.known).filter(|(known, _)| *known == number) {
            return Ok(stamp);
        }
        let damaged = |what: &str| ReadFailure::Damaged { record, what: what.to_owned() };
        let row = self.ask::<_, ReadFailure>(|client| {
            Ok(client.query_one(
                "SELECT t.time, t.\"timestamp\", t.hashchainresult,
                 (SELECT min(id) FROM logrecord WHERE timestamprecord = $1),
                 (SELECT max(id) FROM logrecord WHERE timestamprecord = $1) FROM logrecord t WHERE t.id = $1",
                &[&number],
            )?)
        })?;
        let token: Option<String> = row.try_get(1)?;
        let token = token.and_then(|text| STANDARD.decode(text.replace(['\r', '\n'], "")).ok());
        let moment: Option<i64> = row.try_get(0)?;
        let stamp = Stamp {
            first: RecordId(unsigned(row.try_get(3)?)),
            last: RecordId(unsigned(row.try_get(4)?)),
            time: moment.and_then(time).ok_or_else(|| damaged("the time of its time-stamp"))?,
            token: token.ok_or_else(|| damaged("its time-stamp"))?,
            result: row.try_get::<_, Option<String>>(2)?.unwrap_or_default().into_bytes(),
        };
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some((number, stamp.clone()));
        Ok(stamp)
    }

    /// SHA-512 of a signature that another server keeps under another hash.
    fn leaf(&self, id: i64) -> Result<Vec<u8>, ReadFailure> {
        let row = self.ask::<_, ReadFailure>(|client| {
            Ok(client.query_one("SELECT coalesce(signature, '') FROM logrecord WHERE id = $1", &[&id])?)
        })?;
        Ok(DigestAlgorithm::Sha512.digest(row.try_get::<_, String>(0)?.as_bytes()))
    }
}

/// The conditions of a search; every value comes in as a parameter.
fn conditions(search: &Search) -> (String, Vec<Value>) {
    let (mut clauses, mut values) = (String::new(), Vec::<Value>::new());
    let mut add = |clause: &str, value: Value| {
        values.push(value);
        clauses.push_str(&format!(" AND {clause} ${}", values.len()));
    };
    if let Some(id) = &search.query_id {
        // No text with a zero octet stands in a column.
        add("r.queryid =", Box::new(id.replace('\0', "\u{fffd}")));
    }
    let (mut member, mut client) = (None, None);
    match &search.owner {
        Some(Owner::Client(owner)) => (member, client) = (Some(owner.member()), Some(owner)),
        Some(Owner::Member(owner)) => member = Some(owner.clone()),
        None => {}
    }
    if let Some(member) = member {
        add("r.memberclass =", Box::new(member.class().to_owned()));
        add("r.membercode =", Box::new(member.code().to_owned()));
    }
    if let Some(client) = client {
        add("r.subsystemcode IS NOT DISTINCT FROM", Box::new(client.subsystem().map(str::to_owned)));
    }
    if let Some(direction) = search.direction {
        add("r.response =", Box::new(direction == Direction::Response));
    }
    if let Some(from) = search.from {
        add("r.time >=", Box::new(from.as_millisecond()));
    }
    if let Some(until) = search.until {
        add("r.time <", Box::new(until.as_millisecond()));
    }
    if let Some(before) = search.before {
        add("r.id <", Box::new(signed(before.0)));
    }
    (clauses, values)
}

/// Whether the digest of a body is named in the hash chain or in the signature: of a body that was cut it is not.
fn is_named(record: &Record, body: &[u8]) -> bool {
    let texts = [record.hash_chain.as_deref().unwrap_or_default(), &record.signature];
    let unbroken = texts.map(|text| {
        let text = String::from_utf8_lossy(text).replace("&#13;", "");
        text.split_ascii_whitespace().collect::<String>()
    });
    [DigestAlgorithm::Sha512, DigestAlgorithm::Sha384, DigestAlgorithm::Sha256].iter().any(|algorithm| {
        let digest = STANDARD.encode(algorithm.digest(body));
        unbroken.iter().any(|text| text.contains(&digest))
    })
}

impl Reading for Tables {
    fn find(&self, search: &Search) -> Result<Vec<Entry>, ReadFailure> {
        // Another instance has nothing here.
        let instance = match &search.owner {
            Some(Owner::Client(client)) => Some(client.member()),
            Some(Owner::Member(member)) => Some(member.clone()),
            None => None,
        };
        if instance.is_some_and(|member| member.instance() != self.instance) {
            return Ok(Vec::new());
        }
        let (clauses, values) = conditions(search);
        let limit = page(search);
        let sql = format!(
            "{ENTRY} FROM logrecord r WHERE r.discriminator = 'm'{clauses} ORDER BY r.id DESC LIMIT {limit}"
        );
        let rows = self.ask::<_, ReadFailure>(|client| {
            let values: Vec<&(dyn ToSql + Sync)> =
                values.iter().map(|value| -> &(dyn ToSql + Sync) { value.as_ref() }).collect();
            Ok(client.query(&sql, &values)?)
        })?;
        rows.iter().map(|row| self.entry(row)).collect()
    }

    fn record(&self, id: RecordId) -> Result<Record, ReadFailure> {
        let row = self.ask::<_, ReadFailure>(|client| {
            let sql = format!(
                "{ENTRY}, r.message, r.signature, r.signaturehash, r.hashchainresult, r.hashchain, r.ciphermessage
                 FROM logrecord r WHERE r.discriminator = 'm' AND r.id = $1"
            );
            Ok(client.query_opt(&sql, &[&signed(id.0)])?)
        })?;
        let row = row.ok_or(ReadFailure::NoSuchRecord(id))?;
        let text = |column: usize| -> Result<Option<Vec<u8>>, ReadFailure> {
            Ok(row.try_get::<_, Option<String>>(column)?.map(String::into_bytes))
        };
        let damaged = |what: &str| ReadFailure::Damaged { record: id, what: what.to_owned() };
        let signature = text(12)?.ok_or_else(|| damaged("it has no signature"))?;
        let signature_digest = DigestAlgorithm::Sha512.digest(&signature);
        // Of one that has a time-stamp there is no hash any more; the time-stamp's chain leads to it.
        if let Some(hash) = row.try_get::<_, Option<String>>(13)? {
            let hash = STANDARD.decode(hash).unwrap_or_default();
            if hash.len() == LEAF_BYTES && hash != signature_digest {
                return Err(damaged("the signature is not the recorded one"));
            }
        }
        let encrypted: Option<Vec<u8>> = row.try_get(16)?;
        let kept = kept::kept(row.try_get(10)?, encrypted.is_some());
        let message = if kept == Kept::Open { text(11)? } else { encrypted };
        Ok(Record {
            message: message.ok_or_else(|| damaged("it has no message"))?,
            hash_chain_result: text(14)?,
            hash_chain: text(15)?,
            signature,
            signature_digest,
            stamp: None,
            kept,
            entry: self.entry(&row)?,
        })
    }

    fn stamp(&self, id: RecordId) -> Result<Option<Stamped>, ReadFailure> {
        let row = self.ask::<_, ReadFailure>(|client| {
            Ok(client.query_opt(
                "SELECT timestamprecord, timestamphashchain FROM logrecord
                 WHERE id = $1 AND timestamprecord IS NOT NULL",
                &[&signed(id.0)],
            )?)
        })?;
        let Some(row) = row else { return Ok(None) };
        let stamp = self.read_stamp(row.try_get(0)?, id)?;
        let way = row
            .try_get::<_, Option<String>>(1)?
            .filter(|chain| !chain.is_empty())
            .map_or(Way::Inside, |chain| Way::Chain(chain.into_bytes()));
        Ok(Some(Stamped { stamp, way }))
    }

    fn body(&self, id: RecordId, number: u32, out: &mut dyn Write) -> Result<u64, ReadFailure> {
        let found = self.ask::<_, ReadFailure>(|client| {
            Ok(client.query_opt(
                "SELECT attachment FROM message_attachment WHERE logrecord_id = $1 AND attachment_no = $2",
                &[&signed(id.0), &i32::try_from(number).unwrap_or(i32::MAX)],
            )?)
        })?;
        let row = found.ok_or(ReadFailure::NoSuchAttachment { record: id, number })?;
        let object: u32 = row.try_get(0)?;
        let chunk_bytes = i32::try_from(CHUNK_BYTES).unwrap_or(i32::MAX);
        let mut written = 0u64;
        loop {
            let chunk = self.ask::<_, ReadFailure>(|client| {
                let row =
                    client.query_one("SELECT lo_get($1, $2, $3)", &[&object, &signed(written), &chunk_bytes]);
                match row {
                    Ok(row) => Ok(row.try_get::<_, Vec<u8>>(0)?),
                    Err(error) if error.code() == Some(&postgres::error::SqlState::UNDEFINED_OBJECT) => {
                        Err(ReadFailure::Damaged { record: id, what: format!("attachment {number} is gone") })
                    }
                    Err(error) => Err(error.into()),
                }
            })?;
            out.write_all(&chunk).map_err(|error| ReadFailure::Output(error.to_string()))?;
            written = written.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
            if chunk.len() < CHUNK_BYTES {
                return Ok(written);
            }
        }
    }

    fn kept(&self, id: RecordId, number: u32) -> Result<KeptBody, ReadFailure> {
        self.ask(|client| kept::of_body(client, id, number))
    }

    fn attachments(&self, record: &Record) -> Result<Vec<u32>, ReadFailure> {
        let id = signed(record.entry.id.0);
        let rows = self.ask::<_, ReadFailure>(|client| {
            let sql =
                "SELECT attachment_no FROM message_attachment WHERE logrecord_id = $1 ORDER BY attachment_no";
            Ok(client.query(sql, &[&id])?)
        })?;
        rows.iter().map(|row| Ok(u32::try_from(row.try_get::<_, i32>(0)?).unwrap_or_default())).collect()
    }

    fn is_whole(&self, record: &Record, body: &[u8]) -> bool {
        is_named(record, body)
    }

    fn unstamped(&self, limit: usize) -> Result<Vec<(RecordId, Vec<u8>)>, ReadFailure> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = self.ask::<_, ReadFailure>(|client| {
            Ok(client.query(
                "SELECT id, signaturehash FROM logrecord WHERE discriminator = 'm' AND timestamprecord IS NULL
                 AND signaturehash IS NOT NULL ORDER BY id LIMIT $1",
                &[&limit],
            )?)
        })?;
        let mut waiting = Vec::with_capacity(rows.len());
        for row in &rows {
            let id: i64 = row.try_get(0)?;
            let hash = STANDARD.decode(row.try_get::<_, String>(1)?).unwrap_or_default();
            let leaf = if hash.len() == LEAF_BYTES { hash } else { self.leaf(id)? };
            waiting.push((RecordId(unsigned(id)), leaf));
        }
        Ok(waiting)
    }

    fn keys_needed(&self) -> Result<Vec<(KeyName, u64)>, ReadFailure> {
        Ok(self.ask(kept::keys_needed)?)
    }

    /// The server does not tell the sum of all large objects without reading them: the size of their table stands for it.
    fn statistics(&self) -> Result<Statistics, ReadFailure> {
        let row = self.ask::<_, ReadFailure>(|client| {
            Ok(client.query_one(
                "SELECT (SELECT count(*) FROM logrecord WHERE discriminator = 'm'),
                   (SELECT count(*) FROM logrecord
                    WHERE discriminator = 'm' AND timestamprecord IS NULL AND signaturehash IS NOT NULL),
                   (SELECT time FROM logrecord WHERE discriminator = 'm' AND timestamprecord IS NULL
                    AND signaturehash IS NOT NULL ORDER BY id LIMIT 1),
                   (SELECT time FROM logrecord WHERE discriminator = 'm' ORDER BY id DESC LIMIT 1),
                   (SELECT count(*) FROM logrecord WHERE discriminator = 't'),
                   (SELECT count(*) FROM message_attachment), pg_table_size('pg_catalog.pg_largeobject'),
                   pg_total_relation_size('logrecord') + pg_total_relation_size('message_attachment')
                   + pg_total_relation_size('pg_catalog.pg_largeobject')",
                &[],
            )?)
        })?;
        let number = |column: usize| row.try_get::<_, i64>(column).map(unsigned);
        let moment = |column: usize| row.try_get::<_, Option<i64>>(column).map(|found| found.and_then(time));
        Ok(Statistics {
            records: number(0)?,
            unstamped: number(1)?,
            oldest_unstamped: moment(2)?,
            newest: moment(3)?,
            stamps: number(4)?,
            bodies: number(5)?,
            body_bytes: number(6)?,
            shared: 0,
            file_bytes: number(7)?,
        })
    }

    /// What is withheld is known to nobody here: it is tried again in each round. Sizes are shares of the whole.
    fn archives(&self, since: Timestamp) -> Result<ArchiveFigures, StoreFault> {
        let row = self.ask::<_, StoreFault>(|client| {
            Ok(client.query_one(
                "SELECT (SELECT max(time) FROM chhatra_messagelog.archive),
                   (SELECT time FROM logrecord WHERE discriminator = 'm' AND NOT archived ORDER BY id LIMIT 1),
                   (SELECT min(time) FROM logrecord WHERE discriminator = 'm' AND time >= $1),
                   (SELECT coalesce(sum(bytes), 0)::bigint FROM chhatra_messagelog.archive WHERE time >= $1),
                   (SELECT count(*) FROM logrecord WHERE discriminator = 'm' AND time >= $1)",
                &[&since.as_millisecond()],
            )?)
        })?;
        let all = self.statistics().map_err(|failure| StoreFault::Other(failure.to_string()))?;
        let moment = |column: usize| row.try_get::<_, Option<i64>>(column).map(|found| found.and_then(time));
        let number = |column: usize| row.try_get::<_, i64>(column).map(unsigned);
        let share = all.file_bytes.checked_div(all.records).unwrap_or_default();
        Ok(ArchiveFigures {
            newest: moment(0)?,
            oldest_waiting: moment(1)?,
            withheld: 0,
            oldest_of_week: moment(2)?,
            archive_bytes_of_week: number(3)?,
            log_bytes_of_week: share.saturating_mul(number(4)?),
            untaken: self.untaken()?.into_iter().map(|(_, name, _)| name).collect(),
        })
    }

    fn parties(&self) -> Result<Vec<Party>, ReadFailure> {
        let rows = self.ask::<_, ReadFailure>(|client| {
            Ok(client.query(
                "SELECT memberclass, membercode, subsystemcode FROM logrecord
                 WHERE discriminator = 'm' AND archived = false AND timestamprecord IS NOT NULL
                 GROUP BY 1, 2, 3 ORDER BY memberclass COLLATE \"C\", membercode COLLATE \"C\", subsystemcode COLLATE \"C\"",
                &[],
            )?)
        })?;
        let mut parties = Vec::with_capacity(rows.len());
        for row in &rows {
            let text = |column: usize| row.try_get::<_, Option<String>>(column);
            let (class, code) = (text(0)?.unwrap_or_default(), text(1)?.unwrap_or_default());
            // Records of nobody whom there could be stay where they are.
            if let Ok(client) = ClientId::new(&self.instance, class, code, text(2)?.as_deref()) {
                parties.push(Party { id: 0, client });
            }
        }
        Ok(parties)
    }

    fn waiting(
        &self,
        party: &Party,
        after: RecordId,
        through: RecordId,
        limit: usize,
    ) -> Result<Vec<RecordId>, StoreFault> {
        let member = party.client.member();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = self.ask::<_, StoreFault>(|client| {
            Ok(client.query(
                "SELECT id FROM logrecord WHERE discriminator = 'm' AND archived = false AND timestamprecord IS NOT NULL
                 AND memberclass = $1 AND membercode = $2
                 AND (subsystemcode = $3 OR ($3::text IS NULL AND subsystemcode IS NULL))
                 AND id > $4 AND id <= $5 ORDER BY id LIMIT $6",
                &[
                    &member.class(),
                    &member.code(),
                    &party.client.subsystem(),
                    &signed(after.0),
                    &signed(through.0),
                    &limit,
                ],
            )?)
        })?;
        rows.iter().map(|row| Ok(RecordId(unsigned(row.try_get(0)?)))).collect()
    }

    fn deletable(&self, before: Timestamp, after: RecordId, limit: usize) -> Result<Deletable, StoreFault> {
        self.ask(|client| archive::deletable(client, before.as_millisecond(), after, limit))
    }

    fn last_link(&self, group: Option<&str>) -> Result<Option<Link>, StoreFault> {
        let row = self.ask::<_, StoreFault>(|client| {
            Ok(client.query_opt(
                "SELECT digest, filename FROM last_archive_digest
                 WHERE groupname IS NOT DISTINCT FROM $1 AND digest IS NOT NULL AND filename IS NOT NULL
                 ORDER BY id DESC LIMIT 1",
                &[&group],
            )?)
        })?;
        row.map(|row| Ok(Link { digest: row.try_get(0)?, file_name: row.try_get(1)? })).transpose()
    }

    /// X-Road's archives lay elsewhere.
    fn any_archive(&self) -> Result<bool, StoreFault> {
        let row = self.ask::<_, StoreFault>(|client| {
            Ok(client.query_one("SELECT EXISTS (SELECT 1 FROM chhatra_messagelog.archive)", &[])?)
        })?;
        Ok(row.try_get(0)?)
    }

    fn untaken(&self) -> Result<Vec<(i64, String, u64)>, StoreFault> {
        let rows = self.ask::<_, StoreFault>(|client| {
            let sql =
                "SELECT id, file, bytes FROM chhatra_messagelog.archive WHERE taken IS NULL ORDER BY id";
            Ok(client.query(sql, &[])?)
        })?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?, unsigned(row.try_get(2)?)))).collect()
    }

    fn is_alive(&self) -> bool {
        self.ask(|client| Ok::<_, Fault>(client.is_valid(ALIVE)?)).is_ok()
    }
}
