//! OCSP responses: kept octet by octet, and believed only when a responder said so.

use crate::{recordings, vectors};
use openssl::ocsp;
use std::collections::BTreeSet;
use std::sync::OnceLock;
use trust::ocsp::verify_response;
use trust::{Certificate, OcspResponse};

pub(crate) fn run(octets: &[u8]) {
    let known = known();
    let Ok(read) = OcspResponse::parse(octets) else { return };
    assert_eq!(read.der(), octets);
    let _ = (read.responder(), read.serial_decimal(), read.status(), read.next_update(), read.produced_at());
    let other = ocsp::OcspResponse::from_der(octets).expect("OpenSSL reads what we read");
    assert_eq!(other.status(), ocsp::OcspResponseStatus::SUCCESSFUL);
    if let Some(said) = believed(&read) {
        assert!(known.contains(&said), "no responder said {said}");
    }
}

fn believed(response: &OcspResponse) -> Option<String> {
    static CERTIFICATES: OnceLock<Vec<Certificate>> = OnceLock::new();
    let certificates = CERTIFICATES.get_or_init(vectors::certificates);
    vectors::main_authorities().find_map(|authorities| {
        certificates.iter().find_map(|certificate| {
            let issuer = authorities.issuer_of(certificate)?;
            let at = response.this_update();
            let status = verify_response(response, certificate, issuer, authorities, at).ok()?;
            let (serial, next) = (response.serial_decimal(), response.next_update());
            Some(format!("{serial} {status:?} from {at} until {next:?}"))
        })
    })
}

fn known() -> &'static BTreeSet<String> {
    static KNOWN: OnceLock<BTreeSet<String>> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let parsed = seeds().into_iter().filter_map(|der| OcspResponse::parse(&der).ok());
        vectors::something(parsed.filter_map(|response| believed(&response)).collect())
    })
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let mut found = vectors::files("hashchain-ts-ocsp/ocsp", &[".der"]);
    for message in recordings::messages() {
        found.extend(message.parts.ocsp.iter().cloned());
        found.extend(super::signature::revocation(&message.parts.signature));
    }
    found.sort();
    found.dedup();
    found.into_iter().step_by(3).collect()
}
