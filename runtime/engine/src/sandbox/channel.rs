//! A socket that carries messages and open files between the host and a sandbox.

use std::{
    io,
    mem::MaybeUninit,
    os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd},
    ptr,
};

use tokio::io::unix::AsyncFd;

/// The most bytes of one message.
pub const MESSAGE: usize = 64 << 10;

/// The most files of one message.
const FILES: usize = 4;

/// One end of a socket of messages.
#[derive(Debug)]
pub struct Channel(AsyncFd<OwnedFd>);

impl Channel {
    pub(super) fn new(socket: OwnedFd) -> io::Result<Channel> {
        nonblocking(&socket)?;
        Ok(Channel(watched(socket)?))
    }

    pub(super) fn into_inner(self) -> AsyncFd<OwnedFd> {
        self.0
    }

    /// Sends a message with files, which the other end gets copies of.
    pub async fn send(&self, bytes: &[u8], files: &[BorrowedFd<'_>]) -> io::Result<()> {
        self.0.async_io(tokio::io::Interest::WRITABLE, |socket| send(socket, bytes, files)).await
    }

    /// Waits for a message; an empty one without files means that the other end is gone.
    pub async fn recv(&self) -> io::Result<(Vec<u8>, Vec<OwnedFd>)> {
        self.0.async_io(tokio::io::Interest::READABLE, receive).await
    }
}

/// Registers a descriptor that can be waited for.
pub(super) fn watched(file: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: it is owned, so it is open and the same as long as it is registered.
    Ok(unsafe { AsyncFd::register(file) }?)
}

/// Makes a connected pair of sockets of messages, neither of which a program inherits.
pub(super) fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut ends: [RawFd; 2] = [-1; 2];
    // SAFETY: the kernel fills both.
    let result = unsafe {
        libc::socketpair(libc::AF_UNIX, libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC, 0, ends.as_mut_ptr())
    };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: both are new, and ours.
    let [a, b] = ends.map(|end| unsafe { OwnedFd::from_raw_fd(end) });
    Ok((high(a)?, high(b)?))
}

/// Moves a descriptor out of the way of those that a started program gets.
pub(super) fn high(file: OwnedFd) -> io::Result<OwnedFd> {
    if file.as_raw_fd() >= 10 {
        return Ok(file);
    }
    // SAFETY: a new descriptor, which is then ours.
    unsafe {
        match libc::fcntl(file.as_raw_fd(), libc::F_DUPFD_CLOEXEC, 10) {
            -1 => Err(io::Error::last_os_error()),
            moved => Ok(OwnedFd::from_raw_fd(moved)),
        }
    }
}

pub(super) fn nonblocking(file: &OwnedFd) -> io::Result<()> {
    // SAFETY: a flag of our own descriptor.
    match unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

fn send(socket: &OwnedFd, bytes: &[u8], files: &[BorrowedFd<'_>]) -> io::Result<()> {
    let count = files.len().min(FILES);
    let mut part = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    let mut space = [0_u64; 8];
    // SAFETY: the message leads to memory of this frame, which is large enough for `FILES`.
    unsafe {
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_iov = &raw mut part;
        message.msg_iovlen = 1;
        if count > 0 {
            message.msg_control = space.as_mut_ptr().cast();
            message.msg_controllen = libc::CMSG_SPACE(4 * count as u32) as _;
            let header = libc::CMSG_FIRSTHDR(&raw const message);
            (*header).cmsg_level = libc::SOL_SOCKET;
            (*header).cmsg_type = libc::SCM_RIGHTS;
            (*header).cmsg_len = libc::CMSG_LEN(4 * count as u32) as _;
            let data = libc::CMSG_DATA(header).cast::<RawFd>();
            for (at, file) in files.iter().take(count).enumerate() {
                data.add(at).write_unaligned(file.as_raw_fd());
            }
        }
        match libc::sendmsg(socket.as_raw_fd(), &raw const message, libc::MSG_NOSIGNAL) {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(()),
        }
    }
}

fn receive(socket: &OwnedFd) -> io::Result<(Vec<u8>, Vec<OwnedFd>)> {
    let mut bytes = vec![MaybeUninit::<u8>::uninit(); MESSAGE];
    let mut part = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: MESSAGE };
    let mut space = [0_u64; 8];
    let mut files = Vec::new();
    // SAFETY: the kernel writes within the buffers, and tells how much; descriptors are new.
    unsafe {
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_iov = &raw mut part;
        message.msg_iovlen = 1;
        message.msg_control = space.as_mut_ptr().cast();
        message.msg_controllen = libc::CMSG_SPACE(4 * FILES as u32) as _;
        let count = libc::recvmsg(socket.as_raw_fd(), &raw mut message, libc::MSG_CMSG_CLOEXEC);
        if count < 0 {
            return Err(io::Error::last_os_error());
        }
        let mut header = libc::CMSG_FIRSTHDR(&raw const message);
        while !header.is_null() {
            if (*header).cmsg_level == libc::SOL_SOCKET && (*header).cmsg_type == libc::SCM_RIGHTS {
                let length = (*header).cmsg_len as usize - libc::CMSG_LEN(0) as usize;
                for at in 0..length / 4 {
                    let file = libc::CMSG_DATA(header).cast::<RawFd>().add(at).read_unaligned();
                    files.push(OwnedFd::from_raw_fd(file));
                }
            }
            header = libc::CMSG_NXTHDR(&raw const message, header);
        }
        let count = count as usize;
        let filled = std::slice::from_raw_parts(ptr::from_ref(&bytes[0]).cast::<u8>(), count);
        Ok((filled.to_vec(), files))
    }
}
