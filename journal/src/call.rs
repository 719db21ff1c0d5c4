//! What `poterne-verify` can be asked. Here and not in the program, so that its man pages are made with the others.

use clap::{Parser, Subcommand};
use std::path::PathBuf;

/// Checks Poterne's evidence offline: a journal, a bundle, a receipt.
///
/// Exit status: 0 all holds and the key came from outside; 1 something does not hold;
/// 2 consistent with itself, but proven to nobody; 64 wrong call.
#[derive(Parser)]
#[command(name = "poterne-verify", version)]
pub struct Call {
    /// What is checked.
    #[command(subcommand)]
    pub what: What,
}

/// What is checked.
#[derive(Subcommand)]
pub enum What {
    /// Check the log in a folder.
    Log {
        /// The `journal` folder of the bastion, or a copy of it.
        dir: PathBuf,
        /// The verifier key, as printed at installation: the key itself, or a file that holds it.
        #[arg(long, value_name = "VKEY")]
        key: Option<String>,
        /// A signed checkpoint kept elsewhere: it must be a prefix of this log.
        #[arg(long, value_name = "FILE")]
        since: Option<PathBuf>,
        /// The key that the checkpoint is signed by, if it is of before a restore: the old verifier key,
        /// or a file that holds it.
        #[arg(long, value_name = "VKEY", requires = "since")]
        since_key: Option<String>,
        /// A witness who must have cosigned that checkpoint: its key, or a file that holds it. Can be
        /// repeated; each must have.
        #[arg(long, value_name = "VKEY", requires = "since")]
        witness: Vec<String>,
    },
    /// Check a bundle that `poterne export` wrote.
    Bundle {
        /// The bundle.
        file: PathBuf,
        /// The verifier key, as printed at installation: the key itself, or a file that holds it.
        #[arg(long, value_name = "VKEY")]
        key: Option<String>,
        /// A signed checkpoint or a receipt kept elsewhere: the log must continue it.
        #[arg(long, value_name = "FILE")]
        anchor: Vec<PathBuf>,
        /// The key that such a checkpoint is signed by, if it is of before a restore: the old verifier key,
        /// or a file that holds it. Can be repeated.
        #[arg(long, value_name = "VKEY", requires = "anchor")]
        anchor_key: Vec<String>,
    },
    /// Check a receipt, as a technician or a vendor's contact got one.
    Receipt {
        /// A file with the receipt in it; more text around it does no harm.
        file: PathBuf,
        /// The verifier key, as printed at installation: the key itself, or a file that holds it.
        #[arg(long, value_name = "VKEY")]
        key: Option<String>,
    },
}
