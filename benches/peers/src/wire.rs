//! As much of HTTP/1.1 as a load generator and a responder need.

use std::io;

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

fn broken(what: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// A request's or an answer's header.
#[derive(Debug)]
pub struct Head {
    /// The request's target; empty for an answer.
    pub target: String,
    /// The answer's status; 0 for a request.
    pub status: u16,
    /// Its own bytes.
    pub length: usize,
    /// The body's.
    pub body: usize,
    /// The body is chunked, and its length unknown.
    pub is_chunked: bool,
    /// The connection ends with it.
    pub closes: bool,
}

impl Head {
    /// A request's header; `None`: it is not whole.
    ///
    /// # Errors
    /// It is no HTTP.
    pub fn request(bytes: &[u8]) -> io::Result<Option<Head>> {
        let mut fields = [httparse::EMPTY_HEADER; 32];
        let mut parsed = httparse::Request::new(&mut fields);
        match parsed.parse(bytes).map_err(broken)? {
            httparse::Status::Partial => Ok(None),
            httparse::Status::Complete(length) => {
                let target = parsed.path.unwrap_or_default().to_owned();
                Head::of(length, parsed.headers, target, 0).map(Some)
            }
        }
    }

    /// An answer's header; `None`: it is not whole.
    ///
    /// # Errors
    /// It is no HTTP.
    pub fn answer(bytes: &[u8]) -> io::Result<Option<Head>> {
        let mut fields = [httparse::EMPTY_HEADER; 32];
        let mut parsed = httparse::Response::new(&mut fields);
        match parsed.parse(bytes).map_err(broken)? {
            httparse::Status::Partial => Ok(None),
            httparse::Status::Complete(length) => {
                let status = parsed.code.unwrap_or_default();
                Head::of(length, parsed.headers, String::new(), status).map(Some)
            }
        }
    }

    fn of(
        length: usize,
        fields: &[httparse::Header<'_>],
        target: String,
        status: u16,
    ) -> io::Result<Head> {
        let mut head = Head {
            target,
            status,
            length,
            body: 0,
            is_chunked: false,
            closes: false,
        };
        for field in fields {
            let value = || std::str::from_utf8(field.value).map_err(broken);
            if field.name.eq_ignore_ascii_case("content-length") {
                head.body = value()?.trim().parse().map_err(broken)?;
            } else if field.name.eq_ignore_ascii_case("transfer-encoding") {
                head.is_chunked = true;
            } else if field.name.eq_ignore_ascii_case("connection") {
                head.closes = value()?.eq_ignore_ascii_case("close");
            }
        }
        Ok(head)
    }
}

/// Reads one answer to its end; gives its status and its body's bytes. `buffer` is empty before and
/// after.
///
/// # Errors
/// The connection broke, or said something else than HTTP.
pub async fn read_answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<Head> {
    let mut head = loop {
        if stream.read_buf(buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(head) = Head::answer(buffer)? {
            break head;
        }
    };
    if head.is_chunked {
        head.body = read_chunks(stream, buffer, head.length).await?;
        buffer.clear();
        return Ok(head);
    }
    let mut left = (head.length + head.body)
        .checked_sub(buffer.len())
        .ok_or_else(|| broken("more than the answer"))?;
    while left > 0 {
        buffer.clear();
        let read = stream.read_buf(buffer).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        left = left
            .checked_sub(read)
            .ok_or_else(|| broken("more than the answer"))?;
    }
    buffer.clear();
    Ok(head)
}

/// Reads chunks from `at` on to the last one; gives the bytes in them.
async fn read_chunks(stream: &mut TcpStream, buffer: &mut Vec<u8>, at: usize) -> io::Result<usize> {
    let mut total = 0;
    // Bytes of the chunk, with the line end behind it, that are still to come.
    let mut left = 0;
    buffer.drain(..at);
    loop {
        let taken = left.min(buffer.len());
        buffer.drain(..taken);
        left -= taken;
        if left == 0
            && let Some(line) = buffer.windows(2).position(|pair| pair == b"\r\n")
        {
            let size = buffer.get(..line).unwrap_or_default();
            let size = std::str::from_utf8(size).map_err(broken)?;
            let size = usize::from_str_radix(size, 16).map_err(broken)?;
            // No trailers are sent.
            left = size + 2;
            total += size;
            buffer.drain(..line + 2);
            if size == 0 {
                while buffer.len() < 2 {
                    fill(stream, buffer).await?;
                }
                return Ok(total);
            }
            continue;
        }
        fill(stream, buffer).await?;
    }
}

async fn fill(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<()> {
    match stream.read_buf(buffer).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}
