//! The recorder's threads: they seal, write and acknowledge; another one syncs.

use crate::frame::Frame;
use crate::keys::RecordingKey;
use crate::spool::{Head, Header, Sealer};
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{Notify, mpsc, oneshot};

/// Frames that may wait for a thread. Beyond it the sessions wait.
const QUEUE: usize = 256;
/// How long the page cache alone holds what was written.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// Why something was not recorded. The session ends (promise 3).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecorderError {
    /// The disk refused.
    #[error("the recording cannot be written: {0}")]
    Disk(String),
    /// An earlier write or sync failed.
    #[error("the recording failed earlier")]
    Failed,
    /// The recorder has stopped.
    #[error("the recorder has stopped")]
    Stopped,
}

enum Job {
    Open {
        id: u64,
        path: PathBuf,
        header: Vec<u8>,
        key: RecordingKey,
        state: Arc<State>,
        done: oneshot::Sender<Result<(), RecorderError>>,
    },
    Write {
        id: u64,
        frame: Frame,
        done: oneshot::Sender<Result<(), RecorderError>>,
    },
    Close {
        id: u64,
        done: oneshot::Sender<Result<Head, RecorderError>>,
    },
}

struct State {
    file: Mutex<Option<Arc<File>>>,
    head: Mutex<Head>,
    dirty: AtomicBool,
    failed: AtomicBool,
    /// Told of every frame, for those who follow.
    grown: Notify,
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // A thread that panicked while holding the lock ends the process (panic = abort) or left a
    // value that was whole before; both are safe to read.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The recorder: a few threads for writing, one for syncing.
#[derive(Clone)]
pub struct Recorder {
    lanes: Vec<mpsc::Sender<Job>>,
    open: Arc<Mutex<OpenRecordings>>,
    beats: Arc<AtomicU64>,
}

/// What is done when a write finds the disk full.
pub type WhenFull = Arc<dyn Fn() + Send + Sync>;

/// The number of the newest recording, and the state of those that may still be open.
type OpenRecordings = (u64, Vec<Weak<State>>);

impl Recorder {
    /// Starts `threads` writers and the syncer. They end when the last handle is dropped.
    pub fn start(threads: usize) -> std::io::Result<Recorder> {
        Self::start_with(threads, Arc::new(|| {}))
    }

    /// The same; `when_full` is done by the writer that finds the disk full, before its session is told.
    pub fn start_with(threads: usize, when_full: WhenFull) -> std::io::Result<Recorder> {
        let mut lanes = Vec::new();
        for n in 0..threads.max(1) {
            let (send, receive) = mpsc::channel(QUEUE);
            let when_full = when_full.clone();
            std::thread::Builder::new().name(format!("recorder-{n}")).spawn(move || write_loop(receive, &when_full))?;
            lanes.push(send);
        }
        let open = Arc::new(Mutex::new((0, Vec::new())));
        let (watched, beats) = (Arc::downgrade(&open), Arc::new(AtomicU64::new(0)));
        let beat = beats.clone();
        std::thread::Builder::new().name("recorder-sync".to_owned()).spawn(move || sync_loop(&watched, &beat))?;
        Ok(Recorder { lanes, open, beats })
    }

    /// Grows with every sync that came back, and each second besides. Where it stands still, the disk
    /// hangs: what is written meanwhile is in memory alone (D18).
    pub fn beats(&self) -> u64 {
        self.beats.load(Ordering::Acquire)
    }

    /// Opens a new spool. When this returns the file and its header are on the disk.
    pub async fn open(&self, path: &Path, header: &Header, key: RecordingKey) -> Result<Recording, RecorderError> {
        let bytes = header.to_bytes();
        let state = Arc::new(State {
            file: Mutex::new(None),
            head: Mutex::new(Head::after_header(&bytes)),
            dirty: AtomicBool::new(false),
            failed: AtomicBool::new(false),
            grown: Notify::new(),
        });
        let id = {
            let mut open = locked(&self.open);
            open.0 += 1;
            open.1.retain(|one| one.strong_count() > 0);
            open.1.push(Arc::downgrade(&state));
            open.0
        };
        let lane = usize::try_from(id).unwrap_or(0) % self.lanes.len().max(1);
        let lane = self.lanes.get(lane).ok_or(RecorderError::Stopped)?.clone();
        let (done, opened) = oneshot::channel();
        let job = Job::Open { id, path: path.to_owned(), header: bytes, key, state: state.clone(), done };
        lane.send(job).await.map_err(|_| RecorderError::Stopped)?;
        opened.await.map_err(|_| RecorderError::Stopped)??;
        Ok(Recording { id, lane, state })
    }
}

/// One session's recording. Cheap to clone; all clones write to the same spool.
#[derive(Clone)]
pub struct Recording {
    id: u64,
    lane: mpsc::Sender<Job>,
    state: Arc<State>,
}

impl Recording {
    /// Writes one frame, and returns when it is in the file.
    pub async fn write(&self, frame: Frame) -> Result<(), RecorderError> {
        if self.state.failed.load(Ordering::Acquire) {
            return Err(RecorderError::Failed);
        }
        let (done, written) = oneshot::channel();
        self.lane.send(Job::Write { id: self.id, frame, done }).await.map_err(|_| RecorderError::Stopped)?;
        written.await.map_err(|_| RecorderError::Stopped)?
    }

    /// The head after the newest frame that is in the file.
    pub fn head(&self) -> Head {
        *locked(&self.state.head)
    }

    /// Returns once the file is longer than this, with `true`; or is closed or failed, with `false`.
    pub async fn grown_beyond(&self, length: u64) -> bool {
        loop {
            let grown = self.state.grown.notified();
            tokio::pin!(grown);
            grown.as_mut().enable();
            if self.head().length > length {
                return true;
            }
            if self.state.failed.load(Ordering::Acquire) {
                return false;
            }
            grown.await;
        }
    }

    /// Whether it was closed or failed by the end of this time.
    pub async fn closed_within(&self, time: Duration) -> bool {
        let closed = async { while self.grown_beyond(self.head().length).await {} };
        tokio::time::timeout(time, closed).await.is_ok()
    }

    /// Syncs and closes the file; gives the final head. Later writes fail.
    pub async fn close(&self) -> Result<Head, RecorderError> {
        let (done, closed) = oneshot::channel();
        self.lane.send(Job::Close { id: self.id, done }).await.map_err(|_| RecorderError::Stopped)?;
        closed.await.map_err(|_| RecorderError::Stopped)?
    }
}

struct OpenSpool {
    file: Arc<File>,
    sealer: Sealer,
    state: Arc<State>,
}

fn write_loop(mut jobs: mpsc::Receiver<Job>, when_full: &WhenFull) {
    let mut spools: HashMap<u64, OpenSpool> = HashMap::new();
    while let Some(job) = jobs.blocking_recv() {
        match job {
            Job::Open { id, path, header, key, state, done } => {
                let opened = open(&path, &header, &key, state);
                let _ = done.send(opened.map(|spool| {
                    spools.insert(id, spool);
                }));
            }
            Job::Write { id, frame, done } => {
                let outcome =
                    spools.get_mut(&id).map_or(Err(RecorderError::Failed), |spool| spool.write(&frame, when_full));
                let _ = done.send(outcome);
            }
            Job::Close { id, done } => {
                let outcome = spools.remove(&id).map_or(Err(RecorderError::Failed), |spool| spool.close());
                let _ = done.send(outcome);
            }
        }
    }
}

fn open(path: &Path, header: &[u8], key: &RecordingKey, state: Arc<State>) -> Result<OpenSpool, RecorderError> {
    let failed = |error: std::io::Error| RecorderError::Disk(error.to_string());
    let sealer = Sealer::new(key, header).ok_or_else(|| RecorderError::Disk("the cipher refused".to_owned()))?;
    let mut file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    file.write_all(header).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    if let Some(folder) = path.parent() {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
    }
    let file = Arc::new(file);
    *locked(&state.file) = Some(file.clone());
    Ok(OpenSpool { file, sealer, state })
}

impl OpenSpool {
    fn write(&mut self, frame: &Frame, when_full: &WhenFull) -> Result<(), RecorderError> {
        if self.state.failed.load(Ordering::Acquire) {
            return Err(RecorderError::Failed);
        }
        let (bytes, head) =
            self.sealer.seal(frame).ok_or_else(|| RecorderError::Disk("the frame cannot be sealed".to_owned()))?;
        // CRASH: a frame torn here ends the spool for every reader; it was never relayed.
        if let Err(error) = (&*self.file).write_all(bytes) {
            self.state.failed.store(true, Ordering::Release);
            if matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) {
                when_full();
            }
            return Err(RecorderError::Disk(error.to_string()));
        }
        self.sealer.written(head);
        *locked(&self.state.head) = head;
        self.state.grown.notify_waiters();
        self.state.dirty.store(true, Ordering::Release);
        Ok(())
    }

    fn close(self) -> Result<Head, RecorderError> {
        *locked(&self.state.file) = None;
        let failed = self.state.failed.swap(true, Ordering::AcqRel);
        self.state.grown.notify_waiters();
        self.file.sync_all().map_err(|error| RecorderError::Disk(error.to_string()))?;
        if failed { Err(RecorderError::Failed) } else { Ok(*locked(&self.state.head)) }
    }
}

/// Syncs what was written, every second. A sync that fails ends that recording.
fn sync_loop(open: &Weak<Mutex<OpenRecordings>>, beats: &AtomicU64) {
    loop {
        beats.fetch_add(1, Ordering::AcqRel);
        // The one pause of this thread: it has nothing to wait for but time.
        std::thread::sleep(SYNC_EVERY);
        let Some(open) = open.upgrade() else { return };
        let states: Vec<Arc<State>> = locked(&open).1.iter().filter_map(Weak::upgrade).collect();
        drop(open);
        for state in states {
            if !state.dirty.swap(false, Ordering::AcqRel) {
                continue;
            }
            let file = locked(&state.file).clone();
            if let Some(file) = file
                && file.sync_data().is_err()
            {
                state.failed.store(true, Ordering::Release);
            }
            beats.fetch_add(1, Ordering::AcqRel);
        }
    }
}
