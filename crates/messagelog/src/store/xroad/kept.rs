//! How a row says what protects it. X-Road's own are named by their key in `keyid`; ours stand there behind a mark that no key of X-Road's has as
//! its name, so that its reader looks for such a key in vain instead of showing what it cannot read.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use postgres::Client;
use trust::algorithm::DigestAlgorithm;

use crate::error::{ReadFailure, StoreFault};
use crate::record::{Direction, RecordId};
use crate::seal::{self, Kept, KeyName, OWN_MARK, Sealer};
use crate::store::values::{signed, unsigned};
use crate::store::{KeptBody, SealedBody};

/// Characters of Base64 that hold the form and the name of the key: nine octets of the twenty-five.
const NAME_CHARS: usize = 12;

/// What `keyid` holds of a record that is sealed in our form.
pub(super) fn own_mark(seal: &Sealer) -> String {
    format!("{OWN_MARK}{}", STANDARD.encode(seal.column()))
}

/// What `keyid` says. A record that is encrypted and names no key was changed: it is one whose seal opens nothing.
pub(super) fn kept(keyid: Option<&str>, encrypted: bool) -> Kept {
    match keyid.map(|keyid| (keyid, keyid.strip_prefix(OWN_MARK))) {
        None if encrypted => Kept::Sealed(Vec::new()),
        None => Kept::Open,
        Some((_, Some(seal))) => Kept::Sealed(STANDARD.decode(seal).unwrap_or_default()),
        Some((name, None)) => Kept::Xroad(name.to_owned()),
    }
}

/// The length that a body had, by that of its large object.
pub(super) fn body_bytes(keyid: Option<&str>, stored: u64) -> u64 {
    match kept(keyid, false) {
        Kept::Sealed(_) => seal::plain_bytes(stored),
        Kept::Open | Kept::Xroad(_) => stored,
    }
}

/// How an attachment is kept; one that is not there is open.
pub(super) fn of_body(client: &mut Client, id: RecordId, number: u32) -> Result<KeptBody, ReadFailure> {
    let row = client.query_opt(
        "SELECT r.keyid, r.ciphermessage IS NOT NULL,
           (SELECT lo_lseek64(lo_open(l.oid, 262144), 0, 2) FROM pg_catalog.pg_largeobject_metadata l WHERE l.oid = a.attachment),
           coalesce(r.signature, ''), coalesce(r.queryid, ''), coalesce(r.xrequestid, ''), coalesce(r.response, false)
         FROM message_attachment a JOIN logrecord r ON r.id = a.logrecord_id
         WHERE a.logrecord_id = $1 AND a.attachment_no = $2",
        &[&signed(id.0), &i32::try_from(number).unwrap_or(i32::MAX)],
    )?;
    let Some(row) = row else { return Ok(KeptBody::Open) };
    let text = |column: usize| row.try_get::<_, String>(column);
    match kept(row.try_get(0)?, row.try_get(1)?) {
        Kept::Open => Ok(KeptBody::Open),
        Kept::Xroad(name) => Ok(KeptBody::Xroad(name)),
        Kept::Sealed(seal) => {
            let digest = DigestAlgorithm::Sha512.digest(text(3)?.as_bytes());
            let direction = if row.try_get(6)? { Direction::Response } else { Direction::Request };
            let binding = seal::binding(&digest, &text(4)?, &text(5)?, direction);
            let stored = row.try_get::<_, Option<i64>>(2)?.map_or(0, unsigned);
            Ok(KeptBody::Sealed(SealedBody { seal, binding, bytes: seal::plain_bytes(stored) }))
        }
    }
}

/// The keys under which records lie that are in no archive yet, and how many each.
pub(super) fn keys_needed(client: &mut Client) -> Result<Vec<(KeyName, u64)>, StoreFault> {
    let name_chars = i32::try_from(OWN_MARK.len().saturating_add(NAME_CHARS)).unwrap_or(i32::MAX);
    let rows = client.query(
        "SELECT CASE WHEN starts_with(keyid, $1) THEN left(keyid, $2) ELSE keyid END, count(*) FROM logrecord
         WHERE discriminator = 'm' AND archived = false AND keyid IS NOT NULL GROUP BY 1 ORDER BY 1",
        &[&OWN_MARK, &name_chars],
    )?;
    let mut needed = Vec::with_capacity(rows.len());
    for row in &rows {
        let count = unsigned(row.try_get(1)?);
        match kept(row.try_get(0)?, true) {
            Kept::Open => {}
            Kept::Sealed(seal) => needed.extend(seal::key_name(&seal).map(|key| (key, count))),
            Kept::Xroad(name) => needed.push((KeyName::Xroad(name), count)),
        }
    }
    Ok(needed)
}
