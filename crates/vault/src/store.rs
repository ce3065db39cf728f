//! A store of archives: a directory or a bucket. Nothing there is ever written over, and what was put is compared there, octet by octet.

use crate::courier::Courier;
use crate::settings::{Secret, Store};
use crate::transfer::{HandOverFailure, StoreFault};
use bytes::Bytes;
use http1::Url;
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Name;
use object_store::{
    BackoffConfig, Error, GetOptions, ObjectStore, ObjectStoreExt as _, PutMode, PutPayload, RetryConfig,
};
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The largest archive that is taken: it is held in memory while it is sent.
pub(crate) const ARCHIVE_BYTES_MAX: u64 = 256 << 20;
/// How much is compared at a time.
const PIECE_BYTES: u64 = 8 << 20;
/// A name that no archive has.
const NOBODY: &str = "mlog-nobody.zip";

/// The store, with the name it has in journals.
#[derive(Debug)]
pub(crate) struct Vault {
    store: Arc<dyn ObjectStore>,
    prefix: Name,
    shown: String,
}

/// What stands under a name.
#[derive(Debug, PartialEq, Eq)]
enum There {
    Nothing,
    Same,
    Other,
}

impl Vault {
    pub(crate) fn open(settings: &Store) -> Result<Self, StoreFault> {
        // A store that is away is asked again in this way for as long as a minute, and then in the next round.
        let retries = RetryConfig {
            backoff: BackoffConfig { max_backoff: Duration::from_secs(10), ..BackoffConfig::default() },
            max_retries: 4,
            retry_timeout: Duration::from_secs(60),
        };
        let prefix =
            Name::parse(&settings.prefix).map_err(|why| StoreFault::Settings(format!("prefix: {why}")))?;
        if let Some(directory) = &settings.directory {
            if settings.endpoint.is_some() || settings.bucket.is_some() {
                return Err(StoreFault::Incomplete(
                    "has a directory and a bucket; archives can go to one place only",
                ));
            }
            let file = |why: String| StoreFault::File { path: directory.clone(), why };
            if !directory.is_dir() {
                return Err(file("is no directory that is there; is its file system mounted?".to_owned()));
            }
            let store = LocalFileSystem::new_with_prefix(directory).map_err(|why| file(why.to_string()))?;
            let (store, shown) = (Arc::new(store.with_fsync(true)), directory.display().to_string());
            return Ok(Self { store, prefix, shown });
        }
        let (Some(endpoint), Some(bucket), Some(region)) =
            (&settings.endpoint, &settings.bucket, &settings.region)
        else {
            return Err(StoreFault::Incomplete("needs a directory, or endpoint, region and bucket"));
        };
        let url = Url::parse(endpoint).map_err(|why| StoreFault::Endpoint(endpoint.clone(), why))?;
        let loopback = url.host().parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
        if !url.is_secure() && !loopback && url.host() != "localhost" {
            return Err(StoreFault::Clear(endpoint.clone()));
        }
        let (key, secret) = credentials(settings)?;
        let store = AmazonS3Builder::new()
            .with_endpoint(endpoint)
            .with_region(region)
            .with_bucket_name(bucket)
            .with_access_key_id(key)
            .with_secret_access_key(secret)
            .with_allow_http(!url.is_secure())
            .with_retry(retries)
            .with_http_connector(Courier::new(settings.ca_file.as_deref(), url.is_secure())?)
            .build()
            .map_err(|why| StoreFault::Settings(why.to_string()))?;
        Ok(Self { store: Arc::new(store), prefix, shown: format!("the bucket {bucket} at {endpoint}") })
    }

    pub(crate) fn shown(&self) -> &str {
        &self.shown
    }

    /// Puts an archive there under its name. What is there already is looked at first, for stores that would write over it, and compared
    /// last, for stores that say more than they do.
    pub(crate) async fn put(&self, path: &Path) -> Result<(), HandOverFailure> {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let name = self.prefix.clone().join(name);
        let file = Arc::new(File::open(path).map_err(HandOverFailure::Unreadable)?);
        match self.compare(&name, &file).await? {
            There::Same => return Ok(()),
            There::Other => return Err(HandOverFailure::OtherThere { store: self.shown.clone() }),
            There::Nothing => {}
        }
        let octets = whole(Arc::clone(&file)).await?;
        let put = self.store.put_opts(&name, PutPayload::from(octets), PutMode::Create.into()).await;
        let was_there = match put {
            Ok(_) => false,
            // Another's, or ours whose answer was lost.
            Err(Error::AlreadyExists { .. }) => true,
            Err(error) => return Err(self.failure(&error)),
        };
        match (self.compare(&name, &file).await?, was_there) {
            (There::Same, _) => Ok(()),
            (There::Other, true) => Err(HandOverFailure::OtherThere { store: self.shown.clone() }),
            (There::Nothing | There::Other, _) => {
                Err(HandOverFailure::NotAsWritten { store: self.shown.clone() })
            }
        }
    }

    /// Whether the store answers, and lets us read.
    pub(crate) async fn look(&self) -> Result<(), HandOverFailure> {
        match self.store.get(&self.prefix.clone().join(NOBODY)).await {
            Ok(_) => Ok(()),
            Err(error) if is_absent(&error) => Ok(()),
            Err(error) => Err(self.failure(&error)),
        }
    }

    async fn compare(&self, name: &Name, file: &Arc<File>) -> Result<There, HandOverFailure> {
        let length = file.metadata().map_err(HandOverFailure::Unreadable)?.len();
        let mut at = 0;
        while at < length {
            let end = at.saturating_add(PIECE_BYTES).min(length);
            let asked = self.store.get_opts(name, GetOptions::new().with_range(Some(at..end))).await;
            let found = match asked {
                Ok(found) => found,
                Err(error) if is_absent(&error) && at == 0 => return Ok(There::Nothing),
                Err(error) => return Err(self.failure(&error)),
            };
            if found.meta.size != length {
                return Ok(There::Other);
            }
            let there = found.bytes().await.map_err(|error| self.failure(&error))?;
            if there != piece(Arc::clone(file), at, end).await? {
                return Ok(There::Other);
            }
            at = end;
        }
        Ok(There::Same)
    }

    fn failure(&self, error: &Error) -> HandOverFailure {
        let (store, reason) = (self.shown.clone(), told(error));
        if matches!(error, Error::PermissionDenied { .. } | Error::Unauthenticated { .. }) {
            return HandOverFailure::NoAccess { store, reason };
        }
        HandOverFailure::Store { store, reason }
    }
}

/// A bucket that is not there is no place where nothing is.
fn is_absent(error: &Error) -> bool {
    matches!(error, Error::NotFound { .. }) && !error.to_string().contains("NoSuchBucket")
}

/// In one line, and no longer than a journal wants.
fn told(error: &Error) -> String {
    let line = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(400).collect()
}

async fn whole(file: Arc<File>) -> Result<Bytes, HandOverFailure> {
    let read = move || {
        let mut octets = Vec::new();
        file.as_ref().take(ARCHIVE_BYTES_MAX.saturating_add(1)).read_to_end(&mut octets)?;
        Ok(octets)
    };
    let octets = blocking(read).await?;
    if u64::try_from(octets.len()).is_ok_and(|length| length <= ARCHIVE_BYTES_MAX) {
        return Ok(octets.into());
    }
    Err(HandOverFailure::TooLarge(ARCHIVE_BYTES_MAX))
}

async fn piece(file: Arc<File>, start: u64, end: u64) -> Result<Bytes, HandOverFailure> {
    let length = usize::try_from(end.saturating_sub(start)).unwrap_or_default();
    let read = move || {
        let mut octets = vec![0; length];
        file.read_exact_at(&mut octets, start)?;
        Ok(octets)
    };
    Ok(blocking(read).await?.into())
}

async fn blocking(
    read: impl FnOnce() -> std::io::Result<Vec<u8>> + Send + 'static,
) -> Result<Vec<u8>, HandOverFailure> {
    let read = tokio::task::spawn_blocking(read).await.map_err(std::io::Error::other);
    read.flatten().map_err(HandOverFailure::Unreadable)
}

fn credentials(settings: &Store) -> Result<(String, String), StoreFault> {
    let key = one_of(settings.access_key.as_deref(), settings.access_key_file.as_deref(), false);
    let secret = settings.secret_key.as_ref().map(|Secret(text)| text.as_str());
    let secret = one_of(secret, settings.secret_key_file.as_deref(), true);
    match (key?, secret?) {
        (Some(key), Some(secret)) => Ok((key, secret)),
        _ => Err(StoreFault::Incomplete(
            "needs access_key or access_key_file, and secret_key or secret_key_file",
        )),
    }
}

fn one_of(value: Option<&str>, file: Option<&Path>, secret: bool) -> Result<Option<String>, StoreFault> {
    match (value, file) {
        (Some(_), Some(_)) => Err(StoreFault::Incomplete("has a key by value and by file; one is enough")),
        (Some(value), None) => Ok(Some(value.to_owned())),
        (None, Some(path)) => first_line(path, secret).map(Some),
        (None, None) => Ok(None),
    }
}

fn first_line(path: &Path, secret: bool) -> Result<String, StoreFault> {
    let fault = |why: String| StoreFault::File { path: path.to_owned(), why };
    let text = std::fs::read_to_string(path).map_err(|error| fault(format!("cannot be read: {error}")))?;
    let mode =
        path.metadata().map_err(|error| fault(format!("cannot be read: {error}")))?.permissions().mode();
    if secret && mode & 0o077 != 0 {
        return Err(fault(format!("can be read by others; run: chmod 600 {}", path.display())));
    }
    match text.lines().next().map(str::trim).filter(|line| !line.is_empty()) {
        Some(line) => Ok(line.to_owned()),
        None => Err(fault("is empty; its first line must be the key".to_owned())),
    }
}
