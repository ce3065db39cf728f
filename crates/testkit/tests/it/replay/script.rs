//! Chance as it fell at the recording: the same identifiers, the same boundary letters.

use clock::Chance;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// What is still to be drawn.
#[derive(Debug)]
struct Script {
    uuids: VecDeque<[u8; 16]>,
    letters: VecDeque<u32>,
}

/// A source that gives these identifiers and these letters in order; afterwards anything, but always the same.
pub(crate) fn scripted(uuids: &[String], letters: &str) -> Chance {
    let script = Mutex::new(Script {
        uuids: uuids.iter().filter_map(|text| bytes_of(text)).collect(),
        letters: letters.chars().filter_map(|letter| u32::try_from(LETTERS.find(letter)?).ok()).collect(),
    });
    let afterwards = Chance::seeded(7);
    Chance::new(move |bytes| {
        let mut script = script.lock().unwrap_or_else(PoisonError::into_inner);
        // A UUID is drawn as sixteen bytes, a letter as a number of four.
        if bytes.len() == 16
            && let Some(uuid) = script.uuids.pop_front()
        {
            bytes.copy_from_slice(&uuid);
        } else if bytes.len() == 4
            && let Some(letter) = script.letters.pop_front()
        {
            bytes.copy_from_slice(&letter.to_le_bytes());
        } else {
            afterwards.fill(bytes);
        }
    })
}

fn bytes_of(uuid: &str) -> Option<[u8; 16]> {
    hex::decode(uuid.replace('-', "")).ok()?.try_into().ok()
}
