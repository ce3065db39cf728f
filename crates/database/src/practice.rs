//! A real server for tests: its own data directory, its own socket, gone with the process that started it.

use std::io::{self, BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};

/// The user of every database here.
pub const USER: &str = "practice";

/// Started by a shell that stops the server and clears up as soon as the pipe from us breaks, however this process ends.
const SCRIPT: &str = r#"
PATH="$1:$PATH"; export LC_ALL=C.UTF-8
cd "$2" || exit 1
finish() { pg_ctl -D data -m immediate -s stop; cd /; rm -rf "$2"; }
if ! { initdb -D data -U practice -A trust -E UTF8 --no-instructions >log 2>&1 &&
  cat "$2/extra" >>data/postgresql.conf && pg_ctl -D data -l log -w -s start; }; then
  tail -n 5 log; finish "$1" "$2"; exit 1
fi
echo ready
while read -r order; do
  pg_ctl -D data -l log -w -s $order && echo done || echo failed
done
finish "$1" "$2"
"#;

/// A running server. It ends when this is dropped, or with the process.
#[derive(Debug)]
pub struct Server {
    keeper: Mutex<Keeper>,
    folder: PathBuf,
    made: AtomicU64,
    port: u16,
}

#[derive(Debug)]
struct Keeper {
    child: Child,
    told: BufReader<std::process::ChildStdout>,
}

impl Server {
    /// The server of this process.
    ///
    /// # Panics
    /// PostgreSQL is not there or does not start.
    #[must_use]
    pub fn shared() -> &'static Self {
        static SHARED: LazyLock<Server> =
            LazyLock::new(|| Server::start("").unwrap_or_else(|why| refuse(&why)));
        &SHARED
    }

    /// Starts another one, with lines of `postgresql.conf` of its own.
    ///
    /// # Errors
    /// What the system or the server said.
    pub fn start(extra: &str) -> io::Result<Self> {
        let programs = programs()?;
        let folder = tempfile::Builder::new()
            .prefix("chhatra-pg-")
            .permissions(std::fs::Permissions::from_mode(0o711))
            .tempdir()?
            .keep();
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let settings = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{}'\nmax_connections = 300\n\
             shared_buffers = 32MB\nfsync = on\n{extra}\n",
            folder.display()
        );
        std::fs::write(folder.join("extra"), settings)?;
        let mut shell = as_nobody_else(&folder)?;
        let arguments = ["-c", SCRIPT, "practice"];
        let mut child = shell
            .args(arguments)
            .args([&programs, &folder])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let told = child.stdout.take().ok_or_else(|| io::Error::other("no pipe"))?;
        let mut keeper = Keeper { child, told: BufReader::new(told) };
        match keeper.line()?.as_str() {
            "ready" => Ok(Self { keeper: Mutex::new(keeper), folder, made: AtomicU64::new(0), port }),
            why => Err(io::Error::other(format!("PostgreSQL does not start: {why}"))),
        }
    }

    /// Stops it at once, as a power cut would; what is committed is there after [`Server::resume`].
    ///
    /// # Errors
    /// It did not stop.
    pub fn pause(&self) -> io::Result<()> {
        self.order("-m immediate stop")
    }

    /// Starts it again.
    ///
    /// # Errors
    /// It did not start.
    pub fn resume(&self) -> io::Result<()> {
        self.order("start")
    }

    fn order(&self, order: &str) -> io::Result<()> {
        use io::Write as _;
        let mut keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        let pipe = keeper.child.stdin.as_mut().ok_or_else(|| io::Error::other("no pipe"))?;
        writeln!(pipe, "{order}")?;
        match keeper.line()?.as_str() {
            "done" => Ok(()),
            _ => Err(io::Error::other(format!("pg_ctl {order} failed"))),
        }
    }

    /// An empty database that nobody else uses; its address.
    ///
    /// # Panics
    /// It cannot be made.
    #[must_use]
    pub fn database(&self) -> String {
        let name = format!("d{}", self.made.fetch_add(1, Ordering::Relaxed));
        if let Err(why) = self.psql("postgres", &format!("CREATE DATABASE {name}")) {
            refuse(&why);
        }
        self.url(&name)
    }

    /// The address of a database over the socket.
    #[must_use]
    pub fn url(&self, name: &str) -> String {
        let socket = self.folder.display().to_string().replace('/', "%2F");
        format!("postgresql://{USER}@{socket}:{}/{name}", self.port)
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Runs `psql` on a database of this server; what it prints, columns parted by `|`.
    ///
    /// # Errors
    /// What it said.
    pub fn psql(&self, database: &str, sql: &str) -> io::Result<String> {
        psql(&self.url(database), &["-c", sql])
    }
}

/// Runs `psql`, somebody else's program, on a database; what it prints, columns parted by `|`.
///
/// # Errors
/// What it said.
pub fn psql(url: &str, arguments: &[&str]) -> io::Result<String> {
    let output = Command::new(programs()?.join("psql"))
        .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", url])
        .args(arguments)
        .output()?;
    if !output.status.success() {
        return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}

impl Keeper {
    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.told.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let mut keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        drop(keeper.child.stdin.take());
        let _ended = keeper.child.wait();
    }
}

/// The programs of the newest PostgreSQL that the distribution has put here.
fn programs() -> io::Result<PathBuf> {
    let found = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().filter_map(Result::ok);
    let bins = found.map(|entry| entry.path().join("bin")).filter(|path| path.join("initdb").exists());
    bins.max().ok_or_else(|| io::Error::other("PostgreSQL is not there: apt-get install postgresql"))
}

/// PostgreSQL refuses to run as root; then it runs as the user that its package has made.
fn as_nobody_else(folder: &Path) -> io::Result<Command> {
    let id = Command::new("id").arg("-u").output()?;
    if String::from_utf8_lossy(&id.stdout).trim() != "0" {
        return Ok(Command::new("sh"));
    }
    let owned = Command::new("chown").arg("-R").arg("postgres").arg(folder).status()?;
    if !owned.success() {
        return Err(io::Error::other("the folder cannot be given to the user postgres"));
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--", "sh"]);
    Ok(command)
}

#[expect(clippy::panic, reason = "a test without its server has failed")]
fn refuse(why: &io::Error) -> ! {
    panic!("{why}")
}
