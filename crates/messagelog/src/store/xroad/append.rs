//! The writing half: messages, bodies and time-stamps into X-Road's tables.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use database::Session;
use jiff::Timestamp;
use postgres::Statement;
use signature::timestamp::Batch;

use super::{archive, kept};
use crate::error::StoreFault;
use crate::pack::Packed;
use crate::prepare::{LoggedBody, Prepared};
use crate::record::{Body, Direction, RecordId};
use crate::seal::{NotSealed, Piece, Protection};
use crate::store::body::each_chunk;
use crate::store::values::{signed, unsigned};
use crate::store::{AppendFault, Keeping, NewStamp, Store};

/// Octets of a leaf: SHA-512.
const LEAF_BYTES: usize = 64;

/// The database in the hands of the one writer.
#[derive(Debug)]
pub(crate) struct Writer {
    session: Session,
    record: Statement,
    large_object: Statement,
    more: Statement,
    number: Statement,
}

impl Writer {
    pub(super) fn new(mut session: Session) -> Result<Self, StoreFault> {
        let [record, large_object, more, number] = session.run(|client| {
            Ok::<_, StoreFault>([
                // Record and attachment in one step. Where its number is not needed before ($14), it is the last thing that is taken, so that
                // a body that fails takes none.
                client.prepare(
                    "WITH made AS (
                       INSERT INTO logrecord (id, discriminator, time, archived, queryid, memberclass, membercode,
                         subsystemcode, xrequestid, message, signature, hashchain, hashchainresult, signaturehash, response,
                         keyid, ciphermessage)
                       VALUES (coalesce($14::bigint, nextval('logrecord_sequence')), 'm', $1, false, $2, $3, $4, $5, $6, $7, $8,
                         $9, $10, $11, $12, $15, $16)
                       RETURNING id),
                     attached AS (
                       INSERT INTO message_attachment (logrecord_id, attachment_no, attachment)
                       SELECT id, 1, $13::oid FROM made WHERE $13::oid IS NOT NULL)
                     SELECT id FROM made",
                )?,
                client.prepare("SELECT lo_from_bytea(0, $1)")?,
                client.prepare("SELECT lo_put($1, $2, $3)")?,
                client.prepare("SELECT nextval('logrecord_sequence')")?,
            ])
        })?;
        Ok(Self { session, record, large_object, more, number })
    }

    fn batch(&mut self, sql: &str) -> Result<(), StoreFault> {
        self.session.run(|client| Ok(client.batch_execute(sql)?))
    }

    /// What X-Road's form takes for its counters: a number that the sequence never gives again, neither after this record was taken back nor
    /// after a crash, which leaves nothing of it on the disk that the sequence's own step is not on before.
    fn next_number(&mut self) -> Result<RecordId, StoreFault> {
        let Self { session, number, .. } = self;
        session.run(|client| Ok(RecordId(unsigned(client.query_one(&*number, &[])?.try_get(0)?))))
    }

    /// The body as a large object, chunk by chunk.
    fn store_body(
        &mut self,
        logged: &LoggedBody,
        protection: &Protection,
        record: Option<RecordId>,
    ) -> Result<Option<u32>, AppendFault> {
        let Self { session, large_object, more, .. } = self;
        let (mut object, mut end, mut place) = (None, 0i64, 0usize);
        each_chunk(logged, |content| {
            let piece = Piece { record, place, body_bytes: logged.bytes, content };
            let chunk = protection.stored(piece).map_err(unsealed)?;
            let chunk = chunk.as_ref();
            place = place.saturating_add(1);
            session.run(|client| {
                match object {
                    None => object = Some(client.query_one(&*large_object, &[&chunk])?.try_get::<_, u32>(0)?),
                    Some(object) => {
                        client.execute(&*more, &[&object, &end, &chunk])?;
                    }
                }
                end = end.saturating_add(i64::try_from(chunk.len()).unwrap_or(i64::MAX));
                Ok::<_, StoreFault>(())
            })
        })?;
        Ok(object)
    }

    fn append_inside(&mut self, record: &Prepared, time: Timestamp) -> Result<RecordId, AppendFault> {
        let number = match &record.protection {
            Protection::Xroad(_) => Some(self.next_number()?),
            Protection::Open | Protection::Sealed(_) => None,
        };
        let object = self.store_body(&record.body, &record.protection, number)?;
        let member = record.owner.member();
        let Told { message, keyid, encrypted } = Told::of(record, number)?;
        let number = number.map(|number| signed(number.0));
        let signature = text(record.signature.packed.whole())?;
        let optional = |document: Option<&Packed>| document.map(|packed| text(packed.whole())).transpose();
        let (chain, result) =
            (optional(record.hash_chain.as_ref())?, optional(record.hash_chain_result.as_ref())?);
        let digest = STANDARD.encode(&record.signature.digest);
        let Self { session, record: insert, .. } = self;
        let id = session.run(|client| {
            let row = client.query_one(
                &*insert,
                &[
                    &time.as_millisecond(),
                    &record.query_id,
                    &member.class(),
                    &member.code(),
                    &record.owner.subsystem(),
                    &record.request_id,
                    &message,
                    &signature,
                    &chain,
                    &result,
                    &digest,
                    &(record.direction == Direction::Response),
                    &object,
                    &number,
                    &keyid,
                    &encrypted,
                ],
            )?;
            Ok::<i64, StoreFault>(row.try_get(0)?)
        })?;
        Ok(RecordId(unsigned(id)))
    }
}

/// A message as the columns have it.
struct Told {
    message: Option<String>,
    keyid: Option<String>,
    encrypted: Option<Vec<u8>>,
}

impl Told {
    fn of(record: &Prepared, number: Option<RecordId>) -> Result<Self, StoreFault> {
        let message = &record.message;
        let (keyid, encrypted) = match &record.protection {
            Protection::Open => {
                return Ok(Self { message: Some(text(message.clone())?), keyid: None, encrypted: None });
            }
            Protection::Sealed(seal) => (kept::own_mark(seal), message.clone()),
            Protection::Xroad(key) => {
                let encrypted = number.ok_or(NotSealed).and_then(|number| key.message(number, message));
                (key.name().to_owned(), encrypted.map_err(unsealed)?)
            }
        };
        Ok(Self { message: None, keyid: Some(keyid), encrypted: Some(encrypted) })
    }
}

fn unsealed(_: NotSealed) -> StoreFault {
    StoreFault::Other("a record could not be sealed".to_owned())
}

/// What was seen to be text when the record was prepared.
fn text(octets: Vec<u8>) -> Result<String, StoreFault> {
    String::from_utf8(octets).map_err(|_| StoreFault::Other("a document is not text".to_owned()))
}

fn numbers(records: &[RecordId]) -> Vec<i64> {
    records.iter().map(|id| signed(id.0)).collect()
}

impl Store for Writer {
    fn begin(&mut self) -> Result<(), StoreFault> {
        self.batch("BEGIN")
    }

    fn append(&mut self, record: &Prepared, time: Timestamp) -> Result<RecordId, AppendFault> {
        if !matches!(record.body.source, Body::File { .. }) {
            return self.append_inside(record, time);
        }
        // A spooled body may fail in the middle; then only this record is taken back.
        self.batch("SAVEPOINT spooled")?;
        let appended = self.append_inside(record, time);
        match &appended {
            Ok(_) => self.batch("RELEASE SAVEPOINT spooled")?,
            Err(AppendFault::Body(_)) => {
                self.batch("ROLLBACK TO SAVEPOINT spooled; RELEASE SAVEPOINT spooled")?;
            }
            Err(AppendFault::Store(_)) => {}
        }
        appended
    }

    /// In a log that was taken over, records with a time-stamp may stand behind some without: each is asked.
    fn awaits(&mut self, stamp: &NewStamp, _: u64, _: u64) -> Result<bool, StoreFault> {
        let ids = numbers(&stamp.records);
        let waiting: i64 = self.session.run(|client| {
            let row = client.query_one(
                "SELECT count(*) FROM logrecord WHERE id = ANY ($1) AND discriminator = 'm' AND timestamprecord IS NULL",
                &[&ids],
            )?;
            Ok::<_, StoreFault>(row.try_get(0)?)
        })?;
        Ok(!ids.is_empty() && usize::try_from(waiting) == Ok(ids.len()))
    }

    /// As X-Road does: one row for the time-stamp, and with each record its chain instead of the hash of its signature.
    fn append_stamp(&mut self, stamp: &NewStamp, time: Timestamp) -> Result<(), StoreFault> {
        let refused = |why: String| StoreFault::Other(format!("the time-stamp's hash chain: {why}"));
        let leaves = stamp.leaves.chunks(LEAF_BYTES).map(<[u8]>::to_vec);
        let batch = Batch::new(leaves).map_err(|refusal| refused(refusal.to_string()))?;
        let ids = numbers(&stamp.records);
        let chains: Option<Vec<Vec<u8>>> = (0..ids.len()).map(|place| batch.chain(place)).collect();
        let chains = chains.ok_or_else(|| refused("it covers fewer records".to_owned()))?;
        let chains = chains.into_iter().map(text).collect::<Result<Vec<_>, _>>()?;
        let (token, result) = (STANDARD.encode(stamp.token.whole()), text(stamp.result.whole())?);
        self.session.run(|client| {
            let row = client.query_one(
                "INSERT INTO logrecord (id, discriminator, time, archived, \"timestamp\", hashchainresult)
                 VALUES (nextval('logrecord_sequence'), 't', $1, false, $2, $3) RETURNING id",
                &[&time.as_millisecond(), &token, &result],
            )?;
            let covered = client.execute(
                "UPDATE logrecord SET timestamprecord = $1, timestamphashchain = made.chain, signaturehash = NULL
                 FROM unnest($2::bigint[], $3::text[]) AS made (id, chain)
                 WHERE logrecord.id = made.id AND discriminator = 'm' AND timestamprecord IS NULL",
                &[&row.try_get::<_, i64>(0)?, &ids, &chains],
            )?;
            if usize::try_from(covered) == Ok(ids.len()) {
                return Ok(());
            }
            Err(StoreFault::Other(format!("{covered} of {} records took the time-stamp", ids.len())))
        })
    }

    fn keep(&mut self, keeping: &Keeping, time: Timestamp) -> Result<u64, StoreFault> {
        self.session.run(|client| match keeping {
            Keeping::Archive(new) => {
                archive::note(client, new, &numbers(&new.records), time.as_millisecond()).map(|()| 0)
            }
            Keeping::Taken(archive) => {
                archive::note_taken(client, *archive, time.as_millisecond()).map(|()| 0)
            }
            Keeping::Delete { before, records } => {
                archive::delete(client, before.as_millisecond(), &numbers(records))
            }
        })
    }

    fn commit(&mut self) -> Result<(), StoreFault> {
        // A COMMIT of a transaction that has failed takes it back, and calls that a success: the question before it does not.
        self.batch("SELECT 1; COMMIT")
    }

    fn rollback(&mut self) {
        // When even this fails, the server takes the group back with the connection, which is not used again.
        let _undone = self.batch("ROLLBACK");
    }

    fn close(&mut self) -> Result<(), StoreFault> {
        // So that the next one need not wait until the server has noticed that the connection has ended.
        self.batch("SELECT pg_advisory_unlock_all()")
    }
}
