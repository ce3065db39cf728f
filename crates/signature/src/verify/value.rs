//! The digests of what is referenced, and the signature value itself (data-plane 5.3, 5.6 step 6).

use trust::algorithm::EcdsaForm;
use trust::certificate::Certificate;

use crate::canonical::{self, Method};
use crate::structure::{Reference, Signature};

use super::coverage::{Coverage, Octets};
use super::{ReceivedPart, Refusal};

pub(super) fn check(
    signature: &Signature<'_, '_>,
    coverage: &Coverage<'_>,
    signer: &Certificate,
) -> Result<(), Refusal> {
    for (reference, octets) in &coverage.octets {
        let digest = match octets {
            Octets::Part(part) => part_digest(part, reference)?,
            Octets::Result(result) => reference.digest_algorithm.digest(result),
        };
        compare(reference, &digest)?;
    }
    let method = coverage.properties.transforms.first().cloned().unwrap_or_else(Method::inclusive);
    // A reference by Id selects without comments, whatever the method says (and comments are refused anyway).
    let method = Method { comments: false, ..method };
    let properties = canonical::element(signature.signed_properties, &method)?;
    compare(coverage.properties, &coverage.properties.digest_algorithm.digest(&properties))?;
    let signed_info =
        canonical::element(signature.signed_info.node, &signature.signed_info.canonicalization)?;
    signature
        .signed_info
        .algorithm
        .verify(signer.public_key(), &signed_info, &signature.value, EcdsaForm::Raw)
        .map_err(Refusal::WrongValue)
}

fn part_digest(part: &ReceivedPart<'_>, reference: &Reference) -> Result<Vec<u8>, Refusal> {
    if part.algorithm == reference.digest_algorithm {
        return Ok(part.digest.to_vec());
    }
    match part.bytes {
        Some(bytes) => Ok(reference.digest_algorithm.digest(bytes)),
        None => Err(Refusal::DigestUnavailable { uri: reference.uri.clone() }),
    }
}

fn compare(reference: &Reference, digest: &[u8]) -> Result<(), Refusal> {
    if reference.digest == digest {
        Ok(())
    } else {
        Err(Refusal::DigestDiffers { uri: reference.uri.clone() })
    }
}
