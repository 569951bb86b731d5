//! `identidex serve`: how it begins, on an address or a socket, and how it ends.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::util::Home;

/// Tells a process to end, and waits until it did; returns its exit code.
fn terminate(mut child: Child) -> Option<i32> {
    let id = child.id().to_string();
    Command::new("kill").args(["-TERM", &id]).status().unwrap();
    child.wait().unwrap().code()
}

fn start(home: &Home, arguments: &[&str]) -> Child {
    let mut command = home.command(&[&["serve"], arguments].concat());
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn ask(stream: &mut (impl Read + Write)) -> Value {
    stream
        .write_all(
            b"GET /v1/resolve?q=jdoe HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        )
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    serde_json::from_str(body).unwrap()
}

#[test]
fn it_says_where_it_listens_and_ends_when_told_to() {
    let home = Home::of_tenant();
    let mut child = start(&home, &["--listen", "127.0.0.1:0"]);
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let address = line.trim().strip_prefix("http://").unwrap().to_owned();
    let mut stream = std::net::TcpStream::connect(&address).unwrap();
    assert_eq!(ask(&mut stream)["outcome"], "several");
    // A connection that says nothing does not keep it.
    let idle = std::net::TcpStream::connect(&address).unwrap();
    let begin = Instant::now();
    assert_eq!(terminate(child), Some(0));
    assert!(begin.elapsed() < Duration::from_secs(6));
    drop(idle);
}

#[test]
fn a_socket_is_listened_on_in_place_of_one_that_was_left() {
    let home = Home::of_tenant();
    let path = home.path("s.sock");
    // As a program leaves it that was killed.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let listen = format!("unix:{}", path.display());
    let child = start(&home, &["--listen", &listen]);
    let mut stream = loop {
        match UnixStream::connect(&path) {
            Ok(stream) => break stream,
            Err(_) => std::thread::yield_now(),
        }
    };
    assert_eq!(ask(&mut stream)["outcome"], "several");
    assert!(
        home.run(&["serve", "--listen", &listen])
            .exits(1)
            .stderr
            .contains("cannot listen on")
    );
    assert_eq!(terminate(child), Some(0));
    assert!(!path.exists());
    // What is no socket is left alone.
    std::fs::write(&path, "mine").unwrap();
    home.run(&["serve", "--listen", &listen]).exits(1);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
    home.run(&["serve", "--listen", "nowhere"]).exits(2);
    home.run(&["serve", "--listen", "0.0.0.0:0"]).exits(2);
}
