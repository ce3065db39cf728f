//! Port 5577, both ways: the recorded questions get the recorded answers, and our question is the one that ss1 asked.

use super::recording::{Http, Keys};
use super::script::scripted;
use super::stage::{Server, Stage};
use super::wires::{End, ask, identity};
use openssl::ssl::SslMethod;

#[tokio::test(flavor = "multi_thread")]
async fn the_recorded_questions_get_the_recorded_ocsp_answers() {
    let Some(stage) = Stage::set() else { return };
    let folder = stage.recorded.join("ocsp5577");
    let at = "2026-11-22T11:56:46Z".parse().unwrap();
    let exchange = stage.exchanges.iter().find(|exchange| exchange.name == "rest-01-get").unwrap();
    let player = stage.play(Server::Ss0, exchange, at, scripted(&[], ""), &[]).await;
    let mut asked = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        let Some(name) = file.strip_suffix(".request.bin") else { continue };
        let request = std::fs::read(folder.join(&file)).unwrap();
        let ours = Http::read(&ask(stage.address("ss0", 5577), request).await);
        let recorded = Http::read(&std::fs::read(folder.join(format!("{name}.response.bin"))).unwrap());
        assert_eq!(ours.status_line().0, recorded.status_line().0, "{name}");
        let kind = |http: &Http| {
            let kind = http.header("content-type").unwrap_or_default().split("boundary=").next();
            kind.map(str::to_owned)
        };
        if recorded.status_line().0 == 200 {
            assert_eq!(kind(&ours), kind(&recorded), "{name}");
        }
        assert_eq!(ours.parts(), recorded.parts(), "{name}");
        asked += 1;
    }
    player.running.stop().await.unwrap();
    println!("{asked} questions");
    assert!(asked >= 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn our_first_question_is_the_one_that_the_recorded_consumers_server_asked() {
    let Some(stage) = Stage::set() else { return };
    let live = stage.recorded.join("ocsp5577/live");
    let answer = std::fs::read(live.join("o-001.s2c.bin")).unwrap();
    let recorded = Http::read(&std::fs::read(live.join("o-001.c2s.bin")).unwrap());
    let exchange = stage.exchanges.iter().find(|exchange| exchange.name == "rest-12-service-404").unwrap();
    let wire = exchange.wire.clone().unwrap();
    let ocsp = End::plain(stage.address("ss0", 5577), answer).await;
    let provider = identity(&stage.keys(Server::Ss0, Keys::Rsa), SslMethod::tls_server());
    let peer = End::tls(stage.address("ss0", 5500), provider, wire.response).await;
    let at = "2026-11-22T12:01:50Z".parse().unwrap();
    let unknown = ["ss0/auth.cert.der"];
    let player = stage.play(Server::Ss1, exchange, at, scripted(&[], ""), &unknown).await;
    let _other_id = ask(stage.address("ss1", 8080), exchange.consumer.request.clone()).await;
    let again = ask(stage.address("ss1", 8080), exchange.consumer.request.clone()).await;
    player.running.stop().await.unwrap();
    let accepted = peer.close().await.len();
    assert_eq!(accepted, 2, "the peer was accepted with the answer: {}", String::from_utf8_lossy(&again));
    let asked = ocsp.close().await;
    assert_eq!(asked.len(), 1, "the answer is kept");
    let ours = Http::read(&asked.first().unwrap().request);
    assert_eq!(ours.start, recorded.start);
    assert_eq!(ours.header("accept"), recorded.header("accept"));
    assert!(ours.body.is_empty());
}
