//! Time-stamps: what is taken, what is refused, and what openssl says.

use trust::timestamp::{TOKEN_BYTES_MAX, read_response, request, verify_token};
use trust::{Certificate, DigestAlgorithm, Malformed, TimestampRefusal};

use crate::der::{integer, oid, sequence, tlv};
use crate::mint::{Identity, Stamp, Wish, now, rejection};
use crate::openssl;

const DATA: &[u8] = b"what was stamped";

fn authority(name: &str) -> Identity {
    Wish { purposes: vec!["1.3.6.1.5.5.7.3.8"], ..Wish::signer(name) }.mint(None)
}

fn check(stamp: &Stamp<'_>, tsa: &Identity) -> Result<(), TimestampRefusal> {
    verify_token(&stamp.token(tsa), DATA, std::slice::from_ref(&tsa.certificate)).map(|_| ())
}

#[test]
fn takes_a_token_of_a_listed_authority() {
    let tsa = authority("1");
    let token = Stamp::over(DATA, &tsa.certificate).token(&tsa);
    let listed = [authority("2").certificate, tsa.certificate.clone()];
    let stamp = verify_token(&token, DATA, &listed).unwrap();
    assert_eq!(stamp.time(), now());
    assert_eq!(stamp.tsa(), &tsa.certificate);
    assert_eq!(stamp.digest_algorithm(), DigestAlgorithm::Sha256);
    assert_eq!(stamp.imprint(), DigestAlgorithm::Sha256.digest(DATA));
    assert_eq!(stamp.serial_decimal(), "99");
    assert_eq!(stamp.nonce(), None);
}

#[test]
fn refuses_a_token_over_other_data() {
    let tsa = authority("1");
    let stamp = Stamp::over(b"other data", &tsa.certificate);
    assert_eq!(check(&stamp, &tsa), Err(TimestampRefusal::OtherImprint));
}

#[test]
fn refuses_an_authority_that_is_not_listed() {
    let tsa = authority("1");
    let token = Stamp::over(DATA, &tsa.certificate).token(&tsa);
    assert_eq!(verify_token(&token, DATA, &[]), Err(TimestampRefusal::UnknownAuthority));
    let other = authority("2").certificate;
    assert_eq!(
        verify_token(&token, DATA, std::slice::from_ref(&other)),
        Err(TimestampRefusal::UnknownAuthority)
    );
}

#[test]
fn refuses_an_impostor_of_a_listed_authority() {
    let tsa = authority("1");
    let impostor = authority("1");
    let listed = std::slice::from_ref(&tsa.certificate);
    // It names its own certificate …
    let token = Stamp::over(DATA, &impostor.certificate).token(&impostor);
    assert!(matches!(verify_token(&token, DATA, listed), Err(TimestampRefusal::OtherCertificate { .. })));
    // … or that of the listed one, and cannot sign for it.
    let token = Stamp::over(DATA, &tsa.certificate).token(&impostor);
    assert!(matches!(verify_token(&token, DATA, listed), Err(TimestampRefusal::WrongSignature { .. })));
}

#[test]
fn refuses_signed_attributes_that_do_not_fit() {
    let tsa = authority("1");
    let nameless = Stamp { named: None, ..Stamp::over(DATA, &tsa.certificate) };
    assert!(matches!(check(&nameless, &tsa), Err(TimestampRefusal::OtherCertificate { .. })));
    let other_digest = Stamp { message_digest: Some(vec![0; 32]), ..Stamp::over(DATA, &tsa.certificate) };
    assert_eq!(check(&other_digest, &tsa), Err(TimestampRefusal::OtherContent));
    let other_type = Stamp { content_type: "1.2.840.113549.1.7.1", ..Stamp::over(DATA, &tsa.certificate) };
    assert_eq!(check(&other_type, &tsa), Err(TimestampRefusal::OtherContent));
    let doubled = Stamp { twice: true, ..Stamp::over(DATA, &tsa.certificate) };
    let duplicate = TimestampRefusal::Structure(Malformed::Duplicate("a signed attribute"));
    assert_eq!(check(&doubled, &tsa), Err(duplicate));
}

#[test]
fn every_attribute_that_names_the_certificate_has_to_fit() {
    let tsa = authority("1");
    let other = authority("2").certificate;
    let both = |first, second| Stamp {
        named_by_sha1: Some(first),
        named: second,
        ..Stamp::over(DATA, &tsa.certificate)
    };
    assert_eq!(check(&both(&tsa.certificate, Some(&tsa.certificate)), &tsa), Ok(()));
    assert_eq!(check(&both(&tsa.certificate, None), &tsa), Ok(()), "the older attribute alone");
    for stamp in
        [both(&other, Some(&tsa.certificate)), both(&tsa.certificate, Some(&other)), both(&other, None)]
    {
        assert!(matches!(check(&stamp, &tsa), Err(TimestampRefusal::OtherCertificate { .. })));
    }
}

#[test]
fn refuses_a_critical_extension_and_a_digest_that_is_not_the_signatures() {
    let tsa = authority("1");
    let with = |flag: u8| {
        let extension = sequence(&[&oid("1.2.3"), &tlv(1, &[flag]), &tlv(4, &integer(1))]);
        Stamp { extensions: tlv(0xa1, &extension), ..Stamp::over(DATA, &tsa.certificate) }
    };
    assert_eq!(check(&with(0), &tsa), Ok(()));
    let critical = TimestampRefusal::Structure(Malformed::Unknown("critical extension of a time-stamp"));
    assert_eq!(check(&with(0xff), &tsa), Err(critical));
    let sha512 = "2.16.840.1.101.3.4.2.3";
    let mixed = Stamp { digest: sha512, ..Stamp::over(DATA, &tsa.certificate) };
    let pair = TimestampRefusal::Structure(Malformed::Value("pair of digest and signature algorithm"));
    assert_eq!(check(&mixed, &tsa), Err(pair));
}

#[test]
fn refuses_no_signer_or_several() {
    let tsa = authority("1");
    for signers in [0, 2] {
        let stamp = Stamp { signers, ..Stamp::over(DATA, &tsa.certificate) };
        assert!(matches!(check(&stamp, &tsa), Err(TimestampRefusal::Structure(_))), "{signers}");
    }
}

#[test]
fn any_changed_byte_of_a_token_is_noticed() {
    let tsa = authority("1");
    let token = Stamp::over(DATA, &tsa.certificate).token(&tsa);
    let mut accepted = Vec::new();
    for place in 0..token.len() {
        let mut changed = token.clone();
        changed[place] ^= 0x01;
        if verify_token(&changed, DATA, std::slice::from_ref(&tsa.certificate)).is_ok() {
            accepted.push(place);
        }
    }
    // Not signed and not looked at: the versions and the list of digests in the envelope.
    assert!(accepted.len() <= 16, "{accepted:?}");
    let cut = (0..token.len()).all(|length| verify_token(&token[..length], DATA, &[]).is_err());
    assert!(cut);
}

#[test]
fn takes_an_answer_and_stores_it_with_the_authority_first() {
    let tsa = authority("1");
    let listed = std::slice::from_ref(&tsa.certificate);
    let digest = DigestAlgorithm::Sha256.digest(DATA);
    let response = Stamp::over(DATA, &tsa.certificate).response(&tsa);
    let token = read_response(&response, DigestAlgorithm::Sha256, &digest, listed).unwrap();
    assert!(token.der().windows(tsa.certificate.der().len()).any(|window| window == tsa.certificate.der()));
    let again = verify_token(token.der(), DATA, listed).unwrap();
    assert_eq!(&again, token.verified());
}

#[test]
fn what_is_stored_can_be_read_again_although_a_certificate_was_added() {
    let tsa = authority("1");
    let listed = std::slice::from_ref(&tsa.certificate);
    let digest = DigestAlgorithm::Sha256.digest(DATA);
    let answer = |others: u8| {
        let along = (0..others).map(|n| sequence(&[&integer(n)])).collect();
        let response = Stamp { along, ..Stamp::over(DATA, &tsa.certificate) }.response(&tsa);
        read_response(&response, DigestAlgorithm::Sha256, &digest, listed)
    };
    let token = answer(31).unwrap();
    assert!(verify_token(token.der(), DATA, listed).is_ok());
    assert!(matches!(answer(32), Err(TimestampRefusal::Structure(_))));
}

#[test]
fn refuses_answers_that_are_none_to_the_request() {
    let tsa = authority("1");
    let listed = std::slice::from_ref(&tsa.certificate);
    let digest = DigestAlgorithm::Sha256.digest(DATA);
    let check = |response: &[u8], expected: TimestampRefusal| {
        let refusal = read_response(response, DigestAlgorithm::Sha256, &digest, listed).unwrap_err();
        assert_eq!(refusal, expected);
    };
    check(&Stamp::over(b"other", &tsa.certificate).response(&tsa), TimestampRefusal::OtherImprint);
    let with_nonce = Stamp { nonce: true, ..Stamp::over(DATA, &tsa.certificate) };
    check(&with_nonce.response(&tsa), TimestampRefusal::UnexpectedNonce);
    check(
        &rejection(2, "not\ntoday"),
        TimestampRefusal::NotGranted { status: 2, text: "nottoday".to_owned() },
    );
    check(&sequence(&[&sequence(&[&integer(0)])]), TimestampRefusal::NoToken);
    check(
        &vec![0x30; TOKEN_BYTES_MAX + 1],
        TimestampRefusal::TooLarge { bytes: TOKEN_BYTES_MAX + 1, bytes_max: TOKEN_BYTES_MAX },
    );
    check(b"<html>", TimestampRefusal::Structure(Malformed::Truncated));
    let other_algorithm = read_response(
        &Stamp::over(DATA, &tsa.certificate).response(&tsa),
        DigestAlgorithm::Sha512,
        &digest,
        listed,
    );
    assert_eq!(other_algorithm, Err(TimestampRefusal::OtherImprint));
}

const CONFIGURATION: &str = "\
[tsa]
default_tsa = one
[one]
serial = ./serial
crypto_device = builtin
signer_digest = sha256
default_policy = 1.2.3.4
digests = sha256, sha384, sha512
ess_cert_id_chain = no
ess_cert_id_alg = ALGORITHM
[stamping]
extendedKeyUsage = critical, timeStamping
keyUsage = critical, digitalSignature
";

#[test]
fn openssl_reads_our_request_and_we_read_its_answer() {
    for (ess, key) in
        [("sha1", "rsa:2048"), ("sha256", "rsa:3072"), ("sha512", "ec -pkeyopt ec_paramgen_curve:P-384")]
    {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path();
        std::fs::write(folder.join("ts.cnf"), CONFIGURATION.replace("ALGORITHM", ess)).unwrap();
        std::fs::write(folder.join("serial"), "01\n").unwrap();
        openssl::must(
            folder,
            &format!(
                "req -x509 -newkey {key} -nodes -keyout tsa.key -out tsa.pem -days 2 -subj /CN=TSA -config ts.cnf -extensions stamping"
            ),
        );
        let tsa = Certificate::from_der_or_pem(&std::fs::read(folder.join("tsa.pem")).unwrap()).unwrap();
        let digest = DigestAlgorithm::Sha512.digest(DATA);
        std::fs::write(folder.join("request.tsq"), request(DigestAlgorithm::Sha512, &digest)).unwrap();
        std::fs::write(folder.join("data"), DATA).unwrap();
        let text = openssl::must(folder, "ts -query -in request.tsq -text");
        let text = String::from_utf8_lossy(&text).into_owned();
        for line in ["Version: 1", "Hash Algorithm: sha512", "Policy OID: unspecified", "Nonce: unspecified"]
        {
            assert!(text.contains(line), "{text}");
        }
        assert!(text.contains("Certificate required: no"), "{text}");
        openssl::must(
            folder,
            "ts -reply -config ts.cnf -queryfile request.tsq -inkey tsa.key -signer tsa.pem -out answer.tsr",
        );
        let answer = std::fs::read(folder.join("answer.tsr")).unwrap();
        let token =
            read_response(&answer, DigestAlgorithm::Sha512, &digest, std::slice::from_ref(&tsa)).unwrap();
        // The token as we store it still satisfies openssl, now without the certificate at hand.
        std::fs::write(folder.join("token.tst"), token.der()).unwrap();
        openssl::must(folder, "ts -verify -token_in -in token.tst -data data -CAfile tsa.pem");
        std::fs::write(folder.join("data"), b"other data").unwrap();
        assert!(
            !openssl::run(folder, "ts -verify -token_in -in token.tst -data data -CAfile tsa.pem")
                .status
                .success()
        );
    }
}

#[test]
fn takes_a_token_that_openssl_writes_with_open_lengths() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    std::fs::write(folder.join("ts.cnf"), CONFIGURATION).unwrap();
    openssl::must(
        folder,
        "req -x509 -newkey rsa:2048 -nodes -keyout tsa.key -out tsa.pem -days 2 -subj /CN=TSA -config ts.cnf -extensions stamping",
    );
    let tsa = Certificate::from_der_or_pem(&std::fs::read(folder.join("tsa.pem")).unwrap()).unwrap();
    let content = Stamp::over(DATA, &tsa).content();
    std::fs::write(folder.join("content"), content).unwrap();
    openssl::must(
        folder,
        "cms -sign -in content -binary -nodetach -stream -cades -econtent_type 1.2.840.113549.1.9.16.1.4 -md sha256 -signer tsa.pem -inkey tsa.key -outform DER -out token",
    );
    let token = std::fs::read(folder.join("token")).unwrap();
    assert_eq!(token[..2], [0x30, 0x80], "of indefinite length");
    let stamp = verify_token(&token, DATA, std::slice::from_ref(&tsa)).unwrap();
    assert_eq!(stamp.time(), now());
    let forged = verify_token(&token, b"other data", std::slice::from_ref(&tsa));
    assert_eq!(forged, Err(TimestampRefusal::OtherImprint));
}
