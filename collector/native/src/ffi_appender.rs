//! The C interface of [`crate::appender`]. Its other side is native/appender.py.

use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::mem::ManuallyDrop;
use std::os::fd::FromRawFd;
use std::slice;
use std::time::Duration;

use crate::appender::{encode_fields, Appended, Appender, Bell, Disk, Entry, Outcome};

/// Bytes of a Python object that outlives the entry.
pub struct Borrowed {
    data: *const u8,
    length: usize,
}

// SAFETY: nobody writes to a Python bytes object.
unsafe impl Send for Borrowed {}

impl AsRef<[u8]> for Borrowed {
    fn as_ref(&self) -> &[u8] {
        if self.length == 0 {
            return &[];
        }
        // SAFETY: promised by who added the entry.
        unsafe { slice::from_raw_parts(self.data, self.length) }
    }
}

/// `writev`, which returns the negative of `errno` if it fails.
pub type Writes = extern "C" fn(fd: i32, buffers: *const IoSlice<'_>, count: usize) -> i64;
/// `fdatasync`, as above.
pub type Syncs = extern "C" fn(fd: i32) -> i64;

/// A descriptor that Python opened and closes; calls are the kernel's or those of a test.
pub struct Descriptor {
    fd: i32,
    file: ManuallyDrop<File>,
    writes: Option<Writes>,
    syncs: Option<Syncs>,
}

impl Disk for Descriptor {
    fn write(&mut self, buffers: &[IoSlice]) -> io::Result<usize> {
        match self.writes {
            None => self.file.write_vectored(buffers),
            Some(writes) => result(writes(self.fd, buffers.as_ptr(), buffers.len())),
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        match self.syncs {
            None => self.file.sync_data(),
            Some(syncs) => result(syncs(self.fd)).map(|_| ()),
        }
    }
}

/// A count, or the negative of `errno`.
fn result(value: i64) -> io::Result<usize> {
    usize::try_from(value).map_err(|_| io::Error::from_raw_os_error(-value as i32))
}

/// An eventfd: what is written to it adds up until it is read.
struct EventFd(ManuallyDrop<File>);

/// A few times what senders take from their answer to their next request on a busy machine, and a
/// few times less than a request takes all in all on a slow disk.
const GATHER: Duration = Duration::from_millis(1);

/// Far more than entries that can wait.
const FAILED: u64 = 1 << 48;

impl Bell for EventFd {
    fn ring(&mut self, outcome: Outcome) {
        let count = match outcome {
            Outcome::Done(entries) => entries,
            Outcome::Failed => FAILED,
        };
        // Fails when its reader closed it, and then nobody waits.
        let _ = self.0.write_all(&count.to_ne_bytes());
    }
}

/// What Python holds a pointer to.
pub type Handle = Appender<Borrowed, Descriptor>;

/// Start an appender; null if there can be no thread. Ends with [`stepsight_appender_drop`].
#[no_mangle]
pub extern "C" fn stepsight_appender_new(event_fd: i32) -> *mut Handle {
    // SAFETY: the descriptor belongs to the caller, and is not closed here.
    let bell = EventFd(ManuallyDrop::new(unsafe { File::from_raw_fd(event_fd) }));
    Appender::start(bell, GATHER)
        .map_or(std::ptr::null_mut(), |appender| Box::into_raw(Box::new(appender)))
}

/// Take entries for a file from now on.
///
/// # Safety
/// `appender` is alive, `fd` stays open until [`stepsight_appender_end`].
#[no_mangle]
pub unsafe extern "C" fn stepsight_appender_begin(
    appender: *const Handle,
    fd: i32,
    writes: Option<Writes>,
    syncs: Option<Syncs>,
) {
    // SAFETY: the descriptor belongs to the caller, and is not closed here.
    let file = ManuallyDrop::new(unsafe { File::from_raw_fd(fd) });
    // SAFETY: promised by the caller.
    unsafe { &*appender }.begin(Descriptor { fd, file, writes, syncs });
}

/// Queue an entry; 0 if it is not taken.
///
/// # Safety
/// `appender` is alive. Pointers point to as many bytes as their lengths say; those of `body` stay
/// until the entry is done, or `appender` has ended.
#[no_mangle]
#[allow(clippy::too_many_arguments)]
pub unsafe extern "C" fn stepsight_appender_add(
    appender: *const Handle,
    body: *const u8,
    body_bytes: usize,
    received_time_unix_nano: u64,
    records: u64,
    nested: u32,
    project: *const u8,
    project_bytes: usize,
    client: *const u8,
    client_bytes: usize,
) -> u32 {
    let project = Borrowed { data: project, length: project_bytes };
    let client = Borrowed { data: client, length: client_bytes };
    let nested = nested != 0;
    let fields = encode_fields(
        project.as_ref(),
        received_time_unix_nano,
        client.as_ref(),
        nested,
        records,
        body_bytes,
    );
    let body = Borrowed { data: body, length: body_bytes };
    // SAFETY: promised by the caller.
    u32::from(unsafe { &*appender }.add(Entry { fields, body, records, nested }))
}

/// Take no more entries; returns once it is known what became of the others.
///
/// # Safety
/// `appender` is alive, `appended` can be written to.
#[no_mangle]
pub unsafe extern "C" fn stepsight_appender_end(appender: *const Handle, appended: *mut Appended) {
    // SAFETY: promised by the caller.
    unsafe { *appended = (*appender).end() };
}

/// End the thread after the group that it works on, and forget the appender.
///
/// # Safety
/// `appender` is alive, and no other call uses it.
#[no_mangle]
pub unsafe extern "C" fn stepsight_appender_drop(appender: *mut Handle) {
    // SAFETY: promised by the caller; made by `stepsight_appender_new`.
    drop(unsafe { Box::from_raw(appender) });
}
