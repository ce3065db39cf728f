//! The time-stamp of a container: over the signature's value, or over a hash chain of many signatures.

use jiff::Timestamp;
use trust::certificate::Certificate;
use trust::timestamp::verify_token;

use crate::container::AsicContainer;
use crate::hashchain::{self, Absent, Input, SIGNATURE_RESULT, TIME_STAMP_CHAIN};
use crate::reading;
use crate::structure::{self, Signature};
use crate::timestamp::{ALGORITHM, SIGNATURES, signature_hash};
use crate::verify;
use crate::xades::MESSAGE;

use super::Refusal;

/// Which kind of time-stamp it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StampKind {
    /// Inside `signatures.xml`, over the signature's value.
    Single,
    /// Over the result of a hash chain, one of whose leaves is this signature.
    Batch,
}

/// A verified time-stamp.
#[derive(Debug)]
pub(super) struct Stamp {
    pub(super) kind: StampKind,
    pub(super) time: Timestamp,
    pub(super) authority: Certificate,
    /// The tokens, each with the authority that signed it.
    pub(super) tokens: Vec<(Vec<u8>, Certificate)>,
}

/// Before anything else, the signature must be one over the message or over a hash chain (data-plane 7.8 step 2).
pub(super) fn check_references(container: &AsicContainer) -> Result<(), Refusal> {
    let text =
        reading::text_of(&container.signed.signatures_xml).map_err(structure::UnreadableSignature::from)?;
    let document = reading::parse(text).map_err(structure::UnreadableSignature::from)?;
    let signature = Signature::of(&document)?;
    let covers =
        |reference: &structure::Reference| reference.uri == MESSAGE || reference.uri == SIGNATURE_RESULT;
    if signature.signed_info.references.iter().any(covers) {
        Ok(())
    } else {
        Err(verify::Refusal::NothingCovered.into())
    }
}

pub(super) fn verify(container: &AsicContainer, authorities: &[Certificate]) -> Result<Stamp, Refusal> {
    let signatures_xml = &container.signed.signatures_xml;
    let Some(batch) = &container.stamp else { return single(signatures_xml, authorities) };
    let hash = signature_hash(signatures_xml);
    let input = Input { name: SIGNATURES, digest: Some((ALGORITHM, &hash)), bytes: Some(signatures_xml) };
    let checked = hashchain::verify(&batch.result, &batch.chain, TIME_STAMP_CHAIN, &[input], Absent::Refuse)
        .map_err(Refusal::TimeStampChain)?;
    if checked.parts.iter().any(|part| part.transformed) {
        return Err(Refusal::Uncovered { name: SIGNATURES.to_owned() });
    }
    let verified = verify_token(&batch.token, &batch.result, authorities)?;
    Ok(Stamp {
        kind: StampKind::Batch,
        time: verified.time(),
        authority: verified.tsa().clone(),
        tokens: vec![(batch.token.clone(), verified.tsa().clone())],
    })
}

/// The first token inside the signature is the log's own; every further one must hold as well.
fn single(signatures_xml: &[u8], authorities: &[Certificate]) -> Result<Stamp, Refusal> {
    let text = reading::text_of(signatures_xml).map_err(structure::UnreadableSignature::from)?;
    let document = reading::parse(text).map_err(structure::UnreadableSignature::from)?;
    let signature = Signature::of(&document)?;
    let mut first = None;
    let mut tokens = Vec::new();
    for token in &signature.unsigned.time_stamps {
        let verified = verify_token(token, &signature.value, authorities)?;
        tokens.push((token.clone(), verified.tsa().clone()));
        first.get_or_insert(verified);
    }
    let first = first.ok_or(Refusal::NoTimeStamp)?;
    Ok(Stamp { kind: StampKind::Single, time: first.time(), authority: first.tsa().clone(), tokens })
}
