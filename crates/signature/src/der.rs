//! As much DER as is needed to find the certificates in time-stamp tokens and OCSP responses.

/// One element: its tag, its content, and its whole encoding.
struct Element<'a> {
    tag: u8,
    content: &'a [u8],
    whole: &'a [u8],
}

/// Splits off the first element; lengths must be definite and in their shortest form.
fn element(input: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let (&tag, rest) = input.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let count = usize::from(first & 0x7f);
        if count == 0 || count > 4 {
            return None;
        }
        let (octets, rest) = rest.split_at_checked(count)?;
        let length = octets
            .iter()
            .try_fold(0_usize, |length, octet| length.checked_mul(256)?.checked_add(usize::from(*octet)))?;
        if octets.first() == Some(&0) || length < 0x80 {
            return None;
        }
        (length, rest)
    };
    let (content, after) = rest.split_at_checked(length)?;
    let whole = input.get(..input.len().checked_sub(after.len())?)?;
    Some((Element { tag, content, whole }, after))
}

/// The elements of a constructed value.
fn elements(mut input: &[u8]) -> Option<Vec<Element<'_>>> {
    let mut found = Vec::new();
    while !input.is_empty() {
        let (next, rest) = element(input)?;
        found.push(next);
        input = rest;
    }
    Some(found)
}

/// The content of the only element, which must have this tag.
fn only(input: &[u8], tag: u8) -> Option<&[u8]> {
    let (only, rest) = element(input)?;
    (only.tag == tag && rest.is_empty()).then_some(only.content)
}

/// What is needed of a token's frame: everything around the signed attributes, which alone are signed.
pub(crate) struct TokenFrame<'a> {
    /// The certificates, as they are encoded.
    pub(crate) certificates: Vec<&'a [u8]>,
    /// The DER of the signer's issuer and the content of its serial number, when the signer is named so.
    pub(crate) issuer_and_serial: Option<(&'a [u8], &'a [u8])>,
    /// The signer's key identifier, when the signer is named so.
    pub(crate) key_identifier: Option<&'a [u8]>,
}

/// Reads the frame of a token with one signer. `None` when it is not DER of that shape, or has anything in it that is
/// free to be changed: other versions than the standard's, algorithms that do not fit, unsigned attributes, lists of
/// revoked certificates.
pub(crate) fn token_frame(token: &[u8]) -> Option<TokenFrame<'_>> {
    let info = elements(only(token, 0x30)?)?;
    let [_, wrapped] = info.as_slice() else { return None };
    let fields = elements(only(wrapped.whole, 0xa0).and_then(|wrapped| only(wrapped, 0x30))?)?;
    let (version, digests, certificates, signers) = match fields.as_slice() {
        [version, digests, _, signers] => (version, digests, None, signers),
        [version, digests, _, certificates, signers] => (version, digests, Some(certificates), signers),
        _ => return None,
    };
    let certificates = match certificates {
        None => Vec::new(),
        Some(set) if set.tag == 0xa0 => elements(set.content)?,
        Some(_) => return None,
    };
    let signer = elements(only(signers.whole, 0x31).and_then(|signers| only(signers, 0x30))?)?;
    let [signer_version, id, digest, attributes, algorithm, _] = signer.as_slice() else { return None };
    let plain = version.whole == [2, 1, 3]
        && attributes.tag == 0xa0
        && same_algorithm(only(digests.whole, 0x31)?, digest.whole)?
        && has_plain_parameters(algorithm.whole)?;
    let by_serial = id.tag == 0x30;
    if !plain || signer_version.whole != [2, 1, if by_serial { 1 } else { 3 }] {
        return None;
    }
    let mut frame = TokenFrame {
        certificates: certificates.into_iter().map(|certificate| certificate.whole).collect(),
        issuer_and_serial: None,
        key_identifier: None,
    };
    if by_serial {
        let id = elements(id.content)?;
        let [issuer, serial] = id.as_slice() else { return None };
        frame.issuer_and_serial = Some((issuer.whole, serial.content));
    } else {
        frame.key_identifier = Some(id.content);
    }
    Some(frame)
}

/// Whether two algorithm identifiers have the same object identifier, and no parameters but an optional NULL.
fn same_algorithm(first: &[u8], second: &[u8]) -> Option<bool> {
    let (first, second) = (elements(only(first, 0x30)?)?, elements(only(second, 0x30)?)?);
    let plain =
        |fields: &[Element<'_>]| fields.get(1).is_none_or(|null| null.whole == [5, 0]) && fields.len() <= 2;
    Some(plain(&first) && plain(&second) && first.first()?.whole == second.first()?.whole)
}

/// Whether an algorithm identifier has no parameters, NULL, or a sequence, which whoever verifies has to read.
fn has_plain_parameters(identifier: &[u8]) -> Option<bool> {
    let fields = elements(only(identifier, 0x30)?)?;
    Some(match fields.as_slice() {
        [_] => true,
        [_, parameters] => parameters.whole == [5, 0] || parameters.tag == 0x30,
        _ => false,
    })
}

/// The certificates in an OCSP response, as they are encoded. `None` when it is not DER of that shape.
pub(crate) fn ocsp_certificates(response: &[u8]) -> Option<Vec<&[u8]>> {
    let response = elements(only(response, 0x30)?)?;
    let [_, wrapped] = response.as_slice() else { return None };
    let typed = elements(only(wrapped.whole, 0xa0).and_then(|wrapped| only(wrapped, 0x30))?)?;
    let [_, octets] = typed.as_slice() else { return None };
    let basic = elements(only(octets.whole, 0x04).and_then(|basic| only(basic, 0x30))?)?;
    match basic.get(3) {
        None => Some(Vec::new()),
        Some(wrapped) => {
            let certificates = only(wrapped.whole, 0xa0).and_then(|list| only(list, 0x30))?;
            Some(elements(certificates)?.into_iter().map(|certificate| certificate.whole).collect())
        }
    }
}
