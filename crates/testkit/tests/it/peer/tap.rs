//! A wire that anybody may look at: passes TCP connections on, and keeps what passed as it passed. Of TLS it reads what is in the clear.

use anyhow::Result;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use testkit::ring;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// The extension in which a client offers a session, and in which a server takes it up (RFC 8446, 4.2).
const PRE_SHARED_KEY: u16 = 41;

/// What passed on one connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct Passed {
    /// From the one who connected.
    pub(crate) asked: Vec<u8>,
    /// To the one who connected.
    pub(crate) answered: Vec<u8>,
    pub(crate) open: bool,
}

impl Passed {
    /// The client hello offers to resume a session of TLS 1.3.
    pub(crate) fn offers_a_session(&self) -> bool {
        extensions(&self.asked, 1).contains(&PRE_SHARED_KEY)
    }

    /// The server hello takes the offer.
    pub(crate) fn resumes(&self) -> bool {
        self.offers_a_session() && extensions(&self.answered, 2).contains(&PRE_SHARED_KEY)
    }

    /// The server answered with an alert and nothing else.
    pub(crate) fn is_turned_away(&self) -> bool {
        self.answered.first() == Some(&21) && self.answered.len() == 7
    }
}

/// The types of the extensions in the hello of this type, if the bytes begin with one.
fn extensions(bytes: &[u8], hello: u8) -> Vec<u16> {
    read_extensions(bytes, hello).unwrap_or_default()
}

fn read_extensions(bytes: &[u8], hello: u8) -> Option<Vec<u16>> {
    fn number(bytes: &mut &[u8], length: usize) -> Option<usize> {
        let (number, rest) = bytes.split_at_checked(length)?;
        *bytes = rest;
        number.iter().try_fold(0_usize, |sum, byte| sum.checked_mul(256)?.checked_add(usize::from(*byte)))
    }
    fn block<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
        let length = number(bytes, length)?;
        let (block, rest) = bytes.split_at_checked(length)?;
        *bytes = rest;
        Some(block)
    }
    let (head, mut rest) = bytes.split_at_checked(3)?;
    let mut record = block(&mut rest, 2)?;
    if head.first() != Some(&22) || number(&mut record, 1)? != usize::from(hello) {
        return None;
    }
    let mut body = block(&mut record, 3)?.get(34..)?;
    block(&mut body, 1)?;
    if hello == 1 {
        block(&mut body, 2)?;
        block(&mut body, 1)?;
    } else {
        body = body.get(3..)?;
    }
    let mut list = block(&mut body, 2)?;
    let mut types = vec![];
    while !list.is_empty() {
        types.push(u16::try_from(number(&mut list, 2)?).ok()?);
        block(&mut list, 2)?;
    }
    Some(types)
}

/// The wire; it ends with the test's runtime.
#[derive(Debug, Clone)]
pub(crate) struct Tap {
    to: Arc<Mutex<SocketAddr>>,
    passed: Arc<Mutex<Vec<Passed>>>,
}

impl Tap {
    /// From one address to another.
    pub(crate) async fn start(from: SocketAddr, to: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind(from).await?;
        let tap = Self { to: Arc::new(Mutex::new(to)), passed: Arc::default() };
        let own = tap.clone();
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let own = own.clone();
                tokio::spawn(async move { own.connection(near).await });
            }
        });
        Ok(tap)
    }

    /// New connections are led there.
    pub(crate) fn lead_to(&self, to: SocketAddr) {
        *self.to.lock().unwrap_or_else(PoisonError::into_inner) = to;
    }

    /// What passed on each connection so far.
    pub(crate) fn passed(&self) -> Vec<Passed> {
        self.passed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether all connections have ended.
    pub(crate) fn is_quiet(&self) -> bool {
        self.passed().iter().all(|passed| !passed.open)
    }

    async fn connection(&self, near: TcpStream) {
        let number = {
            let mut all = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
            all.push(Passed { open: true, ..Passed::default() });
            all.len().saturating_sub(1)
        };
        let to = *self.to.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(far) = TcpStream::connect(to).await {
            let (near_read, near_write) = near.into_split();
            let (far_read, far_write) = far.into_split();
            let asked = pass(near_read, far_write, |bytes| {
                self.note(number, |passed| passed.asked.extend_from_slice(bytes));
            });
            let answered = pass(far_read, near_write, |bytes| {
                self.note(number, |passed| passed.answered.extend_from_slice(bytes));
            });
            // Whichever direction fails, both are dropped.
            let _ended = tokio::try_join!(asked, answered);
        }
        self.note(number, |passed| passed.open = false);
    }

    fn note(&self, number: usize, what: impl FnOnce(&mut Passed)) {
        if let Some(passed) = self.passed.lock().unwrap_or_else(PoisonError::into_inner).get_mut(number) {
            what(passed);
        }
        ring();
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, note: impl Fn(&[u8])) -> std::io::Result<()> {
    let mut piece = vec![0_u8; 32 * 1024];
    loop {
        let read = from.read(&mut piece).await?;
        let bytes = piece.get(..read).unwrap_or_default();
        if bytes.is_empty() {
            return to.shutdown().await;
        }
        note(bytes);
        to.write_all(bytes).await?;
    }
}
