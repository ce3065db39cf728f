//! Several servers of a provider that are tried at once: who is dead is waited for once, who came too late is left alone, and what a
//! server said is what the consumer hears (data-plane 4.11).

use super::tools::until;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use testkit::{Nation, RunningGateway, call, chance, ring};
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// What the provider's own server is beside the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Own {
    Registered,
    /// It runs, with a certificate that is not its own.
    Unregistered,
    Absent,
}

/// Publishes that the provider has these servers too.
async fn publish(nation: &Nation, others: &[SocketAddr], own: Own) {
    let mut state = nation.registry_state.clone();
    let at = state.servers.iter().position(|server| server.code == "interior").unwrap();
    let mut server = state.servers[at].clone();
    server.auth_certificates.clear();
    match own {
        Own::Registered => {}
        Own::Unregistered => state.servers[at] = server.clone(),
        Own::Absent => drop(state.servers.remove(at)),
    }
    state.servers.extend(others.iter().enumerate().map(|(number, address)| registry::Server {
        code: format!("other-{number}"),
        address: Some(address.ip().to_string()),
        ..server.clone()
    }));
    nation.publish(&state).await.unwrap();
}

/// An address that takes no connection and does not refuse it either, as long as these are held.
async fn silent(address: SocketAddr) -> (TcpListener, Vec<TcpStream>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(address).unwrap();
    let listener = socket.listen(1).unwrap();
    let mut waiting = vec![];
    // What nobody accepts fills the queue.
    while let Ok(connected) =
        tokio::time::timeout(Duration::from_millis(500), TcpStream::connect(address)).await
    {
        waiting.push(connected.unwrap());
    }
    (listener, waiting)
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_do_not_answer_are_waited_for_once_and_together() {
    let mut nation = Nation::start().await.unwrap();
    let addresses = [60, 61, 62].map(|last| nation.address(last, 5500));
    let mut held = vec![];
    for address in addresses {
        held.push(silent(address).await);
    }
    publish(&nation, &addresses, Own::Absent).await;
    let mut config = nation.consumer.config.clone();
    config.peer.connect_timeout_ms = 300;
    nation.consumer.halt().await.unwrap();
    nation.consumer =
        RunningGateway::start(config, &nation.pin, nation.clock.clone(), chance()).await.unwrap();
    nation.consumer.ready().await.unwrap();
    // A second round would last five seconds for itself.
    let asking = nation.send(call("GET", "/v1/people"), None);
    let answer = tokio::time::timeout(Duration::from_secs(5), asking).await.unwrap().unwrap();
    assert_eq!(answer.fault().as_deref(), Some("server.clientproxy.network_error"), "{}", answer.text());
    drop(held);
}

/// Takes connections and says nothing. Of each: how many bytes came, and whether it was closed.
#[derive(Debug, Clone, Default)]
struct Mute(Arc<Mutex<Vec<(usize, bool)>>>);

impl Mute {
    async fn start(&self, address: SocketAddr) {
        let listener = TcpListener::bind(address).await.unwrap();
        let seen = Arc::clone(&self.0);
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let seen = Arc::clone(&seen);
                tokio::spawn(async move {
                    let number = {
                        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                        seen.push((0, false));
                        seen.len() - 1
                    };
                    let mut bytes = vec![0; 4096];
                    loop {
                        let read = socket.read(&mut bytes).await.unwrap_or(0);
                        {
                            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                            seen[number].0 += read;
                            seen[number].1 = read == 0;
                        }
                        ring();
                        if read == 0 {
                            return;
                        }
                    }
                });
            }
        });
    }

    fn seen(&self) -> Vec<(usize, bool)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_connected_too_late_is_left_while_the_first_is_still_spoken_to() {
    let nation = Nation::start().await.unwrap();
    let (mute, addresses) =
        (Mute::default(), [60, 61, 62, 63, 64, 65].map(|last| nation.address(last, 5500)));
    for address in addresses {
        mute.start(address).await;
    }
    publish(&nation, &addresses, Own::Absent).await;
    let asking = nation.send(call("GET", "/v1/people"), None);
    let watching = async {
        until("one is spoken to", || mute.seen().iter().any(|(bytes, _)| *bytes > 0)).await;
        until("the others are left", || mute.seen().iter().all(|(bytes, closed)| *bytes > 0 || *closed))
            .await;
        // How many connected before the first was taken is as it happens.
        let seen = mute.seen();
        assert!(
            seen.iter().all(|(bytes, closed)| *bytes == 0 || !closed),
            "the first was given up: {seen:?}"
        );
    };
    tokio::select! {
        () = watching => {}
        answer = asking => panic!("there was an answer: {:?}", answer.map(|answer| answer.text())),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_said_stands_though_others_are_dead() {
    let nation = Nation::start().await.unwrap();
    let dead = [60, 61].map(|last| nation.address(last, 5500));
    publish(&nation, &dead, Own::Registered).await;
    let answer = nation.send(call("GET", "/v1/people"), None).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    publish(&nation, &dead, Own::Unregistered).await;
    for n in 0..5 {
        let answer = nation.send(call("GET", "/v1/people"), None).await.unwrap();
        let fault = answer.fault().unwrap_or_default();
        assert_eq!(fault, "server.clientproxy.ssl_authentication_failed", "call {n}: {}", answer.text());
    }
}
