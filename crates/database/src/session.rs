//! One connection, on whatever thread it is used.

use crate::fault::Fault;
use crate::store::KEEPALIVES;
use crate::tls::Tls;
use crate::url::Url;
use postgres::{Client, NoTls};
use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use tokio::runtime::Handle;
use zeroize::Zeroizing;

/// How long TCP, TLS and the handshake may take together, whatever the address says.
const OPEN_MAX: Duration = Duration::from_secs(30);

/// A connection to a database. All calls block.
pub struct Session {
    client: Option<Client>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

impl Session {
    /// Connects, within half a minute. `purpose` is what the server's administrator sees of it.
    ///
    /// # Errors
    /// The server is away, or somebody else, or does not let us in.
    pub fn open(url: &Url, purpose: &str) -> Result<Self, Fault> {
        let mut config = url.config.clone();
        config.application_name(purpose);
        if let Some(file) = &url.password_file {
            config.password(password(file)?.lines().next().unwrap_or_default());
        }
        let tls = url.roots.as_deref().map(Tls::trusting).transpose().map_err(Fault::Refused)?;
        let connect = move || -> Result<Self, Fault> {
            let connected = match tls {
                None => config.connect(NoTls),
                Some(tls) => config.connect(tls),
            };
            let mut client = connected?;
            client.batch_execute(KEEPALIVES)?;
            Ok(Self { client: Some(client) })
        };
        // The client limits only the time of each TCP connect. A thread that waits for an answer in vain is left behind; it ends with its
        // connection, which keep-alives see to unless the server lives and is silent.
        let (tell, told) = mpsc::channel();
        let begun = thread::Builder::new().name("database".to_owned()).spawn(move || tell.send(connect()));
        begun.map_err(|why| Fault::Other(why.to_string()))?;
        told.recv_timeout(OPEN_MAX)
            .map_err(|_| Fault::Away(format!("no answer within {} seconds", OPEN_MAX.as_secs())))?
    }

    /// Does something with the connection.
    ///
    /// # Errors
    /// Whatever `act` answers.
    pub fn run<T, E>(&mut self, act: impl FnOnce(&mut Client) -> Result<T, E> + Send) -> Result<T, E>
    where
        T: Send,
        E: Send + From<Fault>,
    {
        let Some(client) = &mut self.client else { return Err(gone().into()) };
        outside(|| act(client))
    }
}

impl Drop for Session {
    /// Says good-bye, which blocks too.
    fn drop(&mut self) {
        let client = self.client.take();
        let _ended: Result<(), Fault> = outside(move || {
            drop(client);
            Ok(())
        });
    }
}

/// A file that nobody else may read.
fn password(file: &Path) -> Result<Zeroizing<String>, Fault> {
    let shown = file.display();
    let unreadable = |why: io::Error| Fault::Refused(format!("{shown} cannot be read: {why}"));
    let mut opened = File::open(file).map_err(unreadable)?;
    if opened.metadata().map_err(unreadable)?.permissions().mode() & 0o077 != 0 {
        return Err(Fault::Refused(format!("{shown} can be read by others; run: chmod 600 {shown}")));
    }
    let mut text = Zeroizing::new(String::new());
    opened.read_to_string(&mut text).map_err(unreadable)?;
    Ok(text)
}

fn gone() -> Fault {
    Fault::Other("the thread that used the connection has ended".to_owned())
}

/// The client drives a runtime of its own, which must not be done inside another one: there it gets a thread for the time of the call.
fn outside<T: Send, E: Send + From<Fault>>(act: impl FnOnce() -> Result<T, E> + Send) -> Result<T, E> {
    if Handle::try_current().is_err() {
        return act();
    }
    thread::scope(|scope| {
        let started = thread::Builder::new().name("database".to_owned()).spawn_scoped(scope, act);
        let started = started.map_err(|why| E::from(Fault::Other(why.to_string())))?;
        started.join().map_err(|_| E::from(gone()))?
    })
}
