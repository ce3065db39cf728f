//! One octet changed anywhere in a container, and the evidence is gone.

use crate::containers::{batch, entries, judge, single, zipped};
use crate::support;
use crate::workshop::workshop;
use trust::authorities::Authorities;

/// Changes octets of every entry, `stride` apart, each in `ways` ways, and gives those that were not noticed.
fn unnoticed(zip: &[u8], authorities: &Authorities, stride: usize, ways: &[u8]) -> Vec<String> {
    let whole = entries(zip);
    judge(zip, authorities).unwrap();
    let mut missed = Vec::new();
    let mut tried = 0_usize;
    for index in 0..whole.len() {
        let length = whole[index].1.len();
        for place in (0..length).step_by(if length > 4000 { stride } else { 1 + stride / 7 }) {
            for way in ways {
                let mut changed = whole.clone();
                changed[index].1[place] ^= way;
                tried += 1;
                if judge(&zipped(&changed), authorities).is_ok() {
                    let around = place.saturating_sub(30)..(place + 10).min(length);
                    let context = String::from_utf8_lossy(&whole[index].1[around]).into_owned();
                    missed.push(format!("{} at {place} ^{way:#x}: {context:?}", whole[index].0));
                }
            }
        }
    }
    println!("{tried} changes, {} unnoticed", missed.len());
    missed
}

fn none(missed: &[String]) {
    assert!(missed.is_empty(), "{} unnoticed:\n{}", missed.len(), missed[..missed.len().min(60)].join("\n"));
}

#[test]
fn every_octet_of_our_own_single_stamped_container_counts() {
    let workshop = workshop();
    none(&unnoticed(&single(workshop), &workshop.authorities, 1, &[0x01]));
}

#[test]
fn every_octet_of_our_own_batch_stamped_container_counts() {
    let workshop = workshop();
    none(&unnoticed(&batch(workshop), &workshop.authorities, 1, &[0x01]));
}

#[test]
fn every_octet_of_recorded_containers_counts() {
    let Some(vectors) = support::vectors() else { return };
    let authorities = support::recorded(&vectors);
    let path = vectors.join("recorded/messagelog/asice/asic-ss1-rest-get-responseonly.asice");
    none(&unnoticed(&std::fs::read(path).unwrap(), &authorities, 13, &[0x01, 0x20]));
    let path = vectors.join("recorded/messagelog/asice/asic-ss1-rest-post-1mb.zip");
    let large = entries(&std::fs::read(path).unwrap()).remove(0).1;
    none(&unnoticed(&large, &authorities, 7919, &[0x80]));
}

#[test]
fn every_octet_of_x_roads_own_containers_counts() {
    let Some(vectors) = support::vectors() else { return };
    let containers = [
        ("archived/3a2a743f-56da-4085-b643-79e335341eb3-request-1", "messagelog_cs_v3"),
        ("archived/DBOxxqv2csKysKHNwRCrU4QV0EWkqSUY-response-h", "messagelog_cs_v3"),
        ("verify/valid-signed-message", "globalconf_good2_v3"),
        ("verify/valid-batch-ts", "globalconf_good2_v3"),
        ("verify/valid-non-batch-rest", "globalconf_good2_v3"),
    ];
    for (name, store) in containers {
        println!("{name}");
        let authorities = support::store(&vectors, &format!("shared/globalconf/{store}"));
        let zip = std::fs::read(vectors.join("asic/containers").join(format!("{name}.asice"))).unwrap();
        none(&unnoticed(&zip, &authorities, 37, &[0x01]));
    }
}
