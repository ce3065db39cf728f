//! Requests on their way to a service: they may take longer than the service may stay silent, and the answer may come before they have
//! been read (data-plane 4.10).

use super::tools::{spooled, until};
use gateway::Log;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testkit::{Answer, Choices, Nation, call};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

/// Much more than two sockets hold between them.
const BODY_BYTES: usize = 24_000_000;
const TOO_LARGE: &[u8] =
    b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 8\r\n\r\ntoo much";

/// How a service treats a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Habit {
    /// It rests between pieces, each time for less than its time-out, altogether for longer.
    Rests,
    /// It stops reading in the middle and does nothing more.
    Stalls,
    /// It answers in the middle, reads no more, and waits for the other side to go.
    AnswersEarly,
    /// It answers in the middle and goes, so that the system resets the connection.
    AnswersAndGoes,
    /// It sends back each piece as it comes.
    Mirrors,
}

/// A service of plain bytes with a small window.
fn serve(at: SocketAddr, habit: Arc<Mutex<Habit>>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(64 * 1024).unwrap();
    socket.bind(at).unwrap();
    let listener = socket.listen(16).unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let habit = *habit.lock().unwrap();
            // A caller that goes ends it.
            tokio::spawn(async move { drop(answer(socket, habit).await) });
        }
    });
}

async fn answer(mut socket: TcpStream, habit: Habit) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await?);
    }
    let mut piece = vec![0_u8; BODY_BYTES / 24];
    let ok = format!("HTTP/1.1 200 OK\r\nContent-Length: {BODY_BYTES}\r\n\r\n");
    if habit == Habit::Mirrors {
        socket.write_all(ok.as_bytes()).await?;
    }
    for number in 0..24 {
        socket.read_exact(&mut piece).await?;
        match habit {
            // The last pieces may lie in buffers when the gateway has sent everything.
            Habit::Rests if number < 12 => tokio::time::sleep(Duration::from_millis(200)).await,
            Habit::Rests => {}
            Habit::Mirrors => socket.write_all(&piece).await?,
            Habit::AnswersAndGoes => return socket.write_all(TOO_LARGE).await,
            Habit::AnswersEarly => {
                socket.write_all(TOO_LARGE).await?;
                std::future::pending::<()>().await;
            }
            Habit::Stalls => std::future::pending().await,
        }
    }
    if habit == Habit::Rests {
        socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nall").await?;
    }
    Ok(())
}

async fn post(nation: &Nation, body: &[u8]) -> Answer {
    nation
        .send(call("POST", "/v1").with("Content-Type", "application/octet-stream"), Some(body))
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_may_take_long_and_an_early_answer_is_an_answer() {
    let choices = Choices { log: Log { bodies: false, ..Log::default() }, ..Choices::default() };
    let nation = Nation::start_with(choices).await.unwrap();
    let at = nation.address(40, 9080);
    let habit = Arc::new(Mutex::new(Habit::Rests));
    serve(at, Arc::clone(&habit));
    let mut settings = nation.provider_settings().unwrap();
    settings.clients[0].services[0].url = format!("http://{at}");
    settings.clients[0].services[0].timeout_seconds = 1;
    nation.provider.apply(&settings).await.unwrap();
    let body: Vec<u8> = (0..BODY_BYTES).map(|at| u8::try_from((at ^ (at >> 9)) % 251).unwrap()).collect();

    let slow = post(&nation, &body).await;
    assert_eq!((slow.status, slow.text().as_str()), (200, "all"), "it takes the body slowly");

    *habit.lock().unwrap() = Habit::Mirrors;
    let mirrored = post(&nation, &body).await;
    assert_eq!(mirrored.status, 200);
    assert!(mirrored.body == body, "question and answer run beside each other");

    for early in [Habit::AnswersEarly, Habit::AnswersAndGoes] {
        *habit.lock().unwrap() = early;
        let answer = post(&nation, &body).await;
        assert_eq!((answer.status, answer.text().as_str()), (413, "too much"), "{early:?}");
        assert_eq!(answer.fault(), None, "{early:?}");
    }

    *habit.lock().unwrap() = Habit::Stalls;
    let stalled = post(&nation, &body).await;
    assert_eq!(stalled.fault().as_deref(), Some("server.serverproxy.io_error"), "{}", stalled.text());
    until("the spools are empty", || {
        spooled(&nation.consumer.config) + spooled(&nation.provider.config) == 0
    })
    .await;
}
