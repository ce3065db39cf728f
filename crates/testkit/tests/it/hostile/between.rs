//! A peer in the middle that does harm: it ends TLS on both sides as the one gateway and as the other, so that it knows where each part of
//! a message begins and ends, and does what it was told to do at exactly that place.

use crate::peer::recorder::{between, find, message, pass_on};
use anyhow::{Context as _, Result, ensure};
use openssl::ssl::{Ssl, SslContext};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use testkit::{Nation, ring};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_openssl::SslStream;

/// The path under which a request names the fault that shall befall it.
pub(crate) const CASE: &str = "/v1/case-";

/// Which message is harmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leg {
    Asked,
    Answered,
}

/// A place in a message; what stands before it passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum At {
    Start,
    InHead,
    HeadEnd,
    /// Behind the boundary line of a part.
    Line(usize),
    /// A few bytes into the content of a part.
    Part(usize),
    /// Before the closing boundary.
    BeforeEnd,
    /// Behind the closing boundary; the end of the HTTP message is missing.
    AfterEnd,
    /// Nothing is missing.
    Whole,
    /// While so many bytes and more are still on their way.
    Streaming(usize),
}

/// What is done there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deed {
    /// TLS is ended, then the connection.
    Close,
    /// The connection is ended.
    Drop,
    /// The connection is reset.
    Reset,
    /// Nothing more is sent, read or closed.
    Stall,
    /// The direction to the provider's gateway is ended, the other goes on.
    HalfClose,
    /// The same bytes go over two connections; of the answers the first is passed on.
    Twice,
}

/// What befalls one request or its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) leg: Leg,
    pub(crate) at: At,
    pub(crate) deed: Deed,
}

/// The peer in the middle; it ends with the test's runtime.
#[derive(Debug, Clone)]
pub(crate) struct Between {
    to: SocketAddr,
    contexts: (SslContext, SslContext),
    faults: Arc<Mutex<Vec<Fault>>>,
    last: Arc<Mutex<(Vec<u8>, Vec<u8>)>>,
    released: watch::Sender<usize>,
    open: watch::Sender<usize>,
}

type Stream = SslStream<TcpStream>;

impl Between {
    /// Stands before the provider's gateway, on 5500 and 5577.
    pub(crate) async fn start(nation: &Nation, own_kind: bool) -> Result<Self> {
        let listen = &nation.provider.config.listen;
        let own = Self {
            to: listen.transport,
            contexts: between(nation, own_kind)?,
            faults: Arc::default(),
            last: Arc::default(),
            released: watch::Sender::new(0),
            open: watch::Sender::new(0),
        };
        let at = nation.address(51, listen.transport.port());
        let listener = TcpListener::bind(at).await?;
        let serving = own.clone();
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let own = serving.clone();
                own.open.send_modify(|open| *open += 1);
                tokio::spawn(async move {
                    if let Err(error) = own.connection(near).await {
                        println!("between: {error:#}");
                    }
                    own.open.send_modify(|open| *open -= 1);
                    ring();
                });
            }
        });
        let ocsp = TcpListener::bind(SocketAddr::new(at.ip(), listen.ocsp.port())).await?;
        tokio::spawn(pass_on(ocsp, listen.ocsp));
        let mut state = nation.registry_state.clone();
        for server in state.servers.iter_mut().filter(|server| server.code == "interior") {
            server.address = Some(at.ip().to_string());
        }
        nation.publish(&state).await?;
        Ok(own)
    }

    /// The path of a request that this shall befall.
    pub(crate) fn case(&self, fault: Fault) -> String {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        faults.push(fault);
        format!("{CASE}{}-", faults.len() - 1)
    }

    /// Whoever stalls ends now.
    pub(crate) fn release(&self) {
        self.released.send_modify(|times| *times += 1);
    }

    /// Waits until so many connections are open at most; a minute is too long.
    pub(crate) async fn comes_down_to(&self, most: usize) {
        let mut open = self.open.subscribe();
        let came = tokio::time::timeout(Duration::from_secs(60), open.wait_for(|open| *open <= most)).await;
        assert!(came.is_ok(), "{} connections stay open, and not {most}", self.open());
    }

    pub(crate) fn open(&self) -> usize {
        *self.open.borrow()
    }

    /// Request and answer of the last exchange that nothing befell.
    pub(crate) fn last(&self) -> (Vec<u8>, Vec<u8>) {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A connection to the provider's gateway, as the consumer's makes it.
    pub(crate) async fn connect(&self) -> Result<Stream> {
        let far = TcpStream::connect(self.to).await?;
        far.set_nodelay(true)?;
        let mut far = SslStream::new(Ssl::new(&self.contexts.1)?, far)?;
        Pin::new(&mut far).connect().await?;
        Ok(far)
    }

    fn fault(&self, request: &[u8]) -> Option<Fault> {
        let at = find(request, CASE.as_bytes())? + CASE.len();
        let digits: Vec<u8> = request.get(at..)?.iter().copied().take_while(|byte| *byte != b'-').collect();
        let number: usize = String::from_utf8(digits).ok()?.parse().ok()?;
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).get(number).copied()
    }

    async fn connection(&self, near: TcpStream) -> Result<()> {
        // What waited for an acknowledgement would be lost with a reset.
        near.set_nodelay(true)?;
        let mut near = SslStream::new(Ssl::new(&self.contexts.0)?, near)?;
        Pin::new(&mut near).accept().await?;
        let mut far = self.connect().await?;
        loop {
            let Some(request) = self.request(&mut near).await? else { return Ok(()) };
            let Some(fault) = self.fault(&request) else {
                far.write_all(&request).await?;
                let (answer, goes_on) = answer(&mut far).await?;
                near.write_all(&answer).await?;
                *self.last.lock().unwrap_or_else(PoisonError::into_inner) = (request, answer);
                if goes_on {
                    continue;
                }
                // The other side may have gone.
                let _closed = near.shutdown().await;
                return Ok(());
            };
            return self.harm(near, far, &request, fault).await;
        }
    }

    /// A whole request, or its beginning where it shall be harmed while it streams; `None` at the end of the connection.
    async fn request(&self, near: &mut Stream) -> Result<Option<Vec<u8>>> {
        let mut bytes = Vec::new();
        while message(&bytes, false).is_none() {
            if let Some(Fault { at: At::Streaming(enough), .. }) = self.fault(&bytes)
                && bytes.len() >= enough
            {
                return Ok(Some(bytes));
            }
            if near.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                ensure!(bytes.is_empty(), "a request was cut");
                return Ok(None);
            }
        }
        Ok(Some(bytes))
    }

    async fn harm(&self, mut near: Stream, mut far: Stream, request: &[u8], fault: Fault) -> Result<()> {
        let Fault { leg, at, deed } = fault;
        if leg == Leg::Asked {
            far.write_all(&request[..place(request, at)?]).await?;
            match deed {
                Deed::HalfClose => {
                    far.shutdown().await?;
                    near.write_all(&answer(&mut far).await?.0).await?;
                    return Ok(near.shutdown().await?);
                }
                Deed::Twice => {
                    let mut second = self.connect().await?;
                    second.write_all(request).await?;
                    let (first, _) = answer(&mut far).await?;
                    let (second, _) = answer(&mut second).await?;
                    ensure!(find(&second, b"x-road-rest-response").is_some(), "the second has no answer");
                    near.write_all(&first).await?;
                    return Ok(near.shutdown().await?);
                }
                Deed::Close | Deed::Drop | Deed::Reset => self.end(far, deed).await?,
                // It stays open as long as the other.
                Deed::Stall => {}
            }
        } else {
            far.write_all(request).await?;
            let (answer, _) = answer(&mut far).await?;
            near.write_all(&answer[..place(&answer, at)?]).await?;
        }
        self.end(near, deed).await
    }

    async fn end(&self, mut stream: Stream, deed: Deed) -> Result<()> {
        match deed {
            // The other side may have gone.
            Deed::Close => drop(stream.shutdown().await),
            Deed::Reset => stream.get_ref().set_zero_linger()?,
            Deed::Stall => {
                let mut released = self.released.subscribe();
                let _released = released.changed().await;
            }
            Deed::Drop | Deed::HalfClose | Deed::Twice => {}
        }
        Ok(())
    }
}

/// A whole answer, and whether the connection goes on.
pub(crate) async fn answer(far: &mut (impl AsyncRead + Unpin)) -> Result<(Vec<u8>, bool)> {
    let mut bytes = Vec::new();
    loop {
        if message(&bytes, false).is_some() {
            return Ok((bytes, true));
        }
        // An end without TLS's own is an end too.
        if far.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            ensure!(message(&bytes, true).is_some(), "an answer was cut after {} bytes", bytes.len());
            return Ok((bytes, false));
        }
    }
}

/// How many parts a message has.
pub(crate) fn parts(bytes: &[u8]) -> usize {
    lines(bytes).map_or(0, |(_, lines)| lines.len() - 1)
}

/// Where the boundary lines of a message begin, the closing one last; and the boundary.
pub(crate) fn lines(bytes: &[u8]) -> Result<(Vec<u8>, Vec<usize>)> {
    let head = find(bytes, b"\r\n\r\n").context("no head")?;
    let start = find(bytes, b"boundary=").context("no boundary")? + b"boundary=".len();
    let name = bytes[start..].iter().take_while(|byte| !b"\r;\"".contains(byte));
    let line: Vec<u8> = b"--".iter().chain(name).copied().collect();
    let mut found = vec![];
    let mut from = head;
    while let Some(at) = find(&bytes[from..], &line) {
        found.push(from + at);
        from += at + line.len();
    }
    Ok((line, found))
}

fn place(bytes: &[u8], at: At) -> Result<usize> {
    let behind = |from: usize, what: &[u8]| find(&bytes[from..], what).map(|at| from + at + what.len());
    let head = behind(0, b"\r\n\r\n").context("no head")?;
    let (_, lines) = lines(bytes)?;
    let part = |number: usize| lines.get(number).copied().context("no such part");
    let found = match at {
        At::Start => Some(0),
        At::InHead => Some(head / 2),
        At::HeadEnd => Some(head),
        At::Line(number) => behind(part(number)?, b"\r\n"),
        At::Part(number) => behind(part(number)?, b"\r\n\r\n").map(|at| at + 6),
        At::BeforeEnd => lines.last().copied(),
        At::AfterEnd => behind(part(lines.len() - 1)?, b"--\r\n"),
        At::Whole => Some(bytes.len()),
        At::Streaming(_) => Some(0),
    };
    found.context("the message has no such place")
}
