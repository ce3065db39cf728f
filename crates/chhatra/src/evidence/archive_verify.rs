//! `chhatra evidence archive-verify`: whether an archive is as it was written, and leads to the one before.

use super::verify::{Refused, verify as verify_container};
use anyhow::Result;
use clap::Args;
use globalconf::GlobalConf;
use serde_json::{Value, json};
use signature::archive::{self, Before, Refusal, Verified};
use std::fs::File;
use std::io::BufReader;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(crate) struct ArchiveVerify {
    /// The archive, of this gateway or of X-Road's; decrypted (with gpg) where its name ends with .gpg.
    #[arg(value_name = "FILE.zip")]
    file: PathBuf,
    /// The digest of the archive before, which `archive-verify` prints for that one; `-` when there must be none.
    #[arg(long, value_name = "DIGEST", allow_hyphen_values = true, value_parser = digest)]
    previous: Option<String>,
    /// Verify each container too, against the global configuration of the time, as a gateway (ours or X-Road's) stores it.
    #[arg(long, value_name = "DIR")]
    globalconf: Option<PathBuf>,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

fn digest(text: &str) -> Result<String, String> {
    let is_digest = matches!(text.len(), 64 | 96 | 128) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if text == "-" || is_digest {
        return Ok(text.to_ascii_lowercase());
    }
    Err("a digest has 64, 96 or 128 hexadecimal digits; `-` stands for no archive before".to_owned())
}

/// A container that is linked as it should, and proves nothing.
struct BadContainer {
    name: String,
    refused: Refused,
}

/// What has been found out.
enum Outcome {
    Verified(Verified),
    Refused(Refusal),
    BadContainer(BadContainer),
}

pub(super) fn run(arguments: &ArchiveVerify) -> Result<ExitCode> {
    let picture = match arguments.globalconf.as_deref().map(GlobalConf::load).transpose() {
        Ok(picture) => picture,
        Err(why) => return Ok(unreadable(arguments, &why.to_string())),
    };
    match judge(arguments, picture.as_ref()) {
        Ok(Outcome::Verified(verified)) => {
            if arguments.json {
                tell!("{}", serde_json::to_string_pretty(&as_json(arguments, &verified))?);
            } else {
                print(arguments, &verified);
            }
            Ok(ExitCode::SUCCESS)
        }
        Ok(Outcome::Refused(refusal)) => refuse(arguments, refusal.code(), &refusal.to_string(), None),
        Ok(Outcome::BadContainer(bad)) => {
            refuse(arguments, bad.refused.code, &bad.refused.reason, Some(&bad.name))
        }
        Err(why) => Ok(unreadable(arguments, &why)),
    }
}

/// An error says that nothing was found out.
fn judge(arguments: &ArchiveVerify, picture: Option<&GlobalConf>) -> Result<Outcome, String> {
    let path = &arguments.file;
    let opened = File::open(path).and_then(|file| file.metadata().map(|found| (file, found.is_file())));
    let file = match opened {
        Ok((file, true)) => file,
        Ok((_, false)) => return Err(format!("{} cannot be read: it is not a file", path.display())),
        Err(error) => return Err(format!("{} cannot be read: {error}", path.display())),
    };
    let before = match arguments.previous.as_deref() {
        None => Before::Anything,
        Some("-") => Before::Nothing,
        Some(digest) => Before::Digest(digest),
    };
    let mut bad = None;
    if is_openpgp(&file).map_err(|error| format!("{} cannot be read: {error}", path.display()))? {
        return Err(still_sealed(path));
    }
    let proven = archive::verify(BufReader::new(file), before, |name, octets| {
        let (Some(picture), Some(dir), None) = (picture, arguments.globalconf.as_deref(), &bad) else {
            return;
        };
        if let Err(refused) = verify_container(octets, None, picture, dir) {
            bad = Some(BadContainer { name: name.to_owned(), refused });
        }
    });
    match (proven, bad) {
        (Err(Refusal::Unreadable(why)), _) => Err(format!("{} cannot be read: {why}", path.display())),
        (Err(refusal), _) => Ok(Outcome::Refused(refusal)),
        (Ok(_), Some(bad)) => Ok(Outcome::BadContainer(bad)),
        (Ok(verified), None) => Ok(Outcome::Verified(verified)),
    }
}

/// A message of OpenPGP begins with the packet of a session key or of what it encrypts, or with its armour; a zip file never does.
fn is_openpgp(file: &File) -> std::io::Result<bool> {
    let mut first = [0; 14];
    let length = file.read_at(&mut first, 0)?;
    Ok(match first.get(..length) {
        // The tag of the first packet, in the old form or in the new one.
        Some([tag @ 0xc0..=0xff, ..]) => matches!(tag & 0x3f, 1 | 3 | 18 | 20),
        Some([tag @ 0x80..=0xbf, ..]) => matches!((tag >> 2) & 0x0f, 1 | 3),
        Some(first) => first.starts_with(b"-----BEGIN PGP"),
        None => false,
    })
}

fn still_sealed(path: &Path) -> String {
    let open = path.with_extension("");
    let open = open.file_name().map(Path::new).unwrap_or(Path::new("FILE.zip"));
    format!(
        "{path} is encrypted with OpenPGP; decrypt it first, with a key that it is encrypted to: gpg --output {open} --decrypt {path} (gpg says \
         whose signature it bears, where it has the public key of the gateway that made it), then verify {open}",
        path = path.display(),
        open = open.display()
    )
}

fn refuse(arguments: &ArchiveVerify, code: &str, reason: &str, container: Option<&str>) -> Result<ExitCode> {
    if arguments.json {
        let value = json!({
            "file": arguments.file, "verified": false, "code": code, "reason": reason, "container": container,
        });
        tell!("{}", serde_json::to_string_pretty(&value)?);
    } else {
        let within = container.map(|name| format!(": {name}")).unwrap_or_default();
        tell!("refused: {}{within}: {reason} ({code})", arguments.file.display());
    }
    Ok(ExitCode::FAILURE)
}

/// Nothing was found out about the archive: neither verified nor refused.
fn unreadable(arguments: &ArchiveVerify, why: &str) -> ExitCode {
    if arguments.json {
        tell!("{}", json!({ "file": arguments.file, "verified": null, "reason": why }));
    }
    complain!("chhatra: {why}");
    ExitCode::from(2)
}

fn print(arguments: &ArchiveVerify, verified: &Verified) {
    tell!("verified: {}", named(&arguments.file));
    let each = if arguments.globalconf.is_some() { ", and each of them verified" } else { "" };
    tell!("  Containers:    {}, linked with {}{each}", verified.containers, verified.algorithm.name());
    let compared =
        if arguments.previous.is_some() { "as it should" } else { "which was not compared with anything" };
    match &verified.previous {
        Some(link) => tell!("  It follows:    {} ({}), {compared}", link.digest, link.file_name),
        None => tell!("  It follows:    no archive, {compared}"),
    }
    tell!("  Its digest:    {}", verified.digest);
}

fn named(path: &Path) -> String {
    path.display().to_string()
}

fn as_json(arguments: &ArchiveVerify, verified: &Verified) -> Value {
    let previous = verified.previous.as_ref();
    json!({
        "file": arguments.file,
        "verified": true,
        "containers": verified.containers,
        "containers_verified": arguments.globalconf.is_some(),
        "algorithm": verified.algorithm.name(),
        "previous_digest": previous.map(|link| &link.digest),
        "previous_file": previous.map(|link| &link.file_name),
        "previous_compared": arguments.previous.is_some(),
        "digest": verified.digest,
    })
}
