//! JSON as Jackson reads and prints it: members in order, the first value only, and its words and
//! places for what is wrong (recorded on Druid 28.0.0).
//!
//! Unlike Druid it reads UTF-8 only, and refuses what is nested deeper than [`DEEPEST`] even where
//! Druid would skip it.

use super::value::{Json, Kind, Malformed, SOURCE, line_and_column, place};

/// Levels of nesting. Druid's limit is 1,000 in untyped places; this one keeps a debug build's
/// recursion far from the end of a worker thread's stack.
const DEEPEST: usize = 512;

/// Values of one document: bounds what a small body can make of memory.
const MOST_VALUES: usize = 2_000_000;

/// Reads the first value of a body and ignores what follows it, as Druid does. `None`: there is
/// nothing but white space.
pub(super) fn read(body: &[u8]) -> Result<Option<Json>, Malformed> {
    let mut reader = Reader {
        body,
        at: 0,
        values: 0,
        key: None,
        type_id: None,
        index: 0,
    };
    if body.starts_with(b"\xef\xbb\xbf") {
        reader.at = 3;
    }
    reader.skip();
    if reader.peek().is_none() {
        return Ok(None);
    }
    reader
        .value(0, "expected a value")
        .map(Some)
        .map_err(|wrong| Malformed {
            class: wrong.class,
            message: format!("{}{}", wrong.message, place(body, wrong.at)),
            key: reader.key,
            type_id: reader.type_id,
            index: reader.index,
        })
}

struct Reader<'a> {
    body: &'a [u8],
    at: usize,
    values: usize,
    key: Option<String>,
    type_id: Option<String>,
    index: usize,
}

struct Wrong {
    class: &'static str,
    message: String,
    /// Offset whose line and column are told: Jackson's is one behind the character.
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.body.get(self.at).copied()
    }

    fn skip(&mut self) {
        while self
            .peek()
            .is_some_and(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
        {
            self.at += 1;
        }
    }

    fn parse_error(&self, message: String, at: usize) -> Wrong {
        Wrong {
            class: "JsonParseException",
            message,
            at,
        }
    }

    fn end(&self, message: impl Into<String>) -> Wrong {
        Wrong {
            class: "io.JsonEOFException",
            message: message.into(),
            at: self.body.len(),
        }
    }

    /// The complaint about the character that is there.
    fn unexpected(&self, wanted: &str) -> Wrong {
        let rest = self.body.get(self.at..).unwrap_or_default();
        let first = rest.utf8_chunks().next();
        match first.and_then(|chunk| chunk.valid().chars().next()) {
            Some(other) => {
                let code = u32::from(other);
                self.parse_error(
                    format!("Unexpected character ('{other}' (code {code})): {wanted}"),
                    self.at + 1,
                )
            }
            None => {
                let byte = rest.first().copied().unwrap_or_default();
                self.parse_error(format!("Invalid UTF-8 start byte 0x{byte:x}"), self.at + 1)
            }
        }
    }

    fn unclosed(&self, what: &str, start: usize) -> Wrong {
        let (line, column) = line_and_column(self.body, start);
        self.end(format!(
            "Unexpected end-of-input: expected close marker for {what} (start marker at {SOURCE}line: {line}, column: {column}])"
        ))
    }

    fn value(&mut self, depth: usize, wanted: &str) -> Result<Json, Wrong> {
        self.values += 1;
        if depth > DEEPEST {
            return Err(self.parse_error("JSON is too deeply nested.".to_owned(), self.at));
        }
        if self.values > MOST_VALUES {
            return Err(self.parse_error(
                "the embedded Overlord reads no more values".to_owned(),
                self.at,
            ));
        }
        let start = self.at;
        let kind = match self.peek() {
            Some(b'{') => self.object(depth)?,
            Some(b'[') => self.list(depth)?,
            Some(b'"') => Kind::Text(self.string()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b'a'..=b'z' | b'A'..=b'Z') => self.word()?,
            Some(_) => return Err(self.unexpected(wanted)),
            None => return Err(self.end("Unexpected end-of-input within/between Object entries")),
        };
        Ok(Json {
            kind,
            start,
            end: self.at.saturating_sub(1),
        })
    }

    fn object(&mut self, depth: usize) -> Result<Kind, Wrong> {
        let start = self.at;
        self.at += 1;
        let mut members = Vec::new();
        self.skip();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Kind::Object(members));
        }
        loop {
            self.skip();
            match self.peek() {
                Some(b'"') => {}
                Some(_) => {
                    return Err(self.unexpected("was expecting double-quote to start field name"));
                }
                None => return Err(self.unclosed("Object", start)),
            }
            let name = self.string()?;
            self.skip();
            match self.peek() {
                Some(b':') => self.at += 1,
                Some(_) => {
                    return Err(
                        self.unexpected("was expecting a colon to separate field name and value")
                    );
                }
                None => {
                    return Err(self.end("Unexpected end-of-input within/between Object entries"));
                }
            }
            self.skip();
            if depth == 0 {
                self.key = Some(name.clone());
            }
            let value = self.value(depth + 1, "expected a value")?;
            if depth == 0 {
                self.key = None;
                if name == "type" && self.type_id.is_none() {
                    self.type_id = value.text().map(str::to_owned);
                }
            }
            members.push((name, value));
            self.skip();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(Kind::Object(members));
                }
                Some(_) => {
                    return Err(self.unexpected("was expecting comma to separate Object entries"));
                }
                None => return Err(self.unclosed("Object", start)),
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<Kind, Wrong> {
        let start = self.at;
        self.at += 1;
        let mut values = Vec::new();
        self.skip();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Kind::List(values));
        }
        loop {
            self.skip();
            if self.peek().is_none() {
                return Err(self.unclosed("Array", start));
            }
            values.push(self.value(depth + 1, "expected a value")?);
            self.index += usize::from(depth == 0);
            self.skip();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(Kind::List(values));
                }
                Some(_) => {
                    return Err(self.unexpected("was expecting comma to separate Array entries"));
                }
                None => return Err(self.unclosed("Array", start)),
            }
        }
    }

    fn word(&mut self) -> Result<Kind, Wrong> {
        let rest = self.body.get(self.at..).unwrap_or_default();
        let length = rest
            .iter()
            .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_')
            .count();
        let word = String::from_utf8_lossy(rest.get(..length).unwrap_or_default()).into_owned();
        self.at += length;
        match word.as_str() {
            "null" => Ok(Kind::Null),
            "true" => Ok(Kind::Bool(true)),
            "false" => Ok(Kind::Bool(false)),
            _ => Err(self.parse_error(
                format!(
                    "Unrecognized token '{word}': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
                ),
                self.at + 1,
            )),
        }
    }

    fn number(&mut self) -> Result<Kind, Wrong> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let leading_zero = self.peek() == Some(b'0');
        let whole = self.digits();
        if leading_zero && whole > 1 {
            let at = self.at - whole + 1;
            return Err(self.parse_error(
                "Invalid numeric value: Leading zeroes not allowed".to_owned(),
                at,
            ));
        }
        if whole == 0 {
            return Err(self
                .unexpected("expected digit (0-9) to follow minus sign, for valid numeric value"));
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            if self.digits() == 0 {
                return Err(self.unexpected("Decimal point not followed by a digit"));
            }
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if self.digits() == 0 {
                return Err(self.unexpected("Exponent indicator not followed by a digit"));
            }
        }
        let text = self.body.get(start..self.at).unwrap_or_default();
        Ok(Kind::Number(String::from_utf8_lossy(text).into_owned()))
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        self.at - start
    }

    /// A string, unescaped. A lone surrogate, which Jackson keeps, becomes U+FFFD.
    fn string(&mut self) -> Result<String, Wrong> {
        self.at += 1;
        let mut bytes = Vec::new();
        loop {
            let rest = self.body.get(self.at..).unwrap_or_default();
            let plain = rest
                .iter()
                .take_while(|byte| **byte >= b' ' && **byte != b'"' && **byte != b'\\')
                .count();
            bytes.extend_from_slice(rest.get(..plain).unwrap_or_default());
            self.at += plain;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    break;
                }
                Some(b'\\') => self.escape(&mut bytes)?,
                Some(control) => {
                    let message = format!(
                        "Illegal unquoted character ((CTRL-CHAR, code {control})): has to be escaped using backslash to be included in string value"
                    );
                    return Err(self.parse_error(message, self.at + 1));
                }
                None => {
                    return Err(self.end(
                        "Unexpected end-of-input: was expecting closing quote for a string value",
                    ));
                }
            }
        }
        String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            let byte = error.as_bytes().get(at).copied().unwrap_or_default();
            self.parse_error(format!("Invalid UTF-8 start byte 0x{byte:x}"), self.at)
        })
    }

    fn escape(&mut self, bytes: &mut Vec<u8>) -> Result<(), Wrong> {
        let letter = self.body.get(self.at + 1).copied();
        let simple = match letter {
            Some(letter @ (b'"' | b'\\' | b'/')) => letter,
            Some(b'b') => 8,
            Some(b'f') => 12,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'u') => {
                let mut code = self.hex(self.at + 2)?;
                self.at += 6;
                let low = self.body.get(self.at..self.at + 2) == Some(b"\\u");
                if (0xd800..0xdc00).contains(&code) && low {
                    let second = self.hex(self.at + 2)?;
                    if (0xdc00..0xe000).contains(&second) {
                        code = 0x10000 + ((code - 0xd800) << 10) + (second - 0xdc00);
                        self.at += 6;
                    }
                }
                let letter = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
                bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                return Ok(());
            }
            Some(_) | None => {
                let message =
                    "Unrecognized character escape in character escape sequence".to_owned();
                return Err(self.parse_error(message, self.at + 2));
            }
        };
        bytes.push(simple);
        self.at += 2;
        Ok(())
    }

    fn hex(&self, from: usize) -> Result<u32, Wrong> {
        let digits = self
            .body
            .get(from..from + 4)
            .filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let text = digits.and_then(|digits| str::from_utf8(digits).ok());
        text.and_then(|text| u32::from_str_radix(text, 16).ok())
            .ok_or_else(|| {
                self.parse_error(
                    "expected a hex-digit for character escape sequence".to_owned(),
                    from,
                )
            })
    }
}
