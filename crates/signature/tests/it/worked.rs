//! The worked vectors of data-plane 5.5 and Appendix A.

use signature::hashchain::{self, Absent, Input, Leaf, Part, SIGNATURE_CHAIN, Tree, digest_list, step};
use trust::algorithm::DigestAlgorithm;

use crate::support::base64;

const MESSAGE: &[u8] = b"POST\r\n/r1/EX/COM/1/sub/svc/a?x=1\r\nX-Road-Client:EX/GOV/2/c\r\n\
    Content-Type:application/json\r\nx-road-request-id:11111111-2222-3333-4444-555555555555\r\n\
    x-road-id:EX-66666666-7777-8888-9999-000000000000\r\n";
const BODY: &[u8] = b"{\"a\":1}";
const H: DigestAlgorithm = DigestAlgorithm::Sha512;

fn single(text: &[u8]) -> Leaf {
    Leaf { parts: vec![Part { name: "/message.xml".to_owned(), digest: H.digest(text) }] }
}

#[test]
fn chains_the_worked_request() {
    let (message, body) = (H.digest(MESSAGE), H.digest(BODY));
    assert_eq!(MESSAGE.len(), 198);
    let list = digest_list(&[(H, &message), (H, &body)]);
    assert_eq!(list.len(), 225);
    assert_eq!(list[..10], [0x30, 0x81, 0xde, 0x30, 0x6d, 0x04, 0x40, 0x1f, 0x96, 0x27]);
    assert_eq!(list[221..], [0x31, 0x32, 0x30, 0x00]);
    let parts = vec![
        Part { name: "/message.xml".to_owned(), digest: message },
        Part { name: "/attachment1".to_owned(), digest: body },
    ];
    let tree = Tree::new(H, vec![Leaf { parts }]).unwrap();
    assert_eq!(
        tree.top(),
        base64("50ondpDSJgk886dK4TFCgabw7LB45I6/aJQroXM0rJdPkFY2SLq3doWHPc3WG/KQ/83Ou9G4/kcIl5fMJch9EA==")
    );
    let result = tree.result_xml(SIGNATURE_CHAIN);
    assert_eq!(result.len(), 405);
    assert_eq!(
        H.digest(&result),
        base64("rDKZdAKi3eltY5msJdK5xbh7Khfo0VUGdy30cLmWcQwvKBtgUOOzg1EaZHwIuBvaLsiGDkOuMPvpkjQfQdDg0w==")
    );
    assert_eq!(tree.chain_xml(0).unwrap().len(), 687);
    assert_eq!(tree.chain_xml(1), None);
}

#[test]
fn promotes_a_lonely_leaf_unchanged() {
    let tree = Tree::new(H, vec![single(b"a"), single(b"b"), single(b"c")]).unwrap();
    let inner =
        base64("OyyBYywhB3bCvdBlHsm8vsAtysTtEdgtb5wQ4rP4GDe+4exUySZKAzVZJLmhELY7oOgm69E8KetLY3IRtDCHOw==");
    assert_eq!(step(H, &[&H.digest(b"a"), &H.digest(b"b")]), inner);
    assert_eq!(
        tree.top(),
        base64("uLz4DlRFBv+6S+UDpQ3Orrn+VELZFu/eWtKFx/oxD1PwXxjf1gpZriJHAgzG81MA2ARZOTdwhHIVfcPA/8nbCg==")
    );
    let of_c = String::from_utf8(tree.chain_xml(2).unwrap()).unwrap();
    assert_eq!(of_c.matches("<ns2:HashStep ").count(), 1);
    assert!(of_c.find("HashValue").unwrap() < of_c.find("DataRef").unwrap());
    let of_a = String::from_utf8(tree.chain_xml(0).unwrap()).unwrap();
    assert_eq!(of_a.matches("<ns2:HashStep ").count(), 2);
    assert!(of_a.find("StepRef URI=\"#STEP1\"").unwrap() < of_a.find("HashValue").unwrap());
}

#[test]
fn every_chain_of_every_small_tree_leads_to_its_result() {
    for count in 2..=17_u8 {
        let leaves: Vec<Leaf> = (0..count)
            .map(|number| {
                let mut leaf = single(&[number]);
                for attachment in 1..=(number % 3) {
                    let name = format!("/attachment{attachment}");
                    leaf.parts.push(Part { name, digest: H.digest(&[number, attachment]) });
                }
                leaf
            })
            .collect();
        let tree = Tree::new(H, leaves.clone()).unwrap();
        let result = tree.result_xml(SIGNATURE_CHAIN);
        for (place, leaf) in leaves.iter().enumerate() {
            let inputs = |leaf: &Leaf| -> Vec<Part> { leaf.parts.clone() };
            let check = |parts: &[Part]| {
                let inputs: Vec<Input<'_>> = parts
                    .iter()
                    .map(|part| Input { name: &part.name, digest: Some((H, &part.digest)), bytes: None })
                    .collect();
                let chain = tree.chain_xml(place).unwrap();
                hashchain::verify(&result, &chain, SIGNATURE_CHAIN, &inputs, Absent::Refuse)
            };
            let checked = check(&inputs(leaf)).unwrap();
            assert_eq!(checked.parts.len(), leaf.parts.len());
            let mut other = inputs(leaf);
            other[0].digest = H.digest(b"other");
            assert_eq!(check(&other), Err(hashchain::Refusal::ResultDiffers));
        }
    }
}
