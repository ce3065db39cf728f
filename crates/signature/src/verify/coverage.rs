//! What a signature covers: every received part, directly or through a hash chain, and its own signed properties.

use std::collections::BTreeSet;

use crate::SignedParts;
use crate::hashchain::{self, Absent, Input, SIGNATURE_CHAIN, SIGNATURE_RESULT};
use crate::reading;
use crate::structure::{Reference, Signature};
use crate::xades::MESSAGE;

use super::{ReceivedPart, Refusal, Setting};

/// How the parts are covered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Each by a reference of its own.
    Direct,
    /// Through a hash chain whose result is referenced.
    HashChain,
}

/// One part that is covered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoveredPart {
    /// Its name.
    pub name: String,
    /// Whether it was here, so that its octets were compared; otherwise only its digest is covered.
    pub held: bool,
}

/// The references, sorted by what has to be compared.
#[derive(Debug)]
pub(super) struct Coverage<'s> {
    pub(super) kind: Kind,
    pub(super) parts: Vec<CoveredPart>,
    pub(super) properties: &'s Reference,
    /// References to octets: the reference, and the received part or the chain's result.
    pub(super) octets: Vec<(&'s Reference, Octets<'s>)>,
}

#[derive(Debug)]
pub(super) enum Octets<'s> {
    Part(&'s ReceivedPart<'s>),
    Result(&'s [u8]),
}

pub(super) fn check<'s>(
    signature: &'s Signature<'_, '_>,
    signed: &'s SignedParts,
    parts: &'s [ReceivedPart<'s>],
    setting: Setting,
) -> Result<Coverage<'s>, Refusal> {
    let (properties, others) = split(signature)?;
    each_once(parts)?;
    let through_chain = others.iter().any(|reference| reference.uri == SIGNATURE_RESULT);
    if !through_chain && !others.iter().any(|reference| reference.uri == MESSAGE) {
        return Err(Refusal::NothingCovered);
    }
    if through_chain {
        let [reference] = others.as_slice() else { return Err(Refusal::CoveredTwice) };
        let (result, parts) = chain(signed, parts, setting)?;
        let octets = vec![(*reference, Octets::Result(result))];
        Ok(Coverage { kind: Kind::HashChain, parts, properties, octets })
    } else {
        if signed.hash_chain.is_some() || signed.hash_chain_result.is_some() {
            return Err(Refusal::ChainNotReferenced);
        }
        let (octets, parts) = direct(&others, parts, setting)?;
        Ok(Coverage { kind: Kind::Direct, parts, properties, octets })
    }
}

/// That these parts lead to the result of the chain, whose signature over that result is known to hold.
pub(super) fn follow(signed: &SignedParts, parts: &[ReceivedPart<'_>]) -> Result<(), Refusal> {
    each_once(parts)?;
    chain(signed, parts, Setting::Online).map(|_| ())
}

fn each_once(parts: &[ReceivedPart<'_>]) -> Result<(), Refusal> {
    let mut names = BTreeSet::new();
    match parts.iter().find(|part| !names.insert(part.name)) {
        Some(part) => Err(Refusal::PartTwice { name: part.name.to_owned() }),
        None => Ok(()),
    }
}

/// The reference to the signed properties, and the rest.
fn split<'s>(signature: &'s Signature<'_, '_>) -> Result<(&'s Reference, Vec<&'s Reference>), Refusal> {
    let id = reading::attribute(signature.signed_properties, "Id").ok_or(Refusal::PropertiesNotCovered)?;
    let mut properties = None;
    let mut others = Vec::new();
    let mut uris = BTreeSet::new();
    for reference in &signature.signed_info.references {
        if !uris.insert(reference.uri.as_str()) {
            return Err(Refusal::ReferencedTwice { uri: reference.uri.clone() });
        }
        let to_properties = reference.uri.strip_prefix('#') == Some(id);
        match (to_properties, reference.marks_signed_properties) {
            (true, true) if reference.transforms.len() <= 1 => properties = Some(reference),
            (true, true) => return Err(Refusal::Transformed { uri: reference.uri.clone() }),
            (true, false) | (false, true) => return Err(Refusal::PropertiesNotCovered),
            (false, false) if reference.transforms.is_empty() => others.push(reference),
            (false, false) => return Err(Refusal::Transformed { uri: reference.uri.clone() }),
        }
    }
    Ok((properties.ok_or(Refusal::PropertiesNotCovered)?, others))
}

fn chain<'s>(
    signed: &'s SignedParts,
    parts: &[ReceivedPart<'_>],
    setting: Setting,
) -> Result<(&'s [u8], Vec<CoveredPart>), Refusal> {
    let (result, chain) = match (&signed.hash_chain_result, &signed.hash_chain) {
        (Some(result), Some(chain)) => (result, chain),
        (Some(_), None) => return Err(Refusal::ChainMissing),
        (None, Some(_)) => return Err(Refusal::ResultMissing),
        (None, None) => return Err(Refusal::UnknownReference { uri: SIGNATURE_RESULT.to_owned() }),
    };
    let inputs: Vec<Input<'_>> = parts
        .iter()
        .map(|part| Input {
            name: part.name,
            // In a container the octets are here: then the verdict names the part that differs (data-plane 7.8).
            digest: (setting == Setting::Online || part.bytes.is_none())
                .then_some((part.algorithm, part.digest)),
            bytes: part.bytes,
        })
        .collect();
    let absent = match setting {
        Setting::Online => Absent::Refuse,
        Setting::Container => Absent::TakeDeclaredForAttachments,
    };
    let checked = hashchain::verify(result, chain, SIGNATURE_CHAIN, &inputs, absent)?;
    if let Some(part) = checked.parts.iter().find(|part| part.transformed) {
        return Err(Refusal::PartTransformed { name: part.name.clone() });
    }
    let parts = checked.parts.into_iter().map(|part| CoveredPart { name: part.name, held: part.held });
    Ok((result, parts.collect()))
}

type DirectReferences<'s> = (Vec<(&'s Reference, Octets<'s>)>, Vec<CoveredPart>);

fn direct<'s>(
    references: &[&'s Reference],
    parts: &'s [ReceivedPart<'s>],
    setting: Setting,
) -> Result<DirectReferences<'s>, Refusal> {
    let mut octets = Vec::new();
    let mut covered = Vec::new();
    for reference in references {
        let part = parts.iter().find(|part| part.name == reference.uri);
        match part {
            Some(part) => octets.push((*reference, Octets::Part(part))),
            None if setting == Setting::Container && is_attachment(&reference.uri) => {}
            None => return Err(Refusal::UnknownReference { uri: reference.uri.clone() }),
        }
        covered.push(CoveredPart { name: reference.uri.clone(), held: part.is_some() });
    }
    let uncovered = parts.iter().find(|part| !covered.iter().any(|covered| covered.name == part.name));
    match uncovered {
        Some(part) => Err(Refusal::PartNotCovered { name: part.name.to_owned() }),
        None => Ok((octets, covered)),
    }
}

/// `/attachment` and a number without leading noughts.
fn is_attachment(name: &str) -> bool {
    name.strip_prefix("/attachment").is_some_and(|number| {
        !number.starts_with('0')
            && number.bytes().all(|byte| byte.is_ascii_digit())
            && number.parse::<u32>().is_ok()
    })
}
