//! Where everything of the demonstration lies: folders, addresses, names.

use anyhow::{Context as _, Result, bail};
use identifier::{MemberId, ServerId};
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

pub(super) const INSTANCE: &str = "CAMBODIA";
pub(super) const CLASS: &str = "GOV";
pub(super) const CIVIL_REGISTRY: &str = "civil-registry";
pub(super) const BUSINESS_REGISTRY: &str = "business-registry";
pub(super) const SERVICE: &str = "people";

/// A ministry with a gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ministry {
    /// Asks: `GOV/MOC`.
    Commerce,
    /// Answers: `GOV/MOI`.
    Interior,
}

impl Ministry {
    pub(super) const ALL: [Self; 2] = [Self::Commerce, Self::Interior];

    /// Its folder, and the code of its gateway.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Commerce => "commerce",
            Self::Interior => "interior",
        }
    }

    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Commerce => "MOC",
            Self::Interior => "MOI",
        }
    }

    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Commerce => "Ministry of Commerce",
            Self::Interior => "Ministry of Interior",
        }
    }

    pub(super) const fn subsystem(self) -> &'static str {
        match self {
            Self::Commerce => BUSINESS_REGISTRY,
            Self::Interior => CIVIL_REGISTRY,
        }
    }

    pub(super) fn member(self) -> Result<MemberId> {
        Ok(MemberId::new(INSTANCE, CLASS, self.code())?)
    }

    pub(super) fn server(self) -> Result<ServerId> {
        Ok(ServerId::of(self.member()?, self.name())?)
    }

    const fn host(self) -> u8 {
        match self {
            Self::Commerce => 11,
            Self::Interior => 12,
        }
    }
}

/// Folders and addresses of one demonstration.
#[derive(Debug, Clone)]
pub(super) struct Places {
    state: PathBuf,
    base: [u8; 3],
}

impl Places {
    /// Makes the state folder, which only its owner may enter.
    pub(super) fn new(state: &Path, base: [u8; 3]) -> Result<Self> {
        use std::os::unix::fs::DirBuilderExt as _;
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(state).with_context(|| format!("the folder {} cannot be made", state.display()))?;
        let state = state.canonicalize().with_context(|| format!("{} cannot be used", state.display()))?;
        let places = Self { state, base };
        for name in ["registry", "practice", "commerce", "interior", "log"] {
            let folder = places.folder(name);
            builder
                .create(&folder)
                .with_context(|| format!("the folder {} cannot be made", folder.display()))?;
        }
        Ok(places)
    }

    pub(super) fn folder(&self, name: &str) -> PathBuf {
        self.state.join(name)
    }

    pub(super) fn of(&self, ministry: Ministry, file: &str) -> PathBuf {
        self.folder(ministry.name()).join(file)
    }

    pub(super) fn registry_file(&self, file: &str) -> PathBuf {
        self.folder("registry").join(file)
    }

    fn host(&self, last: u8) -> IpAddr {
        let [a, b, c] = self.base;
        IpAddr::V4(Ipv4Addr::new(a, b, c, last))
    }

    pub(super) fn address(&self, ministry: Ministry) -> IpAddr {
        self.host(ministry.host())
    }

    pub(super) fn registry(&self) -> SocketAddr {
        SocketAddr::new(self.host(10), 4080)
    }

    pub(super) fn practice(&self) -> practice::Addresses {
        let at = |port| SocketAddr::new(self.host(13), port);
        practice::Addresses { authority: at(8888), ocsp: at(8889), tsa: at(8899) }
    }

    pub(super) fn civil_registry(&self) -> SocketAddr {
        SocketAddr::new(self.address(Ministry::Interior), 9080)
    }

    pub(super) fn listen(&self, ministry: Ministry) -> gateway::Listen {
        let at = |port| SocketAddr::new(self.address(ministry), port);
        gateway::Listen {
            consumer_http: at(8080),
            consumer_https: at(8443),
            transport: at(5500),
            ocsp: at(5577),
        }
    }

    /// Tells a taken port, or one that may not be used, before anything is made.
    pub(super) fn check_ports(&self) -> Result<()> {
        let practice = self.practice();
        let mut wanted = vec![
            (self.registry(), "the registry"),
            (practice.authority, "the practice authority"),
            (practice.ocsp, "the practice OCSP responder"),
            (practice.tsa, "the practice time-stamp authority"),
            (self.civil_registry(), "the civil registry"),
        ];
        for ministry in Ministry::ALL {
            let listen = self.listen(ministry);
            for address in [listen.consumer_http, listen.consumer_https, listen.transport, listen.ocsp] {
                wanted.push((address, "a gateway"));
            }
        }
        for (address, what) in wanted {
            check_port(address, what)?;
        }
        Ok(())
    }
}

fn check_port(address: SocketAddr, what: &str) -> Result<()> {
    match TcpListener::bind(address) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AddrInUse => bail!(
            "{address}, which {what} needs, is taken by another program (is another demonstration running?)"
        ),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            bail!("{address}, which {what} needs, may not be listened on by this user")
        }
        Err(error) if error.kind() == ErrorKind::AddrNotAvailable => {
            bail!("{address}, which {what} needs, is not an address of this machine")
        }
        Err(error) => bail!("{address}, which {what} needs, cannot be listened on: {error}"),
    }
}

/// Reads `127.0.0`: the first three numbers of every address.
pub(super) fn base(text: &str) -> Result<[u8; 3], String> {
    let numbers: Result<Vec<u8>, _> = text.split('.').map(str::parse).collect();
    match numbers.ok().as_deref() {
        Some([127, b, c]) => Ok([127, *b, *c]),
        Some(_) | None => Err("three numbers such as 127.0.0, the first of them 127".to_owned()),
    }
}
