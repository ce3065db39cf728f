//! `chhatra evidence list|export|verify|key|archive|archive-verify`: what was exchanged, taken out and proven.

mod verify;
mod whole;
mod archive;
mod archive_verify;
mod etsi;

use crate::config;
use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand, ValueEnum};
use messagelog::{Direction, Entry, Place, ReadFailure, Reader, RecordId, Search};
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const PAGE: usize = 1000;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Lists the messages on record, the newest first.
    List(List),
    /// Writes messages on record as ASiC-E containers, which anybody can verify. Never overwrites a file.
    Export(Export),
    /// Verifies a container against a global configuration alone: exit code 0 verified, 1 refused, 2 cannot be read.
    Verify(verify::Verify),
    /// Makes a key under which messages and bodies are sealed in the log: exit code 0 when it was made.
    Key(Key),
    /// Archives what has a time-stamp, as the gateway does by itself while it runs; not beside a running gateway.
    Archive(archive::Archive),
    /// Verifies an archive, each link in it and the one before it: exit code 0 verified, 1 refused, 2 cannot be read.
    ArchiveVerify(archive_verify::ArchiveVerify),
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// The gateway's configuration file.
    #[arg(long, value_name = "GATEWAY.toml")]
    config: PathBuf,
    /// Only messages with this identifier.
    #[arg(long, value_name = "MESSAGE-ID")]
    id: Option<String>,
    /// At most so many.
    #[arg(long, default_value_t = 100)]
    limit: usize,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The gateway's configuration file.
    #[arg(long, value_name = "GATEWAY.toml")]
    config: PathBuf,
    /// Only messages with this identifier: request and response.
    #[arg(long, value_name = "MESSAGE-ID")]
    id: Option<String>,
    /// The folder to write to; it is made when it is missing.
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    /// For whom: X-Road's verifier and ours, or general EU validators too. The second form asks a time-stamp service for each container.
    #[arg(long, value_enum, default_value_t = Form::Xroad)]
    form: Form,
    /// For --form etsi: the time-stamp service to ask, instead of those declared for the gateway; the exchange must have approved it.
    #[arg(long, value_name = "URL")]
    tsa: Option<String>,
    /// For --form etsi: the global configuration of the time of the messages, where today's does not know their authorities any more.
    #[arg(long, value_name = "DIR")]
    globalconf: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    Xroad,
    Etsi,
}

#[derive(Debug, Args)]
pub(crate) struct Key {
    /// The file to write, which must not be there yet; only its owner will be able to read it.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

pub(crate) fn run(command: &Command) -> Result<ExitCode> {
    match command {
        Command::List(arguments) => list(arguments).map(|()| ExitCode::SUCCESS),
        Command::Export(arguments) => export(arguments),
        Command::Verify(arguments) => verify::run(arguments),
        Command::Key(arguments) => key(arguments),
        Command::Archive(arguments) => archive::run(arguments),
        Command::ArchiveVerify(arguments) => archive_verify::run(arguments),
    }
}

fn key(arguments: &Key) -> Result<ExitCode> {
    let name = messagelog::Keys::make(&arguments.out)?;
    tell!("made the key {name} in {}", arguments.out.display());
    tell!("keep a copy of the file elsewhere: what is sealed under it can be read with it alone");
    tell!(
        "put it first in key_files of [gateway.log], leave the earlier ones there, and start the gateway anew"
    );
    Ok(ExitCode::SUCCESS)
}

fn open(config: &Path) -> Result<Reader> {
    let config = config::gateway(config)?;
    // Before the log: whoever left out where it is hears that, and not that there is none.
    let keys = config.log_keys()?;
    Ok(Reader::open(place(&config)?)?.with_keys(keys))
}

/// Where the log is; a folder without one is not made into one by looking.
fn place(config: &::gateway::Config) -> Result<Place> {
    let place = config.messagelog()?;
    if let Place::Folder(dir) = &place
        && !dir.exists()
    {
        bail!("there is no message log in {place}; the gateway makes it when it starts");
    }
    Ok(place)
}

/// Hands out the records that fit, the newest first, at most `limit`; says how many there were. A log may have more than fit into memory.
fn each(
    reader: &Reader,
    id: Option<&str>,
    limit: usize,
    mut act: impl FnMut(Entry) -> Result<()>,
) -> Result<usize> {
    let (mut count, mut before): (usize, Option<RecordId>) = (0, None);
    while count < limit {
        let wanted = limit.saturating_sub(count).min(PAGE);
        let search = Search { query_id: id.map(str::to_owned), before, limit: wanted, ..Search::default() };
        let page = reader.find(&search)?;
        before = page.last().map(|entry| entry.id);
        count = count.saturating_add(page.len());
        let is_last = page.len() < wanted;
        page.into_iter().try_for_each(&mut act)?;
        if is_last {
            break;
        }
    }
    Ok(count)
}

const fn direction(entry: &Entry) -> &'static str {
    match entry.direction {
        Direction::Request => "request",
        Direction::Response => "response",
    }
}

fn list(arguments: &List) -> Result<()> {
    let reader = open(&arguments.config)?;
    let mut records = Vec::new();
    let listed = each(&reader, arguments.id.as_deref(), arguments.limit, |entry| {
        if arguments.json {
            records.push(as_json(&entry));
        } else {
            print(&entry);
        }
        Ok(())
    })?;
    if arguments.json {
        tell!("{}", serde_json::to_string_pretty(&json!({ "records": records }))?);
    } else if listed == 0 {
        tell!("no messages on record");
    }
    Ok(())
}

fn print(entry: &Entry) {
    let body = match (entry.body_bytes, entry.body_bytes_signed) {
        (Some(held), Some(signed)) if held != signed => format!("body {held} of {signed} bytes"),
        (Some(held), _) => format!("body {held} bytes"),
        (None, _) => "no body kept".to_owned(),
    };
    let stamp = if entry.stamped { "time-stamped" } else { "no time-stamp yet" };
    tell!(
        "{:>8}  {}  {:<8}  {}  {}  {body}, {stamp}",
        entry.id,
        entry.time,
        direction(entry),
        entry.query_id,
        entry.owner
    );
}

fn as_json(entry: &Entry) -> Value {
    json!({
        "record": entry.id.0,
        "time": entry.time.to_string(),
        "direction": direction(entry),
        "id": entry.query_id,
        "request_id": entry.request_id,
        "owner": entry.owner.to_string(),
        "body_bytes": entry.body_bytes,
        "body_bytes_signed": entry.body_bytes_signed,
        "stamped": entry.stamped,
    })
}

fn export(arguments: &Export) -> Result<ExitCode> {
    let maker = match arguments.form {
        Form::Etsi => Some(etsi::Maker::new(
            &arguments.config,
            arguments.globalconf.as_deref(),
            arguments.tsa.as_deref(),
        )?),
        Form::Xroad if arguments.tsa.is_some() || arguments.globalconf.is_some() => {
            bail!(
                "--tsa and --globalconf belong to --form etsi; X-Road's form is written from the log alone"
            );
        }
        Form::Xroad => None,
    };
    let reader = open(&arguments.config)?;
    let mut complete = true;
    let exported = each(&reader, arguments.id.as_deref(), usize::MAX, |entry| {
        complete &= export_one(&reader, &entry, maker.as_ref(), &arguments.out)?;
        Ok(())
    })?;
    match (&arguments.id, exported) {
        (Some(id), 0) => bail!("no message with the identifier {id} is on record"),
        (None, 0) => tell!("no messages on record"),
        _ => {}
    }
    Ok(if complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whether the record lies in the folder now. One that cannot be had is no reason to keep back the others.
fn export_one(reader: &Reader, entry: &Entry, maker: Option<&etsi::Maker>, out: &Path) -> Result<bool> {
    let mut container = match reader.export(entry.id) {
        Ok(container) => container,
        // One that is not there any more is old, and in an archive.
        Err(
            failure @ (ReadFailure::Damaged { .. }
            | ReadFailure::NotExportable { .. }
            | ReadFailure::NoKey { .. }
            | ReadFailure::NoSuchRecord(_)),
        ) => {
            complain!("{failure}");
            return Ok(false);
        }
        Err(failure) => return Err(failure.into()),
    };
    if let Some(maker) = maker {
        container.file_name = etsi::file_name(&container.file_name);
        let path = out.join(&container.file_name);
        if path.exists() {
            // Each is another file, for each has its own time-stamp.
            tell!("{} is there already and was left as it is", path.display());
            return Ok(true);
        }
        match maker.make(&container) {
            Ok(bytes) => container.bytes = bytes,
            Err(why) => {
                complain!("record {} {why}", entry.id);
                return Ok(false);
            }
        }
    }
    std::fs::create_dir_all(out).with_context(|| format!("{} cannot be made", out.display()))?;
    let path = out.join(&container.file_name);
    let stamp = if container.stamped { "" } else { ", without a time-stamp yet: it proves who, not when" };
    match write_new(&path, &container.bytes)? {
        Written::New => tell!("wrote {}{stamp}", path.display()),
        Written::Same => tell!("{} is there already{stamp}", path.display()),
        Written::InTheWay => {
            complain!("{} is there with other contents and was not overwritten", path.display());
            return Ok(false);
        }
    }
    Ok(true)
}

enum Written {
    New,
    Same,
    InTheWay,
}

fn write_new(path: &Path, bytes: &[u8]) -> Result<Written> {
    match std::fs::File::create_new(path) {
        Ok(mut file) => {
            let written = file.write_all(bytes).and_then(|()| file.sync_all());
            if written.is_err() {
                // Half a container would be in the way of the whole one.
                let _removed = std::fs::remove_file(path);
            }
            written.with_context(|| format!("{} cannot be written", path.display()))?;
            Ok(Written::New)
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            let same = std::fs::read(path).is_ok_and(|there| there == bytes);
            Ok(if same { Written::Same } else { Written::InTheWay })
        }
        Err(error) => Err(error).with_context(|| format!("{} cannot be made", path.display())),
    }
}
