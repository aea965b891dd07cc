//! The Overlord that all peers stand before: it answers at once, from memory, with what a real one
//! writes, so that what is measured is the peer.

use std::io;
use std::rc::Rc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::wire::Head;
use crate::work::{LOG, tasks};

/// Answers that are made once.
struct Answers {
    tasks: Vec<u8>,
    none: Vec<u8>,
    leader: Vec<u8>,
    is_leader: Vec<u8>,
    submitted: Vec<u8>,
    log_head: Vec<u8>,
    log_piece: Vec<u8>,
}

fn answer(content_type: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 200 OK\r\nDate: Thu, 26 Nov 2026 12:00:00 GMT\r\nContent-Type: {content_type}\r\nVary: Accept-Encoding, User-Agent\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn json(body: &str) -> Vec<u8> {
    answer("application/json", body)
}

/// A task's status as 28.0.0 writes it.
fn status(id: &str) -> Vec<u8> {
    json(&format!(
        r#"{{"task":"{id}","status":{{"id":"{id}","groupId":"{id}","type":"index_parallel","createdTime":"2026-11-07T17:53:12.175Z","queueInsertionTime":"1970-01-01T00:00:00.000Z","statusCode":"RUNNING","status":"RUNNING","runnerStatusCode":"RUNNING","duration":-1,"location":{{"host":"worker-1.example.com","port":8100,"tlsPort":-1}},"dataSource":"wiki","errorMsg":null}}}}"#
    ))
}

/// Serves until the process ends.
///
/// # Errors
/// The listener's.
pub async fn serve(listener: TcpListener) -> io::Result<()> {
    let address = listener.local_addr()?;
    let line = "2026-11-07T17:53:12,175 INFO [task-runner-0-priority-0] org.apache.druid.indexing.common.task.IndexTask - a line\n";
    let answers = Rc::new(Answers {
        tasks: json(&tasks()),
        none: json("[]"),
        leader: json(&format!("http://{address}")),
        is_leader: json(r#"{"leader":true}"#),
        submitted: json(r#"{"task":"index_parallel_wiki_iajoonnd_2026-11-07T17:53:12.174Z"}"#),
        log_head: format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {LOG}\r\n\r\n"
        )
        .into_bytes(),
        log_piece: line.bytes().cycle().take(256 << 10).collect(),
    });
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let answers = answers.clone();
        // Whoever hangs up has had enough.
        tokio::task::spawn_local(async move { drop(converse(stream, &answers).await) });
    }
}

async fn converse(mut stream: TcpStream, answers: &Answers) -> io::Result<()> {
    let mut buffer = Vec::with_capacity(64 << 10);
    loop {
        let head = loop {
            if let Some(head) = Head::request(&buffer)? {
                break head;
            }
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        };
        // The whole body is taken before the answer begins, as Druid does.
        let mut left = (head.length + head.body).saturating_sub(buffer.len());
        let mut rest = [0; 16 << 10];
        while left > 0 {
            let most = left.min(rest.len());
            let read = stream
                .read(rest.get_mut(..most).unwrap_or_default())
                .await?;
            if read == 0 {
                return Ok(());
            }
            left -= read;
        }
        let target = head.target.as_str();
        match target.strip_prefix("/druid/indexer/v1/").unwrap_or(target) {
            "isLeader" => stream.write_all(&answers.is_leader).await?,
            "leader" => stream.write_all(&answers.leader).await?,
            "task" => stream.write_all(&answers.submitted).await?,
            // The live ones.
            "tasks?max=0" => stream.write_all(&answers.none).await?,
            list if list.starts_with("tasks") => stream.write_all(&answers.tasks).await?,
            log if log.ends_with("/log") => {
                stream.write_all(&answers.log_head).await?;
                for _ in 0..LOG / answers.log_piece.len() {
                    stream.write_all(&answers.log_piece).await?;
                }
            }
            other => {
                let id = other.strip_prefix("task/").unwrap_or(other);
                let id = id.strip_suffix("/status").unwrap_or(id);
                stream.write_all(&status(id)).await?;
            }
        }
        buffer.clear();
    }
}
