//! OCSP answers that a provider's server gives about itself (data-plane 4.3, 4.4): only one that was believed is kept, and only one that
//! the verdict rests on. Whatever is kept, our own interface passes on to others.

use super::identity::{Mint, Pair, Peer, SCHOOLS, Use, bad_answers, ocsp, twin};
use anyhow::Result;
use http1::{FetchLimits, Limits, Request, RequestHead, ResponseHead, ServerConnection, stop_channel};
use jiff::SignedDuration;
use message::fault::Fault;
use openssl::pkey::PKey;
use openssl::ssl::{Ssl, SslAcceptor, SslMethod};
use openssl::x509::X509;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use testkit::{Answer, CLIENT, Nation};
use tokio::net::{TcpListener, TcpStream};
use tokio_openssl::SslStream;
use trust::Certificate;

const TLS: &str = "server.clientproxy.ssl_authentication_failed.invalid_cert_path";
/// What the server says to whoever goes on after the handshake.
const REACHED: &str = "server.serverproxy.reached";

/// An interface for OCSP answers that gives what a test lays down, and remembers which certificates it was asked about.
#[derive(Debug, Default)]
struct Interface {
    answers: Mutex<BTreeMap<String, Vec<u8>>>,
    asked: Mutex<Vec<Vec<String>>>,
}

impl Interface {
    async fn start(address: SocketAddr) -> Result<Arc<Self>> {
        let listener = TcpListener::bind(address).await?;
        let interface = Arc::new(Self::default());
        let serving = Arc::clone(&interface);
        let handler = move |request: Request, _| {
            let interface = Arc::clone(&serving);
            async move {
                let body = interface.answer(request.head.query().unwrap_or_default());
                let kind =
                    "multipart/related; type=\"application/ocsp-response\"; charset=UTF-8; boundary=between";
                let head = ResponseHead::new(200).with("Content-Type", kind);
                // Whoever asked may have gone.
                let _gone = request.responder.respond(&head, &body).await;
            }
        };
        // Never stopped: it ends with the test.
        tokio::spawn(http1::serve(listener, handler, Limits::default(), stop_channel().1));
        Ok(interface)
    }

    fn says(&self, certificate: &Certificate, answer: &[u8]) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.insert(hash(certificate), answer.to_vec());
    }

    /// The hashes of the questions since this was asked last.
    fn asked(&self) -> Vec<Vec<String>> {
        std::mem::take(&mut *self.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn answer(&self, query: &str) -> Vec<u8> {
        let hashes: Vec<String> =
            query.split('&').filter_map(|pair| pair.strip_prefix("cert=")).map(str::to_owned).collect();
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut body = Vec::new();
        for answer in hashes.iter().filter_map(|hash| answers.get(hash)) {
            body.extend_from_slice(b"\r\n--between\r\nContent-Type: application/ocsp-response\r\n\r\n");
            body.extend_from_slice(answer);
        }
        body.extend_from_slice(b"\r\n--between--\r\n");
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(hashes);
        body
    }
}

/// A server of the nation that shows these certificates, the first one with its key, and refuses every message.
async fn refusing(address: SocketAddr, own: &Pair, beside: &Certificate) -> Result<Arc<AtomicUsize>> {
    let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server())?;
    builder.set_certificate(&*X509::from_der(own.certificate.der())?)?;
    builder.add_extra_chain_cert(X509::from_der(beside.der())?)?;
    builder.set_private_key(&*PKey::private_key_from_pem(&std::fs::read(&own.key_file)?)?)?;
    let acceptor = builder.build();
    let listener = TcpListener::bind(address).await?;
    let heard = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&heard);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let (acceptor, count) = (acceptor.clone(), Arc::clone(&count));
            // Whoever does not believe us leaves.
            tokio::spawn(async move { drop(refuse(&acceptor, socket, &count).await) });
        }
    });
    Ok(heard)
}

async fn refuse(acceptor: &SslAcceptor, socket: TcpStream, heard: &AtomicUsize) -> Result<()> {
    let mut stream = SslStream::new(Ssl::new(acceptor.context())?, socket)?;
    Pin::new(&mut stream).accept().await?;
    let mut connection = ServerConnection::new(stream, Limits::default());
    while let Some(mut request) = connection.next_request().await? {
        heard.fetch_add(1, Ordering::SeqCst);
        request.body.read_all(usize::MAX).await?;
        let head = ResponseHead::new(200).with("Content-Type", "text/xml");
        request.responder.respond(&head, Fault::new(REACHED, "here", "").to_xml().as_bytes()).await?;
    }
    Ok(())
}

fn hash(certificate: &Certificate) -> String {
    hex::encode(certificate.sha1())
}

/// What a gateway's own interface tells about a certificate.
async fn told(at: SocketAddr, certificate: &Certificate) -> Result<Option<Vec<u8>>> {
    let url = format!("http://{at}/?cert={}", hash(certificate));
    let answer = http1::fetch("GET", &url, &[], None, &FetchLimits::default()).await?;
    Ok((answer.status == 200).then_some(answer.body))
}

async fn call(nation: &Nation) -> Result<Answer> {
    let head = RequestHead::new("GET", &format!("/r1/{SCHOOLS}/pupils/v1/1")).with("X-Road-Client", CLIENT);
    nation.send(head, None).await
}

#[tokio::test(flavor = "multi_thread")]
async fn only_ocsp_answers_that_a_verdict_rests_on_are_kept() {
    let nation = Nation::start().await.unwrap();
    let home = nation.folder.path().to_owned();
    let (ignorant, _) = twin(&nation, &home.join("ignorant")).unwrap();
    let mint = Mint::new(home.join("peer"), false).unwrap();
    let beside = mint.pair(&nation.authority, "beside", Use::Authentication, "beside").await.unwrap();
    let peer = Peer::join(&nation, mint, &[], None).await.unwrap();
    let own = &peer.authentication;
    let (knowing, _) = twin(&nation, &home.join("knowing")).unwrap();
    let heard = refusing(nation.address(40, 5500), own, &beside.certificate).await.unwrap();
    let interface = Interface::start(nation.address(40, 5577)).await.unwrap();
    let ours = nation.consumer.config.listen.ocsp;
    let both = [vec![hash(&own.certificate), hash(&beside.certificate)]];

    // Of the certificate beside, nobody needs to know anything; what is said of it is true, and would be bad for its holder.
    knowing.suspend(&beside.serial).unwrap();
    interface.says(&beside.certificate, &ocsp(&knowing, &beside.certificate).unwrap());
    let answers = bad_answers(&knowing, &ignorant, own, &beside).unwrap();
    let (good, bad) = answers.split_last().unwrap();
    for (kind, answer) in bad {
        interface.says(&own.certificate, answer);
        let refused = call(&nation).await.unwrap();
        let code = match *kind {
            "revoked" | "unknown" => format!("{TLS}.cert_validation"),
            _ => format!("{TLS}.incorrect_validation_info"),
        };
        assert_eq!(refused.fault(), Some(code), "{kind}: {}", refused.text());
        assert_eq!(heard.load(Ordering::SeqCst), 0, "{kind}: nothing is sent to whom we do not believe");
        assert_eq!(interface.asked(), both, "{kind}: nothing is held, so both are asked for");
        assert_eq!(told(ours, &own.certificate).await.unwrap(), None, "{kind}: it is passed on");
    }
    // What is kept is written by and by: when an answer about another server has been, one of these would have been too.
    let other = &nation.provider_identity.authentication;
    assert_eq!(nation.send(testkit::call("GET", "/v1"), None).await.unwrap().status, 200);
    nation.consumer.proves(&[other]).await.unwrap();
    for certificate in [&own.certificate, &beside.certificate] {
        assert_eq!(told(ours, certificate).await.unwrap(), None, "it is passed on after all");
    }
    interface.says(&own.certificate, &good.1);
    let reached = call(&nation).await.unwrap();
    assert_eq!(reached.fault().as_deref(), Some(REACHED), "{}", reached.text());
    assert_eq!(interface.asked(), both);
    nation.consumer.proves(&[&own.certificate]).await.expect("the good answer is kept");
    let passed_on = told(ours, &own.certificate).await.unwrap().unwrap();
    assert!(passed_on.windows(good.1.len()).any(|part| part == good.1), "as it came");
    // When the verdict has to be formed anew, the good answer is at hand and the other is still not.
    nation.hands.advance(SignedDuration::from_secs(61));
    let reached = call(&nation).await.unwrap();
    assert_eq!(reached.fault().as_deref(), Some(REACHED), "{}", reached.text());
    assert_eq!(interface.asked(), [vec![hash(&beside.certificate)]]);
    assert_eq!(
        told(ours, &beside.certificate).await.unwrap(),
        None,
        "what nobody relied on is not passed on"
    );
    assert_eq!(heard.load(Ordering::SeqCst), 2);
}
