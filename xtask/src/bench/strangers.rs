//! Those who hold connections and do next to nothing: what `bench abuse` sets beside an ordinary consumer. A process of its own.

use super::nation::{GROUND, Nation};
use super::service;
use anyhow::{Context as _, Result, bail};
use rustix::net::{AddressFamily, SocketType, bind, connect, socket, sockopt};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::time::Duration;

/// Other handles than connections.
const HANDLES_BESIDES: u64 = 64;
/// They come from so many addresses, 127.0.0.2 and those behind it.
const ADDRESSES: usize = 250;
/// As little as a system keeps for whoever does not read.
const RECEIVE_BYTES: usize = 4096;

/// What they do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing, on every port.
    Idle,
    /// Send half a head, or half of what begins TLS, and then one byte a second, on every port.
    Heads,
    /// Send a body as slowly as is still taken, to the consumer's port.
    Bodies,
    /// Ask for something long, on the consumer's port, and do not read it.
    Answers,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::Idle, Self::Heads, Self::Bodies, Self::Answers];

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Heads => "half-heads",
            Self::Bodies => "slow-bodies",
            Self::Answers => "unread-answers",
        }
    }

    /// How many of them there are beside so many idle connections: each of the others costs more.
    pub(super) fn share(self, idle: usize) -> usize {
        let part = match self {
            Self::Idle => 1,
            Self::Heads => 10,
            Self::Bodies => 50,
            Self::Answers => 200,
        };
        idle.checked_div(part).unwrap_or(idle).max(1)
    }

    fn doors(self) -> Vec<Door> {
        match self {
            Self::Idle | Self::Heads => Door::ALL.to_vec(),
            Self::Bodies | Self::Answers => vec![Door::Plain],
        }
    }

    /// What comes every second.
    const fn drip(self) -> &'static [u8] {
        match self {
            Self::Idle | Self::Answers => b"",
            Self::Heads => b"a",
            // Twice as much as a body has to move.
            Self::Bodies => &[b'a'; 64],
        }
    }

    /// What comes first.
    fn opening(self, door: Door) -> Vec<u8> {
        let request = |method, path, header| {
            let (to, client) = (GROUND.path(), Nation::client());
            format!("{method} {to}{path} HTTP/1.1\r\nHost: gateway\r\nX-Road-Client: {client}\r\n{header}")
        };
        match (self, door) {
            (Self::Idle, _) => Vec::new(),
            (Self::Heads, Door::Plain) => request("GET", "/small", "X-Slow: ").into_bytes(),
            (Self::Heads, Door::Ocsp) => b"GET / HTTP/1.1\r\nX-Slow: ".to_vec(),
            // The beginning of a ClientHello that announces 508 bytes.
            (_, Door::ConsumerTls | Door::Peer | Door::Ocsp) => vec![22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3],
            (Self::Bodies, Door::Plain) => request(
                "POST",
                "/body",
                "Content-Type: application/octet-stream\r\nContent-Length: 1048576\r\n\r\n",
            )
            .into_bytes(),
            (Self::Answers, Door::Plain) => request("GET", service::LARGE, "\r\n").into_bytes(),
        }
    }
}

/// A port that others reach: where consumers ask, of the consumer's gateway, and where peers do, of the provider's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    Plain,
    ConsumerTls,
    Peer,
    Ocsp,
}

impl Door {
    const ALL: [Self; 4] = [Self::Plain, Self::ConsumerTls, Self::Peer, Self::Ocsp];

    fn address(self) -> Result<SocketAddrV4> {
        let (host, port) = match self {
            Self::Plain => (11, 8080),
            Self::ConsumerTls => (11, 8443),
            Self::Peer => (12, 5500),
            Self::Ocsp => (12, 5577),
        };
        let text = format!("{}.{host}:{port}", GROUND.base);
        text.parse().with_context(|| format!("{text} is no address"))
    }
}

/// Lets this process and those that it starts hold so many connections, or says that the system does not.
pub(super) fn allow(connections: usize) -> Result<()> {
    let wanted = u64::try_from(connections)?.saturating_add(HANDLES_BESIDES);
    let limit = getrlimit(Resource::Nofile);
    if let Some(most) = limit.maximum.filter(|most| *most < wanted) {
        bail!(
            "a process may hold {most} file handles here (ulimit -Hn), and {wanted} are needed: raise that, or ask for fewer with \
             --connections"
        );
    }
    if limit.current.is_some_and(|now| now < wanted) {
        setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })
            .context("the number of file handles cannot be raised")?;
    }
    Ok(())
}

/// Holds so many connections until it is ended; says every second how many there are. One that is closed is opened again.
pub(crate) fn serve(kind: &str, count: &str) -> Result<()> {
    let kind = Kind::ALL.into_iter().find(|known| known.word() == kind).context("no such strangers")?;
    let count: usize = count.parse().context("not a number of strangers")?;
    allow(count)?;
    let doors = kind.doors();
    let mut sockets: Vec<Option<TcpStream>> = (0..count).map(|_| None).collect();
    let mut cut = 0_usize;
    loop {
        for (number, (place, door)) in sockets.iter_mut().zip(doors.iter().cycle()).enumerate() {
            if place.as_mut().is_some_and(|socket| !goes_on(kind, socket)) {
                *place = None;
                cut = cut.saturating_add(1);
            }
            if place.is_none() {
                *place = open(kind, *door, number).ok();
            }
        }
        let held =
            sockets.iter().flatten().filter(|socket| kind != Kind::Answers || has_begun(socket)).count();
        println!("{}", Held { held, cut });
        #[expect(clippy::disallowed_methods, reason = "whoever is slow waits")]
        std::thread::sleep(Duration::from_secs(1));
    }
}

fn open(kind: Kind, door: Door, number: usize) -> Result<TcpStream> {
    let last = u8::try_from(number.checked_rem(ADDRESSES).unwrap_or_default())?.saturating_add(2);
    let handle = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    if kind == Kind::Answers {
        sockopt::set_socket_recv_buffer_size(&handle, RECEIVE_BYTES)?;
    }
    bind(&handle, &SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, last), 0))?;
    connect(&handle, &door.address()?)?;
    let mut stream = TcpStream::from(handle);
    stream.write_all(&kind.opening(door))?;
    stream.set_nonblocking(true)?;
    Ok(stream)
}

/// Does what comes every second; whether the connection is still there.
fn goes_on(kind: Kind, socket: &mut TcpStream) -> bool {
    if kind == Kind::Answers {
        return matches!(socket.take_error(), Ok(None));
    }
    let waits = |error: std::io::Error| error.kind() == ErrorKind::WouldBlock;
    let sent = socket.write(kind.drip()).map_or_else(waits, |_| true);
    sent && socket.read(&mut [0; 1024]).map_or_else(waits, |bytes| bytes > 0)
}

fn has_begun(socket: &TcpStream) -> bool {
    socket.peek(&mut [0]).is_ok_and(|bytes| bytes > 0)
}

/// What the process says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Held {
    /// Connections that are there; of unread answers those that have begun.
    pub(super) held: usize,
    /// How many the gateways have closed so far.
    pub(super) cut: usize,
}

impl std::fmt::Display for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "held {} cut {}", self.held, self.cut)
    }
}

impl Held {
    pub(super) fn read(line: &str) -> Option<Self> {
        let (held, cut) = line.strip_prefix("held ")?.split_once(" cut ")?;
        Some(Self { held: held.parse().ok()?, cut: cut.parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_how_many_there_are() {
        let held = Held { held: 9_990, cut: 10 };
        assert_eq!(Held::read(&held.to_string()), Some(held));
        assert_eq!((Held::read("held 3"), Held::read("xtask: no such strangers")), (None, None));
    }

    #[test]
    fn the_more_one_of_them_costs_the_fewer_there_are() {
        assert_eq!(Kind::ALL.map(|kind| kind.share(10_000)), [10_000, 1_000, 200, 50]);
        assert_eq!(Kind::ALL.map(|kind| kind.share(1)), [1; 4]);
    }

    #[test]
    fn a_head_that_drips_never_ends_and_a_slow_body_is_one_that_is_still_taken() {
        for door in Kind::Heads.doors() {
            let opening = Kind::Heads.opening(door);
            assert!(!opening.windows(4).any(|end| end == b"\r\n\r\n"), "{door:?}");
        }
        assert!(Kind::Bodies.opening(Door::Plain).ends_with(b"\r\n\r\n"));
        assert!(Kind::Bodies.drip().len() * 30 > 1024);
    }
}
