//! A provider's gateway that breaks off instead of answering: what the consumer reads of each way (data-plane 9.2, 9.3, E.5).

use super::common::{Traces, refused};
use super::tls::Identity;
use anyhow::Result;
use keystore::Keystore;
use openssl::ssl::{Ssl, SslAcceptor, SslMethod, SslVerifyMode, SslVersion};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use testkit::{Nation, call};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_openssl::SslStream;

const SUITES: &str = "ECDHE-RSA-AES256-SHA384:DHE-RSA-AES256-SHA256:ECDHE-ECDSA-AES256-SHA384";
const BEGUN: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: multipart/mixed; boundary=x\r\nx-hash-algorithm: SHA-512\r\n\r\n--x";

/// What happens when the request has been read.
#[derive(Debug, Clone, Copy)]
enum Then {
    /// TLS is ended, then the connection.
    Close,
    /// The connection is ended.
    Drop,
    /// The connection is reset.
    Reset,
}

type Script = Arc<Mutex<(&'static str, Then)>>;

fn acceptor(nation: &Nation) -> Result<SslAcceptor> {
    let keystore = Keystore::open(nation.provider.config.keystore_dir(), &nation.pin)?;
    let identity = &nation.provider_identity;
    let key = keystore.tls_key_der(&identity.authentication_key)?;
    let identity = Identity::from_der(identity.authentication.der(), &key)?;
    let mut builder = SslAcceptor::mozilla_intermediate(SslMethod::tls_server())?;
    builder.set_max_proto_version(Some(SslVersion::TLS1_2))?;
    builder.set_cipher_list(SUITES)?;
    builder.set_certificate(&identity.certificate)?;
    builder.set_private_key(&identity.key)?;
    builder.set_verify_callback(SslVerifyMode::PEER, |_, _| true);
    builder.set_session_id_context(b"peer")?;
    Ok(builder.build())
}

async fn misbehave(acceptor: SslAcceptor, socket: TcpStream, script: (&'static str, Then)) -> Result<()> {
    let mut stream = SslStream::new(Ssl::new(acceptor.context())?, socket)?;
    Pin::new(&mut stream).accept().await?;
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n0\r\n\r\n") {
        anyhow::ensure!(stream.read_buf(&mut request).await? > 0, "the request ended early");
    }
    let (bytes, then) = script;
    stream.write_all(bytes.as_bytes()).await?;
    match then {
        Then::Close => stream.shutdown().await?,
        Then::Drop => {}
        Then::Reset => stream.get_ref().set_zero_linger()?,
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_breaks_off_is_told_by_how_it_did() {
    let nation = Nation::start().await.unwrap();
    // From now on the consumer's gateway holds the OCSP answers.
    assert_eq!(nation.send(call("GET", "/v1"), None).await.unwrap().status, 200);
    let address = nation.address(34, nation.provider.config.listen.transport.port());
    let acceptor = acceptor(&nation).unwrap();
    let listener = TcpListener::bind(address).await.unwrap();
    let script: Script = Arc::new(Mutex::new(("", Then::Close)));
    let scripts = Arc::clone(&script);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let script = *scripts.lock().unwrap_or_else(PoisonError::into_inner);
            let acceptor = acceptor.clone();
            tokio::spawn(async move { misbehave(acceptor, socket, script).await.unwrap() });
        }
    });
    let mut state = nation.registry_state.clone();
    let server = state.servers.iter_mut().find(|server| server.code == "interior").unwrap();
    server.address = Some(address.ip().to_string());
    nation.publish(&state).await.unwrap();
    let head = BEGUN.split_once("\r\nx-hash").unwrap().0;
    for (case, bytes, then, code) in [
        ("closed", "", Then::Close, "io_error"),
        ("left without a word", "", Then::Drop, "io_error"),
        ("reset", "", Then::Reset, "network_error"),
        ("closed inside the head", head, Then::Close, "io_error"),
        ("reset inside the head", head, Then::Reset, "network_error"),
        // Its answers end with the connection, so what was cut is seen in what came.
        ("left inside the body", BEGUN, Then::Drop, "service_failed.internal_error"),
        ("reset inside the body", BEGUN, Then::Reset, "service_failed.io_error"),
    ] {
        *script.lock().unwrap() = (bytes, then);
        for body in [None, Some(b"{\"a\":1}".as_slice())] {
            let before = Traces::of(&nation).unwrap();
            let method = if body.is_some() { "POST" } else { "GET" };
            let answer = nation.send(call(method, "/v1"), body).await.unwrap();
            refused(&format!("{case}, {method}"), &answer, &format!("server.clientproxy.{code}"));
            before.assert_request_only(&nation, case).unwrap();
        }
    }
}
