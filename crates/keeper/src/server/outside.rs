//! What the first process's VMM asks for in the name of somebody outside: processes to be added, signals for them, the list of all, a pause.

use super::Server;
use crate::client::ClientId;
use crate::execs::{self, Promise};
use crate::process;
use crate::session::Session;
use crate::sys::{self, Message};
use ramet_abi::session::message;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

/// si_code of a signal that a process has sent.
const SI_USER: u64 = 0;

fn word(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

impl Server {
    /// Serves a message of the first process's VMM. False: there is no such message.
    pub(super) fn outside(&mut self, received: Message) -> io::Result<bool> {
        if matches!(received.bytes[0], message::COPY | message::FREEZE) {
            return Ok(self.ask_for_copy(received));
        }
        let Message { bytes, length, descriptors, .. } = received;
        let pid = i32::from_le_bytes([bytes[1], bytes[2], bytes[3], bytes[4]]);
        let session = &mut self.session;
        match (bytes[0], length) {
            (message::EXEC, 6) => {
                let Ok([input, output, error, status]) = <[OwnedFd; 4]>::try_from(descriptors) else {
                    return Ok(false);
                };
                let terminal = (bytes[1] != 0).then(|| (word(&bytes, 2), word(&bytes, 4)));
                session.execs.promise(Promise { terminal, streams: [input, output, error], status });
            }
            (message::SIGNAL, 6) if (1..=64).contains(&bytes[5]) => {
                if session.execs.is_one(pid) {
                    process::signal_process(session, pid, bytes[5].into(), [SI_USER, 0, 0, 0]);
                }
            }
            (message::RESIZE, 9) => execs::resize(session, pid, word(&bytes, 5), word(&bytes, 7)),
            (message::PAUSE, 2) => session.pause(self.first, bytes[1] != 0),
            (message::LIST, 1) => {
                let Some(socket) = descriptors.into_iter().next() else { return Ok(false) };
                // Whoever asks hears of a failure by the socket's end.
                let _ = list(session).and_then(|file| sys::send(socket.as_fd(), &[message::LIST], &[file]));
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Server {
    /// A VM asks for RAM. What the first one has when the session begins is not asked for.
    pub(super) fn ram(&mut self, id: ClientId, received: &Message) {
        let bytes: [u8; 8] = received.bytes[1..9].try_into().unwrap_or_default();
        let wanted = u64::from_le_bytes(bytes);
        let has_room = self.session.has_ram(wanted, Some(id));
        let Some(client) = self.session.clients.get_mut(id) else { return };
        let granted = has_room || client.ram == 0;
        if granted {
            client.ram = wanted;
        }
        if sys::send(client.socket.as_fd(), &[message::RAM, u8::from(granted)], &[]).is_err() {
            self.expel(id);
        }
    }
}

/// All processes, in a file: a line of JSON for each.
fn list(session: &Session) -> io::Result<OwnedFd> {
    let file = sys::memory_file(c"ramet-processes")?;
    let mut text = String::new();
    for process in session.processes.iter() {
        let vmm = process.client.and_then(|id| session.clients.get(id)).map_or(0, |client| client.host_pid);
        let state = match process.state {
            process::State::Running => "running",
            process::State::Stopped => "stopped",
            process::State::Zombie(_) => "zombie",
        };
        let arguments: Vec<String> = process
            .command
            .split(|byte| *byte == 0)
            .filter(|_| !process.command.is_empty())
            .map(quoted)
            .collect();
        // The last argument ends with a zero as well.
        let arguments = &arguments[..arguments.len().saturating_sub(1)];
        text += &format!(
            "{{\"pid\":{},\"parent\":{},\"group\":{},\"session\":{},\"state\":\"{state}\",\"command\":{},\"args\":[{}],\"uid\":{},\"vmm\":{},\"exec\":{}}}\n",
            process.pid,
            process.parent,
            process.group,
            process.session,
            quoted(&process.name),
            arguments.join(","),
            process.ids.effective,
            if vmm > 0 { vmm.to_string() } else { "null".into() },
            session.execs.is_one(process.pid),
        );
    }
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        let written = sys::write(file.as_fd(), rest)?;
        rest = &rest[written..];
    }
    Ok(file)
}

/// A JSON string. Programs choose their names.
fn quoted(text: &[u8]) -> String {
    let mut quoted = String::from("\"");
    for letter in String::from_utf8_lossy(text).chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            letter if letter.is_control() => quoted += &format!("\\u{:04x}", u32::from(letter)),
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn names_are_quoted() {
        assert_eq!(quoted(b"a\"b\\c\n\xff"), "\"a\\\"b\\\\c\\u000a\u{fffd}\"");
    }
}
