//! Tests of the module beside it: against our own listener's TLS, in memory.
use super::*;
use crate::transport::tls::tests::{certificate, key};
use openssl::pkey::PKey;
use openssl::ssl::{SslContext, SslRef};
use openssl::x509::X509;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_openssl::SslStream;

/// Whoever has a name has a key; a certificate says nothing about who vouches for it, since nobody asks here.
struct Server {
    chain: Vec<Certificate>,
    key: Vec<u8>,
}

impl Server {
    fn new(name: &str) -> Self {
        let key = key();
        let chain = [name, "issuer"].map(|name| certificate(name, 2, &key).to_der().unwrap());
        let chain = tls::chain(chain.into_iter()).unwrap();
        Self { chain, key: key.private_key_to_pkcs8().unwrap() }
    }

    fn credentials(&self) -> Credentials<'_> {
        Credentials { chain: &self.chain, key_pkcs8: &self.key, as_own_kind: true }
    }
}

/// What the listener saw of a handshake.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    resumed: bool,
    chain: Vec<Certificate>,
    own_kind: bool,
}

impl Seen {
    fn of(ssl: &SslRef) -> Self {
        Self {
            resumed: ssl.session_reused(),
            chain: tls::presented(ssl).unwrap(),
            own_kind: tls::is_own_kind(ssl),
        }
    }
}

/// A handshake and a byte each way; what the listener saw, and the certificates that the connecting side was given.
async fn exchange(listener: &SslContext, connecting: &OwnKind) -> (Seen, Vec<Certificate>) {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let accepting = async {
        let mut stream = SslStream::new(tls::session(listener).unwrap(), far).unwrap();
        Pin::new(&mut stream).accept().await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), 1);
        stream.write_all(&[2]).await.unwrap();
        assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
        // OpenSSL forgets a session whose connection it did not close properly.
        stream.shutdown().await.unwrap();
        Seen::of(stream.ssl())
    };
    let calling = async {
        let (mut stream, chain) = connecting.connect("127.0.0.1", near).await.unwrap();
        stream.write_all(&[1]).await.unwrap();
        stream.flush().await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), 2);
        stream.shutdown().await.unwrap();
        chain
    };
    tokio::join!(accepting, calling)
}

#[tokio::test]
async fn a_session_is_resumed_with_all_certificates_and_only_by_whom_and_where_it_was_begun() {
    let (caller, provider) = (Server::new("caller"), Server::new("provider"));
    let asked = Arc::new(AtomicUsize::new(0));
    let admission = || -> tls::Admission {
        let asked = Arc::clone(&asked);
        Arc::new(move |_| {
            asked.fetch_add(1, Ordering::SeqCst);
            true
        })
    };
    let listener = tls::acceptor(&provider.credentials(), &[], admission()).unwrap();
    let own_kind = OwnKind::new(&caller.credentials()).unwrap();
    let mut admissions = 0;
    for round in 0..6 {
        let resumed = round > 0;
        let (seen, shown) = exchange(&listener, &own_kind).await;
        assert_eq!(seen, Seen { resumed, chain: caller.chain.clone(), own_kind: true }, "round {round}");
        assert_eq!(shown, provider.chain, "round {round}");
        let before = std::mem::replace(&mut admissions, asked.load(Ordering::SeqCst));
        assert_eq!(admissions > before, !resumed, "whoever resumes was admitted before");
    }
    // Whatever is made anew knows nothing of it.
    let (seen, _) = exchange(&listener, &OwnKind::new(&caller.credentials()).unwrap()).await;
    assert!(!seen.resumed, "the connecting side is new");
    let listener = tls::acceptor(&provider.credentials(), &[], admission()).unwrap();
    let (seen, _) = exchange(&listener, &own_kind).await;
    assert!(!seen.resumed, "the listener is new");
}

#[tokio::test]
async fn whoever_does_not_speak_as_our_kind_is_not_taken_for_it() {
    let (caller, provider) = (Server::new("caller"), Server::new("provider"));
    let own_kind = OwnKind::new(&caller.credentials()).unwrap();
    let strangers = [
        (openssl::ssl::SslVersion::TLS1_3, "it does not speak as our own kind does"),
        (openssl::ssl::SslVersion::TLS1_2, "received fatal alert: ProtocolVersion"),
    ];
    for (newest, expected) in strangers {
        let mut builder =
            openssl::ssl::SslContextBuilder::new(openssl::ssl::SslMethod::tls_server()).unwrap();
        builder.set_certificate(&X509::from_der(provider.chain[0].der()).unwrap()).unwrap();
        builder.set_private_key(&PKey::private_key_from_pkcs8(&provider.key).unwrap()).unwrap();
        builder.set_max_proto_version(Some(newest)).unwrap();
        let listener = builder.build();
        let (near, far) = tokio::io::duplex(64 * 1024);
        let accepting = async {
            let mut stream = SslStream::new(tls::session(&listener).unwrap(), far).unwrap();
            // What became of it, the other side says.
            let _accepted = Pin::new(&mut stream).accept().await;
        };
        let (_, connected) = tokio::join!(accepting, own_kind.connect("127.0.0.1", near));
        let why = connected.err().unwrap();
        assert!(why.contains(expected), "{why}");
    }
}

#[test]
fn so_many_servers_are_remembered_and_no_more() {
    let own_kind = OwnKind::new(&Server::new("caller").credentials()).unwrap();
    assert!(!own_kind.knows("server-0000"));
    for n in 0..=SERVERS_MAX {
        own_kind.remember(&format!("server-{n:04}"));
        assert!(own_kind.knows(&format!("server-{n:04}")));
    }
    assert_eq!(own_kind.met.lock().unwrap().len(), SERVERS_MAX);
    let last = format!("server-{SERVERS_MAX:04}");
    own_kind.remember(&last);
    assert_eq!(own_kind.met.lock().unwrap().len(), SERVERS_MAX);
    own_kind.forget(&last);
    assert!(!own_kind.knows(&last));
}
