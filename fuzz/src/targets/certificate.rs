//! Certificates: kept octet by octet, and read as OpenSSL reads them.

use crate::{recordings, vectors};
use openssl::asn1::Asn1Time;
use openssl::x509::X509;
use std::cmp::Ordering;
use trust::Certificate;

pub(crate) fn run(octets: &[u8]) {
    let _ = Certificate::all_from_pem(octets);
    let _ = Certificate::from_der_or_pem(octets);
    let Ok(read) = Certificate::from_der(octets) else { return };
    assert_eq!(read.der(), octets);
    assert_eq!(Certificate::from_der_or_pem(octets).as_ref(), Ok(&read));
    let _ = (read.subject_rfc2253(), read.issuer_rfc2253(), read.common_name(), read.verify_signed_by(&read));
    let _ = (read.is_ca(), read.key_usage(), read.ocsp_urls(), read.subject_alternative_names());
    as_openssl(&read);
}

fn as_openssl(read: &Certificate) {
    // It refuses some oddities that nothing depends on; what matters is that nobody reads another certificate.
    let Ok(other) = X509::from_der(read.der()) else { return };
    assert_eq!(other.to_der().unwrap(), read.der(), "nothing stands behind the certificate");
    let serial = other.serial_number().to_bn().unwrap().to_dec_str().unwrap().to_string();
    assert_eq!(serial, read.serial_decimal());
    assert_eq!(other.subject_name().to_der().unwrap(), read.subject_der());
    assert_eq!(other.issuer_name().to_der().unwrap(), read.issuer_der());
    for (theirs, ours) in [(other.not_before(), read.not_before()), (other.not_after(), read.not_after())] {
        let ours = Asn1Time::from_unix(ours.as_second()).unwrap();
        assert_eq!(theirs.compare(&ours).unwrap(), Ordering::Equal, "{theirs}");
    }
    if read.verify_signed_by(read).is_ok() {
        let key = other.public_key().expect("a key with which we verify");
        assert!(other.verify(&key).unwrap_or(false), "OpenSSL does not believe the self-signature");
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let mut found: Vec<_> = vectors::certificates().iter().map(|held| held.der().to_vec()).collect();
    found.extend(vectors::files("shared/certs", &[".pem"]));
    for authorities in vectors::main_authorities() {
        found.extend(authorities.all_ca_certificates().iter().map(|held| held.der().to_vec()));
        found.extend(authorities.time_stampers.iter().map(|held| held.der().to_vec()));
    }
    for message in recordings::messages().iter().take(4) {
        for der in &message.parts.ocsp {
            let Ok(response) = trust::OcspResponse::parse(der) else { continue };
            found.extend(response.certificates().iter().map(|held| held.der().to_vec()));
        }
    }
    found.push(crate::mint::Key::new().certificate);
    found
}
