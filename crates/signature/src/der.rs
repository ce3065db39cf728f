//! As much DER as is needed to find the certificates in a time-stamp token.

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
        let length = octets.iter().try_fold(0_usize, |length, octet| {
            length.checked_mul(256)?.checked_add(usize::from(*octet))
        })?;
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

/// The certificates in the `SignedData` of a token, as they are encoded. `None` when it is not DER of that shape.
pub(crate) fn token_certificates(token: &[u8]) -> Option<Vec<&[u8]>> {
    let (info, rest) = element(token)?;
    if info.tag != 0x30 || !rest.is_empty() {
        return None;
    }
    let info = elements(info.content)?;
    let [_, wrapped] = info.as_slice() else { return None };
    let (signed, rest) = element(wrapped.content)?;
    if wrapped.tag != 0xa0 || signed.tag != 0x30 || !rest.is_empty() {
        return None;
    }
    let fields = elements(signed.content)?;
    match fields.iter().find(|field| field.tag == 0xa0) {
        None => Some(Vec::new()),
        Some(set) => Some(elements(set.content)?.into_iter().map(|certificate| certificate.whole).collect()),
    }
}
