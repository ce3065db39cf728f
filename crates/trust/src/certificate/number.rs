//! Serial numbers in decimal: too long for any integer type.

/// The decimal text of a big-endian two's complement number of at most some hundred bytes.
pub(crate) fn decimal(octets: &[u8]) -> String {
    let negative = octets.first().is_some_and(|first| first & 0x80 != 0);
    // Limbs of nine decimal digits, the lowest first.
    let mut limbs: Vec<u64> = vec![0];
    for octet in octets {
        let octet = if negative { !octet } else { *octet };
        add(&mut limbs, 256, u64::from(octet));
    }
    if negative {
        add(&mut limbs, 1, 1);
    }
    let mut text = String::new();
    for limb in limbs.iter().rev() {
        if text.is_empty() {
            if *limb != 0 {
                text = limb.to_string();
            }
        } else {
            text.push_str(&format!("{limb:09}"));
        }
    }
    match (text.is_empty(), negative) {
        (true, _) => "0".to_owned(),
        (false, true) => format!("-{text}"),
        (false, false) => text,
    }
}

/// `limbs * factor + summand`
fn add(limbs: &mut Vec<u64>, factor: u64, summand: u64) {
    const BASE: u64 = 1_000_000_000;
    let mut carry = summand;
    for limb in limbs.iter_mut() {
        let value = limb.saturating_mul(factor).saturating_add(carry);
        *limb = value % BASE;
        carry = value / BASE;
    }
    if carry > 0 {
        limbs.push(carry);
    }
}

#[cfg(test)]
mod tests {
    use super::decimal;

    #[test]
    fn writes_numbers_of_any_length_and_sign() {
        let check = |octets: &[u8], expected: &str| assert_eq!(decimal(octets), expected);
        check(&[0], "0");
        check(&[0x7f], "127");
        check(&[0x00, 0x80], "128");
        check(&[0x80], "-128");
        check(&[0xff], "-1");
        check(&[0xff, 0x00], "-256");
        check(&[0x3b, 0x9a, 0xca, 0x00], "1000000000");
        check(
            &[
                0x22, 0x05, 0x78, 0x8a, 0x13, 0x17, 0xbc, 0x8a, 0xfa, 0x8c, 0xa6, 0xba, 0x65, 0x4b, 0x7b,
                0xc6, 0x46, 0x2b, 0x50, 0xff,
            ],
            "194227690392660222110433028774589468461589287167",
        );
    }
}
