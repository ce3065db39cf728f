//! The zip file around the evidence: nothing stands where no reader looks, and there is one reading of it.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use signature::container::{AsicContainer, ReadRefusal};

use crate::containers::{batch, entries, single, zipped};
use crate::support;
use crate::workshop::workshop;

const COMMENT: &[u8] = b"mimetype=application/vnd.etsi.asic-e+zip";

/// One entry of a zip file, in pieces.
#[derive(Debug, Clone)]
struct Piece {
    /// The local header with name and extra field.
    head: Vec<u8>,
    data: Vec<u8>,
    /// The data descriptor, if it was streamed.
    tail: Vec<u8>,
    /// Its record in the directory.
    listed: Vec<u8>,
}

fn short(bytes: &[u8], at: usize) -> usize {
    usize::from(u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap()))
}

fn long(bytes: &[u8], at: usize) -> usize {
    usize::try_from(u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())).unwrap()
}

fn put(bytes: &mut [u8], at: usize, value: usize) {
    bytes[at..at + 4].copy_from_slice(&u32::try_from(value).unwrap().to_le_bytes());
}

fn taken_apart(zip: &[u8]) -> Vec<Piece> {
    let end = zip.windows(4).rposition(|window| window == b"PK\x05\x06").unwrap();
    let mut at = long(zip, end + 16);
    let mut pieces = Vec::new();
    for _ in 0..short(zip, end + 10) {
        let next = at + 46 + short(zip, at + 28) + short(zip, at + 30);
        let listed = zip[at..next].to_vec();
        let place = long(zip, at + 42);
        let data = place + 30 + short(zip, place + 26) + short(zip, place + 28);
        let behind = data + long(zip, at + 20);
        let tail = if short(zip, at + 8) & 8 == 0 { behind } else { behind + 16 };
        let slice = |from: usize, to: usize| zip[from..to].to_vec();
        pieces.push(Piece {
            head: slice(place, data),
            data: slice(data, behind),
            tail: slice(behind, tail),
            listed,
        });
        at = next;
    }
    pieces
}

fn put_together(pieces: &[Piece], comment: &[u8]) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for piece in pieces {
        let mut listed = piece.listed.clone();
        put(&mut listed, 42, file.len());
        directory.extend(listed);
        file.extend([piece.head.as_slice(), &piece.data, &piece.tail].concat());
    }
    let (start, size) = (file.len(), directory.len());
    file.extend(directory);
    let count = u16::try_from(pieces.len()).unwrap().to_le_bytes();
    let mut end = [b"PK\x05\x06".as_slice(), &[0; 4], &count, &count, &[0; 8]].concat();
    put(&mut end, 12, size);
    put(&mut end, 16, start);
    end.extend(u16::try_from(comment.len()).unwrap().to_le_bytes());
    [file.as_slice(), &end, comment].concat()
}

fn deflated(octets: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(octets).unwrap();
    encoder.finish().unwrap()
}

/// A container as X-Road's gateways pack it.
fn streamed(zip: &[u8]) -> Vec<u8> {
    let time = [0x55, 0x54, 5, 0, 1, 0x6c, 0xd7, 2, 0x6b];
    let pieces = entries(zip).into_iter().map(|(name, octets)| {
        let mut checksum = flate2::Crc::new();
        checksum.update(&octets);
        let data = deflated(&octets);
        let agreed = [20, 0, 8, 8, 8, 0, 0x10, 0x65, 0x76, 0x5b];
        let lengths = [u8::try_from(name.len()).unwrap(), 0, 9, 0];
        let sums = [checksum.sum(), u32::try_from(data.len()).unwrap(), u32::try_from(octets.len()).unwrap()];
        let sums = sums.map(u32::to_le_bytes).concat();
        let name = name.into_bytes();
        Piece {
            head: [b"PK\x03\x04".as_slice(), &agreed, &[0; 12], &lengths, &name, &time].concat(),
            data,
            tail: [b"PK\x07\x08".as_slice(), &sums].concat(),
            listed: [b"PK\x01\x02\x14\x00".as_slice(), &agreed, &sums, &lengths, &[0; 14], &name, &time]
                .concat(),
        }
    });
    put_together(&pieces.collect::<Vec<_>>(), COMMENT)
}

/// The same contents as ours, as X-Road's gateways and as anybody packs them.
fn packings() -> [(&'static str, Vec<u8>); 3] {
    let ours = single(workshop());
    [("Java", streamed(&ours)), ("anybody", zipped(&entries(&ours))), ("ours", ours)]
}

fn refused(zip: &[u8]) -> Option<ReadRefusal> {
    AsicContainer::read(zip).err()
}

#[test]
fn all_three_packings_are_read_and_a_recorded_one_is_that_of_java() {
    let [(_, java), (_, anybody), (_, ours)] = packings();
    let read = |zip: &[u8]| AsicContainer::read(zip).unwrap();
    assert_eq!(read(&java), read(&ours));
    assert_eq!(read(&anybody), read(&ours));
    for (zip, comment) in [(&java, COMMENT), (&ours, COMMENT), (&anybody, b"")] {
        assert_eq!(&put_together(&taken_apart(zip), comment), zip);
    }
    let Some(vectors) = support::vectors() else { return };
    let recorded = vectors.join("recorded/messagelog/asice/asic-ss1-rest-get-responseonly.asice");
    let recorded = std::fs::read(recorded).unwrap();
    let again = streamed(&recorded);
    let form = |zip: &[u8]| {
        let mut piece = taken_apart(zip).remove(1);
        // The date, the sums, and what follows from them.
        piece.head.drain(10..14);
        piece.listed.drain(12..28);
        (piece.head[..30].to_vec(), piece.listed[..30].to_vec(), piece.tail.len())
    };
    assert_eq!(form(&again), form(&recorded));
}

type Edit = fn(&mut Vec<Piece>);

/// What somebody could do to a file without touching what is evidence.
const EDITS: [(&str, Edit); 17] = [
    ("octets before the first entry", |pieces| pieces[0].head.insert(0, b'x')),
    ("octets between two entries", |pieces| pieces[1].tail.extend(b"more")),
    ("octets behind the last entry", |pieces| pieces.last_mut().unwrap().tail.push(0)),
    ("an entry that the directory does not list", |pieces| {
        let more = pieces[2].clone();
        pieces[2].tail.extend([more.head, more.data, more.tail].concat());
    }),
    ("an entry that the directory lists twice", |pieces| {
        let mut again = pieces[1].clone();
        (again.head, again.data, again.tail) = (Vec::new(), Vec::new(), Vec::new());
        pieces.insert(1, again);
    }),
    ("a comment on an entry", |pieces| {
        pieces[1].listed[32] = 1;
        pieces[1].listed.push(b'x');
    }),
    ("another disk", |pieces| pieces[1].listed[34] = 1),
    ("an unknown extra field", |pieces| {
        pieces[1].head[28] += 5;
        pieces[1].head.extend(b"xx\x01\x00y");
    }),
    ("an unknown extra field in the directory", |pieces| {
        pieces[1].listed[30] += 5;
        pieces[1].listed.extend(b"xx\x01\x00y");
    }),
    ("lengths for a larger file", |pieces| {
        pieces[1].listed[30] += 12;
        pieces[1].listed[20..28].fill(0xff);
        pieces[1].listed.extend(b"\x01\x00\x08\x00\x01\x00\x00\x00\x00\x00\x00\x00");
    }),
    ("another checksum", |pieces| {
        for (record, at) in [(0, 14), (1, 16), (2, 4)] {
            let piece = &mut pieces[1];
            let bytes =
                [&mut piece.head, &mut piece.listed, &mut piece.tail].into_iter().nth(record).unwrap();
            if bytes.len() > at && !(record == 0 && bytes[14..18] == [0; 4]) {
                bytes[at] ^= 1;
            }
        }
    }),
    ("another length", |pieces| pieces[1].listed[24] ^= 1),
    ("a name of its own", |pieces| pieces[1].head[30] ^= 1),
    ("a date of its own", |pieces| pieces[1].head[10] ^= 1),
    ("encryption", |pieces| {
        pieces[1].head[6] |= 1;
        pieces[1].listed[8] |= 1;
    }),
    ("an unknown compression", |pieces| {
        pieces[1].head[8] = 12;
        pieces[1].listed[10] = 12;
    }),
    ("another order in the directory", |pieces| {
        let listed = pieces[1].listed.clone();
        pieces[1].listed = pieces[2].listed.clone();
        pieces[2].listed = listed;
    }),
];

#[test]
fn refuses_a_file_in_which_something_stands_that_nothing_covers() {
    for (packing, zip) in packings() {
        let comment = if packing == "anybody" { b"".as_slice() } else { COMMENT };
        for (name, edit) in EDITS {
            let mut pieces = taken_apart(&zip);
            edit(&mut pieces);
            let changed = put_together(&pieces, comment);
            assert_ne!(changed, zip, "{name}");
            assert!(refused(&changed).is_some(), "{packing}: {name}");
        }
        for odd in [b"mimetype=application/zip".as_slice(), b"hello"] {
            assert!(refused(&put_together(&taken_apart(&zip), odd)).is_some(), "{packing}");
        }
    }
}

/// The data of the message, with something behind them; the sums say so.
fn with_data(zip: &[u8], change: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
    let mut pieces = taken_apart(zip);
    let piece = &mut pieces[1];
    change(&mut piece.data);
    put(&mut piece.listed, 20, piece.data.len());
    put(&mut piece.tail, 8, piece.data.len());
    put_together(&pieces, COMMENT)
}

#[test]
fn refuses_what_is_hidden_behind_compressed_data() {
    let java = streamed(&single(workshop()));
    assert_eq!(with_data(&java, |_| {}), java);
    let behind: [&[u8]; 4] = [b"\x00", b"hidden", b"hidden\x00", &deflated(b"more")];
    for more in behind {
        assert!(refused(&with_data(&java, |data| data.extend_from_slice(more))).is_some(), "{more:?}");
    }
    assert!(refused(&with_data(&java, |data| data.truncate(data.len() - 1))).is_some(), "cut");
    // Bits of the last octet behind the end of the data.
    let last = *taken_apart(&java)[1].data.last().unwrap();
    let free = (0..8).filter(|bit| last >> bit == 0).collect::<Vec<_>>();
    for bit in free {
        let hidden = with_data(&java, |data| *data.last_mut().unwrap() |= 1 << bit);
        assert!(refused(&hidden).is_some(), "bit {bit}");
    }
}

#[test]
fn refuses_folders_but_the_one_that_has_to_be() {
    let mut all = entries(&single(workshop()));
    let zip =
        |name: &str, all: &[(String, Vec<u8>)]| zipped(&[&[(name.to_owned(), Vec::new())], all].concat());
    assert_eq!(refused(&zip("META-INF/", &all)), None);
    assert!(matches!(refused(&zip("hello/", &all)), Some(ReadRefusal::Altered(_))));
    all.push(("META-INF/".to_owned(), b"hello".to_vec()));
    assert!(refused(&zipped(&all)).is_some());
}

#[test]
fn refuses_names_that_command_a_terminal() {
    let all = entries(&single(workshop()));
    for name in ["\u{1b}[2Jmessage.xml", "attachment\n1", "\u{9b}1m", "message\u{202e}lmx"] {
        let named = [all.as_slice(), &[(name.to_owned(), Vec::new())]].concat();
        assert!(matches!(refused(&zipped(&named)), Some(ReadRefusal::NotZip(_))), "{name:?}");
    }
}

#[test]
fn refuses_paths_links_and_names_that_lead_elsewhere() {
    let all = entries(&single(workshop()));
    let more = |name: &str| zipped(&[all.as_slice(), &[(name.to_owned(), b"x".to_vec())]].concat());
    for name in [
        "../message.xml",
        "META-INF/../message.xml",
        "./message.xml",
        "/message.xml",
        "//message.xml",
        "..\\message.xml",
        "C:\\message.xml",
        "message.xml\0.txt",
        "Message.XML",
        "META-INF//signatures.xml",
        "~/message.xml",
    ] {
        let zip = more(name);
        let judged = crate::containers::judge(&zip, &workshop().authorities);
        assert!(refused(&zip).is_some() || judged.is_err(), "{name}");
    }
    let long = more(&"x".repeat(513));
    assert!(matches!(refused(&long), Some(ReadRefusal::NotZip(_))));
    // Links, devices, and a folder that calls itself a message, as a program for Unix notes them.
    let anew = packings().into_iter().find(|(packing, _)| *packing == "anybody").unwrap().1;
    for (mode, fine) in [
        (0o100_644, true),
        (0o000_600, true),
        (0, true),
        (0o120_777, false),
        (0o040_755, false),
        (0o060_644, false),
        (0o020_644, false),
        (0o010_644, false),
        (0o140_644, false),
    ] {
        let mut pieces = taken_apart(&anew);
        put(&mut pieces[1].listed, 38, mode << 16);
        let refused = refused(&put_together(&pieces, b""));
        assert_eq!(refused.is_none(), fine, "{mode:o}: {refused:?}");
    }
}

#[test]
fn refuses_more_than_is_unpacked_here() {
    let ours = single(workshop());
    let mut pieces = taken_apart(&streamed(&ours));
    let stated = 300 << 20;
    put(&mut pieces[1].listed, 24, stated);
    put(&mut pieces[1].tail, 12, stated);
    let bomb = refused(&put_together(&pieces, COMMENT)).unwrap();
    assert!(matches!(bomb, ReadRefusal::TooLarge { .. }) && bomb.to_string().contains("268435456"), "{bomb}");
    // A bomb that states less than it unpacks to.
    let mut pieces = taken_apart(&streamed(&ours));
    let bomb = deflated(&vec![0; 8 << 20]);
    pieces[1].data = bomb;
    let packed = pieces[1].data.len();
    put(&mut pieces[1].listed, 20, packed);
    put(&mut pieces[1].tail, 8, packed);
    assert!(matches!(refused(&put_together(&pieces, COMMENT)), Some(ReadRefusal::NotZip(_))));
}

/// Two bits of every octet: those that can be changed without anything being noticed or read otherwise.
fn free_bits(zip: &[u8]) -> Vec<(usize, usize)> {
    let whole = AsicContainer::read(zip).unwrap();
    let mut free = Vec::new();
    for (at, bit) in (0..zip.len()).flat_map(|at| [(at, at % 8), (at, (at + 5) % 8)]) {
        let mut changed = zip.to_vec();
        changed[at] ^= 1 << bit;
        if AsicContainer::read(&changed).is_ok_and(|read| read == whole) {
            free.push((at, bit));
        }
    }
    free
}

#[test]
fn every_octet_of_our_own_files_counts() {
    assert_eq!(free_bits(&single(workshop())), []);
    assert_eq!(free_bits(&batch(workshop())), []);
}

/// Deflate can refer to the same octets in two places.
#[test]
fn every_octet_of_a_recorded_file_counts_unless_compressed_data_say_the_same_in_another_way() {
    let Some(vectors) = support::vectors() else { return };
    let recorded = vectors.join("recorded/messagelog/asice/asic-ss1-rest-get-responseonly.asice");
    let zip = std::fs::read(recorded).unwrap();
    let mut at = 0;
    let data = taken_apart(&zip).into_iter().map(|piece| {
        let from = at + piece.head.len();
        at = from + piece.data.len() + piece.tail.len();
        from..from + piece.data.len() - 1
    });
    let data: Vec<_> = data.collect();
    let free = free_bits(&zip);
    assert!(free.iter().all(|(at, _)| data.iter().any(|inside| inside.contains(at))), "{free:?}");
    assert!(free.len() * 10_000 < zip.len() * 8, "{free:?}");
}
