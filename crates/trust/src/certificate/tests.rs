//! Tests of the module beside it.
use super::*;

fn refusal(bytes: &[u8]) -> UnreadableCertificate {
    Certificate::from_der_or_pem(bytes).unwrap_err()
}

#[test]
fn refuses_what_is_no_certificate() {
    assert_eq!(refusal(b""), UnreadableCertificate::Structure(Malformed::Truncated));
    assert_eq!(
        refusal(b"hello"),
        UnreadableCertificate::Structure(Malformed::Tag { expected: asn1::SEQUENCE, found: b'h' })
    );
    assert_eq!(
        refusal(&[0x30, 0x84, 0x7f, 0xff, 0xff, 0xff]),
        UnreadableCertificate::Structure(Malformed::Truncated)
    );
    assert_eq!(refusal(b"-----BEGIN CERTIFICATE-----\nAAAA"), UnreadableCertificate::Pem);
    assert_eq!(
        refusal(b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----"),
        UnreadableCertificate::Pem
    );
}

#[test]
fn refuses_more_than_64_kibibytes_unread() {
    let bytes = vec![0x30; CERTIFICATE_BYTES_MAX + 1];
    assert_eq!(
        refusal(&bytes),
        UnreadableCertificate::TooLarge { bytes: bytes.len(), bytes_max: CERTIFICATE_BYTES_MAX }
    );
}
