//! OCSP answers are kept, found again, and never half.

use keystore::OcspCache;
use keystore::ocsp_cache::{OCSP_RESPONSE_BYTES_MAX, PutRefusal};

const ONE: [u8; 20] = [1; 20];
const TWO: [u8; 20] = [0xab; 20];
const RESPONSE: &[u8] = &[0x30, 0x03, 0x0a, 0x01, 0x06];
const ANOTHER: &[u8] = &[0x30, 0x03, 0x0a, 0x01, 0x01];

#[test]
fn an_answer_is_found_again_under_its_certificate_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ocsp");
    let cache = OcspCache::open(&path).unwrap();
    assert_eq!(cache.get(&ONE), None);
    cache.put(&ONE, RESPONSE).unwrap();
    cache.put(&TWO, RESPONSE).unwrap();
    cache.put(&TWO, ANOTHER).unwrap();
    assert_eq!(std::fs::read(path.join(format!("{}.ocsp", "ab".repeat(20)))).unwrap(), ANOTHER);
    for cache in [cache, OcspCache::open(&path).unwrap()] {
        assert_eq!(cache.get(&ONE).as_deref(), Some(RESPONSE));
        assert_eq!(cache.get(&TWO).as_deref(), Some(ANOTHER));
        assert_eq!(cache.get(&[3; 20]), None);
    }
    let cache = OcspCache::open(&path).unwrap();
    let all: Vec<_> = cache.all().into_iter().map(|(sha1, response)| (sha1, response.to_vec())).collect();
    assert_eq!(all, [(ONE, RESPONSE.to_vec()), (TWO, ANOTHER.to_vec())]);
    cache.remove(&ONE).unwrap();
    cache.remove(&ONE).unwrap();
    assert_eq!(cache.get(&ONE), None);
    assert_eq!(OcspCache::open(&path).unwrap().get(&ONE), None);
}

#[test]
fn what_is_no_answer_is_not_kept_and_the_former_stays() {
    let dir = tempfile::tempdir().unwrap();
    let cache = OcspCache::open(dir.path().join("ocsp")).unwrap();
    cache.put(&ONE, RESPONSE).unwrap();
    let long = vec![0x30; OCSP_RESPONSE_BYTES_MAX + 1];
    for bad in [&b""[..], b"x", &[0x30, 0x00], &RESPONSE[..4], &[RESPONSE, b"x"].concat(), &long] {
        assert_eq!(cache.put(&ONE, bad), Err(PutRefusal::NotDer));
    }
    assert_eq!(cache.get(&ONE).as_deref(), Some(RESPONSE));
}

#[test]
fn files_that_are_no_answer_are_as_good_as_none() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ocsp");
    let cache = OcspCache::open(&path).unwrap();
    cache.put(&ONE, RESPONSE).unwrap();
    for length in 0..RESPONSE.len() {
        std::fs::write(path.join(format!("{}.ocsp", hex(&ONE))), &RESPONSE[..length]).unwrap();
        assert_eq!(OcspCache::open(&path).unwrap().get(&ONE), None, "cut at {length}");
    }
    for name in
        ["x.ocsp", "README", &format!("{}.ocsp.unfinished", hex(&TWO)), &format!("{}.ocsp", "0".repeat(39))]
    {
        std::fs::write(path.join(name), RESPONSE).unwrap();
    }
    std::fs::create_dir(path.join(format!("{}.ocsp", hex(&TWO)))).unwrap();
    let cache = OcspCache::open(&path).unwrap();
    assert_eq!((cache.get(&ONE), cache.get(&TWO)), (None, None));
    cache.put(&ONE, RESPONSE).unwrap();
    assert_eq!(OcspCache::open(&path).unwrap().get(&ONE).as_deref(), Some(RESPONSE));
}

#[test]
fn many_threads_put_and_get_whole_answers() {
    let dir = tempfile::tempdir().unwrap();
    let cache = OcspCache::open(dir.path().join("ocsp")).unwrap();
    std::thread::scope(|scope| {
        for answer in [RESPONSE, ANOTHER] {
            let cache = cache.clone();
            scope.spawn(move || {
                for _ in 0..50 {
                    cache.put(&ONE, answer).unwrap();
                    let found = cache.get(&ONE).unwrap();
                    assert!(&*found == RESPONSE || &*found == ANOTHER);
                }
            });
        }
    });
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
