//! What was compressed comes out as it was, whatever pieces it comes in.

use super::*;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use std::io::Write as _;

/// The pieces that come out when these chunks go in.
fn pieces(coding: &str, packed: &[u8], step: usize) -> Result<Vec<Bytes>, Refusal> {
    let mut unpacker = Unpacker::new(Some(coding.as_bytes()));
    let mut out = Vec::new();
    for chunk in packed.chunks(step) {
        unpacker.push(Bytes::copy_from_slice(chunk));
        while let Some(piece) = unpacker.next()? {
            out.push(piece);
        }
    }
    unpacker.end();
    while let Some(piece) = unpacker.next()? {
        out.push(piece);
    }
    Ok(out)
}

fn packed(text: &[u8]) -> [(&'static str, Vec<u8>); 3] {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(text).unwrap();
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
    zlib.write_all(text).unwrap();
    let mut raw = DeflateEncoder::new(Vec::new(), Compression::default());
    raw.write_all(text).unwrap();
    [
        ("gzip", gzip.finish().unwrap()),
        ("deflate", zlib.finish().unwrap()),
        ("Deflate", raw.finish().unwrap()),
    ]
}

#[test]
fn unpacks_each_coding_in_any_chunks() {
    let text = b"a person's record, a person's record".repeat(50);
    for (coding, packed) in packed(&text) {
        for step in [1, 7, 10_000] {
            assert_eq!(pieces(coding, &packed, step).unwrap().concat(), text, "{coding} {step}");
            for length in 1..packed.len() {
                assert!(pieces(coding, &packed[..length], step).is_err(), "{coding} {step} {length}");
            }
        }
    }
    assert_eq!(pieces("br", b"as it is", 3).unwrap().concat(), b"as it is");
    let [(_, one), ..] = packed(b"one");
    let [(_, two), ..] = packed(b"two");
    assert_eq!(pieces("gzip", &[one, two].concat(), 7).unwrap().concat(), b"onetwo");
}

#[test]
fn a_short_chunk_that_holds_megabytes_comes_out_in_pieces() {
    let zeros = vec![0; 8 << 20];
    for (coding, packed) in packed(&zeros) {
        assert!(packed.len() < 10_000, "{coding}");
        let pieces = pieces(coding, &packed, packed.len()).unwrap();
        assert!(pieces.iter().all(|piece| piece.len() <= PIECE_BYTES_MAX), "{coding}");
        assert_eq!(pieces.iter().map(Bytes::len).sum::<usize>(), zeros.len(), "{coding}");
    }
}
