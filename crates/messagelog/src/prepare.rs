//! What will be stored of a message: body logging settings, size limits, the compact forms. Runs on the caller's thread.

use std::sync::Arc;

use identifier::ClientId;
use message::rest::RestMessage;
use trust::algorithm::DigestAlgorithm;

use crate::bodies::BodyRule;
use crate::error::Failure;
use crate::pack::recent::{PackedSignature, Recent};
use crate::pack::{self, Packed};
use crate::record::{Body, Direction, NewRecord};
use crate::seal::{self, NotSealed, Protection};
use crate::settings::Settings;

/// Characters of a message identifier (data-plane 7.1).
const QUERY_ID_CHARS_MAX: usize = 255;

/// A record ready for the writer.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    pub(crate) query_id: String,
    pub(crate) request_id: String,
    pub(crate) owner: ClientId,
    pub(crate) direction: Direction,
    pub(crate) message: Vec<u8>,
    pub(crate) body: LoggedBody,
    pub(crate) signature: Arc<PackedSignature>,
    pub(crate) hash_chain_result: Option<Packed>,
    pub(crate) hash_chain: Option<Packed>,
    /// How message and body are kept. A body is sealed on its way into the storage.
    pub(crate) protection: Protection,
}

/// How a log keeps documents.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Form<'r> {
    /// Cut into what repeats and what does not.
    Compact(&'r Recent),
    /// As they are, in columns of text.
    Text,
}

impl Form<'_> {
    fn of(self, document: Vec<u8>) -> Packed {
        match self {
            Self::Compact(_) => pack::pack(&document),
            Self::Text => Packed::Raw(document),
        }
    }

    fn signature(self, document: Vec<u8>) -> Arc<PackedSignature> {
        match self {
            Self::Compact(recent) => recent.pack(&document),
            Self::Text => {
                let digest = DigestAlgorithm::Sha512.digest(&document);
                Arc::new(PackedSignature { packed: Packed::Raw(document), digest })
            }
        }
    }
}

/// What is stored of a body.
#[derive(Clone, Debug)]
pub(crate) struct LoggedBody {
    /// Where it comes from; `Body::None` when nothing is stored.
    pub(crate) source: Body,
    /// How much of it is stored.
    pub(crate) bytes: u64,
}

impl LoggedBody {
    const NOTHING: Self = Self { source: Body::None, bytes: 0 };
}

impl Prepared {
    /// Applies the settings; the verdicts are those of data-plane 7.2.
    pub(crate) fn new(record: NewRecord, settings: &Settings, form: Form<'_>) -> Result<Self, Failure> {
        let chars = [&record.query_id, &record.request_id].map(|id| id.chars().count()).into_iter().max();
        if let Some(chars) = chars.filter(|chars| *chars > QUERY_ID_CHARS_MAX) {
            return Err(Failure::IdentifierTooLong { chars, chars_max: QUERY_ID_CHARS_MAX });
        }
        let rule = settings.bodies.rule(record.side, &record.service);
        let (message, body) = if rule.logged {
            (record.message, logged_body(record.body, rule)?)
        } else {
            (reduced(&record.message)?, LoggedBody::NOTHING)
        };
        let signed = record.signed;
        if matches!(form, Form::Text) {
            let ids = [("message identifier", &record.query_id), ("request identifier", &record.request_id)];
            ids.into_iter().try_for_each(|(what, id)| require_text(what, id.as_bytes()))?;
            require_text("message", &message)?;
            require_text("signature", &signed.signatures_xml)?;
            require_text("hash chain", signed.hash_chain.as_deref().unwrap_or_default())?;
            require_text("hash chain's result", signed.hash_chain_result.as_deref().unwrap_or_default())?;
        }
        let signature = form.signature(signed.signatures_xml);
        let binding =
            seal::binding(&signature.digest, &record.query_id, &record.request_id, record.direction);
        let protection = Protection::new(&settings.keys, &binding).map_err(|NotSealed| Failure::NotSealed)?;
        let message = match &protection {
            Protection::Sealed(seal) => seal.message(&message).map_err(|NotSealed| Failure::NotSealed)?,
            Protection::Open | Protection::Xroad(_) => message,
        };
        Ok(Self {
            query_id: record.query_id,
            request_id: record.request_id,
            owner: record.owner,
            direction: record.direction,
            message,
            body,
            signature,
            protection,
            hash_chain_result: signed.hash_chain_result.map(|document| form.of(document)),
            hash_chain: signed.hash_chain.map(|document| form.of(document)),
        })
    }
}

/// A column of text takes no others.
fn require_text(what: &'static str, octets: &[u8]) -> Result<(), Failure> {
    if octets.contains(&0) || std::str::from_utf8(octets).is_err() {
        return Err(Failure::NotText(what));
    }
    Ok(())
}

/// The form of a REST message that is logged without its body (data-plane 2.5).
fn reduced(message: &[u8]) -> Result<Vec<u8>, Failure> {
    let parsed = RestMessage::parse(message).map_err(|refusal| Failure::NotReducible(refusal.to_string()))?;
    Ok(parsed.filtered())
}

/// An empty body is not stored, a too large one is refused or cut (data-plane 7.1, 7.2).
fn logged_body(body: Body, rule: BodyRule) -> Result<LoggedBody, Failure> {
    let (bytes, bytes_max) = (body.byte_count(), rule.bytes_max);
    if bytes == 0 || !rule.stores() {
        return Ok(LoggedBody::NOTHING);
    }
    if bytes > bytes_max && !rule.truncate {
        return Err(Failure::TooLarge { bytes, bytes_max });
    }
    Ok(LoggedBody { source: body, bytes: bytes.min(bytes_max) })
}
