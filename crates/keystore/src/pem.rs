//! PEM: the armour around keys, certificates and requests.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// Longest PEM text that is looked at.
pub(crate) const PEM_BYTES_MAX: usize = 1024 * 1024;

/// One armoured block.
pub(crate) struct Block {
    /// The words between `BEGIN` and the dashes.
    pub(crate) label: String,
    /// Whether the block had header lines (`Proc-Type: 4,ENCRYPTED` of the old OpenSSL encryption).
    pub(crate) headers: bool,
    /// What was inside.
    pub(crate) bytes: Zeroizing<Vec<u8>>,
}

/// Whether `bytes` look like PEM rather than DER.
pub(crate) fn is_pem(bytes: &[u8]) -> bool {
    bytes.windows(11).take(4096).any(|window| window == b"-----BEGIN ")
}

/// All blocks of a PEM text; text around them is ignored, as OpenSSL does. `Err` says which block does not read.
pub(crate) fn blocks(bytes: &[u8]) -> Result<Vec<Block>, String> {
    if bytes.len() > PEM_BYTES_MAX {
        return Err(format!("it is longer than {PEM_BYTES_MAX} bytes"));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not text".to_owned())?;
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(label) = line.trim_end().strip_prefix("-----BEGIN ").and_then(|l| l.strip_suffix("-----"))
        else {
            continue;
        };
        found.push(block(label, &mut lines)?);
    }
    Ok(found)
}

fn block<'a>(label: &str, lines: &mut impl Iterator<Item = &'a str>) -> Result<Block, String> {
    let end = format!("-----END {label}-----");
    // Room for all of it at once: a string that grows leaves copies of a secret behind.
    let mut body = Zeroizing::new(String::with_capacity(PEM_BYTES_MAX.min(64 * 1024)));
    let mut headers = false;
    for line in lines {
        let line = line.trim();
        if line == end {
            let mut bytes = Zeroizing::new(vec![0_u8; body.len()]);
            let length = STANDARD
                .decode_slice(body.as_bytes(), &mut bytes)
                .map_err(|_| format!("the block {label:?} is not base64"))?;
            bytes.truncate(length);
            return Ok(Block { label: label.to_owned(), headers, bytes });
        }
        if line.contains(':') {
            headers = true;
        } else {
            body.push_str(line);
        }
    }
    Err(format!("the block {label:?} does not end"))
}

/// Armours `der` in lines of 64 characters.
pub(crate) fn armour(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at_checked(64).unwrap_or((rest, ""));
        pem.push_str(line);
        pem.push('\n');
        rest = after;
    }
    pem.push_str(&format!("-----END {label}-----\n"));
    pem
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn armour_reads_back_and_broken_armour_is_refused() {
        for length in [0_usize, 1, 47, 48, 49, 1000] {
            let der = vec![0xa5_u8; length];
            let pem = armour("THING", &der);
            let read = blocks(format!("chatter\n{pem}more chatter\n").as_bytes()).unwrap();
            assert_eq!(read.len(), 1);
            assert_eq!((read[0].label.as_str(), read[0].bytes.as_slice()), ("THING", der.as_slice()));
        }
        assert!(blocks(b"-----BEGIN A-----\nAAAA\n").is_err());
        assert!(blocks(b"-----BEGIN A-----\nA*AA\n-----END A-----\n").is_err());
        assert!(blocks(b"-----BEGIN A-----\nAAAA\n-----END B-----\n").is_err());
        assert!(blocks(b"\xff").is_err());
    }
}
