//! A thread that appends entries to the open segment of the write-ahead log.
//!
//! Group commit: all entries that wait are framed, written with one call and synced once, and only
//! then counted as done. A sync costs about as much for many entries as for one, so where several
//! senders were seen at once, a group waits a moment for those that were answered last: with four
//! senders that is four entries a group for one and a half. A lone sender waits for nobody. Which segment is open, when it is cut and what happens after a failure is
//! decided in wal/writer.py. Format of an entry: docs/reference/wal-format.md.

use std::io::{self, IoSlice};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The file that entries go to.
pub trait Disk: Send + 'static {
    /// Write some of the buffers at the end; as `writev`.
    fn write(&mut self, buffers: &[IoSlice]) -> io::Result<usize>;
    /// Make durable what was written.
    fn sync(&mut self) -> io::Result<()>;
}

/// Who is told of entries that are done.
pub trait Bell: Send + 'static {
    /// So many more entries are durable, or a group failed.
    fn ring(&mut self, outcome: Outcome);
}

/// What became of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// So many entries are durable.
    Done(u64),
    /// Nothing is taken any more until [`Appender::end`].
    Failed,
}

/// An entry on its way to the disk.
pub struct Entry<B> {
    /// Fields before the request, encoded; see [`encode_fields`].
    pub fields: Vec<u8>,
    /// The request.
    pub body: B,
    /// Log records, spans or metrics in it.
    pub records: u64,
    /// Whether a value in it is a list or a map.
    pub nested: bool,
}

/// What was appended between [`Appender::begin`] and [`Appender::end`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Appended {
    /// Entries that are durable.
    pub entries: u64,
    /// Their bytes in the file.
    pub bytes: u64,
    /// Their records.
    pub records: u64,
    /// Whether one of them is nested: 0 or 1.
    pub nested: u64,
    /// Entries of the group that failed; those after it were not touched.
    pub failed: u64,
    /// Why, as `errno`; 0 if nothing failed.
    pub error: i64,
}

struct State<B, D> {
    waiting: Vec<Entry<B>>,
    disk: Option<D>, // none while it is written to
    appended: Appended,
    is_open: bool,
    is_busy: bool,
    wakes_at: usize, // entries that the thread sleeps for; 0 if it does not
    crowd: usize,    // entries of the last group, and those that had come meanwhile
    is_ending: bool,
}

struct Shared<B, D> {
    state: Mutex<State<B, D>>,
    wake: Condvar,
    idle: Condvar,
    gather: Duration,
}

/// The thread and what it shares with its callers.
pub struct Appender<B, D> {
    shared: Arc<Shared<B, D>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl<B: AsRef<[u8]> + Send + 'static, D: Disk> Appender<B, D> {
    /// Start the thread. A group waits for others for `gather` at most.
    pub fn start(mut bell: impl Bell, gather: Duration) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                waiting: Vec::new(),
                disk: None,
                appended: Appended::default(),
                is_open: false,
                is_busy: false,
                wakes_at: 0,
                crowd: 0,
                is_ending: false,
            }),
            wake: Condvar::new(),
            idle: Condvar::new(),
            gather,
        });
        let own = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("wal-append".into())
            .spawn(move || while own.append_group(&mut bell) {})?;
        Ok(Appender { shared, thread: Some(thread) })
    }

    /// Take entries from now on, for this file.
    pub fn begin(&self, disk: D) {
        let mut state = self.shared.lock();
        state.disk = Some(disk);
        state.appended = Appended::default();
        state.is_open = true;
    }

    /// Queue an entry; false if it is not taken.
    pub fn add(&self, entry: Entry<B>) -> bool {
        let mut state = self.shared.lock();
        if !state.is_open || state.appended.error != 0 {
            return false;
        }
        state.waiting.push(entry);
        let wakes = state.wakes_at > 0 && state.waiting.len() >= state.wakes_at;
        if wakes {
            state.wakes_at = 0;
        }
        drop(state);
        if wakes {
            self.shared.wake.notify_one();
        }
        true
    }

    /// Take no more entries, and return what became of the others once it is known.
    pub fn end(&self) -> Appended {
        let mut state = self.shared.lock();
        state.is_open = false;
        self.shared.wake.notify_one();
        while state.is_busy || (!state.waiting.is_empty() && state.appended.error == 0) {
            state = self.shared.idle.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.disk = None;
        state.waiting.clear();
        state.appended
    }
}

impl<B, D> Drop for Appender<B, D> {
    /// End the thread, after the group that it works on.
    fn drop(&mut self) {
        self.shared.lock().is_ending = true;
        self.shared.wake.notify_one();
        if let Some(thread) = self.thread.take() {
            // A panic there was printed there.
            let _ = thread.join();
        }
    }
}

impl<B, D> Shared<B, D> {
    fn lock(&self) -> MutexGuard<'_, State<B, D>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<B: AsRef<[u8]>, D> State<B, D> {
    /// Whether more entries may come soon, and would be worth waiting for.
    fn is_short(&self) -> bool {
        let bytes = self.waiting.iter().map(|entry| entry.body.as_ref().len()).sum::<usize>();
        self.waiting.len() < self.crowd && bytes < LARGE_BYTES
    }
}

impl<B: AsRef<[u8]>, D: Disk> Shared<B, D> {
    /// Wait for entries and append them; false at the end.
    fn append_group(&self, bell: &mut impl Bell) -> bool {
        let mut state = self.lock();
        while !state.is_ending && (state.waiting.is_empty() || state.appended.error != 0) {
            state.wakes_at = 1;
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let mut state = self.gather(state);
        state.wakes_at = 0;
        if state.is_ending {
            return false;
        }
        let group = std::mem::take(&mut state.waiting);
        let Some(mut disk) = state.disk.take() else { return true };
        state.is_busy = true;
        drop(state);

        let written = write_group(&mut disk, &group);

        let mut state = self.lock();
        state.is_busy = false;
        state.crowd = group.len() + state.waiting.len();
        state.disk = Some(disk);
        let outcome = match written {
            Ok(bytes) => {
                state.appended.entries += group.len() as u64;
                state.appended.bytes += bytes;
                state.appended.records += group.iter().map(|entry| entry.records).sum::<u64>();
                state.appended.nested |= u64::from(group.iter().any(|entry| entry.nested));
                Outcome::Done(group.len() as u64)
            }
            Err(error) => {
                state.appended.failed = group.len() as u64;
                state.appended.error = error.raw_os_error().map_or(EIO, i64::from);
                Outcome::Failed
            }
        };
        drop(state);
        bell.ring(outcome);
        self.idle.notify_all();
        true
    }

    /// Wait a moment for as many entries as there were lately.
    fn gather<'a>(&self, mut state: MutexGuard<'a, State<B, D>>) -> MutexGuard<'a, State<B, D>> {
        let Some(until) = Instant::now().checked_add(self.gather) else { return state };
        while state.is_open && !state.is_ending && state.is_short() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state.wakes_at = state.crowd;
            let woken = self.wake.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        state
    }
}

/// Of so much, a sync costs more than what waiting for others would save.
const LARGE_BYTES: usize = 1 << 20;
const EIO: i64 = 5;
const MAX_BUFFERS: usize = 1024; // IOV_MAX on Linux and macOS

/// Write and sync entries; returns their bytes in the file.
fn write_group<B: AsRef<[u8]>>(disk: &mut impl Disk, group: &[Entry<B>]) -> io::Result<u64> {
    let heads: Vec<Vec<u8>> = group.iter().map(encode_head).collect();
    let mut buffers: Vec<IoSlice> = Vec::with_capacity(2 * group.len());
    for (head, entry) in heads.iter().zip(group) {
        buffers.push(IoSlice::new(head));
        buffers.push(IoSlice::new(entry.body.as_ref()));
    }
    let bytes = buffers.iter().map(|buffer| buffer.len() as u64).sum();
    let mut rest = &mut buffers[..];
    IoSlice::advance_slices(&mut rest, 0); // leading buffers without bytes
    while !rest.is_empty() {
        let most = rest.len().min(MAX_BUFFERS);
        match disk.write(&rest[..most]) {
            Ok(0) => return Err(io::Error::from_raw_os_error(EIO as i32)),
            Ok(written) => IoSlice::advance_slices(&mut rest, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    disk.sync()?;
    Ok(bytes)
}

/// What stands before a request: length, checksum, fields.
fn encode_head<B: AsRef<[u8]>>(entry: &Entry<B>) -> Vec<u8> {
    let body = entry.body.as_ref();
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&entry.fields);
    hasher.update(body);
    let mut head = Vec::with_capacity(entry.fields.len() + 16);
    put_varint(&mut head, (5 + entry.fields.len() + body.len()) as u64);
    head.push(0x0d);
    head.extend_from_slice(&hasher.finalize().to_le_bytes());
    head.extend_from_slice(&entry.fields);
    head
}

/// The fields of an entry up to the request, as `encode_entry` in wal/record.py.
pub fn encode_fields(
    project: &[u8],
    received_time_unix_nano: u64,
    client: &[u8],
    nested: bool,
    records: u64,
    body_bytes: usize,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(project.len() + client.len() + 48);
    out.push(0x12);
    put_varint(&mut out, project.len() as u64);
    out.extend_from_slice(project);
    out.push(0x19);
    out.extend_from_slice(&received_time_unix_nano.to_le_bytes());
    out.push(0x22);
    put_varint(&mut out, client.len() as u64);
    out.extend_from_slice(client);
    if nested {
        out.extend_from_slice(&[0x28, 1]);
    }
    out.push(0x30);
    put_varint(&mut out, records);
    out.push(0x3a);
    put_varint(&mut out, body_bytes as u64);
    out
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{channel, Receiver, Sender};

    /// A disk in memory: each write takes `most` bytes, the call number `fails_at` fails.
    #[derive(Clone)]
    struct Memory {
        data: Arc<Mutex<Vec<u8>>>,
        syncs: Arc<Mutex<u32>>,
        most: usize,
        fails_at: u32,
        calls: u32,
    }

    impl Memory {
        fn new() -> Self {
            let (data, syncs) = Default::default();
            Memory { data, syncs, most: usize::MAX, fails_at: 0, calls: 0 }
        }

        fn call(&mut self) -> io::Result<()> {
            self.calls += 1;
            if self.calls == self.fails_at {
                return Err(io::Error::from_raw_os_error(28));
            }
            Ok(())
        }
    }

    impl Disk for Memory {
        fn write(&mut self, buffers: &[IoSlice]) -> io::Result<usize> {
            self.call()?;
            let all: Vec<u8> = buffers.iter().flat_map(|buffer| buffer.iter().copied()).collect();
            let written = all.len().min(self.most);
            self.data.lock().unwrap().extend_from_slice(&all[..written]);
            Ok(written)
        }

        fn sync(&mut self) -> io::Result<()> {
            self.call()?;
            *self.syncs.lock().unwrap() += 1;
            Ok(())
        }
    }

    impl Bell for Sender<Outcome> {
        fn ring(&mut self, outcome: Outcome) {
            self.send(outcome).unwrap();
        }
    }

    fn entry(body: &str) -> Entry<Vec<u8>> {
        let fields = encode_fields(b"p", 7, b"c", false, 1, body.len());
        Entry { fields, body: body.into(), records: 1, nested: false }
    }

    fn appender() -> (Appender<Vec<u8>, Memory>, Receiver<Outcome>) {
        let (sender, receiver) = channel();
        (Appender::start(sender, AN_HOUR).unwrap(), receiver)
    }

    /// Tests end before, so nobody waits in vain.
    const AN_HOUR: Duration = Duration::from_secs(3600);

    fn framed(bodies: &[&str]) -> Vec<u8> {
        let each = bodies.iter().map(|body| [encode_head(&entry(body)), (*body).into()].concat());
        each.collect::<Vec<_>>().concat()
    }

    #[test]
    fn a_head_is_what_the_python_side_encodes() {
        let fields = encode_fields(b"default", 1, b"t", true, 300, 3);
        let entry = Entry { fields, body: b"abc".to_vec(), records: 300, nested: true };

        let head = encode_head(&entry);

        assert_eq!(head[..2], [36, 0x0d]);
        assert_eq!(head[6..8], [0x12, 7]);
        assert_eq!(head[head.len() - 7..], [0x28, 1, 0x30, 0xac, 2, 0x3a, 3]);
    }

    #[test]
    fn what_is_done_is_written_and_synced() {
        let (appender, bell) = appender();
        let disk = Memory::new();
        appender.begin(disk.clone());

        assert!(appender.add(entry("a")));
        assert_eq!(bell.recv(), Ok(Outcome::Done(1)));

        assert_eq!(*disk.data.lock().unwrap(), framed(&["a"]));
        assert_eq!(*disk.syncs.lock().unwrap(), 1);
    }

    #[test]
    fn short_writes_are_continued() {
        let (appender, _bell) = appender();
        let disk = Memory { most: 3, ..Memory::new() };
        appender.begin(disk.clone());

        appender.add(entry("first"));
        appender.add(entry("second"));
        let appended = appender.end();

        let bytes = framed(&["first", "second"]);
        assert_eq!((appended.entries, appended.bytes), (2, bytes.len() as u64));
        assert_eq!(*disk.data.lock().unwrap(), bytes);
    }

    #[test]
    fn after_a_failed_group_nothing_is_taken_until_another_begin() {
        for fails_at in [1, 2] {
            let (appender, bell) = appender();
            appender.begin(Memory { fails_at, ..Memory::new() });

            appender.add(entry("lost"));
            assert_eq!(bell.recv(), Ok(Outcome::Failed));
            assert!(!appender.add(entry("not taken")));
            let appended = appender.end();
            appender.begin(Memory::new());

            assert_eq!(appended, Appended { failed: 1, error: 28, ..Appended::default() });
            assert!(appender.add(entry("later")));
            assert_eq!(appender.end().entries, 1);
        }
    }

    /// A disk whose syncs wait until they are let.
    struct Gated(Memory, Receiver<()>);

    impl Disk for Gated {
        fn write(&mut self, buffers: &[IoSlice]) -> io::Result<usize> {
            self.0.write(buffers)
        }

        fn sync(&mut self) -> io::Result<()> {
            self.1.recv().unwrap();
            self.0.sync()
        }
    }

    #[test]
    fn a_lone_sender_waits_for_nobody() {
        let (appender, bell) = appender();
        appender.begin(Memory::new());

        for _ in 0..3 {
            appender.add(entry("a"));
            assert_eq!(bell.recv(), Ok(Outcome::Done(1)));
        }
    }

    #[test]
    fn where_several_came_at_once_a_group_waits_for_as_many_or_for_the_end() {
        let (sender, bell) = channel();
        let appender = Appender::start(sender, AN_HOUR).unwrap();
        let (let_sync, gate) = channel();
        appender.begin(Gated(Memory::new(), gate));

        appender.add(entry("a"));
        while !appender.shared.lock().is_busy {
            thread::yield_now();
        }
        appender.add(entry("b")); // came while "a" was synced: there are two senders
        for _ in 0..4 {
            let_sync.send(()).unwrap();
        }
        assert_eq!(bell.recv(), Ok(Outcome::Done(1)));
        appender.add(entry("a"));
        assert_eq!(bell.recv(), Ok(Outcome::Done(2)));
        appender.add(entry("b"));
        assert_eq!(appender.end().entries, 4);
        assert_eq!(bell.recv(), Ok(Outcome::Done(1)));
    }

    #[test]
    fn nothing_is_taken_before_begin_or_after_end() {
        let (appender, _bell) = appender();

        assert!(!appender.add(entry("before")));
        appender.begin(Memory::new());
        assert_eq!(appender.end(), Appended::default());
        assert!(!appender.add(entry("after")));
    }
}
