//! What other processes change under a running gateway: settings that a command has applied, keys and certificates that it has brought.
//! Both are taken over within a second or two.

use crate::config::Config;
use crate::error::{StartFault, StoreFault};
use crate::gateway::Gateway;
use crate::serverconf::{Declaration, ServerConf, store::Store};
use http1::Stop;
use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime};

/// What was seen last. It begins before settings and keys are read for the first time, so that no change falls between.
#[derive(Debug)]
pub(crate) struct Watched {
    settings: Settings,
    keys: Keys,
}

#[derive(Debug)]
struct Settings {
    store: Store,
    version: i64,
    /// The last fault that was told, so that it is told once.
    fault: Option<String>,
}

#[derive(Debug)]
struct Keys(Option<SystemTime>);

impl Watched {
    pub(crate) fn begin(config: &Config) -> Result<(Self, Declaration), StartFault> {
        let keys = Keys(changed_at(&config.keystore_dir()));
        let mut store = Store::open(config)?;
        let version = store.version()?;
        let declaration = store.read()?;
        Ok((Self { settings: Settings { store, version, fault: None }, keys }, declaration))
    }
}

impl Settings {
    /// The settings, if somebody has changed them.
    fn changed_settings(&mut self) -> Result<Option<Declaration>, StoreFault> {
        let version = self.store.version()?;
        if version == self.version {
            return Ok(None);
        }
        let declaration = self.store.read()?;
        self.version = version;
        Ok(Some(declaration))
    }
}

/// Every change of a keystore puts a file in place, which changes its folder.
fn changed_at(folder: &Path) -> Option<SystemTime> {
    std::fs::metadata(folder).and_then(|metadata| metadata.modified()).ok()
}

/// Looks every second, until the stop: at keys also while the database of the settings keeps silent.
pub(crate) async fn run(gateway: Arc<Gateway>, stop: Stop) {
    let watched = gateway.watched.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(Watched { settings, keys }) = watched else { return };
    tokio::join!(
        each_second(&gateway, &stop, settings, look_at_settings),
        each_second(&gateway, &stop, keys, look_at_keys)
    );
}

/// A stop does not wait for a look that is under way: it only reads.
async fn each_second<T: Send + 'static>(
    gateway: &Arc<Gateway>,
    stop: &Stop,
    mut watched: T,
    look: fn(&Gateway, &mut T),
) {
    while !stop.is_requested() {
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
            () = stop.requested() => return,
        }
        let looking = Arc::clone(gateway);
        let looked = tokio::task::spawn_blocking(move || {
            look(&looking, &mut watched);
            watched
        });
        let looked = tokio::select! {
            looked = looked => looked,
            () = stop.requested() => return,
        };
        match looked {
            Ok(back) => watched = back,
            Err(error) => return tracing::error!("settings or keys are not watched any more: {error}"),
        }
    }
}

fn look_at_settings(gateway: &Gateway, watched: &mut Settings) {
    let read = match watched.changed_settings() {
        Ok(None) => {
            watched.fault = None;
            return;
        }
        Ok(Some(declaration)) => ServerConf::new(&declaration).map_err(|e| e.to_string()),
        Err(fault) => Err(fault.to_string()),
    };
    match read {
        Ok(settings) => {
            gateway.take_settings(settings);
            watched.fault = None;
            tracing::info!("new settings are in force");
        }
        Err(error) if watched.fault.as_ref() == Some(&error) => {}
        Err(error) => {
            tracing::error!("new settings could not be read, the old ones stay: {error}");
            watched.fault = Some(error);
        }
    }
}

fn look_at_keys(gateway: &Gateway, watched: &mut Keys) {
    let keystore = &gateway.identity.keystore;
    // The time is taken first: what changes while the keystore is being read is read again.
    let changed = changed_at(keystore.dir());
    if changed == watched.0 {
        return;
    }
    watched.0 = changed;
    match keystore.reload() {
        Ok(()) => {
            gateway.identity.forget();
            if let Err(fault) = gateway.renew_internal_tls() {
                tracing::error!("the internal TLS key stays as it was: {fault}");
            }
            gateway.ocsp_wanted.notify_one();
            tracing::info!("the keystore was changed and is in use as it is now");
        }
        Err(error) => tracing::error!("the keystore could not be read again: {error}"),
    }
}
