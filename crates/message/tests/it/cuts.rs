//! Every recorded message, cut at every byte and into chunks of every small and many random sizes, is read in the same
//! way; a message that ends early is refused.

use message::content_type::Boundary;
use message::multipart::Malformed;
use message::proxy::Answer;

use crate::http::Recording;
use crate::support::{read, vectors, wire_exchanges};

/// Every recorded multipart body.
fn bodies() -> Vec<(String, Boundary, Vec<u8>)> {
    let Some(folder) = vectors() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for exchange in wire_exchanges(&folder) {
        for file in ["request.bin", "response.bin"] {
            let path = exchange.join(file);
            let Some(recording) = Recording::read(&path) else {
                continue;
            };
            let Ok(Answer::Message(boundary)) = Answer::of(recording.header("content-type")) else {
                continue;
            };
            // One recorded request breaks off, since its sender failed.
            if read(&boundary, std::iter::once(recording.body.as_slice())).is_ok() {
                found.push((path.display().to_string(), boundary, recording.body));
            }
        }
    }
    found
}

/// Small enough to be read once for each of its bytes.
fn is_small(body: &[u8]) -> bool {
    body.len() < 64 * 1024
}

#[test]
fn a_cut_at_any_byte_changes_nothing() {
    // So far apart that no boundary line is cut twice: each run tries many places at once.
    let apart = 131;
    for (name, boundary, body) in bodies() {
        let whole = read(&boundary, std::iter::once(body.as_slice())).unwrap();
        for first in 0..if is_small(&body) { apart } else { 3 } {
            let (before, after) = body.split_at(first);
            let chunks = std::iter::once(before).chain(after.chunks(apart));
            assert!(read(&boundary, chunks).as_ref() == Ok(&whole), "{name} cut at {first}");
        }
    }
}

#[test]
fn chunks_of_any_size_change_nothing() {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    for (name, boundary, body) in bodies() {
        let whole = read(&boundary, std::iter::once(body.as_slice())).unwrap();
        let sizes: &[usize] =
            if is_small(&body) { &[1, 2, 3, 5, 8, 13, 31, 32, 33, 39, 40, 41] } else { &[61, 64] };
        for &size in sizes {
            assert!(read(&boundary, body.chunks(size)).as_ref() == Ok(&whole), "{name} in chunks of {size}");
        }
        // Tiny chunks of a large body would only take time.
        for round in if is_small(&body) { 0..16 } else { 8..16 } {
            let mut chunks = Vec::new();
            let mut rest = body.as_slice();
            while !rest.is_empty() {
                random =
                    random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let size = usize::try_from(random >> 33).unwrap() % (1 << round) + 1;
                let (chunk, after) = rest.split_at(size.min(rest.len()));
                chunks.push(chunk);
                rest = after;
            }
            assert!(read(&boundary, chunks.into_iter()).as_ref() == Ok(&whole), "{name} in round {round}");
        }
    }
}

#[test]
fn a_message_that_ends_early_is_refused() {
    for (name, boundary, body) in bodies() {
        // The last two bytes are the line end of the closing boundary, which may be absent.
        let last = body.len() - 2;
        for length in (0..last).rev().step_by(997).chain(last - 200..last) {
            let cut = std::iter::once(body.get(..length).unwrap());
            assert!(read(&boundary, cut) == Err(Malformed::Truncated), "{name} ends after {length}");
        }
    }
}
