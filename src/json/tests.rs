use bytes::Bytes;
use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn read(text: impl AsRef<[u8]>) -> Result<Document, Invalid> {
    Document::read(Bytes::copy_from_slice(text.as_ref()), &Limits::default())
}

/// The document as serde_json has it.
fn value(node: Node<'_>) -> Value {
    match node.kind() {
        Kind::Null => Value::Null,
        Kind::Boolean => Value::Bool(node.as_bool().expect("a boolean")),
        Kind::Number => {
            serde_json::from_str(node.as_number().expect("a number")).expect("a number")
        }
        Kind::String => Value::String(node.as_str().expect("a string").into_owned()),
        Kind::Array => node.elements().map(value).collect(),
        Kind::Object => node
            .entries()
            .map(|(key, child)| (key.as_str().expect("a key").into_owned(), value(child)))
            .collect(),
    }
}

#[test]
fn what_rfc_8259_allows_is_read_as_serde_json_reads_it() {
    for text in [
        "null",
        "true",
        " false ",
        "0",
        "-0",
        "-1.5e+3",
        "1E400".replace("400", "300").as_str(),
        "123456789012345678901234567890",
        r#""""#,
        r#""a\"b\\c\/d\b\f\n\r\t""#,
        r#""\u0041\u00e4\u65e5\ud83d\ude00""#,
        r#""größe 日本 😀 a longer text than eight bytes""#,
        "[]",
        "{}",
        "[[],[[]],{}]",
        r#"{"a":1,"b":[1,2,{"c":null}],"d":{"e":{}}}"#,
        "\t{\r\n\"a\" : [ 1 , 2 ] }\n",
        r#"{"a":{"a":{"a":1}},"b":{"a":1}}"#,
        r#"{"aaaaaaaa":1,"aaaaaaaaa":2,"aaaaaaaaaaaaaaaaa":3}"#,
    ] {
        let document = read(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let expected: Value = serde_json::from_str(text).expect("valid");
        assert_eq!(value(document.root()), expected, "{text}");
    }
}

#[test]
fn what_two_readers_could_read_differently_is_refused() {
    use InvalidKind as K;
    let syntax = "syntax";
    let cases: &[(&[u8], &str, usize)] = &[
        (b"", "Empty", 0),
        (b"  \n", "Empty", 0),
        (b"\xef\xbb\xbf{}", "ByteOrderMark", 0),
        (b"{\"a\":\"\xff\"}", "NotUtf8", 6),
        // Overlong UTF-8, which Jackson decodes.
        (b"{\"\xc1\xa4ataSource\":1}", "NotUtf8", 2),
        // UTF-16 with and without a byte order mark.
        (b"{\0}\0", syntax, 1),
        (b"\xff\xfe{\0}\0", "NotUtf8", 0),
        // A surrogate as UTF-8.
        (b"\"\xed\xa0\x80\"", "NotUtf8", 1),
        (b"{}{}", "TrailingText", 2),
        (b"{}]", "TrailingText", 2),
        (b"{} x", "TrailingText", 3),
        (b"{}\0", "TrailingText", 2),
        (b"1 2", "TrailingText", 2),
        (br#"{"a":1,"a":2}"#, "DuplicateKey", 7),
        (br#"{"a":1,"b":2,"\u0061":3}"#, "DuplicateKey", 13),
        (br#"{"x":{"a":1,"b":{},"a":2}}"#, "DuplicateKey", 19),
        (br#"{"":1}"#, "EmptyKey", 1),
        (br#""\ud800""#, "LoneSurrogate", 1),
        (br#""\udc00""#, "LoneSurrogate", 1),
        (br#""\ud800\u0041""#, "LoneSurrogate", 1),
        (br#""a\u0000b""#, "NulCharacter", 2),
        (b"1e400", "NumberTooLarge", 0),
        (b"-1e999", "NumberTooLarge", 0),
        (b"\"a\nb\"", syntax, 2),
        (b"\"a\x1f\"", syntax, 2),
        (b"\"a", syntax, 0),
        (b"\"\\x41\"", syntax, 1),
        (b"\"\\u00g0\"", syntax, 1),
        (b"\"\\u00", syntax, 1),
        (b"01", syntax, 0),
        (b"-01", syntax, 1),
        (b"+1", syntax, 0),
        (b".5", syntax, 0),
        (b"1.", syntax, 2),
        (b"1e", syntax, 2),
        (b"-", syntax, 1),
        (b"0x10", "TrailingText", 1),
        (b"NaN", syntax, 0),
        (b"Infinity", syntax, 0),
        (b"tru", syntax, 0),
        (b"nul", syntax, 0),
        (b"'a'", syntax, 0),
        (b"{a:1}", syntax, 1),
        (b"{'a':1}", syntax, 1),
        (b"{\"a\" 1}", syntax, 5),
        (b"{\"a\":}", syntax, 5),
        (b"{\"a\":1,}", syntax, 7),
        (b"[1,]", syntax, 3),
        (b"[,1]", syntax, 1),
        (b"[1 2]", syntax, 3),
        (b"[1}", syntax, 2),
        (b"{]", syntax, 1),
        (b"[", syntax, 1),
        (b"{\"a\":[1,2", syntax, 9),
        (b"]", syntax, 0),
        (b"/* c */ {}", syntax, 0),
        (b"{} // c", "TrailingText", 3),
    ];
    for (text, kind, offset) in cases {
        let shown = String::from_utf8_lossy(text);
        let error = read(text).expect_err(&shown);
        let name = if let K::Syntax(_) = error.kind {
            syntax.to_owned()
        } else {
            format!("{:?}", error.kind)
        };
        assert_eq!(
            (name.as_str(), error.span.start),
            (*kind, *offset),
            "{shown}"
        );
    }
}

#[test]
fn bounds_are_held() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(read(nested(64)).is_ok());
    assert_eq!(
        read(nested(65)).map_err(|e| e.kind).err(),
        Some(InvalidKind::TooDeep)
    );
    assert_eq!(
        read(nested(1_000_000)).map_err(|e| e.kind).err(),
        Some(InvalidKind::TooDeep)
    );
    let limits = Limits {
        depth: 64,
        values: 100,
    };
    let list = |count: usize| Bytes::from(format!("[{}0]", "0,".repeat(count - 1)));
    assert!(Document::read(list(99), &limits).is_ok());
    assert_eq!(
        Document::read(list(100), &limits).map_err(|e| e.kind).err(),
        Some(InvalidKind::TooManyValues)
    );
    let key = |length: usize| format!("{{\"{}\":1}}", "k".repeat(length));
    assert!(read(key(50_000)).is_ok());
    assert_eq!(
        read(key(60_000)).map_err(|e| e.kind).err(),
        Some(InvalidKind::KeyTooLong)
    );
    assert!(read("1".repeat(300)).is_ok());
    assert_eq!(
        read("1".repeat(1_001)).map_err(|e| e.kind).err(),
        Some(InvalidKind::NumberTooLong)
    );
    assert_eq!(
        read("1".repeat(500)).map_err(|e| e.kind).err(),
        Some(InvalidKind::NumberTooLarge)
    );
}

#[test]
fn many_keys_are_checked_in_good_time() {
    let members: Vec<String> = (0..200_000)
        .map(|number| format!("\"k{number}\":0"))
        .collect();
    let text = format!("{{{}}}", members.join(","));
    assert!(read(&text).is_ok());
    let twice = format!("{{{},\"k77\":1}}", members.join(","));
    assert_eq!(
        read(&twice).map_err(|e| e.kind).err(),
        Some(InvalidKind::DuplicateKey)
    );
}

#[test]
fn places_are_lines_and_characters() {
    let text = "{\n  \"größe\": 1,\n  \"x\": [true,\n 😀]}";
    let error = read(text).expect_err("an emoji is no value");
    let position = error.position(text.as_bytes());
    assert_eq!((position.line, position.column), (4, 2));
    assert_eq!(error.pointer, "/x/1");
    let good = read("{\n  \"größe\": 1,\n  \"x\": [true,\n false]}").expect("valid");
    let node = good
        .root()
        .at(&["x"])
        .and_then(|list| list.elements().nth(1))
        .expect("there");
    assert_eq!(
        good.position(node.span().start),
        Position { line: 4, column: 2 }
    );
    let one = good.root().get("größe").expect("there");
    assert_eq!(
        good.position(one.span().start),
        Position {
            line: 2,
            column: 12
        }
    );
}

/// Keys of sixteen bytes that all have one hash.
fn colliding(count: usize) -> Vec<String> {
    const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
    let keys: Vec<String> = (0u64..)
        .filter_map(|number| {
            let first = format!("{number:08x}");
            let word = u64::from_le_bytes(first.as_bytes().try_into().expect("eight bytes"));
            let sum = (16 ^ word).wrapping_mul(MULTIPLIER).rotate_left(29);
            // The second half undoes what the first did.
            let second = (sum ^ 0x6a6a_6a6a_6a6a_6a6a).to_le_bytes();
            let plain = |byte: &u8| (0x20..0x7f).contains(byte) && !b"\"\\".contains(byte);
            let second = second.iter().all(plain).then_some(second)?;
            Some(first + std::str::from_utf8(&second).expect("ASCII"))
        })
        .take(count)
        .collect();
    let hash = text::hash(keys[0].as_bytes());
    let is_same = |key: &String| text::hash(key.as_bytes()) == hash;
    assert!(keys.iter().all(is_same), "the hash has changed");
    keys
}

#[test]
fn keys_of_one_hash_are_told_apart() {
    let keys = colliding(200);
    let object = |keys: &[String]| {
        let entries: Vec<_> = keys
            .iter()
            .map(|key| format!("\"{key}\":\"{key}\""))
            .collect();
        format!("{{{}}}", entries.join(","))
    };
    let document = read(object(&keys)).expect("no key stands twice");
    for key in &keys {
        let value = document.root().get(key).and_then(Node::as_str);
        assert_eq!(value.as_deref(), Some(key.as_str()));
    }
    let mut twice = keys.clone();
    twice.insert(100, keys[150].clone());
    let text = object(&twice);
    let error = read(&text).expect_err("a key stands twice");
    assert_eq!(error.kind, InvalidKind::DuplicateKey);
    let second = text.rfind(&format!("\"{}\":", keys[150])).expect("there");
    assert_eq!(error.span.start, second);
    assert_eq!(error.span.end, second + keys[150].len() + 2);
}

#[test]
fn places_are_right_in_long_lines_and_long_texts() {
    let long = "ä日😀x".repeat(3_000);
    let short = "é\n".repeat(6_000);
    let text = format!("[\"{long}\",\n{}1]{short}", short.replace('é', " "));
    let text = text.replace('é', "\t");
    let document = read(&text).expect("valid");
    let (mut line, mut column) = (1, 1);
    for (offset, character) in text.char_indices() {
        assert_eq!(
            document.position(offset),
            Position { line, column },
            "{offset}"
        );
        (line, column) = if character == '\n' {
            (line + 1, 1)
        } else {
            (line, column + 1)
        };
    }
    let end = Position { line, column };
    assert_eq!(document.position(text.len()), end);
    assert_eq!(document.position(usize::MAX), end);
}

#[test]
fn pointers_lead_back() {
    let document = read(r#"{"a":[1,{"b/c":{"d~e":[[],"x"]}}],"f":2}"#).expect("valid");
    let root = document.root();
    let deep = root
        .get("a")
        .and_then(|list| list.elements().nth(1))
        .and_then(|object| object.at(&["b/c", "d~e"]))
        .and_then(|list| list.elements().nth(1))
        .expect("there");
    assert_eq!(deep.as_str().as_deref(), Some("x"));
    assert_eq!(deep.pointer(), "/a/1/b~1c/d~0e/1");
    assert_eq!(root.pointer(), "");
    assert_eq!(root.get("f").expect("there").pointer(), "/f");
    let expected: Value = serde_json::from_slice(document.bytes()).expect("valid");
    assert_eq!(expected.pointer(&deep.pointer()), Some(&Value::from("x")));
}

#[test]
fn numbers_are_as_written() {
    for (text, integer, double) in [
        ("0", Some(0), 0.0),
        ("-0", Some(0), 0.0),
        (
            "9223372036854775807",
            Some(i64::MAX),
            9.223_372_036_854_776e18,
        ),
        ("9223372036854775808", None, 9.223_372_036_854_776e18),
        ("5.0", None, 5.0),
        ("1e3", None, 1_000.0),
        ("1e-400", None, 0.0),
    ] {
        let document = read(text).expect(text);
        let root = document.root();
        assert_eq!(root.as_number(), Some(text));
        assert_eq!(root.as_i64(), integer, "{text}");
        assert_eq!(root.as_f64(), Some(double), "{text}");
    }
    let text = read(r#""5""#).expect("valid");
    assert_eq!((text.root().as_i64(), text.root().as_f64()), (None, None));
}

#[test]
fn an_error_says_where_it_was_reading() {
    for (text, pointer) in [
        (r#"{"a":{"b":[1,2,x]}}"#, "/a/b/2"),
        (r#"{"a":1,"b":{"c":tru}}"#, "/b/c"),
        (r#"{"a":{"b":1,"b":2}}"#, "/a/b"),
        (r#"{"z":0,"a":{"b":[{}],"c":{},"\u0062":2,"d":{}}}"#, "/a/b"),
        (r#"[0,{"a":[{"b":{"c":1},"d":[1,2,]}]}]"#, "/1/a/0/d/2"),
        ("[[1],[2,?]]", "/1/1"),
        ("", ""),
    ] {
        assert_eq!(read(text).expect_err(text).pointer, pointer, "{text}");
    }
}

/// JSON text with all that the grammar has, now and then broken.
fn texts() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,5})?([eE][+-]?[0-9]{1,3})?",
        "\"([ -!#-\\[\\]-~äß日😀]|\\\\[\"\\\\/bfnrtu]|\\\\u[0-9a-fA-F]{4}){0,12}\"",
        "[-+0-9.eE\"\\\\{}\\[\\],:a-z \u{0}-\u{1f}]{0,6}",
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        let key = "\"[a-c]{0,2}(\\\\u006[1-3])?\"";
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6)
                .prop_map(|items| format!("[{}]", items.join(" , "))),
            prop::collection::vec((key, inner), 0..5).prop_map(|entries| {
                let entries: Vec<_> = entries
                    .into_iter()
                    .map(|(key, value)| format!("{key}:{value}"))
                    .collect();
                format!("{{{}}}", entries.join(","))
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    /// What we read, serde_json reads, and as the same value.
    #[test]
    fn nothing_is_accepted_that_serde_json_refuses(text in texts()) {
        match (read(&text), serde_json::from_str::<Value>(&text)) {
            (Ok(document), Ok(expected)) => prop_assert_eq!(value(document.root()), expected),
            (Ok(_), Err(error)) => prop_assert!(false, "serde_json refuses it: {}", error),
            (Err(_), _) => {}
        }
    }

    /// Nothing panics, and the place is inside the text.
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        if let Err(error) = read(&bytes) {
            prop_assert!(error.span.start <= bytes.len());
            let _ = error.position(&bytes);
        }
    }
}

#[test]
fn memory_is_asked_for_before_it_is_taken() {
    fn values(node: Node<'_>) -> usize {
        let elements: usize = node.elements().map(values).sum();
        let entries: usize = node.entries().map(|(_, child)| 1 + values(child)).sum();
        1 + elements + entries
    }
    let limits = Limits::default();
    // The dense ones are told exactly; text that looks like structure is told as too much.
    for (text, told) in [
        ("0".to_owned(), Some(1)),
        ("[]".to_owned(), None),
        (format!("[0{}]", ",0".repeat(9_999)), Some(10_001)),
        (format!("[\"\"{}]", ",\"\"".repeat(999)), Some(1_001)),
        (format!("{}0{}", "[".repeat(60), "]".repeat(60)), Some(61)),
        (r#"{"a":{"b":{"c":1}},"d":[1,2]}"#.to_owned(), Some(11)),
        (r#"{"a":"[{:,"}"#.to_owned(), None),
    ] {
        let most = most_values(text.as_bytes(), &limits);
        let real = values(read(&text).expect("valid").root());
        assert!(real <= most, "{text:.40}: {real} of {most}");
        assert!(
            told.is_none_or(|told| told == most && told == real),
            "{text:.40}"
        );
        assert_eq!(memory_to_read(text.as_bytes(), &limits), most * 44);
    }
    let few = Limits {
        values: 5,
        ..limits
    };
    assert_eq!(most_values(b"[0,0,0,0,0,0,0,0]", &few), 5);
}
