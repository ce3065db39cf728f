//! Everything that is wrong with a token is told, and costs nothing else.

use keystore::{
    KeyAlgorithm, KeyId, KeyRefusal, KeyUsage, Keystore, SignFailure, StorageFailure, TokenFailure,
    TokenSettings,
};
use trust::algorithm::{DigestAlgorithm, EcdsaForm, SignatureAlgorithm};

use super::softhsm::{SoftHsm, alone, alone_with, this_test};
use crate::common::{SIGNING, issue, openssl, openssl_line};

fn make(keystore: &Keystore, token: &str) -> Result<KeyId, KeyRefusal> {
    keystore.generate_in_token(token, KeyUsage::Signing, KeyAlgorithm::EcP256, "k")
}

/// What making a key in a token with these settings comes to.
#[track_caller]
fn refused(hsm: &SoftHsm, settings: TokenSettings) -> TokenFailure {
    let label = settings.label.clone();
    match make(&hsm.keystore(vec![settings]), &label) {
        Err(KeyRefusal::Token(failure)) => failure,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_library_that_is_none_is_told() {
    alone(this_test!("a_library_that_is_none_is_told"), |hsm| {
        let with = |module: &str| TokenSettings { module: module.into(), ..hsm.settings("one") };
        let failure = refused(hsm, with("/nowhere/lib.so"));
        assert!(matches!(failure, TokenFailure::ModuleNotLoaded { .. }), "{failure:?}");
        let text = hsm.folder().join("token-pin").display().to_string();
        let failure = refused(hsm, with(&text));
        assert!(matches!(failure, TokenFailure::ModuleNotLoaded { .. }), "{failure:?}");
        let library = std::fs::read_to_string("/proc/self/maps").unwrap();
        let libc = library.split_whitespace().find(|word| word.ends_with("/libc.so.6")).unwrap();
        let failure = refused(hsm, with(libc));
        assert!(matches!(failure, TokenFailure::NotAModule { .. }), "{failure:?}");
    });
}

#[test]
fn a_library_that_does_not_start_is_told() {
    alone_with(
        this_test!("a_library_that_does_not_start_is_told"),
        "directories.tokendir = /nowhere",
        |hsm| {
            let failure = refused(hsm, hsm.settings("one"));
            assert!(matches!(failure, TokenFailure::ModuleNotStarted { .. }), "{failure:?}");
        },
    );
}

#[test]
fn a_token_that_is_not_there_is_told() {
    alone(this_test!("a_token_that_is_not_there_is_told"), |hsm| {
        let failure = refused(hsm, hsm.settings("one"));
        assert_eq!(failure, TokenFailure::Absent { token: "one".to_owned(), uninitialised: true });
        let unnamed = hsm.keystore(Vec::new());
        assert!(matches!(make(&unnamed, "one"), Err(KeyRefusal::Token(TokenFailure::NotConfigured { .. }))));
    });
}

#[test]
fn two_tokens_of_one_label_are_told_apart_by_their_serial_numbers() {
    alone(this_test!("two_tokens_of_one_label_are_told_apart_by_their_serial_numbers"), |hsm| {
        hsm.initialise("one");
        hsm.initialise("one");
        let slots = hsm.fine("softhsm2-util", &["--show-slots"]);
        let serials: Vec<String> = slots
            .lines()
            .filter_map(|line| line.trim().strip_prefix("Serial number:"))
            .map(|serial| serial.trim().to_owned())
            .filter(|serial| !serial.is_empty())
            .collect();
        assert_eq!(serials.len(), 2, "{slots}");
        assert_eq!(refused(hsm, hsm.settings("one")), TokenFailure::Several { token: "one".to_owned() });
        let of = |serial: &str| TokenSettings { serial: Some(serial.to_owned()), ..hsm.settings("one") };
        let keystore = hsm.keystore(serials.iter().map(|serial| of(serial)).collect());
        assert!(matches!(make(&keystore, "one"), Err(KeyRefusal::Token(TokenFailure::Ambiguous { .. }))));
        let algorithm = SignatureAlgorithm::Ecdsa(DigestAlgorithm::Sha256);
        for serial in &serials {
            let key = make(&keystore, serial).unwrap();
            assert_eq!(keystore.find(&key).unwrap().token.unwrap().serial.as_ref(), Some(serial));
            keystore.sign_digest_blocking(&key, algorithm, &[7; 32], EcdsaForm::Raw).unwrap();
            let others = hsm.keystore(vec![of("0"), of("1")]);
            let signed = others.sign_digest_blocking(&key, algorithm, &[7; 32], EcdsaForm::Raw);
            assert!(matches!(signed, Err(SignFailure::Token(TokenFailure::NotConfigured { .. }))));
        }
    });
}

#[test]
fn only_signing_keys_live_in_tokens() {
    alone(this_test!("only_signing_keys_live_in_tokens"), |hsm| {
        hsm.initialise("one");
        let keystore = hsm.keystore(vec![hsm.settings("one")]);
        for usage in [KeyUsage::Authentication, KeyUsage::InternalTls, KeyUsage::Configuration] {
            let made = keystore.generate_in_token("one", usage, KeyAlgorithm::Rsa2048, "k");
            assert_eq!(made, Err(KeyRefusal::NotInToken { usage }));
            let taken = keystore.import_from_token("one", &[1], usage, "k");
            assert_eq!(taken, Err(KeyRefusal::NotInToken { usage }));
        }
        // Nor by an edited index.
        let key = make(&keystore, "one").unwrap();
        let index = hsm.folder().join("keys/keystore.json");
        let edited = std::fs::read_to_string(&index).unwrap().replace("\"signing\"", "\"authentication\"");
        std::fs::write(&index, edited).unwrap();
        assert!(matches!(keystore.reload(), Err(StorageFailure::Damaged { .. })));
        assert!(keystore.tls_key_der(&key).is_err());
    });
}

#[test]
fn a_pin_file_must_be_there_private_and_filled() {
    alone(this_test!("a_pin_file_must_be_there_private_and_filled"), |hsm| {
        hsm.initialise("one");
        let settings = hsm.settings("one");
        let gone = TokenSettings { pin_file: hsm.folder().join("no-pin"), ..settings.clone() };
        assert!(matches!(refused(hsm, gone), TokenFailure::PinFile { why: "is not there", .. }));
        hsm.write_pin("\n");
        assert!(matches!(refused(hsm, settings.clone()), TokenFailure::PinFile { why: "is empty", .. }));
        hsm.write_pin("4321");
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&settings.pin_file, std::fs::Permissions::from_mode(0o640)).unwrap();
        let failure = refused(hsm, settings);
        assert!(matches!(failure, TokenFailure::Storage(StorageFailure::OpenToOthers { .. })), "{failure:?}");
        assert!(!hsm.pin_count_low());
    });
}

#[test]
fn a_mechanism_that_the_token_does_not_have_is_named() {
    let test = this_test!("a_mechanism_that_the_token_does_not_have_is_named");
    alone_with(test, "slots.mechanisms = -CKM_MD5,CKM_RSA_PKCS,CKM_EC_KEY_PAIR_GEN", |hsm| {
        hsm.initialise("one");
        let missing =
            |name: &str| TokenFailure::Mechanism { token: "one".to_owned(), mechanism: name.to_owned() };
        assert_eq!(refused(hsm, hsm.settings("one")), missing("CKM_EC_KEY_PAIR_GEN"));
        let keystore = hsm.keystore(vec![hsm.settings("one")]);
        let rsa = keystore.generate_in_token("one", KeyUsage::Signing, KeyAlgorithm::Rsa2048, "k");
        assert_eq!(rsa, Err(missing("CKM_RSA_PKCS").into()));
        let report = keystore.tokens()[0].report();
        assert_eq!(report.failure, None);
        let has =
            |name: &str| report.found.as_ref().unwrap().mechanisms.iter().find(|(n, _)| n == name).unwrap().1;
        assert!(!has("CKM_RSA_PKCS") && has("CKM_RSA_PKCS_PSS") && has("CKM_ECDSA"));
    });
}

#[test]
fn a_key_that_does_not_fit_is_not_taken_over() {
    alone(this_test!("a_key_that_does_not_fit_is_not_taken_over"), |hsm| {
        hsm.initialise("one");
        let make = |kind: &str, id: &str, usage: &str| {
            hsm.tool("one", &["--keypairgen", "--key-type", kind, "--id", id, usage]);
        };
        make("EC:secp384r1", "01", "--usage-sign");
        make("rsa:2048", "02", "--always-auth");
        make("rsa:1024", "03", "--usage-sign");
        // A private key whose public half was lost, and one with another's beside it.
        make("EC:prime256v1", "04", "--usage-sign");
        hsm.tool("one", &["--delete-object", "--type", "pubkey", "--id", "04"]);
        openssl_line(hsm.folder(), "ecparam -genkey -name prime256v1 -noout -out k.pem");
        openssl_line(hsm.folder(), "pkey -in k.pem -pubout -outform DER -out p.der");
        make("EC:prime256v1", "05", "--usage-sign");
        hsm.tool("one", &["--delete-object", "--type", "pubkey", "--id", "05"]);
        hsm.tool("one", &["--write-object", "p.der", "--type", "pubkey", "--id", "05"]);
        make("EC:prime256v1", "06", "--usage-sign");
        make("EC:prime256v1", "06", "--usage-sign");

        let keystore = hsm.keystore(vec![hsm.settings("one")]);
        let take = |id: &[u8]| {
            keystore.import_from_token("one", id, KeyUsage::Signing, "k").expect_err("it is taken over")
        };
        assert!(matches!(take(&[1]), KeyRefusal::ForeignCurve { .. }));
        assert!(matches!(take(&[2]), KeyRefusal::Token(TokenFailure::KeyUnfit { .. })));
        assert!(matches!(take(&[3]), KeyRefusal::Weak { bits: 1024 }));
        assert!(matches!(take(&[4]), KeyRefusal::Token(TokenFailure::NoPublicKey { .. })));
        assert!(matches!(take(&[5]), KeyRefusal::Token(TokenFailure::Mismatch { .. })));
        assert!(matches!(take(&[6]), KeyRefusal::Token(TokenFailure::SeveralKeys { .. })));
        assert!(matches!(take(&[7]), KeyRefusal::Token(TokenFailure::KeyMissing { .. })));
        assert_eq!(take(&[]), KeyRefusal::TokenKeyId);
        assert_eq!(take(&[1; 129]), KeyRefusal::TokenKeyId);
        assert!(keystore.list().is_empty());
    });
}

#[test]
fn a_certificate_for_another_key_is_not_taken() {
    alone(this_test!("a_certificate_for_another_key_is_not_taken"), |hsm| {
        hsm.initialise("one");
        let keystore = hsm.keystore(vec![hsm.settings("one")]);
        make(&keystore, "one").unwrap();
        openssl_line(hsm.folder(), "ecparam -genkey -name prime256v1 -noout -out k.pem");
        openssl(
            hsm.folder(),
            &["req", "-new", "-key", "k.pem", "-subj", "/CN=x", "-outform", "DER", "-out", "other.der"],
        );
        let request = std::fs::read(hsm.folder().join("other.der")).unwrap();
        let certificate = issue(hsm.folder(), &request, SIGNING);
        let taken = keystore.import_certificate(&certificate, &keystore::Owner::nobody());
        assert!(matches!(taken, Err(keystore::CertificateRefusal::NoKey { .. })));
    });
}

#[test]
fn what_a_key_cannot_sign_is_refused_before_the_token_is_asked() {
    alone(this_test!("what_a_key_cannot_sign_is_refused_before_the_token_is_asked"), |hsm| {
        hsm.initialise("one");
        let keystore = hsm.keystore(vec![hsm.settings("one")]);
        let key = make(&keystore, "one").unwrap();
        hsm.pull();
        let sign =
            |algorithm, digest: &[u8]| keystore.sign_digest_blocking(&key, algorithm, digest, EcdsaForm::Raw);
        let rsa = sign(SignatureAlgorithm::RsaPkcs1(DigestAlgorithm::Sha256), &[0; 32]);
        assert!(matches!(rsa, Err(SignFailure::WrongAlgorithm { .. })));
        let sha1 = sign(SignatureAlgorithm::Ecdsa(DigestAlgorithm::Sha1), &[0; 20]);
        assert!(matches!(sha1, Err(SignFailure::WeakDigest { .. })));
        let short = sign(SignatureAlgorithm::Ecdsa(DigestAlgorithm::Sha512), &[0; 32]);
        assert_eq!(short, Err(SignFailure::DigestLength { expected: 64, found: 32 }));
    });
}
