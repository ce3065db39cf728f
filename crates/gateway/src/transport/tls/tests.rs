//! Tests of the module beside it: handshakes in memory.
use super::*;
use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::Private;
use openssl::x509::X509NameBuilder;
use std::pin::Pin;
use tokio::io::DuplexStream;
use tokio_openssl::SslStream;

pub(crate) fn key() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

/// Vouches for itself. `version` counts from 0.
pub(crate) fn certificate(name: &str, version: i32, key: &PKey<Private>) -> X509 {
    let mut subject = X509NameBuilder::new().unwrap();
    subject.append_entry_by_nid(Nid::COMMONNAME, name).unwrap();
    let subject = subject.build();
    let mut builder = X509::builder().unwrap();
    builder.set_version(version).unwrap();
    builder.set_serial_number(&BigNum::from_u32(1).unwrap().to_asn1_integer().unwrap()).unwrap();
    builder.set_subject_name(&subject).unwrap();
    builder.set_issuer_name(&subject).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(1).unwrap()).unwrap();
    builder.set_pubkey(key).unwrap();
    builder.sign(key, MessageDigest::sha256()).unwrap();
    builder.build()
}

/// What the connecting side is presented by a server with these certificates.
async fn presented_by(
    chain: &[X509],
    key: &PKey<Private>,
) -> Result<Vec<Certificate>, UnreadableCertificate> {
    let mut server = SslContextBuilder::new(SslMethod::tls_server()).unwrap();
    server.set_certificate(&chain[0]).unwrap();
    for other in &chain[1..] {
        server.add_extra_chain_cert(other.clone()).unwrap();
    }
    server.set_private_key(key).unwrap();
    let server = server.build();
    let own_key = self::key();
    let own = [Certificate::from_der(&certificate("own", 2, &own_key).to_der().unwrap()).unwrap()];
    let key_pkcs8 = own_key.private_key_to_pkcs8().unwrap();
    let client = connector(&Credentials { chain: &own, key_pkcs8: &key_pkcs8, as_own_kind: true }).unwrap();
    presented(met(&server, &client).await.1.ssl())
}

type Side = SslStream<DuplexStream>;

/// Both sides of one connection after the handshake, the accepting one first.
async fn met(server: &SslContext, client: &SslContext) -> (Side, Side) {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let mut accepting = SslStream::new(session(server).unwrap(), far).unwrap();
    let mut connecting = SslStream::new(session(client).unwrap(), near).unwrap();
    let (accepted, connected) =
        tokio::join!(Pin::new(&mut accepting).accept(), Pin::new(&mut connecting).connect());
    accepted.unwrap();
    connected.unwrap();
    (accepting, connecting)
}

#[tokio::test]
async fn no_certificate_steps_into_the_place_of_one_that_cannot_be_read() {
    let (thief, holder) = (key(), key());
    let stolen = certificate("provider", 2, &holder);
    let readable = certificate("thief", 2, &thief);
    let names = |chain: Vec<Certificate>| -> Vec<String> {
        chain.iter().map(|c| c.common_name().unwrap_or_default()).collect()
    };
    let chain = presented_by(&[readable.clone(), stolen.clone(), stolen.clone()], &thief).await;
    assert_eq!(chain.map(names), Ok(vec!["thief".to_owned(), "provider".to_owned()]));
    // OpenSSL takes X.509 versions that do not exist.
    let odd = certificate("thief", 3, &thief);
    let unreadable = Certificate::from_der(&odd.to_der().unwrap()).unwrap_err();
    assert_eq!(presented_by(&[odd.clone(), stolen.clone()], &thief).await, Err(unreadable));
    assert_eq!(presented_by(&[readable, odd, stolen], &thief).await, Err(unreadable));
}

/// What both sides speak: the version of TLS, and whether each takes the other for its own kind.
async fn spoken(server_as_own: bool, client_as_own: bool) -> (&'static str, bool, bool) {
    let key = key();
    let own = [Certificate::from_der(&certificate("gateway", 2, &key).to_der().unwrap()).unwrap()];
    let key_pkcs8 = key.private_key_to_pkcs8().unwrap();
    let credentials = |as_own_kind| Credentials { chain: &own, key_pkcs8: &key_pkcs8, as_own_kind };
    let server = acceptor(&credentials(server_as_own), &[], Arc::new(|_| true)).unwrap();
    let client = connector(&credentials(client_as_own)).unwrap();
    let (accepting, connecting) = met(&server, &client).await;
    (connecting.ssl().version_str(), is_own_kind(connecting.ssl()), is_own_kind(accepting.ssl()))
}

#[tokio::test]
async fn whoever_does_not_show_its_kind_is_met_as_an_x_road_server() {
    assert_eq!(spoken(true, true).await, ("TLSv1.3", true, true));
    for (server, client) in [(false, true), (true, false), (false, false)] {
        assert_eq!(spoken(server, client).await, ("TLSv1.2", false, false));
    }
}
