//! The reader over hand-made multiparts: whole, cut at every byte, and byte by byte.

use super::*;

type Parts = Vec<(String, Vec<u8>)>;

/// Reads chunks to the end; gives each part's base type and body.
fn read(chunks: &[&[u8]]) -> Result<Parts, Malformed> {
    let mut reader = Reader::new(&Boundary::new("B").map_err(|_| Malformed::AmbiguousBoundary)?);
    let mut parts = Parts::new();
    let mut take = |reader: &mut Reader| -> Result<(), Malformed> {
        while let Some(event) = reader.next_event()? {
            match event {
                Event::PartStart(head) => parts.push((head.base_type().to_owned(), Vec::new())),
                Event::Data(data) => {
                    assert!(!data.is_empty(), "an empty piece of data");
                    if let Some((_, body)) = parts.last_mut() {
                        body.extend_from_slice(&data);
                    }
                }
                Event::PartEnd | Event::End => {}
            }
        }
        Ok(())
    };
    for chunk in chunks {
        reader.push(Bytes::copy_from_slice(chunk));
        take(&mut reader)?;
    }
    reader.finish();
    take(&mut reader)?;
    assert!(reader.is_complete());
    Ok(parts)
}

/// The same result however the input is cut.
fn check(input: &[u8], expected: &Result<Parts, Malformed>) {
    let shown = String::from_utf8_lossy(input);
    assert_eq!(read(&[input]), *expected, "{shown:?}");
    for at in 0..=input.len() {
        let (before, after) = input.split_at(at);
        assert_eq!(read(&[before, after]), *expected, "{shown:?} cut at {at}");
    }
    let bytes: Vec<&[u8]> = input.chunks(1).collect();
    assert_eq!(read(&bytes), *expected, "{shown:?} byte by byte");
}

fn accepts(input: &str, parts: &[(&str, &str)]) {
    let parts = parts.iter().map(|(kind, body)| ((*kind).to_owned(), body.as_bytes().to_vec())).collect();
    check(input.as_bytes(), &Ok(parts));
}

fn refuses(input: &str, refusal: Malformed) {
    check(input.as_bytes(), &Err(refusal));
}

#[test]
fn reads_parts_with_either_line_end() {
    accepts("--B\r\nContent-Type: a/b\r\n\r\none\r\n--B--\r\n", &[("a/b", "one")]);
    accepts(
        "--B\nCONTENT-TYPE:a/b;x=y\n\none\n--B\ncontent-type: c/d\n\n\ntwo\n\n--B--",
        &[("a/b", "one"), ("c/d", "\ntwo\n")],
    );
    accepts("--B\r\nX: y\r\ncontent-type: a/b\r\n\r\n\r\n\r\n--B--", &[("a/b", "\r\n")]);
    accepts("--B  \r\ncontent-type: a/b\r\n\r\none\r\n--B-- \t\r\n", &[("a/b", "one")]);
}

#[test]
fn reads_empty_bodies_and_empty_heads() {
    accepts("--B\r\ncontent-type: a/b\r\n\r\n\r\n--B--\r\n", &[("a/b", "")]);
    accepts("--B\r\ncontent-type: a/b\r\n\r\n--B--\r\n", &[("a/b", "")]);
    accepts("--B\r\n\r\nx\r\n--B--\r\n", &[("", "x")]);
    accepts("--B--\r\n", &[]);
    accepts("\r\n--B--", &[]);
}

#[test]
fn skips_what_stands_before_and_after() {
    accepts("hello\r\n--Bx\r\nworld\r\n--B\r\n\r\nx\r\n--B--\r\nbye\r\n--B\r\n\r\ny", &[("", "x")]);
    accepts("--\n\n--B\n\nx\n--B--\n--B--\n", &[("", "x")]);
}

#[test]
fn keeps_what_only_looks_like_a_boundary() {
    for body in [
        "\r",
        "\n",
        "\r\n",
        "\r\r\n",
        "\n\r",
        "-",
        "--",
        "--C",
        "\r\n-",
        "\r\n--",
        "\r\n--C",
        "\n--BB",
        "\r\n--Bx\r\n--By",
        "x--B\r\n",
        "\r--B\r\n",
        "\r\n\r\n--",
        "--BB--\r\n",
        "\n\n\n-\n--\n---\n",
    ] {
        let input = format!("--B\r\ncontent-type: a/b\r\n\r\n{body}\r\n--B--\r\n");
        accepts(&input, &[("a/b", body)]);
    }
}

#[test]
fn a_data_chunk_is_a_slice_of_what_was_pushed() {
    let mut reader = Reader::new(&Boundary::new("B").unwrap());
    reader.push(Bytes::from_static(b"--B\r\n\r\n"));
    while reader.next_event().unwrap().is_some() {}
    let chunk = Bytes::from(vec![7_u8; 1000]);
    let start = chunk.as_ptr();
    reader.push(chunk);
    match reader.next_event() {
        Ok(Some(Event::Data(data))) => assert_eq!((data.as_ptr(), data.len()), (start, 1000)),
        other => panic!("{other:?}"),
    }
    assert_eq!(reader.next_event(), Ok(None));
}

#[test]
fn unfolds_headers_and_keeps_them_in_order() {
    let mut reader = Reader::new(&Boundary::new("B").unwrap());
    let input =
        b"--B\r\nX-One: 1\r\ncontent-type: a/b;\r\n\tc=d\r\nx-two:  \xe4 \r\n\r\n\r\n--B--".as_slice();
    reader.push(Bytes::from_static(input));
    let Ok(Some(Event::PartStart(head))) = reader.next_event() else { panic!("no part") };
    assert_eq!(head.content_type(), Some("a/b;\tc=d"));
    let expected = [("X-One".to_owned(), "1".to_owned()), ("x-two".to_owned(), "ä".to_owned())];
    assert_eq!(head.headers(), &expected);
}

#[test]
fn refuses_a_message_that_was_cut_at_any_byte() {
    let whole = b"--B\r\ncontent-type: a/b\r\n\r\none\r\n--B\r\ncontent-type: a/b\r\n\r\ntwo\r\n--B--\r\n";
    for length in 0..whole.len() - 2 {
        assert_eq!(read(&[&whole[..length]]), Err(Malformed::Truncated), "cut after {length}");
    }
    for length in whole.len() - 2..=whole.len() {
        assert!(read(&[&whole[..length]]).is_ok(), "cut after {length}");
    }
}

#[test]
fn refuses_a_line_that_is_nearly_a_boundary() {
    for line in ["--B-", "--B-x", "--B--x", "--B x", "--B\rx", "--B--\r.", "--B\t-"] {
        refuses(&format!("--B\r\n\r\nx\r\n{line}\r\n--B--\r\n"), Malformed::AmbiguousBoundary);
    }
    refuses("--B -\r\n", Malformed::AmbiguousBoundary);
}

#[test]
fn refuses_heads_that_readers_could_take_in_two_ways() {
    let line = |line: &str| Malformed::HeaderLine { line: line.to_owned() };
    let check =
        |head: &str, refusal: Malformed| refuses(&format!("--B\r\n{head}\r\n\r\nx\r\n--B--\r\n"), refusal);
    check("content-type", line("content-type"));
    check("content-type : a/b", line("content-type : a/b"));
    check(": a/b", line(": a/b"));
    check("a b: c", line("a b: c"));
    check(" a: b", line(" a: b"));
    check("a: b\rc: d", line("a: b\rc: d"));
    check("a: b\0", line("a: b\0"));
    check("--B--", line("--B--"));
    check("content-type: a/b\r\nContent-Type: a/b", Malformed::RepeatedContentType);
}

#[test]
fn holds_the_limits_to_the_byte() {
    let line = |length: usize| format!("--B\r\na:{}\r\n\r\nx\r\n--B--\r\n", "b".repeat(length - 2));
    accepts(&line(1000), &[("", "x")]);
    refuses(&line(1001), Malformed::HeaderLineTooLong);
    let lines = |count: usize| format!("--B\n{}\nx\n--B--\n", "a:b\n".repeat(count));
    assert_eq!(read(&[lines(1000).as_bytes()]), Ok(vec![(String::new(), b"x".to_vec())]));
    assert_eq!(read(&[lines(1001).as_bytes()]), Err(Malformed::TooManyHeaderLines));
    let around = |before: usize, after: usize| {
        [vec![b'p'; before], b"\n--B\n\nx\n--B--\n".to_vec(), vec![b'e'; after]].concat()
    };
    assert!(read(&[&around(SURROUNDINGS_MAX, SURROUNDINGS_MAX)]).is_ok());
    assert_eq!(read(&[&around(SURROUNDINGS_MAX + 1, 0)]), Err(Malformed::SurroundingsTooLong));
    assert_eq!(read(&[&around(0, SURROUNDINGS_MAX + 1)]), Err(Malformed::SurroundingsTooLong));
    refuses(&format!("--B\r\n\r\nx\r\n--B{}", " ".repeat(1001)), Malformed::AmbiguousBoundary);
}

#[test]
fn a_refusal_stays() {
    let mut reader = Reader::new(&Boundary::new("B").unwrap());
    reader.push(Bytes::from_static(b"--B\r\nx\r\n\r\n\r\n--B--\r\n"));
    let first = reader.next_event();
    assert!(first.is_err());
    reader.push(Bytes::from_static(b"--B--\r\n"));
    assert_eq!(reader.next_event(), first);
}
