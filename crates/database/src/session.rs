//! One connection, on whatever thread it is used.

use crate::fault::Fault;
use crate::tls::Tls;
use crate::url::Url;
use postgres::{Client, NoTls};
use std::fmt;
use std::thread;
use tokio::runtime::Handle;
use zeroize::Zeroizing;

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
    /// Connects. `purpose` is what the server's administrator sees of it.
    ///
    /// # Errors
    /// The server is away, or somebody else, or does not let us in.
    pub fn open(url: &Url, purpose: &str) -> Result<Self, Fault> {
        let mut config = url.config.clone();
        config.application_name(purpose);
        if let Some(file) = &url.password_file {
            let unreadable = |why| Fault::Refused(format!("{} cannot be read: {why}", file.display()));
            let text = std::fs::read_to_string(file).map(Zeroizing::new).map_err(unreadable)?;
            config.password(text.lines().next().unwrap_or_default());
        }
        let connect = || match &url.roots {
            None => Ok(config.connect(NoTls)?),
            Some(roots) => Ok(config.connect(Tls::trusting(roots).map_err(Fault::Refused)?)?),
        };
        outside(connect).map(|client| Self { client: Some(client) })
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
