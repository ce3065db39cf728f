//! What is exchanged while processes are killed: clients that ask, each on a connection of its own, and the service that answers. Every
//! request has an identifier and a body of its own, and is sent once.

use super::chance::Chance;
use super::http::Message;
use super::nation::GROUND;
use super::pause;
use crate::nation::CLIENT;
use anyhow::{Context as _, Result, bail};
use std::collections::BTreeMap;
use std::io::{BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

const CLIENTS: u64 = 4;
/// An exchange, or the way to the next one, never takes as long.
const WAIT: Duration = Duration::from_secs(90);
/// After a failure, so that a gateway that is down is not asked thousands of times.
const AGAIN: Duration = Duration::from_millis(25);
const BODY_BYTES_MAX: u64 = 4_000;
/// One in so many bodies does not fit into memory buffers.
const LARGE_EVERY: u64 = 20;
const LARGE_BYTES_MAX: u64 = 300_000;

/// What came of the exchanges so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// For each exchange that was answered with 200 and read to its end, a line: identifier, request identifier, length of the body.
    pub(super) acknowledged: Vec<String>,
    /// Answered with a fault.
    pub(super) refused: u64,
    /// Not answered, or not to the end.
    pub(super) unanswered: u64,
    /// How often the service was asked with an identifier.
    delivered: BTreeMap<String, u32>,
    /// An answer that belongs to another request, or is none.
    wrong: Vec<String>,
    /// Nothing more is asked.
    over: bool,
    /// Nothing more is answered.
    closed: bool,
}

impl Tally {
    /// What the service got, a line each.
    pub(super) fn delivered(&self) -> String {
        self.delivered.keys().map(|id| format!("{id}\n")).collect()
    }

    /// What the service got more than once.
    pub(super) fn delivered_twice(&self) -> impl Iterator<Item = &String> {
        self.delivered.iter().filter(|(_, times)| **times > 1).map(|(id, _)| id)
    }
}

#[derive(Debug, Default)]
struct Shared {
    tally: Mutex<Tally>,
    more: Condvar,
}

impl Shared {
    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, act: impl FnOnce(&mut Tally)) {
        act(&mut self.tally());
        self.more.notify_all();
    }
}

/// Running clients and service.
#[derive(Debug)]
pub(super) struct Load {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<()>>,
    service: Option<JoinHandle<()>>,
}

impl Load {
    pub(super) fn start(seed: u64) -> Result<Self> {
        let shared = Arc::new(Shared::default());
        let service = Some(serve(&shared)?);
        let clients = (0..CLIENTS).map(|number| {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || ask(&shared, seed, number))
        });
        let clients = clients.collect();
        Ok(Self { shared, clients, service })
    }

    /// Waits until so many more exchanges are acknowledged.
    pub(super) fn wait_for(&self, more: u64) -> Result<()> {
        if self.gets_through(more, WAIT)? {
            return Ok(());
        }
        let tally = self.shared.tally();
        bail!(
            "no exchange gets through any more; {} are refused, {} unanswered",
            tally.refused,
            tally.unanswered
        )
    }

    /// Whether so many more exchanges are acknowledged within a time.
    pub(super) fn gets_through(&self, more: u64, within: Duration) -> Result<bool> {
        let tally = self.shared.tally();
        let wanted = tally.acknowledged.len().saturating_add(usize::try_from(more)?);
        let waiting = |tally: &mut Tally| tally.acknowledged.len() < wanted && tally.wrong.is_empty();
        let waited = self.shared.more.wait_timeout_while(tally, within, waiting);
        let (tally, timed) = waited.unwrap_or_else(PoisonError::into_inner);
        match tally.wrong.first() {
            Some(wrong) => bail!("{wrong}"),
            None => Ok(!timed.timed_out()),
        }
    }

    pub(super) fn tally(&self) -> MutexGuard<'_, Tally> {
        self.shared.tally()
    }

    /// Lets what runs come to its end, begins nothing more, and gives the address of the service back.
    pub(super) fn stop(&mut self) {
        self.shared.add(|tally| tally.over = true);
        for client in self.clients.drain(..) {
            let _ended = client.join();
        }
        if let Some(service) = self.service.take() {
            self.shared.add(|tally| tally.closed = true);
            // It looks when somebody comes.
            let _looked = TcpStream::connect(GROUND.service_address());
            let _ended = service.join();
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop();
    }
}

fn ask(shared: &Shared, seed: u64, number: u64) {
    let mut chance = Chance::of(seed.wrapping_add(number.wrapping_mul(0x1234_5677)));
    let mut connection = None;
    let mut count = 0_u64;
    while !shared.tally().over {
        count = count.saturating_add(1);
        let large = chance.below(LARGE_EVERY) == 0;
        let length = chance.below(if large { LARGE_BYTES_MAX } else { BODY_BYTES_MAX }).saturating_add(1);
        let exchange = Exchange { id: format!("drill-{seed}-{number}-{count}"), length };
        match exchange.run(&mut connection) {
            Ok(answer) if answer.first.starts_with("HTTP/1.1 200") => {
                shared.add(|tally| match exchange.acknowledged(&answer) {
                    Some(line) => tally.acknowledged.push(line),
                    None => tally
                        .wrong
                        .push(format!("{} got the answer of something else: {answer:?}", exchange.id)),
                })
            }
            Ok(_) => {
                shared.add(|tally| tally.refused = tally.refused.saturating_add(1));
                pause(AGAIN);
            }
            Err(_) => {
                connection = None;
                shared.add(|tally| tally.unanswered = tally.unanswered.saturating_add(1));
                pause(AGAIN);
            }
        }
    }
}

struct Exchange {
    id: String,
    length: u64,
}

type Connection = BufReader<TcpStream>;

impl Exchange {
    /// The body, which nobody else has.
    fn body(&self) -> Vec<u8> {
        let length = usize::try_from(self.length).unwrap_or_default();
        self.id.bytes().chain([b'\n']).cycle().take(length).collect()
    }

    fn run(&self, connection: &mut Option<Connection>) -> Result<Message> {
        let reader = match connection {
            Some(kept) => kept,
            None => {
                let socket = TcpStream::connect(GROUND.consumer_address())?;
                socket.set_nodelay(true)?;
                socket.set_read_timeout(Some(WAIT))?;
                socket.set_write_timeout(Some(WAIT))?;
                connection.insert(BufReader::new(socket))
            }
        };
        let head = format!(
            "POST {}/exchanges HTTP/1.1\r\nHost: gateway\r\nX-Road-Client: {CLIENT}\r\nX-Road-Id: {}\r\n\
             Content-Type: text/plain\r\nContent-Length: {}\r\n\r\n",
            GROUND.path(),
            self.id,
            self.length
        );
        let socket = reader.get_mut();
        socket.write_all(&[head.as_bytes(), &self.body()].concat())?;
        let answer = Message::read(reader)?.context("the connection is closed")?;
        if answer.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close")) {
            *connection = None;
        }
        Ok(answer)
    }

    /// What is noted of it, if the answer is its own.
    fn acknowledged(&self, answer: &Message) -> Option<String> {
        let same = answer.header("x-road-id") == Some(&self.id) && answer.body == answer_to(&self.body());
        let request_id = answer.header("x-road-request-id")?;
        same.then(|| format!("{} {request_id} {}\n", self.id, self.length))
    }
}

fn answer_to(body: &[u8]) -> Vec<u8> {
    [b"answer to ", body].concat()
}

fn serve(shared: &Arc<Shared>) -> Result<JoinHandle<()>> {
    let address = GROUND.service_address();
    let listener = TcpListener::bind(&address).with_context(|| format!("{address} cannot be listened on"))?;
    let shared = Arc::clone(shared);
    Ok(std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            if shared.tally().closed {
                break;
            }
            let shared = Arc::clone(&shared);
            // A gateway that was killed breaks off.
            std::thread::spawn(move || answer(&socket, &shared).ok());
        }
    }))
}

fn answer(socket: &TcpStream, shared: &Shared) -> std::io::Result<()> {
    socket.set_nodelay(true)?;
    let mut reader = BufReader::new(socket);
    while let Some(request) = Message::read(&mut reader)? {
        let id = request.header("x-road-id").unwrap_or("without an identifier").to_owned();
        shared.add(|tally| {
            let times = tally.delivered.entry(id).or_default();
            *times = times.saturating_add(1);
        });
        let body = answer_to(&request.body);
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n", body.len());
        let mut socket = socket;
        socket.write_all(&[head.as_bytes(), &body].concat())?;
    }
    Ok(())
}
