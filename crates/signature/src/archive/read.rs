//! Reading an archive back: the linking information first, then every container that it lists, one at a time.

use std::io::{Read, Seek, SeekFrom};

use trust::algorithm::DigestAlgorithm;

use super::linking::{Chain, Link, Linking};
use super::{CONTAINER_BYTES_MAX, LINKING, Refusal};
use crate::container::ReadRefusal;
use crate::container::unzip::{self, Located};

/// The directory of as many entries as a zip file has, with the longest names that we write.
const DIRECTORY_BYTES_MAX: u64 = 32 << 20;
const LINKING_BYTES_MAX: u64 = 32 << 20;

/// What should stand before an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before<'a> {
    /// Whatever it says: that link is not checked.
    Anything,
    /// Nothing: it is the first one of its group.
    Nothing,
    /// The archive with this digest.
    Digest(&'a str),
}

/// An archive of which every link was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The archive before it, as it says.
    pub previous: Option<Link>,
    /// The algorithm of its digests.
    pub algorithm: DigestAlgorithm,
    /// Its digest: what the next archive of its group must say.
    pub digest: String,
    /// How many containers it holds.
    pub containers: usize,
}

/// Checks every link of an archive, and hands out each container, with its name, when it has been checked.
///
/// # Errors
/// A [`Refusal`]; what was handed out before it proves nothing then.
pub fn verify<R: Read + Seek>(
    mut source: R,
    before: Before<'_>,
    mut each: impl FnMut(&str, &[u8]),
) -> Result<Verified, Refusal> {
    let (directory, entries) = directory(&mut source)?;
    let Some((last, containers)) = entries.split_last().filter(|(last, _)| last.name == LINKING.as_bytes())
    else {
        return Err(Refusal::NoLinking);
    };
    let octets = octets(&mut source, &directory, last, LINKING_BYTES_MAX)?;
    let linking = Linking::read(&octets)?;
    compare(&linking, containers)?;
    check_previous(linking.previous.as_ref(), before)?;
    let mut chain = Chain::new(linking.algorithm, linking.previous.as_ref());
    for (entry, line) in containers.iter().zip(&linking.lines) {
        let container = self::octets(&mut source, &directory, entry, CONTAINER_BYTES_MAX)?;
        if chain.step(&container) != line.digest {
            return Err(Refusal::OtherContainer { name: line.file_name.clone() });
        }
        each(&line.file_name, &container);
    }
    let digest = linking.digest().to_owned();
    Ok(Verified {
        previous: linking.previous,
        algorithm: linking.algorithm,
        digest,
        containers: containers.len(),
    })
}

fn directory<R: Read + Seek>(source: &mut R) -> Result<(Vec<u8>, Vec<Located>), Refusal> {
    let length = source.seek(SeekFrom::End(0)).map_err(unreadable)?;
    let Some(at) = length.checked_sub(unzip::END_BYTES_LONG) else {
        return Err(Refusal::NotZip("it is too short".to_owned()));
    };
    let end = piece(source, at, length)?;
    let (start, count) = unzip::end_of_archive(&end, at).map_err(not_zip)?;
    if at.saturating_sub(start) > DIRECTORY_BYTES_MAX {
        return Err(Refusal::TooLarge { what: "directory".to_owned(), bytes_max: DIRECTORY_BYTES_MAX });
    }
    let directory = piece(source, start, at)?;
    let entries = unzip::located(&directory, count, start).map_err(not_zip)?;
    Ok((directory, entries))
}

/// The names that are there are those that are listed, in the same order.
fn compare(linking: &Linking, containers: &[Located]) -> Result<(), Refusal> {
    let listed = linking.lines.iter().map(|line| line.file_name.as_str());
    let found = containers.iter().map(|entry| String::from_utf8_lossy(&entry.name).into_owned());
    let (mut listed, mut found) = (listed, found);
    let or_nothing = |name: Option<String>| name.unwrap_or_else(|| "nothing".to_owned());
    loop {
        match (listed.next().map(str::to_owned), found.next()) {
            (None, None) => return Ok(()),
            (listed, found) if listed == found => {}
            (listed, found) => {
                return Err(Refusal::OtherContents { listed: or_nothing(listed), found: or_nothing(found) });
            }
        }
    }
}

fn check_previous(previous: Option<&Link>, before: Before<'_>) -> Result<(), Refusal> {
    let expected = match before {
        Before::Anything => return Ok(()),
        Before::Nothing => None,
        Before::Digest(digest) => Some(digest),
    };
    let stated = previous.map(|link| link.digest.as_str());
    if stated == expected {
        return Ok(());
    }
    let told = |digest: Option<&str>| {
        digest
            .map_or_else(|| "no archive".to_owned(), |digest| format!("the archive with the digest {digest}"))
    };
    Err(Refusal::OtherPrevious { stated: told(stated), expected: told(expected) })
}

fn octets<R: Read + Seek>(
    source: &mut R,
    directory: &[u8],
    entry: &Located,
    bytes_max: u64,
) -> Result<Vec<u8>, Refusal> {
    if entry.end.saturating_sub(entry.start) > bytes_max {
        let what = String::from_utf8_lossy(&entry.name).into_owned();
        return Err(Refusal::TooLarge { what, bytes_max });
    }
    let contents = piece(source, entry.start, entry.end)?;
    unzip::archived(directory, entry, &contents).map_err(not_zip)
}

fn piece<R: Read + Seek>(source: &mut R, start: u64, end: u64) -> Result<Vec<u8>, Refusal> {
    source.seek(SeekFrom::Start(start)).map_err(unreadable)?;
    let length = end.saturating_sub(start);
    let mut octets = Vec::new();
    let read = source.by_ref().take(length).read_to_end(&mut octets).map_err(unreadable)?;
    if u64::try_from(read) == Ok(length) {
        return Ok(octets);
    }
    Err(Refusal::Unreadable("it has become shorter".to_owned()))
}

#[expect(clippy::needless_pass_by_value, reason = "stands where a closure would")]
fn unreadable(error: std::io::Error) -> Refusal {
    Refusal::Unreadable(error.to_string())
}

fn not_zip(refusal: ReadRefusal) -> Refusal {
    if let ReadRefusal::NotZip(why) = refusal {
        return Refusal::NotZip(why);
    }
    Refusal::NotZip(refusal.to_string())
}
