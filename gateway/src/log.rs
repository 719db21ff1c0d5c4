//! The operational log: for whoever runs the machine. Evidence goes to the journal, never here.

use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::EnvFilter;

/// Starts logging to standard error. Writing never blocks the program; dropping the guard flushes.
pub fn start() -> WorkerGuard {
    let (writer, guard) = tracing_appender::non_blocking(std::io::stderr());
    let filter = EnvFilter::try_from_env("POTERNE_LOG").unwrap_or_else(|_| EnvFilter::new("info,russh=warn"));
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_ansi(false).try_init();
    guard
}
