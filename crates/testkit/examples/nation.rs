//! A nation that stays up, to be looked at and measured by hand: `cargo run --release -p testkit --example nation [rsa|ec]`.

use anyhow::Result;
use http1::{Limits, Request, ResponseHead, stop_channel};
use jiff::Timestamp;
use keystore::KeyAlgorithm;
use std::time::Duration;
use testkit::{CLIENT, Choices, Nation, PROVIDER};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<()> {
    let algorithm = match std::env::args().nth(1).as_deref() {
        Some("ec") => KeyAlgorithm::EcP256,
        _ => KeyAlgorithm::Rsa2048,
    };
    let choices = Choices { algorithm, timestamp_seconds: 60, ..Choices::default() };
    let nation = Nation::start_with(choices).await?;
    let service = nation.address(40, 9080);
    let listener = TcpListener::bind(service).await?;
    let (_stopper, stop) = stop_channel();
    tokio::spawn(http1::serve(listener, |request, _| person(request), Limits::default(), stop));
    let mut settings = nation.provider_settings()?;
    for service_of in settings.clients.iter_mut().flat_map(|client| &mut client.services) {
        service_of.url = format!("http://{service}");
    }
    nation.provider.apply(&settings).await?;
    let consumer = nation.consumer.config.listen.consumer_http;
    println!("{algorithm:?}, state in {}", nation.folder.path().display());
    println!("service: {service}; provider's gateway: {}", nation.provider.config.listen.transport);
    println!(
        "wrk -t2 -c32 -d15s --latency -H 'X-Road-Client: {CLIENT}' http://{consumer}/r1/{PROVIDER}/people/v1/people/1"
    );
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        #[expect(clippy::disallowed_methods, reason = "the nation's clock follows the system's")]
        nation.hands.set(Timestamp::now());
    }
}

/// A service that costs next to nothing.
async fn person(mut request: Request) {
    // Whoever goes away in the middle is told nothing.
    let _body = request.body.read_all(1024 * 1024).await;
    let head = ResponseHead::new(200).with("Content-Type", "application/json");
    let _gone =
        request.responder.respond(&head, b"{\"id\":1,\"name\":\"SOK CHANNA\",\"born\":\"1990-04-14\"}").await;
}
