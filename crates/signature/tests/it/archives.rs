//! Archives (data-plane 7.7): those of a live server and of X-Road's test suite, ours, and what is refused.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use signature::archive::{ArchiveWriter, Before, Link, Refusal, Verified, verify};

use crate::support::{file_of, manifest, vectors};

/// A container and its name.
type Named<'a> = (&'a str, &'a [u8]);

fn judged(bytes: &[u8], before: Before<'_>) -> Result<Verified, Refusal> {
    verify(Cursor::new(bytes), before, |_, _| {})
}

fn noon() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

/// What an archive is made of.
fn contents(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut contents = Vec::new();
    verify(Cursor::new(bytes), Before::Anything, |name, octets| {
        contents.push((name.to_owned(), octets.to_vec()))
    })
    .unwrap();
    contents
}

fn archive_of(contents: &[Named<'_>], previous: Option<&Link>) -> (Vec<u8>, String) {
    let mut writer = ArchiveWriter::new(Vec::new(), previous);
    for (name, octets) in contents {
        writer.add(name, octets, noon()).unwrap();
    }
    let written = writer.finish(noon()).unwrap();
    assert_eq!(u64::try_from(written.out.len()).unwrap(), written.bytes);
    (written.out, written.digest)
}

fn ours() -> Vec<u8> {
    archive_of(
        &[("a-request-1.asice", b"first"), ("a-response-2.asice", b""), ("b-request-3.asice", b"third")],
        None,
    )
    .0
}

/// Every archive that is not encrypted.
fn recorded(vectors: &Path) -> Vec<PathBuf> {
    let recorded = vectors.join("recorded");
    let mut found = Vec::new();
    for folder in [
        "messagelog/archive-ss0",
        "messagelog/archive-ss1",
        "options/messagelog/archive/ss0-subsystem",
        "options/messagelog/archive/ss1-subsystem",
    ] {
        let entries = std::fs::read_dir(recorded.join(folder)).unwrap().map(|entry| entry.unwrap().path());
        found.extend(entries.filter(|path| path.extension().is_some_and(|end| end == "zip")));
    }
    found.sort();
    found
}

#[test]
fn the_archives_of_a_live_server_are_accepted_and_lead_to_one_another() {
    let Some(vectors) = vectors() else { return };
    let archives = recorded(&vectors);
    assert!(archives.len() >= 15, "{}", archives.len());
    let mut followed = 0;
    let all: Vec<(String, Verified)> = archives
        .iter()
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let verified = judged(&std::fs::read(path).unwrap(), Before::Anything).unwrap();
            assert!(name.ends_with(&format!("-{}.zip", &verified.digest[..16])), "{name}");
            (name, verified)
        })
        .collect();
    for (path, (_, verified)) in archives.iter().zip(&all) {
        let bytes = std::fs::read(path).unwrap();
        let Some(previous) = &verified.previous else {
            assert_eq!(judged(&bytes, Before::Nothing).as_ref(), Ok(verified));
            continue;
        };
        assert!(matches!(judged(&bytes, Before::Nothing), Err(Refusal::OtherPrevious { .. })));
        if let Some((_, before)) = all.iter().find(|(name, _)| *name == previous.file_name) {
            assert_eq!(judged(&bytes, Before::Digest(&before.digest)).as_ref(), Ok(verified));
            followed += 1;
        }
    }
    assert!(followed >= 5, "{followed}");
}

#[test]
fn what_we_link_of_a_live_servers_containers_is_what_it_linked() {
    let Some(vectors) = vectors() else { return };
    for path in recorded(&vectors) {
        let bytes = std::fs::read(&path).unwrap();
        let verified = judged(&bytes, Before::Anything).unwrap();
        let contents = contents(&bytes);
        let contents: Vec<Named<'_>> =
            contents.iter().map(|(name, octets)| (name.as_str(), &octets[..])).collect();
        let (again, digest) = archive_of(&contents, verified.previous.as_ref());
        assert_eq!(digest, verified.digest);
        assert_eq!(judged(&again, Before::Anything), Ok(verified));
        // `linkinginfo` stands last and uncompressed in ours; zip finds the same text in both.
        let linking = |bytes: &[u8]| {
            let mut zip = zip::ZipArchive::new(Cursor::new(bytes.to_vec())).unwrap();
            std::io::read_to_string(zip.by_name("linkinginfo").unwrap()).unwrap()
        };
        assert_eq!(linking(&again), linking(&bytes));
    }
}

#[test]
fn x_roads_fixtures_get_the_expected_verdicts() {
    let Some(vectors) = vectors() else { return };
    let mut seen = 0;
    for entry in manifest(&vectors, "asic") {
        let (Some(archive), "archive-verify") =
            (file_of(&entry, "archive"), entry["operation"].as_str().unwrap())
        else {
            continue;
        };
        let before = match entry["input"]["previous_digest"].as_str() {
            Some(digest) => Before::Digest(digest),
            None if entry["input"]["first"] == true => Before::Nothing,
            None => continue,
        };
        seen += 1;
        let verdict = judged(&std::fs::read(vectors.join(archive)).unwrap(), before);
        assert_eq!(verdict.is_ok(), entry["expect"]["ok"] == true, "{entry}");
        if let Ok(verified) = verdict {
            assert_eq!(Some(verified.digest.as_str()), entry["expect"]["last_digest"].as_str());
        }
    }
    assert_eq!(seen, 2);
}

/// One octet changed, cut off or put in: at each place, or so far apart.
fn every_octet_counts(whole: &[u8], stride: usize) {
    assert!(judged(whole, Before::Anything).is_ok());
    let ends = (0..100.min(whole.len())).chain(whole.len().saturating_sub(1500)..whole.len());
    for at in ends.chain((0..whole.len()).step_by(stride)) {
        for bit in [0, at % 8, 7] {
            let mut bytes = whole.to_vec();
            bytes[at] ^= 1 << bit;
            assert!(judged(&bytes, Before::Anything).is_err(), "octet {at} bit {bit}");
        }
        assert!(judged(&whole[..at], Before::Anything).is_err(), "cut at {at}");
        let mut bytes = whole.to_vec();
        bytes.insert(at, 0);
        assert!(judged(&bytes, Before::Anything).is_err(), "put in at {at}");
    }
}

#[test]
fn every_octet_of_ours_counts() {
    every_octet_counts(&ours(), 1);
}

#[test]
fn every_octet_of_a_live_servers_archive_counts() {
    let Some(vectors) = vectors() else { return };
    let small: Vec<Vec<u8>> = recorded(&vectors)
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .filter(|bytes| bytes.len() < 30_000)
        .collect();
    assert!(small.len() >= 3);
    for bytes in small {
        every_octet_counts(&bytes, 37);
    }
}

/// Packs entries, with the linking information that is given, as one who knows the format would.
fn forged(entries: &[Named<'_>], linking: &str) -> Vec<u8> {
    let mut writer = ArchiveWriter::new(Vec::new(), None);
    for (name, octets) in entries {
        writer.add(name, octets, noon()).unwrap();
    }
    let own = writer.finish(noon()).unwrap().out;
    let lines = own.windows(11).position(|seen| seen == b"- - SHA-512").unwrap();
    // Its own linking information has as many octets for as many entries.
    let mut bytes = own.clone();
    let stood = &own[lines..lines + linking.len()];
    bytes[lines..lines + linking.len()].copy_from_slice(linking.as_bytes());
    let crc = |octets: &[u8]| {
        let mut crc = flate2::Crc::new();
        crc.update(octets);
        crc.sum().to_le_bytes()
    };
    let (was, is) = (crc(stood), crc(linking.as_bytes()));
    for at in 0..bytes.len() - 4 {
        if bytes[at..at + 4] == was {
            bytes[at..at + 4].copy_from_slice(&is);
        }
    }
    bytes
}

#[test]
fn refuses_what_is_missing_added_swapped_doubled_or_other() {
    let (a, b): (Named<'_>, Named<'_>) = (("a-request-1.asice", b"first"), ("b-request-2.asice", b"other"));
    let whole = archive_of(&[a, b], None).0;
    let text = String::from_utf8_lossy(&whole).into_owned();
    let lines = text[text.find("- - SHA-512").unwrap()..].split("PK").next().unwrap().to_owned();
    assert_eq!(judged(&forged(&[a, b], &lines), Before::Nothing).map(|found| found.containers), Ok(2));
    let contents = |entries: &[Named<'_>]| judged(&forged(entries, &lines), Before::Nothing);
    let other = |name: &str| Err(Refusal::OtherContainer { name: name.to_owned() });
    // Swapped: the entries, or what they hold.
    assert!(matches!(contents(&[b, a]), Err(Refusal::OtherContents { .. })));
    assert_eq!(contents(&[(a.0, b.1), (b.0, a.1)]), other(a.0));
    assert_eq!(contents(&[a, (b.0, b"OTHER")]), other(b.0));
    // Another name for the same container.
    assert!(matches!(contents(&[("c-request-1.asice", a.1), b]), Err(Refusal::OtherContents { .. })));
    // Doubled under one name: whoever lists it twice is refused as well.
    assert!(matches!(judged(&archive_of(&[a, a], None).0, Before::Nothing), Err(Refusal::BadLinking(_))));
    // Missing or added: the linking information of another number of entries.
    for (entries, linking_of) in [(vec![a], vec![a, b]), (vec![a, b], vec![a])] {
        let linking = archive_of(&linking_of, None).0;
        let text = String::from_utf8_lossy(&linking).into_owned();
        let lines = text[text.find("- - SHA-512").unwrap()..].split("PK").next().unwrap().to_owned();
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let plain =
            zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        for (name, octets) in entries.iter().chain([&("linkinginfo", lines.as_bytes())]) {
            zip.start_file(*name, plain).unwrap();
            std::io::Write::write_all(&mut zip, octets).unwrap();
        }
        let bytes = zip.finish().unwrap().into_inner();
        let refused = judged(&bytes, Before::Nothing);
        assert!(matches!(refused, Err(Refusal::OtherContents { .. })), "{refused:?}");
    }
}

#[test]
fn refuses_names_that_lead_elsewhere() {
    let named = |name: &str| {
        let mut writer = ArchiveWriter::new(Vec::new(), None);
        writer.add(name, b"x", noon()).unwrap();
        judged(&writer.finish(noon()).unwrap().out, Before::Nothing)
    };
    named("a.asice").unwrap();
    for name in ["../a.asice", "/a.asice", "a/b.asice", "a\\b.asice", "a\0.asice", "..", "a\nb.asice", ""] {
        let refused = named(name);
        assert!(matches!(refused, Err(Refusal::BadLinking(_))), "{name:?}: {refused:?}");
    }
}

#[test]
fn refuses_what_another_program_packed() {
    let Some(vectors) = vectors() else { return };
    let bytes = std::fs::read(vectors.join("asic/archives/message-archive-0.zip")).unwrap();
    let linking = {
        let mut zip = zip::ZipArchive::new(Cursor::new(bytes.clone())).unwrap();
        std::io::read_to_string(zip.by_name("linkinginfo").unwrap()).unwrap()
    };
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let plain = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    for (name, octets) in contents(&bytes)
        .iter()
        .map(|(name, octets)| (name.as_str(), &octets[..]))
        .chain([("linkinginfo", linking.as_bytes())])
    {
        zip.start_file(name, plain).unwrap();
        std::io::Write::write_all(&mut zip, octets).unwrap();
    }
    let refused = judged(&zip.finish().unwrap().into_inner(), Before::Anything);
    assert!(matches!(refused, Err(Refusal::NotZip(_))), "{refused:?}");
}

#[test]
fn an_archive_without_containers_or_linking_information_is_none() {
    assert!(matches!(judged(&archive_of(&[], None).0, Before::Nothing), Err(Refusal::BadLinking(_))));
    assert!(matches!(judged(b"", Before::Nothing), Err(Refusal::NotZip(_))));
    let mut empty = b"PK\x05\x06".to_vec();
    empty.extend([0; 18]);
    assert_eq!(judged(&empty, Before::Nothing), Err(Refusal::NoLinking));
}

#[test]
fn no_more_is_written_than_a_zip_file_holds() {
    let mut writer = ArchiveWriter::new(std::io::sink(), None);
    for place in 0..u16::MAX {
        writer.add(&format!("{place}.asice"), b"", noon()).unwrap();
    }
    assert!(matches!(writer.add("one-more.asice", b"", noon()), Err(signature::archive::WriteFailure::Full)));
}

/// Whatever needs zip64 is refused by that name, without reading more than its end.
#[test]
fn zip64_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let many = folder.path().join("many.zip");
    let written = std::process::Command::new("python3")
        .args(["-c", "import sys, zipfile\nwith zipfile.ZipFile(sys.argv[1], 'w') as z:\n for n in range(65536): z.writestr(str(n), '')"])
        .arg(&many)
        .output()
        .unwrap();
    assert!(written.status.success(), "{written:?}");
    let far = folder.path().join("far.zip");
    let file = std::fs::File::create(&far).unwrap();
    file.set_len(5 << 30).unwrap();
    let end = [b"PK\x05\x06\0\0\0\0\x01\0\x01\0".as_slice(), &[50, 0, 0, 0], &[0xff; 4], &[0, 0]].concat();
    std::os::unix::fs::FileExt::write_all_at(&file, &end, (5 << 30) - 22).unwrap();
    for path in [many, far] {
        let refused = verify(std::fs::File::open(path).unwrap(), Before::Anything, |_, _| {}).unwrap_err();
        assert!(matches!(&refused, Refusal::NotZip(why) if why.contains("zip64")), "{refused}");
    }
}
