//! Requests on their way to a service: they may take longer than the service may stay silent, and the answer may come before they have
//! been read (data-plane 4.10).

use super::tools::{spooled, until};
use gateway::Log;
use std::net::SocketAddr;
use std::sync::Arc;
use testkit::{Answer, Choices, Nation, call, ring};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Semaphore;

/// Much more than two sockets hold between them.
const BODY_BYTES: usize = 24_000_000;
const TOO_LARGE: &[u8] =
    b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 8\r\n\r\ntoo much";

/// Small enough that a whole upload of them takes long when something is done between each two.
const PIECE_BYTES: usize = 32_000;

/// How a service treats a request: as its path says.
#[derive(Debug, Clone)]
enum Habit {
    /// It answers at once.
    Quick,
    /// It takes each piece of the first half when it is told to, and then the rest.
    Rests(Arc<Semaphore>),
    /// It stops reading in the middle and does nothing more.
    Stalls,
    /// It answers in the middle, reads no more, and waits for the other side to go.
    AnswersEarly,
    /// It answers in the middle and goes, so that the system resets the connection.
    AnswersAndGoes,
    /// It sends back each piece as it comes.
    Mirrors,
}

impl Habit {
    fn of(head: &[u8], pieces: &Arc<Semaphore>) -> Self {
        let path = head.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
        match path.rsplit(|byte| *byte == b'/').next().unwrap_or_default() {
            b"rests" => Self::Rests(Arc::clone(pieces)),
            b"stalls" => Self::Stalls,
            b"answers-early" => Self::AnswersEarly,
            b"answers-and-goes" => Self::AnswersAndGoes,
            b"mirrors" => Self::Mirrors,
            _ => Self::Quick,
        }
    }
}

/// A service of plain bytes with a small window.
fn serve(at: SocketAddr, pieces: Arc<Semaphore>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(64 * 1024).unwrap();
    socket.bind(at).unwrap();
    let listener = socket.listen(16).unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let pieces = Arc::clone(&pieces);
            // A caller that goes ends it.
            tokio::spawn(async move { drop(answer(socket, &pieces).await) });
        }
    });
}

async fn answer(mut socket: TcpStream, pieces: &Arc<Semaphore>) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await?);
    }
    let all = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nall";
    let habit = Habit::of(&head, pieces);
    match habit {
        Habit::Quick => return socket.write_all(all).await,
        Habit::Mirrors => {
            let ok = format!("HTTP/1.1 200 OK\r\nContent-Length: {BODY_BYTES}\r\n\r\n");
            socket.write_all(ok.as_bytes()).await?;
        }
        Habit::Rests(_) | Habit::Stalls | Habit::AnswersEarly | Habit::AnswersAndGoes => {}
    }
    let mut piece = vec![0_u8; PIECE_BYTES];
    for number in 0..BODY_BYTES / PIECE_BYTES {
        socket.read_exact(&mut piece).await?;
        match &habit {
            Habit::Quick => {}
            // The last pieces may lie in buffers when the gateway has sent everything.
            Habit::Rests(pieces) if number < BODY_BYTES / PIECE_BYTES / 2 => {
                if let Ok(piece) = pieces.acquire().await {
                    piece.forget();
                }
                ring();
            }
            Habit::Rests(_) => {}
            Habit::Mirrors => socket.write_all(&piece).await?,
            Habit::AnswersAndGoes => return socket.write_all(TOO_LARGE).await,
            Habit::AnswersEarly => {
                socket.write_all(TOO_LARGE).await?;
                std::future::pending::<()>().await;
            }
            Habit::Stalls => std::future::pending().await,
        }
    }
    if matches!(habit, Habit::Rests(_)) {
        socket.write_all(all).await?;
    }
    Ok(())
}

async fn post(nation: &Nation, habit: &str, body: &[u8]) -> Answer {
    let head = call("POST", &format!("/v1/{habit}")).with("Content-Type", "application/octet-stream");
    nation.send(head, Some(body)).await.unwrap()
}

/// A nation whose service has a second for each step, and what lets the service go on that rests.
async fn impatient() -> (Nation, Arc<Semaphore>) {
    let choices = Choices { log: Log { bodies: false, ..Log::default() }, ..Choices::default() };
    let nation = Nation::start_with(choices).await.unwrap();
    let at = nation.address(40, 9080);
    let pieces = Arc::new(Semaphore::new(0));
    serve(at, Arc::clone(&pieces));
    let mut settings = nation.provider_settings().unwrap();
    settings.clients[0].services[0].url = format!("http://{at}");
    settings.clients[0].services[0].timeout_seconds = 1;
    nation.provider.apply(&settings).await.unwrap();
    (nation, pieces)
}

fn body() -> Vec<u8> {
    (0..BODY_BYTES).map(|at| u8::try_from((at ^ (at >> 9)) % 251).unwrap()).collect()
}

/// The rests between pieces last as long as a quick exchange; altogether they last longer than the service may be silent, since an upload
/// that was begun later and stalls is given up meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn an_upload_may_take_longer_than_the_service_may_be_silent() {
    let (nation, pieces) = impatient().await;
    let body = body();
    let slow = post(&nation, "rests", &body);
    let beside = async {
        // When it has been taken, the slow upload has begun.
        pieces.add_permits(1);
        until("the slow upload has begun", || pieces.available_permits() == 0).await;
        let stalling = post(&nation, "stalls", &body);
        let pacing = async {
            loop {
                assert_eq!(post(&nation, "quick", b"").await.status, 200);
                pieces.add_permits(1);
            }
        };
        let stalled = tokio::select! {
            stalled = stalling => stalled,
            () = pacing => unreachable!("it goes on and on"),
        };
        assert_eq!(stalled.fault().as_deref(), Some("server.serverproxy.io_error"), "{}", stalled.text());
        // Nobody has to wait any more.
        pieces.close();
    };
    let mut slow = std::pin::pin!(slow);
    tokio::select! {
        () = beside => {}
        slow = &mut slow => panic!("it did not last: {} {}", slow.status, slow.text()),
    }
    let slow = slow.await;
    assert_eq!((slow.status, slow.text().as_str()), (200, "all"), "it takes the body slowly");
    until("the spools are empty", || {
        spooled(&nation.consumer.config) + spooled(&nation.provider.config) == 0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn question_and_answer_run_beside_each_other_and_an_early_answer_is_an_answer() {
    let (nation, _) = impatient().await;
    let body = body();
    let mirrored = post(&nation, "mirrors", &body).await;
    assert_eq!(mirrored.status, 200);
    assert!(mirrored.body == body, "question and answer run beside each other");
    for early in ["answers-early", "answers-and-goes"] {
        let answer = post(&nation, early, &body).await;
        assert_eq!((answer.status, answer.text().as_str()), (413, "too much"), "{early}");
        assert_eq!(answer.fault(), None, "{early}");
    }
    until("the spools are empty", || {
        spooled(&nation.consumer.config) + spooled(&nation.provider.config) == 0
    })
    .await;
}
