//! Certificates of every shape, read by openssl's side.

use trust::{Certificate, KeyKind};

use crate::mint::{Wish, now};
use crate::openssl;

#[test]
fn agrees_with_openssl_about_certificates_that_openssl_made() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    for key in ["rsa:2048", "ec -pkeyopt ec_paramgen_curve:P-256", "ec -pkeyopt ec_paramgen_curve:P-521"] {
        openssl::must(
            folder,
            &format!(
                "req -x509 -newkey {key} -nodes -keyout k.pem -out c.pem -days 2 -subj /DC=org/C=EE/ST=Harju/L=Tallinn/street=Road/O=A,B/OU=x+UID=y/serialNumber=12/CN=#z/emailAddress=a@b -multivalue-rdn"
            ),
        );
        let certificate =
            Certificate::from_der_or_pem(&std::fs::read(folder.join("c.pem")).unwrap()).unwrap();
        certificate.verify_signed_by(&certificate).unwrap();
        assert_ne!(certificate.public_key().kind(), KeyKind::Other);
        assert!(certificate.is_ca());
        let text = openssl::must(
            folder,
            "x509 -in c.pem -noout -subject -nameopt RFC2253,-esc_msb,utf8,dump_unknown,dump_der,oid",
        );
        let text = String::from_utf8_lossy(&text).into_owned();
        assert!(text.contains("0.9.2342.19200300.100.1.25=org"), "{text}");
        assert_eq!(
            certificate.subject_rfc2253(),
            "1.2.840.113549.1.9.1=#1603614062,CN=\\#z,2.5.4.5=#13023132,OU=x+UID=y,O=A\\,B,STREET=Road,L=Tallinn,ST=Harju,C=EE,DC=org"
        );
        let serial = openssl::must(folder, "x509 -in c.pem -noout -serial");
        let serial = String::from_utf8_lossy(&serial).trim().replace("serial=", "").to_lowercase();
        assert!(hex::encode(certificate.serial_bytes()).ends_with(&serial));
        let print = openssl::must(folder, "x509 -in c.pem -noout -fingerprint -sha256");
        let print = String::from_utf8_lossy(&print).trim().replace(':', "").to_lowercase();
        assert!(print.ends_with(&hex::encode(certificate.sha256())));
    }
}

#[test]
fn openssl_accepts_the_practice_chain_that_we_accept() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    let root = Wish::ca("Root").mint(None);
    let between = Wish::ca("Between").mint(Some(&root));
    let leaf = Wish::signer("1").mint(Some(&between));
    for (name, identity) in [("root", &root), ("between", &between), ("leaf", &leaf)] {
        std::fs::write(folder.join(format!("{name}.der")), identity.certificate.der()).unwrap();
        openssl::must(folder, &format!("x509 -inform DER -in {name}.der -out {name}.pem"));
    }
    let at = now().as_second();
    openssl::must(folder, &format!("verify -attime {at} -CAfile root.pem -untrusted between.pem leaf.pem"));
    assert!(
        !openssl::run(folder, &format!("verify -attime {at} -CAfile root.pem leaf.pem")).status.success()
    );
}

#[test]
fn reads_certificates_that_strict_readers_refuse() {
    // Made by hand around a real certificate: a negative serial number, and a length written too long.
    let leaf = Wish { serial: 0x7f, ..Wish::signer("1") }.mint(None);
    let der = leaf.certificate.der();
    let place = der.windows(3).position(|three| three == [0x02, 0x01, 0x7f]).unwrap();
    let mut negative = der.to_vec();
    negative[place + 2] = 0x85;
    let negative = Certificate::from_der(&negative).unwrap();
    assert_eq!(negative.serial_decimal(), "-123");
    assert!(negative.verify_signed_by(&negative).is_err());
}

#[test]
fn a_short_rsa_key_is_refused_by_its_length_and_counts_only_for_what_is_old() {
    use trust::{DigestAlgorithm, EcdsaForm, SignatureAlgorithm, SignatureMismatch};
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    let algorithm = SignatureAlgorithm::RsaPkcs1(DigestAlgorithm::Sha256);
    let short = Err(SignatureMismatch::WrongKey { algorithm });
    for (bits, expected) in [(1024, short), (2047, short), (2048, Ok(())), (3072, Ok(()))] {
        openssl::must(
            folder,
            &format!("req -x509 -newkey rsa:{bits} -nodes -keyout k.key -out c.pem -days 2 -subj /CN=k"),
        );
        let read = std::fs::read(folder.join("c.pem")).unwrap();
        let certificate = Certificate::from_der_or_pem(&read).unwrap();
        let value = openssl::sign(folder, "k", b"message");
        let key = certificate.public_key();
        assert_eq!(algorithm.verify(key, b"message", &value, EcdsaForm::Der), expected, "{bits}");
        assert_eq!(algorithm.verify_legacy(key, b"message", &value, EcdsaForm::Der), Ok(()), "{bits}");
    }
}
