//! PEM, read and written.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

pub(crate) fn write(label: &str, der: &[u8]) -> String {
    let encoded = STANDARD.encode(der);
    let mut out = format!("-----BEGIN {label}-----\n");
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, tail) = rest.split_at_checked(64).unwrap_or((rest, ""));
        out.push_str(line);
        out.push('\n');
        rest = tail;
    }
    out.push_str(&format!("-----END {label}-----\n"));
    out
}

/// The first block with one of these labels; `None` when there is none or it is not base64.
pub(crate) fn read(text: &[u8], labels: &[&str]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(text).ok()?;
    labels.iter().find_map(|label| {
        let (_, rest) = text.split_once(&format!("-----BEGIN {label}-----"))?;
        let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
        let base64: String = body.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        STANDARD.decode(base64).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_wrote_and_nothing_else() {
        for length in [0, 1, 47, 48, 49, 500] {
            let der = vec![0xa5; length];
            let pem = write("CERTIFICATE", &der);
            assert!(pem.lines().all(|line| line.len() <= 64));
            assert_eq!(read(pem.as_bytes(), &["X", "CERTIFICATE"]), Some(der));
        }
        assert_eq!(read(b"-----BEGIN X-----\n!!\n-----END X-----", &["X"]), None);
        assert_eq!(read(b"-----BEGIN X-----\nAAAA", &["X"]), None);
        assert_eq!(read(&[0xff], &["X"]), None);
    }
}
